//! `check_task`: where a task stands, as soon as that changes.
use std::time::Duration;

use futures::FutureExt;
use serde_json::json;

use super::answer::{Answer, Next, ToolError, clean, cost_fact, one_line};
use super::output::{about_a_task, cost, count, text, texts};
use super::property::{Arguments, Kind, Property};
use super::{Call, Hints, Tool, asked, place, unavailable};
use crate::model::{Event, EventKind, LinkedSession, RequestState, Scope, Task, TaskState};

/// Files of a terminal's session that are named.
const SESSION_FILES_MAX: usize = 20;
/// Events shown at most.
const EVENTS_MAX: usize = 20;
/// Bytes of output shown at most; the newest stay.
const OUTPUT_BYTES_MAX: usize = 20_000;

pub(super) const TOOL: Tool = Tool {
    name: "check_task",
    title: "Check a task",
    about: "Tells where a task stands: state, progress, an open request, cost. With wait_seconds \
            it answers as soon as anything happens after cursor, so pass the last answer's cursor \
            and 45, and repeat while next is check_task.",
    scope: Scope::Observe,
    hints: Hints::Reads,
    properties: &[
        Property { name: "task_id", kind: Kind::TaskId, required: true, about: "The task." },
        Property {
            name: "cursor",
            kind: Kind::Mark,
            required: false,
            about: "The cursor of the last answer: shows and waits for what came after it. Left \
                    out, what comes after now.",
        },
        Property {
            name: "wait_seconds",
            kind: Kind::Integer { min: 0, max: 45 },
            required: false,
            about: "Seconds to wait for a change, 0 to 45. Left out, 0: answers at once.",
        },
        Property {
            name: "output_lines",
            kind: Kind::Integer { min: 0, max: 200 },
            required: false,
            about: "Shows this many of the newest lines of the agent's output, 0 to 200. Left out, 0.",
        },
    ],
    output: || {
        about_a_task(json!({
            "project": text("Where it works."),
            "executor": text("Which agent does it."),
            "activity": text("What the agent was last seen doing."),
            "says": text("The agent's last words, cut."),
            "turns": count("Model turns so far."),
            "cost": cost(),
            "place": count("Its place in the queue, from 1, while it waits."),
            "estimate": text("How long such tasks usually take, when there are enough to tell."),
            "request": asked::schema(),
            "events": texts(
                "What happened after the cursor that was passed: the newest 20, oldest first.",
            ),
            "output": text("The newest lines of the agent's output."),
            "reason": text("Why it ended as it did."),
            "session_id": text("The agent's session: start_task with it goes on with it."),
            "summary": text("What a terminal's session was about."),
        }))
    },
    run: |call, arguments| run(call, arguments).boxed(),
};

async fn run(call: Call<'_>, arguments: Arguments<'_>) -> Result<Answer, ToolError> {
    let id = arguments.task_id("task_id")?;
    let task = call.task(&id).await?;
    let since = arguments.mark("cursor");
    let wait = Duration::from_secs(arguments.number("wait_seconds").unwrap_or(0));
    let task = if wait.is_zero() {
        task
    } else {
        let after = since.unwrap_or(task.cursor);
        // Boxed, as below: most calls do not wait, and need no room for it.
        let changed = Box::pin(call.patience.for_change(call.tasks, &id, after, wait)).await;
        call.visible(changed.map_err(unavailable)?, &id)?
    };

    let mut requests = match task.state {
        TaskState::NeedsInput { .. } => call.tasks.requests(&id).await.map_err(unavailable)?,
        _ => Vec::new(),
    };
    requests.retain(|request| request.state == RequestState::Open);
    let chat = call.tasks.chat_may(&task.spec.project);
    let next = match requests.first() {
        Some(open) if chat.approve(&open.kind) => Next::AnswerTask,
        _ => Next::after(&task.state),
    };
    let mut answer = Answer::about(&task, next);
    describe(&mut answer, &task);
    if let Some(open) = requests.first() {
        asked::tell(&mut answer, call, &task, open);
        if requests.len() > 1 {
            answer.line(format!("{} more requests are open after it.", requests.len() - 1));
        }
    }
    if let TaskState::Queued = task.state {
        Box::pin(place::tell(&mut answer, &call, &task)).await?;
    }
    if let Some(since) = since {
        let events = call.tasks.events(&id, since, EVENTS_MAX).await.map_err(unavailable)?;
        let lines: Vec<String> = events.iter().map(event_line).collect();
        for line in &lines {
            answer.line(format!("- {line}"));
        }
        answer.shown_fact("events", lines);
    }
    let lines = arguments.number("output_lines").and_then(|lines| usize::try_from(lines).ok());
    if let Some(lines) = lines.filter(|lines| *lines > 0) {
        let tail = call.tasks.output_tail(&id, lines).await.map_err(unavailable)?;
        answer.long("output", &newest(&tail));
    }
    if call.patience.is_over() {
        answer.line("The gateway is about to restart; the task goes on. Check again in a moment.");
    }
    Ok(answer)
}

