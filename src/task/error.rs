//! Why the engine refuses.
use uuid::Uuid;

use super::budget;
use super::settings::NoProject;
use crate::clock::Timestamp;
use crate::model::{NoAnswer, TaskId, dollars};
use crate::policy::NotYours;
use crate::store::StoreError;

/// Why a task was not accepted. The texts reach the caller.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StartError {
    /// There is nothing to do.
    #[error("`prompt` is empty: say what is to be done")]
    PromptEmpty,
    /// There is too much to read.
    #[error(
        "`prompt` has {bytes} bytes, {max} are allowed: put long material into a file of the project and name it"
    )]
    PromptTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// No such project, or none to choose.
    #[error(transparent)]
    NoProject(#[from] NoProject),
    /// No such executor.
    #[error("there is no executor `{name}`; there {}", known_list(known))]
    UnknownExecutor {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The executor lacks what was asked for.
    #[error(
        "executor `{executor}` does not take `{property}`: leave it out or choose another executor"
    )]
    NotSupported {
        /// The executor.
        executor: String,
        /// The property.
        property: &'static str,
    },
    /// A model's name that could not be one.
    #[error(
        "`model` must be a model's name: letters, digits and -_.:/@[], not beginning with a dash"
    )]
    BadModel,
    /// A time limit that makes no sense.
    #[error("the time limit must be at least one minute")]
    TimeoutTooShort,
    /// A budget that allows nothing.
    #[error("`budget_usd` must be more than 0")]
    BudgetNotPositive,
    /// More money than a task may cost.
    #[error("`budget_usd` is {}, and a task here may cost {}", dollars(*asked), dollars(*limit))]
    BudgetTooHigh {
        /// What was asked for, in US dollars.
        asked: f64,
        /// What the owner allows, in US dollars.
        limit: f64,
    },
    /// Today's money is spent.
    #[error("{}", budget::day_spent(*spent, *limit, key))]
    DaySpent {
        /// What the day has cost, in US dollars.
        spent: f64,
        /// What it may cost, in US dollars.
        limit: f64,
        /// The key that says so.
        key: String,
        /// When the next day begins.
        again_at: Timestamp,
    },
    /// A key that cannot be kept.
    #[error("`idempotency_key` must have 1 to 200 characters")]
    BadIdempotencyKey,
    /// The key was used for something else.
    #[error(
        "`idempotency_key` belongs to task {0}, which was started with another prompt or project: use a new key"
    )]
    KeyReused(TaskId),
    /// No task of the project worked on the session, and nobody handed it over there.
    #[error("no session {0} is known in this project")]
    UnknownSession(Uuid),
    /// Two processes on one session would damage it.
    #[error("task {0} works on this session now")]
    SessionBusy(TaskId),
    /// Sessions are of one kind of agent.
    #[error("the session is one of executor `{0}`")]
    SessionOfOther(String),
    /// Too many wait already.
    #[error("{0} tasks are waiting already: cancel some or try again later")]
    QueueFull(usize),
    /// The gateway is ending.
    #[error("the gateway is shutting down: try again in a moment")]
    ShuttingDown,
    /// The database failed; nothing was accepted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StartError {
    /// When the same call would work again; none when waiting does not help.
    #[must_use]
    pub fn again(&self) -> Option<String> {
        match self {
            Self::DaySpent { again_at, .. } => Some(budget::again(*again_at)),
            _ => None,
        }
    }
}

fn known_list(known: &[String]) -> String {
    match known {
        [] => "are none: add one to the configuration".to_owned(),
        [one] => format!("is `{one}`"),
        many => format!("are `{}`", many.join("`, `")),
    }
}

/// Why a task was not cancelled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CancelError {
    /// No such task.
    #[error("there is no task {0}: `list_tasks` names them")]
    NotFound(TaskId),
    /// It is over.
    #[error("task {id} is {state} already")]
    Over {
        /// The task.
        id: TaskId,
        /// Its state.
        state: &'static str,
    },
    /// The gateway is ending.
    #[error("the gateway is shutting down: try again in a moment")]
    ShuttingDown,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an answer does not count.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AnswerError {
    /// No such request.
    #[error("there is no such request")]
    NotFound,
    /// Somebody was faster, the agent withdrew it, or it expired.
    #[error("the request was {0} already")]
    Closed(&'static str),
    /// The task is over or being cancelled.
    #[error("the task is {0}")]
    TaskOver(&'static str),
    /// The reply is not this answerer's to give.
    #[error(transparent)]
    NotYours(#[from] NotYours),
    /// The reply does not go with the request.
    #[error("this does not answer the request: {0}")]
    Unfit(&'static str),
    /// The replies do not answer the questions.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// The gateway is ending.
    #[error("the gateway is shutting down: try again in a moment")]
    ShuttingDown,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a session was not handed over.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LinkError {
    /// No such project, or none to choose.
    #[error(transparent)]
    NoProject(#[from] NoProject),
    /// A session belongs to one project.
    #[error("this session is linked to another project")]
    OtherProject,
    /// A client has handed over too many.
    #[error("{0} sessions are linked already: cancel the tasks of some")]
    TooMany(u64),
    /// The gateway is ending.
    #[error("the gateway is shutting down: try again in a moment")]
    ShuttingDown,
    /// The database failed; nothing was stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a message does not reach an agent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SayError {
    /// No such task.
    #[error("there is no task {0}: `list_tasks` names them")]
    NotFound(TaskId),
    /// No agent is there to hear it.
    #[error("task {id} is {state}: only a running task's agent takes messages")]
    NotRunning {
        /// The task.
        id: TaskId,
        /// Its state.
        state: &'static str,
    },
    /// The executor takes no messages while it works.
    #[error("executor `{0}` takes no messages while it works")]
    NotSupported(String),
    /// There is nothing to say.
    #[error("the message is empty")]
    Empty,
    /// There is too much to read.
    #[error("the message has {bytes} bytes, {max} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The agent takes none of those before.
    #[error("{0} messages wait for the agent already")]
    TooMany(usize),
    /// The gateway is ending.
    #[error("the gateway is shutting down: try again in a moment")]
    ShuttingDown,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
