//! What a driven task tells the engine.
use tokio::sync::oneshot;

use super::settings::{Prepared, Settled, WorkspaceError};
use crate::executor::{Ended, Report};
use crate::model::{Task, TaskId};
use crate::store::StoreError;

/// News of one driven task. The reply tells that it is stored; a driver repeats what could not be.
#[derive(Debug)]
pub(super) struct News {
    pub(super) task_id: TaskId,
    pub(super) kind: NewsKind,
    pub(super) stored: oneshot::Sender<Result<Verdict, StoreError>>,
}

/// What happened.
#[derive(Clone, Debug)]
pub(super) enum NewsKind {
    /// The workspace is there, or could not be made.
    Prepared(Result<Prepared, WorkspaceError>),
    /// The agent did something.
    Report(Report),
    /// The agent is gone; its work is to be collected.
    RunEnded,
    /// Everything is over.
    Settled { ended: Option<Ended>, settled: Result<Settled, WorkspaceError> },
}

/// How the driver goes on.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// With this state of the task.
    GoOn(Box<Task>),
    /// Not at all: the task is over or being cancelled.
    Stop,
}
