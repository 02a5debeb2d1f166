//! Opening a file below a folder, whatever its path and the symbolic links on the way say, and
//! whoever changes them meanwhile.
//!
//! The path is walked name by name: each folder is opened relative to the one before, a symbolic
//! link is read and its words are walked in turn, `..` goes back to a folder that is already open.
//! No step follows a link by itself, so that what was looked at is what is opened. The kernel's own
//! `RESOLVE_BENEATH` would be one call, but it does not tell which names were passed, and they decide
//! whether the file may be read ([`open`]'s `admit`).
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;

/// The most symbolic links on the way, as Linux has it.
#[cfg(unix)]
const LINKS_MAX: usize = 40;
/// The most folders on the way.
#[cfg(unix)]
const DEPTH_MAX: usize = 64;

/// Where a name stands in a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// More names follow it.
    Folder,
    /// It is the last one.
    File,
}

/// Why nothing was opened.
#[derive(Debug, thiserror::Error)]
pub enum BeneathError {
    /// The path, or a symbolic link on it, leads out of the folder.
    #[error("it leads out of the folder")]
    Outside,
    /// A name on the way was not admitted.
    #[error("a name on the way is not admitted")]
    Refused,
    /// It is there but no regular file.
    #[error("it is {0}")]
    NotAFile(&'static str),
    /// Too many symbolic links or folders, or links that change all the time.
    #[error("too many symbolic links or folders")]
    TooLong,
    /// The system's own answer, for example that it does not exist.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Opens the regular file at `path` below `root` for reading. Never waits for a pipe or a device.
///
/// `admit` is asked about every name that is passed, those of symbolic links and those that they
/// lead to; a `false` ends the walk before that name is opened.
///
/// # Errors
///
/// See [`BeneathError`].
pub fn open(
    root: &Path,
    path: &Path,
    admit: &mut dyn FnMut(&OsStr, Place) -> bool,
) -> Result<File, BeneathError> {
    system::open(root, path, admit)
}

#[cfg(unix)]
mod system {
    use std::collections::VecDeque;
    use std::ffi::{OsStr, OsString};
    use std::fs::File;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::os::unix::ffi::OsStringExt;
    use std::path::{Component, Path, PathBuf};

    use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};
    use rustix::io::Errno;

    use super::{BeneathError, DEPTH_MAX, LINKS_MAX, Place};

    /// A folder is only passed through, so that no right to list it is needed.
    #[cfg(target_os = "linux")]
    const FOLDER: OFlags = OFlags::PATH;
    #[cfg(not(target_os = "linux"))]
    const FOLDER: OFlags = OFlags::RDONLY;

    pub(super) fn open(
        root: &Path,
        path: &Path,
        admit: &mut dyn FnMut(&OsStr, Place) -> bool,
    ) -> Result<File, BeneathError> {
        let flags = FOLDER | OFlags::DIRECTORY | no_link();
        let top = rustix::fs::open(root, flags, Mode::empty()).map_err(io)?;
        let mut walk = Walk { root, top, inside: Vec::new(), ahead: VecDeque::new(), links: 0 };
        walk.go_on_with(path)?;
        while let Some(name) = walk.ahead.pop_front() {
            let place = if walk.ahead.is_empty() { Place::File } else { Place::Folder };
            if name == ".." {
                walk.inside.pop().ok_or(BeneathError::Outside)?;
                continue;
            }
            if !admit(&name, place) {
                return Err(BeneathError::Refused);
            }
            if let Some(file) = walk.step(name, place)? {
                return Ok(file);
            }
        }
        Err(BeneathError::NotAFile("a folder"))
    }

    struct Walk<'a> {
        root: &'a Path,
        top: OwnedFd,
        /// The folders that are open, outermost first.
        inside: Vec<OwnedFd>,
        /// The names that are still to be walked.
        ahead: VecDeque<OsString>,
        links: usize,
    }

