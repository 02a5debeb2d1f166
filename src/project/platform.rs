//! What this module needs of the system beyond the standard library: killing a process group,
//! symbolic links, and paths as bytes.
//!
//! The only file here with `cfg(unix)`; elsewhere the calls say that they are not supported.
use std::io;
use std::path::{Path, PathBuf};

use gateway_os::folders::{Durability, replace_private};
use tokio::process::Command;

/// Writes a file of the gateway's own, whole or not at all; only this user can read it.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_private(path, bytes, Durability::Cached)
}

#[cfg(unix)]
mod system {
    use super::{Command, Path, PathBuf, io};
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

    pub(crate) fn own_group(command: &mut Command) {
        command.process_group(0);
    }

    pub(crate) fn kill_group(leader: u32) {
        if let Some(group) = i32::try_from(leader).ok().and_then(rustix::process::Pid::from_raw) {
            // The group may be gone already, which is what was wanted.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }

    pub(crate) fn symlink(target: &Path, link: &Path) -> io::Result<()> {
        std::os::unix::fs::symlink(target, link)
    }

    #[expect(clippy::unnecessary_wraps, reason = "other systems hold fewer names")]
    pub(crate) fn path_from_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
        Some(std::ffi::OsString::from_vec(bytes).into())
    }

    #[expect(clippy::unnecessary_wraps, reason = "other systems hold fewer names")]
    pub(crate) fn path_bytes(path: &Path) -> Option<Vec<u8>> {
        Some(path.as_os_str().as_bytes().to_vec())
    }

    pub(crate) fn is_executable(path: &Path) -> bool {
        path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    }

    /// Asks without opening, which would wait at a pipe.
    pub(crate) fn is_readable(path: &Path) -> bool {
        rustix::fs::access(path, rustix::fs::Access::READ_OK).is_ok()
    }

    pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    pub(crate) fn open_folder(path: &Path) -> io::Result<()> {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Command, Path, PathBuf, io};

    pub(crate) fn own_group(_command: &mut Command) {}

    pub(crate) fn kill_group(_leader: u32) {}

    pub(crate) fn symlink(_target: &Path, _link: &Path) -> io::Result<()> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "git projects are not supported on this system",
        ))
    }

    pub(crate) fn path_from_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
        String::from_utf8(bytes).ok().map(PathBuf::from)
    }

    pub(crate) fn path_bytes(path: &Path) -> Option<Vec<u8>> {
        path.to_str().map(|text| text.replace('\\', "/").into_bytes())
    }

    pub(crate) fn is_executable(path: &Path) -> bool {
        path.is_file()
    }

    pub(crate) fn is_readable(_path: &Path) -> bool {
        true
    }

    pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    pub(crate) fn open_folder(_path: &Path) -> io::Result<()> {
        Ok(())
    }
}

pub(super) use self::system::{
    is_executable, is_readable, kill_group, open_folder, own_group, path_bytes, path_from_bytes,
    private_dir, symlink,
};
