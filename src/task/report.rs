//! What an agent's news mean for its task, its requests and the event log.
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use uuid::Uuid;

use super::settings::{Settled, WorkspaceError};
use super::{classing, grant};
use crate::clock::{Entropy, Timestamp};
use crate::executor::{Ended, Item, Report};
use crate::model::{
    Answer, Answerer, Class, Cost, Decision, End, EventKind, Failure, FailureKind, FollowUp,
    Outcome, Request, RequestId, RequestKind, RequestState, Task, TaskId, TaskState, Verdict,
};
use crate::store::{StoreError, WriteTx};

/// Most characters of an agent's words in one event.
const TEXT_CHARS: usize = 4_000;
/// Most characters of an answer that a task keeps; the run's files hold all of it.
const ANSWER_CHARS: usize = 400_000;
/// Most notes that a task keeps.
const NOTES: usize = 32;

/// There is nothing to judge then.
pub(super) const WITHOUT_AGENT: &str = "it was stopped before it had an agent";
/// What came of a report.
pub(super) struct Applied {
    pub(super) task: Task,
    /// Its open requests, oldest first.
    pub(super) open: Vec<Request>,
    /// The agent's names for what a grant of its owner allowed at once.
    pub(super) granted: Vec<String>,
}

/// The classes of the permissions that a report asks for, by the agent's name for each.
pub(super) fn classes(task: &Task, report: &Report) -> HashMap<String, Class> {
    let of = |item: &Item| match item {
        Item::PermissionAsked { agent_ref, tool, input, .. } => {
            Some((agent_ref.clone(), classing::class_of(tool, input, tree(task))))
        }
        _ => None,
    };
    report.items.iter().filter_map(of).collect()
}

/// Takes a report over into the task, in the caller's transaction: the offset is stored together
/// with what came of the items.
pub(super) fn apply(
    tx: &mut WriteTx<'_>,
    mut task: Task,
    report: Report,
    classes: &HashMap<String, Class>,
    entropy: &dyn Entropy,
    expires_at: Timestamp,
) -> Result<Applied, StoreError> {
    let mut events = Vec::new();
    let mut granted = Vec::new();
    for item in report.items {
        let asked = match item {
            Item::PermissionAsked { agent_ref, tool, input, preview } => {
                let class = classes.get(&agent_ref).copied().unwrap_or_default();
                (agent_ref, RequestKind::Permission { tool, input, preview, class })
            }
            Item::QuestionAsked { agent_ref, questions, preview } => {
                (agent_ref, RequestKind::Question { questions, preview })
            }
            Item::PlanAsked { agent_ref, plan, preview } => {
                (agent_ref, RequestKind::Plan { plan, preview })
            }
            other => {
                events.extend(take(tx, &mut task, other)?);
                continue;
            }
        };
        let (agent_ref, kind) = asked;
        let mut request = Request {
            id: RequestId::random(entropy),
            task_id: task.id.clone(),
            agent_ref,
            kind,
            asked_at: tx.now(),
            expires_at,
            state: RequestState::Open,
        };
        if let Some(note) = allow_as_granted(tx, &task, &mut request)? {
            if tx.insert_request(&request)? {
                granted.push(request.agent_ref);
                events.push(note);
            }
            continue;
        }
        events.extend(open(tx, &mut task, &request)?);
    }
    if let Some(run) = &mut task.run {
        run.offset = run.offset.max(report.offset);
    }
    tx.update_task(&mut task, &events)?;
    let open = open_requests(tx, &task.id)?;
    Ok(Applied { task, open, granted })
}

/// Asks the owner.
fn open(
    tx: &mut WriteTx<'_>,
    task: &mut Task,
    request: &Request,
) -> Result<Option<EventKind>, StoreError> {
    // A task being cancelled takes no more questions; its agent is on the way out.
    Ok(match task.state.clone().ask(request.id.clone()) {
        Ok(state) if tx.insert_request(request)? => {
            task.state = state;
            let (request_id, preview) = (request.id.clone(), request.kind.preview().to_owned());
            Some(EventKind::RequestOpened { request_id, preview })
        }
        _ => None,
    })
}

/// Answers a request that a grant of the owner covers, and tells so.
fn allow_as_granted(
    tx: &WriteTx<'_>,
    task: &Task,
    request: &mut Request,
) -> Result<Option<EventKind>, StoreError> {
    let RequestKind::Permission { tool, input, preview, class } = &request.kind else {
        return Ok(None);
    };
    if task.state.clone().ask(request.id.clone()).is_err() {
        return Ok(None);
    }
    let (earlier, now) = (tx.requests_of(&task.id)?, tx.now());
    let Some(grant) = grant::covering(&earlier, (tool, input, *class), tree(task), now) else {
        return Ok(None);
    };
    let text =
        format!("allowed, as the owner granted it for this task (request {grant}): {preview}");
    let by = Answerer::Grant { request_id: grant.clone() };
    let answer = Answer { decision: Decision::Allow, by };
    request.state = RequestState::Answered { answer, at: now, delivered: false };
    Ok(Some(EventKind::Note { text: cut(&text, TEXT_CHARS) }))
}

