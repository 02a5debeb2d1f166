//! A task for tests and fuzz targets.
use super::{Caller, Cost, Priority, Progress, Task, TaskId, TaskSpec, TaskState};
use crate::clock::{SeededEntropy, Timestamp};

/// A task of project `alpha` that waits for its turn.
pub(crate) fn a_task(entropy: &SeededEntropy, prompt: &str) -> Task {
    Task {
        id: TaskId::random(entropy),
        spec: TaskSpec {
            prompt: prompt.into(),
            project: "alpha".into(),
            executor: "claude".into(),
            model: None,
            plan_only: false,
            timeout_secs: 60,
            idempotency_key: None,
            base_branch: None,
            caller: Caller::Owner,
            priority: Priority::Normal,
            budget_usd: None,
            turns_max: None,
            estimate: None,
            resume: None,
        },
        created_at: Timestamp::from_millis(1),
        updated_at: Timestamp::from_millis(1),
        cursor: 0,
        state: TaskState::Queued,
        progress: Progress::default(),
        cost: Cost::default(),
        waited_ms: 0,
        workspace: None,
        run: None,
    }
}
