//! `start_task`: hands work to an agent.
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::json;

use super::answer::{Answer, Next, PAGE_BYTES_MAX, ToolError, clean, one_line, page};
use super::check_task::{estimate, reason};
use super::nearest::nearest;
use super::output::{about_a_task, count, flag, text, texts};
use super::property::{Arguments, Kind, Property};
use super::{Call, Hints, Tool, place, unavailable};
use crate::mcp::tasks::{Admitted, NewTask, StartError};
use crate::model::{Priority, Scope, dollars};

/// Longest prompt, in bytes.
const PROMPT_BYTES_MAX: usize = 102_400;
/// More than any owner allows.
const BUDGET_USD_MAX: f64 = 1_000_000.0;

pub(super) const TOOL: Tool = Tool {
    name: "start_task",
    title: "Start a task",
    about: "Hands work to a coding agent on the owner's workstation and answers at once with the \
            task's id. The agent works on a branch of its own. Say in the prompt all it needs to \
            know: it sees the project, not this conversation. Then call check_task.",
    scope: Scope::Run,
    hints: Hints::Starts,
    properties: &[
        Property {
            name: "prompt",
            kind: Kind::Text { bytes_max: PROMPT_BYTES_MAX },
            required: true,
            about: "What the agent shall do, in full.",
        },
        Property {
            name: "project",
            kind: Kind::Text { bytes_max: 100 },
            required: false,
            about: "Where: a name from list_projects. Left out, the default project.",
        },
        Property {
            name: "executor",
            kind: Kind::Text { bytes_max: 100 },
            required: false,
            about: "Which agent: one of the project's executors. Left out, the project's own.",
        },
        Property {
            name: "model",
            kind: Kind::Text { bytes_max: 100 },
            required: false,
            about: "The agent's model. Left out, the agent's own choice.",
        },
        Property {
            name: "plan_only",
            kind: Kind::Flag,
            required: false,
            about: "True: plan and report, change nothing; only the owner can let the agent carry the \
                    plan out. Left out, false.",
        },
        Property {
            name: "timeout_minutes",
            kind: Kind::Integer { min: 1, max: 1440 },
            required: false,
            about: "Minutes the agent may work, up to the project's limit. Left out, the owner's default.",
        },
        Property {
            name: "wait_seconds",
            kind: Kind::Integer { min: 0, max: 45 },
            required: false,
            about: "Seconds to wait for the result, 0 to 45. Left out, 0: the answer comes at once.",
        },
        Property {
            name: "idempotency_key",
            kind: Kind::Text { bytes_max: 200 },
            required: false,
            about: "A text of your own. A second call with the same key finds the first call's \
                    task instead of starting another: use it when repeating a call that got no answer.",
        },
        Property {
            name: "priority",
            kind: Kind::Choice(&Priority::WORDS),
            required: false,
            about: "How urgent: where it stands in the queue when it has to wait. Left out, normal.",
        },
        Property {
            name: "budget_usd",
            kind: Kind::Amount { max: BUDGET_USD_MAX },
            required: false,
            about: "US dollars it may cost, less than the owner allows: it is ended there. Left \
                    out, what list_projects names.",
        },
        Property {
            name: "base_branch",
            kind: Kind::Text { bytes_max: 200 },
            required: false,
            about: "The branch of the project to begin from, and to merge into later. Left out, \
                    where the project stands.",
        },
        Property {
            name: "session_id",
            kind: Kind::Uuid,
            required: false,
            about: "Goes on with the session of an ended task of the same project, or with a copy of a \
                    terminal's: session_id of check_task and get_result. Left out, a new session.",
        },
    ],
    output: || {
        about_a_task(json!({
            "existing": flag("Whether an earlier call with the same key had started it."),
            "project": text("Where it works."),
            "executor": text("Which agent does it."),
            "notes": texts("What to know about how it was accepted."),
            "place": count("Its place in the queue, from 1, while it waits."),
            "estimate": text("How long such tasks usually take, when there are enough to tell."),
            "reason": text("Why it ended as it did, when it was over in time."),
            "answer": text("The agent's final answer, when it was there in time."),
        }))
    },
    run: |call, arguments| run(call, arguments).boxed(),
};

