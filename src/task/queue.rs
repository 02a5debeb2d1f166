//! Who is next, within the limits of the whole and of each project.
//!
//! **The law.** A task's claim is the time it has waited plus the head start of its priority, and the
//! greatest claim goes first. All claims grow alike, so the order of two waiting tasks never changes,
//! and who comes later than the difference of the two head starts never passes: nobody starves behind
//! newcomers, for a low task is passed only by what comes within a day of it. Tasks of one priority
//! keep the order in which they came, whatever the clock does. A restart keeps the times of arrival
//! and so the order.
use std::time::Duration;

use crate::clock::Timestamp;
use crate::model::{Priority, Task, TaskId};

/// How much longer than it did a task counts as having waited.
const fn head_start(priority: Priority) -> Duration {
    match priority {
        Priority::Low => Duration::ZERO,
        Priority::Normal => Duration::from_hours(1),
        Priority::High => Duration::from_hours(4),
        Priority::Urgent => Duration::from_hours(24),
    }
}

/// A waiting task.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Waiting {
    pub(super) id: TaskId,
    pub(super) project: String,
    priority: Priority,
    since: Timestamp,
}

impl Waiting {
    pub(super) fn of(task: &Task) -> Self {
        Self {
            id: task.id.clone(),
            project: task.spec.project.clone(),
            priority: task.spec.priority,
            since: task.created_at,
        }
    }

    /// What the law makes of its claim without the present moment, which is the same for all: the
    /// smaller goes first.
    fn rank(&self) -> i64 {
        let head_start = i64::try_from(head_start(self.priority).as_millis()).unwrap_or(i64::MAX);
        self.since.as_millis().saturating_sub(head_start)
    }
}

/// The waiting tasks, in the order in which they are to begin.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
}

impl Queue {
    /// Takes in a task; those of earlier gateways in the order of their arrival.
    pub(super) fn push(&mut self, mut waiting: Waiting) {
        // A clock that was set back lets nobody pass their own kind.
        let alike = self.waiting.iter().filter(|other| other.priority == waiting.priority);
        let last = alike.map(|other| other.since).max();
        waiting.since = last.map_or(waiting.since, |last| last.max(waiting.since));
        let place = self.waiting.partition_point(|other| other.rank() <= waiting.rank());
        self.waiting.insert(place, waiting);
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn remove(&mut self, id: &TaskId) {
        self.waiting.retain(|waiting| waiting.id != *id);
    }

    /// The tasks of the projects that are `meant`, first come first.
    pub(super) fn ids(&self, meant: impl Fn(&String) -> bool) -> Vec<TaskId> {
        let waiting = self.waiting.iter().filter(|waiting| meant(&waiting.project));
        waiting.map(|waiting| waiting.id.clone()).collect()
    }

    /// The waiting tasks, in the order in which they are to begin.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter()
    }

    /// The first task whose project has room; it stays in the queue until it is removed.
    pub(super) fn next(&self, has_room: impl Fn(&str) -> bool) -> Option<&Waiting> {
        self.waiting.iter().find(|waiting| has_room(&waiting.project))
    }

