//! Answers the owner's calls: of the command line over the admin socket, or directly when no
//! gateway is running.
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::admin::{Call, CallError, CallErrorKind};
use super::apply::{Hand, apply};
use super::devices;
use super::requests;
use super::tools::Shown;
use super::view::{EventPage, OpenRequestView, RequestView, StepPage, TaskDetail, TaskView};
use super::workspaces::ProjectWorkspaces;
use crate::auth::AuthorizationServer;
use crate::clock::Clock;
use crate::model::{Answerer, Apply, Reply, Request, RequestId, RequestState, Task, TaskId};
use crate::store::{Store, TaskFilter};
use crate::task::{AnswerError, CancelError, EngineHandle, Standing};
use crate::web::Asked;

/// Longest wait of one [`Call::Events`] or [`Call::Trace`].
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Who the owner is in a task's history, when he types a command.
const OWNER: &str = "the owner at the terminal";
/// Most events in one answer.
const EVENTS: usize = 500;
/// Names of states that a filter may hold.
pub(crate) const STATES: &[&str] = &[
    "queued",
    "running",
    "needs_input",
    "cancelling",
    "completed",
    "failed",
    "cancelled",
    "interrupted",
    "linked",
];

/// What only a running gateway can answer.
pub trait Running: std::fmt::Debug + Send + Sync {
    /// State, addresses and tunnel, without the numbers of tasks.
    fn status(&self) -> Value;
    /// Opens a pairing and answers `{url, code, expires_at}`.
    fn pair(&self) -> BoxFuture<'_, Result<Value, CallError>>;
    /// Reads the configuration again and answers what changed.
    fn reload(&self) -> BoxFuture<'_, Result<Value, CallError>>;
}

/// The owner's side of the gateway.
#[derive(Clone, Debug)]
pub struct Owner {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) clients: super::clients::Clients,
    pub(super) auth: AuthorizationServer,
    /// The projects, as the last reload left them.
    pub(super) shown: watch::Receiver<Shown>,
    /// The engine and the rest of a running gateway; none when the owner's command works alone.
    pub(super) running: Option<(EngineHandle, Arc<dyn Running>)>,
}

impl Owner {
    /// Answers one call.
    ///
    /// # Errors
    ///
    /// A sentence and a hint for the terminal.
    pub async fn call(&self, call: Call) -> Result<Value, CallError> {
        match call {
            Call::Status => self.status(),
            Call::Events { task, after, wait_secs } => {
                self.events(task, after, Duration::from_secs(wait_secs)).await
            }
            Call::Trace { after, wait_secs } => {
                self.trace(after, Duration::from_secs(wait_secs)).await
            }
            Call::Pair => self.running()?.1.pair().await,
            Call::ListTasks { states, project, limit } => {
                self.list_tasks(states, project, limit).await
            }
            Call::ShowTask { task } => self.show_task(&task),
            Call::Diff { task, path, stat_only } => self.diff(&task, path, stat_only).await,
            Call::Apply { task, action } => self.apply(&task, action).await,
            Call::ListRequests => Ok(json!({ "schema": 1, "requests": self.open_requests()? })),
            Call::Answer { task, request, reply } => self.answer(&task, request, reply).await,
            Call::Say { task, message } => self.say(&task, message).await,
            Call::PushSession { session, folder } => self.push_session(session, &folder).await,
            Call::Cancel { task } => self.cancel(&task).await,
            Call::MintClient { name, scopes, projects, public, rotate } => {
                if rotate {
                    self.clients.rotate(&name).await
                } else {
                    self.check_projects(&projects)?;
                    self.clients.mint(&name, &scopes, &projects, public).await
                }
            }
            Call::MintToken { name, scopes, projects, lifetime_secs, anywhere } => {
                self.check_projects(&projects)?;
                let lifetime = Duration::from_secs(lifetime_secs);
                self.clients.mint_token(&name, &scopes, &projects, lifetime, anywhere).await
            }
            Call::ListClients => self.clients.list(),
            Call::RevokeClient { client } => self.clients.revoke(&client).await,
            Call::ForgetClient { client } => self.clients.forget(&client).await,
            Call::ExpireClient { client, at } => self.clients.expire(&client, at).await,
            Call::ListDevices => devices::list(&self.auth, self.clock.now()),
            Call::RevokeDevice { device } => {
                devices::revoke(&self.auth, self.clock.now(), &device).await
            }
            Call::Reload => self.running()?.1.reload().await,
        }
    }