async fn run(call: Call<'_>, arguments: Arguments<'_>) -> Result<Answer, ToolError> {
    let project = project(&call, arguments.text("project")).await?;
    let minutes = arguments.number("timeout_minutes");
    let new = NewTask {
        prompt: arguments.owned("prompt").unwrap_or_default(),
        project: project.clone(),
        executor: arguments.owned("executor"),
        model: arguments.owned("model"),
        plan_only: arguments.flag("plan_only"),
        timeout: minutes.map(|minutes| Duration::from_secs(minutes * 60)),
        priority: arguments.text("priority").and_then(Priority::named).unwrap_or_default(),
        budget_usd: arguments.amount("budget_usd"),
        idempotency_key: arguments.owned("idempotency_key"),
        base_branch: arguments.owned("base_branch"),
        caller: call.principal.caller.clone(),
        session_id: arguments.uuid("session_id"),
    };
    let admitted = match call.tasks.start(new).await {
        Ok(admitted) => admitted,
        Err(err) => return Err(explain(&call, err).await),
    };
    let Admitted { task, existing, notes } = admitted;
    // A key of this caller may name a task of a project it has since been held away from.
    let id = task.id.clone();
    let task = call.visible(Some(Arc::new(task)), &id)?;
    let wait = Duration::from_secs(arguments.number("wait_seconds").unwrap_or(0));
    let outcome = call.patience.for_outcome(call.tasks, task, wait).await.map_err(unavailable)?;
    let task = call.visible(outcome, &id)?;

    let mut answer = Answer::about(&task, Next::after(&task.state));
    answer.fact("existing", existing);
    answer.fact("project", task.spec.project.as_str());
    answer.fact("executor", task.spec.executor.as_str());
    let verb = if existing { "Found the task that this key started" } else { "Started" };
    answer.line(format!("{verb}: {} in {}.", task.spec.executor, task.spec.project));
    if let Some(usd) = task.spec.budget_usd {
        answer.line(format!("It may cost {}.", dollars(usd)));
    }
    estimate(&mut answer, &task);
    Box::pin(place::tell(&mut answer, &call, &task)).await?;
    let notes: Vec<String> = notes.iter().take(10).map(|note| one_line(note, 300)).collect();
    for note in &notes {
        answer.line(format!("Note: {note}"));
    }
    answer.shown_fact("notes", notes);
    if let Some(reason) = reason(&task.state) {
        answer.line(format!("Reason: {reason}"));
        answer.fact("reason", reason);
    }
    match task.state.outcome().and_then(|outcome| outcome.answer.as_deref()) {
        Some(words) => {
            let words = clean(words);
            let (first, rest) = page(&words, 0, PAGE_BYTES_MAX);
            answer.long("answer", first);
            if rest.is_some() {
                answer.line("[cut: get_result has the rest]");
            }
        }
        None if task.state.is_final() => answer.line("It ended without an answer: see get_result."),
        None => answer.line("Follow it with check_task(task_id, cursor, wait_seconds: 45)."),
    }
    Ok(answer)
}

/// The project to name to the engine. A caller who is held to some never falls through to a default
/// outside of them.
pub(super) async fn project(
    call: &Call<'_>,
    named: Option<&str>,
) -> Result<Option<String>, ToolError> {
    match named {
        Some(name) if call.principal.sees(name) => Ok(Some(name.to_owned())),
        Some(name) => Err(call.unknown_project(name).await),
        None if call.principal.projects.is_none() => Ok(None),
        None => {
            let projects = call.projects().await?;
            let chosen = match projects.as_slice() {
                [only] => Some(only),
                several => several.iter().find(|project| project.default),
            };
            match chosen {
                Some(project) => Ok(Some(project.name.clone())),
                None => {
                    Err(no_default(&projects.iter().map(|it| it.name.as_str()).collect::<Vec<_>>()))
                }
            }
        }
    }
}

fn no_default(names: &[&str]) -> ToolError {
    let hint = match names {
        [] => "the owner adds one with `gateway projects add`".to_owned(),
        names => format!("name one of {}", names[..names.len().min(20)].join(", ")),
    };
    ToolError::new("no project was named and none is the default", hint)
}

pub(super) async fn explain(call: &Call<'_>, err: StartError) -> ToolError {
    match err {
        StartError::UnknownProject(name) => call.unknown_project(&name).await,
        StartError::NoDefaultProject => {
            let names = call.project_names().await.unwrap_or_default();
            no_default(&names.iter().map(String::as_str).collect::<Vec<_>>())
        }
        StartError::UnknownExecutor { name, known } => {
            let hint = match nearest(&name, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the executors are {}", known.join(", ")),
            };
            let shown: String = name.chars().take(100).collect();
            ToolError::new(format!("there is no executor `{shown}`"), hint)
        }
        StartError::Refused { message, hint } => ToolError::new(message, hint),
        StartError::Unavailable(err) => unavailable(err),
    }
}
