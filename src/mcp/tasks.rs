//! What the tools need of the task engine. The composition root implements [`Tasks`] over it.
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::executor::shim::StderrEnd;
use crate::model::{
    Answerer, Applied, Apply, Caller, ChangedFile, DiffStat, Event, LinkedSession, Priority, Reply,
    Request, RequestId, Task, TaskId,
};
use crate::policy::ChatMay;
use crate::store::OpenTask;

/// The engine, as tools see it. Every method is cancel-safe: dropping a call undoes nothing.
pub trait Tasks: fmt::Debug + Send + Sync + 'static {
    /// Admits a task; durable when it answers.
    fn start(&self, task: NewTask) -> BoxFuture<'_, Result<Admitted, StartError>>;

    /// One task.
    fn task<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<Option<Arc<Task>>, Unavailable>>;

    /// Waits until the task's cursor is past `after` or its state is final, at most `at_most`; then
    /// answers with the task as it is.
    fn wait<'a>(
        &'a self,
        id: &'a TaskId,
        after: u64,
        at_most: Duration,
    ) -> BoxFuture<'a, Result<Option<Arc<Task>>, Unavailable>>;

    /// Where a task stands in the queue, while it waits there. From memory.
    fn place(&self, id: &TaskId) -> Option<Place>;

    /// Begins to cancel a task; `by` goes into its log.
    fn cancel<'a>(&'a self, id: &'a TaskId, by: String)
    -> BoxFuture<'a, Result<Task, CancelError>>;

    /// Begins to cancel every unfinished task of `projects`, of all projects when that is `None`.
    fn cancel_all(
        &self,
        by: String,
        projects: Option<Vec<String>>,
    ) -> BoxFuture<'_, Result<Vec<Task>, Unavailable>>;

    /// A page of tasks, newest first.
    fn list(&self, query: TaskQuery) -> BoxFuture<'_, Result<TaskPage, Unavailable>>;

    /// The newest `limit` of the task's events after `after`, oldest first.
    fn events<'a>(
        &'a self,
        id: &'a TaskId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Event>, Unavailable>>;

    /// The last `lines` lines of the agent's output so far.
    fn output_tail<'a>(
        &'a self,
        id: &'a TaskId,
        lines: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, Unavailable>>;

    /// The task's changes against its base, now or as they were when it ended.
    fn diff<'a>(
        &'a self,
        id: &'a TaskId,
        options: DiffOptions,
    ) -> BoxFuture<'a, Result<Diff, DiffError>>;

    /// Applies a finished task's work, as far as a client may; `by` goes into its log.
    fn apply<'a>(
        &'a self,
        id: &'a TaskId,
        action: Apply,
        by: String,
    ) -> BoxFuture<'a, Result<Applied, ApplyError>>;

    /// Lines of a file of a project, or as a task left it.
    fn read_file(&self, wanted: WantedFile) -> BoxFuture<'_, Result<FileLines, ReadError>>;

    /// All projects, sorted by name.
    fn projects(&self) -> BoxFuture<'_, Result<Vec<ProjectView>, Unavailable>>;

    /// The names of all projects; no look into any of them, so it is cheap where [`Self::projects`]
    /// is not.
    fn project_names(&self) -> BoxFuture<'_, Result<Vec<String>, Unavailable>>;

    /// The task's questions and permission requests, oldest first.
    fn requests<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<Vec<Request>, Unavailable>>;

    /// What a chat may approve in tasks of `project`.
    fn chat_may(&self, project: &str) -> ChatMay;

    /// The page where the owner answers a request on a paired device, while there is a public address.
    fn page_of(&self, id: &RequestId) -> Option<String>;

    /// Answers a request, once and for all, as far as `by` may.
    fn answer<'a>(
        &'a self,
        id: &'a RequestId,
        reply: Reply,
        by: Answerer,
    ) -> BoxFuture<'a, Result<Request, AnswerError>>;
    /// What is news over all tasks, and what is open.
    fn news(&self, query: NewsQuery) -> BoxFuture<'_, Result<NewsPage, Unavailable>>;

    /// Events before a mark, newest first.
    fn log(&self, query: LogQuery) -> BoxFuture<'_, Result<Vec<Event>, Unavailable>>;

    /// The end of what the task's agent wrote to stderr, at most `bytes_max` bytes; none before it has
    /// run.
    fn stderr_end<'a>(
        &'a self,
        id: &'a TaskId,
        bytes_max: u64,
    ) -> BoxFuture<'a, Result<Option<StderrEnd>, Unavailable>>;

    /// Stores a session that a terminal hands over; whether the same caller had done so before.
    fn link(
        &self,
        session: LinkedSession,
        project: Option<String>,
        caller: Caller,
    ) -> BoxFuture<'_, Result<(Task, bool), StartError>>;

    /// Every change of a task from now on, after it was committed. Ends with the store.
    fn changes(&self) -> BoxStream<'static, TaskChange>;
}

