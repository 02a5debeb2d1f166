//! Whether a task is accepted, and as what.
use std::time::Duration;

use uuid::Uuid;

use super::budget::Brake;
use super::error::StartError;
use super::handle::NewTask;
use super::settings::{ProjectRules, Settings, Surroundings};
use crate::model::{Caller, Resume, Task, TaskSpec, TaskState};
use crate::store::{Store, StoreError};

const IDEMPOTENCY_KEY_CHARS: usize = 200;
const MODEL_CHARS: usize = 200;

/// An acceptable task.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) spec: TaskSpec,
    pub(super) rules: ProjectRules,
    pub(super) notes: Vec<String>,
}

/// Checks what the caller asks for against limits, projects and executors.
pub(super) fn check(
    new: NewTask,
    settings: &Settings,
    surroundings: &Surroundings,
) -> Result<Admission, StartError> {
    if new.prompt.trim().is_empty() {
        return Err(StartError::PromptEmpty);
    }
    let (bytes, max) = (new.prompt.len(), settings.prompt_bytes_max);
    if bytes > max {
        return Err(StartError::PromptTooLong { bytes, max });
    }
    if let Some(key) = &new.idempotency_key
        && (key.is_empty() || key.chars().count() > IDEMPOTENCY_KEY_CHARS)
    {
        return Err(StartError::BadIdempotencyKey);
    }
    let rules = surroundings.workspaces.rules(new.project.as_deref())?;
    let name = new.executor.unwrap_or_else(|| rules.executor.clone());
    let Some(executor) = surroundings.executors.get(&name) else {
        let known = surroundings.executors.names().map(str::to_owned).collect();
        return Err(StartError::UnknownExecutor { name, known });
    };
    let can = executor.capabilities();
    if new.model.as_ref().is_some_and(|model| !is_model_name(model)) {
        return Err(StartError::BadModel);
    }
    if new.model.is_some() && !can.model {
        return Err(StartError::NotSupported { executor: name, property: "model" });
    }
    if new.plan_only && !can.plan_only {
        return Err(StartError::NotSupported { executor: name, property: "plan_only" });
    }
    if new.session_id.is_some() && !can.resume {
        return Err(StartError::NotSupported { executor: name, property: "session_id" });
    }
    if new.budget_usd.is_some() && !can.cost {
        return Err(StartError::NotSupported { executor: name, property: "budget_usd" });
    }
    let (timeout, notes) = timeout(new.timeout, settings, &rules)?;
    let budget_usd = Brake { budget: settings.budget, rules: &rules }.of_new(new.budget_usd)?;
    let spec = TaskSpec {
        prompt: new.prompt,
        project: rules.name.clone(),
        executor: name,
        model: new.model,
        plan_only: new.plan_only,
        timeout_secs: timeout.as_secs(),
        idempotency_key: new.idempotency_key,
        base_branch: new.base_branch.map(String::from),
        caller: new.caller,
        priority: new.priority,
        budget_usd: Some(budget_usd),
        turns_max: rules.budget.turns,
        estimate: None,
        resume: None,
    };
    Ok(Admission { spec, rules, notes })
}

/// A model's name goes into an argument vector: nothing that begins like a flag, no spaces.
fn is_model_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/@[]".contains(c);
    (1..=MODEL_CHARS).contains(&text.len()) && !text.starts_with('-') && text.chars().all(allowed)
}

fn timeout(
    asked: Option<Duration>,
    settings: &Settings,
    rules: &ProjectRules,
) -> Result<(Duration, Vec<String>), StartError> {
    let max = rules.budget.timeout_max(settings.max_timeout);
    match asked {
        None => Ok((settings.default_timeout.min(max), Vec::new())),
        Some(asked) if asked < Duration::from_secs(60) => Err(StartError::TimeoutTooShort),
        Some(asked) if asked > max => {
            let minutes = max.as_secs() / 60;
            let note = format!("the time limit was cut to the maximum of {minutes} minutes");
            Ok((max, vec![note]))
        }
        Some(asked) => Ok((asked, Vec::new())),
    }
}

/// The task that an earlier call under the same key started.
pub(super) fn earlier(store: &Store, spec: &TaskSpec) -> Result<Option<Task>, StartError> {
    let Some(key) = &spec.idempotency_key else { return Ok(None) };
    let client_id = match &spec.caller {
        Caller::Client { client_id } => Some(client_id),
        Caller::Owner => None,
    };
    let found = store.read::<_, StoreError>(|tx| tx.task_by_key(client_id, key))?;
    match found {
        Some(task) if task.spec.prompt == spec.prompt && task.spec.project == spec.project => {
            Ok(Some(task))
        }
        Some(task) => Err(StartError::KeyReused(task.id)),
        None => Ok(None),
    }
}

/// How `spec` goes on with a session: with one that an ended task of its project had, or with a copy of
/// one that was handed over there. What other projects know is answered like what nobody knows.
pub(super) fn resume(
    store: &Store,
    spec: &TaskSpec,
    session_id: Uuid,
) -> Result<Resume, StartError> {
    let mut tasks = store.read::<_, StoreError>(|tx| tx.tasks_of_session(session_id))?;
    let linked = |task: &Task| matches!(task.state, TaskState::Linked { .. });
    if let Some(busy) = tasks.iter().find(|task| !task.state.is_final() && !linked(task)) {
        return Err(if busy.spec.project == spec.project {
            StartError::SessionBusy(busy.id.clone())
        } else {
            StartError::UnknownSession(session_id)
        });
    }
    tasks.retain(|task| task.spec.project == spec.project);
    // What ran here is known for certain; what was handed over is only said to be of here.
    let of_run = tasks.iter().find(|task| !linked(task));
    match of_run.or(tasks.first()) {
        Some(task) if !linked(task) && task.spec.executor != spec.executor => {
            Err(StartError::SessionOfOther(task.spec.executor.clone()))
        }
        Some(task) => Ok(Resume { session_id, copy: linked(task) }),
        None => Err(StartError::UnknownSession(session_id)),
    }
}
