//! The engine, the store and the projects, as the MCP tools see them.
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};

use super::address::PublicAddress;
use super::apply::{self, ApplyError, Hand, apply};
use super::news;
use super::workspaces::{ProjectWorkspaces, stat_text};
use crate::config::Config;
use crate::executor::shim::{StderrEnd, end_of_stderr};
use crate::http::Origin;
use crate::mcp::{
    self, Admitted, AnswerError, CancelError, Diff, DiffError, DiffOptions, FileLines, LogQuery,
    NewTask, NewsPage, NewsQuery, Place, ProjectView, ReadError, StartError, TaskChange, TaskPage,
    TaskQuery, Tasks, Unavailable, WantedFile,
};
use crate::model::{
    Answerer, Applied, Apply, Caller, ChangedFile, DiffStat, Event, EventKind, LinkedSession,
    Reply, Request, RequestId, Task, TaskId, dollars,
};
use crate::policy::ChatMay;
use crate::project::{self, BranchName, Head, ProjectKind};
use crate::store::{NewsOrder, Store, StoreError, TaskFilter};
use crate::task::{self, EngineHandle, NoProject};
use crate::web;
use tokio::sync::watch;

/// Longest time that looking at one project's repository may take inside a tool call.
const INSPECT_LIMIT: Duration = Duration::from_secs(5);
/// Events read for the lines of `output_lines`; several lines may come of one.
const TAIL_EVENTS: usize = 200;

/// What of the configuration the tools and the owner see; replaced as a whole by a reload.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// The projects.
    pub workspaces: ProjectWorkspaces,
    /// Names of all executors.
    pub executors: Vec<String>,
    /// Longest working time of a task.
    pub max_timeout: Duration,
    /// What a task may cost, in US dollars.
    pub per_task_usd: f64,
    /// What all tasks of a day may cost, in US dollars.
    pub per_day_usd: f64,
}

impl Shown {
    /// What `config` shows.
    #[must_use]
    pub(super) fn of(config: &Config, workspaces: ProjectWorkspaces) -> Self {
        let executors = config.executors.keys().map(ToString::to_string).collect();
        Self {
            workspaces,
            executors,
            max_timeout: config.tasks.max_timeout.into(),
            per_task_usd: config.budget.per_task_usd.as_dollars(),
            per_day_usd: config.budget.per_day_usd.as_dollars(),
        }
    }
}

/// [`Tasks`] over the real engine.
#[derive(Clone, Debug)]
pub(super) struct EngineTasks {
    pub(super) engine: EngineHandle,
    pub(super) store: Store,
    shown: watch::Receiver<Shown>,
    address: PublicAddress,
}

impl EngineTasks {
    /// Tools over `engine` and its `store`, for clients that come by `address`.
    #[must_use]
    pub(super) const fn new(
        engine: EngineHandle,
        store: Store,
        shown: watch::Receiver<Shown>,
        address: PublicAddress,
    ) -> Self {
        Self { engine, store, shown, address }
    }

    /// The branch that a new task asks to begin from, which must be there.
    async fn base_branch(&self, new: &NewTask) -> Result<Option<BranchName>, StartError> {
        let Some(name) = &new.base_branch else { return Ok(None) };
        let branch: BranchName = name.parse().map_err(|error| StartError::Refused {
            message: format!("`base_branch`: {error}"),
            hint: "give the name of a branch, such as `main`".to_owned(),
        })?;
        let workspaces = self.shown.borrow().workspaces.clone();
        let checked = workspaces.check_base(new.project.as_deref(), &branch).await;
        checked
            .map_err(|(message, hint)| StartError::Refused { message, hint: hint.to_owned() })?;
        Ok(Some(branch))
    }

