//! [`ShimHandle`]: what the gateway holds of a running agent.
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gateway_os::process::{self, ProcessId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use super::super::error::ShimError;
use super::super::file;
use super::super::protocol::{
    AgentSignal, FromShim, GRACE_MILLIS_MAX, Op, Request, Status, WRITE_WAIT_MILLIS_MAX, check_id,
    check_line,
};
use super::super::record::ExitRecord;
use super::attach::{Found, look};
use super::connection::Connection;

/// Requests on their way at once; more callers wait.
const CALLS_MAX: usize = 32;
/// How long a shim may take for what it does at once.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// What a shim may take beyond the grace to end a tree, the time for stuck processes included.
const END_PATIENCE: Duration = Duration::from_secs(20);
/// How long a write waits for an agent that does not read.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries to reach a shim that lives after its connection broke.
const RECONNECT_EVERY: Duration = Duration::from_millis(100);
/// How long that is tried before the run counts as out of reach.
const RECONNECT_PATIENCE: Duration = Duration::from_secs(30);

/// What is known of the run's end.
#[derive(Clone, Debug)]
enum Fate {
    Running,
    Ended(Arc<ExitRecord>),
    Gone,
    Unreachable,
}

#[derive(Debug)]
struct Call {
    op: Op,
    answer: oneshot::Sender<Result<Option<Status>, ShimError>>,
}

/// A running agent, as the gateway holds it. Clones share one connection; dropping all of them
/// lets the agent go on.
///
/// Every method is cancel-safe, in that dropping its future leaves the shim in order; whether the
/// request was carried out is then not known, and all of them may be repeated.
#[derive(Clone, Debug)]
pub struct ShimHandle {
    folder: Arc<Path>,
    shim: Option<ProcessId>,
    agent: Option<ProcessId>,
    calls: mpsc::Sender<Call>,
    fate: watch::Receiver<Fate>,
}

impl ShimHandle {
    /// Takes over an open connection; must be called inside a tokio runtime.
    pub(super) fn new(folder: &Path, shim: ProcessId, connection: Connection) -> Self {
        let folder: Arc<Path> = folder.into();
        let agent = connection.agent.clone();
        let (calls, queue) = mpsc::channel(CALLS_MAX);
        let (fate_is, fate) = watch::channel(Fate::Running);
        // Ends with the last handle or with the run.
        let link = Link { folder: folder.clone(), shim: shim.clone(), queue, fate: fate_is };
        tokio::spawn(link.run(connection));
        Self { folder, shim: Some(shim), agent: Some(agent), calls, fate }
    }

    /// A handle for a run that had ended before anybody could connect.
    pub(super) fn ended(folder: &Path, record: ExitRecord) -> Self {
        let (calls, _) = mpsc::channel(1);
        let agent = record.agent.clone();
        let (_, fate) = watch::channel(Fate::Ended(Arc::new(record)));
        Self { folder: folder.into(), shim: None, agent, calls, fate }
    }

    /// The folder of the run.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The agent's process; `None` when the run ended before this handle was made without one.
    #[must_use]
    pub fn agent(&self) -> Option<&ProcessId> {
        self.agent.as_ref()
    }

    /// The shim's process; `None` when it had ended before this handle was made.
    #[must_use]
    pub fn shim(&self) -> Option<&ProcessId> {
        self.shim.as_ref()
    }

    /// Writes one line to the agent, once for each `id` however often it is asked. Returns when
    /// the agent's pipe has all of it; waits at most 5 s for an agent that does not read.
    ///
    /// # Errors
    ///
    /// [`ShimError::NotWritten`] and [`ShimError::WritePending`] for an agent that does not read,
    /// [`ShimError::StdinClosed`], [`ShimError::Busy`], [`ShimError::Line`], or what is wrong with
    /// the shim.
    pub async fn write(&self, id: &str, line: &str) -> Result<(), ShimError> {
        self.write_within(id, line, WRITE_PATIENCE).await
    }

    /// [`ShimHandle::write`] with another patience, at most 30 s.
    ///
    /// # Errors
    ///
    /// As [`ShimHandle::write`].
    pub async fn write_within(
        &self,
        id: &str,
        line: &str,
        patience: Duration,
    ) -> Result<(), ShimError> {
        check_id(id)?;
        check_line(line)?;
        let patience = patience.min(Duration::from_millis(WRITE_WAIT_MILLIS_MAX));
        let op = Op::Write { id: id.into(), line: line.into(), timeout_ms: millis(patience) };
        self.call(op, patience).await.map(drop)
    }

    /// Closes the agent's standard input after what waits to be written.
    ///
    /// # Errors
    ///
    /// What is wrong with the shim.
    pub async fn close_stdin(&self) -> Result<(), ShimError> {
        self.call(Op::CloseStdin, Duration::ZERO).await.map(drop)
    }

    /// Signals the agent alone.
    ///
    /// # Errors
    ///
    /// [`ShimError::AgentGone`], or what is wrong with the shim.
    pub async fn signal(&self, signal: AgentSignal) -> Result<(), ShimError> {
        self.call(Op::Signal { signal }, Duration::ZERO).await.map(drop)
    }

    /// Ends every process of the run, TERM first and KILL after `grace` (at most 60 s), and tells
    /// how it ended. Asking again with a shorter grace hurries it.
    ///
    /// # Errors
    ///
    /// What is wrong with the shim.
    pub async fn end_tree(&self, grace: Duration) -> Result<ExitRecord, ShimError> {
        let grace = grace.min(Duration::from_millis(GRACE_MILLIS_MAX));
        match self.call(Op::EndTree { term_grace_ms: millis(grace) }, Duration::ZERO).await {
            // It ended meanwhile, or the shim must be found again: the record decides.
            Ok(_) | Err(ShimError::Ended | ShimError::Disconnected) => {}
            Err(error) => return Err(error),
        }
        let waited = timeout(grace + END_PATIENCE, self.wait()).await;
        waited.map_err(|_| ShimError::Unresponsive)?
    }

    /// Asks how the run is doing.
    ///
    /// # Errors
    ///
    /// What is wrong with the shim.
    pub async fn status(&self) -> Result<Status, ShimError> {
        let status = self.call(Op::Status, Duration::ZERO).await?;
        status.ok_or_else(|| ShimError::Protocol { message: "no status".to_owned() })
    }

    /// Waits for the end of the run: the agent and everything it started. Without a deadline.
    ///
    /// # Errors
    ///
    /// [`ShimError::Gone`] when the shim died without a record; [`ShimError::Unresponsive`] when
    /// it lives and cannot be reached any more.
    pub async fn wait(&self) -> Result<ExitRecord, ShimError> {
        let mut fate = self.fate.clone();
        let known = fate.wait_for(|fate| !matches!(fate, Fate::Running)).await;
        // The link publishes a fate before it ends; without one the runtime is shutting down.
        let known = known.map_err(|_| ShimError::Disconnected)?.clone();
        known.into_record()
    }

    async fn call(&self, op: Op, patience: Duration) -> Result<Option<Status>, ShimError> {
        let (answer, answered) = oneshot::channel();
        let exchange = async {
            self.calls.send(Call { op, answer }).await.ok()?;
            answered.await.ok()
        };
        match timeout(patience + ANSWER_PATIENCE, exchange).await {
            Err(_) => Err(ShimError::Unresponsive),
            Ok(Some(answer)) => answer,
            // The link has ended: say why.
            Ok(None) => match self.fate.borrow().clone().into_record() {
                Ok(_) => Err(ShimError::Ended),
                Err(error) => Err(error),
            },
        }
    }
}

impl Fate {
    fn into_record(self) -> Result<ExitRecord, ShimError> {
        match self {
            Self::Ended(record) => Ok(Arc::unwrap_or_clone(record)),
            Self::Gone => Err(ShimError::Gone),
            Self::Unreachable => Err(ShimError::Unresponsive),
            Self::Running => Err(ShimError::Disconnected),
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

type Unanswered = HashMap<u64, oneshot::Sender<Result<Option<Status>, ShimError>>>;

/// The task behind the handles of one run.
struct Link {
    folder: Arc<Path>,
    shim: ProcessId,
    queue: mpsc::Receiver<Call>,
    fate: watch::Sender<Fate>,
}

impl Link {
    /// Serves connection after connection until the run's fate is known or nobody asks any more.
    async fn run(mut self, first: Connection) {
        let mut connection = first;
        loop {
            match self.serve(connection).await {
                Served::Fate(fate) => {
                    self.fate.send_replace(fate);
                    return;
                }
                Served::NobodyAsks => return,
                Served::Broken => {}
            }
            match self.find_again().await {
                Ok(again) => connection = again,
                Err(fate) => {
                    self.fate.send_replace(fate);
                    return;
                }
            }
        }
    }

    async fn serve(&mut self, mut connection: Connection) -> Served {
        let mut unanswered = Unanswered::new();
        let mut next_seq = 1;
        loop {
            tokio::select! {
                // What the shim says first: a record ends everything else.
                biased;
                message = connection.receive() => match message {
                    Ok(FromShim::Exited { record }) => {
                        return Served::Fate(Fate::Ended(Arc::new(record)));
                    }
                    Ok(FromShim::Reply { seq, error, status }) => {
                        if let Some(answer) = unanswered.remove(&seq) {
                            // The caller may have left.
                            let _ = answer.send(error.map_or(Ok(status), |e| Err(e.into())));
                        }
                    }
                    Ok(_) => {}
                    Err(_) => return Served::Broken,
                },
                call = self.queue.recv() => {
                    let Some(Call { op, answer }) = call else { return Served::NobodyAsks };
                    unanswered.retain(|_, answer| !answer.is_closed());
                    unanswered.insert(next_seq, answer);
                    // Awaited here, not in a branch, so it is never dropped half way.
                    if connection.send(&Request { seq: next_seq, op }).await.is_err() {
                        return Served::Broken;
                    }
                    next_seq += 1;
                }
            }
        }
    }

    /// The connection broke: the record, another connection to the shim, or its loss.
    async fn find_again(&mut self) -> Result<Connection, Fate> {
        let until = Instant::now() + RECONNECT_PATIENCE;
        loop {
            match look(&self.folder).await {
                Ok(Found::Ended(record)) => return Err(Fate::Ended(record.into())),
                // The latter where somebody removed the folder of a run.
                Ok(Found::Gone { .. } | Found::NotStarted) => return Err(Fate::Gone),
                Ok(Found::Alive(_)) => {
                    if let Ok(found) = Connection::open(&self.folder.join(file::SOCKET)).await {
                        return Ok(found);
                    }
                    // On its way out a shim has closed its socket a little before it is gone.
                    let _ = timeout(RECONNECT_EVERY, process::gone(&self.shim)).await;
                }
                // Such as no free descriptor: try again.
                Err(_) => sleep(RECONNECT_EVERY).await,
            }
            if Instant::now() >= until {
                return Err(Fate::Unreachable);
            }
        }
    }
}

/// Why a connection is no longer served.
enum Served {
    Fate(Fate),
    NobodyAsks,
    Broken,
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use gateway_os::folders::private_dir;
    use gateway_os::socket::AsyncListener;
    use tempfile::TempDir;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    use super::*;
    use crate::clock::Timestamp;
    use crate::executor::shim::protocol::{PROTOCOL, line_of};
    use crate::executor::shim::record::{EndCause, ShimState};

    /// A folder whose shim is this very process, so that it is alive.
    fn shim() -> (TempDir, PathBuf, AsyncListener, ProcessId) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("run");
        private_dir(&folder).unwrap();
        let me = ProcessId::current().unwrap();
        let state = ShimState {
            protocol: PROTOCOL,
            shim: me.clone(),
            agent: Some(me.clone()),
            marker: "m".into(),
            started_at: Timestamp::default(),
        };
        std::fs::write(folder.join(file::STATE), line_of(&state)).unwrap();
        let listener = AsyncListener::bind(&folder.join(file::SOCKET)).unwrap();
        (root, folder, listener, me)
    }

    fn hello(me: &ProcessId) -> Vec<u8> {
        line_of(&FromShim::Hello { protocol: PROTOCOL, shim: me.clone(), agent: me.clone() })
    }

    #[tokio::test]
    async fn a_broken_connection_is_made_again_while_the_shim_lives() {
        let (_root, folder, listener, me) = shim();
        let path = folder.join(file::SOCKET);
        let (connection, accepted) = tokio::join!(Connection::open(&path), async {
            let mut stream = listener.accept().await.unwrap();
            stream.write_all(&hello(&me)).await.unwrap();
            stream
        });
        let handle = ShimHandle::new(&folder, me.clone(), connection.unwrap());
        drop(accepted);
        let serve = async {
            let mut stream = BufReader::new(listener.accept().await.unwrap());
            stream.write_all(&hello(&me)).await.unwrap();
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            let request: Request = serde_json::from_str(&line).unwrap();
            let reply = FromShim::Reply { seq: request.seq, error: None, status: None };
            stream.write_all(&line_of(&reply)).await.unwrap();
            line
        };
        let asked = async {
            // The first may fall into the breach; asking again is what callers do.
            while let Err(ShimError::Disconnected) = handle.close_stdin().await {}
        };
        let (line, ()) = tokio::join!(serve, asked);
        assert!(line.contains("close_stdin"), "{line}");
    }

    #[tokio::test]
    async fn a_record_that_appeared_while_the_connection_broke_is_the_end() {
        let (_root, folder, listener, me) = shim();
        let path = folder.join(file::SOCKET);
        let (connection, accepted) = tokio::join!(Connection::open(&path), async {
            let mut stream = listener.accept().await.unwrap();
            stream.write_all(&hello(&me)).await.unwrap();
            stream
        });
        let handle = ShimHandle::new(&folder, me, connection.unwrap());
        let record = ExitRecord {
            agent: None,
            code: Some(0),
            signal: None,
            cause: EndCause::Exited,
            error: None,
            swept_count: 0,
            swept: Vec::new(),
            survivors: Vec::new(),
            stdout_bytes: 0,
            stderr_bytes: 0,
            started_at: Timestamp::default(),
            ended_at: Timestamp::default(),
        };
        std::fs::write(folder.join(file::EXIT), line_of(&record)).unwrap();
        drop(accepted);
        assert_eq!(handle.wait().await.unwrap(), record);
        assert!(matches!(handle.status().await, Err(ShimError::Ended)));
    }
}
