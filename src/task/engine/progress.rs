//! What drivers tell: workspaces, reports, ends.
use uuid::Uuid;

use super::{Engine, OpenRequest};
use crate::clock::Entropy;
use crate::executor::{Command, Ended, Item, Report};
use crate::model::{
    Decision, End, EventKind, Failure, FailureKind, Outcome, Phase, Run, Task, TaskId, TaskState,
    Verdict as Judgement,
};
use crate::store::StoreError;
use crate::task::news::{NewsKind, Verdict};
use crate::task::report::{self, Applied};
use crate::task::settings::{Prepared, Settled, WorkspaceError};

impl Engine {
    pub(super) async fn take_news(
        &mut self,
        id: &TaskId,
        kind: NewsKind,
    ) -> Result<Verdict, StoreError> {
        let Some(active) = self.active.get(id) else { return Ok(Verdict::Stop) };
        let task = active.task.clone();
        match kind {
            NewsKind::Prepared(Ok(prepared)) => self.prepared(task, prepared).await,
            NewsKind::Prepared(Err(error)) => {
                let settled = Ok(Settled::default());
                let failure = Failure { kind: FailureKind::Workspace, message: error.to_string() };
                let verdict = Judgement::Failed(failure);
                let ended = Ended { verdict, answer: None, notes: Vec::new() };
                self.settled(task, Some(ended), settled).await
            }
            NewsKind::Report(report) => self.reported(task, report).await,
            NewsKind::RunEnded => self.run_ended(task).await,
            NewsKind::Settled { ended, settled } => self.settled(task, ended, settled).await,
        }
    }

    pub(super) async fn prepared(
        &mut self,
        mut task: Task,
        prepared: Prepared,
    ) -> Result<Verdict, StoreError> {
        let mut events: Vec<EventKind> =
            prepared.notes.into_iter().map(|text| EventKind::Note { text }).collect();
        task.workspace = Some(prepared.workspace);
        let Ok(state) = task.state.clone().advance(Phase::Agent) else {
            // Cancelled meanwhile: there is nothing to collect and nobody to end.
            let outcome = Outcome::default();
            let verdict = Judgement::Unknown(report::WITHOUT_AGENT.to_owned());
            let end = End { verdict, outcome };
            return self.finish(task, end, events).await;
        };
        task.run = Some(Run {
            dir: self.settings.tasks_dir.join(task.id.as_str()).join("run"),
            session_id: task.session_id().unwrap_or_else(|| self.random_uuid()),
            offset: 0,
            follow_ups: Vec::new(),
        });
        events.extend(report::started(&task, false));
        let task = self.save(task, state, events).await?;
        self.keep(&task);
        Ok(Verdict::GoOn(Box::new(task)))
    }

    pub(super) fn random_uuid(&self) -> Uuid {
        let entropy: &dyn Entropy = &*self.entropy;
        uuid::Builder::from_random_bytes(entropy.bytes()).into_uuid()
    }

    pub(super) async fn reported(
        &mut self,
        task: Task,
        report: Report,
    ) -> Result<Verdict, StoreError> {
        let now = self.clock.now();
        let expires_at = now.after(self.settings.request_timeout);
        let entropy = self.entropy.clone();
        let costs = report.items.iter().any(|item| matches!(item, Item::Usage { .. }));
        let classes = report::classes(&task, &report);
        let change = move |tx: &mut crate::store::WriteTx<'_>| {
            report::apply(tx, task, report, &classes, &*entropy, expires_at)
        };
        let Applied { task, open, granted } = self.store.write(change).await?;
        if let Some(active) = self.active.get_mut(&task.id) {
            active.open = open.iter().map(OpenRequest::of).collect();
        }
        self.keep(&task);
        if costs {
            self.stop_what_is_over_budget().await;
        }
        for agent_ref in granted {
            self.command(&task.id, Command::Answer { agent_ref, decision: Decision::Allow });
        }
        Ok(Verdict::GoOn(Box::new(task)))
    }

    pub(super) async fn run_ended(&mut self, task: Task) -> Result<Verdict, StoreError> {
        let now = self.clock.now();
        // A task being cancelled stays so while its work is collected.
        let state = task.state.clone().advance(Phase::Settling).unwrap_or(task.state.clone());
        let close = move |tx: &mut crate::store::WriteTx<'_>| {
            let mut task = task;
            let mut events = report::withdraw_open(tx, &task.id, now)?;
            task.state = state;
            events.extend(report::unheard(&mut task));
            events.push(EventKind::Settling);
            tx.update_task(&mut task, &events)?;
            Ok::<_, StoreError>(task)
        };
        let task = self.store.write(close).await?;
        if let Some(active) = self.active.get_mut(&task.id) {
            active.open.clear();
        }
        self.keep(&task);
        Ok(Verdict::GoOn(Box::new(task)))
    }

    pub(super) async fn settled(
        &mut self,
        task: Task,
        ended: Option<Ended>,
        settled: Result<Settled, WorkspaceError>,
    ) -> Result<Verdict, StoreError> {
        let end = report::end_of(&task, ended, settled);
        self.finish(task, end, Vec::new()).await
    }

    pub(super) async fn finish(
        &mut self,
        task: Task,
        end: End,
        mut events: Vec<EventKind>,
    ) -> Result<Verdict, StoreError> {
        let id = task.id.clone();
        if let Ok(state) = task.state.clone().end(end, self.clock.now()) {
            events.push(report::ended(&state));
            let worked = report::worked(&task, self.clock.now());
            let close = move |tx: &mut crate::store::WriteTx<'_>| {
                let mut task = Task { state, ..task };
                if let (TaskState::Completed { .. }, Some(millis)) = (&task.state, worked) {
                    tx.add_duration(&task.spec, millis)?;
                }
                tx.update_task(&mut task, &events)?;
                Ok::<_, StoreError>(task)
            };
            let task = self.store.write(close).await?;
            tracing::info!(task = %id, state = task.state.name(), "task over");
        }
        self.active.remove(&id);
        Ok(Verdict::Stop)
    }
}
