//! `[limits]`: how fast clients may ask.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many requests a client may send.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsSection {
    /// Requests per minute, on average.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_minute: u32,
    /// Requests that may come at once before the average counts.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: u32,
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self { requests_per_minute: 300, burst: 200 }
    }
}
