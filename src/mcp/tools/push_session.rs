//! `push_session`: a terminal's session hands itself over.
use futures::FutureExt;
use serde_json::json;

use super::answer::{Answer, Next, ToolError};
use super::output::{about_a_task, flag, text};
use super::property::{Arguments, Kind, Property};
use super::start_task::{explain, project};
use super::{Call, Hints, Tool};
use crate::model::{LinkedSession, Scope};

pub(super) const TOOL: Tool = Tool {
    name: "push_session",
    title: "Hand over a session",
    about: "Hands a Claude Code session of the workstation's terminal over, so that it is listed with \
            the tasks and start_task can go on with a copy of it. The same session again updates it.",
    scope: Scope::Run,
    hints: Hints::Notes,
    properties: &[
        Property {
            name: "session_id",
            kind: Kind::Uuid,
            required: true,
            about: "The session's id, a UUID.",
        },
        Property {
            name: "summary",
            kind: Kind::Text { bytes_max: 8_000 },
            required: true,
            about: "What it was about and where it stands.",
        },
        Property {
            name: "project",
            kind: Kind::Text { bytes_max: 100 },
            required: false,
            about: "Where it works: a name from list_projects. Left out, the default project.",
        },
        Property {
            name: "files_modified",
            kind: Kind::Texts { count_max: 200, bytes_max: 500 },
            required: false,
            about: "Files it changed. Left out, none are named.",
        },
        Property {
            name: "current_task",
            kind: Kind::Text { bytes_max: 500 },
            required: false,
            about: "What it was doing last. Left out, nothing is said of that.",
        },
        Property {
            name: "git_branch",
            kind: Kind::Text { bytes_max: 255 },
            required: false,
            about: "The branch it works on. Left out, none is named.",
        },
        Property {
            name: "turns",
            kind: Kind::Integer { min: 0, max: 1_000_000 },
            required: false,
            about: "Model turns so far. Left out, unknown.",
        },
    ],
    output: || {
        about_a_task(json!({
            "project": text("Where it works."),
            "session_id": text("The session: start_task with it goes on with a copy."),
            "updated": flag("Whether you had handed it over before."),
        }))
    },
    run: |call, arguments| run(call, arguments).boxed(),
};

async fn run(call: Call<'_>, arguments: Arguments<'_>) -> Result<Answer, ToolError> {
    let project = project(&call, arguments.text("project")).await?;
    let session = LinkedSession {
        session_id: arguments.uuid("session_id").unwrap_or_default(),
        summary: arguments.owned("summary").unwrap_or_default(),
        current_task: arguments.owned("current_task"),
        git_branch: arguments.owned("git_branch"),
        turns: arguments.number("turns"),
        files_modified: arguments.texts("files_modified").unwrap_or_default(),
    };
    let session_id = session.session_id.to_string();
    let linked = call.tasks.link(session, project, call.principal.caller.clone()).await;
    let (task, updated) = match linked {
        Ok(linked) => linked,
        Err(err) => return Err(explain(&call, err).await),
    };
    let mut answer = Answer::about(&task, Next::Nothing);
    let verb = if updated { "updated" } else { "linked" };
    answer.line(format!("The session is {verb} in {}.", task.spec.project));
    answer.line(format!("start_task with session_id \"{session_id}\" goes on with a copy of it."));
    answer.fact("project", task.spec.project.as_str());
    answer.fact("session_id", session_id);
    answer.fact("updated", updated);
    Ok(answer)
}
