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
        let writable = rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
        Ok(PathFacts { kind, uid: Some(meta.uid()), mode: Some(meta.mode() & 0o7777), writable })
    }
    #[cfg(not(unix))]
    Ok(PathFacts { kind, uid: None, mode: None, writable: !meta.permissions().readonly() })
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
}
