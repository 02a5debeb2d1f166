//! The one law of waiting before another try, and the count of what may be tried at all.
//!
//! Waits are full jitter below a ceiling: short for the first minute of an outage, so that a brief
//! one is over at once, then growing. The jitter is injected, the time is tokio's, so every figure
//! here is tested in virtual time. An outage ends only when the tunnel has been up for a while; a
//! tunnel that flaps keeps the longer waits it has earned.
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::TunnelError;

/// Draws a wait between zero and a ceiling.
pub trait Jitter: Send + Sync + 'static {
    /// A duration in `0..=ceiling`, uniformly.
    fn draw(&self, ceiling: Duration) -> Duration;
}

impl<F: Fn(Duration) -> Duration + Send + Sync + 'static> Jitter for F {
    fn draw(&self, ceiling: Duration) -> Duration {
        self(ceiling)
    }
}

/// How ceilings grow during an outage.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Law {
    /// Ceiling of the first wait; it doubles from there.
    pub first: Duration,
    /// Largest ceiling while the outage is younger than `fast_for`.
    pub fast_cap: Duration,
    /// How long an outage counts as young.
    pub fast_for: Duration,
    /// Largest ceiling of all; from `fast_for` on the ceiling doubles up to it.
    pub slow_cap: Duration,
    /// How long a tunnel must be up for its next loss to be a new outage.
    pub stable_after: Duration,
}

impl Default for Law {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            fast_cap: Duration::from_secs(1),
            fast_for: Duration::from_secs(60),
            slow_cap: Duration::from_secs(30),
            stable_after: Duration::from_secs(60),
        }
    }
}

/// Whether another try can help.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    /// It cannot: somebody must change something first.
    Never,
    /// By the provider's ordinary [`Law`].
    Law,
    /// Slower than the law, or only so often.
    Rule(RetryRule),
}

/// A slower or shorter way of trying again, for failures that say how they want to be treated.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RetryRule {
    /// Shortest wait; it doubles per try, with jitter above the floor, up to `cap`.
    pub floor: Duration,
    /// Longest wait; never below `floor`.
    pub cap: Duration,
    /// Give up after so many tries in a row with this failure.
    pub tries: Option<u32>,
    /// Give up when this failure has been the answer for so long.
    pub within: Option<Duration>,
}

impl RetryRule {
    /// Tries `tries` times at the law's pace.
    #[must_use]
    pub fn tries(tries: u32) -> Self {
        Self { tries: Some(tries), ..Self::default() }
    }

    /// Never sooner than `floor`, and never much later.
    #[must_use]
    pub fn at_least(floor: Duration) -> Self {
        Self { floor, cap: floor + floor / 5, ..Self::default() }
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Decision {
    /// Wait so long, then try again.
    Wait(Duration),
    /// Stop: it was tried so often, and never is never.
    GiveUp {
        /// Tries so far with this very failure.
        tries: u32,
    },
}

/// The state of one tunnel's waiting.
pub(crate) struct Backoff {
    law: Law,
    jitter: Arc<dyn Jitter>,
    outage: Option<Outage>,
    up_since: Option<Instant>,
}

struct Outage {
    began: Instant,
    free_try: bool,
    fast_tries: u32,
    slow_tries: u32,
    same: Option<Same>,
}

/// The run of one and the same failure.
struct Same {
    code: &'static str,
    tries: u32,
    began: Instant,
}

impl Backoff {
    pub(crate) fn new(law: Law, jitter: Arc<dyn Jitter>) -> Self {
        Self { law, jitter, outage: None, up_since: None }
    }

    /// The tunnel works.
    pub(crate) fn up(&mut self, now: Instant) {
        self.up_since = Some(now);
    }

    /// The tunnel was lost. After a stable time that is a new outage, whose first try is free.
    pub(crate) fn lost(&mut self, now: Instant) {
        let Some(since) = self.up_since.take() else { return };
        if now.duration_since(since) >= self.law.stable_after || self.outage.is_none() {
            self.outage = Some(Outage { free_try: true, ..Outage::began(now) });
        }
    }

    /// What to do after `cause`.
    pub(crate) fn decide(&mut self, now: Instant, cause: &TunnelError) -> Decision {
        let law = self.law;
        let outage = self.outage.get_or_insert_with(|| Outage::began(now));
        let same = outage.count(now, cause.code());
        let rule = match cause.retry() {
            Retry::Never => return Decision::GiveUp { tries: same.tries },
            Retry::Law => RetryRule::default(),
            Retry::Rule(rule) => rule,
        };
        let exhausted = rule.tries.is_some_and(|most| same.tries >= most)
            || rule.within.is_some_and(|most| now.duration_since(same.began) >= most);
        if exhausted {
            return Decision::GiveUp { tries: same.tries };
        }
        if rule.floor.is_zero() {
            return Decision::Wait(match outage.ceiling(now, &law) {
                Duration::ZERO => Duration::ZERO,
                ceiling => self.jitter.draw(ceiling).min(ceiling),
            });
        }
        let ceiling = doubled(rule.floor, same.tries.saturating_sub(1)).min(rule.cap);
        let spread = ceiling.saturating_sub(rule.floor);
        Decision::Wait(rule.floor + self.jitter.draw(spread).min(spread))
    }
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backoff").field("law", &self.law).finish_non_exhaustive()
    }
}

impl Outage {
    fn began(now: Instant) -> Self {
        Self { began: now, free_try: false, fast_tries: 0, slow_tries: 0, same: None }
    }

    fn count(&mut self, now: Instant, code: &'static str) -> &Same {
        let same = match self.same.take() {
            Some(same) if same.code == code => Same { tries: same.tries.saturating_add(1), ..same },
            _ => Same { code, tries: 1, began: now },
        };
        self.same.insert(same)
    }

    fn ceiling(&mut self, now: Instant, law: &Law) -> Duration {
        if std::mem::take(&mut self.free_try) {
            return Duration::ZERO;
        }
        if now.duration_since(self.began) < law.fast_for {
            let ceiling = doubled(law.first, self.fast_tries).min(law.fast_cap);
            self.fast_tries = self.fast_tries.saturating_add(1);
            return ceiling;
        }
        self.slow_tries = self.slow_tries.saturating_add(1);
        doubled(law.fast_cap, self.slow_tries).min(law.slow_cap)
    }
}

fn doubled(base: Duration, times: u32) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(times.min(31)))
}

/// At most so many openings in so long, for services that punish more.
#[derive(Debug)]
pub(crate) struct OpeningBudget {
    limit: Option<(u32, Duration)>,
    openings: VecDeque<Instant>,
}

impl OpeningBudget {
    pub(crate) fn new(limit: Option<(u32, Duration)>) -> Self {
        Self { limit, openings: VecDeque::new() }
    }

    /// Counts an opening that begins now.
    pub(crate) fn spend(&mut self, now: Instant) {
        if let Some((most, _)) = self.limit {
            self.openings.push_back(now);
            while self.openings.len() > most as usize {
                self.openings.pop_front();
            }
        }
    }

    /// Takes the last opening back: it never reached the service.
    pub(crate) fn refund(&mut self) {
        self.openings.pop_back();
    }

    /// The earliest moment another opening is allowed.
    pub(crate) fn earliest(&self, now: Instant) -> Instant {
        match (self.limit, self.openings.front()) {
            (Some((most, per)), Some(oldest)) if self.openings.len() >= most as usize => {
                (*oldest + per).max(now)
            }
            _ => now,
        }
    }
}

#[cfg(test)]
#[path = "backoff_tests.rs"]
mod tests;
