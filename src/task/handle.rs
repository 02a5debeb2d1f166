//! The engine, seen from outside.
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::engine::Message;
use super::error::{AnswerError, CancelError, LinkError, SayError, StartError};
use super::settings::{Settings, Surroundings};
use crate::model::{
    Answerer, Caller, LinkedSession, Priority, Reply, Request, RequestId, Task, TaskId,
};
use crate::project::BranchName;
use crate::store::{Store, StoreError};

/// A task as a caller describes it.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// What is to be done.
    pub prompt: String,
    /// The project's name; the default one otherwise.
    pub project: Option<String>,
    /// The executor's name; the project's otherwise.
    pub executor: Option<String>,
    /// The model's name; the executor's own choice otherwise.
    pub model: Option<String>,
    /// Change nothing.
    pub plan_only: bool,
    /// Working time; the configured default otherwise.
    pub timeout: Option<Duration>,
    /// How urgent it is.
    pub priority: Priority,
    /// What it may cost in US dollars; what the owner allows otherwise.
    pub budget_usd: Option<f64>,
    /// Makes a repeated call find the same task.
    pub idempotency_key: Option<String>,
    /// The owner's branch to begin from; where HEAD stands otherwise.
    pub base_branch: Option<BranchName>,
    /// Who asks.
    pub caller: Caller,
    /// The agent's session to go on with; a new one otherwise.
    pub session_id: Option<Uuid>,
}

/// A session that a terminal hands over.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// The session.
    pub session: LinkedSession,
    /// The project's name; the default one otherwise.
    pub project: Option<String>,
    /// Who hands it over.
    pub caller: Caller,
}

/// An accepted task.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The task.
    pub task: Task,
    /// Whether an earlier call had started it.
    pub existing: bool,
    /// What the caller should know, such as a time limit that was cut.
    pub notes: Vec<String>,
}

/// A task that waits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waits {
    /// Which.
    pub id: TaskId,
    /// Why it could not even begin if there were room, with what helps: the money of the day is spent.
    pub held_back: Option<String>,
}

/// Who waits, and for whom.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Standing {
    /// The waiting tasks, in the order in which they are to begin.
    pub waiting: Vec<Waits>,
    /// The tasks that hold the places meanwhile, oldest first.
    pub holding: Vec<TaskId>,
}

impl Standing {
    /// A waiting task's place, from 1; none for one that does not wait.
    #[must_use]
    pub fn place_of(&self, id: &TaskId) -> Option<usize> {
        self.waiting.iter().position(|waits| waits.id == *id).map(|place| place + 1)
    }
}

/// Talks to the engine. Clones are cheap.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    pub(super) inbox: mpsc::Sender<Message>,
    pub(super) store: Store,
    pub(super) standing: watch::Receiver<Standing>,
}

