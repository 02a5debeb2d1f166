//! A brake on guessing: one bucket for all who come by one way in, and one for each client address
//! where that way in tells addresses apart.
//!
//! A token is taken by each attempt and given back by a right one, so whoever knows the secret never
//! meets the brake of his own making. An address that many people share (loopback, which stands for
//! every user of this machine and for every visitor of a reverse proxy) or that is not known has no
//! bucket of its own: a stranger's guesses would be counted against the owner.
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::http::{Ingress, IngressKind};

/// Sources remembered at a time.
const SOURCES_MAX: usize = 1024;

/// Who tries: the way in, and the address where it stands for somebody. IPv6 by its /56, which one
/// line commonly holds, so that a /48, which anybody gets for nothing, is no more than 256 sources.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Source {
    way: IngressKind,
    client: Option<IpAddr>,
}

impl Source {
    pub(super) fn of(ingress: Ingress) -> Self {
        let client = ingress.client.map(|address| address.to_canonical());
        let client = client.filter(|it| !it.is_loopback() && !it.is_unspecified());
        let client = client.map(|address| match address {
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 72 << 72).into()),
            v4 @ IpAddr::V4(_) => v4,
        });
        Self { way: ingress.kind, client }
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

/// The brake. Nothing that is tried by one way in holds up another.
#[derive(Debug)]
pub(super) struct Brake {
    everybody: Rate,
    each: Rate,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    everybody: HashMap<IngressKind, Bucket>,
    each: HashMap<IpAddr, Bucket>,
}

impl Brake {
    pub(super) fn new(everybody: Rate, each: Rate) -> Self {
        Self { everybody, each, state: Mutex::default() }
    }

    /// Takes an attempt.
    ///
    /// # Errors
    ///
    /// How long to wait when there is none.
    pub(super) fn take(&self, source: Source, now: Timestamp) -> Result<(), Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let all = state.everybody.entry(source.way).or_insert(Bucket::new(now));
        all.drain(now);
        let mut wait = all.wait(self.everybody);
        if let Some(address) = source.client {
            if state.each.len() >= SOURCES_MAX && !state.each.contains_key(&address) {
                make_room(&mut state.each, now);
            }
            let mut own = state.each.get(&address).copied().unwrap_or(Bucket::new(now));
            own.drain(now);
            wait = wait.max(own.wait(self.each));
            if wait.is_zero() {
                own.used += self.each.refill;
                state.each.insert(address, own);
            }
        }
        if !wait.is_zero() {
            return Err(wait);
        }
        all.used += self.everybody.refill;
        Ok(())
    }

    /// Gives an attempt back: it was right.
    pub(super) fn give_back(&self, source: Source) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = state.everybody.get_mut(&source.way) {
            all.used = all.used.saturating_sub(self.everybody.refill);
        }
        if let Some(own) = source.client.and_then(|address| state.each.get_mut(&address)) {
            own.used = own.used.saturating_sub(self.each.refill);
        }
    }
}

/// Forgets who has recovered; when nobody has, whoever is nearest to it.
fn make_room(each: &mut HashMap<IpAddr, Bucket>, now: Timestamp) {
    each.retain(|_, bucket| now.since(bucket.at) < bucket.used);
    if each.len() >= SOURCES_MAX {
        let nearest = each.iter().min_by_key(|(_, it)| it.used.saturating_sub(now.since(it.at)));
        if let Some(nearest) = nearest.map(|(address, _)| *address) {
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
        Brake::new(Rate { burst: 10, refill: SECOND }, each)
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
    fn one_way_in_does_not_hold_up_another() {
        let brake = brake();
        while brake.take(source(0), at(0)).is_ok() || brake.take(source(1), at(0)).is_ok() {}
        for n in 2..20 {
            let _ = brake.take(source(n), at(0));
        }
        assert!(brake.take(source(20), at(0)).is_err());
        let local = Source::of(Ingress { kind: IngressKind::Local, client: None });
        assert_eq!(brake.take(local, at(0)), Ok(()));
    }

    #[test]
    fn an_address_that_stands_for_nobody_has_no_share_to_use_up() {
        for client in [None, Some("127.0.0.1"), Some("127.8.9.1"), Some("::1"), Some("0.0.0.0")] {
            let brake = brake();
            let client = client.map(|text| text.parse().unwrap());
            let source = Source::of(Ingress { kind: IngressKind::Tunnel, client });
            let passed = (0..100).filter(|_| brake.take(source, at(0)).is_ok()).count();
            assert_eq!(passed, 10, "{client:?}");
        }
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
        let brake = Brake::new(rate, Rate { burst: 3, refill: 5 * SECOND });
        for n in 0..10_000 {
            let _ = brake.take(source(n), at(0));
        }
        assert!(brake.state.lock().unwrap().each.len() <= SOURCES_MAX);
    }

    #[test]
    fn who_has_recovered_is_forgotten_first_and_nobody_else() {
        let rate = Rate { burst: 1_000_000, refill: Duration::from_millis(1) };
        let brake = Brake::new(rate, Rate { burst: 1, refill: 5 * SECOND });
        for n in 1..=1024 {
            let moment = if n <= 400 { at(0) } else { at(3) };
            assert_eq!(brake.take(source(n), moment), Ok(()));
        }
        assert_eq!(brake.take(source(2000), at(5)), Ok(()));
        assert_eq!(brake.state.lock().unwrap().each.len(), 624 + 1);
    }

    #[test]
    fn a_source_that_is_known_takes_nobodys_place() {
        let rate = Rate { burst: 1_000_000, refill: Duration::from_millis(1) };
        let brake = Brake::new(rate, Rate { burst: 1, refill: 5 * SECOND });
        let all = || (1..=1024).map(source);
        assert_eq!(all().count(), SOURCES_MAX);
        assert!(all().all(|source| brake.take(source, at(0)).is_ok()));
        assert!(all().all(|source| brake.take(source, at(0)).is_err()));
    }

    #[test]
    fn one_ipv6_line_is_one_source() {
        let of = |text: &str| {
            let client = Some(text.parse().unwrap());
            Source::of(Ingress { kind: IngressKind::Tunnel, client })
        };
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_eq!(of("2001:db8::1"), of("2001:db8:0:ff::1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:100::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
