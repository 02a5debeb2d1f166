//! `answer_task`: answers what a task's agent asks, as far as a chat may.
use futures::FutureExt;
use serde_json::json;

use super::answer::{Answer, Next, ToolError, one_line};
use super::asked::owners_way;
use super::output::{about_a_task, text};
use super::property::{Arguments, Kind, Property};
use super::{Call, Hints, Tool, unavailable};
use crate::mcp::tasks::AnswerError;
use crate::model::{Answerer, Caller, Reply, Request, RequestState, Scope, Task};

/// More answers than any agent has questions.
const ANSWERS_MAX: usize = 20;
/// Longest answer or message, in bytes.
const WORDS_BYTES_MAX: usize = 8_000;

pub(super) const TOOL: Tool = Tool {
    name: "answer_task",
    title: "Answer a task's question",
    about: "Answers what a task's agent asks: its questions, and permission requests of the classes \
            that the owner lets a chat approve (check_task tells: may_approve). Anything may be \
            denied. Ask the user before approving.",
    scope: Scope::Run,
    hints: Hints::Starts,
    properties: &[
        Property { name: "task_id", kind: Kind::TaskId, required: true, about: "The task." },
        Property {
            name: "request_id",
            kind: Kind::RequestId,
            required: false,
            about: "The request, as check_task gives it. Left out, the one that is open.",
        },
        Property {
            name: "decision",
            kind: Kind::Choice(&["approve", "deny"]),
            required: false,
            about: "approve or deny a permission request or a plan; deny a question that nobody \
                    answers. Left out, answers are given.",
        },
        Property {
            name: "message",
            kind: Kind::Text { bytes_max: WORDS_BYTES_MAX },
            required: false,
            about: "With deny: why not, or what to do instead; the agent gets these words. Left out, \
                    it is told to go on without.",
        },
        Property {
            name: "answers",
            kind: Kind::Texts { count_max: ANSWERS_MAX, bytes_max: WORDS_BYTES_MAX },
            required: false,
            about: "Answers to questions, one for each in order: a choice's number or words, several \
                    separated by commas where several may be taken, or own words.",
        },
    ],
    output: || {
        about_a_task(json!({
            "request_id": text("The request that was answered."),
            "outcome": text("allowed, denied or answered."),
        }))
    },
    run: |call, arguments| run(call, arguments).boxed(),
};

async fn run(call: Call<'_>, arguments: Arguments<'_>) -> Result<Answer, ToolError> {
    let id = arguments.task_id("task_id")?;
    let task = call.task(&id).await?;
    let reply = reply(arguments)?;
    let requests = call.tasks.requests(&id).await.map_err(unavailable)?;
    let request = chosen(&task, &requests, arguments.text("request_id"))?;
    // Whoever calls a tool is a chat, in whosever name.
    let Caller::Client { client_id } = call.principal.caller.clone() else {
        let hint = owners_way(call, &task, request);
        return Err(ToolError::new("only a connected client answers by this tool", hint));
    };
    let answered = call.tasks.answer(&request.id, reply, Answerer::Chat { client_id }).await;
    let request = answered.map_err(|error| explain(call, error, &task, request))?;
    let task = call.task(&id).await?;
    let mut answer = Answer::about(&task, Next::after(&task.state));
    let outcome = request.state.name();
    answer.line(format!("{outcome}: {}", one_line(request.kind.preview(), 300)));
    answer.fact("request_id", request.id.as_str());
    answer.fact("outcome", outcome);
    Ok(answer)
}

fn reply(arguments: Arguments<'_>) -> Result<Reply, ToolError> {
    let wrong = |what: &str, hint: &str| Err(ToolError::new(what, hint));
    let message = arguments.owned("message");
    let answers = arguments.texts("answers").filter(|answers| !answers.is_empty());
    match (arguments.text("decision"), answers) {
        (Some("deny"), None) => Ok(Reply::Deny { message }),
        (_, _) if message.is_some() => {
            wrong("`message` goes with `decision` deny", "leave it out, or deny with it")
        }
        (Some(_), None) => Ok(Reply::Approve),
        (None, Some(answers)) => Ok(Reply::Answers { answers }),
        (Some(_), Some(_)) => wrong(
            "`answers` and `decision` exclude each other",
            "give `answers` to questions, and `decision` to everything else",
        ),
        (None, None) => wrong(
            "nothing is answered",
            "give `decision` approve or deny, or `answers` to questions",
        ),
    }
}

fn chosen<'a>(
    task: &Task,
    requests: &'a [Request],
    id: Option<&str>,
) -> Result<&'a Request, ToolError> {
    if let Some(id) = id {
        let found = requests.iter().find(|request| request.id.as_str() == id);
        return found.ok_or_else(|| {
            ToolError::new(
                format!("task {} has no request {id}", task.id),
                "check_task tells what is open",
            )
        });
    }
    let mut open = requests.iter().filter(|request| request.state == RequestState::Open);
    match (open.next(), open.next()) {
        (Some(request), None) => Ok(request),
        (None, _) => Err(ToolError::new(
            format!("task {} asks nothing: it is {}", task.id, task.state.name()),
            "check_task tells where it stands",
        )),
        (Some(_), Some(_)) => Err(ToolError::new(
            format!("task {} asks more than one thing", task.id),
            "name one by request_id; check_task shows the oldest",
        )),
    }
}

fn explain(call: Call<'_>, error: AnswerError, task: &Task, request: &Request) -> ToolError {
    match error {
        AnswerError::OwnersOnly(message) => ToolError::new(
            message,
            format!("{}; deny it, or tell the user", owners_way(call, task, request)),
        ),
        AnswerError::Refused { message, hint } => ToolError::new(message, hint),
        AnswerError::Unavailable(error) => unavailable(error),
    }
}
