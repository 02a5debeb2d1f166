//! What each client did on its way to the tools, for the owner to watch: in memory, bounded, without
//! secrets and without URLs.
//!
//! One rule: strangers have a small lane of their own. What anybody can do, in whatever name, stands
//! there, is counted where it repeats itself, and gives way to more of its kind. Only steps behind which
//! the owner stands come into the other lane; what a client did before he allowed it follows then.
//! A new step is a variant of [`Step`], a new cause of silence one of [`Obstacle`].
mod connection;
mod lane;
mod obstacle;
mod silence;
mod step;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

pub use self::connection::Connection;
pub use self::lane::Entry;
use self::lane::Lane;
pub use self::obstacle::{Cause, Obstacle};
use self::silence::Awaited;
pub use self::silence::Sender;
pub use self::step::{Party, Step, Who, Words};
use crate::clock::Clock;
use crate::model::FamilyId;

/// Entries of clients behind which the owner stands: all steps of some sixteen.
const OWNERS_MAX: usize = 256;
/// Entries of strangers.
const STRANGERS_MAX: usize = 64;
/// Within this time a step that is taken again is counted and not told again.
const OWNERS_QUIET: Duration = Duration::from_secs(1);
const STRANGERS_QUIET: Duration = Duration::from_secs(10);
/// Grants whose first call is remembered; a forgotten one is told again.
const GRANTS_MAX: usize = 256;
/// Entries that a follower begins with.
const RECENT: usize = 50;

/// The trace. Clones share it.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    newest: watch::Sender<u64>,
    /// Told when a token was issued whose first call is awaited.
    issued: Notify,
}

#[derive(Debug)]
struct State {
    newest: u64,
    owners: Lane,
    strangers: Lane,
    /// The oldest first.
    grants: Vec<Arc<Seen>>,
    awaited: Awaited,
}

/// What was seen of a grant since this process knows it.
#[derive(Debug)]
struct Seen {
    family: FamilyId,
    who: Who,
    called: AtomicBool,
    listed: AtomicBool,
    /// Whether a refusal is told of which no good call was told since. The client's grants share it,
    /// as they share its row.
    refused: Arc<AtomicBool>,
}

/// A part of the trace, oldest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Where to go on.
    pub cursor: u64,
    /// So many were told since the last page and have given way already; a thousand or so are counted.
    pub missed: u64,
}

