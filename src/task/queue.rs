//! Who is next: first come, first served, within the limits of the whole and of each project.
use std::collections::{HashMap, VecDeque};

use crate::model::TaskId;

/// A waiting task.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Waiting {
    pub(super) id: TaskId,
    pub(super) project: String,
}

/// The waiting tasks, oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
}

impl Queue {
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn remove(&mut self, id: &TaskId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.id != *id);
        self.waiting.len() < before
    }

    pub(super) fn ids(&self, meant: impl Fn(&String) -> bool) -> Vec<TaskId> {
        let waiting = self.waiting.iter().filter(|waiting| meant(&waiting.project));
        waiting.map(|waiting| waiting.id.clone()).collect()
    }

    /// Takes the oldest task whose project has room; none when `free` is zero.
    ///
    /// `limit_of` tells how many tasks of a project may run, `running` how many do.
    pub(super) fn take(
        &mut self,
        free: usize,
        running: &HashMap<String, usize>,
        limit_of: impl Fn(&str) -> usize,
    ) -> Option<Waiting> {
        if free == 0 {
            return None;
        }
        let has_room = |waiting: &Waiting| {
            running.get(&waiting.project).copied().unwrap_or(0) < limit_of(&waiting.project)
        };
        let place = self.waiting.iter().position(has_room)?;
        self.waiting.remove(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    #[test]
    fn a_full_project_lets_the_next_one_pass_and_keeps_its_own_order() {
        let entropy = SeededEntropy::new(1);
        let mut queue = Queue::default();
        let mut push = |project: &str| {
            let waiting = Waiting { id: TaskId::random(&entropy), project: project.into() };
            queue.push(waiting.clone());
            waiting
        };
        let (first, second, other) = (push("a"), push("a"), push("b"));
        let mut running = HashMap::new();
        assert_eq!(queue.take(0, &running, |_| 1), None);
        assert_eq!(queue.take(3, &running, |_| 1), Some(first));
        running.insert("a".to_owned(), 1);
        assert_eq!(queue.take(2, &running, |_| 1), Some(other));
        assert_eq!(queue.take(1, &running, |_| 1), None);
        running.clear();
        assert_eq!(queue.take(1, &running, |_| 1), Some(second));
    }
}