/// How long such tasks usually take, as long as that is of use.
pub(super) fn estimate(answer: &mut Answer, task: &Task) {
    if let Some(estimate) = task.spec.estimate.filter(|_| !task.state.is_final()) {
        let estimate = format!("Such a task {estimate}.");
        answer.line(&estimate);
        answer.fact("estimate", estimate);
    }
}

fn describe(answer: &mut Answer, task: &Task) {
    let progress = &task.progress;
    answer.fact("project", task.spec.project.as_str());
    answer.fact("executor", task.spec.executor.as_str());
    answer.line(format_args!(
        "{} in {}: {}",
        task.spec.executor,
        task.spec.project,
        one_line(&task.spec.title(), 80)
    ));
    let activity = one_line(&progress.activity, 300);
    if !activity.is_empty() && !task.state.is_final() {
        answer.line(format_args!("Doing: {activity}"));
        answer.fact("activity", activity);
    }
    let says = one_line(&progress.text, 1_000);
    if !says.is_empty() {
        answer.line(format_args!("Says: {says}"));
        answer.fact("says", says);
    }
    if let Some(id) = task.session_id() {
        answer.fact("session_id", id.to_string());
    }
    if let TaskState::Linked { session, .. } = &task.state {
        about_session(answer, session);
        return;
    }
    answer.line(format_args!("Turns: {}, cost: {}", progress.turns, task.cost));
    answer.fact("turns", progress.turns);
    answer.fact("cost", cost_fact(task));
    estimate(answer, task);
    if let Some(reason) = reason(&task.state) {
        answer.line(format_args!("Reason: {reason}"));
        answer.fact("reason", reason);
    }
}

/// Why a task ended as it did, when that needs saying.
pub(super) fn reason(state: &TaskState) -> Option<String> {
    state.reason().map(|reason| one_line(&reason, 1_000))
}

/// What is known of a session that a terminal handed over.
pub(super) fn about_session(answer: &mut Answer, session: &LinkedSession) {
    let id = session.session_id;
    answer.line(format!(
        "A terminal's session, {id}: start_task with its session_id goes on with it."
    ));
    if let Some(doing) = &session.current_task {
        answer.line(format!("Doing: {}", one_line(doing, 300)));
    }
    if let Some(branch) = &session.git_branch {
        answer.line(format!("Branch: {}", one_line(branch, 200)));
    }
    if let Some(turns) = session.turns {
        answer.line(format!("Turns: {turns}"));
        answer.fact("turns", turns);
    }
    let files = session.files_modified.iter().map(|path| one_line(path, 200));
    let files: Vec<String> = files.take(SESSION_FILES_MAX).collect();
    if !files.is_empty() {
        answer.line(format!("Files: {}", files.join(", ")));
    }
    answer.long("summary", &clean(&session.summary));
}

/// One event as a line.
pub(super) fn event_line(event: &Event) -> String {
    one_line(&event_words(event), 300)
}

/// What an event says, whole and as it was said.
pub(super) fn event_words(event: &Event) -> String {
    match &event.kind {
        EventKind::Queued => "queued".to_owned(),
        EventKind::Preparing => "preparing its workspace".to_owned(),
        EventKind::Started { reattached: true, .. } => "the agent was found again".to_owned(),
        EventKind::Started { reattached: false, .. } => "the agent was started".to_owned(),
        EventKind::Text { text } => format!("says: {text}"),
        EventKind::Activity { tool, detail } => format!("{tool}: {detail}"),
        EventKind::FileTouched { path } => format!("wrote {path}"),
        EventKind::Waiting { reason } => format!("waiting: {reason}"),
        EventKind::RequestOpened { preview, .. } => format!("asks: {preview}"),
        EventKind::RequestClosed { outcome, .. } => format!("request {outcome}"),
        EventKind::Cancelling { reason } => format!("cancelling: {reason}"),
        EventKind::Settling => "collecting its work".to_owned(),
        EventKind::Note { text } => text.clone(),
        EventKind::Applied(applied) => applied.to_string(),
        EventKind::Ended { state, summary } => format!("{state}: {summary}"),
        EventKind::Linked { summary, .. } => format!("handed over: {summary}"),
        EventKind::FollowUp { text, by, .. } => format!("{by} says: {text}"),
        EventKind::FollowUpDelivered { .. } => "the agent has the message".to_owned(),
    }
}

fn newest(lines: &[String]) -> String {
    let text = clean(&lines.join("\n"));
    let from = text.len().saturating_sub(OUTPUT_BYTES_MAX);
    let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    text[from..].to_owned()
}
