//! A task: what was asked, and where it stands.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::estimate::Estimate;
use super::id::{ClientId, RequestId, TaskId};
use super::priority::Priority;
use super::session::{FollowUp, LinkedSession, Resume};
use crate::clock::Timestamp;

/// Work handed to an agent. `spec` never changes after admission, except for a linked session whose
/// words are new with each hand-over; the rest does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub id: TaskId,
    /// What was asked.
    pub spec: TaskSpec,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Sequence number of its newest event: the cursor.
    pub cursor: u64,
    /// Where it stands.
    pub state: TaskState,
    /// What the agent was last seen doing.
    #[serde(default)]
    pub progress: Progress,
    /// What it has cost so far.
    #[serde(default)]
    pub cost: Cost,
    /// Milliseconds spent waiting for the owner; they do not count against the time limit.
    #[serde(default)]
    pub waited_ms: u64,
    /// Where it works, once that is decided.
    pub workspace: Option<Workspace>,
    /// The agent's run, once it is decided; durable before the agent is started.
    pub run: Option<Run>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// The caller's words, byte for byte.
    pub prompt: String,
    /// The project's name.
    pub project: String,
    /// The executor's name.
    pub executor: String,
    /// The model, where the caller chose one.
    pub model: Option<String>,
    /// Plan only: nothing on disk may change unless the owner approves the plan.
    pub plan_only: bool,
    /// Working time allowed, in seconds; time spent waiting for the owner is not counted.
    pub timeout_secs: u64,
    /// Makes a repeated call of one client find this task.
    pub idempotency_key: Option<String>,
    /// The owner's branch that it begins from, where the caller chose one.
    #[serde(default)]
    pub base_branch: Option<String>,
    /// Who asked.
    pub caller: Caller,
    /// How urgent it is.
    #[serde(default)]
    pub priority: Priority,
    /// What it may cost in US dollars, as allowed when it was accepted.
    #[serde(default)]
    pub budget_usd: Option<f64>,
    /// Model turns it may take, as allowed when it was accepted.
    #[serde(default)]
    pub turns_max: Option<u64>,
    /// How long such tasks usually took when it was accepted.
    #[serde(default)]
    pub estimate: Option<Estimate>,
    /// The session to go on with; a new one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
}

impl TaskSpec {
    /// The prompt's first line without control characters, at most 80 characters.
    #[must_use]
    pub fn title(&self) -> String {
        let line = self.prompt.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let clean = line.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
        clean.take(80).collect()
    }
}

/// Who handed a task over.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Caller {
    /// An OAuth client.
    Client {
        /// Which.
        client_id: ClientId,
    },
    /// The owner, or `gateway doctor`, at the workstation.
    Owner,
}

/// Where a task stands (DESIGN §3; the names are fixed).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TaskState {
    /// Accepted, waits for a free place.
    Queued,
    /// Under way.
    Running {
        /// Since when.
        started_at: Timestamp,
        /// How far.
        phase: Phase,
    },
    /// The agent waits for an answer.
    NeedsInput {
        /// When the task began to run.
        started_at: Timestamp,
        /// The oldest open request.
        request_id: RequestId,
    },
    /// Being ended; not over before its last process is gone.
    Cancelling {
        /// When the task began to run.
        started_at: Timestamp,
        /// Why.
        reason: CancelReason,
    },
    /// The agent finished its work.
    Completed {
        /// When.
        at: Timestamp,
        /// What came of it.
        outcome: Outcome,
    },
    /// It could not be done.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        failure: Failure,
        /// What there is all the same.
        outcome: Outcome,
    },
    /// It was stopped.
    Cancelled {
        /// When.
        at: Timestamp,
        /// Why.
        reason: CancelReason,
        /// What there is all the same.
        outcome: Outcome,
    },
    /// Nobody can tell how it ended; output is kept.
    Interrupted {
        /// When that was noticed.
        at: Timestamp,
        /// What is known.
        detail: String,
        /// What there is all the same.
        outcome: Outcome,
    },
    /// A session that a terminal handed over.
    Linked {
        /// When it last did.
        at: Timestamp,
        /// The session.
        session: Box<LinkedSession>,
    },
}

