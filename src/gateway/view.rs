//! Tasks and clients as the owner's command line sees them; the shapes of its JSON output.
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::model::{
    Answer, Class, Cost, DiffStat, Event, Question, Request, RequestKind, RequestState, Task,
    TaskId,
};
use crate::policy::ChatMay;
use crate::task::Standing;
use crate::trace::{Connection, Entry, Page};

/// A task, for people and scripts.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// Its state's name.
    pub state: String,
    /// The first line of its prompt.
    pub title: String,
    /// The project's name.
    pub project: String,
    /// The executor's name.
    pub executor: String,
    /// The model, where one was chosen.
    pub model: Option<String>,
    /// Whether it only plans.
    pub plan_only: bool,
    /// When it was accepted, RFC 3339.
    pub created_at: String,
    /// When it last changed, RFC 3339.
    pub updated_at: String,
    /// Milliseconds it has been running, or ran.
    pub duration_ms: Option<u64>,
    /// Sequence number of its newest event.
    pub cursor: u64,
    /// The agent's last words.
    pub progress: String,
    /// What the agent was last seen doing; empty once the task is over.
    pub activity: String,
    /// Model turns so far.
    pub turns: u64,
    /// What it has cost so far.
    pub cost: Cost,
    /// What it may cost, in US dollars.
    pub budget_usd: Option<f64>,
    /// `low`, `normal`, `high` or `urgent`.
    pub priority: String,
    /// Its place in the queue, from 1, while it waits and the gateway runs.
    pub place: Option<usize>,
    /// Why it could not even begin if there were room.
    pub held_back: Option<String>,
    /// How long such tasks usually took when it was accepted.
    pub estimate: Option<String>,
    /// The branch that holds its work.
    pub branch: Option<String>,
    /// The commit its work is compared with.
    pub base_commit: Option<String>,
    /// The commit that holds its work.
    pub head_commit: Option<String>,
    /// The folder it works in.
    pub folder: Option<String>,
    /// The agent's session, to resume it by.
    pub session_id: Option<String>,
    /// Why it failed, was cancelled or is unclear.
    pub reason: Option<String>,
    /// The agent's final answer.
    pub answer: Option<String>,
    /// Size of the change.
    pub diff_stat: Option<DiffStat>,
    /// Changed files, such as `M src/lib.rs`.
    pub changed: Vec<String>,
    /// What the reader should know.
    pub notes: Vec<String>,
}

/// A request of an agent, for people and scripts.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RequestView {
    /// Its id.
    pub id: String,
    /// `open`, `allowed`, `denied`, `answered`, `withdrawn` or `expired`.
    pub state: String,
    /// `permission`, `question` or `plan`.
    pub kind: String,
    /// The tool that the agent asks leave to use; empty for questions and plans.
    pub tool: String,
    /// How much that can do.
    pub class: Option<Class>,
    /// Whether a chat may approve or answer it.
    pub chat_may_approve: bool,
    /// One line about it.
    pub preview: String,
    /// The tool's whole input.
    pub input: serde_json::Value,
    /// The questions.
    pub questions: Vec<Question>,
    /// The plan.
    pub plan: Option<String>,
    /// What was decided, and by whom.
    pub answer: Option<Answer>,
    /// When it was asked, RFC 3339.
    pub asked_at: String,
    /// When silence becomes a refusal, RFC 3339.
    pub expires_at: String,
}

/// An open request with the task it belongs to: all that is needed to decide.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct OpenRequestView {
    /// The task's id.
    pub task_id: TaskId,
    /// The first line of its prompt.
    pub title: String,
    /// The project's name.
    pub project: String,
    /// The executor's name.
    pub executor: String,
    /// The request.
    #[serde(flatten)]
    pub request: RequestView,
}

/// A task with what it asks.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct TaskDetail {
    /// The task.
    pub task: TaskView,
    /// The prompt, whole.
    pub prompt: String,
    /// Its requests, oldest first.
    pub requests: Vec<RequestView>,
    /// The tasks that hold the places while it waits, oldest first.
    pub holding: Vec<TaskId>,
}

/// A step of a client on its way to the tools.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct StepView {
    /// Its number.
    pub seq: u64,
    /// When, RFC 3339.
    pub at: String,
    /// The step's name.
    pub step: String,
    /// The client's id, where one is known.
    pub client_id: Option<String>,
    /// The client's name.
    pub name: Option<String>,
    /// Whether the owner stands behind that client; otherwise anybody may have used its name.
    pub proven: bool,
    /// What happened, to be read after the name.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// How often.
    pub times: u64,
}

/// A page of steps.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct StepPage {
    /// The steps, oldest first.
    pub steps: Vec<StepView>,
    /// Where to go on.
    pub cursor: u64,
    /// So many more were taken since the last page and are known no more.
    pub missed: u64,
}

/// How far a client has come.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ConnectionView {
    /// Its steps in a row.
    pub row: String,
    /// The last of them.
    pub last: StepView,
}