impl Trace {
    /// An empty trace that tells time by `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State {
            newest: 0,
            owners: Lane::new(OWNERS_MAX, OWNERS_QUIET),
            strangers: Lane::new(STRANGERS_MAX, STRANGERS_QUIET),
            grants: Vec::new(),
            awaited: Awaited::default(),
        };
        let newest = watch::Sender::new(0);
        Self(Arc::new(Shared { clock, state: state.into(), newest, issued: Notify::new() }))
    }

    /// Notes a step.
    pub fn note(&self, party: Party, step: Step) {
        self.with(|state, trace| {
            trace.tell(state, party, step);
        });
    }

    /// Notes the first token of a new grant, whose first call is awaited from now on.
    pub fn token_issued(&self, family: FamilyId, who: Who, sender: Sender) {
        self.with(|state, trace| {
            trace.tell(state, Party::Owners(who.clone()), Step::TokenIssued);
            state.awaited.add(family, who, sender, trace.0.clock.now());
        });
        self.0.issued.notify_one();
    }

    /// The way to note calls under a grant.
    #[must_use]
    pub fn grant(&self, family: &FamilyId, who: impl FnOnce() -> Who) -> GrantTrace {
        let mut state = self.lock();
        let known = state.grants.iter().find(|seen| seen.family == *family).cloned();
        let seen = known.unwrap_or_else(|| {
            if state.grants.len() >= GRANTS_MAX {
                state.grants.remove(0);
            }
            let who = who();
            let sibling = state.grants.iter().find(|seen| seen.who.id == who.id);
            let seen = Arc::new(Seen {
                family: family.clone(),
                called: AtomicBool::new(false),
                listed: AtomicBool::new(false),
                refused: sibling.map(|seen| seen.refused.clone()).unwrap_or_default(),
                who,
            });
            state.grants.push(seen.clone());
            seen
        });
        GrantTrace(Some((self.clone(), seen)))
    }

    /// Notes a request that was turned away before anybody knew whose it is.
    pub fn turned_away(&self, from: Option<IpAddr>, obstacle: Obstacle) {
        self.with(|state, trace| {
            state.awaited.met_from(from, obstacle);
            let step = match obstacle {
                Obstacle::NoToken => Step::Challenged,
                other => Step::CallRefused(other),
            };
            trace.tell(state, Party::Stranger, step);
        });
    }

    /// Names the grants that stay silent, until the future is dropped. With none awaited it does nothing.
    pub async fn keep_watch(&self) {
        loop {
            let now = self.0.clock.now();
            self.with(|state, trace| {
                for (who, step) in state.awaited.take_due(now) {
                    trace.tell(state, Party::Owners(who), step);
                }
            });
            let due = self.lock().awaited.next_due();
            let issued = self.0.issued.notified();
            match due {
                None => issued.await,
                Some(due) => tokio::select! {
                    () = issued => {}
                    () = self.0.clock.sleep(due.since(now)) => {}
                },
            }
        }
    }

    /// The number of the newest entry, now and whenever there is another.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.0.newest.subscribe()
    }

    /// What was told after `cursor`; without one, what was told of late.
    #[must_use]
    pub fn after(&self, cursor: Option<u64>) -> Page {
        let state = self.lock();
        let told = |entry: &&Entry| cursor.is_none_or(|cursor| entry.seq > cursor);
        let lanes = state.owners.iter().chain(state.strangers.iter());
        let mut entries: Vec<Entry> = lanes.filter(told).cloned().collect();
        entries.sort_by_key(|entry| entry.seq);
        let missed = cursor.map_or(0, |cursor| {
            state.owners.lost_after(cursor) + state.strangers.lost_after(cursor)
        });
        if cursor.is_none() {
            entries.drain(..entries.len().saturating_sub(RECENT));
        }
        Page { entries, cursor: state.newest, missed }
    }

    /// How far each client of the owner's has come, the newest first.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        connection::of(self.lock().owners.iter())
    }

    fn with(&self, change: impl FnOnce(&mut State, &Self)) {
        let mut state = self.lock();
        let before = state.newest;
        change(&mut state, self);
        let newest = state.newest;
        drop(state);
        if newest != before {
            // Another thread may have told more meanwhile.
            self.0.newest.send_if_modified(|known| {
                let grows = newest > *known;
                *known = newest.max(*known);
                grows
            });
        }
    }

    /// `false` when the step is only counted.
    fn tell(&self, state: &mut State, party: Party, step: Step) -> bool {
        let (who, proven) = match party {
            Party::Stranger => (None, false),
            Party::Claimed(who) => (Some(who), false),
            Party::Owners(who) => (Some(who), true),
        };
        if let (true, Some(who)) = (proven, &who)
            && matches!(step, Step::ConsentAsked { .. } | Step::ConsentAllowed)
        {
            let before = state.strangers.give(&who.id);
            state.owners.take_over(before);
        }
        let lane = if proven { &mut state.owners } else { &mut state.strangers };
        let seq = state.newest + 1;
        let at = self.0.clock.now();
        let told = lane.note(Entry { seq, at, who, proven, step, times: 1 });
        if told {
            state.newest = seq;
        }
        told
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes what happens under one grant. Once its first call and its list of the tools are noted, and
/// while none is refused, this takes no lock and no memory.
#[derive(Clone, Debug, Default)]
pub struct GrantTrace(Option<(Trace, Arc<Seen>)>);

impl GrantTrace {
    /// Notes how an authenticated call was answered: until one was answered well, and the first that
    /// is so after a refusal.
    pub fn answered(&self, status: http::StatusCode) {
        let Some((trace, seen)) = &self.0 else { return };
        // Who lacks a scope has got through all the same, and asks for more.
        let arrived = !status.is_client_error() || status == http::StatusCode::FORBIDDEN;
        let called = seen.called.load(Ordering::Relaxed);
        let news = !called || (arrived && seen.refused.load(Ordering::Relaxed));
        // A client whose session is gone is told so by 404, and begins another.
        if !news || status.is_server_error() || status == http::StatusCode::NOT_FOUND {
            return;
        }
        if !arrived {
            return self.refused(match status {
                http::StatusCode::TOO_MANY_REQUESTS => Obstacle::TooMany,
                other => Obstacle::Status(other.as_u16()),
            });
        }
        trace.with(|state, trace| {
            let first = !seen.called.swap(true, Ordering::Relaxed);
            if !seen.refused.swap(false, Ordering::Relaxed) && !first {
                return;
            }
            state.awaited.arrived(&seen.family);
            let step = if first { Step::FirstCall } else { Step::CalledAgain };
            trace.tell(state, Party::Owners(seen.who.clone()), step);
        });
    }

    /// Notes that the tools were listed, the first time.
    pub fn listed(&self, count: usize) {
        let Some((trace, seen)) = &self.0 else { return };
        if !seen.listed.load(Ordering::Relaxed) && !seen.listed.swap(true, Ordering::Relaxed) {
            // It is answered before its call is: first things first.
            self.answered(http::StatusCode::OK);
            trace.note(Party::Owners(seen.who.clone()), Step::ToolsListed { count });
        }
    }

    /// Notes that a token of this grant was presented in vain.
    pub fn refused(&self, obstacle: Obstacle) {
        let Some((trace, seen)) = &self.0 else { return };
        trace.with(|state, trace| {
            state.awaited.met(&seen.family, obstacle);
            let step = Step::CallRefused(obstacle);
            if trace.tell(state, Party::Owners(seen.who.clone()), step) {
                seen.refused.store(true, Ordering::Relaxed);
            }
        });
    }
}