/// Which news are wanted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NewsQuery {
    /// Names of projects; none for all.
    pub projects: Option<Vec<String>>,
    /// After this event; without it, the newest since `since`.
    pub after: Option<u64>,
    /// How far back to look without a cursor.
    pub since: Timestamp,
    /// Most events to return.
    pub limit: usize,
}

/// News over all tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewsPage {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// Everything up to here is told: the next query goes on after it.
    pub cursor: u64,
    /// Whether there are more: later ones after a cursor, earlier ones without.
    pub more: bool,
    /// Tasks that are queued or under way, oldest first.
    pub open: Vec<OpenTask>,
}

/// Which events are wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogQuery {
    /// All events of this task; without one, the news of `projects`.
    pub task: Option<TaskId>,
    /// Names of projects; none for all.
    pub projects: Option<Vec<String>>,
    /// Before this event.
    pub before: u64,
    /// Most events to return.
    pub limit: usize,
}

/// A task that changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TaskChange {
    /// The task.
    pub task_id: TaskId,
    /// Whether it was just accepted.
    pub is_new: bool,
}

/// The engine or the store cannot answer now; the text is for the log.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// A place in the queue.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// Its number, from 1.
    pub number: usize,
    /// How many tasks wait.
    pub of: usize,
    /// The tasks that hold the places meanwhile, oldest first.
    pub holding: Vec<TaskId>,
    /// Why it could not even begin if there were room.
    pub held_back: Option<String>,
}

/// A task to start.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTask {
    /// The words for the agent.
    pub prompt: String,
    /// The project; the default one when none.
    pub project: Option<String>,
    /// The executor; the project's when none.
    pub executor: Option<String>,
    /// The model; the executor's when none.
    pub model: Option<String>,
    /// Change nothing.
    pub plan_only: bool,
    /// Working time; the configuration's when none.
    pub timeout: Option<Duration>,
    /// How urgent it is.
    pub priority: Priority,
    /// What it may cost in US dollars; what the owner allows when none.
    pub budget_usd: Option<f64>,
    /// Makes a repeated call find the task of the first.
    pub idempotency_key: Option<String>,
    /// The owner's branch to begin from; where HEAD stands when none.
    pub base_branch: Option<String>,
    /// Who asks.
    pub caller: Caller,
    /// The agent's session to go on with; a new one when none.
    pub session_id: Option<Uuid>,
}

/// A task that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Admitted {
    /// The task.
    pub task: Task,
    /// Whether an earlier call with the same key had started it.
    pub existing: bool,
    /// What the caller should know, such as a place in the queue or a shortened time limit.
    pub notes: Vec<String>,
}

