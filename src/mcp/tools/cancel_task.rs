//! `cancel_task`: stops one task, or all.
use std::sync::Arc;

use futures::FutureExt;
use serde_json::json;

use super::answer::{Answer, Next, ToolError};
use super::output::{STATES, count, next, object, text, texts};
use super::property::{Arguments, Kind, Property};
use super::{Call, Hints, Tool, unavailable};
use crate::mcp::tasks::CancelError;
use crate::model::{Scope, Task};

/// Ids named in the answer to `all`.
const IDS_MAX: usize = 100;

pub(super) const TOOL: Tool = Tool {
    name: "cancel_task",
    title: "Cancel a task",
    about: "Stops a task with all its processes; what it did so far is kept. task_id \"all\" stops \
            every task that is not over: the emergency stop.",
    scope: Scope::Run,
    hints: Hints::Ends,
    properties: &[
        Property {
            name: "task_id",
            kind: Kind::TaskIdOrAll,
            required: true,
            about: "The task, or all.",
        },
        Property {
            name: "revert",
            kind: Kind::Flag,
            required: false,
            about: "True: its work shall be discarded as well, which needs the owner: the answer \
                    tells how. Left out, false.",
        },
    ],
    output: || {
        object(
            json!({
                "task_id": text("The task, or all."),
                "state": { "type": "string", "enum": STATES, "description": "Where it stands now." },
                "cursor": text("Pass it to check_task."),
                "next": next(),
                "cancelled": count("How many tasks were stopped, for all."),
                "task_ids": texts("Which, for all."),
                "owner_command": text("What the owner types to discard the work, with revert."),
            }),
            &["task_id", "next"],
        )
    },
    run: |call, arguments| run(call, arguments).boxed(),
};

async fn run(call: Call<'_>, arguments: Arguments<'_>) -> Result<Answer, ToolError> {
    let by = call.principal.name();
    if arguments.text("task_id") == Some("all") {
        let held = call.principal.projects.as_ref().map(|held| held.iter().cloned().collect());
        let tasks = call.tasks.cancel_all(by, held).await.map_err(unavailable)?;
        let mut answer = all_cancelled(&tasks);
        if arguments.flag("revert") {
            kept(&mut answer, "TASK");
        }
        return Ok(answer);
    }
    let id = arguments.task_id("task_id")?;
    let before = call.task(&id).await?;
    let (task, line) = match call.tasks.cancel(&id, by).await {
        Ok(task) if task.state.is_final() => (Arc::new(task), "It is cancelled."),
        Ok(task) => {
            (Arc::new(task), "It is being stopped; check_task tells when its last process is gone.")
        }
        Err(CancelError::AlreadyOver) => {
            (call.task(&id).await?, "It was over already; nothing changed.")
        }
        Err(CancelError::Unknown) => (call.visible(None, &id)?, ""),
        Err(CancelError::Unavailable(err)) => return Err(unavailable(err)),
    };
    debug_assert_eq!(before.id, task.id);
    let mut answer = Answer::about(&task, Next::after(&task.state));
    answer.line(line);
    if arguments.flag("revert") {
        kept(&mut answer, id.as_str());
    }
    Ok(answer)
}

/// Says that work was not discarded, and how the owner does it.
fn kept(answer: &mut Answer, task: &str) {
    let command = format!("gateway tasks apply {task} discard");
    answer.line(format!(
        "The work is kept: to discard it needs the owner's own hand, who types `{command}` on the \
         workstation once the task is over."
    ));
    answer.shown_fact("owner_command", command);
}

fn all_cancelled(tasks: &[Task]) -> Answer {
    let then = if tasks.is_empty() { Next::Nothing } else { Next::ListTasks };
    let mut answer =
        Answer::plain(format!("cancelled={} task=all next={}", tasks.len(), then.name()));
    answer.fact("task_id", "all");
    answer.fact("next", then.name());
    answer.fact("cancelled", tasks.len());
    let ids: Vec<&str> = tasks.iter().take(IDS_MAX).map(|task| task.id.as_str()).collect();
    match ids.as_slice() {
        [] => answer.line("No task was under way."),
        ids => answer.line(format!("Stopping {}", ids.join(", "))),
    }
    answer.shown_fact("task_ids", ids);
    answer
}
