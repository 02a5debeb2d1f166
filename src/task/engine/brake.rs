//! Carrying out what the budgets decide: see [`crate::task::budget`].
use super::Engine;
use crate::executor::Pace;
use crate::model::{CancelReason, DaySpending, Phase, Task, TaskId, TaskState};
use crate::store::StoreError;
use crate::task::budget::{Allowance, Brake};
use crate::task::settings::ProjectRules;

impl Engine {
    pub(super) const fn brake<'a>(&self, rules: &'a ProjectRules) -> Brake<'a> {
        Brake { budget: self.settings.budget, rules }
    }

    /// What today has cost so far; the store knows, also after a restart.
    pub(super) fn spent(&self) -> Result<DaySpending, StoreError> {
        self.store.read(|tx| tx.spending(self.clock.now()))
    }

    /// What a run of `task` may still use up. Without a database it is what the task may cost; the
    /// next step looks again.
    pub(super) fn allowance(&self, task: &Task, rules: &ProjectRules) -> Allowance {
        let spent = self.spent().unwrap_or_else(|error| {
            tracing::warn!(task = %task.id, %error, "what today has cost is not known");
            DaySpending::default()
        });
        self.brake(rules).allowance(task, &spent)
    }

    /// Begins to end every task that has used up what it may; the money of a day is everybody's, so
    /// that one report may end all of them.
    pub(super) async fn stop_what_is_over_budget(&mut self) {
        if self.active.is_empty() {
            return;
        }
        let spent = match self.spent() {
            Ok(spent) => spent,
            Err(error) => {
                tracing::warn!(%error, "what today has cost is not known; will look again");
                return;
            }
        };
        for (id, message) in self.over_budget(&spent) {
            tracing::info!(task = %id, message, "task stopped by its budget");
            let reason = CancelReason::Budget { message };
            if let Err(error) = self.cancel(&id, reason, Pace::Orderly).await {
                tracing::warn!(task = %id, %error, "could not end a task without a budget");
            }
        }
    }

    /// Tasks with an agent, or about to have one; what is only being collected costs nothing more.
    fn over_budget(&self, spent: &DaySpending) -> Vec<(TaskId, String)> {
        let works = |task: &Task| {
            matches!(
                task.state,
                TaskState::Running { phase: Phase::Preparing | Phase::Agent, .. }
                    | TaskState::NeedsInput { .. }
            )
        };
        let tasks = self.active.values().map(|active| &active.task).filter(|task| works(task));
        let over = tasks.filter_map(|task| {
            let rules = self.rules_or_none(task);
            Some((task.id.clone(), self.brake(&rules).exceeded(task, spent)?))
        });
        over.collect()
    }
}