/// The folder that a task's agent works in.
pub(super) fn tree(task: &Task) -> &Path {
    task.workspace.as_ref().map_or(Path::new(""), |workspace| &workspace.dir)
}

fn take(
    tx: &mut WriteTx<'_>,
    task: &mut Task,
    item: Item,
) -> Result<Option<EventKind>, StoreError> {
    Ok(match item {
        // Requests are opened by the caller.
        Item::Started
        | Item::PermissionAsked { .. }
        | Item::QuestionAsked { .. }
        | Item::PlanAsked { .. } => None,
        Item::Text(text) => {
            let text = cut(&text, TEXT_CHARS);
            task.progress.text.clone_from(&text);
            Some(EventKind::Text { text })
        }
        Item::Activity { tool, detail } => {
            let (tool, detail) = (cut(&tool, 200), cut(&detail, TEXT_CHARS));
            task.progress.activity = format!("{tool}: {detail}");
            Some(EventKind::Activity { tool, detail })
        }
        Item::FileTouched(path) => {
            Some(EventKind::FileTouched { path: cut(&below(task, &path), TEXT_CHARS) })
        }
        Item::PermissionWithdrawn { agent_ref } => {
            let state = RequestState::Withdrawn { at: tx.now() };
            close_by_ref(tx, task, &agent_ref, state)?
        }
        Item::AnswerDelivered { agent_ref } => {
            mark_delivered(tx, &task.id, &agent_ref)?;
            None
        }
        Item::Usage { turns, cost } => {
            task.progress.turns = turns;
            // What was told once is not unknown again.
            let usd = cost.usd.or(task.cost.usd);
            let more = usd.unwrap_or(0.0) - task.cost.usd.unwrap_or(0.0);
            if more > 0.0 {
                tx.add_spending(&task.spec.project, more)?;
            }
            task.cost = Cost { usd, ..cost };
            None
        }
        Item::FollowUpDelivered { id } => {
            // Brought again after a crash it is not pending any more, and told once.
            taken_up(task, id).then_some(EventKind::FollowUpDelivered { message_id: id })
        }
        Item::FollowUpLost { id, why } => taken_up(task, id).then(|| {
            let text = cut(&format!("a message did not reach the agent: {why}"), TEXT_CHARS);
            EventKind::Note { text }
        }),
        Item::Waiting(reason) => Some(EventKind::Waiting { reason: cut(&reason, TEXT_CHARS) }),
        Item::Note(text) => Some(EventKind::Note { text: cut(&text, TEXT_CHARS) }),
    })
}

/// Takes a message from those that the agent does not have yet; whether it was one of them.
fn taken_up(task: &mut Task, id: Uuid) -> bool {
    let Some(run) = &mut task.run else { return false };
    let before = run.follow_ups.len();
    run.follow_ups.retain(|message| message.id != id);
    run.follow_ups.len() < before
}

/// Tells of messages that came too late for the agent, and forgets them.
pub(super) fn unheard(task: &mut Task) -> Option<EventKind> {
    let run = task.run.as_mut()?;
    let count = std::mem::take(&mut run.follow_ups).len();
    let text = format!("the agent ended before it had {count} of the messages to it");
    (count > 0).then_some(EventKind::Note { text })
}

/// The event that tells of a message.
pub(super) fn follow_up(message: &FollowUp, by: String) -> EventKind {
    EventKind::FollowUp { message_id: message.id, text: cut(&message.text, TEXT_CHARS), by }
}

/// The open requests of a task, oldest first.
fn open_requests(tx: &WriteTx<'_>, id: &TaskId) -> Result<Vec<Request>, StoreError> {
    let mut requests = tx.requests_of(id)?;
    requests.retain(|request| request.state == RequestState::Open);
    Ok(requests)
}

fn close_by_ref(
    tx: &mut WriteTx<'_>,
    task: &mut Task,
    agent_ref: &str,
    state: RequestState,
) -> Result<Option<EventKind>, StoreError> {
    let mut open = open_requests(tx, &task.id)?;
    let Some(place) = open.iter().position(|request| request.agent_ref == agent_ref) else {
        return Ok(None);
    };
    let mut request = open.remove(place);
    request.state = state;
    tx.save_request(&request)?;
    resume(task, open.first().map(|request| request.id.clone()), tx.now().since(request.asked_at));
    Ok(Some(closed_event(&request)))
}

/// Stores a closed request and what that means for its task.
pub(super) fn close(
    tx: &mut WriteTx<'_>,
    task: &mut Task,
    request: &Request,
    next: Option<RequestId>,
    waited: Duration,
) -> Result<(), StoreError> {
    tx.save_request(request)?;
    resume(task, next, waited);
    tx.update_task(task, &[closed_event(request)])
}

