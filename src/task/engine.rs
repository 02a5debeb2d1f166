//! The actor that owns the state of every unfinished task.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::admission::{self, Admission};
use super::drive::Driver;
use super::error::{AnswerError, CancelError, StartError};
use super::handle::{Admitted, EngineHandle, NewTask};
use super::news::{News, NewsKind, Verdict};
use super::queue::{Queue, Waiting};
use super::report;
use super::settings::{
    NoProject, OnShutdown, Prepared, ProjectRules, Settings, Settled, Surroundings, WorkspaceError,
};
use crate::clock::{Clock, Entropy, Timestamp};
use crate::executor::{Command, Ended, Pace, Report, Start};
use crate::model::{
    Answer, CancelReason, Decision, End, EventKind, Failure, FailureKind, Outcome, Phase, Request,
    RequestId, RequestState, Run, Task, TaskId, TaskState,
};
use crate::store::{Store, StoreError};

/// Messages that may wait for the engine.
const INBOX: usize = 256;
/// Commands that may wait for one agent.
const COMMANDS: usize = 64;
/// The engine looks at its deadlines at least this often, so that a clock that was set is noticed.
const NAP: Duration = Duration::from_secs(30);
/// What the agent is told when nobody answered in time.
const NO_ANSWER: &str = "no answer from the owner; continue without it or stop";

/// What the engine is asked and told.
#[derive(Debug)]
pub(super) enum Message {
    Start {
        new: Box<NewTask>,
        reply: oneshot::Sender<Result<Admitted, StartError>>,
    },
    Cancel {
        id: TaskId,
        by: String,
        reply: oneshot::Sender<Result<Task, CancelError>>,
    },
    CancelAll {
        by: String,
        projects: Option<Vec<String>>,
        reply: oneshot::Sender<Result<Vec<Task>, CancelError>>,
    },
    Answer {
        id: RequestId,
        answer: Answer,
        reply: oneshot::Sender<Result<Request, AnswerError>>,
    },
    News(Box<News>),
    Reconfigure {
        settings: Settings,
        surroundings: Surroundings,
    },
    ShutDown {
        reply: oneshot::Sender<()>,
    },
}

/// A task under way.
#[derive(Debug)]
struct Active {
    task: Task,
    commands: mpsc::Sender<Command>,
    cancel: CancellationToken,
    /// Open requests, oldest first.
    open: Vec<OpenRequest>,
}

#[derive(Clone, Debug)]
struct OpenRequest {
    id: RequestId,
    expires_at: Timestamp,
}

/// The engine. [`Engine::start`] recovers what an earlier gateway left and runs until it is shut
/// down.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: Settings,
    surroundings: Surroundings,
    inbox: mpsc::Receiver<Message>,
    own: mpsc::WeakSender<Message>,
    queue: Queue,
    active: HashMap<TaskId, Active>,
    drivers: TaskTracker,
    detach: CancellationToken,
    stopping: Option<Vec<oneshot::Sender<()>>>,
}

