//! What is remembered of consent pages that somebody tried to answer: wrong codes, and the answer a
//! double tap is given again. Pages that nobody answered leave nothing here.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::digest::OpaqueToken;
use super::seal::LIFETIME;
use crate::clock::Timestamp;
use crate::model::TokenDigest;

/// Wrong codes that end an authorization request.
pub(super) const TRIES: u8 = 3;
/// How long a second tap gets the answer of the first.
const SAME_ANSWER: Duration = Duration::from_secs(60);
/// Requests remembered; the oldest gives way. Each wrong code costs a guess, which the brake counts
/// whatever is forgotten here.
const ENTRIES_MAX: usize = 16 * 1024;

/// By what the owner was recognised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Presence {
    Device,
    Code(TokenDigest),
}

/// What is known of a request.
#[derive(Debug)]
pub(super) enum Known {
    /// It may be answered.
    Open,
    /// It has ended by wrong codes.
    Ended,
    /// It was answered just now, by the same presence: there the browser goes.
    SameAnswer(OpaqueToken),
    /// It was answered.
    Answered,
}

#[derive(Debug)]
struct Entry {
    wrong: u8,
    at: Timestamp,
    answer: Option<(Presence, OpaqueToken)>,
}

/// The memory itself, by the ids of requests.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<HashMap<String, Entry>>);

impl Ledger {
    pub(super) fn look_up(&self, id: &str, presence: Presence, now: Timestamp) -> Known {
        let entries = self.lock();
        let Some(entry) = entries.get(id) else { return Known::Open };
        match &entry.answer {
            Some((by, location)) if *by == presence && now.since(entry.at) <= SAME_ANSWER => {
                Known::SameAnswer(location.clone())
            }
            Some(_) => Known::Answered,
            None if entry.wrong >= TRIES => Known::Ended,
            None => Known::Open,
        }
    }

    /// Counts a wrong code and returns how many tries are left.
    pub(super) fn wrong_code(&self, id: &str, now: Timestamp) -> u8 {
        let mut entries = self.lock();
        make_room(&mut entries, now);
        let entry =
            entries.entry(id.to_owned()).or_insert(Entry { wrong: 0, at: now, answer: None });
        entry.wrong = entry.wrong.saturating_add(1);
        entry.at = now;
        TRIES.saturating_sub(entry.wrong)
    }

    /// Remembers where an answered request sent its browser.
    pub(super) fn answered(&self, id: &str, by: Presence, location: &str, now: Timestamp) {
        let mut entries = self.lock();
        make_room(&mut entries, now);
        let answer = Some((by, OpaqueToken::new(location)));
        entries.insert(id.to_owned(), Entry { wrong: 0, at: now, answer });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }
}

fn make_room(entries: &mut HashMap<String, Entry>, now: Timestamp) {
    if entries.len() < 256 {
        return;
    }
    entries.retain(|_, entry| now.since(entry.at) <= LIFETIME);
    if entries.len() >= ENTRIES_MAX {
        let oldest = entries.iter().min_by_key(|(_, entry)| entry.at).map(|(id, _)| id.clone());
        oldest.and_then(|id| entries.remove(&id));
    }
}