/// A page of events.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct EventPage {
    /// The events.
    pub events: Vec<Event>,
    /// Where to go on.
    pub cursor: u64,
    /// The state of the task that was asked about.
    pub state: Option<String>,
}

impl TaskView {
    /// The view of `task` at `now`.
    #[must_use]
    pub fn of(task: &Task, now: Timestamp) -> Self {
        let outcome = task.state.outcome();
        Self {
            id: task.id.clone(),
            state: task.state.name().to_owned(),
            title: task.spec.title(),
            project: task.spec.project.clone(),
            executor: task.spec.executor.clone(),
            model: task.spec.model.clone(),
            plan_only: task.spec.plan_only,
            created_at: task.created_at.to_string(),
            updated_at: task.updated_at.to_string(),
            duration_ms: duration(task, now),
            cursor: task.cursor,
            progress: task.progress.text.clone(),
            activity: if task.state.is_final() {
                String::new()
            } else {
                task.progress.activity.clone()
            },
            turns: task.progress.turns,
            cost: task.cost,
            budget_usd: task.spec.budget_usd,
            priority: task.spec.priority.name().to_owned(),
            place: None,
            held_back: None,
            estimate: task.spec.estimate.map(|estimate| estimate.to_string()),
            branch: task.workspace.as_ref().and_then(|workspace| workspace.branch.clone()),
            base_commit: task.workspace.as_ref().and_then(|space| space.base_commit.clone()),
            head_commit: outcome.and_then(|outcome| outcome.head_commit.clone()),
            folder: task.workspace.as_ref().map(|space| space.dir.display().to_string()),
            session_id: task.session_id().map(|id| id.to_string()),
            reason: task.state.reason(),
            answer: outcome.and_then(|outcome| outcome.answer.clone()),
            diff_stat: outcome.map(|outcome| outcome.diff_stat),
            changed: outcome.map_or_else(Vec::new, |outcome| {
                outcome
                    .changed
                    .iter()
                    .map(|file| format!("{} {}", file.status, file.path))
                    .collect()
            }),
            notes: outcome.map_or_else(Vec::new, |outcome| outcome.notes.clone()),
        }
    }
}

impl TaskView {
    /// The same with its place in the queue.
    #[must_use]
    pub fn in_line(mut self, standing: &Standing) -> Self {
        self.place = standing.place_of(&self.id);
        let waits = self.place.and_then(|place| standing.waiting.get(place - 1));
        self.held_back = waits.and_then(|waits| waits.held_back.clone());
        self
    }
}

fn duration(task: &Task, now: Timestamp) -> Option<u64> {
    let millis = |from: Timestamp, to: Timestamp| {
        u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
    };
    match task.state.started_at() {
        Some(started_at) => Some(millis(started_at, now)),
        // Not when it last changed: its work may have been applied later.
        None => task.state.ended_at().map(|at| millis(task.created_at, at)),
    }
}

impl StepView {
    /// The view of `entry`.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at.to_string(),
            step: entry.step.name().to_owned(),
            client_id: entry.who.as_ref().map(|who| who.id.to_string()),
            name: entry.who.as_ref().map(|who| who.name.to_string()),
            proven: entry.proven,
            text: entry.step.to_string(),
            hint: entry.step.hint().map(str::to_owned),
            times: entry.times,
        }
    }
}

impl StepPage {
    /// The view of `page`.
    #[must_use]
    pub fn of(page: &Page) -> Self {
        let steps = page.entries.iter().map(StepView::of).collect();
        Self { steps, cursor: page.cursor, missed: page.missed }
    }
}

impl ConnectionView {
    /// The view of `connection`.
    #[must_use]
    pub fn of(connection: &Connection) -> Self {
        Self { row: connection.row.clone(), last: StepView::of(&connection.last) }
    }
}

impl RequestView {
    /// The view of `request` in a project where a chat may approve `chat`.
    #[must_use]
    pub fn of(request: &Request, chat: &ChatMay) -> Self {
        let (tool, input, class) = match &request.kind {
            RequestKind::Permission { tool, input, class, .. } => {
                (tool.clone(), input.clone(), Some(*class))
            }
            RequestKind::Question { .. } | RequestKind::Plan { .. } => {
                (String::new(), serde_json::Value::Null, None)
            }
        };
        let questions = match &request.kind {
            RequestKind::Question { questions, .. } => questions.clone(),
            _ => Vec::new(),
        };
        let plan = match &request.kind {
            RequestKind::Plan { plan, .. } => Some(plan.clone()),
            _ => None,
        };
        let answer = match &request.state {
            RequestState::Answered { answer, .. } => Some(answer.clone()),
            _ => None,
        };
        Self {
            id: request.id.to_string(),
            state: request.state.name().to_owned(),
            kind: request.kind.name().to_owned(),
            tool,
            class,
            chat_may_approve: chat.approve(&request.kind),
            preview: request.kind.preview().to_owned(),
            input,
            questions,
            plan,
            answer,
            asked_at: request.asked_at.to_string(),
            expires_at: request.expires_at.to_string(),
        }
    }
}
