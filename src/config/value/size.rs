//! [`Size`]: a number of bytes such as `"256MB"`.
use std::fmt;
use std::str::FromStr;

use super::{InvalidValue, text_value};

/// Largest first, so that the first that divides a size is the shortest to print.
const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// The largest size that is accepted: a million gigabytes.
const MAX_BYTES: u64 = 1_000_000_000_000_000;

/// A positive number of bytes, written as `"10MB"` (10⁶) or `"10MiB"` (2²⁰).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Size {
    bytes: u64,
}

text_value!(Size, "a size such as \"512kB\", \"10MB\", \"256MiB\" or \"2GB\"");

impl Size {
    /// `bytes` bytes, for defaults that are known to be in range.
    pub(in crate::config) const fn of_bytes(bytes: u64) -> Self {
        assert!(bytes > 0 && bytes <= MAX_BYTES, "a default is in range");
        Self { bytes }
    }

    /// Its length in bytes; never zero.
    #[must_use]
    pub const fn as_bytes(self) -> u64 {
        self.bytes
    }
}

impl FromStr for Size {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let shape = || {
            InvalidValue::new(
                "a size is a whole number and its unit (B, kB, MB, GB, KiB, MiB, GiB)",
            )
        };
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(shape)?;
        let (number, unit) = text.split_at(digits);
        let (_, factor) = UNITS
            .into_iter()
            .find(|(name, _)| *name == unit || (unit == "KB" && *name == "kB"))
            .ok_or_else(shape)?;
        if number.is_empty() {
            return Err(shape());
        }
        let bytes = number
            .parse::<u64>()
            .ok()
            .and_then(|count| count.checked_mul(factor))
            .filter(|bytes| *bytes <= MAX_BYTES)
            .ok_or_else(|| InvalidValue::new("a size is at most \"1000000GB\""))?;
        if bytes == 0 {
            return Err(InvalidValue::new("a size is larger than zero"));
        }
        Ok(Self { bytes })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(_, factor)| self.bytes.is_multiple_of(*factor))
            .unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.bytes / factor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_defaults_of_the_documentation_print_as_they_are_written() {
        for text in ["256MB", "10MB", "1GiB", "3KiB", "17B"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        assert_eq!("10MB".parse::<Size>().unwrap().as_bytes(), 10_000_000);
        assert_eq!("1MiB".parse::<Size>().unwrap().as_bytes(), 1_048_576);
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "0MB", "10", "MB", "-1MB", "1.5GB", "10 MB", "10mb", "10TB", "1000001GB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_size_survives_being_printed_and_read(bytes in 1..=MAX_BYTES) {
            let size = Size { bytes };
            prop_assert_eq!(size.to_string().parse::<Size>().unwrap(), size);
        }

        #[test]
        fn reading_never_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<Size>();
        }
    }
}
