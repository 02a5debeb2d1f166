//! The budget brake: what a task, a project and a day may use up. Decisions over figures; the engine
//! carries them out. Money counts as spent when an agent tells it; what nobody tells is unknown, and
//! only turns and time hold such an agent back.
use super::error::StartError;
use super::settings::ProjectRules;
use crate::clock::Timestamp;
use crate::model::{DaySpending, Task, dollars};

/// What the owner allows over all projects, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// For one task.
    pub per_task_usd: f64,
    /// For all tasks of a day.
    pub per_day_usd: f64,
}

/// The budgets that hold for the tasks of one project.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brake<'a> {
    pub(super) budget: Budget,
    pub(super) rules: &'a ProjectRules,
}

/// What a run may still use up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Allowance {
    /// US dollars.
    pub(super) usd: Option<f64>,
    /// Model turns.
    pub(super) turns: Option<u64>,
}

/// A limit and the key that sets it.
struct Limit {
    usd: f64,
    key: String,
}

/// The smallest amount that makes a difference to an agent's own brake.
const USD_MIN: f64 = 0.0001;

impl Brake<'_> {
    /// What a new task may cost; the caller may only ask for less.
    pub(super) fn of_new(&self, asked: Option<f64>) -> Result<f64, StartError> {
        let Limit { usd, .. } = self.per_task();
        match asked {
            Some(asked) if !asked.is_finite() || asked <= 0.0 => Err(StartError::BudgetNotPositive),
            Some(asked) if asked > usd => Err(StartError::BudgetTooHigh { asked, limit: usd }),
            asked => Ok(asked.unwrap_or(usd)),
        }
    }

    /// Refuses a new task on a day whose money is spent.
    pub(super) fn check_day(&self, spent: &DaySpending) -> Result<(), StartError> {
        match self.day_over(spent) {
            None => Ok(()),
            Some((spent_usd, limit)) => Err(StartError::DaySpent {
                spent: spent_usd,
                limit: limit.usd,
                key: limit.key,
                again_at: spent.ends_at,
            }),
        }
    }

    /// Whether tasks may begin on this day.
    pub(super) fn allows(&self, spent: &DaySpending) -> bool {
        self.day_over(spent).is_none()
    }

    /// What a run of `task` may still use up.
    pub(super) fn allowance(&self, task: &Task, spent: &DaySpending) -> Allowance {
        let mut left = self.of_task(task).usd - task.cost.usd.unwrap_or(0.0);
        for (spent, limit) in self.days(spent) {
            left = left.min(limit.usd - spent);
        }
        Allowance { usd: Some(left.max(USD_MIN)), turns: self.turns(task) }
    }

    /// Why `task` is to be stopped now: which budget, with figures and what to do.
    pub(super) fn exceeded(&self, task: &Task, spent: &DaySpending) -> Option<String> {
        let limit = self.of_task(task);
        if let Some(usd) = task.cost.usd.filter(|usd| *usd >= limit.usd) {
            return Some(format!(
                "the budget of the task is spent: {} of {} ({}); hint: give the rest to a new task, \
                 or let the owner raise the limit",
                dollars(usd),
                dollars(limit.usd),
                limit.key
            ));
        }
        let turns = task.progress.turns;
        if let Some(max) = self.turns(task).filter(|max| turns > *max) {
            return Some(format!(
                "the task has taken more than its {max} turns (projects.{}.budget.turns); hint: give \
                 the rest to a new task, or let the owner raise the limit",
                self.rules.name
            ));
        }
        self.day_message(spent)
    }

    /// Why nothing may begin on this day, with figures and what helps; none when it may.
    pub(super) fn day_message(&self, spent: &DaySpending) -> Option<String> {
        let (usd, limit) = self.day_over(spent)?;
        Some(format!("{}; hint: {}", day_spent(usd, limit.usd, &limit.key), again(spent.ends_at)))
    }

    fn project_key(&self, key: &str) -> String {
        format!("projects.{}.budget.{key}", self.rules.name)
    }

    fn per_task(&self) -> Limit {
        let general = self.budget.per_task_usd;
        match self.rules.budget.per_task_usd {
            Some(usd) if usd < general => Limit { usd, key: self.project_key("per_task_usd") },
            _ => Limit { usd: general, key: "budget.per_task_usd".to_owned() },
        }
    }

    /// What a task may cost: what was allowed when it was accepted, or less if the owner has lowered
    /// that since.
    fn of_task(&self, task: &Task) -> Limit {
        let now = self.per_task();
        match task.spec.budget_usd {
            Some(usd) if usd < now.usd => Limit { usd, key: "budget_usd of the task".to_owned() },
            _ => now,
        }
    }

    fn turns(&self, task: &Task) -> Option<u64> {
        let limits = [task.spec.turns_max, self.rules.budget.turns];
        limits.into_iter().flatten().min()
    }

    /// What the day has cost and may cost, over all projects and in this one.
    fn days(&self, spent: &DaySpending) -> impl Iterator<Item = (f64, Limit)> {
        let key = "budget.per_day_usd".to_owned();
        let general = (spent.total(), Limit { usd: self.budget.per_day_usd, key });
        let own = self.rules.budget.per_day_usd.map(|usd| {
            (spent.of(&self.rules.name), Limit { usd, key: self.project_key("per_day_usd") })
        });
        std::iter::once(general).chain(own)
    }

    fn day_over(&self, spent: &DaySpending) -> Option<(f64, Limit)> {
        self.days(spent).find(|(usd, limit)| *usd >= limit.usd)
    }
}

/// That a day's money is spent, with figures.
pub(super) fn day_spent(spent: f64, limit: f64, key: &str) -> String {
    format!("the budget of the day is spent: {} of {} ({key})", dollars(spent), dollars(limit))
}

/// When there is money again.
pub(super) fn again(at: Timestamp) -> String {
    format!("there is money again at {at}, or as soon as the owner raises the limit")
}
