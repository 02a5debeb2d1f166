//! What tasks may use up, and what a day has cost.
use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;

/// What the owner allows the tasks of one project; none where he sets nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProjectBudget {
    /// US dollars for a task.
    pub per_task_usd: Option<f64>,
    /// US dollars for all its tasks of a day.
    pub per_day_usd: Option<f64>,
    /// Model turns of a task.
    pub turns: Option<u64>,
    /// Working time of a task, in minutes.
    pub minutes: Option<u64>,
}

impl ProjectBudget {
    /// The longest working time of a task where tasks in general may work for `general`.
    #[must_use]
    pub fn timeout_max(&self, general: Duration) -> Duration {
        let own = self.minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
        own.map_or(general, |own| own.min(general))
    }
}

/// What was spent on one day of the workstation's calendar, as far as agents told it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DaySpending {
    /// US dollars by project.
    pub projects: BTreeMap<String, f64>,
    /// When the next day begins.
    pub ends_at: Timestamp,
}

impl DaySpending {
    /// US dollars over all projects.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.projects.values().sum()
    }

    /// US dollars of one project.
    #[must_use]
    pub fn of(&self, project: &str) -> f64 {
        self.projects.get(project).copied().unwrap_or(0.0)
    }
}

/// An amount as people read it: `$12.50`; below a cent with four digits.
#[must_use]
pub fn dollars(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 { format!("${usd:.4}") } else { format!("${usd:.2}") }
}
