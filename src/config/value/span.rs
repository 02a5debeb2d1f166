//! [`Span`]: a stretch of time such as `"30m"`.
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{InvalidValue, text_value};

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// The longest span that is accepted: ten years.
const MAX_SECS: u64 = 3_650 * 86_400;

/// A whole, positive number of seconds, written as `"90s"`, `"30m"`, `"24h"`, `"1h30m"` or `"90d"`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Span {
    secs: u64,
}

text_value!(Span, "a time such as \"90s\", \"30m\", \"24h\", \"1h30m\" or \"90d\"");

impl Span {
    /// `secs` seconds, for defaults that are known to be in range.
    pub(in crate::config) const fn of_secs(secs: u64) -> Self {
        assert!(secs > 0 && secs <= MAX_SECS, "a default is in range");
        Self { secs }
    }

    /// Its length in seconds; never zero.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.secs
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_secs(span.secs)
    }
}

impl FromStr for Span {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let shape = || InvalidValue::new("a time is a number and its unit (s, m, h, d)");
        let too_long = || InvalidValue::new("a time is at most ten years (\"3650d\")");
        let (mut rest, mut secs, mut larger_unit) = (text, 0_u64, u64::MAX);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(shape)?;
            let (number, tail) = rest.split_at(digits);
            if number.is_empty() {
                return Err(shape());
            }
            let count: u64 = number.parse().map_err(|_| too_long())?;
            let (unit, unit_secs) =
                UNITS.into_iter().find(|(unit, _)| tail.starts_with(unit)).ok_or_else(shape)?;
            if unit_secs >= larger_unit {
                return Err(InvalidValue::new("units go from large to small, each once"));
            }
            larger_unit = unit_secs;
            secs = count
                .checked_mul(unit_secs)
                .and_then(|part| secs.checked_add(part))
                .filter(|secs| *secs <= MAX_SECS)
                .ok_or_else(too_long)?;
            rest = &tail[unit.len()..];
        }
        if secs == 0 {
            return Err(InvalidValue::new("a time is longer than zero"));
        }
        Ok(Self { secs })
    }
}

/// The shortest way to write it; days only from two on, so that a day stays `24h`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.secs;
        for (unit, secs) in UNITS {
            if unit == "d" && (!rest.is_multiple_of(secs) || rest < 2 * secs) {
                continue;
            }
            if rest >= secs {
                write!(f, "{}{unit}", rest / secs)?;
                rest %= secs;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_defaults_of_the_documentation_print_as_they_are_written() {
        for text in ["24h", "90d", "30m", "2h", "1h30m", "1s", "2d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("24h".parse::<Span>().unwrap(), "1d".parse().unwrap());
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "0s", "5", "m", "-1h", "1.5h", "30 m", "1m1h", "1h1h", "3651d", "1w"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert!("99999999999999999999s".parse::<Span>().is_err());
    }

    proptest! {
        #[test]
        fn every_span_survives_being_printed_and_read(secs in 1..=MAX_SECS) {
            let span = Span { secs };
            prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<Span>();
        }
    }
}
