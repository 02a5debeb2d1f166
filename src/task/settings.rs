//! What the engine is told and what it is given: limits, folders, and the workspaces it works in.
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::budget::Budget;
use crate::executor::Registry;
use crate::model::{ChangedFile, DiffStat, ProjectBudget, Task, Workspace};
use crate::policy::ChatMay;

/// Limits and folders. May change while the engine runs; running tasks keep theirs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Tasks that run at a time.
    pub max_concurrent: usize,
    /// Tasks that may wait.
    pub queued_max: usize,
    /// Working time when the caller names none.
    pub default_timeout: Duration,
    /// Longest working time; more is cut to it, and the caller is told.
    pub max_timeout: Duration,
    /// What tasks may cost. One that was lowered holds for running tasks too.
    pub budget: Budget,
    /// Longest prompt, in bytes.
    pub prompt_bytes_max: usize,
    /// Most output of one agent, in bytes.
    pub output_bytes_max: u64,
    /// Time an unanswered request waits before it counts as refused.
    pub request_timeout: Duration,
    /// Holds a private folder for each task.
    pub tasks_dir: PathBuf,
    /// What becomes of running agents when the gateway ends.
    pub on_shutdown: OnShutdown,
}

/// What becomes of running agents when the gateway ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnShutdown {
    /// They go on, and the next gateway finds them again.
    Detach,
    /// The gateway waits for them.
    Wait,
    /// They are cancelled.
    Cancel,
}

/// What the engine works with besides its settings.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Who does the work.
    pub executors: Registry,
    /// Where it is done.
    pub workspaces: Arc<dyn Workspaces>,
}

/// The projects, as the engine needs them.
pub trait Workspaces: fmt::Debug + Send + Sync {
    /// The rules of the project called `name`, or of the default one.
    ///
    /// # Errors
    ///
    /// See [`NoProject`].
    fn rules(&self, name: Option<&str>) -> Result<ProjectRules, NoProject>;

    /// Makes the folder a task works in. Called again after a crash: what an earlier call left
    /// half done is made anew.
    fn prepare(&self, task: &Task) -> BoxFuture<'static, Result<Prepared, WorkspaceError>>;

    /// Collects a task's work from its folder and publishes its branch. May be called again.
    fn settle(&self, task: &Task) -> BoxFuture<'static, Result<Settled, WorkspaceError>>;
}

/// Why there is no project to work in. Which ones there are is not said here: the caller may be
/// held to some of them.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoProject {
    /// No project has this name.
    #[error("there is no project `{0}`")]
    Unknown(String),
    /// None was named, and none is the default.
    #[error("no project was named and none is the default")]
    NoDefault,
}

/// What the engine must know of a project.
#[derive(Clone, Debug, PartialEq)]
pub struct ProjectRules {
    /// Its name.
    pub name: String,
    /// The owner's folder of it.
    pub folder: PathBuf,
    /// The executor of its tasks when the caller names none.
    pub executor: String,
    /// Tasks that run in it at a time.
    pub max_concurrent: usize,
    /// Tools that need no question.
    pub allowed_tools: Vec<String>,
    /// Whether its own agent configuration counts.
    pub trust_project_config: bool,
    /// What its tasks may use up.
    pub budget: ProjectBudget,
    /// What a chat may approve in it.
    pub chat_may_approve: ChatMay,
}

/// A folder to work in.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The folder.
    pub workspace: Workspace,
    /// What the reader of the task should know about it.
    pub notes: Vec<String>,
}

/// Collected work.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// The commit that holds it.
    pub head_commit: Option<String>,
    /// Files changed against the base.
    pub changed: Vec<ChangedFile>,
    /// Their number and lines.
    pub diff_stat: DiffStat,
    /// What the reader should know.
    pub notes: Vec<String>,
}

/// A workspace that could not be made or collected; the sentence is for the owner and the caller.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WorkspaceError {
    /// What there is of the work is still in the task's folder.
    #[error("{0}")]
    Failed(String),
    /// The folder with the work is gone, or is not that folder any more.
    #[error("{0}")]
    Gone(String),
}
