//! How much room a file system has, and reads that share no position.
use std::fs::File;
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

/// Reads at most `bytes_max` bytes at `offset`, without using or needing the file's position, so
/// that readers do not disturb each other. Fewer bytes mean the end, or just fewer.
///
/// # Errors
///
/// When the file system refuses.
pub fn read_at(file: &File, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; bytes_max];
    let read = loop {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, &mut bytes, offset);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, &mut bytes, offset);
        match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    bytes.truncate(read);
    Ok(bytes)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn the_temporary_folder_has_a_size_and_no_more_free_than_that() {
        let folder = tempfile::tempdir().unwrap();
        let space = free(folder.path()).unwrap();
        assert!(space.total > 0 && space.free <= space.total, "{space:?}");
        assert!(free(&folder.path().join("missing")).is_err());
    }

    #[test]
    fn a_read_at_an_offset_gives_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "0123456789").unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(read_at(&file, 4, 3).unwrap(), b"456");
        assert_eq!(read_at(&file, 8, 100).unwrap(), b"89");
        assert_eq!(read_at(&file, 99, 1).unwrap(), b"");
    }
}
