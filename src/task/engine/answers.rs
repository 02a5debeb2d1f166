//! Cancelling tasks, and answering what they ask.
use super::{Engine, OpenRequest};
use crate::executor::{Command, Pace};
use crate::model::{
    Answer, Answerer, CancelReason, EventKind, Reply, Request, RequestId, RequestState, Task,
    TaskId, TaskState,
};
use crate::policy::{self, ChatMay};
use crate::store::StoreError;
use crate::task::error::{AnswerError, CancelError};
use crate::task::{decision, report};

impl Engine {
    pub(super) async fn cancel(
        &mut self,
        id: &TaskId,
        reason: CancelReason,
        pace: Pace,
    ) -> Result<Task, CancelError> {
        let Some(task) = self.current(id)? else { return Err(CancelError::NotFound(id.clone())) };
        if matches!(task.state, TaskState::Cancelling { .. }) {
            self.command(id, Command::Cancel(pace));
            return Ok(task);
        }
        let now = self.clock.now();
        let Ok(state) = task.state.clone().cancel(reason.clone(), now) else {
            return Err(CancelError::Over { id: id.clone(), state: task.state.name() });
        };
        let mut events = vec![EventKind::Cancelling { reason: reason.to_string() }];
        if state.is_final() {
            events.push(report::ended(&state));
        }
        let close = move |tx: &mut crate::store::WriteTx<'_>| {
            let mut task = task;
            events.extend(report::withdraw_open(tx, &task.id, now)?);
            task.state = state;
            tx.update_task(&mut task, &events)?;
            Ok::<_, StoreError>(task)
        };
        let task = self.store.write(close).await?;
        self.queue.remove(id);
        if let Some(active) = self.active.get_mut(id) {
            active.open.clear();
            active.cancel.cancel();
        }
        self.keep(&task);
        self.command(id, Command::Cancel(pace));
        Ok(task)
    }

    pub(super) async fn cancel_all(
        &mut self,
        reason: &CancelReason,
        projects: Option<&[String]>,
    ) -> Result<Vec<Task>, CancelError> {
        let meant = |project: &String| projects.is_none_or(|projects| projects.contains(project));
        // What waits goes first, or it would start in the places that become free.
        let mut ids = self.queue.ids(meant);
        let active = self.active.values().map(|active| &active.task);
        ids.extend(active.filter(|task| meant(&task.spec.project)).map(|task| task.id.clone()));
        let mut cancelled = Vec::new();
        for id in ids {
            match self.cancel(&id, reason.clone(), Pace::Emergency).await {
                Ok(task) => cancelled.push(task),
                Err(CancelError::Over { .. } | CancelError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(cancelled)
    }

    pub(super) async fn answer(
        &mut self,
        id: &RequestId,
        reply: Reply,
        by: Answerer,
    ) -> Result<Request, AnswerError> {
        let Some(request) = self.store.read(|tx| tx.request(id))? else {
            return Err(AnswerError::NotFound);
        };
        if request.state != RequestState::Open {
            return Err(AnswerError::Closed(request.state.name()));
        }
        let Some(active) = self.active.get(&request.task_id) else {
            return Err(AnswerError::TaskOver("over"));
        };
        if matches!(active.task.state, TaskState::Cancelling { .. }) {
            return Err(AnswerError::TaskOver("being cancelled"));
        }
        // Here and nowhere else, so that no way in leads around it.
        let chat = self.rules_of(&active.task).map(|rules| rules.chat_may_approve);
        let chat = chat.unwrap_or_else(|_| ChatMay::nothing());
        policy::check(&by, &request.kind, &reply, &chat)?;
        let now = self.clock.now();
        let decision = decision::of(reply, &request.kind, report::tree(&active.task), now)?;
        let answer = Answer { decision: decision.clone(), by };
        let state = RequestState::Answered { answer, at: now, delivered: false };
        let request = self.close_request(request, state).await?;
        let agent_ref = request.agent_ref.clone();
        self.command(&request.task_id, Command::Answer { agent_ref, decision });
        Ok(request)
    }

    /// Stores that a request is closed, and what that means for its task.
    pub(super) async fn close_request(
        &mut self,
        mut request: Request,
        state: RequestState,
    ) -> Result<Request, StoreError> {
        request.state = state;
        let Some(active) = self.active.get(&request.task_id) else { return Ok(request) };
        let mut task = active.task.clone();
        let remaining: Vec<OpenRequest> =
            active.open.iter().filter(|open| open.id != request.id).cloned().collect();
        let waited = self.clock.now().since(request.asked_at);
        let write = move |tx: &mut crate::store::WriteTx<'_>| {
            let next = remaining.first().map(|open| open.id.clone());
            report::close(tx, &mut task, &request, next, waited)?;
            Ok::<_, StoreError>((task, request, remaining))
        };
        let (task, request, remaining) = self.store.write(write).await?;
        if let Some(active) = self.active.get_mut(&task.id) {
            active.open = remaining;
        }
        self.keep(&task);
        Ok(request)
    }
}