/// How far a running task has come. Recovery after a crash begins here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The workspace is being made; no agent yet.
    Preparing,
    /// The agent may have been started.
    Agent,
    /// The agent is gone; its work is being collected.
    Settling,
}

/// Why a task was stopped.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum CancelReason {
    /// Somebody asked for it.
    Requested {
        /// Who, for the log.
        by: String,
    },
    /// Its time was up.
    Deadline,
    /// The gateway was told to take its tasks along.
    Shutdown,
    /// What it may use up is used up. Such a task ends as failed, not as cancelled.
    Budget {
        /// Which budget, with figures and what to do.
        message: String,
    },
}

/// In words, for people.
impl std::fmt::Display for CancelReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Requested { by } => write!(f, "cancelled by {by}"),
            Self::Deadline => f.write_str("the time limit was reached"),
            Self::Shutdown => f.write_str("the gateway was shut down"),
            Self::Budget { message } => f.write_str(message),
        }
    }
}

/// What came of a run, whichever way it ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The agent's final answer.
    pub answer: Option<String>,
    /// Commit that holds the work; diff it against the workspace's base.
    pub head_commit: Option<String>,
    /// Files changed against the base.
    #[serde(default)]
    pub changed: Vec<ChangedFile>,
    /// Their number and lines.
    #[serde(default)]
    pub diff_stat: DiffStat,
    /// What the reader should know, such as work that could not be collected.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// One changed file.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ChangedFile {
    /// `A`dded, `M`odified, `D`eleted, `T`ype changed, as git says it.
    pub status: char,
    /// Path below the project, with what is not UTF-8 replaced.
    pub path: String,
}

/// The size of a change.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct DiffStat {
    /// Files changed.
    pub files: u64,
    /// Lines added.
    pub insertions: u64,
    /// Lines removed.
    pub deletions: u64,
}

/// Why a task failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind, for programs.
    pub kind: FailureKind,
    /// One or two lines, for people.
    pub message: String,
}

/// The kinds of failures.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The agent program is missing or cannot be started.
    ExecutorUnavailable,
    /// The workspace could not be made.
    Workspace,
    /// The agent is not signed in, or its key was refused.
    Authentication,
    /// The model's service answered with an error.
    Api,
    /// The prompt or the conversation is too long for the model.
    PromptTooLong,
    /// The money or the turns that it may use up are used up.
    #[serde(alias = "limit")]
    BudgetExhausted,
    /// The agent reported an error of its own.
    Agent,
    /// The agent ended without a result.
    Crashed,
    /// The agent wrote more output than allowed.
    OutputLimit,
}

/// What the agent was last seen doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Its last words, cut.
    pub text: String,
    /// Its last tool, one line.
    pub activity: String,
    /// Model turns so far.
    pub turns: u64,
}

/// What a task has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// US dollars; none as long as the agent has not told any.
    pub usd: Option<f64>,
    /// Tokens read by models, cached ones included.
    pub input_tokens: u64,
    /// Tokens written by models.
    pub output_tokens: u64,
}

/// The money in words: what nobody told is unknown, not nothing.
impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.usd {
            Some(usd) => write!(f, "${usd:.4}"),
            None => f.write_str("unknown"),
        }
    }
}

/// Where a task works.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Workspace {
    /// The folder the agent works in.
    pub dir: PathBuf,
    /// The commit the work is compared with; none when the project has no history to compare with.
    pub base_commit: Option<String>,
    /// The owner's branch that commit was taken from, when it was taken from one.
    #[serde(default)]
    pub base_branch: Option<String>,
    /// The branch that holds the work, in the workspace and, at the end, in the owner's repository.
    pub branch: Option<String>,
    /// Whether `dir` is a clone of its own rather than the owner's folder.
    pub isolated: bool,
}

