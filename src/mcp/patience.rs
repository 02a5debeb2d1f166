//! Waiting for a task on behalf of a call: bounded, ended early by whoever stops listening, and
//! telling about progress when the client asked for that.
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::{Peer, RoleServer};
use tokio_util::sync::CancellationToken;

use super::principal::{Authenticate, Principal};
use super::tasks::{Tasks, Unavailable};
use crate::clock::Clock;
use crate::model::{Task, TaskId, TaskState};

/// Between two progress notifications of one call.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// What a call's wait goes by.
pub(super) struct Patience<'a> {
    pub(super) clock: &'a dyn Clock,
    /// The call was cancelled, or its client is gone.
    pub(super) cancelled: &'a CancellationToken,
    /// The gateway is shutting down.
    pub(super) draining: &'a CancellationToken,
    /// Whose call it is, and who knows whether they may still make it.
    pub(super) principal: &'a Principal,
    pub(super) auth: &'a dyn Authenticate,
    /// Where progress goes, when the client supplied a token for it.
    pub(super) listener: Option<(Peer<RoleServer>, ProgressToken)>,
}

/// When progress is due, and how long the call has waited by then.
struct Ticks<'a> {
    next: BoxFuture<'a, ()>,
    waited: Duration,
}

impl fmt::Debug for Patience<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patience")
    }
}

impl<'a> Patience<'a> {
    /// Waits until the task's cursor is past `after`, it is over, or waiting ends. For a caller whose
    /// grant ends meanwhile there is no task any more.
    pub(super) async fn for_change(
        &self,
        tasks: &dyn Tasks,
        id: &TaskId,
        after: u64,
        at_most: Duration,
    ) -> Result<Option<Arc<Task>>, Unavailable> {
        self.change(tasks, id, after, at_most, &mut self.ticks()).await
    }

    async fn change(
        &self,
        tasks: &dyn Tasks,
        id: &TaskId,
        after: u64,
        at_most: Duration,
        ticks: &mut Ticks<'a>,
    ) -> Result<Option<Arc<Task>>, Unavailable> {
        if at_most.is_zero() {
            return tasks.task(id).await;
        }
        let mut changed = tasks.wait(id, after, at_most);
        let mut ended = self.auth.ended(self.principal);
        loop {
            tokio::select! {
                biased;
                () = &mut ended => return Ok(None),
                task = &mut changed => return task,
                () = self.cancelled.cancelled() => return tasks.task(id).await,
                () = self.draining.cancelled() => return tasks.task(id).await,
                () = &mut ticks.next, if self.listener.is_some() => {
                    ticks.waited += PROGRESS_EVERY;
                    ticks.next = self.clock.sleep(PROGRESS_EVERY);
                    self.tell(tasks, id, ticks.waited).await;
                }
            }
        }
    }

    /// The beat of a call's progress, one for all changes that the call waits through: its values
    /// grow (2026-07-28, progress) and none comes sooner than [`PROGRESS_EVERY`].
    fn ticks(&self) -> Ticks<'a> {
        Ticks { next: self.clock.sleep(PROGRESS_EVERY), waited: Duration::ZERO }
    }

    /// Waits until the task is over or needs its owner, or waiting ends. For a caller whose grant ends
    /// meanwhile there is no task any more.
    pub(super) async fn for_outcome(
        &self,
        tasks: &dyn Tasks,
        task: Arc<Task>,
        at_most: Duration,
    ) -> Result<Option<Arc<Task>>, Unavailable> {
        let began = self.clock.now();
        let mut ticks = self.ticks();
        let mut task = task;
        loop {
            let left = at_most.saturating_sub(self.clock.now().since(began));
            let asks = matches!(task.state, TaskState::NeedsInput { .. });
            if left.is_zero() || task.state.is_final() || asks || self.is_over() {
                return Ok(Some(task));
            }
            match self.change(tasks, &task.id, task.cursor, left, &mut ticks).await? {
                Some(newer) => task = newer,
                None => return Ok(None),
            }
        }
    }

    /// Whether nobody should wait any longer.
    pub(super) fn is_over(&self) -> bool {
        self.cancelled.is_cancelled() || self.draining.is_cancelled()
    }

    async fn tell(&self, tasks: &dyn Tasks, id: &TaskId, waited: Duration) {
        let Some((peer, token)) = &self.listener else { return };
        let Ok(Some(task)) = tasks.task(id).await else { return };
        let message = match task.progress.activity.as_str() {
            "" => task.state.name().to_owned(),
            activity => format!("{}: {activity}", task.state.name()),
        };
        // Seconds waited: all that is certain to grow.
        let progress = ProgressNotificationParam::new(token.clone(), waited.as_secs_f64());
        let sent = peer.notify_progress(progress.with_message(message)).await;
        if let Err(err) = sent {
            tracing::debug!(%err, "progress was not delivered");
        }
    }
}
