//! `[budget]` and `[projects.NAME.budget]`: what tasks may use up.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::Usd;

/// What tasks may cost, over all projects. A task that reaches a limit is ended.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetSection {
    /// US dollars that one task may cost.
    pub per_task_usd: Usd,
    /// US dollars that all tasks of a day may cost together; the day is that of your calendar.
    pub per_day_usd: Usd,
}

impl Default for BudgetSection {
    fn default() -> Self {
        Self { per_task_usd: Usd::of_cents(500), per_day_usd: Usd::of_cents(2_500) }
    }
}

/// `[projects.NAME.budget]`: what is allowed in one project; never more than what `[budget]` and
/// `[tasks]` allow everywhere. What is left out has no limit of its own.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectBudgetSection {
    /// US dollars that one task may cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Usd")]
    pub per_task_usd: Option<Usd>,
    /// US dollars that all its tasks of a day may cost together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Usd")]
    pub per_day_usd: Option<Usd>,
    /// Model turns that one task may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 1, max = 100_000))]
    pub turns: Option<u32>,
    /// Minutes that one task may work; shortens `tasks.max_timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u32", range(min = 1, max = 10_080))]
    pub minutes: Option<u32>,
}
