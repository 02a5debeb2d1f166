//! Reaching a socket whose path is longer than `sun_path`.
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// `sun_path` holds 108 bytes on Linux and 104 on macOS, one of them for the end.
const SUN_PATH_MAX: usize = 103;

/// A path that fits a socket address, alive as long as this value.
#[derive(Debug)]
pub(super) struct ShortPath {
    pub(super) path: PathBuf,
    /// Keeps `/proc/self/fd/N` pointing at the folder.
    _folder: Option<OwnedFd>,
}

/// Shortens `path` through a descriptor of its folder where it is too long.
pub(super) fn short(path: &Path) -> io::Result<ShortPath> {
    if path.as_os_str().len() <= SUN_PATH_MAX {
        return Ok(ShortPath { path: path.to_owned(), _folder: None });
    }
    through_folder(path)
}

#[cfg(target_os = "linux")]
fn through_folder(path: &Path) -> io::Result<ShortPath> {
    use rustix::fs::{Mode, OFlags, open};
    use std::os::fd::AsRawFd;

    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "not the path of a socket");
    let (folder, name) =
        (path.parent().ok_or_else(invalid)?, path.file_name().ok_or_else(invalid)?);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = open(folder, flags, Mode::empty())?;
    let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name);
    Ok(ShortPath { path: short, _folder: Some(folder) })
}

#[cfg(not(target_os = "linux"))]
fn through_folder(path: &Path) -> io::Result<ShortPath> {
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{} is too long for a socket on this system", path.display()),
    ))
}
