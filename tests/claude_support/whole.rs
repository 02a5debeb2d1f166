//! A real engine over the Claude executor: tasks from their acceptance to their end.
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use gateway::clock::{Clock, OsEntropy, SystemClock};
use gateway::executor::Registry;
use gateway::executor::claude::Claude;
use gateway::model::{Caller, DaySpending, Priority, ProjectBudget, Task, TaskState, Workspace};
use gateway::store::Store;
use gateway::task::{
    Budget, Engine, EngineHandle, NewTask, NoProject, OnShutdown, Prepared, ProjectRules, Settings,
    Settled, Surroundings, WorkspaceError, Workspaces,
};

use super::{Bench, LONG};

/// One project, whose tasks all work in one folder.
#[derive(Debug)]
struct OneFolder(PathBuf);

impl Workspaces for OneFolder {
    fn rules(&self, _: Option<&str>) -> Result<ProjectRules, NoProject> {
        Ok(ProjectRules {
            name: "demo".into(),
            folder: PathBuf::from("/"),
            executor: "claude".into(),
            max_concurrent: 1,
            allowed_tools: vec!["Bash(true)".into()],
            trust_project_config: false,
            chat_may_approve: gateway::policy::ChatMay::default(),
            budget: ProjectBudget::default(),
        })
    }

    fn prepare(&self, _: &Task) -> BoxFuture<'static, Result<Prepared, WorkspaceError>> {
        let workspace = Workspace {
            dir: self.0.clone(),
            base_branch: None,
            base_commit: None,
            branch: None,
            isolated: false,
        };
        async { Ok(Prepared { workspace, notes: Vec::new() }) }.boxed()
    }

    fn settle(&self, _: &Task) -> BoxFuture<'static, Result<Settled, WorkspaceError>> {
        async { Ok(Settled::default()) }.boxed()
    }
}

/// The engine and what it keeps.
pub(crate) struct Whole {
    pub(crate) engine: EngineHandle,
    store: Store,
}

impl Whole {
    /// An engine whose agents are those of `bench`.
    pub(crate) fn new(bench: &Bench) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Store::open(&bench.path("gateway.db"), clock.clone()).unwrap();
        let mut executors = Registry::default();
        executors.insert("claude", Arc::new(Claude::new(bench.settings.clone())));
        let workspaces = Arc::new(OneFolder(bench.path("work")));
        let settings = Settings {
            max_concurrent: 1,
            queued_max: 10,
            default_timeout: Duration::from_secs(600),
            max_timeout: Duration::from_secs(600),
            budget: Budget { per_task_usd: 5.0, per_day_usd: 25.0 },
            prompt_bytes_max: 100_000,
            output_bytes_max: 64 << 20,
            request_timeout: Duration::from_secs(600),
            tasks_dir: bench.path("tasks"),
            on_shutdown: OnShutdown::Cancel,
        };
        let surroundings = Surroundings { executors, workspaces };
        let engine =
            Engine::start(store.clone(), clock, Arc::new(OsEntropy), settings, surroundings);
        Self { engine: engine.unwrap(), store }
    }

    /// Starts a task that may cost so many US dollars.
    pub(crate) async fn start(&self, prompt: &str, budget_usd: f64) -> Task {
        let new = NewTask {
            prompt: prompt.to_owned(),
            project: None,
            executor: None,
            model: None,
            plan_only: false,
            timeout: None,
            priority: Priority::Normal,
            budget_usd: Some(budget_usd),
            idempotency_key: None,
            base_branch: None,
            caller: Caller::Owner,
            session_id: None,
        };
        self.engine.start(new).await.unwrap().task
    }

    /// The task when it is over.
    pub(crate) async fn over(&self, task: &Task) -> Arc<Task> {
        let mut cursor = 0;
        loop {
            let task = self.engine.wait(&task.id, cursor, LONG).await.unwrap().unwrap();
            if task.state.is_final() {
                return task;
            }
            assert!(task.cursor > cursor, "nothing happens: {:?}", task.state);
            cursor = task.cursor;
        }
    }

    /// What today has cost.
    pub(crate) fn spent(&self) -> DaySpending {
        self.store.read(|tx| tx.spending(SystemClock.now())).unwrap()
    }
}

/// The words of a failure.
pub(crate) fn failure_of(task: &Task) -> &gateway::model::Failure {
    match &task.state {
        TaskState::Failed { failure, .. } => failure,
        other => panic!("{other:?}"),
    }
}