impl Engine {
    /// Recovers unfinished tasks and starts the actor on the current runtime.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn start(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: Settings,
        surroundings: Surroundings,
    ) -> Result<EngineHandle, StoreError> {
        let (sender, inbox) = mpsc::channel(INBOX);
        let handle = EngineHandle { inbox: sender, store: store.clone() };
        let mut engine = Self {
            store,
            clock,
            entropy,
            settings,
            surroundings,
            inbox,
            own: handle.inbox.downgrade(),
            queue: Queue::default(),
            active: HashMap::new(),
            drivers: TaskTracker::new(),
            detach: CancellationToken::new(),
            stopping: None,
        };
        engine.recover()?;
        tokio::spawn(engine.run());
        Ok(handle)
    }

    async fn run(mut self) {
        self.start_waiting().await;
        loop {
            if self.stopping.is_some() && self.active.is_empty() {
                break;
            }
            let (clock, nap) = (self.clock.clone(), self.nap());
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => self.handle(message).await,
                    None => break,
                },
                () = clock.sleep(nap) => self.look_at_the_clock().await,
            }
            self.start_waiting().await;
        }
        self.leave().await;
    }

    async fn handle(&mut self, message: Message) {
        // A reply that nobody waits for any more is that caller's choice.
        match message {
            Message::Start { new, reply } => {
                let _ = reply.send(self.admit(*new).await);
            }
            Message::Cancel { id, by, reply } => {
                let reason = CancelReason::Requested { by };
                let _ = reply.send(self.cancel(&id, reason, Pace::Orderly).await);
            }
            Message::CancelAll { by, projects, reply } => {
                let reason = CancelReason::Requested { by };
                let _ = reply.send(self.cancel_all(&reason, projects.as_deref()).await);
            }
            Message::Answer { id, answer, reply } => {
                let _ = reply.send(self.answer(&id, answer).await);
            }
            Message::News(news) => {
                let News { task_id, kind, stored } = *news;
                let _ = stored.send(self.take_news(&task_id, kind).await);
            }
            Message::Reconfigure { settings, surroundings } => {
                self.settings = settings;
                self.surroundings = surroundings;
            }
            Message::ShutDown { reply } => self.begin_to_stop(reply).await,
        }
    }

    // --- admission -------------------------------------------------------------------------

    async fn admit(&mut self, new: NewTask) -> Result<Admitted, StartError> {
        if self.stopping.is_some() {
            return Err(StartError::ShuttingDown);
        }
        let Admission { spec, notes } = admission::check(new, &self.settings, &self.surroundings)?;
        if let Some(task) = admission::earlier(&self.store, &spec)? {
            return Ok(Admitted { task, existing: true, notes });
        }
        if self.queue.len() >= self.settings.queued_max {
            return Err(StartError::QueueFull(self.queue.len()));
        }
        let now = self.clock.now();
        let mut task = Task {
            id: TaskId::random(&*self.entropy),
            spec,
            created_at: now,
            updated_at: now,
            cursor: 0,
            state: TaskState::Queued,
            progress: crate::model::Progress::default(),
            cost: crate::model::Cost::default(),
            waited_ms: 0,
            workspace: None,
            run: None,
        };
        let insert = move |tx: &mut crate::store::WriteTx<'_>| {
            tx.insert_task(&mut task)?;
            Ok::<_, StoreError>(task)
        };
        let task = self.store.write(insert).await?;
        self.queue.push(Waiting { id: task.id.clone(), project: task.spec.project.clone() });
        tracing::info!(task = %task.id, project = task.spec.project, "task accepted");
        Ok(Admitted { task, existing: false, notes })
    }

    // --- starting --------------------------------------------------------------------------

    async fn start_waiting(&mut self) {
        if self.stopping.is_some() {
            return;
        }
        while let Some(waiting) = self.next_waiting() {
            if let Err(error) = self.begin(&waiting.id).await {
                tracing::warn!(task = %waiting.id, %error, "could not start; will try again");
                self.queue.push(waiting);
                return;
            }
        }
    }

    fn next_waiting(&mut self) -> Option<Waiting> {
        let mut running: HashMap<String, usize> = HashMap::new();
        for active in self.active.values() {
            *running.entry(active.task.spec.project.clone()).or_default() += 1;
        }
        let free = self.settings.max_concurrent.saturating_sub(self.active.len());
        let workspaces = self.surroundings.workspaces.clone();
        let limit_of =
            |project: &str| workspaces.rules(Some(project)).map_or(1, |rules| rules.max_concurrent);
        self.queue.take(free, &running, limit_of)
    }

    async fn begin(&mut self, id: &TaskId) -> Result<(), StoreError> {
        let Some(task) = self.store.read(|tx| tx.task(id))? else { return Ok(()) };
        let Ok(state) = task.state.clone().start(self.clock.now()) else { return Ok(()) };
        match self.rules_of(&task) {
            Ok(rules) => {
                let task = self.save(task, state, vec![EventKind::Preparing]).await?;
                self.drive(task, rules, Start::Fresh, Vec::new());
            }
            Err(error) => self.fail_unstarted(task, error.to_string()).await?,
        }
        Ok(())
    }

    /// The project may have left the configuration while the task waited.
    fn rules_of(&self, task: &Task) -> Result<ProjectRules, NoProject> {
        self.surroundings.workspaces.rules(Some(&task.spec.project))
    }

    async fn fail_unstarted(&mut self, task: Task, message: String) -> Result<(), StoreError> {
        let now = self.clock.now();
        let failure = Failure { kind: FailureKind::Workspace, message };
        let state = TaskState::Failed { at: now, failure, outcome: Outcome::default() };
        let ended = report::ended(&state);
        self.save(task, state, vec![ended]).await.map(|_| ())
    }

    fn drive(&mut self, task: Task, rules: ProjectRules, start: Start, open: Vec<OpenRequest>) {
        let (commands, received) = mpsc::channel(COMMANDS);
        // The engine runs as long as somebody holds a handle; without one nothing can be driven.
        let Some(engine) = self.own.upgrade() else { return };
        let cancel = CancellationToken::new();
        let driver = Driver {
            engine,
            clock: self.clock.clone(),
            surroundings: self.surroundings.clone(),
            rules,
            output_bytes_max: self.settings.output_bytes_max,
            commands: received,
            cancel: cancel.clone(),
            detach: self.detach.clone(),
        };
        self.drivers.spawn(driver.drive(task.clone(), start));
        self.active.insert(task.id.clone(), Active { task, commands, cancel, open });
    }

    // --- recovery --------------------------------------------------------------------------

    fn recover(&mut self) -> Result<(), StoreError> {
        for task in self.store.read(|tx| tx.unfinished_tasks())? {
            if task.state == TaskState::Queued {
                let waiting = Waiting { id: task.id.clone(), project: task.spec.project.clone() };
                self.queue.push(waiting);
                continue;
            }
            let requests = self.store.read(|tx| tx.requests_of(&task.id))?;
            tracing::info!(task = %task.id, state = task.state.name(), "task found again");
            self.take_up(task, &requests);
        }
        Ok(())
    }

    /// Takes up a task that an earlier gateway was driving.
    fn take_up(&mut self, task: Task, requests: &[Request]) {
        let id = task.id.clone();
        let start =
            task.run.as_ref().map_or(Start::Fresh, |run| Start::Attach { offset: run.offset });
        let open = requests
            .iter()
            .filter(|request| request.state == RequestState::Open)
            .map(OpenRequest::of)
            .collect();
        let cancelling = matches!(task.state, TaskState::Cancelling { .. });
        // A project that left the configuration does not take its running tasks along.
        let rules = self.rules_of(&task).unwrap_or_else(|_| ProjectRules {
            name: task.spec.project.clone(),
            executor: task.spec.executor.clone(),
            max_concurrent: 1,
            allowed_tools: Vec::new(),
            trust_project_config: false,
        });
        self.drive(task, rules, start, open);
        for request in requests {
            if let Some(decision) = undelivered(request) {
                self.command(
                    &id,
                    Command::Answer { agent_ref: request.agent_ref.clone(), decision },
                );
            }
        }
        if cancelling && let Some(active) = self.active.get(&id) {
            active.cancel.cancel();
            self.command(&id, Command::Cancel(Pace::Orderly));
        }
    }

    // --- news of drivers -------------------------------------------------------------------

    async fn take_news(&mut self, id: &TaskId, kind: NewsKind) -> Result<Verdict, StoreError> {
        let Some(active) = self.active.get(id) else { return Ok(Verdict::Stop) };
        let task = active.task.clone();
        match kind {
            NewsKind::Prepared(Ok(prepared)) => self.prepared(task, prepared).await,
            NewsKind::Prepared(Err(error)) => {
                let settled = Ok(Settled::default());
                let failure = Failure { kind: FailureKind::Workspace, message: error.to_string() };
                let verdict = crate::model::Verdict::Failed(failure);
                let ended = Ended { verdict, answer: None, notes: Vec::new() };
                self.settled(task, Some(ended), settled).await
            }
            NewsKind::Report(report) => self.reported(task, report).await,
            NewsKind::RunEnded => self.run_ended(task).await,
            NewsKind::Settled { ended, settled } => self.settled(task, ended, settled).await,
        }
    }

    async fn prepared(
        &mut self,
        mut task: Task,
        prepared: Prepared,
    ) -> Result<Verdict, StoreError> {
        let mut events: Vec<EventKind> =
            prepared.notes.into_iter().map(|text| EventKind::Note { text }).collect();
        task.workspace = Some(prepared.workspace);
        let Ok(state) = task.state.clone().advance(Phase::Agent) else {
            // Cancelled meanwhile: there is nothing to collect and nobody to end.
            let outcome = Outcome::default();
            let end = End { verdict: crate::model::Verdict::Completed, outcome };
            return self.finish(task, end, events).await;
        };
        task.run = Some(Run {
            dir: self.settings.tasks_dir.join(task.id.as_str()).join("run"),
            session_id: self.random_uuid(),
            offset: 0,
        });
        events.extend(report::started(&task, false));
        let task = self.save(task, state, events).await?;
        self.keep(&task);
        Ok(Verdict::GoOn(Box::new(task)))
    }

    fn random_uuid(&self) -> Uuid {
        let entropy: &dyn Entropy = &*self.entropy;
        uuid::Builder::from_random_bytes(entropy.bytes()).into_uuid()
    }

    async fn reported(&mut self, task: Task, report: Report) -> Result<Verdict, StoreError> {
        let now = self.clock.now();
        let expires_at = now.after(self.settings.request_timeout);
        let entropy = self.entropy.clone();
        let change = move |tx: &mut crate::store::WriteTx<'_>| {
            report::apply(tx, task, report, &*entropy, expires_at)
        };
        let (task, open) = self.store.write(change).await?;
        if let Some(active) = self.active.get_mut(&task.id) {
            active.open = open.iter().map(OpenRequest::of).collect();
        }
        self.keep(&task);
        Ok(Verdict::GoOn(Box::new(task)))
    }

    async fn run_ended(&mut self, task: Task) -> Result<Verdict, StoreError> {
        let now = self.clock.now();
        // A task being cancelled stays so while its work is collected.
        let state = task.state.clone().advance(Phase::Settling).unwrap_or(task.state.clone());
        let close = move |tx: &mut crate::store::WriteTx<'_>| {
            let mut task = task;
            let mut events = report::withdraw_open(tx, &task.id, now)?;
            task.state = state;
            events.push(EventKind::Settling);
            tx.update_task(&mut task, &events)?;
            Ok::<_, StoreError>(task)
        };
        let task = self.store.write(close).await?;
        if let Some(active) = self.active.get_mut(&task.id) {
            active.open.clear();
        }
        self.keep(&task);
        Ok(Verdict::GoOn(Box::new(task)))
    }

    async fn settled(
        &mut self,
        task: Task,
        ended: Option<Ended>,
        settled: Result<Settled, WorkspaceError>,
    ) -> Result<Verdict, StoreError> {
        let end = report::end_of(&task, ended, settled);
        self.finish(task, end, Vec::new()).await
    }

    async fn finish(
        &mut self,
        task: Task,
        end: End,
        mut events: Vec<EventKind>,
    ) -> Result<Verdict, StoreError> {
        let id = task.id.clone();
        if let Ok(state) = task.state.clone().end(end, self.clock.now()) {
            events.push(report::ended(&state));
            let task = self.save(task, state, events).await?;
            tracing::info!(task = %id, state = task.state.name(), "task over");
        }
        self.active.remove(&id);
        Ok(Verdict::Stop)
    }

    // --- cancelling and answering ----------------------------------------------------------

    async fn cancel(
        &mut self,
        id: &TaskId,
        reason: CancelReason,
        pace: Pace,
    ) -> Result<Task, CancelError> {
        let Some(task) = self.current(id)? else { return Err(CancelError::NotFound(id.clone())) };
        if matches!(task.state, TaskState::Cancelling { .. }) {
            self.command(id, Command::Cancel(pace));
            return Ok(task);
        }
        let now = self.clock.now();
        let Ok(state) = task.state.clone().cancel(reason.clone(), now) else {
            return Err(CancelError::Over { id: id.clone(), state: task.state.name() });
        };
        let mut events = vec![EventKind::Cancelling { reason: report::reason_text(&reason) }];
        if state.is_final() {
            events.push(report::ended(&state));
        }
        let close = move |tx: &mut crate::store::WriteTx<'_>| {
            let mut task = task;
            events.extend(report::withdraw_open(tx, &task.id, now)?);
            task.state = state;
            tx.update_task(&mut task, &events)?;
            Ok::<_, StoreError>(task)
        };
        let task = self.store.write(close).await?;
        self.queue.remove(id);
        if let Some(active) = self.active.get_mut(id) {
            active.open.clear();
            active.cancel.cancel();
        }
        self.keep(&task);
        self.command(id, Command::Cancel(pace));
        Ok(task)
    }

    async fn cancel_all(
        &mut self,
        reason: &CancelReason,
        projects: Option<&[String]>,
    ) -> Result<Vec<Task>, CancelError> {
        let meant = |project: &String| projects.is_none_or(|projects| projects.contains(project));
        // What waits goes first, or it would start in the places that become free.
        let mut ids = self.queue.ids(meant);
        let active = self.active.values().map(|active| &active.task);
        ids.extend(active.filter(|task| meant(&task.spec.project)).map(|task| task.id.clone()));
        let mut cancelled = Vec::new();
        for id in ids {
            match self.cancel(&id, reason.clone(), Pace::Emergency).await {
                Ok(task) => cancelled.push(task),
                Err(CancelError::Over { .. } | CancelError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(cancelled)
    }

    async fn answer(&mut self, id: &RequestId, answer: Answer) -> Result<Request, AnswerError> {
        let Some(request) = self.store.read(|tx| tx.request(id))? else {
            return Err(AnswerError::NotFound);
        };
        if let Some(closed) = report::closed_name(&request.state) {
            return Err(AnswerError::Closed(closed));
        }
        let Some(active) = self.active.get(&request.task_id) else {
            return Err(AnswerError::TaskOver("over"));
        };
        if matches!(active.task.state, TaskState::Cancelling { .. }) {
            return Err(AnswerError::TaskOver("being cancelled"));
        }
        let decision = answer.decision.clone();
        let state = RequestState::Answered { answer, at: self.clock.now(), delivered: false };
        let request = self.close_request(request, state).await?;
        let agent_ref = request.agent_ref.clone();
        self.command(&request.task_id, Command::Answer { agent_ref, decision });
        Ok(request)
    }

    /// Stores that a request is closed, and what that means for its task.
    async fn close_request(
        &mut self,
        mut request: Request,
        state: RequestState,
    ) -> Result<Request, StoreError> {
        request.state = state;
        let Some(active) = self.active.get(&request.task_id) else { return Ok(request) };
        let mut task = active.task.clone();
        let remaining: Vec<OpenRequest> =
            active.open.iter().filter(|open| open.id != request.id).cloned().collect();
        let waited = self.clock.now().since(request.asked_at);
        let write = move |tx: &mut crate::store::WriteTx<'_>| {
            let next = remaining.first().map(|open| open.id.clone());
            report::close(tx, &mut task, &request, next, waited)?;
            Ok::<_, StoreError>((task, request, remaining))
        };
        let (task, request, remaining) = self.store.write(write).await?;
        if let Some(active) = self.active.get_mut(&task.id) {
            active.open = remaining;
        }
        self.keep(&task);
        Ok(request)
    }

    // --- time ------------------------------------------------------------------------------

    /// How long nothing can come due.
    fn nap(&self) -> Duration {
        let now = self.clock.now();
        let deadlines = self.active.values().filter_map(deadline);
        let expiries = self.active.values().flat_map(|active| &active.open);
        let next = deadlines.chain(expiries.map(|open| open.expires_at)).min();
        next.map_or(NAP, |next| next.since(now).min(NAP))
    }

    async fn look_at_the_clock(&mut self) {
        let now = self.clock.now();
        let late: Vec<TaskId> = self
            .active
            .iter()
            .filter(|(_, active)| deadline(active).is_some_and(|deadline| deadline <= now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in late {
            if let Err(error) = self.cancel(&id, CancelReason::Deadline, Pace::Orderly).await {
                tracing::warn!(task = %id, %error, "could not end a task whose time is up");
            }
        }
        let expired: Vec<RequestId> = self
            .active
            .values()
            .flat_map(|active| &active.open)
            .filter(|open| open.expires_at <= now)
            .map(|open| open.id.clone())
            .collect();
        for id in expired {
            if let Err(error) = self.expire(&id, now).await {
                tracing::warn!(request = %id, %error, "could not end a request nobody answered");
            }
        }
    }

    async fn expire(&mut self, id: &RequestId, now: Timestamp) -> Result<(), StoreError> {
        let Some(request) = self.store.read(|tx| tx.request(id))? else { return Ok(()) };
        if request.state != RequestState::Open {
            return Ok(());
        }
        let state = RequestState::Expired { at: now, delivered: false };
        let request = self.close_request(request, state).await?;
        let agent_ref = request.agent_ref.clone();
        let decision = Decision::Deny { message: NO_ANSWER.to_owned() };
        self.command(&request.task_id, Command::Answer { agent_ref, decision });
        Ok(())
    }

    // --- the end ---------------------------------------------------------------------------

    async fn begin_to_stop(&mut self, reply: oneshot::Sender<()>) {
        self.stopping.get_or_insert_default().push(reply);
        match self.settings.on_shutdown {
            OnShutdown::Detach => {
                self.detach.cancel();
                self.active.clear();
            }
            OnShutdown::Wait => {}
            OnShutdown::Cancel => {
                // Queued tasks stay queued: the next gateway runs them.
                let ids: Vec<TaskId> = self.active.keys().cloned().collect();
                for id in ids {
                    let cancelled = self.cancel(&id, CancelReason::Shutdown, Pace::Orderly).await;
                    if let Err(error) = cancelled {
                        tracing::warn!(task = %id, %error, "could not be cancelled at the end");
                    }
                }
            }
        }
    }

    async fn leave(mut self) {
        self.detach.cancel();
        self.inbox.close();
        self.drivers.close();
        // Drivers may be telling something: the closed inbox answers them.
        while self.inbox.recv().await.is_some() {}
        self.drivers.wait().await;
        for reply in self.stopping.take().unwrap_or_default() {
            let _ = reply.send(());
        }
    }

    // --- shared ----------------------------------------------------------------------------

    fn current(&self, id: &TaskId) -> Result<Option<Task>, StoreError> {
        match self.active.get(id) {
            Some(active) => Ok(Some(active.task.clone())),
            None => self.store.read(|tx| tx.task(id)),
        }
    }

    async fn save(
        &self,
        mut task: Task,
        state: TaskState,
        events: Vec<EventKind>,
    ) -> Result<Task, StoreError> {
        task.state = state;
        let write = move |tx: &mut crate::store::WriteTx<'_>| {
            tx.update_task(&mut task, &events)?;
            Ok::<_, StoreError>(task)
        };
        self.store.write(write).await
    }

    /// Remembers what was just committed.
    fn keep(&mut self, task: &Task) {
        if let Some(active) = self.active.get_mut(&task.id) {
            active.task = task.clone();
        }
    }

    /// Hands a command to a task's agent. A full channel means an agent that takes nothing: the
    /// command is stored with the request or the state, and given again after a restart.
    fn command(&self, id: &TaskId, command: Command) {
        let Some(active) = self.active.get(id) else { return };
        if active.commands.try_send(command).is_err() {
            tracing::warn!(task = %id, "the agent takes no commands");
        }
    }
}

/// When a task's working time is used up; none while it waits for its owner or is being ended.
fn deadline(active: &Active) -> Option<Timestamp> {
    match &active.task.state {
        TaskState::Running { started_at, phase: Phase::Preparing | Phase::Agent } => {
            let allowed = Duration::from_secs(active.task.spec.timeout_secs)
                + Duration::from_millis(active.task.waited_ms);
            Some(started_at.after(allowed))
        }
        _ => None,
    }
}

impl OpenRequest {
    fn of(request: &Request) -> Self {
        Self { id: request.id.clone(), expires_at: request.expires_at }
    }
}

/// The answer that an earlier gateway stored and perhaps did not deliver.
fn undelivered(request: &Request) -> Option<Decision> {
    match &request.state {
        RequestState::Answered { answer, delivered: false, .. } => Some(answer.decision.clone()),
        RequestState::Expired { delivered: false, .. } => {
            Some(Decision::Deny { message: NO_ANSWER.to_owned() })
        }
        _ => None,
    }
}