    /// A client held to a project that does not exist could do nothing, and something unforeseen as
    /// soon as there is one of that name.
    fn check_projects(&self, names: &[String]) -> Result<(), CallError> {
        let workspaces = self.workspaces();
        for name in names {
            workspaces.registry().find(Some(name)).map_err(|error| {
                CallError::invalid(error, "`gateway projects list` names the projects")
            })?;
        }
        Ok(())
    }

    pub(super) fn workspaces(&self) -> ProjectWorkspaces {
        self.shown.borrow().workspaces.clone()
    }

    /// The queue; without a running gateway nobody stands in it.
    fn standing(&self) -> Standing {
        self.running.as_ref().map(|(engine, _)| engine.standing().clone()).unwrap_or_default()
    }

    pub(super) fn running(&self) -> Result<&(EngineHandle, Arc<dyn Running>), CallError> {
        self.running.as_ref().ok_or_else(|| {
            let hint = "start it with `gateway serve` (or `gateway service install`)";
            CallError::new(CallErrorKind::Unavailable, "the gateway is not running", hint)
        })
    }

    fn status(&self) -> Result<Value, CallError> {
        let mut status = self.running()?.1.status();
        let counts = self.store.read(|tx| tx.task_counts())?;
        let of = |state: &str| counts.iter().find(|(name, _)| *name == state).map(|(_, n)| *n);
        if let (Some(queued), Some(asking)) = (of("queued"), of("needs_input")) {
            // Nothing is wrong, so it is none of the problems, which doctor has a cure for.
            status["waiting"] = json!(format!(
                "{queued} queued, while {asking} hold a place and wait for your answer: \
                 `gateway tasks list --state needs_input`"
            ));
        }
        let counts: serde_json::Map<String, Value> =
            counts.into_iter().map(|(state, count)| (state, count.into())).collect();
        status["tasks"] = counts.into();
        status["budget"] = self.budget()?;
        Ok(status)
    }

    /// What today has cost and may cost, over all projects and in those with a day's limit of their
    /// own. As far as agents told it: Claude Code does at the end of a turn.
    fn budget(&self) -> Result<Value, CallError> {
        let spent = self.store.read(|tx| tx.spending(self.clock.now()))?;
        let shown = self.shown.borrow();
        let projects = shown.workspaces.registry().iter().filter_map(|project| {
            let limit = project.budget.per_day_usd?;
            let spent = spent.of(project.name.as_str());
            Some(json!({ "project": project.name.as_str(), "spent_usd": spent, "per_day_usd": limit }))
        });
        let projects: Vec<Value> = projects.collect();
        Ok(json!({
            "spent_usd": spent.total(),
            "per_day_usd": shown.per_day_usd,
            "ends_at": spent.ends_at.to_string(),
            "projects": projects,
        }))
    }

    async fn events(
        &self,
        task: Option<String>,
        after: Option<u64>,
        wait: Duration,
    ) -> Result<Value, CallError> {
        let id = task.map(|text| self.find(&text)).transpose()?.map(|task| task.id);
        let mut committed = self.store.committed();
        let mut cursor = after.unwrap_or_else(|| *committed.borrow());
        let deadline = tokio::time::sleep(wait.min(WAIT_MAX));
        tokio::pin!(deadline);
        loop {
            let newest = *committed.borrow_and_update();
            let events = self.store.read(|tx| tx.events_after(id.as_ref(), cursor, EVENTS))?;
            let full = events.len() == EVENTS;
            cursor = events.last().map_or(cursor, |event| event.seq);
            if !full {
                // Everything up to here is read, whoever it belongs to.
                cursor = cursor.max(newest);
            }
            let task = match &id {
                Some(id) => self.store.read(|tx| tx.task(id))?,
                None => None,
            };
            let over = task.as_ref().is_some_and(|task| task.state.is_final());
            let state = task.map(|task| task.state.name().to_owned());
            if !events.is_empty() || over || deadline.is_elapsed() {
                return Ok(json!(EventPage { events, cursor, state }));
            }
            tokio::select! {
                () = &mut deadline => return Ok(json!(EventPage { events, cursor, state })),
                changed = committed.changed() => {
                    if changed.is_err() {
                        return Ok(json!(EventPage { events, cursor, state }));
                    }
                }
            }
        }
    }

    async fn trace(&self, after: Option<u64>, wait: Duration) -> Result<Value, CallError> {
        self.running()?;
        let trace = self.auth.trace();
        let mut newest = trace.newest();
        if let Some(after) = after {
            let later = newest.wait_for(|newest| *newest > after);
            // Whether there is news or the time is over: the page tells.
            let _ = tokio::time::timeout(wait.min(WAIT_MAX), later).await;
        }
        Ok(json!(StepPage::of(&trace.after(after))))
    }

