//! [`Usd`]: an amount of money such as `5.0`.
use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The largest amount that is accepted, in cents.
const CENTS_MAX: u32 = 100_000_000;

/// A positive amount of US dollars, kept in whole cents and written as a number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Usd {
    cents: u32,
}

impl Usd {
    /// `cents` cents, for defaults that are known to be in range.
    pub(in crate::config) const fn of_cents(cents: u32) -> Self {
        assert!(cents > 0 && cents <= CENTS_MAX, "a default is in range");
        Self { cents }
    }

    /// The amount in dollars.
    #[must_use]
    pub fn as_dollars(self) -> f64 {
        f64::from(self.cents) / 100.0
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.cents / 100, self.cents % 100)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.as_dollars())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let cents = (f64::deserialize(from)? * 100.0).round();
        if cents < 1.0 {
            return Err(de::Error::custom("that would allow nothing at all"));
        }
        if cents > f64::from(CENTS_MAX) {
            return Err(de::Error::custom("that is more than a limit can be"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and within u32 by the test before"
        )]
        Ok(Self { cents: cents as u32 })
    }
}

impl JsonSchema for Usd {
    fn schema_name() -> Cow<'static, str> {
        "Usd".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number",
            "x-allowed": "an amount of US dollars from 0.01 to 1000000, such as 5.0",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_read_from_whole_and_broken_numbers_and_kept_to_the_cent() {
        for (value, shown) in [(json!(5), "5.00"), (json!(0.01), "0.01"), (json!(19.99), "19.99")] {
            let usd: Usd = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(usd.to_string(), shown);
            assert_eq!(serde_json::to_value(usd).unwrap().as_f64(), value.as_f64());
        }
    }

    #[test]
    fn nothing_less_than_nothing_and_no_number_are_refused() {
        for value in [json!(0), json!(0.0), json!(0.004), json!(-1), json!(1e7), json!("5")] {
            assert!(serde_json::from_value::<Usd>(value.clone()).is_err(), "{value}");
        }
    }
}