    /// Whether a task that just came goes before all that wait and could begin.
    pub(super) fn is_first(&self, newcomer: &Waiting, has_room: impl Fn(&str) -> bool) -> bool {
        has_room(&newcomer.project)
            && self.next(has_room).is_none_or(|first| newcomer.rank() < first.rank())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::SeededEntropy;

    const DAY: i64 = 24 * 3_600_000;

    fn waiting(n: u64, project: &str, priority: Priority, since: i64) -> Waiting {
        let id = TaskId::random(&SeededEntropy::new(n));
        Waiting { id, project: project.into(), priority, since: Timestamp::from_millis(since) }
    }

    /// All of a queue, in the order in which it lets them begin.
    fn drained(mut queue: Queue) -> Vec<Waiting> {
        let mut order = Vec::new();
        while let Some(next) = queue.next(|_| true).cloned() {
            queue.remove(&next.id);
            order.push(next);
        }
        order
    }

    #[test]
    fn a_full_project_lets_the_next_one_pass_and_keeps_its_own_order() {
        let mut queue = Queue::default();
        let [first, second] = [1, 2].map(|n| waiting(n, "a", Priority::Normal, 0));
        let other = waiting(3, "b", Priority::Normal, 0);
        for task in [&first, &second, &other] {
            queue.push(task.clone());
        }
        assert_eq!(queue.next(|_| false), None);
        assert_eq!(queue.next(|project| project == "b"), Some(&other));
        assert_eq!(drained(queue), [first, second, other]);
    }

    #[test]
    fn urgent_overtakes_low_and_what_waited_long_enough_is_overtaken_no_more() {
        let mut queue = Queue::default();
        let low = waiting(1, "a", Priority::Low, 0);
        queue.push(low.clone());
        let soon = waiting(2, "a", Priority::Urgent, DAY - 1);
        assert!(queue.is_first(&soon, |_| true));
        assert!(!queue.is_first(&soon, |_| false), "there is no room for it");
        let late = waiting(3, "a", Priority::Urgent, DAY);
        assert!(!queue.is_first(&late, |_| true), "whoever waits comes first");
        queue.push(soon.clone());
        queue.push(late.clone());
        assert_eq!(drained(queue), [soon, low, late]);
    }

    #[test]
    fn a_clock_that_was_set_back_lets_nobody_pass_their_own_kind() {
        let mut queue = Queue::default();
        let tasks = [(1, 5_000), (2, 1_000), (3, 3_000)];
        let tasks = tasks.map(|(n, at)| waiting(n, "a", Priority::High, at));
        for task in &tasks {
            queue.push(task.clone());
        }
        let order: Vec<TaskId> = drained(queue).into_iter().map(|task| task.id).collect();
        assert_eq!(order, tasks.map(|task| task.id));
    }

    fn arrivals() -> impl Strategy<Value = Vec<Waiting>> {
        let one = (prop::sample::select(Priority::ALL.to_vec()), 0..DAY / 2);
        prop::collection::vec(one, 1..60).prop_map(|arrivals| {
            let mut at = 0;
            let arrived = arrivals.into_iter().enumerate().map(|(n, (priority, gap))| {
                at += gap;
                waiting(n as u64, "a", priority, at)
            });
            arrived.collect()
        })
    }

    proptest! {
        /// Bounded waiting: whatever comes a day after a task or later begins after it.
        #[test]
        fn nobody_is_passed_by_who_came_a_day_later(tasks in arrivals()) {
            let mut queue = Queue::default();
            for task in &tasks {
                queue.push(task.clone());
            }
            let order = drained(queue);
            prop_assert_eq!(order.len(), tasks.len());
            for (place, task) in order.iter().enumerate() {
                for earlier in &order[..place] {
                    prop_assert!(earlier.since.as_millis() < task.since.as_millis() + DAY);
                    // Within a class nobody passes at all.
                    let alike = earlier.priority == task.priority;
                    prop_assert!(!alike || earlier.since <= task.since);
                }
            }
        }

        /// Service in between changes nothing, and a queue made anew has the same order.
        #[test]
        fn the_order_is_the_same_after_a_restart_at_any_point(
            tasks in arrivals(), served in 0_usize..60
        ) {
            let mut queue = Queue::default();
            for task in &tasks {
                queue.push(task.clone());
            }
            for _ in 0..served {
                let Some(next) = queue.next(|_| true).cloned() else { break };
                queue.remove(&next.id);
            }
            let mut again = Queue::default();
            let left = queue.ids(|_| true);
            for task in tasks.iter().filter(|task| left.contains(&task.id)) {
                again.push(task.clone());
            }
            prop_assert_eq!(again.ids(|_| true), left);
        }

        /// Who may begin at once is whom the queue would have chosen.
        #[test]
        fn a_newcomer_begins_at_once_exactly_when_it_would_be_next(tasks in arrivals()) {
            let (newcomer, tasks) = tasks.split_last().unwrap();
            let mut queue = Queue::default();
            for task in tasks {
                queue.push(task.clone());
            }
            let first = queue.is_first(newcomer, |_| true);
            queue.push(newcomer.clone());
            prop_assert_eq!(first, queue.next(|_| true).unwrap().id == newcomer.id);
        }
    }
}
