//! Finding the shim of a folder again, or what it left.
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gateway_os::peer::TASK_MARKER;
use gateway_os::process::{self, ProcessId};
use serde::de::DeserializeOwned;

use super::super::error::ShimError;
use super::super::file;
use super::super::record::{ExitRecord, ShimState, SweptProcess};
use super::super::sweep::{LOOK_EVERY, Scope, Sweep};
use super::connection::Connection;
use super::handle::ShimHandle;

/// How long a living shim may take to answer, such as one that has only just started.
const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
/// Between two tries to connect.
const CONNECT_EVERY: Duration = Duration::from_millis(20);
/// The files of a run are small; anything longer is not one of them.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// The most that [`written_ids`] reads: every id a shim remembers, at its longest.
const WRITTEN_BYTES_MAX: u64 = 65_536 * 129;

/// What is found in a run's folder.
#[derive(Debug)]
pub enum Attachment {
    /// No shim ever took the run: no agent was started. (One may be about to: then launching
    /// again gives [`ShimError::AlreadyLaunched`] to the later of the two.)
    NotStarted,
    /// The shim runs.
    Alive(ShimHandle),
    /// The run has ended.
    Ended(Box<ExitRecord>),
    /// The shim died without a record: how the agent ended will never be known.
    Gone {
        /// Whether the agent itself still runs, with its standard input closed.
        agent_alive: bool,
        /// Every process of the run that is left; [`end_leftovers`] ends them.
        left: Vec<ProcessId>,
    },
}

/// What the files and the process table tell.
pub(super) enum Found {
    NotStarted,
    Alive(ShimState),
    Ended(Box<ExitRecord>),
    Gone { agent_alive: bool, left: Vec<ProcessId> },
}

/// Finds out what became of the run in `folder`, and connects when it still runs.
///
/// Cancel-safe: dropping the future changes nothing.
///
/// # Errors
///
/// [`ShimError::Unresponsive`] when the shim lives and does not answer within seconds;
/// [`ShimError::Refused`] when this process descends from a task.
pub async fn attach(folder: &Path) -> Result<Attachment, ShimError> {
    let tries_end = tokio::time::Instant::now() + CONNECT_PATIENCE;
    loop {
        match look(folder).await? {
            Found::NotStarted => return Ok(Attachment::NotStarted),
            Found::Ended(record) => return Ok(Attachment::Ended(record)),
            Found::Gone { agent_alive, left } => {
                return Ok(Attachment::Gone { agent_alive, left });
            }
            Found::Alive(state) => {
                // Where it ends in this very moment the next look finds its record.
                match Connection::open(&folder.join(file::SOCKET)).await {
                    Ok(connection) => {
                        let handle = ShimHandle::new(folder, state.shim, connection);
                        return Ok(Attachment::Alive(handle));
                    }
                    Err(error @ ShimError::Refused { .. }) => return Err(error),
                    Err(_) if tokio::time::Instant::now() < tries_end => {}
                    Err(_) => return Err(ShimError::Unresponsive),
                }
            }
        }
        tokio::time::sleep(CONNECT_EVERY).await;
    }
}

/// Connects to the shim that has just said it is ready.
pub(super) async fn connect(folder: &Path) -> Result<ShimHandle, ShimError> {
    match attach(folder).await? {
        Attachment::Alive(handle) => Ok(handle),
        // So fast an agent is no failure: whoever waits gets the record.
        Attachment::Ended(record) => Ok(ShimHandle::ended(folder, *record)),
        Attachment::NotStarted => Err(ShimError::Shim { message: "its files vanished".into() }),
        Attachment::Gone { agent_alive, .. } => Err(ShimError::Gone { agent_alive }),
    }
}

/// Looks at files and processes, off the runtime's threads.
pub(super) async fn look(folder: &Path) -> Result<Found, ShimError> {
    let folder = folder.to_owned();
    blocking(move || look_now(&folder)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ShimError> + Send + 'static,
) -> Result<T, ShimError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => Err(ShimError::Disconnected),
        },
    }
}

fn look_now(folder: &Path) -> Result<Found, ShimError> {
    let record = || read_json::<ExitRecord>(&folder.join(file::EXIT));
    if let Some(record) = record()? {
        return Ok(Found::Ended(Box::new(record)));
    }
    let Some(state) = read_json::<ShimState>(&folder.join(file::STATE))? else {
        return Ok(Found::NotStarted);
    };
    if state.shim.is_alive() {
        return Ok(Found::Alive(state));
    }
    // It may have written its record and ended since the first look.
    if let Some(record) = record()? {
        return Ok(Found::Ended(Box::new(record)));
    }
    let agent_alive = state.agent.as_ref().is_some_and(ProcessId::is_alive);
    Ok(Found::Gone { agent_alive, left: left(&state) })
}

/// What a shim that died without sweeping has left: the agent, its descendants, and whoever
/// carries the marker.
fn left(state: &ShimState) -> Vec<ProcessId> {
    let mut found = BTreeSet::new();
    let mut left = Vec::new();
    let marked = process::processes_with_marker(TASK_MARKER, &state.marker).unwrap_or_default();
    let agent = state.agent.clone().filter(ProcessId::is_alive);
    let below = agent.as_ref().and_then(|agent| process::descendants(agent.pid).ok());
    for id in agent.into_iter().chain(below.unwrap_or_default()).chain(marked) {
        if found.insert(id.pid) {
            left.push(id);
        }
    }
    left
}

/// Ends every process of a run whose shim is [`Attachment::Gone`]: TERM, after `grace` KILL.
/// Tells who had to be ended and who could not be.
///
/// Dropping the future does not stop the work once it has begun.
///
/// # Errors
///
/// [`ShimError::Shim`] when the shim lives after all: ask it with [`ShimHandle::end_tree`].
pub async fn end_leftovers(
    folder: &Path,
    grace: Duration,
) -> Result<(Vec<SweptProcess>, Vec<SweptProcess>), ShimError> {
    let folder = folder.to_owned();
    blocking(move || {
        let Some(state) = read_json::<ShimState>(&folder.join(file::STATE))? else {
            return Ok((Vec::new(), Vec::new()));
        };
        if state.shim.is_alive() {
            return Err(ShimError::Shim { message: "it still runs".into() });
        }
        Ok(sweep_leftovers(&state, grace))
    })
    .await
}

fn sweep_leftovers(state: &ShimState, grace: Duration) -> (Vec<SweptProcess>, Vec<SweptProcess>) {
    let scope =
        Scope { roots: left(state), marker: state.marker.clone(), spare: std::process::id() };
    let mut sweep = Sweep::begin(scope, None, grace, Instant::now());
    loop {
        if let Some(swept) = sweep.advance(Instant::now()) {
            return (swept.named, swept.survivors);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The ids of the lines that the agent's standard input has taken, for whoever comes after a shim
/// that died. While the shim lives, writing an id again is the way to ask.
///
/// # Errors
///
/// When the file cannot be read; a missing one is an empty set.
pub fn written_ids(folder: &Path) -> io::Result<BTreeSet<String>> {
    match File::open(folder.join(file::WRITTEN)) {
        Ok(file) => BufReader::new(file.take(WRITTEN_BYTES_MAX)).lines().collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// Reads one small JSON file; `None` when it is not there.
fn read_json<T: DeserializeOwned>(path: &PathBuf) -> Result<Option<T>, ShimError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| ShimError::io("reading", path)(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ShimError::io("reading", path)(error)),
    }
}
