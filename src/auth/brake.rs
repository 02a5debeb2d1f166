//! A brake on guessing: one bucket for everybody together and one for each source.
//!
//! A token is taken by each attempt and given back by a right one, so whoever knows the secret never
//! meets the brake of his own making; the share of one source is far below the whole, so that no
//! single stranger uses it up.
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::http::{Ingress, IngressKind};

/// Sources remembered at a time.
const SOURCES_MAX: usize = 1024;

/// Who tries: the way in, and the address where it is known. IPv6 by its /64, which one line holds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Source(IngressKind, Option<IpAddr>);

impl Source {
    pub(super) fn of(ingress: Ingress) -> Self {
        let client = ingress.client.map(|address| match address.to_canonical() {
            IpAddr::V6(v6) => {
                let network = u128::from(v6) & !u128::from(u64::MAX);
                IpAddr::V6(network.into())
            }
            v4 @ IpAddr::V4(_) => v4,
        });
        Self(ingress.kind, client)
    }
}

/// How many attempts at once, and how long until another one is granted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) burst: u32,
    pub(super) refill: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Attempts used, in units of the refill time, at `at`.
    used: Duration,
    at: Timestamp,
}

impl Bucket {
    const fn new(at: Timestamp) -> Self {
        Self { used: Duration::ZERO, at }
    }

    fn drain(&mut self, now: Timestamp) {
        self.used = self.used.saturating_sub(now.since(self.at));
        self.at = now;
    }

    /// How long until an attempt is free; zero when one is.
    fn wait(&self, rate: Rate) -> Duration {
        (self.used + rate.refill).saturating_sub(rate.refill * rate.burst)
    }
}

/// The brake.
#[derive(Debug)]
pub(super) struct Brake {
    everybody: Rate,
    each: Rate,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    everybody: Bucket,
    each: HashMap<Source, Bucket>,
}

impl Brake {
    pub(super) fn new(everybody: Rate, each: Rate, now: Timestamp) -> Self {
        let state = State { everybody: Bucket::new(now), each: HashMap::new() };
        Self { everybody, each, state: Mutex::new(state) }
    }

    /// Takes an attempt.
    ///
    /// # Errors
    ///
    /// How long to wait when there is none.
    pub(super) fn take(&self, source: Source, now: Timestamp) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.each.len() >= SOURCES_MAX && !state.each.contains_key(&source) {
            make_room(&mut state.each, now);
        }
        let mut own = state.each.get(&source).copied().unwrap_or(Bucket::new(now));
        own.drain(now);
        state.everybody.drain(now);
        let wait = own.wait(self.each).max(state.everybody.wait(self.everybody));
        if !wait.is_zero() {
            return Err(wait);
        }
        own.used += self.each.refill;
        state.each.insert(source, own);
        state.everybody.used += self.everybody.refill;
        Ok(())
    }

    /// Gives an attempt back: it was right.
    pub(super) fn give_back(&self, source: Source) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.everybody.used = state.everybody.used.saturating_sub(self.everybody.refill);
        if let Some(own) = state.each.get_mut(&source) {
            own.used = own.used.saturating_sub(self.each.refill);
        }
    }
}

/// Forgets who has recovered; when nobody has, whoever is nearest to it.
fn make_room(each: &mut HashMap<Source, Bucket>, now: Timestamp) {
    each.retain(|_, bucket| now.since(bucket.at) < bucket.used);
    if each.len() >= SOURCES_MAX {
        let nearest = each.iter().min_by_key(|(_, it)| it.used.saturating_sub(now.since(it.at)));
        if let Some(nearest) = nearest.map(|(source, _)| *source) {
            each.remove(&nearest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(secs * 1000)
    }

    fn source(n: u32) -> Source {
        let client = Some(IpAddr::V4(Ipv4Addr::from_bits(n)));
        Source::of(Ingress { kind: IngressKind::Tunnel, client })
    }

    fn brake() -> Brake {
        let each = Rate { burst: 3, refill: 5 * SECOND };
        Brake::new(Rate { burst: 10, refill: SECOND }, each, at(0))
    }

    #[test]
    fn one_source_uses_up_its_own_share_only() {
        let brake = brake();
        for _ in 0..3 {
            assert_eq!(brake.take(source(1), at(0)), Ok(()));
        }
        assert_eq!(brake.take(source(1), at(0)), Err(5 * SECOND));
        assert_eq!(brake.take(source(2), at(0)), Ok(()));
        assert_eq!(brake.take(source(1), at(5)), Ok(()));
    }

    #[test]
    fn many_sources_together_meet_the_common_brake() {
        let brake = brake();
        let passed = (0..100).filter(|n| brake.take(source(*n), at(0)).is_ok()).count();
        assert_eq!(passed, 10);
        assert_eq!(brake.take(source(200), at(1)), Ok(()));
        assert!(brake.take(source(201), at(1)).is_err());
    }

    #[test]
    fn a_right_attempt_costs_nothing() {
        let brake = brake();
        for _ in 0..1_000 {
            assert_eq!(brake.take(source(1), at(0)), Ok(()));
            brake.give_back(source(1));
        }
    }

    #[test]
    fn no_number_of_sources_grows_the_memory() {
        let rate = Rate { burst: 1_000_000, refill: Duration::from_millis(1) };
        let brake = Brake::new(rate, Rate { burst: 3, refill: 5 * SECOND }, at(0));
        for n in 0..10_000 {
            let _ = brake.take(source(n), at(0));
        }
        assert!(brake.state.lock().unwrap().each.len() <= SOURCES_MAX);
    }

    #[test]
    fn one_ipv6_line_is_one_source() {
        let of = |text: &str| {
            let client = Some(text.parse().unwrap());
            Source::of(Ingress { kind: IngressKind::Tunnel, client })
        };
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