impl EngineHandle {
    /// Accepts a task and stores it; it begins as soon as there is a place.
    ///
    /// # Errors
    ///
    /// See [`StartError`]; then nothing was accepted.
    pub async fn start(&self, new: NewTask) -> Result<Admitted, StartError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.inbox.send(Message::Start { new: Box::new(new), reply }).await;
        sent.map_err(|_| StartError::ShuttingDown)?;
        answer.await.unwrap_or(Err(StartError::ShuttingDown))
    }

    /// Begins to cancel a task and answers its new state; wait for `cancelled` with [`Self::wait`].
    ///
    /// # Errors
    ///
    /// See [`CancelError`]. Cancelling what is being cancelled is no error.
    pub async fn cancel(&self, id: &TaskId, by: String) -> Result<Task, CancelError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.inbox.send(Message::Cancel { id: id.clone(), by, reply }).await;
        sent.map_err(|_| CancelError::ShuttingDown)?;
        answer.await.unwrap_or(Err(CancelError::ShuttingDown))
    }

    /// Begins to cancel everything that is queued or under way in `projects`, or in all of them,
    /// as fast as possible; answers the tasks as they are now.
    ///
    /// # Errors
    ///
    /// See [`CancelError`].
    pub async fn cancel_all(
        &self,
        by: String,
        projects: Option<Vec<String>>,
    ) -> Result<Vec<Task>, CancelError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.inbox.send(Message::CancelAll { by, projects, reply }).await;
        sent.map_err(|_| CancelError::ShuttingDown)?;
        answer.await.unwrap_or(Err(CancelError::ShuttingDown))
    }

    /// Answers a request, once and for all: the first answer counts.
    ///
    /// # Errors
    ///
    /// See [`AnswerError`].
    pub async fn answer(
        &self,
        id: &RequestId,
        reply: Reply,
        by: Answerer,
    ) -> Result<Request, AnswerError> {
        let (done, answer) = oneshot::channel();
        let sent = self.inbox.send(Message::Answer { id: id.clone(), reply, by, done }).await;
        sent.map_err(|_| AnswerError::ShuttingDown)?;
        answer.await.unwrap_or(Err(AnswerError::ShuttingDown))
    }

    /// The queue as the engine left it after its last step; nobody is asked, nothing is read.
    #[must_use]
    pub fn standing(&self) -> watch::Ref<'_, Standing> {
        self.standing.borrow()
    }

    /// Stores a session that a terminal hands over, or what is new about one; answers its task, and
    /// whether the same caller had handed it over before.
    ///
    /// # Errors
    ///
    /// See [`LinkError`]; then nothing was stored.
    pub async fn link(&self, link: NewLink) -> Result<(Task, bool), LinkError> {
        let (reply, done) = oneshot::channel();
        let sent = self.inbox.send(Message::Link { link: Box::new(link), reply }).await;
        sent.map_err(|_| LinkError::ShuttingDown)?;
        done.await.unwrap_or(Err(LinkError::ShuttingDown))
    }

    /// Says something to the agent of a running task; stored when it answers, and brought to the agent
    /// once, also across a crash. Answers the message's name in the task's log.
    ///
    /// # Errors
    ///
    /// See [`SayError`].
    pub async fn say(&self, id: &TaskId, text: String, by: String) -> Result<Uuid, SayError> {
        let (reply, done) = oneshot::channel();
        let sent = self.inbox.send(Message::Say { id: id.clone(), text, by, reply }).await;
        sent.map_err(|_| SayError::ShuttingDown)?;
        done.await.unwrap_or(Err(SayError::ShuttingDown))
    }

    /// One task, as last committed.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub fn task(&self, id: &TaskId) -> Result<Option<Arc<Task>>, StoreError> {
        self.store.task(id)
    }

    /// One task, as soon as its cursor is past `after`, or it is over, or `at_most` has passed.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn wait(
        &self,
        id: &TaskId,
        after: u64,
        at_most: Duration,
    ) -> Result<Option<Arc<Task>>, StoreError> {
        let mut committed = self.store.committed();
        let timeout = tokio::time::sleep(at_most);
        tokio::pin!(timeout);
        loop {
            // Marked as seen before the read: a commit in between wakes the next turn.
            committed.borrow_and_update();
            let task = self.task(id)?;
            let Some(found) = &task else { return Ok(None) };
            if found.cursor > after || found.state.is_final() {
                return Ok(task);
            }
            tokio::select! {
                () = &mut timeout => return Ok(task),
                changed = committed.changed() => {
                    if changed.is_err() {
                        return Ok(task);
                    }
                }
            }
        }
    }

    /// Takes over new settings, executors and projects; what runs keeps the old ones.
    pub async fn reconfigure(&self, settings: Settings, surroundings: Surroundings) {
        // An engine that has ended needs no settings.
        let _ = self.inbox.send(Message::Reconfigure { settings, surroundings }).await;
    }

    /// Stops starting tasks, deals with the running ones as [`Settings::on_shutdown`] says, and
    /// returns when the engine has ended. Dropping the future does not stop the shutdown.
    pub async fn shut_down(&self) {
        let (reply, done) = oneshot::channel();
        if self.inbox.send(Message::ShutDown { reply }).await.is_ok() {
            let _ = done.await;
        }
    }
}