/// Why no task was started.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StartError {
    /// No project has this name.
    #[error("there is no project `{0}`")]
    UnknownProject(String),
    /// None was named, and none is the default.
    #[error("no project was named and none is the default")]
    NoDefaultProject,
    /// No executor has this name.
    #[error("there is no executor `{name}`")]
    UnknownExecutor {
        /// The name.
        name: String,
        /// Those that exist.
        known: Vec<String>,
    },
    /// Refused for a reason that the caller can do something about.
    #[error("{message}")]
    Refused {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The engine cannot take tasks now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a task was not cancelled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CancelError {
    /// There is no such task.
    #[error("there is no such task")]
    Unknown,
    /// It has ended.
    #[error("it has already ended")]
    AlreadyOver,
    /// The engine cannot do it now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why an answer does not count.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AnswerError {
    /// Only the owner may give it; why.
    #[error("{0}")]
    OwnersOnly(String),
    /// Refused for a reason that the caller can do something about.
    #[error("{message}")]
    Refused {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The engine cannot take it now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Which tasks a list is about. Empty fields do not restrict.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TaskQuery {
    /// Names of states.
    pub states: Vec<&'static str>,
    /// Names of projects; none for all.
    pub projects: Option<Vec<String>>,
    /// The executor's name.
    pub executor: Option<String>,
    /// Changed at or after this moment.
    pub since: Option<Timestamp>,
    /// Words that the prompt contains.
    pub text: Option<String>,
    /// Only tasks older than this page mark.
    pub before: Option<u64>,
    /// Most tasks to return.
    pub limit: usize,
}

/// A page of tasks, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// Mark of the next page, when there is one.
    pub next: Option<u64>,
}

/// Which part of a diff is wanted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DiffOptions {
    /// Only this file or folder, relative to the project's root.
    pub path: Option<String>,
    /// Numbers only, no text.
    pub stat_only: bool,
    /// Where in the text to begin, in bytes.
    pub offset: u64,
    /// Most bytes of text; cut at a character's end.
    pub bytes_max: usize,
}

/// A task's changes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Diff {
    /// Size of the whole change.
    pub stat: DiffStat,
    /// Files changed.
    pub files: Vec<ChangedFile>,
    /// Unified diff, the part asked for.
    pub text: String,
    /// Where the next part begins, when there is one.
    pub next_offset: Option<u64>,
    /// The commit it is compared with.
    pub base: Option<String>,
}

/// Why there is no diff.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DiffError {
    /// The task has no work to compare, and why.
    #[error("{0}")]
    Nothing(String),
    /// The path is none of the changed ones.
    #[error("nothing was changed at `{0}`")]
    UnknownPath(String),
    /// It cannot be made now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a task's work was not applied.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ApplyError {
    /// It needs the owner's own hand.
    #[error("to {} it needs the owner", action.name())]
    NeedsOwner {
        /// What was asked.
        action: Apply,
        /// What the owner types.
        command: String,
    },
    /// Refused for a reason that somebody can do something about.
    #[error("{message}")]
    Refused {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// It cannot be done now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Which lines of which file are wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WantedFile {
    /// The project; the default one when none.
    pub project: Option<String>,
    /// The task that left it so; as it is now when none.
    pub task_id: Option<TaskId>,
    /// Its path, relative to the project's root.
    pub path: String,
    /// The first line, counted from 1.
    pub first: u64,
    /// The last line; all when none.
    pub last: Option<u64>,
    /// Most bytes of text.
    pub bytes_max: usize,
}

/// Lines of a file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FileLines {
    /// The project's name.
    pub project: String,
    /// The lines; empty for a binary file.
    pub text: String,
    /// The number of the first line.
    pub first: u64,
    /// The number of the last line; less than `first` when there is none.
    pub last: u64,
    /// How many lines the file has.
    pub lines: u64,
    /// How many bytes the file has.
    pub bytes: u64,
    /// Whether it is no text.
    pub binary: bool,
    /// Whether bytes that are no UTF-8 were replaced.
    pub lossy: bool,
    /// Whether a line was too long and lost its end.
    pub cut: bool,
    /// The line to go on from, when there are more.
    pub next: Option<u64>,
}

/// Why a file is not shown.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// No project has this name.
    #[error("there is no project `{0}`")]
    UnknownProject(String),
    /// Refused for a reason that somebody can do something about.
    #[error("{message}")]
    Refused {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// It cannot be read now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A project, as clients may see it: no absolute path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProjectView {
    /// Its name.
    pub name: String,
    /// What the owner says about it.
    pub description: String,
    /// Whether tasks go here when they name no project.
    pub default: bool,
    /// The branch checked out, where there is one.
    pub branch: Option<String>,
    /// Whether the owner has uncommitted changes; none where git does not say.
    pub dirty: Option<bool>,
    /// Executors, the project's own first.
    pub executors: Vec<String>,
    /// Tasks at once.
    pub max_concurrent: u64,
    /// Longest working time of a task, in minutes.
    pub timeout_minutes_max: u64,
    /// What a task may cost, in US dollars.
    pub budget_usd_max: f64,
}
