//! How many requests one caller may make: a token bucket each, in a table of bounded size.
//!
//! Callers are told apart by a bearer token that was found good before, otherwise by address. A
//! token nobody has vouched for never gets a bucket of its own, so making up tokens buys nothing,
//! and a good one is never held up by what strangers do.
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::ingress::{Ingress, IngressKind};
use crate::clock::Clock;

/// Buckets kept at most; each is 16 bytes and the table's overhead.
const BUCKETS_MAX: usize = 4096;
/// Tokens remembered as good at most.
const VOUCHED_MAX: usize = 1024;

/// The buckets of all callers.
#[derive(Debug)]
pub struct RateLimit {
    clock: Arc<dyn Clock>,
    hasher: RandomState,
    interval_micros: i64,
    burst_micros: i64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// By hashed caller: when its bucket will be full again, in microseconds since the epoch.
    full_at: HashMap<u64, i64>,
    /// By hashed token: when it was last used.
    vouched: HashMap<u64, i64>,
}

/// A refusal, and after how many seconds asking again makes sense.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetryAfter(pub u64);

impl RateLimit {
    /// Allows each caller `per_minute` requests a minute, and `burst` at once.
    #[must_use]
    pub fn new(per_minute: u32, burst: u32, clock: Arc<dyn Clock>) -> Self {
        let interval_micros = 60_000_000 / i64::from(per_minute.max(1));
        Self {
            clock,
            hasher: RandomState::new(),
            interval_micros,
            burst_micros: interval_micros * i64::from(burst.max(1)),
            table: Mutex::default(),
        }
    }

    /// Entries in the two tables, for `status` and tests.
    #[must_use]
    pub fn entries(&self) -> usize {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.full_at.len() + table.vouched.len()
    }

    pub(super) fn token(&self, bearer: &[u8]) -> u64 {
        self.hasher.hash_one(("bearer", bearer))
    }

    /// Takes one request from the bucket of a vouched-for token; `None` when it is not one.
    pub(super) fn take_vouched(&self, token: u64) -> Option<Result<(), RetryAfter>> {
        let now = self.now_micros();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        *table.vouched.get_mut(&token)? = now;
        Some(self.take(&mut table, token, now))
    }

    /// Takes one request from the bucket of an address by one way in, or of the whole way in where the
    /// address is not known. IPv6 addresses count by their /64.
    pub(super) fn take_from(&self, ingress: &Ingress) -> Result<(), RetryAfter> {
        let key = self.hasher.hash_one(Key::of(ingress));
        let now = self.now_micros();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        self.take(&mut table, key, now)
    }

    fn vouch(&self, token: u64) {
        let now = self.now_micros();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut table.vouched, token, VOUCHED_MAX);
        table.vouched.insert(token, now);
    }

    fn forget(&self, token: u64) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.vouched.remove(&token);
    }

    /// The generic cell rate algorithm: a bucket is the moment at which it will be full again.
    fn take(&self, table: &mut Table, key: u64, now: i64) -> Result<(), RetryAfter> {
        // A clock that was set back must not lock anybody out for longer than a whole bucket.
        let latest = now.saturating_add(self.burst_micros);
        if let Some(full_at) = table.full_at.get_mut(&key) {
            *full_at = (*full_at).clamp(now, latest);
            let after = *full_at + self.interval_micros;
            if after > latest {
                let wait = u64::try_from(after - latest).unwrap_or(0);
                return Err(RetryAfter(wait.div_ceil(1_000_000).max(1)));
            }
            *full_at = after;
            return Ok(());
        }
        if table.full_at.len() >= BUCKETS_MAX {
            table.full_at.retain(|_, full_at| *full_at > now);
        }
        make_room(&mut table.full_at, key, BUCKETS_MAX);
        // A bucket holds one request at least.
        table.full_at.insert(key, now + self.interval_micros);
        Ok(())
    }

    fn now_micros(&self) -> i64 {
        self.clock.now().as_millis().saturating_mul(1000)
    }
}

/// Drops the entry with the oldest moment when `key` would be one too many.
fn make_room(entries: &mut HashMap<u64, i64>, key: u64, max: usize) {
    if entries.len() < max || entries.contains_key(&key) {
        return;
    }
    if let Some(oldest) = entries.iter().min_by_key(|(_, at)| **at).map(|(key, _)| *key) {
        entries.remove(&oldest);
    }
}

/// The way in counts beside the address: behind a reverse proxy of the owner's that is not trusted
/// every visitor has the loopback address, and must not use up what the owner has there.
#[derive(Hash)]
struct Key {
    way: IngressKind,
    client: Option<IpAddr>,
}

impl Key {
    fn of(ingress: &Ingress) -> Self {
        let client = ingress.client.map(|address| match address {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            v4 @ IpAddr::V4(_) => v4,
        });
        Self { way: ingress.kind, client }
    }
}