    impl Walk<'_> {
        fn here(&self) -> BorrowedFd<'_> {
            self.inside.last().unwrap_or(&self.top).as_fd()
        }

        /// Passes one name; the file when it was the last.
        fn step(&mut self, name: OsString, place: Place) -> Result<Option<File>, BeneathError> {
            let kind = statat(self.here(), &name, AtFlags::SYMLINK_NOFOLLOW).map_err(io)?;
            let opened = match (FileType::from_raw_mode(kind.st_mode), place) {
                (FileType::Symlink, _) => {
                    self.follow(&name)?;
                    return Ok(None);
                }
                (FileType::Directory, Place::Folder) => openat(
                    self.here(),
                    &name,
                    FOLDER | OFlags::DIRECTORY | no_link(),
                    Mode::empty(),
                ),
                (FileType::RegularFile, Place::File) => {
                    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | no_link();
                    openat(self.here(), &name, flags, Mode::empty())
                }
                (FileType::RegularFile, Place::Folder) => return Err(io(Errno::NOTDIR)),
                (other, _) => return Err(BeneathError::NotAFile(word(other))),
            };
            match (opened, place) {
                (Ok(folder), Place::Folder) if self.inside.len() < DEPTH_MAX => {
                    self.inside.push(folder);
                    Ok(None)
                }
                (Ok(_), Place::Folder) => Err(BeneathError::TooLong),
                (Ok(file), Place::File) => {
                    // It may have been exchanged since it was looked at.
                    let kind = FileType::from_raw_mode(fstat(&file).map_err(io)?.st_mode);
                    if kind == FileType::RegularFile {
                        return Ok(Some(File::from(file)));
                    }
                    Err(BeneathError::NotAFile(word(kind)))
                }
                // Became a link, or a folder stopped being one, in between: looked at again.
                (Err(Errno::LOOP | Errno::NOTDIR | Errno::MLINK), _) => {
                    self.count_link()?;
                    self.ahead.push_front(name);
                    Ok(None)
                }
                (Err(error), _) => Err(io(error)),
            }
        }

        /// Puts what a symbolic link says before the names that are left.
        fn follow(&mut self, name: &OsStr) -> Result<(), BeneathError> {
            self.count_link()?;
            let target = match readlinkat(self.here(), name, Vec::new()) {
                Ok(target) => PathBuf::from(OsString::from_vec(target.into_bytes())),
                // No link any more.
                Err(Errno::INVAL) => name.into(),
                Err(error) => return Err(io(error)),
            };
            self.go_on_with(&target)
        }

        fn count_link(&mut self) -> Result<(), BeneathError> {
            self.links += 1;
            if self.links > LINKS_MAX { Err(BeneathError::TooLong) } else { Ok(()) }
        }

        /// A path that begins at the root of the system counts only below the folder.
        fn go_on_with(&mut self, path: &Path) -> Result<(), BeneathError> {
            let mut path = path;
            if path.is_absolute() {
                path = path.strip_prefix(self.root).map_err(|_| BeneathError::Outside)?;
                self.inside.clear();
            }
            for part in path.components().rev() {
                match part {
                    Component::Normal(name) => self.ahead.push_front(name.to_owned()),
                    Component::ParentDir => self.ahead.push_front("..".into()),
                    Component::CurDir => {}
                    Component::RootDir | Component::Prefix(_) => return Err(BeneathError::Outside),
                }
            }
            Ok(())
        }
    }

    fn no_link() -> OFlags {
        OFlags::NOFOLLOW | OFlags::CLOEXEC
    }

    fn io(error: Errno) -> BeneathError {
        BeneathError::Io(error.into())
    }

    fn word(kind: FileType) -> &'static str {
        match kind {
            FileType::Directory => "a folder",
            FileType::Fifo => "a pipe",
            FileType::Socket => "a socket",
            FileType::CharacterDevice | FileType::BlockDevice => "a device",
            FileType::Symlink => "a symbolic link",
            FileType::RegularFile | FileType::Unknown => "of an unknown kind",
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{BeneathError, File, OsStr, Path, Place};

    pub(super) fn open(
        _root: &Path,
        _path: &Path,
        _admit: &mut dyn FnMut(&OsStr, Place) -> bool,
    ) -> Result<File, BeneathError> {
        Err(crate::unsupported("reading below a folder").into())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    fn read(root: &Path, path: &str) -> Result<String, BeneathError> {
        let mut text = String::new();
        open(root, Path::new(path), &mut |_, _| true)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn links_are_followed_below_the_folder_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap().join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("a/b/file"), "inside").unwrap();
        std::fs::write(dir.path().join("secret"), "outside").unwrap();
        symlink("a/b", root.join("down")).unwrap();
        symlink("../../a/b/file", root.join("a/b/round")).unwrap();
        symlink(root.join("a"), root.join("absolute")).unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        for path in ["a/b/file", "./a//b/file", "down/file", "a/b/round", "absolute/b/file"] {
            assert_eq!(read(&root, path).unwrap(), "inside", "{path}");
        }
        for path in ["out", "../secret", "/etc/passwd", "a/../../secret", "down/../../../secret"] {
            assert!(matches!(read(&root, path), Err(BeneathError::Outside)), "{path}");
        }
        assert!(matches!(read(&root, "loop"), Err(BeneathError::TooLong)));
        assert!(matches!(read(&root, "a"), Err(BeneathError::NotAFile("a folder"))));
        assert!(matches!(read(&root, "."), Err(BeneathError::NotAFile("a folder"))));
        assert!(matches!(read(&root, "a/b/file/x"), Err(BeneathError::Io(_))));
    }

    #[test]
    fn every_name_that_is_passed_is_asked_about() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        std::fs::write(dir.path().join("folder/file"), "").unwrap();
        symlink("folder/file", dir.path().join("link")).unwrap();
        let mut asked = Vec::new();
        let mut note = |name: &OsStr, place| {
            asked.push((name.to_string_lossy().into_owned(), place));
            true
        };
        open(dir.path(), Path::new("link"), &mut note).unwrap();
        let expected = [("link", Place::File), ("folder", Place::Folder), ("file", Place::File)];
        assert_eq!(asked, expected.map(|(name, place)| (name.to_owned(), place)));
    }
}
