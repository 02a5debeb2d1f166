//! `list_tasks`: which tasks there are.
use futures::FutureExt;
use serde_json::{Value, json};

use super::answer::{Answer, Next, ToolError, one_line};
use super::output::{STATES, next, object, text};
use super::property::{Arguments, Kind, Property};
use super::{Call, Hints, Tool, unavailable};
use crate::mcp::tasks::TaskQuery;
use crate::model::{Scope, Task};

/// Tasks on one page.
const PAGE: usize = 20;

/// What `state` may be: each state, and the two halves of them.
const STATE_WORDS: [&str; 11] = [
    STATES[0],
    STATES[1],
    STATES[2],
    STATES[3],
    STATES[4],
    STATES[5],
    STATES[6],
    STATES[7],
    STATES[8],
    "unfinished",
    "finished",
];

pub(super) const TOOL: Tool = Tool {
    name: "list_tasks",
    title: "List tasks",
    about: "The tasks there are, newest first, 20 to a page. All filters may be combined.",
    scope: Scope::Observe,
    hints: Hints::Reads,
    properties: &[
        Property {
            name: "state",
            kind: Kind::Choice(&STATE_WORDS),
            required: false,
            about: "Only tasks in this state; unfinished and finished stand for several. Left out, all.",
        },
        Property {
            name: "project",
            kind: Kind::Text { bytes_max: 100 },
            required: false,
            about: "Only tasks of this project. Left out, all.",
        },
        Property {
            name: "executor",
            kind: Kind::Text { bytes_max: 100 },
            required: false,
            about: "Only tasks of this executor. Left out, all.",
        },
        Property {
            name: "since",
            kind: Kind::Moment,
            required: false,
            about: "Only tasks that changed since then: 2026-11-20T08:00:00Z, or a span back from \
                    now such as 30m, 2h or 3d. Left out, all.",
        },
        Property {
            name: "text",
            kind: Kind::Words { bytes_max: 200 },
            required: false,
            about: "Only tasks whose prompt has all these words or beginnings of words. Left out, all.",
        },
        Property {
            name: "page",
            kind: Kind::Mark,
            required: false,
            about: "next_page of the last answer, for older tasks. Left out, the newest.",
        },
    ],
    output: || {
        let task = object(
            json!({
                "task_id": text("The task."),
                "state": { "type": "string", "enum": STATES, "description": "Where it stands." },
                "cursor": text("Pass it to check_task."),
                "next": next(),
                "title": text("The prompt's first line, cut."),
                "project": text("Where it works."),
                "executor": text("Which agent does it."),
                "created_at": text("When it was accepted."),
                "updated_at": text("When it last changed."),
            }),
            &[
                "task_id",
                "state",
                "cursor",
                "next",
                "title",
                "project",
                "executor",
                "created_at",
                "updated_at",
            ],
        );
        object(
            json!({
                "tasks": { "type": "array", "items": task, "description": "Newest first." },
                "next_page": text("Pass it as page for older tasks."),
                "next": next(),
            }),
            &["tasks", "next"],
        )
    },
    run: |call, arguments| run(call, arguments).boxed(),
};

async fn run(call: Call<'_>, arguments: Arguments<'_>) -> Result<Answer, ToolError> {
    let project = arguments.text("project");
    if let Some(name) = project {
        let known = call.project_names().await?;
        if !known.iter().any(|known| known == name) {
            return Err(call.unknown_project(name).await);
        }
    }
    let projects = match project {
        Some(name) => Some(vec![name.to_owned()]),
        None => call.principal.projects.as_ref().map(|held| held.iter().cloned().collect()),
    };
    let query = TaskQuery {
        states: arguments.text("state").map(states).unwrap_or_default(),
        projects,
        executor: arguments.owned("executor"),
        since: arguments.moment("since", call.now),
        text: arguments.owned("text"),
        before: arguments.mark("page"),
        limit: PAGE,
    };
    let mut found = call.tasks.list(query).await.map_err(unavailable)?;
    found.tasks.retain(|task| call.principal.sees(&task.spec.project));

    let then = if found.tasks.is_empty() { Next::StartTask } else { Next::CheckTask };
    let mut answer = Answer::plain(format!("tasks={} next={}", found.tasks.len(), then.name()));
    answer.fact("next", then.name());
    let tasks: Vec<Value> =
        found.tasks.iter().take(PAGE).map(|task| entry(&mut answer, task)).collect();
    if tasks.is_empty() {
        answer.line("No task fits.");
    }
    answer.shown_fact("tasks", tasks);
    if let Some(next) = found.next {
        answer.fact("next_page", next.to_string());
        answer.line(format!("[more: list_tasks with page \"{next}\"]"));
    }
    Ok(answer)
}

fn states(word: &str) -> Vec<&'static str> {
    match word {
        "unfinished" => STATES[..4].to_vec(),
        "finished" => STATES[4..8].to_vec(),
        one => STATES.into_iter().filter(|state| *state == one).collect(),
    }
}

fn entry(answer: &mut Answer, task: &Task) -> Value {
    let title = one_line(&task.spec.title(), 80);
    let (state, updated_at) = (task.state.name(), task.updated_at);
    answer.line(format!(
        "{} {state} {} ({}, {updated_at}): {title}",
        task.id, task.spec.project, task.spec.executor
    ));
    json!({
        "task_id": task.id.as_str(),
        "state": state,
        "cursor": task.cursor.to_string(),
        "next": Next::after(&task.state).name(),
        "title": title,
        "project": task.spec.project,
        "executor": task.spec.executor,
        "created_at": task.created_at.to_string(),
        "updated_at": updated_at.to_string(),
    })
}
