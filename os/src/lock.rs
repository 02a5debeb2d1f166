//! One process at a time: a lock on a file that names who holds it.
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// Holder lines longer than this are not ours.
const HOLDER_BYTES_MAX: u64 = 4096;

/// Who holds a lock.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// What it runs, such as `gateway serve`; one line, no secrets.
    pub command: String,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_millis: i64,
}

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody holds it.
    #[error("{}", held(holder.as_ref()))]
    Held {
        /// Who, when the file tells.
        holder: Option<Holder>,
    },
    /// The file system refused.
    #[error("cannot lock: {0}")]
    Io(#[from] io::Error),
}

fn held(holder: Option<&Holder>) -> String {
    match holder {
        Some(holder) => format!("`{}` (pid {}) holds the lock", holder.command, holder.pid),
        None => "another process holds the lock".to_owned(),
    }
}

/// A held lock; dropping it, or the end of the process however it comes, releases it.
#[derive(Debug)]
pub struct ExclusiveLock {
    file: File,
}

impl Drop for ExclusiveLock {
    fn drop(&mut self) {
        // Said aloud: a child between fork and exec has the file open as well, and would go on
        // holding the lock. When it fails, the closing that follows releases it.
        let _ = self.file.unlock();
    }
}

impl ExclusiveLock {
    /// Takes the lock at `path` (0600, created when missing) without waiting.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] with the holder; [`LockError::Io`].
    pub fn acquire(path: &Path, holder: &Holder) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { holder: read_holder(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        // Written shorter-than-before safe: emptied first; a reader in between sees no holder.
        file.set_len(0)?;
        file.rewind()?;
        let command = holder.command.replace(['\n', '\r'], " ");
        write!(file, "{}\n{}\n{command}\n", holder.pid, holder.since_millis)?;
        Ok(Self { file })
    }
}

/// Whether somebody holds a lock now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Holding {
    /// Nobody does.
    Free,
    /// Somebody does; named when the file tells.
    Held(Option<Holder>),
}

/// Looks who holds the lock at `path`, without taking it or writing anything.
///
/// # Errors
///
/// `NotFound` when nobody ever took it; what the file system says.
pub fn look(path: &Path) -> io::Result<Holding> {
    let mut file = File::open(path)?;
    // A shared lock shuts out a taker for the microseconds until this file is closed.
    match file.try_lock_shared() {
        Ok(()) => Ok(Holding::Free),
        Err(TryLockError::WouldBlock) => Ok(Holding::Held(read_holder(&mut file))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.take(HOLDER_BYTES_MAX).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    Some(Holder {
        pid: lines.next()?.parse().ok()?,
        since_millis: lines.next()?.parse().ok()?,
        command: lines.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_taker_learns_who_holds_it_and_gets_it_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Holder { pid: 42, command: "gateway serve".into(), since_millis: 7 };
        let held = ExclusiveLock::acquire(&path, &first).unwrap();
        if cfg!(unix) {
            assert_eq!(look(&path).unwrap(), Holding::Held(Some(first.clone())));
        }
        let second = Holder { pid: 43, command: "gateway pair".into(), since_millis: 8 };
        let error = ExclusiveLock::acquire(&path, &second).unwrap_err();
        if cfg!(unix) {
            assert!(matches!(&error, LockError::Held { holder: Some(h) } if *h == first));
            assert_eq!(error.to_string(), "`gateway serve` (pid 42) holds the lock");
        }
        drop(held);
        assert_eq!(look(&path).unwrap(), Holding::Free);
        ExclusiveLock::acquire(&path, &second).unwrap();
        assert!(look(&folder.path().join("missing")).is_err());
    }
}
