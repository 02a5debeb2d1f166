//! How much room a file system has.
use std::io;
use std::path::Path;

/// Room on a file system, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Space {
    /// What this user may still write.
    pub free: u64,
    /// The whole size.
    pub total: u64,
}

/// The room on the file system that holds `path`.
///
/// # Errors
///
/// When the path is not there; `Unsupported` on Windows.
pub fn free(path: &Path) -> io::Result<Space> {
    #[cfg(unix)]
    {
        let stat = rustix::fs::statvfs(path)?;
        Ok(Space {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Err(crate::unsupported("measuring free disk space"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_temporary_folder_has_a_size_and_no_more_free_than_that() {
        let folder = tempfile::tempdir().unwrap();
        let space = free(folder.path()).unwrap();
        assert!(space.total > 0 && space.free <= space.total, "{space:?}");
        assert!(free(&folder.path().join("missing")).is_err());
    }
}
