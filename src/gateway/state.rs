//! The state folder: its lock and its database.
use std::path::Path;
use std::sync::Arc;

use gateway_os::folders::{self, Folders, PrivateDirError};
use gateway_os::lock::{ExclusiveLock, Holder, LockError};

use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// The state folder in use by this process, and by no other.
#[derive(Debug)]
pub struct State {
    /// The database.
    pub store: Store,
    _lock: ExclusiveLock,
}

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process uses it.
    #[error("{0}")]
    Locked(LockError),
    /// The folder cannot be made, or others can look into it.
    #[error(transparent)]
    Folder(#[from] PrivateDirError),
    /// A file in it cannot be made.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The database does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl StateError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Locked(LockError::Held { .. }) => {
                "stop the other process, or use its gateway: `gateway status`".to_owned()
            }
            Self::Locked(LockError::Io(_)) | Self::Folder(_) | Self::Write { .. } => {
                "check owner and permissions of the state folder (`gateway config path` names it)"
                    .to_owned()
            }
            Self::Store(error) => error.hint().to_owned(),
        }
    }
}

impl State {
    /// Takes the folder's lock for this process, which runs `command`, and opens the database.
    ///
    /// # Errors
    ///
    /// See [`StateError`]. A lock that is held names its holder.
    pub fn open(
        folders: &Folders,
        command: &str,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, StateError> {
        folders::private_dir(&folders.state)?;
        let holder = Holder {
            pid: std::process::id(),
            command: command.to_owned(),
            since_millis: clock.now().as_millis(),
        };
        let lock = ExclusiveLock::acquire(&folders.state.join("gateway.lock"), &holder)
            .map_err(StateError::Locked)?;
        let path = folders.state.join("gateway.db");
        make_private(&path)?;
        let store = Store::open(&path, clock.clone())?;
        Ok(Self { store, _lock: lock })
    }
}

/// Makes the database file before SQLite does, so that nobody else may ever read it.
fn make_private(path: &Path) -> Result<(), StateError> {
    match folders::create_private(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(StateError::Write { path: path.to_path_buf(), source }),
    }
}
