//! The actor that owns the state of every unfinished task: its loop, admission, starting and
//! ending. The other things it does are in the files below, one idea each.
mod answers;
mod brake;
mod deadlines;
mod places;
mod progress;
mod recovery;
mod sessions;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::admission::{self, Admission};
use super::drive::Driver;
use super::error::{AnswerError, CancelError, LinkError, SayError, StartError};
use super::handle::{Admitted, EngineHandle, NewLink, NewTask, Standing};
use super::news::News;
use super::queue::{Queue, Waiting};
use super::report;
use super::settings::{NoProject, OnShutdown, ProjectRules, Settings, Surroundings};
use crate::clock::{Clock, Entropy, Timestamp};
use crate::executor::{Command, Pace, Start};
use crate::model::{
    Answerer, CancelReason, EventKind, Failure, FailureKind, Outcome, Reply, Request, RequestId,
    Task, TaskId, TaskState,
};
use crate::store::{Store, StoreError};

/// Messages that may wait for the engine.
const INBOX: usize = 256;
/// Commands that may wait for one agent.
const COMMANDS: usize = 64;
/// The engine looks at its deadlines at least this often, so that a clock that was set is noticed.
const NAP: Duration = Duration::from_secs(30);

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
        reply: Reply,
        by: Answerer,
        done: oneshot::Sender<Result<Request, AnswerError>>,
    },
    Link {
        link: Box<NewLink>,
        reply: oneshot::Sender<Result<(Task, bool), LinkError>>,
    },
    Say {
        id: TaskId,
        text: String,
        by: String,
        reply: oneshot::Sender<Result<Uuid, SayError>>,
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
    standing: watch::Sender<Standing>,
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
        let (standing, seen) = watch::channel(Standing::default());
        let handle = EngineHandle { inbox: sender, store: store.clone(), standing: seen };
        let mut engine = Self {
            store,
            clock,
            entropy,
            settings,
            surroundings,
            inbox,
            own: handle.inbox.downgrade(),
            queue: Queue::default(),
            standing,
            active: HashMap::new(),
            drivers: TaskTracker::new(),
            detach: CancellationToken::new(),
            stopping: None,
        };
        engine.recover()?;
        engine.tell_standing();
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
            self.tell_standing();
        }
        self.leave().await;
    }

    async fn handle(&mut self, message: Message) {
        // A reply that nobody waits for any more is that caller's choice.
        match message {
            Message::Start { new, reply } => {
                let admitted = self.admit(*new).await;
                // Whoever is told that a task waits may ask for its place.
                self.tell_standing();
                let _ = reply.send(admitted);
            }
            Message::Cancel { id, by, reply } => {
                let reason = CancelReason::Requested { by };
                let _ = reply.send(self.cancel(&id, reason, Pace::Orderly).await);
            }
            Message::CancelAll { by, projects, reply } => {
                let reason = CancelReason::Requested { by };
                let _ = reply.send(self.cancel_all(&reason, projects.as_deref()).await);
            }
            Message::Answer { id, reply, by, done } => {
                let _ = done.send(self.answer(&id, reply, by).await);
            }
            Message::Link { link, reply } => {
                let _ = reply.send(self.link(*link).await);
            }
            Message::Say { id, text, by, reply } => {
                let _ = reply.send(self.say(&id, text, by).await);
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

    async fn admit(&mut self, new: NewTask) -> Result<Admitted, StartError> {
        if self.stopping.is_some() {
            return Err(StartError::ShuttingDown);
        }
        let session_id = new.session_id;
        let Admission { mut spec, rules, notes } =
            admission::check(new, &self.settings, &self.surroundings)?;
        if let Some(task) = admission::earlier(&self.store, &spec)? {
            return Ok(Admitted { task, existing: true, notes });
        }
        if self.queue.len() >= self.settings.queued_max {
            return Err(StartError::QueueFull(self.queue.len()));
        }
        if let Some(session_id) = session_id {
            spec.resume = Some(admission::resume(&self.store, &spec, session_id)?);
        }
        let spent = self.spent()?;
        self.brake(&rules).check_day(&spent)?;
        spec.estimate = self.store.read(|tx| tx.estimate(&spec))?;
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
        // One that need not wait begins with the commit that accepts it.
        let is_first = self.queue.is_first(&Waiting::of(&task), self.room(&spent));
        let begun = task.state.clone().start(now).ok().filter(|_| is_first);
        let mut events: Vec<_> =
            notes.iter().cloned().map(|text| EventKind::Note { text }).collect();
        let insert = move |tx: &mut crate::store::WriteTx<'_>| {
            tx.insert_task(&mut task)?;
            let Some(state) = begun else {
                if !events.is_empty() {
                    tx.update_task(&mut task, &events)?;
                }
                return Ok((task, None));
            };
            let mut begun = Task { state, ..task.clone() };
            events.push(EventKind::Preparing);
            tx.update_task(&mut begun, &events)?;
            Ok::<_, StoreError>((task, Some(begun)))
        };
        let (task, begun) = self.store.write(insert).await?;
        tracing::info!(task = %task.id, project = task.spec.project, "task accepted");
        match begun {
            Some(begun) => self.drive(begun, rules, Start::Fresh, Vec::new()),
            None => self.queue.push(Waiting::of(&task)),
        }
        Ok(Admitted { task, existing: false, notes })
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
        let allowance = self.allowance(&task, &rules);
        let driver = Driver {
            engine,
            clock: self.clock.clone(),
            surroundings: self.surroundings.clone(),
            rules,
            output_bytes_max: self.settings.output_bytes_max,
            allowance,
            commands: received,
            cancel: cancel.clone(),
            detach: self.detach.clone(),
        };
        self.drivers.spawn(driver.drive(task.clone(), start));
        self.active.insert(task.id.clone(), Active { task, commands, cancel, open });
    }

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

impl OpenRequest {
    fn of(request: &Request) -> Self {
        Self { id: request.id.clone(), expires_at: request.expires_at }
    }
}
