//! A bounded row of steps in which what repeats itself is one entry.
use std::collections::VecDeque;
use std::time::Duration;

use super::step::{Step, Who};
use crate::clock::Timestamp;
use crate::model::ClientId;

/// Entries that gave way of which is known that they were there.
const LOST_MAX: usize = 1024;

/// A step that was taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its number; larger than that of every entry told before.
    pub seq: u64,
    /// When it was told.
    pub at: Timestamp,
    /// The client, where one is known.
    pub who: Option<Who>,
    /// Whether the owner stands behind the client; otherwise anybody may have taken the step.
    pub proven: bool,
    /// The step.
    pub step: Step,
    /// How often it was taken since it stands here.
    pub times: u64,
}

impl Entry {
    /// Whether both are the same kind of step of the same client.
    fn is_like(&self, other: &Self) -> bool {
        let same_client = match (&self.who, &other.who) {
            (Some(one), Some(other)) => one.id == other.id,
            (one, other) => one.is_none() && other.is_none(),
        };
        let same_step = match (&self.step, &other.step) {
            // There are a few kinds of these, and each has a cure of its own.
            (Step::CallRefused(one), Step::CallRefused(other)) => one == other,
            (one, other) => one.name() == other.name(),
        };
        same_client && same_step
    }

    fn is_of(&self, id: &ClientId) -> bool {
        self.who.as_ref().is_some_and(|who| who.id == *id)
    }
}

/// Entries, oldest first: one for each client and kind of step, and never more than `max`.
#[derive(Debug)]
pub(super) struct Lane {
    entries: VecDeque<Entry>,
    max: usize,
    /// The numbers of the latest entries that gave way to others, at most [`LOST_MAX`].
    lost: VecDeque<u64>,
    /// A step that is taken again so soon is counted and not told again.
    quiet: Duration,
}

impl Lane {
    pub(super) const fn new(max: usize, quiet: Duration) -> Self {
        Self { entries: VecDeque::new(), max, lost: VecDeque::new(), quiet }
    }

    /// Takes in a step; `false` when it is only counted.
    pub(super) fn note(&mut self, mut fresh: Entry) -> bool {
        if let Some(found) = self.entries.iter().position(|it| it.is_like(&fresh)) {
            let known = &mut self.entries[found];
            known.times = known.times.saturating_add(1);
            // What a stranger varies is no news. A good call is: it may end a refusal that was told.
            let ends_refusal = matches!(fresh.step, Step::FirstCall | Step::CalledAgain);
            let news = known.proven && (known.step != fresh.step || ends_refusal);
            // Nor is time that went backwards a reason to wait for it.
            let soon = fresh.at >= known.at && fresh.at.since(known.at) < self.quiet;
            if !news && soon {
                return false;
            }
            fresh.times = known.times;
            self.entries.remove(found);
        }
        self.push(fresh);
        true
    }

    /// Takes in what another lane had of a client behind which the owner turned out to stand.
    pub(super) fn take_over(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.entries.retain(|it| !it.is_like(&entry));
            self.push(Entry { proven: true, ..entry });
        }
    }

    /// Gives away how a client came to ask for its consent.
    pub(super) fn give(&mut self, id: &ClientId) -> Vec<Entry> {
        let (given, kept) =
            self.entries.drain(..).partition(|entry| entry.is_of(id) && entry.step.introduces());
        self.entries = kept;
        Vec::from(given)
    }

    /// How many entries told after `cursor` gave way; those beyond the latest [`LOST_MAX`] are not known.
    pub(super) fn lost_after(&self, cursor: u64) -> u64 {
        self.lost.iter().filter(|seq| **seq > cursor).count() as u64
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    fn push(&mut self, entry: Entry) {
        if self.entries.len() >= self.max {
            if self.lost.len() >= LOST_MAX {
                self.lost.pop_front();
            }
            self.lost.extend(self.entries.pop_front().map(|entry| entry.seq));
        }
        self.entries.push_back(entry);
    }
}