    async fn project_view(shown: &Shown, project: &project::Project) -> ProjectView {
        let looked = shown.workspaces.inspect(project);
        let state = tokio::time::timeout(INSPECT_LIMIT, looked).await.ok().and_then(Result::ok);
        let (branch, dirty) = match state.map(|state| state.kind) {
            Some(ProjectKind::Git(git)) => {
                let branch = match git.head {
                    Head::Branch { name, .. } | Head::Unborn { name } => Some(name),
                    Head::Detached { .. } => None,
                };
                (branch, git.changes.map(|changes| !changes.is_clean()))
            }
            Some(ProjectKind::NotGit) | None => (None, None),
        };
        let mut executors = vec![project.executor.clone()];
        executors.extend(shown.executors.iter().filter(|name| **name != project.executor).cloned());
        let default = shown.workspaces.registry().default_project();
        ProjectView {
            name: project.name.to_string(),
            description: project.description.clone(),
            default: default.is_some_and(|default| default.name == project.name),
            branch,
            dirty,
            executors,
            max_concurrent: u64::from(project.max_concurrent),
            timeout_minutes_max: project.budget.timeout_max(shown.max_timeout).as_secs() / 60,
            budget_usd_max: project
                .budget
                .per_task_usd
                .map_or(shown.per_task_usd, |own| own.min(shown.per_task_usd)),
        }
    }
}

