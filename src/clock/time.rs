//! [`Timestamp`] and the clocks that make one.
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A moment in milliseconds since the Unix epoch, as stored and as sent.
#[derive(
    Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment moved forward, saturating at the end of time.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time passed since `earlier`; zero when the clock went backwards.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// RFC 3339 in UTC with milliseconds, such as `2026-11-20T05:41:06.120Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(moment) => write!(f, "{moment:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

/// A future that ends when a clock says so.
pub(super) type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Where time comes from.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Waits for `span`. Cancel-safe.
    fn sleep(&self, span: Duration) -> Sleep<'_>;
}

/// The system's clock and tokio's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn sleep(&self, span: Duration) -> Sleep<'_> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// A clock that stands still until it is moved; sleepers wake when it passes their moment.
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
    advance: Mutex<()>,
}

impl ManualClock {
    /// A clock standing at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self { now: watch::Sender::new(start), advance: Mutex::new(()) }
    }

    /// Moves the clock forward and wakes whoever slept until then.
    pub fn advance(&self, span: Duration) {
        let _one_at_a_time = self.advance.lock();
        self.now.send_modify(|now| *now = now.after(span));
    }

    /// Sets the clock, also backwards, as a user or NTP might.
    pub fn set(&self, to: Timestamp) {
        self.now.send_replace(to);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn sleep(&self, span: Duration) -> Sleep<'_> {
        let mut now = self.now.subscribe();
        let until = self.now().after(span);
        Box::pin(async move {
            // The sender lives in `self`, which this future borrows, so the wait cannot fail.
            let _ = now.wait_for(|now| *now >= until).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_prints_as_rfc_3339_with_milliseconds() {
        let moment = Timestamp::from_millis(1_795_153_266_120);
        assert_eq!(moment.to_string(), "2026-11-20T05:41:06.120Z");
    }

    #[test]
    fn time_since_a_later_moment_is_zero() {
        let (early, late) = (Timestamp::from_millis(1), Timestamp::from_millis(5));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.since(early), Duration::from_millis(4));
    }

    #[tokio::test]
    async fn a_manual_clock_wakes_its_sleepers_when_it_passes_their_moment() {
        let clock = ManualClock::new(Timestamp::from_millis(0));
        let slept = clock.sleep(Duration::from_secs(60));
        clock.advance(Duration::from_secs(60));
        slept.await;
        assert_eq!(clock.now(), Timestamp::from_millis(60_000));
    }
}
