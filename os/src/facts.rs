//! What a file or folder is to this user, for those who explain rather than act.
use std::io;
use std::path::Path;

/// What is known of a path. Owner and mode are `None` on systems that have neither.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PathFacts {
    /// What stands there, links followed.
    pub kind: PathKind,
    /// The owner's numeric id.
    pub uid: Option<u32>,
    /// The permission bits.
    pub mode: Option<u32>,
    /// Whether this process may write it (in a folder: make files in it).
    pub writable: bool,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PathKind {
    /// A folder.
    Folder,
    /// A regular file.
    File,
    /// Something else: a socket, a device.
    Other,
}

/// Looks at `path` without opening it.
///
/// # Errors
///
/// When it is not there, or the way to it is closed.
pub fn of(path: &Path) -> io::Result<PathFacts> {
    let meta = std::fs::metadata(path)?;
    let kind = match meta.file_type() {
        kind if kind.is_dir() => PathKind::Folder,
        kind if kind.is_file() => PathKind::File,
        _ => PathKind::Other,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let permitted = rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
        let writable = permitted && !is_made_by_the_kernel(path);
        Ok(PathFacts { kind, uid: Some(meta.uid()), mode: Some(meta.mode() & 0o7777), writable })
    }
    #[cfg(not(unix))]
    Ok(PathFacts { kind, uid: None, mode: None, writable: !meta.permissions().readonly() })
}

/// Whether `path` is below /proc or /sys, where nobody makes files and the superuser may do so.
#[cfg(target_os = "linux")]
fn is_made_by_the_kernel(path: &Path) -> bool {
    const SYSFS: i64 = 0x6265_6572;
    let kind = rustix::fs::statfs(path).map(|facts| facts.f_type);
    kind.is_ok_and(|kind| [rustix::fs::PROC_SUPER_MAGIC, SYSFS].contains(&kind))
}

#[cfg(all(unix, not(target_os = "linux")))]
fn is_made_by_the_kernel(_path: &Path) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_told_from_a_folder_with_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let facts = of(&file).unwrap();
        assert_eq!((facts.kind, facts.mode, facts.writable), (PathKind::File, Some(0o640), true));
        assert_eq!(of(folder.path()).unwrap().kind, PathKind::Folder);
        let missing = of(&folder.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn nobody_makes_files_in_what_the_kernel_makes() {
        assert!(!of(Path::new("/proc")).unwrap().writable);
    }
}