impl Tasks for EngineTasks {
    fn start(&self, new: NewTask) -> BoxFuture<'_, Result<Admitted, StartError>> {
        async move {
            let base_branch = self.base_branch(&new).await?;
            let new = task::NewTask {
                prompt: new.prompt,
                project: new.project,
                executor: new.executor,
                model: new.model,
                plan_only: new.plan_only,
                timeout: new.timeout,
                priority: new.priority,
                budget_usd: new.budget_usd,
                idempotency_key: new.idempotency_key,
                base_branch,
                caller: new.caller,
                session_id: new.session_id,
            };
            let admitted = self.engine.start(new).await.map_err(refused)?;
            let task::Admitted { task, existing, notes } = admitted;
            Ok(Admitted { task, existing, notes })
        }
        .boxed()
    }

    fn place(&self, id: &TaskId) -> Option<Place> {
        let standing = self.engine.standing();
        let number = standing.place_of(id)?;
        Some(Place {
            number,
            of: standing.waiting.len(),
            holding: standing.holding.clone(),
            held_back: standing.waiting[number - 1].held_back.clone(),
        })
    }

    fn task<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<Option<Arc<Task>>, Unavailable>> {
        std::future::ready(self.engine.task(id).map_err(unavailable)).boxed()
    }

    fn wait<'a>(
        &'a self,
        id: &'a TaskId,
        after: u64,
        at_most: Duration,
    ) -> BoxFuture<'a, Result<Option<Arc<Task>>, Unavailable>> {
        async move { self.engine.wait(id, after, at_most).await.map_err(unavailable) }.boxed()
    }

    fn cancel<'a>(
        &'a self,
        id: &'a TaskId,
        by: String,
    ) -> BoxFuture<'a, Result<Task, CancelError>> {
        async move { self.engine.cancel(id, by).await.map_err(not_cancelled) }.boxed()
    }

    fn cancel_all(
        &self,
        by: String,
        projects: Option<Vec<String>>,
    ) -> BoxFuture<'_, Result<Vec<Task>, Unavailable>> {
        async move {
            let cancelled = self.engine.cancel_all(by, projects).await;
            cancelled.map_err(|error| Unavailable(error.to_string()))
        }
        .boxed()
    }

    fn list(&self, query: TaskQuery) -> BoxFuture<'_, Result<TaskPage, Unavailable>> {
        async move {
            let TaskQuery { states, projects, executor, since, text, before, limit } = query;
            let filter = TaskFilter { states, projects, executor, since, text, before, limit };
            let page = self.store.read_blocking(move |tx| tx.list_tasks(&filter)).await;
            let page = page.map_err(unavailable)?;
            Ok(TaskPage { tasks: page.tasks, next: page.next })
        }
        .boxed()
    }

    fn events<'a>(
        &'a self,
        id: &'a TaskId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Event>, Unavailable>> {
        let events = self.store.read(|tx| tx.last_events(id, after, limit));
        std::future::ready(events.map_err(unavailable)).boxed()
    }

    fn output_tail<'a>(
        &'a self,
        id: &'a TaskId,
        lines: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, Unavailable>> {
        let events = self.store.read(|tx| tx.last_events(id, 0, TAIL_EVENTS));
        let tail = events.map(|events| last_lines(&events, lines)).map_err(unavailable);
        std::future::ready(tail).boxed()
    }

    fn diff<'a>(
        &'a self,
        id: &'a TaskId,
        options: DiffOptions,
    ) -> BoxFuture<'a, Result<Diff, DiffError>> {
        async move {
            let task = self.engine.task(id).map_err(unavailable)?;
            let task = task.ok_or_else(|| DiffError::Nothing("there is no such task".into()))?;
            let workspaces = self.shown.borrow().workspaces.clone();
            let wanted = project::DiffOptions {
                path: options.path.clone(),
                stat_only: options.stat_only,
                max_bytes: options.bytes_max,
                offset: options.offset,
            };
            let diff = workspaces.diff(&task, &wanted).await;
            let diff = diff.map_err(|error| DiffError::Nothing(error.to_string()))?;
            if let Some(path) = options.path.filter(|_| diff.files.is_empty()) {
                return Err(DiffError::UnknownPath(path));
            }
            let text = if options.stat_only { stat_text(&diff) } else { diff.text.clone() };
            Ok(Diff {
                stat: DiffStat {
                    files: u64::try_from(diff.stat.files).unwrap_or(u64::MAX),
                    insertions: diff.stat.insertions,
                    deletions: diff.stat.deletions,
                },
                files: diff.files.iter().map(changed).collect(),
                text,
                next_offset: diff.next,
                base: task.workspace.as_ref().and_then(|workspace| workspace.base_commit.clone()),
            })
        }
        .boxed()
    }

    fn apply<'a>(
        &'a self,
        id: &'a TaskId,
        action: Apply,
        by: String,
    ) -> BoxFuture<'a, Result<Applied, mcp::ApplyError>> {
        async move {
            let workspaces = self.shown.borrow().workspaces.clone();
            let done = apply(&self.store, &workspaces, id, action, &Hand::Chat(by)).await;
            done.map_err(|error| match error {
                ApplyError::NeedsOwner(action) => {
                    let command = apply::command(id, action);
                    mcp::ApplyError::NeedsOwner { action, command }
                }
                ApplyError::Store(error) => unavailable(error).into(),
                other => {
                    tracing::warn!(task = %id, error = %other, "work not applied");
                    let hint = other.hint().to_owned();
                    mcp::ApplyError::Refused { message: other.for_chat(), hint }
                }
            })
        }
        .boxed()
    }

    fn read_file(&self, wanted: WantedFile) -> BoxFuture<'_, Result<FileLines, ReadError>> {
        async move {
            let task = match &wanted.task_id {
                Some(id) => self.engine.task(id).map_err(unavailable)?,
                None => None,
            };
            let workspaces = self.shown.borrow().workspaces.clone();
            workspaces.read_file(&wanted, task.as_deref()).await
        }
        .boxed()
    }

    fn projects(&self) -> BoxFuture<'_, Result<Vec<ProjectView>, Unavailable>> {
        async move {
            let shown = self.shown.borrow().clone();
            let views = shown.workspaces.registry().iter().map(|it| Self::project_view(&shown, it));
            Ok(futures::future::join_all(views).await)
        }
        .boxed()
    }

    fn project_names(&self) -> BoxFuture<'_, Result<Vec<String>, Unavailable>> {
        let shown = self.shown.borrow();
        let names = shown.workspaces.registry().iter().map(|project| project.name.to_string());
        std::future::ready(Ok(names.collect())).boxed()
    }

    fn requests<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<Vec<Request>, Unavailable>> {
        let requests = self.store.read(|tx| tx.requests_of(id));
        std::future::ready(requests.map_err(unavailable)).boxed()
    }

    fn chat_may(&self, project: &str) -> ChatMay {
        self.shown.borrow().workspaces.chat_may(project)
    }

    fn page_of(&self, id: &RequestId) -> Option<String> {
        // Devices are paired over https alone.
        let origin = self.address.origin().filter(Origin::is_https)?;
        Some(origin.url(&web::path_of(id)))
    }

    fn answer<'a>(
        &'a self,
        id: &'a RequestId,
        reply: Reply,
        by: Answerer,
    ) -> BoxFuture<'a, Result<Request, AnswerError>> {
        async move { self.engine.answer(id, reply, by).await.map_err(not_answered) }.boxed()
    }

    fn news(&self, query: NewsQuery) -> BoxFuture<'_, Result<NewsPage, Unavailable>> {
        async move {
            let page = self.store.read_blocking(move |tx| news::page(tx, &query)).await;
            page.map_err(unavailable)
        }
        .boxed()
    }

    fn log(&self, query: LogQuery) -> BoxFuture<'_, Result<Vec<Event>, Unavailable>> {
        async move {
            let LogQuery { task, projects, before, limit } = query;
            let read = self.store.read_blocking(move |tx| match task {
                Some(id) => tx.events_before(&id, before, limit),
                None => tx.news(projects.as_deref(), NewsOrder::Before(before), limit),
            });
            read.await.map_err(unavailable)
        }
        .boxed()
    }

    fn stderr_end<'a>(
        &'a self,
        id: &'a TaskId,
        bytes_max: u64,
    ) -> BoxFuture<'a, Result<Option<StderrEnd>, Unavailable>> {
        async move {
            let task = self.engine.task(id).map_err(unavailable)?;
            let Some(run) = task.as_ref().and_then(|task| task.run.as_ref()) else {
                return Ok(None);
            };
            Ok(Some(end_of_stderr(&run.dir, bytes_max).await))
        }
        .boxed()
    }

    fn link(
        &self,
        session: LinkedSession,
        project: Option<String>,
        caller: Caller,
    ) -> BoxFuture<'_, Result<(Task, bool), StartError>> {
        async move {
            let link = task::NewLink { session, project, caller };
            self.engine.link(link).await.map_err(not_linked)
        }
        .boxed()
    }

    fn changes(&self) -> BoxStream<'static, TaskChange> {
        let newest = *self.store.committed().borrow();
        let changes = self.store.subscribe(newest);
        futures::stream::unfold(changes, |mut changes| async {
            let event = changes.next().await.ok()?;
            let is_new =
                matches!(event.kind, EventKind::Queued | EventKind::Linked { again: false, .. });
            Some((TaskChange { task_id: event.task_id, is_new }, changes))
        })
        .boxed()
    }
}