    async fn list_tasks(
        &self,
        states: Vec<String>,
        project: Option<String>,
        limit: usize,
    ) -> Result<Value, CallError> {
        let states = states
            .iter()
            .map(|name| {
                STATES.iter().copied().find(|known| known == name).ok_or_else(|| {
                    let known = STATES.join(", ");
                    CallError::invalid(format!("no task is ever `{name}`"), format!("use {known}"))
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let projects = project.clone().map(|project| vec![project]);
        let filter = TaskFilter { states, projects, limit, ..TaskFilter::default() };
        let page = self.store.read_blocking(move |tx| tx.list_tasks(&filter)).await;
        let page = page.map_err(CallError::from)?;
        if let Some(project) = project.filter(|_| page.tasks.is_empty()) {
            self.check_ever_was(project).await?;
        }
        let (now, standing) = (self.clock.now(), self.standing());
        let view = |task| TaskView::of(task, now).in_line(&standing);
        let tasks: Vec<TaskView> = page.tasks.iter().map(view).collect();
        let waits = tasks.iter().any(|task| task.place.is_some());
        let holding = if waits { standing.holding } else { Vec::new() };
        let more = page.next.is_some();
        Ok(json!({ "schema": 1, "tasks": tasks, "more": more, "holding": holding }))
    }

    /// A project without tasks is one that is there; one that was removed still has its tasks.
    async fn check_ever_was(&self, project: String) -> Result<(), CallError> {
        let Err(unknown) = self.check_projects(std::slice::from_ref(&project)) else {
            return Ok(());
        };
        let projects = Some(vec![project]);
        let filter = TaskFilter { projects, limit: 1, ..TaskFilter::default() };
        let page = self.store.read_blocking(move |tx| tx.list_tasks(&filter)).await?;
        if page.tasks.is_empty() { Err(unknown) } else { Ok(()) }
    }

    fn show_task(&self, text: &str) -> Result<Value, CallError> {
        let task = self.find(text)?;
        let requests = self.store.read(|tx| tx.requests_of(&task.id))?;
        let standing = self.standing();
        let view = TaskView::of(&task, self.clock.now()).in_line(&standing);
        let chat = self.workspaces().chat_may(&task.spec.project);
        let detail = TaskDetail {
            holding: if view.place.is_some() { standing.holding } else { Vec::new() },
            task: view,
            prompt: task.spec.prompt.clone(),
            requests: requests.iter().map(|it| RequestView::of(it, &chat)).collect(),
        };
        let mut value = json!(detail);
        value["schema"] = 1.into();
        Ok(value)
    }

    async fn diff(
        &self,
        text: &str,
        path: Option<String>,
        stat_only: bool,
    ) -> Result<Value, CallError> {
        let task = self.find(text)?;
        let mut diff =
            self.workspaces().whole_diff(&task, path, stat_only).await.map_err(|error| {
                let hint = "`gateway tasks show` tells the task's state and notes";
                CallError::new(CallErrorKind::Failed, error, hint)
            })?;
        diff["schema"] = 1.into();
        diff["task_id"] = json!(task.id);
        Ok(diff)
    }

    async fn apply(&self, text: &str, action: Apply) -> Result<Value, CallError> {
        let task = self.find(text)?;
        let hand = Hand::Owner(OWNER.to_owned());
        let done = apply(&self.store, &self.workspaces(), &task.id, action, &hand).await;
        let applied = done.map_err(|error| {
            let hint = error.hint();
            CallError::new(CallErrorKind::Failed, error, hint)
        })?;
        let told = applied.to_string();
        Ok(json!({ "schema": 1, "task_id": task.id, "applied": applied, "text": told }))
    }

    async fn answer(
        &self,
        task: &str,
        request: Option<String>,
        reply: Reply,
    ) -> Result<Value, CallError> {
        self.running()?;
        let task = self.find(task)?;
        let request = self.choose_request(&task, request)?;
        let request = self.answer_request(&request.id, reply, Answerer::Terminal).await?;
        let chat = self.workspaces().chat_may(&task.spec.project);
        let view = RequestView::of(&request, &chat);
        Ok(json!({ "schema": 1, "task_id": task.id, "request": view }))
    }

    /// Everything that agents ask now, oldest first.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn open_requests(&self) -> Result<Vec<OpenRequestView>, CallError> {
        let workspaces = self.workspaces();
        let view = |asked: Asked| OpenRequestView {
            request: RequestView::of(&asked.request, &workspaces.chat_may(&asked.project)),
            task_id: asked.request.task_id,
            title: asked.title,
            project: asked.project,
            executor: asked.executor,
        };
        Ok(requests::open(&self.store)?.into_iter().map(view).collect())
    }

    /// Answers the request of this id, once: whoever comes second is told so.
    ///
    /// # Errors
    ///
    /// A sentence and a hint for the terminal.
    pub async fn answer_request(
        &self,
        id: &RequestId,
        reply: Reply,
        by: Answerer,
    ) -> Result<Request, CallError> {
        let (engine, _) = self.running()?;
        engine.answer(id, reply, by).await.map_err(|error| {
            let (kind, hint) = match error {
                AnswerError::Closed(_) | AnswerError::NotFound | AnswerError::TaskOver(_) => {
                    (CallErrorKind::Failed, "`gateway tasks show` tells what is still open")
                }
                AnswerError::Unfit(_) | AnswerError::NoAnswer(_) => {
                    (CallErrorKind::Invalid, "`gateway tasks show` tells what is asked")
                }
                AnswerError::NotYours(_) => {
                    (CallErrorKind::Permission, "answer it at the workstation's terminal")
                }
                AnswerError::ShuttingDown => {
                    (CallErrorKind::Failed, "try again when the gateway runs")
                }
                AnswerError::Store(_) => (CallErrorKind::Failed, "run `gateway doctor`"),
            };
            CallError::new(kind, error, hint)
        })
    }

    fn choose_request(&self, task: &Task, id: Option<String>) -> Result<Request, CallError> {
        let mut requests = self.store.read(|tx| tx.requests_of(&task.id))?;
        if let Some(id) = id {
            let found = requests.into_iter().find(|request| request.id.as_str().starts_with(&id));
            return found.ok_or_else(|| {
                let message = format!("task {} has no request {id}", task.id);
                CallError::invalid(message, format!("see `gateway tasks show {}`", task.id))
            });
        }
        requests.retain(|request| request.state == RequestState::Open);
        match requests.len() {
            1 => Ok(requests.remove(0)),
            0 => Err(CallError::invalid(
                format!("task {} asks nothing: it is {}", task.id, task.state.name()),
                "`gateway tasks list --state needs_input` names the tasks that do",
            )),
            many => Err(CallError::invalid(
                format!("task {} asks {many} things", task.id),
                "name one with --request; `gateway tasks show` lists them",
            )),
        }
    }

    async fn cancel(&self, task: &str) -> Result<Value, CallError> {
        let (engine, _) = self.running()?;
        let by = OWNER.to_owned();
        let refused = |error: CancelError| {
            CallError::new(CallErrorKind::Failed, error, "`gateway tasks list` names the tasks")
        };
        if task == "all" {
            let tasks = engine.cancel_all(by, None).await.map_err(refused)?;
            let ids: Vec<TaskId> = tasks.into_iter().map(|task| task.id).collect();
            return Ok(json!({ "schema": 1, "cancelled": ids }));
        }
        let task = self.find(task)?;
        let task = engine.cancel(&task.id, by).await.map_err(refused)?;
        Ok(json!({ "schema": 1, "cancelled": [task.id], "state": task.state.name() }))
    }

    /// The task whose id is, or begins with, `text`.
    pub(super) fn find(&self, text: &str) -> Result<Task, CallError> {
        let hint = "`gateway tasks list` names the tasks";
        let id = match text.parse::<TaskId>() {
            Ok(id) => id,
            Err(_) => self.complete(text, hint)?,
        };
        let task = self.store.read(|tx| tx.task(&id))?;
        task.ok_or_else(|| CallError::invalid(format!("there is no task {id}"), hint))
    }

    fn complete(&self, text: &str, hint: &str) -> Result<TaskId, CallError> {
        let plausible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plausible {
            return Err(CallError::invalid(format!("`{text}` is no task id"), hint));
        }
        let prefix = text.to_ascii_lowercase();
        let mut ids = self.store.read(|tx| tx.task_ids_with_prefix(&prefix, 2))?;
        match ids.len() {
            1 => Ok(ids.remove(0)),
            0 => Err(CallError::invalid(format!("no task's id begins with {text}"), hint)),
            _ => Err(CallError::invalid(
                format!("more than one task's id begins with {text}"),
                "type more of it",
            )),
        }
    }
}
