//! The `result` event: how a turn ended, and what the session has cost so far.
use serde_json::{Map, Value};

use super::event::{number, string};
use crate::model::Cost;

/// The end of a turn. Not the end of the run: see [`super::conversation::Rest`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TurnResult {
    /// `success`, `error_during_execution`, `error_max_turns`, …
    pub(super) subtype: String,
    /// An API failure is a `success` with this set.
    pub(super) is_error: bool,
    /// Why the turn ended, in the program's words.
    pub(super) terminal_reason: String,
    /// The final answer, or the text of an error.
    pub(super) text: Option<String>,
    /// What went wrong, where it was no text of the model's.
    pub(super) errors: Vec<String>,
    /// HTTP status of the model's service, when that failed.
    pub(super) api_error_status: Option<u64>,
    /// Turns that wait behind this one.
    pub(super) queued_turns: u64,
    /// Messages of ours that the turn has dealt with.
    pub(super) messages: Vec<String>,
    /// Cost of the session so far; cumulative over the process and over resumed ones.
    pub(super) cost: Cost,
}

impl TurnResult {
    /// Reads a `result` event.
    pub(super) fn of(object: &Map<String, Value>) -> Self {
        let list = |key| object.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let texts = |key| list(key).iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Self {
            subtype: string(object, "subtype").unwrap_or_default().to_owned(),
            // A result that does not say so is no success.
            is_error: object.get("is_error").and_then(Value::as_bool).unwrap_or(true),
            terminal_reason: string(object, "terminal_reason").unwrap_or_default().to_owned(),
            text: string(object, "result").map(str::to_owned),
            errors: texts("errors"),
            api_error_status: object.get("api_error_status").and_then(Value::as_u64),
            queued_turns: number(object, "queued_turn_count"),
            messages: texts("user_message_uuids"),
            cost: cost(object),
        }
    }

    /// Whether the turn did what it should: both fields are needed, since an API failure is a
    /// `success` with `is_error`, and an interrupted turn of older versions no error without one.
    pub(super) fn is_success(&self) -> bool {
        self.subtype == "success" && !self.is_error
    }

    /// Whether somebody stopped the turn.
    pub(super) fn is_interrupted(&self) -> bool {
        self.subtype == "error_during_execution"
            && (self.terminal_reason.is_empty() || self.terminal_reason.starts_with("aborted"))
    }
}

/// More than any session costs; an agent that tells more is not believed.
const USD_MAX: f64 = 1_000_000.0;

/// Tokens come from `modelUsage`: `usage` covers the last turn's main loop only.
fn cost(object: &Map<String, Value>) -> Cost {
    let usd = object.get("total_cost_usd").and_then(Value::as_f64);
    Cost { usd: usd.map(|usd| usd.clamp(0.0, USD_MAX)), ..tokens(object) }
}

/// The tokens of all models in `modelUsage`.
pub(super) fn tokens(object: &Map<String, Value>) -> Cost {
    let mut cost = Cost::default();
    let models = object.get("modelUsage").and_then(Value::as_object);
    for usage in models.into_iter().flat_map(Map::values).filter_map(Value::as_object) {
        for key in ["inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens"] {
            cost.input_tokens = cost.input_tokens.saturating_add(number(usage, key));
        }
        cost.output_tokens = cost.output_tokens.saturating_add(number(usage, "outputTokens"));
    }
    cost
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn result(value: &Value) -> TurnResult {
        TurnResult::of(value.as_object().unwrap())
    }

    #[test]
    fn an_api_failure_is_no_success_although_its_subtype_says_so() {
        let failed = result(&json!({"subtype": "success", "is_error": true}));
        assert!(!failed.is_success());
        let stopped = result(&json!({"subtype": "error_during_execution", "is_error": false}));
        assert!(!stopped.is_success() && stopped.is_interrupted());
        assert!(result(&json!({"subtype": "success", "is_error": false})).is_success());
        assert!(!result(&json!({"subtype": "success"})).is_success());
    }

    #[test]
    fn tokens_of_all_models_and_caches_count() {
        let usage = json!({"inputTokens": 1, "cacheReadInputTokens": 2,
            "cacheCreationInputTokens": 4, "outputTokens": 8});
        let both = result(&json!({"total_cost_usd": 0.5, "modelUsage": {"a": usage, "b": usage}}));
        assert_eq!(both.cost, Cost { usd: Some(0.5), input_tokens: 14, output_tokens: 16 });
        let odd = result(&json!({"total_cost_usd": -1, "modelUsage": {"a": 7}}));
        assert_eq!(odd.cost, Cost { usd: Some(0.0), ..Cost::default() });
        let boasting = result(&json!({"total_cost_usd": 1e300}));
        assert_eq!(boasting.cost.usd, Some(USD_MAX));
    }

    #[test]
    fn a_cost_that_is_not_told_is_unknown_and_not_nothing() {
        assert_eq!(result(&json!({"modelUsage": {}})).cost.usd, None);
        assert_eq!(result(&json!({"total_cost_usd": "0"})).cost.usd, None);
    }
}