/// One run of an agent for a task.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Folder of this run: the shim's files lie in it.
    pub dir: PathBuf,
    /// The agent's session, chosen by the gateway before the start.
    pub session_id: Uuid,
    /// How far the agent's output has been taken over, in bytes.
    pub offset: u64,
    /// Messages that the agent does not have yet, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow_ups: Vec<FollowUp>,
}

impl Task {
    /// The agent's session that the task works on, or will.
    #[must_use]
    pub fn session_id(&self) -> Option<Uuid> {
        if let TaskState::Linked { session, .. } = &self.state {
            return Some(session.session_id);
        }
        let continued = self.spec.resume.filter(|resume| !resume.copy);
        let of_run = self.run.as_ref().map(|run| run.session_id);
        of_run.or(continued.map(|resume| resume.session_id))
    }
}

/// A change of state that a task's present state does not allow.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a task that is {from} cannot become {to}")]
pub struct InvalidTransition {
    from: &'static str,
    to: &'static str,
}

impl TaskState {
    /// The state's name, as clients know it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running { .. } => "running",
            Self::NeedsInput { .. } => "needs_input",
            Self::Cancelling { .. } => "cancelling",
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
            Self::Interrupted { .. } => "interrupted",
            Self::Linked { .. } => "linked",
        }
    }

    /// Whether the task will never change again.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Completed { .. }
                | Self::Failed { .. }
                | Self::Cancelled { .. }
                | Self::Interrupted { .. }
        )
    }

    /// Whether it holds a place among the running tasks.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Running { .. } | Self::NeedsInput { .. } | Self::Cancelling { .. })
    }

    /// When it began to run, while it runs.
    #[must_use]
    pub const fn started_at(&self) -> Option<Timestamp> {
        match self {
            Self::Running { started_at, .. }
            | Self::NeedsInput { started_at, .. }
            | Self::Cancelling { started_at, .. } => Some(*started_at),
            _ => None,
        }
    }

    /// When it ended, once it is over.
    #[must_use]
    pub const fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Completed { at, .. }
            | Self::Failed { at, .. }
            | Self::Cancelled { at, .. }
            | Self::Interrupted { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// What came of it, once it is over.
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::Completed { outcome, .. }
            | Self::Failed { outcome, .. }
            | Self::Cancelled { outcome, .. }
            | Self::Interrupted { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// Why it is in this state, in words, where there is more to say than the state.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Failed { failure, .. } => Some(failure.message.clone()),
            Self::Interrupted { detail, .. } => Some(detail.clone()),
            Self::Cancelling { reason, .. } | Self::Cancelled { reason, .. } => {
                Some(reason.to_string())
            }
            Self::Queued
            | Self::Running { .. }
            | Self::NeedsInput { .. }
            | Self::Completed { .. }
            | Self::Linked { .. } => None,
        }
    }

    /// A queued task gets its place.
    ///
    /// # Errors
    ///
    /// When it is not queued.
    pub fn start(self, now: Timestamp) -> Result<Self, InvalidTransition> {
        match self {
            Self::Queued => Ok(Self::Running { started_at: now, phase: Phase::Preparing }),
            other => Err(other.cannot("running")),
        }
    }

    /// A running task reaches its next phase.
    ///
    /// # Errors
    ///
    /// When it is not running or would go back.
    pub fn advance(self, to: Phase) -> Result<Self, InvalidTransition> {
        match self {
            Self::Running { started_at, phase } if phase as u8 <= to as u8 => {
                Ok(Self::Running { started_at, phase: to })
            }
            // An agent that ends while it asks, or while it is being cancelled, is settled as well.
            Self::NeedsInput { started_at, .. } if to == Phase::Settling => {
                Ok(Self::Running { started_at, phase: to })
            }
            other => Err(other.cannot("running")),
        }
    }

    /// The agent asks something.
    ///
    /// # Errors
    ///
    /// When no agent runs.
    pub fn ask(self, request_id: RequestId) -> Result<Self, InvalidTransition> {
        match self {
            Self::Running { started_at, phase: Phase::Agent } => {
                Ok(Self::NeedsInput { started_at, request_id })
            }
            Self::NeedsInput { .. } => Ok(self),
            other => Err(other.cannot("needs_input")),
        }
    }

    /// The request it waited for is closed; `next` is the oldest one still open.
    ///
    /// # Errors
    ///
    /// When it waits for nothing.
    pub fn answered(self, next: Option<RequestId>) -> Result<Self, InvalidTransition> {
        match (self, next) {
            (Self::NeedsInput { started_at, .. }, Some(request_id)) => {
                Ok(Self::NeedsInput { started_at, request_id })
            }
            (Self::NeedsInput { started_at, .. }, None) => {
                Ok(Self::Running { started_at, phase: Phase::Agent })
            }
            (other, _) => Err(other.cannot("running")),
        }
    }

    /// Somebody or something stops the task. A queued one is over at once, and a linked one is let go.
    ///
    /// # Errors
    ///
    /// When it is over or being cancelled already.
    pub fn cancel(self, reason: CancelReason, now: Timestamp) -> Result<Self, InvalidTransition> {
        match self {
            Self::Queued | Self::Linked { .. } => {
                Ok(Self::Cancelled { at: now, reason, outcome: Outcome::default() })
            }
            Self::Running { started_at, .. } | Self::NeedsInput { started_at, .. } => {
                Ok(Self::Cancelling { started_at, reason })
            }
            other => Err(other.cannot("cancelling")),
        }
    }

    /// The end of a task, for a good or a bad reason. A task being cancelled ends as cancelled,
    /// whatever its agent says about it. One that its budget stopped has failed, unless its agent had
    /// done all there was to do: then that is told beside the result.
    ///
    /// # Errors
    ///
    /// When it is not under way.
    pub fn end(self, end: End, now: Timestamp) -> Result<Self, InvalidTransition> {
        let End { verdict, mut outcome } = end;
        match self {
            Self::Cancelling { reason: CancelReason::Budget { message }, .. } => {
                Ok(match verdict {
                    Verdict::Completed => {
                        outcome.notes.insert(0, message);
                        Self::Completed { at: now, outcome }
                    }
                    Verdict::Failed(_) | Verdict::Unknown(_) => {
                        let kind = FailureKind::BudgetExhausted;
                        Self::Failed { at: now, failure: Failure { kind, message }, outcome }
                    }
                })
            }
            Self::Cancelling { reason, .. } => Ok(Self::Cancelled { at: now, reason, outcome }),
            Self::Running { .. } | Self::NeedsInput { .. } => Ok(match verdict {
                Verdict::Completed => Self::Completed { at: now, outcome },
                Verdict::Failed(failure) => Self::Failed { at: now, failure, outcome },
                Verdict::Unknown(detail) => Self::Interrupted { at: now, detail, outcome },
            }),
            other => Err(other.cannot("ended")),
        }
    }

    const fn cannot(&self, to: &'static str) -> InvalidTransition {
        InvalidTransition { from: self.name(), to }
    }
}

