//! How long tasks of a kind take, from those that were done.
use std::fmt;

use serde::{Deserialize, Serialize};

/// Fewer tasks than this tell nothing.
const SAMPLES_MIN: usize = 5;

/// How long such tasks usually take. Made from real ones only.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Half of them took no longer, in seconds.
    pub median_secs: u64,
    /// Four of five took no longer, in seconds.
    pub p80_secs: u64,
    /// How many it is made from.
    pub samples: u64,
}

impl Estimate {
    /// What working times in milliseconds tell; none when there are fewer than five.
    #[must_use]
    pub fn of(mut millis: Vec<u64>) -> Option<Self> {
        if millis.len() < SAMPLES_MIN {
            return None;
        }
        millis.sort_unstable();
        // The nearest rank: the smallest value that so many per cent do not exceed.
        let rank = |percent: usize| millis[(millis.len() * percent).div_ceil(100) - 1] / 1000;
        let samples = u64::try_from(millis.len()).unwrap_or(u64::MAX);
        Some(Self { median_secs: rank(50), p80_secs: rank(80), samples })
    }
}

/// `usually takes about 4 min (4 of 5 within 9 min)`.
impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = |secs: u64| secs.saturating_add(30) / 60;
        match minutes(self.median_secs) {
            0 => f.write_str("usually takes less than a minute")?,
            median => write!(f, "usually takes about {median} min")?,
        }
        write!(f, " (4 of 5 within {} min)", minutes(self.p80_secs).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_tasks_tell_nothing_and_five_their_median_and_their_80th_percentile() {
        assert_eq!(Estimate::of(vec![60_000; 4]), None);
        let five = Estimate::of(vec![600_000, 60_000, 120_000, 240_000, 180_000]).unwrap();
        assert_eq!(five, Estimate { median_secs: 180, p80_secs: 240, samples: 5 });
        assert_eq!(five.to_string(), "usually takes about 3 min (4 of 5 within 4 min)");
    }

    #[test]
    fn what_takes_seconds_is_not_said_to_take_a_minute() {
        let quick = Estimate::of(vec![4_000; 9]).unwrap();
        assert_eq!(quick.to_string(), "usually takes less than a minute (4 of 5 within 1 min)");
    }
}