/// Rides on a request that carries a bearer token, from the guard to whoever checks the token.
#[derive(Clone, Debug)]
pub struct BearerTicket {
    limit: Arc<RateLimit>,
    token: u64,
    vouched: bool,
    exhausted: Option<RetryAfter>,
}

impl BearerTicket {
    pub(super) fn new(
        limit: Arc<RateLimit>,
        token: u64,
        vouched: bool,
        exhausted: Option<RetryAfter>,
    ) -> Self {
        Self { limit, token, vouched, exhausted }
    }

    /// The token was found good: from now on it has a bucket of its own.
    pub fn good(&self) {
        if !self.vouched {
            self.limit.vouch(self.token);
        }
    }

    /// The token was refused. Some when its sender has used up their requests, so that 429 is the
    /// answer rather than 401.
    #[must_use]
    pub fn refused(&self) -> Option<RetryAfter> {
        if self.vouched {
            self.limit.forget(self.token);
        }
        self.exhausted
    }
}

/// How long a refusal lasts at the longest: one whole bucket.
impl RetryAfter {
    /// As a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    fn limit(per_minute: u32, burst: u32) -> (Arc<RateLimit>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
        (Arc::new(RateLimit::new(per_minute, burst, clock.clone())), clock)
    }

    fn from(address: &str) -> Ingress {
        Ingress { kind: IngressKind::Tunnel, client: Some(address.parse().unwrap()) }
    }

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let (limit, clock) = limit(60, 3);
        let here = from("192.0.2.1");
        for _ in 0..3 {
            limit.take_from(&here).unwrap();
        }
        assert_eq!(limit.take_from(&here), Err(RetryAfter(1)));
        clock.advance(Duration::from_secs(1));
        limit.take_from(&here).unwrap();
        assert!(limit.take_from(&here).is_err());
    }

    #[test]
    fn addresses_of_one_ipv6_network_share_a_bucket_and_others_do_not() {
        let (limit, _) = limit(60, 1);
        limit.take_from(&from("2001:db8::1")).unwrap();
        assert!(limit.take_from(&from("2001:db8::2")).is_err());
        limit.take_from(&from("2001:db8:0:1::1")).unwrap();
        limit.take_from(&from("192.0.2.1")).unwrap();
    }

    #[test]
    fn visitors_of_a_proxy_on_this_machine_do_not_use_up_what_its_owner_has() {
        let (limit, _) = limit(60, 1);
        let visitor = from("127.0.0.1");
        limit.take_from(&visitor).unwrap();
        assert!(limit.take_from(&visitor).is_err());
        limit.take_from(&Ingress { kind: IngressKind::Local, ..visitor }).unwrap();
    }

    #[test]
    fn made_up_tokens_share_their_senders_bucket_and_a_good_one_has_its_own() {
        let (limit, _) = limit(60, 1);
        let stranger = from("192.0.2.1");
        limit.take_from(&stranger).unwrap();
        let good = limit.token(b"good");
        assert!(limit.take_vouched(good).is_none());
        BearerTicket::new(limit.clone(), good, false, None).good();
        assert_eq!(limit.take_vouched(good), Some(Ok(())));
        assert_eq!(limit.take_vouched(good), Some(Err(RetryAfter(1))));
        assert!(limit.take_from(&stranger).is_err());
    }

    #[test]
    fn a_revoked_token_loses_its_bucket() {
        let (limit, _) = limit(60, 1);
        let token = limit.token(b"t");
        BearerTicket::new(limit.clone(), token, false, None).good();
        assert_eq!(BearerTicket::new(limit.clone(), token, true, None).refused(), None);
        assert!(limit.take_vouched(token).is_none());
    }

    #[test]
    fn the_tables_stay_bounded_whatever_comes() {
        let (limit, clock) = limit(60, 5);
        for i in 0..20_000_u32 {
            let address = IpAddr::from(i.to_be_bytes());
            let ingress = Ingress { kind: IngressKind::Tunnel, client: Some(address) };
            limit.take_from(&ingress).unwrap();
            BearerTicket::new(limit.clone(), limit.token(&i.to_be_bytes()), false, None).good();
            clock.advance(Duration::from_millis(1));
        }
        assert!(limit.entries() <= BUCKETS_MAX + VOUCHED_MAX, "{}", limit.entries());
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let (limit, clock) = limit(60, 1);
        let here = from("192.0.2.1");
        limit.take_from(&here).unwrap();
        clock.set(Timestamp::from_millis(1_000));
        assert_eq!(limit.take_from(&here), Err(RetryAfter(1)));
        clock.advance(Duration::from_secs(1));
        limit.take_from(&here).unwrap();
    }
}
