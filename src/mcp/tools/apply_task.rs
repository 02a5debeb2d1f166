//! `apply_task`: what becomes of a finished task's work.
use futures::FutureExt;
use serde_json::json;

use super::answer::{Answer, Next, ToolError, one_line};
use super::output::{about_a_task, text};
use super::property::{Arguments, Kind, Property};
use super::{Call, Hints, Tool, unavailable};
use crate::mcp::tasks::ApplyError;
use crate::model::{Apply, Scope};

pub(super) const TOOL: Tool = Tool {
    name: "apply_task",
    title: "Apply a task's work",
    about: "Decides what becomes of a finished task's work: merge puts it into the branch that the \
            task began from, branch keeps it as a branch of its own, discard deletes it. Merging \
            and discarding need the owner's own hand; the answer tells how.",
    scope: Scope::Run,
    hints: Hints::Ends,
    properties: &[
        Property { name: "task_id", kind: Kind::TaskId, required: true, about: "The task." },
        Property {
            name: "action",
            kind: Kind::Choice(&Apply::NAMES),
            required: true,
            about: "merge, branch (keep it) or discard.",
        },
    ],
    output: || {
        about_a_task(json!({
            "action": text("What was done."),
            "branch": text("The branch that holds the work."),
            "commit": text("The commit at which it stands."),
        }))
    },
    run: |call, arguments| run(call, arguments).boxed(),
};

async fn run(call: Call<'_>, arguments: Arguments<'_>) -> Result<Answer, ToolError> {
    let id = arguments.task_id("task_id")?;
    let action = arguments.text("action").and_then(|action| action.parse().ok());
    let action: Apply =
        action.ok_or_else(|| ToolError::new("`action` is missing", "say what to do"))?;
    call.task(&id).await?;
    let applied = call.tasks.apply(&id, action, call.principal.name()).await;
    let applied = applied.map_err(explain)?;
    let task = call.task(&id).await?;
    let mut answer = Answer::about(&task, Next::Nothing);
    answer.fact("action", applied.how.name());
    for (name, value) in [("branch", &applied.branch), ("commit", &applied.to)] {
        if let Some(value) = value {
            answer.fact(name, one_line(value, 300));
        }
    }
    answer.line(format!("Done: {}.", one_line(&applied.to_string(), 600)));
    Ok(answer)
}

fn explain(err: ApplyError) -> ToolError {
    match err {
        ApplyError::NeedsOwner { action, command } => ToolError::new(
            format!("to {} work needs the owner's own hand; nothing was changed", action.name()),
            format!("the owner types `{command}` on the workstation"),
        ),
        ApplyError::Refused { message, hint } => ToolError::new(message, hint),
        ApplyError::Unavailable(err) => unavailable(err),
    }
}
