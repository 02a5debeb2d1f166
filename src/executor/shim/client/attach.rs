//! Finding the shim of a folder again, or what it left.
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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
        /// How that came.
        loss: Loss,
        /// Every process of the run that is left; [`end_leftovers`] ends them.
        left: Vec<ProcessId>,
    },
}

/// How a shim was lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Loss {
    /// It was killed: by its own agent, or by somebody who may do anything here.
    Killed,
    /// The machine was started again since.
    Restart,
}

/// What the files and the process table tell.
pub(super) enum Found {
    NotStarted,
    Alive(ShimState),
    Ended(Box<ExitRecord>),
    Gone { loss: Loss, left: Vec<ProcessId> },
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
            Found::Gone { loss, left } => return Ok(Attachment::Gone { loss, left }),
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
        Attachment::Gone { .. } => Err(ShimError::Gone),
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
    let restarted = process::boot_id().is_ok_and(|boot| boot != state.shim.boot_id);
    let loss = if restarted { Loss::Restart } else { Loss::Killed };
    Ok(Found::Gone { loss, left: scope_of(state).look(true).unwrap_or_default() })
}

/// Where the processes are that a shim which died without sweeping has left.
fn scope_of(state: ShimState) -> Scope {
    Scope::of_dead_shim(state.shim, state.agent, state.marker)
}

/// Ends every process of a run whose shim is [`Attachment::Gone`], and tells who had to be ended and
/// who could not be. SIGKILL at once: what has lost its shim cannot be told to end in order, and
/// may be what killed it.
///
/// Dropping the future does not stop the work once it has begun.
///
/// # Errors
///
/// [`ShimError::Shim`] when the shim lives after all: ask it with [`ShimHandle::end_tree`].
pub async fn end_leftovers(
    folder: &Path,
) -> Result<(Vec<SweptProcess>, Vec<SweptProcess>), ShimError> {
    let folder = folder.to_owned();
    blocking(move || {
        let Some(state) = read_json::<ShimState>(&folder.join(file::STATE))? else {
            return Ok((Vec::new(), Vec::new()));
        };
        if state.shim.is_alive() {
            return Err(ShimError::Shim { message: "it still runs".into() });
        }
        let mut sweep = Sweep::begin(scope_of(state), None, Duration::ZERO, Instant::now());
        loop {
            if let Some(swept) = sweep.advance(Instant::now()) {
                return Ok((swept.named, swept.survivors));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    })
    .await
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