/// How a run ended and what it left.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Good, bad or unknown.
    pub verdict: Verdict,
    /// What it left.
    pub outcome: Outcome,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The agent says it is done.
    Completed,
    /// It is not done, and why.
    Failed(Failure),
    /// Nobody can tell; what is known.
    Unknown(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn end(verdict: Verdict) -> End {
        End { verdict, outcome: Outcome::default() }
    }

    fn running(phase: Phase) -> TaskState {
        TaskState::Running { started_at: NOW, phase }
    }

    #[test]
    fn a_task_runs_from_queue_to_completion() {
        let state = TaskState::Queued.start(NOW).unwrap();
        let state = state.advance(Phase::Agent).unwrap().advance(Phase::Settling).unwrap();
        let state = state.end(end(Verdict::Completed), NOW).unwrap();
        assert_eq!(state.name(), "completed");
        assert!(state.is_final());
    }

    #[test]
    fn a_cancelled_task_stays_cancelled_although_its_agent_reports_success() {
        let reason = CancelReason::Requested { by: "test".into() };
        let state = running(Phase::Agent).cancel(reason, NOW).unwrap();
        assert_eq!(state.name(), "cancelling");
        assert_eq!(state.end(end(Verdict::Completed), NOW).unwrap().name(), "cancelled");
    }

    #[test]
    fn what_its_budget_stopped_has_failed_and_what_was_done_anyway_is_done_and_tells() {
        let message = "$2 of $1".to_owned();
        let stopped = running(Phase::Agent).cancel(CancelReason::Budget { message }, NOW).unwrap();
        assert_eq!(stopped.name(), "cancelling");
        let failed = stopped.clone().end(end(Verdict::Unknown("killed".into())), NOW).unwrap();
        let TaskState::Failed { failure, .. } = failed else { panic!("{failed:?}") };
        assert_eq!(failure.kind, FailureKind::BudgetExhausted);
        assert_eq!(failure.message, "$2 of $1");
        let done = stopped.end(end(Verdict::Completed), NOW).unwrap();
        assert_eq!(done.name(), "completed");
        assert_eq!(done.outcome().unwrap().notes, ["$2 of $1"]);
    }

    #[test]
    fn rows_of_older_gateways_still_read() {
        let spec = r#"{"prompt":"x","project":"p","executor":"claude","model":null,"plan_only":false,
            "timeout_secs":60,"idempotency_key":null,"caller":{"by":"owner"}}"#;
        let spec: TaskSpec = serde_json::from_str(spec).unwrap();
        assert_eq!(
            (spec.priority, spec.budget_usd, spec.turns_max),
            (Priority::Normal, None, None)
        );
        let cost: Cost =
            serde_json::from_str(r#"{"usd":0.5,"input_tokens":1,"output_tokens":2}"#).unwrap();
        assert_eq!(cost.usd, Some(0.5));
        let kind: FailureKind = serde_json::from_str(r#""limit""#).unwrap();
        assert_eq!(kind, FailureKind::BudgetExhausted);
    }

    #[test]
    fn a_queued_task_is_cancelled_at_once() {
        let state = TaskState::Queued.cancel(CancelReason::Shutdown, NOW).unwrap();
        assert_eq!(state.name(), "cancelled");
    }

    #[test]
    fn what_is_over_cannot_be_cancelled_asked_or_ended_again() {
        let over = running(Phase::Agent).end(end(Verdict::Completed), NOW).unwrap();
        let id = RequestId::random(&SeededEntropy::new(1));
        assert!(over.clone().cancel(CancelReason::Deadline, NOW).is_err());
        assert!(over.clone().ask(id).is_err());
        assert!(over.clone().start(NOW).is_err());
        assert!(over.end(end(Verdict::Unknown(String::new())), NOW).is_err());
    }

    #[test]
    fn answering_the_last_request_resumes_the_run() {
        let entropy = SeededEntropy::new(1);
        let (first, second) = (RequestId::random(&entropy), RequestId::random(&entropy));
        let state = running(Phase::Agent).ask(first).unwrap();
        let state = state.answered(Some(second)).unwrap();
        assert_eq!(state.name(), "needs_input");
        assert_eq!(state.answered(None).unwrap(), running(Phase::Agent));
    }

    #[test]
    fn a_phase_never_goes_back() {
        assert!(running(Phase::Settling).advance(Phase::Agent).is_err());
    }

    #[test]
    fn a_title_is_one_clean_line() {
        let spec = TaskSpec {
            prompt: "\n  fix\tthe \u{1b}[31mbug \nand more".into(),
            project: "p".into(),
            executor: "claude".into(),
            model: None,
            plan_only: false,
            timeout_secs: 1,
            idempotency_key: None,
            base_branch: None,
            caller: Caller::Owner,
            priority: Priority::Normal,
            budget_usd: None,
            turns_max: None,
            estimate: None,
            resume: None,
        };
        assert_eq!(spec.title(), "fix the  [31mbug");
    }
}