fn changed(file: &project::FileChange) -> ChangedFile {
    ChangedFile { status: file.status, path: file.path.to_string() }
}

/// The last lines of what an agent said and did.
fn last_lines(events: &[Event], lines: usize) -> Vec<String> {
    let mut tail: Vec<String> = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::Text { text } => tail.extend(text.lines().map(str::to_owned)),
            EventKind::Activity { tool, detail } => tail.push(format!("> {tool}: {detail}")),
            EventKind::FileTouched { path } => tail.push(format!("> wrote {path}")),
            EventKind::Waiting { reason } => tail.push(format!("(waiting: {reason})")),
            EventKind::Note { text } => tail.push(format!("(note: {text})")),
            _ => {}
        }
    }
    let first = tail.len().saturating_sub(lines);
    tail.split_off(first)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn unavailable(error: StoreError) -> Unavailable {
    Unavailable(error.to_string())
}

fn refused(error: task::StartError) -> StartError {
    let refused = |error: &task::StartError, hint: &str| StartError::Refused {
        message: error.to_string(),
        hint: hint.to_owned(),
    };
    match error {
        task::StartError::NoProject(NoProject::Unknown(name)) => StartError::UnknownProject(name),
        task::StartError::NoProject(NoProject::NoDefault) => StartError::NoDefaultProject,
        task::StartError::UnknownExecutor { name, known } => {
            StartError::UnknownExecutor { name, known }
        }
        task::StartError::PromptEmpty => refused(&error, "say what is to be done"),
        task::StartError::PromptTooLong { .. } => {
            refused(&error, "put long material into a file of the project and name it")
        }
        task::StartError::NotSupported { .. } => {
            refused(&error, "leave it out or choose another executor")
        }
        task::StartError::BadModel => refused(
            &error,
            "name one, such as `opus`, or leave it out for the executor's own choice",
        ),
        task::StartError::TimeoutTooShort => refused(&error, "allow at least one minute"),
        task::StartError::BudgetNotPositive => {
            refused(&error, "leave it out, or allow at least 0.01")
        }
        task::StartError::BudgetTooHigh { limit, .. } => refused(
            &error,
            &format!("leave it out, or allow {} at most; the owner sets the limit", dollars(limit)),
        ),
        task::StartError::DaySpent { .. } => refused(&error, &error.again().unwrap_or_default()),
        task::StartError::BadIdempotencyKey | task::StartError::KeyReused(_) => {
            refused(&error, "use a new key of 1 to 200 characters")
        }
        task::StartError::QueueFull(_) => {
            refused(&error, "cancel waiting tasks with cancel_task, or try again later")
        }
        task::StartError::UnknownSession(_) => {
            refused(&error, "check_task and get_result tell the session of a task of this project")
        }
        task::StartError::SessionBusy(_) => {
            refused(&error, "follow that task with check_task, or go on when it is over")
        }
        task::StartError::SessionOfOther(_) => refused(&error, "name that executor"),
        task::StartError::ShuttingDown => refused(&error, "try again in a moment"),
        task::StartError::Store(error) => unavailable(error).into(),
    }
}