fn resume(task: &mut Task, next: Option<RequestId>, waited: Duration) {
    // Requests that overlap are counted when the last of them closes, from its own beginning.
    if next.is_none() {
        let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        task.waited_ms = task.waited_ms.saturating_add(waited);
    }
    if let Ok(state) = task.state.clone().answered(next) {
        task.state = state;
    }
}

/// Closes whatever a task still asks: it is over, or about to be.
pub(super) fn withdraw_open(
    tx: &mut WriteTx<'_>,
    id: &TaskId,
    now: Timestamp,
) -> Result<Vec<EventKind>, StoreError> {
    let mut events = Vec::new();
    for mut request in open_requests(tx, id)? {
        request.state = RequestState::Withdrawn { at: now };
        tx.save_request(&request)?;
        events.push(closed_event(&request));
    }
    Ok(events)
}

fn mark_delivered(tx: &mut WriteTx<'_>, id: &TaskId, agent_ref: &str) -> Result<(), StoreError> {
    for mut request in tx.requests_of(id)? {
        if request.agent_ref != agent_ref {
            continue;
        }
        match &mut request.state {
            RequestState::Answered { delivered, .. } | RequestState::Expired { delivered, .. } => {
                *delivered = true;
            }
            RequestState::Open | RequestState::Withdrawn { .. } => continue,
        }
        tx.save_request(&request)?;
    }
    Ok(())
}

fn closed_event(request: &Request) -> EventKind {
    let outcome = request.state.name().to_owned();
    EventKind::RequestClosed { request_id: request.id.clone(), outcome }
}

/// The event that tells of an agent's start.
pub(super) fn started(task: &Task, reattached: bool) -> Option<EventKind> {
    let run = task.run.as_ref()?;
    Some(EventKind::Started { session_id: Some(run.session_id.to_string()), reattached })
}

/// How a task ends when its agent has ended in `ended` and its work was collected, or not.
pub(super) fn end_of(
    task: &Task,
    ended: Option<Ended>,
    settled: Result<Settled, WorkspaceError>,
) -> End {
    let ended = ended.unwrap_or_else(|| {
        let verdict = Verdict::Unknown(WITHOUT_AGENT.to_owned());
        Ended { verdict, answer: None, notes: Vec::new() }
    });
    let mut verdict = ended.verdict;
    let mut notes = ended.notes;
    let settled = settled.unwrap_or_else(|error| {
        let mut message = format!("the work could not be collected: {error}");
        if let WorkspaceError::Failed(_) = error {
            let dir = task.workspace.as_ref().map(|workspace| workspace.dir.display().to_string());
            let dir = dir.unwrap_or_else(|| "the task's folder".to_owned());
            message = format!("{message}; it is kept in {dir}");
        }
        if verdict == Verdict::Completed {
            let kind = FailureKind::Workspace;
            verdict = Verdict::Failed(Failure { kind, message: message.clone() });
        }
        Settled { notes: vec![message], ..Settled::default() }
    });
    notes.extend(settled.notes);
    notes.truncate(NOTES);
    let outcome = Outcome {
        answer: ended.answer.map(|answer| cut(&answer, ANSWER_CHARS)),
        head_commit: settled.head_commit,
        changed: settled.changed,
        diff_stat: settled.diff_stat,
        notes,
    };
    End { verdict, outcome }
}

/// Milliseconds that a task under way has worked; waiting for its owner is no work.
pub(super) fn worked(task: &Task, now: Timestamp) -> Option<u64> {
    let millis = now.since(task.state.started_at()?).as_millis();
    Some(u64::try_from(millis).unwrap_or(u64::MAX).saturating_sub(task.waited_ms))
}

/// The event that tells of a final state.
pub(super) fn ended(state: &TaskState) -> EventKind {
    let summary = match state {
        TaskState::Completed { outcome, .. } => {
            outcome.answer.as_deref().map_or_else(|| "done".to_owned(), first_line)
        }
        TaskState::Failed { failure, .. } => first_line(&failure.message),
        TaskState::Cancelled { reason, .. } => reason.to_string(),
        TaskState::Interrupted { detail, .. } => first_line(detail),
        _ => String::new(),
    };
    EventKind::Ended { state: state.name().to_owned(), summary }
}

fn first_line(text: &str) -> String {
    cut(text.trim().lines().next().unwrap_or_default(), 200)
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// `path` as seen from the task's folder.
fn below(task: &Task, path: &Path) -> String {
    let dir = task.workspace.as_ref().map(|workspace| workspace.dir.as_path());
    let relative = dir.and_then(|dir| path.strip_prefix(dir).ok()).unwrap_or(path);
    relative.display().to_string()
}
