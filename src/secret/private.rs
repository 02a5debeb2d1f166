//! Files and folders for the owner alone: made so, and refused when they are not.
use std::fs::{File, Metadata};
use std::path::Path;

use super::FileVaultError;

/// What a path should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A folder of mode 0700.
    Folder,
    /// A regular file of mode 0600.
    File,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::File => "regular file",
        }
    }

    #[cfg(unix)]
    const fn mode(self) -> u32 {
        match self {
            Self::Folder => 0o700,
            Self::File => 0o600,
        }
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> FileVaultError {
    move |source| FileVaultError::Io { action, path: path.to_owned(), source }
}

/// Refuses what is of another kind, belongs to somebody else, or lets others in.
fn check(path: &Path, metadata: &Metadata, kind: Kind) -> Result<(), FileVaultError> {
    let is_kind = match kind {
        Kind::Folder => metadata.is_dir(),
        Kind::File => metadata.is_file(),
    };
    if !is_kind {
        return Err(FileVaultError::WrongKind { path: path.to_owned(), wanted: kind.name() });
    }
    check_access(path, metadata, kind, own_user())
}

/// Makes the folder unless it is there, and checks it; a link to a folder is refused.
pub(super) fn ensure_folder(path: &Path) -> Result<(), FileVaultError> {
    create_folder(path)?;
    let metadata = path.symlink_metadata().map_err(io_error("look at", path))?;
    check(path, &metadata, Kind::Folder)
}

/// Opens a file for reading, after its folder and it have been checked; `None` when there is none.
pub(super) fn open(folder: &Path, path: &Path) -> Result<Option<File>, FileVaultError> {
    let metadata = match folder.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(io_error("look at", folder))?,
    };
    check(folder, &metadata, Kind::Folder)?;
    // Nobody else can put a link into the folder just checked; this one is the owner's own slip.
    match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => check(path, &other.map_err(io_error("look at", path))?, Kind::File)?,
    }
    match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        other => {
            let file = other.map_err(io_error("open", path))?;
            let metadata = file.metadata().map_err(io_error("look at", path))?;
            check(path, &metadata, Kind::File)?;
            Ok(Some(file))
        }
    }
}

#[cfg(unix)]
fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(unix)]
fn check_access(
    path: &Path,
    metadata: &Metadata,
    kind: Kind,
    own_user: u32,
) -> Result<(), FileVaultError> {
    use std::os::unix::fs::MetadataExt as _;

    let path = path.to_owned();
    if metadata.uid() != own_user {
        return Err(FileVaultError::Foreign { path, owner: metadata.uid() });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(FileVaultError::Exposed { path, mode, wanted: kind.mode() });
    }
    Ok(())
}

#[cfg(unix)]
fn create_folder(path: &Path) -> Result<(), FileVaultError> {
    use std::os::unix::fs::DirBuilderExt as _;

    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(Kind::Folder.mode());
    builder.create(path).map_err(io_error("make", path))
}

/// Opens the lock file, making it when it is not there.
#[cfg(unix)]
pub(super) fn open_lock(path: &Path) -> Result<File, FileVaultError> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false).mode(Kind::File.mode());
    options.open(path).map_err(io_error("open", path))
}

/// Makes a rename in this folder survive a power cut.
#[cfg(unix)]
pub(super) fn sync_folder(path: &Path) -> Result<(), FileVaultError> {
    let folder = File::open(path).map_err(io_error("open", path))?;
    folder.sync_all().map_err(io_error("sync", path))
}

#[cfg(not(unix))]
const fn own_user() -> u32 {
    0
}

#[cfg(not(unix))]
fn check_access(_: &Path, _: &Metadata, _: Kind, _: u32) -> Result<(), FileVaultError> {
    Err(FileVaultError::Unsupported)
}

#[cfg(not(unix))]
fn create_folder(_: &Path) -> Result<(), FileVaultError> {
    Err(FileVaultError::Unsupported)
}

/// Opens the lock file, making it when it is not there.
#[cfg(not(unix))]
pub(super) fn open_lock(_: &Path) -> Result<File, FileVaultError> {
    Err(FileVaultError::Unsupported)
}

/// Makes a rename in this folder survive a power cut.
#[cfg(not(unix))]
pub(super) fn sync_folder(_: &Path) -> Result<(), FileVaultError> {
    Err(FileVaultError::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_user_is_refused_whatever_its_mode() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let metadata = file.as_file().metadata().unwrap();
        let me = own_user();
        check_access(file.path(), &metadata, Kind::File, me).unwrap();
        let error = check_access(file.path(), &metadata, Kind::File, me + 1).unwrap_err();
        assert!(matches!(error, FileVaultError::Foreign { owner, .. } if owner == me), "{error}");
    }

    #[test]
    fn a_pipe_in_place_of_the_file_is_refused_without_waiting_for_its_writer() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("secrets");
        ensure_folder(&folder).unwrap();
        let pipe = folder.join("secrets.json");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let error = open(&folder, &pipe).unwrap_err();
        assert!(matches!(error, FileVaultError::WrongKind { .. }), "{error}");
    }
}
