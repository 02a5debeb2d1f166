//! Taking up what an earlier gateway left.
use std::path::PathBuf;

use super::{Engine, OpenRequest};
use crate::executor::{Command, Pace, Start};
use crate::model::{Decision, ProjectBudget, Request, RequestState, Task, TaskState};
use crate::policy::ChatMay;
use crate::store::StoreError;
use crate::task::decision;
use crate::task::queue::Waiting;
use crate::task::settings::ProjectRules;

impl Engine {
    pub(super) fn recover(&mut self) -> Result<(), StoreError> {
        for task in self.store.read(|tx| tx.unfinished_tasks())? {
            if task.state == TaskState::Queued {
                self.queue.push(Waiting::of(&task));
                continue;
            }
            let requests = self.store.read(|tx| tx.requests_of(&task.id))?;
            tracing::info!(task = %task.id, state = task.state.name(), "task found again");
            self.take_up(task, &requests);
        }
        Ok(())
    }

    /// The rules of a task's project; one that left the configuration does not take its running tasks
    /// along, and allows them nothing.
    pub(super) fn rules_or_none(&self, task: &Task) -> ProjectRules {
        self.rules_of(task).unwrap_or_else(|_| ProjectRules {
            name: task.spec.project.clone(),
            // Below which no session begins.
            folder: PathBuf::new(),
            executor: task.spec.executor.clone(),
            max_concurrent: 1,
            allowed_tools: Vec::new(),
            trust_project_config: false,
            chat_may_approve: ChatMay::nothing(),
            budget: ProjectBudget::default(),
        })
    }

    /// Takes up a task that an earlier gateway was driving.
    pub(super) fn take_up(&mut self, task: Task, requests: &[Request]) {
        let id = task.id.clone();
        let start =
            task.run.as_ref().map_or(Start::Fresh, |run| Start::Attach { offset: run.offset });
        let open = requests
            .iter()
            .filter(|request| request.state == RequestState::Open)
            .map(OpenRequest::of)
            .collect();
        let follow_ups = task.run.as_ref().map(|run| run.follow_ups.clone()).unwrap_or_default();
        let cancelling = matches!(task.state, TaskState::Cancelling { .. });
        let rules = self.rules_or_none(&task);
        self.drive(task, rules, start, open);
        for request in requests {
            if let Some(decision) = undelivered(request) {
                self.command(
                    &id,
                    Command::Answer { agent_ref: request.agent_ref.clone(), decision },
                );
            }
        }
        for message in follow_ups {
            self.command(&id, Command::Say(message));
        }
        if cancelling && let Some(active) = self.active.get(&id) {
            active.cancel.cancel();
            self.command(&id, Command::Cancel(Pace::Orderly));
        }
    }
}

/// The answer that an earlier gateway stored and perhaps did not deliver.
fn undelivered(request: &Request) -> Option<Decision> {
    match &request.state {
        RequestState::Answered { answer, delivered: false, .. } => Some(answer.decision.clone()),
        RequestState::Expired { delivered: false, .. } => Some(decision::of_silence(&request.kind)),
        _ => None,
    }
}
