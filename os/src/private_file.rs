//! Opens a file only when it is the owner's alone.
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a file is not taken for the owner's alone.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else has its name: a link, a folder, a device.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// What stands there.
        path: PathBuf,
    },
    /// It belongs to somebody else, who can read it and put anything there.
    #[error("{} belongs to user {owner}, not to you", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The numeric id of its owner.
        owner: u32,
    },
    /// Its mode lets others in.
    #[error("{} is open to other users (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// Permission bits of such a file.
const MODE: u32 = 0o600;

/// Opens a file for reading once it has been seen to be a regular file of this user that nobody
/// else can open; `None` when there is none. Its folder has to be private already:
/// [`check_private_dir`](crate::folders::check_private_dir). On Windows the profile's own access
/// rules are trusted.
///
/// # Errors
///
/// [`PrivateFileError`].
pub fn open_private(path: &Path) -> Result<Option<File>, PrivateFileError> {
    let io_error =
        |action| move |source| PrivateFileError::Io { action, path: path.to_owned(), source };
    // Looked at before it is opened, which would wait for the writer of a pipe. Nobody else can
    // exchange it in between: the folder is private.
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => check(path, &other.map_err(io_error("look at"))?, own_user())?,
    }
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => {
            let file = other.map_err(io_error("open"))?;
            check(path, &file.metadata().map_err(io_error("look at"))?, own_user())?;
            Ok(Some(file))
        }
    }
}

fn check(path: &Path, metadata: &Metadata, own_user: u32) -> Result<(), PrivateFileError> {
    let path = path.to_owned();
    if !metadata.is_file() {
        return Err(PrivateFileError::NotAFile { path });
    }
    let (owner, mode) = access(metadata);
    if owner != own_user {
        return Err(PrivateFileError::Foreign { path, owner });
    }
    if mode & !MODE != 0 {
        return Err(PrivateFileError::Exposed { path, mode });
    }
    Ok(())
}

#[cfg(unix)]
fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Owner and permission bits.
#[cfg(unix)]
fn access(metadata: &Metadata) -> (u32, u32) {
    use std::os::unix::fs::MetadataExt as _;

    (metadata.uid(), metadata.mode() & 0o7777)
}

#[cfg(not(unix))]
const fn own_user() -> u32 {
    0
}

#[cfg(not(unix))]
fn access(_: &Metadata) -> (u32, u32) {
    (own_user(), MODE)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_user_is_refused_whatever_its_mode() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let metadata = file.as_file().metadata().unwrap();
        let me = own_user();
        check(file.path(), &metadata, me).unwrap();
        let error = check(file.path(), &metadata, me + 1).unwrap_err();
        assert!(matches!(error, PrivateFileError::Foreign { owner, .. } if owner == me), "{error}");
    }

    #[test]
    fn a_pipe_in_place_of_the_file_is_refused_without_waiting_for_its_writer() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("secrets.json");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let error = open_private(&pipe).unwrap_err();
        assert!(matches!(error, PrivateFileError::NotAFile { .. }), "{error}");
    }
}
