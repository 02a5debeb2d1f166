//! What comes due: time limits of tasks, and requests that nobody answered.
use std::time::Duration;

use super::{Active, Engine, NAP};
use crate::clock::Timestamp;
use crate::executor::{Command, Pace};
use crate::model::{CancelReason, Phase, RequestId, RequestState, TaskId, TaskState};
use crate::store::StoreError;
use crate::task::decision;

impl Engine {
    /// How long nothing can come due.
    pub(super) fn nap(&self) -> Duration {
        let now = self.clock.now();
        let deadlines = self.active.values().filter_map(deadline);
        let expiries = self.active.values().flat_map(|active| &active.open);
        let next = deadlines.chain(expiries.map(|open| open.expires_at)).min();
        next.map_or(NAP, |next| next.since(now).min(NAP))
    }

    pub(super) async fn look_at_the_clock(&mut self) {
        let now = self.clock.now();
        let late: Vec<TaskId> = self
            .active
            .iter()
            .filter(|(_, active)| deadline(active).is_some_and(|deadline| deadline <= now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in late {
            if let Err(error) = self.cancel(&id, CancelReason::Deadline, Pace::Orderly).await {
                tracing::warn!(task = %id, %error, "could not end a task whose time is up");
            }
        }
        // What a crash or a new configuration left to be stopped.
        self.stop_what_is_over_budget().await;
        let expired: Vec<RequestId> = self
            .active
            .values()
            .flat_map(|active| &active.open)
            .filter(|open| open.expires_at <= now)
            .map(|open| open.id.clone())
            .collect();
        for id in expired {
            if let Err(error) = self.expire(&id, now).await {
                tracing::warn!(request = %id, %error, "could not end a request nobody answered");
            }
        }
    }

    pub(super) async fn expire(
        &mut self,
        id: &RequestId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(request) = self.store.read(|tx| tx.request(id))? else { return Ok(()) };
        if request.state != RequestState::Open {
            return Ok(());
        }
        let state = RequestState::Expired { at: now, delivered: false };
        let request = self.close_request(request, state).await?;
        let agent_ref = request.agent_ref.clone();
        let decision = decision::of_silence(&request.kind);
        self.command(&request.task_id, Command::Answer { agent_ref, decision });
        Ok(())
    }
}

/// When a task's working time is used up; none while it waits for its owner or is being ended.
fn deadline(active: &Active) -> Option<Timestamp> {
    match &active.task.state {
        TaskState::Running { started_at, phase: Phase::Preparing | Phase::Agent } => {
            let allowed = Duration::from_secs(active.task.spec.timeout_secs)
                + Duration::from_millis(active.task.waited_ms);
            Some(started_at.after(allowed))
        }
        _ => None,
    }
}