fn not_linked(error: task::LinkError) -> StartError {
    let hint = match error {
        task::LinkError::NoProject(NoProject::Unknown(name)) => {
            return StartError::UnknownProject(name);
        }
        task::LinkError::NoProject(NoProject::NoDefault) => return StartError::NoDefaultProject,
        task::LinkError::Store(error) => return unavailable(error).into(),
        task::LinkError::OtherProject => {
            "leave it there, or cancel its task with cancel_task first"
        }
        task::LinkError::TooMany(_) => "cancel_task lets a linked session go",
        task::LinkError::ShuttingDown => "try again in a moment",
    };
    StartError::Refused { message: error.to_string(), hint: hint.to_owned() }
}

fn not_cancelled(error: task::CancelError) -> CancelError {
    match error {
        task::CancelError::NotFound(_) => CancelError::Unknown,
        task::CancelError::Over { .. } => CancelError::AlreadyOver,
        task::CancelError::ShuttingDown => Unavailable(error.to_string()).into(),
        task::CancelError::Store(error) => unavailable(error).into(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn not_answered(error: task::AnswerError) -> AnswerError {
    let hint = match error {
        task::AnswerError::NotYours(_) => return AnswerError::OwnersOnly(error.to_string()),
        task::AnswerError::Store(_) | task::AnswerError::ShuttingDown => {
            return Unavailable(error.to_string()).into();
        }
        task::AnswerError::NotFound
        | task::AnswerError::Closed(_)
        | task::AnswerError::TaskOver(_) => "check_task tells what is open now",
        task::AnswerError::Unfit(_) => "check_task tells the request's kind",
        task::AnswerError::NoAnswer(_) => "check_task shows the questions and their choices",
    };
    AnswerError::Refused { message: error.to_string(), hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{Clock, ManualClock, SeededEntropy, Timestamp};
    use crate::gateway::testing;
    use crate::model::testing::a_task;

    fn tasks_in(folder: &std::path::Path) -> EngineTasks {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        let store = Store::in_memory(clock.clone()).unwrap();
        testing::tasks_in(folder, &store, &clock)
    }

    #[test]
    fn who_is_refused_for_money_is_told_what_would_be_accepted() {
        let again_at = Timestamp::from_millis(1_795_219_200_000);
        let key = "budget.per_day_usd".to_owned();
        let refusals = [
            task::StartError::BudgetNotPositive,
            task::StartError::BudgetTooHigh { asked: 10.0, limit: 2.5 },
            task::StartError::DaySpent { spent: 25.125, limit: 25.0, key, again_at },
        ];
        let told = refusals.map(|error| match refused(error) {
            StartError::Refused { message, hint } => format!("{message}\nhint: {hint}"),
            other => panic!("{other:?}"),
        });
        insta::assert_snapshot!(told.join("\n"), @r"
        `budget_usd` must be more than 0
        hint: leave it out, or allow at least 0.01
        `budget_usd` is $10.00, and a task here may cost $2.50
        hint: leave it out, or allow $2.50 at most; the owner sets the limit
        the budget of the day is spent: $25.12 of $25.00 (budget.per_day_usd)
        hint: there is money again at 2026-11-21T00:00:00.000Z, or as soon as the owner raises the limit
        ");
    }

    #[tokio::test]
    async fn of_many_events_the_newest_are_told_oldest_first() {
        let folder = tempfile::tempdir().unwrap();
        let tasks = tasks_in(folder.path());
        let mut task = a_task(&SeededEntropy::new(2), "x");
        let id = task.id.clone();
        let notes = (0..30).map(|n| EventKind::Note { text: format!("note {n}") });
        let notes: Vec<EventKind> = notes.collect();
        let stored = tasks.store.write(move |tx| {
            tx.insert_task(&mut task)?;
            tx.update_task(&mut task, &notes)?;
            Ok::<_, StoreError>(task.cursor)
        });
        let newest = stored.await.unwrap();
        for (after, expected) in [(0, 20), (newest - 3, 3), (newest, 0)] {
            let events = tasks.events(&id, after, 20).await.unwrap();
            let told: Vec<u64> = events.iter().map(|event| event.seq).collect();
            assert_eq!(told, (newest + 1 - expected..=newest).collect::<Vec<_>>(), "{after}");
        }
    }

    #[tokio::test]
    async fn every_committed_change_is_told_to_who_follows() {
        let folder = tempfile::tempdir().unwrap();
        let tasks = tasks_in(folder.path());
        let entropy = SeededEntropy::new(2);
        let mut before = a_task(&entropy, "x");
        let mut new = a_task(&entropy, "x");
        let (old_id, new_id) = (before.id.clone(), new.id.clone());
        let insert = tasks.store.write(move |tx| tx.insert_task(&mut before));
        insert.await.unwrap();
        let mut changes = tasks.changes();
        let mut old = Task::clone(&tasks.store.task(&old_id).unwrap().unwrap());
        let both = tasks.store.write(move |tx| {
            tx.insert_task(&mut new)?;
            tx.update_task(&mut new, &[EventKind::Queued])?;
            tx.update_task(&mut old, &[EventKind::Note { text: "x".into() }])
        });
        both.await.unwrap();
        let mut told = Vec::new();
        while let Some(Some(change)) = changes.next().now_or_never() {
            told.push((change.task_id, change.is_new));
        }
        assert!(told.contains(&(new_id, true)), "{told:?}");
        assert_eq!(told.last(), Some(&(old_id, false)), "{told:?}");
    }
}
