//! Who gets a free place, and what others see of the queue.
use std::collections::HashMap;

use super::Engine;
use crate::model::{DaySpending, Task};
use crate::task::handle::{Standing, Waits};
use crate::task::queue::Waiting;

impl Engine {
    pub(super) async fn start_waiting(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        while self.queue.len() > 0 {
            let begun = match self.spent() {
                Ok(spent) => match self.queue.next(self.room(&spent)).map(|next| next.id.clone()) {
                    Some(next) => self.begin(&next).await.map(|()| self.queue.remove(&next)),
                    None => return,
                },
                Err(error) => Err(error),
            };
            if let Err(error) = begun {
                tracing::warn!(%error, "no waiting task could be started; will try again");
                return;
            }
        }
    }

    /// Whether a task of a project may begin now: places and money, of the whole and of the project.
    /// One whose project has left the configuration may, to fail.
    pub(super) fn room(&self, spent: &DaySpending) -> impl Fn(&str) -> bool {
        let mut running: HashMap<&str, usize> = HashMap::new();
        for active in self.active.values() {
            *running.entry(&active.task.spec.project).or_default() += 1;
        }
        let is_free = self.active.len() < self.settings.max_concurrent;
        move |project| {
            let Ok(rules) = self.surroundings.workspaces.rules(Some(project)) else {
                return is_free;
            };
            let of_project = running.get(project).copied().unwrap_or(0);
            is_free && of_project < rules.max_concurrent && self.brake(&rules).allows(spent)
        }
    }

    /// Shows who waits and who holds the places, when that has changed.
    pub(super) fn tell_standing(&self) {
        let mut now = Standing::default();
        if self.queue.len() > 0 {
            let spent = self.spent().unwrap_or_default();
            let waits = |waiting: &Waiting| Waits {
                id: waiting.id.clone(),
                held_back: self.held_back(&waiting.project, &spent),
            };
            now.waiting = self.queue.iter().map(waits).collect();
            let mut holding: Vec<&Task> = self.active.values().map(|active| &active.task).collect();
            holding.sort_by_key(|task| (task.state.started_at(), task.created_at));
            now.holding = holding.into_iter().map(|task| task.id.clone()).collect();
        }
        self.standing.send_if_modified(|standing| {
            let changed = *standing != now;
            *standing = now;
            changed
        });
    }

    fn held_back(&self, project: &str, spent: &DaySpending) -> Option<String> {
        let rules = self.surroundings.workspaces.rules(Some(project)).ok()?;
        self.brake(&rules).day_message(spent)
    }
}
