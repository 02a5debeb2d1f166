//! Sessions of terminals that are handed over, and words for the agents of running tasks.
use uuid::Uuid;

use super::Engine;
use crate::executor::Command;
use crate::model::{
    Caller, Cost, FollowUp, Phase, Priority, Progress, Task, TaskId, TaskSpec, TaskState,
};
use crate::store::StoreError;
use crate::task::error::{LinkError, SayError};
use crate::task::handle::NewLink;
use crate::task::report;

/// Sessions that a client may have handed over at a time; the owner's are not counted.
const LINKED_MAX: u64 = 500;
/// Messages that may wait for one agent.
const FOLLOW_UPS_MAX: usize = 8;

impl Engine {
    pub(super) async fn link(&mut self, link: NewLink) -> Result<(Task, bool), LinkError> {
        if self.stopping.is_some() {
            return Err(LinkError::ShuttingDown);
        }
        let rules = self.surroundings.workspaces.rules(link.project.as_deref())?;
        let NewLink { session, caller, .. } = link;
        let client_id = match &caller {
            Caller::Client { client_id } => Some(client_id.clone()),
            Caller::Owner => None,
        };
        let now = self.clock.now();
        let id = TaskId::random(&*self.entropy);
        let write = move |tx: &mut crate::store::WriteTx<'_>| {
            let client_id = client_id.as_ref();
            let prompt = session.summary.clone();
            let before = tx.linked_task(client_id, session.session_id)?;
            let state = TaskState::Linked { at: now, session: Box::new(session) };
            if let Some(mut task) = before {
                if task.spec.project != rules.name {
                    return Err(LinkError::OtherProject);
                }
                task.spec.prompt = prompt;
                task.state = state;
                tx.relink_task(&mut task)?;
                return Ok((task, true));
            }
            let count = tx.linked_count(client_id)?;
            if client_id.is_some() && count >= LINKED_MAX {
                return Err(LinkError::TooMany(count));
            }
            let spec = TaskSpec {
                prompt,
                project: rules.name,
                executor: rules.executor,
                model: None,
                plan_only: false,
                timeout_secs: 0,
                idempotency_key: None,
                base_branch: None,
                caller,
                priority: Priority::Normal,
                budget_usd: None,
                turns_max: None,
                estimate: None,
                resume: None,
            };
            let mut task = Task {
                id,
                spec,
                created_at: now,
                updated_at: now,
                cursor: 0,
                state,
                progress: Progress::default(),
                cost: Cost::default(),
                waited_ms: 0,
                workspace: None,
                run: None,
            };
            tx.insert_task(&mut task)?;
            Ok((task, false))
        };
        self.store.write(write).await
    }

    pub(super) async fn say(
        &mut self,
        id: &TaskId,
        text: String,
        by: String,
    ) -> Result<Uuid, SayError> {
        if text.trim().is_empty() {
            return Err(SayError::Empty);
        }
        let (bytes, max) = (text.len(), self.settings.prompt_bytes_max);
        if bytes > max {
            return Err(SayError::TooLong { bytes, max });
        }
        let Some(mut task) = self.current(id)? else { return Err(SayError::NotFound(id.clone())) };
        let hears = matches!(
            task.state,
            TaskState::Running { phase: Phase::Agent, .. } | TaskState::NeedsInput { .. }
        );
        let state = task.state.name();
        let Some(run) = task.run.as_mut().filter(|_| hears) else {
            return Err(SayError::NotRunning { id: id.clone(), state });
        };
        let executor = self.surroundings.executors.get(&task.spec.executor);
        if !executor.is_some_and(|executor| executor.capabilities().follow_up) {
            return Err(SayError::NotSupported(task.spec.executor));
        }
        if run.follow_ups.len() >= FOLLOW_UPS_MAX {
            return Err(SayError::TooMany(run.follow_ups.len()));
        }
        let message = FollowUp { id: self.random_uuid(), text };
        run.follow_ups.push(message.clone());
        let told = report::follow_up(&message, by);
        let write = move |tx: &mut crate::store::WriteTx<'_>| {
            tx.update_task(&mut task, &[told])?;
            Ok::<_, StoreError>(task)
        };
        let task = self.store.write(write).await?;
        self.keep(&task);
        let message_id = message.id;
        self.command(id, Command::Say(message));
        Ok(message_id)
    }
}
