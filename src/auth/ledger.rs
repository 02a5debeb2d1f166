//! What is remembered of consent pages that somebody tried to answer: wrong codes, denials, and the
//! answer a double tap is given again. Pages that nobody answered leave nothing here.
//!
//! A request goes by its id: 128 random bits under the seal, so nobody makes one up for another. What
//! is known of it is kept until its page has expired, and then the seal refuses it.
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
/// Requests remembered of each kind; the oldest of its kind gives way, so that neither guesses nor
/// denials of strangers push out what the owner allowed. A forgotten wrong code is still counted by
/// the brake; filling the denials within the life of a page takes eighteen a second.
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
    /// It was denied, which is final.
    Denied,
}

/// The memory itself.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    wrong: Recent<u8>,
    denied: Recent<()>,
    answered: Recent<(Presence, OpaqueToken)>,
}

impl Ledger {
    pub(super) fn look_up(&self, id: &str, presence: Presence, now: Timestamp) -> Known {
        let entries = self.lock();
        if entries.denied.get(id).is_some() {
            return Known::Denied;
        }
        match entries.answered.get(id) {
            Some((at, (by, location))) if *by == presence && now.since(*at) <= SAME_ANSWER => {
                Known::SameAnswer(location.clone())
            }
            Some(_) => Known::Answered,
            None if entries.wrong.get(id).is_some_and(|(_, wrong)| *wrong >= TRIES) => Known::Ended,
            None => Known::Open,
        }
    }

    /// Counts a wrong code and returns how many tries are left.
    pub(super) fn wrong_code(&self, id: &str, now: Timestamp) -> u8 {
        let mut entries = self.lock();
        let wrong = entries.wrong.get(id).map_or(0, |(_, wrong)| *wrong).saturating_add(1);
        entries.wrong.insert(id, wrong, now);
        TRIES.saturating_sub(wrong)
    }

    /// Remembers that a request was denied; `false` when it was allowed before.
    pub(super) fn deny(&self, id: &str, now: Timestamp) -> bool {
        let mut entries = self.lock();
        if entries.answered.get(id).is_some() {
            return false;
        }
        if entries.denied.get(id).is_none() {
            entries.denied.insert(id, (), now);
        }
        true
    }

    /// Remembers where an answered request sent its browser.
    pub(super) fn answered(&self, id: &str, by: Presence, location: &str, now: Timestamp) {
        self.lock().answered.insert(id, (by, OpaqueToken::new(location)), now);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let entries = self.lock();
        entries.wrong.0.len() + entries.denied.0.len() + entries.answered.0.len()
    }
}

/// Something about requests, until their pages have expired.
#[derive(Debug)]
struct Recent<T>(HashMap<String, (Timestamp, T)>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T> Recent<T> {
    fn get(&self, id: &str) -> Option<&(Timestamp, T)> {
        self.0.get(id)
    }

    fn insert(&mut self, id: &str, what: T, now: Timestamp) {
        if self.0.len() >= 256 {
            self.0.retain(|_, (at, _)| now.since(*at) <= LIFETIME);
        }
        if self.0.len() >= ENTRIES_MAX {
            let oldest = self.0.iter().min_by_key(|(_, (at, _))| *at).map(|(id, _)| id.clone());
            oldest.and_then(|id| self.0.remove(&id));
        }
        self.0.insert(id.to_owned(), (now, what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_push_out_neither_an_answer_nor_more_than_the_oldest_denial() {
        let ledger = Ledger::default();
        let at = |millis| Timestamp::from_millis(millis);
        let known = |id: &str| ledger.look_up(id, Presence::Device, at(1));
        ledger.answered("owner", Presence::Device, "https://a.example/?code=x", at(0));
        assert!(ledger.deny("first", at(0)));
        for n in 0..ENTRIES_MAX {
            ledger.deny(&format!("d{n}"), at(1));
        }
        for n in 0..3 {
            ledger.wrong_code(&format!("w{n}"), at(1));
        }
        assert_eq!(ledger.len(), ENTRIES_MAX + 4);
        assert!(matches!(known("owner"), Known::SameAnswer(_)));
        assert!(matches!(known("d0"), Known::Denied));
        assert!(matches!(known("first"), Known::Open));
    }

    #[test]
    fn strangers_cannot_fill_the_denials_in_the_life_of_a_page() {
        assert!(u64::try_from(ENTRIES_MAX).unwrap() >= 18 * LIFETIME.as_secs());
    }

    #[test]
    fn what_has_expired_is_forgotten() {
        let ledger = Ledger::default();
        let at = |millis| Timestamp::from_millis(millis);
        for n in 0..300 {
            ledger.deny(&format!("d{n}"), at(0));
        }
        ledger.deny("later", at(0).after(LIFETIME + Duration::from_millis(1)));
        assert_eq!(ledger.len(), 1);
    }
}
