//! `get_result`: what came of a task.
use futures::FutureExt;
use serde_json::json;

use super::answer::{
    Answer, Next, PAGE_BYTES_MAX, ToolError, clean, cost_fact, list_files, one_line, page,
    stat_fact, stat_line,
};
use super::check_task::{about_session, event_line, reason};
use super::output::{about_a_task, changed_files, cost, count, diff_stat, text, texts};
use super::property::{Arguments, Kind, Property};
use super::{Call, Hints, Tool, unavailable};
use crate::model::{Outcome, Scope, Task, TaskState};

/// Changed files shown in a summary.
const FILES_IN_SUMMARY: usize = 20;
/// Events shown in full.
const EVENTS_MAX: usize = 20;

pub(super) const TOOL: Tool = Tool {
    name: "get_result",
    title: "Get a task's result",
    about: "The agent's final answer first, then changed files, size of the change, cost and turns. \
            A task that is not over has no result yet: use check_task.",
    scope: Scope::Observe,
    hints: Hints::Reads,
    properties: &[
        Property { name: "task_id", kind: Kind::TaskId, required: true, about: "The task." },
        Property {
            name: "format",
            kind: Kind::Choice(&["summary", "full", "json"]),
            required: false,
            about: "summary: the answer and the main figures. full: also the prompt, notes, branch \
                    and the newest of its log. json: the facts of full as JSON. Left out, summary.",
        },
        Property {
            name: "page",
            kind: Kind::Mark,
            required: false,
            about: "next_page of the last answer, for the rest of a long one. Left out, the beginning.",
        },
    ],
    output: || {
        about_a_task(json!({
            "answer": text("The agent's final answer, or the part of it on this page."),
            "next_page": text("Pass it as page for the rest of the answer."),
            "reason": text("Why it ended as it did."),
            "files": changed_files(),
            "diff_stat": diff_stat(),
            "cost": cost(),
            "turns": count("Model turns."),
            "notes": texts("What to know about the result."),
            "project": text("Where it worked."),
            "executor": text("Which agent did it."),
            "model": text("The model that was asked for."),
            "prompt": text("What was asked, cut."),
            "branch": text("The branch that holds the work."),
            "base_commit": text("The commit it started from."),
            "head_commit": text("The commit that holds the work."),
            "created_at": text("When it was accepted."),
            "updated_at": text("When it last changed."),
            "events": texts("The newest 20 of what happened, oldest first."),
            "session_id": text("The agent's session: start_task with it goes on with it."),
            "summary": text("What a terminal's session was about."),
        }))
    },
    run: |call, arguments| run(call, arguments).boxed(),
};

async fn run(call: Call<'_>, arguments: Arguments<'_>) -> Result<Answer, ToolError> {
    let id = arguments.task_id("task_id")?;
    let task = call.task(&id).await?;
    if let TaskState::Linked { session, .. } = &task.state {
        let mut answer = Answer::about(&task, Next::StartTask);
        answer.fact("session_id", session.session_id.to_string());
        about_session(&mut answer, session);
        return Ok(answer);
    }
    let Some(outcome) = task.state.outcome() else {
        let mut answer = Answer::about(&task, Next::CheckTask);
        answer.line("It is not over yet, so there is no result. Wait for it with check_task.");
        return Ok(answer);
    };
    let changed = outcome.diff_stat.files > 0;
    let mut answer = Answer::about(&task, if changed { Next::GetDiff } else { Next::Nothing });
    let format = arguments.text("format").unwrap_or("summary");
    let from = arguments.mark("page").unwrap_or(0);
    words(&mut answer, outcome, from, format)?;
    if from == 0 {
        let files_max = if format == "summary" { FILES_IN_SUMMARY } else { usize::MAX };
        figures(&mut answer, &task, outcome, files_max);
        if format != "summary" {
            background(&mut answer, &task, outcome);
            let events = call.tasks.events(&id, 0, EVENTS_MAX).await.map_err(unavailable)?;
            answer.fact("events", events.iter().map(event_line).collect::<Vec<_>>());
        }
    }
    if format == "json" { Ok(answer.in_json()) } else { Ok(answer.for_reading(&READING)) }
}

/// How facts read as lines, in this order.
const READING: [(&str, &str); 9] = [
    ("notes", "Notes"),
    ("project", "Project"),
    ("executor", "Executor"),
    ("model", "Model"),
    ("branch", "Branch"),
    ("base_commit", "From commit"),
    ("head_commit", "Work in commit"),
    ("prompt", "Prompt"),
    ("events", "Log"),
];

fn words(answer: &mut Answer, outcome: &Outcome, from: u64, format: &str) -> Result<(), ToolError> {
    let words = clean(outcome.answer.as_deref().unwrap_or_default());
    if from > 0 && from >= words.len() as u64 {
        return Err(ToolError::new("there is no such page", "leave `page` out for the beginning"));
    }
    // Leaves room for what else the format shows; as JSON the words are escaped twice.
    let bytes_max = match format {
        "json" => PAGE_BYTES_MAX / 3,
        "full" => PAGE_BYTES_MAX / 2,
        _ => PAGE_BYTES_MAX,
    };
    let (part, rest) = page(&words, from, bytes_max);
    match (format, part) {
        ("json", part) => answer.shown_fact("answer", part),
        (_, "") => answer.line("The agent gave no answer."),
        (_, part) => answer.long("answer", part),
    }
    if let Some(rest) = rest {
        answer.fact("next_page", rest.to_string());
        answer.line(format!("[more: get_result with page \"{rest}\"]"));
    }
    Ok(())
}

fn figures(answer: &mut Answer, task: &Task, outcome: &Outcome, files_max: usize) {
    if let Some(reason) = reason(&task.state) {
        answer.line(format!("Reason: {reason}"));
        answer.fact("reason", reason);
    }
    answer.line(format!("\n{}", stat_line(outcome.diff_stat)));
    list_files(answer, &outcome.changed, files_max);
    answer.fact("diff_stat", stat_fact(outcome.diff_stat));
    answer.line(format!("Cost: {}, turns: {}", task.cost, task.progress.turns));
    answer.fact("cost", cost_fact(task));
    answer.fact("turns", task.progress.turns);
    if let Some(id) = task.session_id() {
        answer.fact("session_id", id.to_string());
    }
    let notes: Vec<String> =
        outcome.notes.iter().take(10).map(|note| one_line(note, 300)).collect();
    answer.fact("notes", notes);
}

fn background(answer: &mut Answer, task: &Task, outcome: &Outcome) {
    answer.fact("project", task.spec.project.as_str());
    answer.fact("executor", task.spec.executor.as_str());
    if let Some(model) = &task.spec.model {
        answer.fact("model", one_line(model, 100));
    }
    answer.fact("prompt", one_line(&task.spec.prompt, 2_000));
    if let Some(workspace) = &task.workspace {
        if let Some(branch) = &workspace.branch {
            answer.fact("branch", one_line(branch, 200));
        }
        if let Some(base) = &workspace.base_commit {
            answer.fact("base_commit", one_line(base, 100));
        }
    }
    if let Some(head) = &outcome.head_commit {
        answer.fact("head_commit", one_line(head, 100));
    }
    answer.fact("created_at", task.created_at.to_string());
    answer.fact("updated_at", task.updated_at.to_string());
}
