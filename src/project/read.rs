//! Reading a file of a project, or as a task left it: below the root, no secrets, in parts.
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use gateway_os::beneath::{self, BeneathError, Place};

use super::error::{Doing, ProjectError};
use super::git::{Git, GitError};
use super::oid::Oid;
use super::owner::is_git_dir;
use super::registry::Project;
use super::sensitive::is_sensitive;
use super::workspace::{Workspace, Workspaces, blocking};

/// The largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Where NUL bytes are looked for, as git does.
const HEAD_BYTES: usize = 8000;

/// Which lines of a file are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// The first, counted from 1.
    pub first: u64,
    /// The last; all when `None`.
    pub last: Option<u64>,
    /// The most bytes of text.
    pub bytes_max: usize,
}

/// A part of a file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Excerpt {
    /// The lines; bytes that are no UTF-8 are replaced. Empty for a binary file.
    pub text: String,
    /// The number of the first line in `text`.
    pub first: u64,
    /// The number of the last line in `text`; less than `first` when there is none.
    pub last: u64,
    /// How many lines the file has.
    pub lines: u64,
    /// How many bytes the file has.
    pub bytes: u64,
    /// Whether it is no text.
    pub binary: bool,
    /// Whether bytes were replaced.
    pub lossy: bool,
    /// Whether a line was too long and lost its end.
    pub cut: bool,
    /// The line to go on from, when there are more of those that were asked for.
    pub next: Option<u64>,
}

impl Workspaces {
    /// Reads lines of the file at `path`, relative to the project's folder. A symbolic link counts
    /// as what it leads to.
    ///
    /// # Errors
    ///
    /// [`ProjectError::BadPath`] for a path that leads out of the project,
    /// [`ProjectError::Sensitive`], [`ProjectError::NoSuchFile`], [`ProjectError::NotAFile`],
    /// [`ProjectError::FileTooLarge`], or what the system said.
    pub async fn read_file(
        &self,
        project: &Project,
        path: &str,
        lines: Lines,
    ) -> Result<Excerpt, ProjectError> {
        if is_git_dir(&project.path) {
            return Err(ProjectError::NotAFile("part of a bare repository, which has no files"));
        }
        let (root, path) = (project.path.clone(), checked(path)?);
        blocking(move || {
            let mut admit = |name: &_, place| !is_sensitive(name, place);
            let file = beneath::open(&root, &path, &mut admit)?;
            let bytes = file.metadata().doing("reading", &path)?.len();
            if bytes > FILE_BYTES_MAX {
                return Err(ProjectError::FileTooLarge { bytes, bytes_max: FILE_BYTES_MAX });
            }
            excerpt(file.take(FILE_BYTES_MAX), lines).doing("reading", &path)
        })
        .await
    }

    /// Reads lines of the file at `path` as a task left it. No symbolic link is followed.
    ///
    /// # Errors
    ///
    /// As [`Workspaces::read_file`], and [`ProjectError::NotSettled`].
    pub async fn read_settled(
        &self,
        workspace: &Workspace,
        path: &str,
        lines: Lines,
    ) -> Result<Excerpt, ProjectError> {
        let below = workspace.dir.strip_prefix(&workspace.tree).unwrap_or(Path::new(""));
        let whole = below.join(checked(path)?);
        workspace.renew_config()?;
        let head = self.settled(workspace)?.head.ok_or(ProjectError::NoSuchFile)?;
        let (oid, bytes) = blob(&self.git, workspace, &head, &whole).await?;
        if bytes > FILE_BYTES_MAX {
            return Err(ProjectError::FileTooLarge { bytes, bytes_max: FILE_BYTES_MAX });
        }
        let call = workspace.call("cat-file").arg("blob").revision(oid.as_str());
        let content = self.git.run(call).await?.stdout;
        excerpt(&*content, lines).doing("reading", &whole)
    }
}

/// The object and the size of a regular file in a commit.
async fn blob(
    git: &Git,
    workspace: &Workspace,
    head: &Oid,
    path: &Path,
) -> Result<(Oid, u64), ProjectError> {
    let call = workspace.call("ls-tree").args(["-z", "-l"]).revision(head.as_str());
    let listing = git.run(call.path(path)).await?;
    let Some(entry) = listing.records().find(|entry| !entry.is_empty()) else {
        return Err(ProjectError::NoSuchFile);
    };
    let entry = String::from_utf8_lossy(entry);
    let mut parts = entry.split_ascii_whitespace();
    match parts.next() {
        Some("100644" | "100755") => {}
        Some("120000") => return Err(ProjectError::NotAFile("a symbolic link")),
        Some("160000") => return Err(ProjectError::NotAFile("a submodule")),
        _ => return Err(ProjectError::NotAFile("a folder")),
    }
    let oid = parts.nth(1).and_then(|oid| Oid::parse(oid.as_bytes()));
    let bytes = parts.next().and_then(|bytes| bytes.parse().ok());
    let unexpected = GitError::Unexpected { command: "ls-tree", what: "no size" };
    oid.zip(bytes).ok_or_else(|| unexpected.into())
}

/// The names of a path that can be below a project's folder and names no secret by itself.
fn checked(path: &str) -> Result<PathBuf, ProjectError> {
    if path.contains('\0') {
        return Err(ProjectError::BadPath);
    }
    let mut out = PathBuf::new();
    let mut names = Path::new(path).components().peekable();
    while let Some(part) = names.next() {
        let place = if names.peek().is_some() { Place::Folder } else { Place::File };
        match part {
            Component::CurDir => {}
            Component::Normal(name) if is_sensitive(name, place) => {
                return Err(ProjectError::Sensitive);
            }
            Component::Normal(name) => out.push(name),
            _ => return Err(ProjectError::BadPath),
        }
    }
    if out.as_os_str().is_empty() { Err(ProjectError::NotAFile("a folder")) } else { Ok(out) }
}

impl From<BeneathError> for ProjectError {
    fn from(error: BeneathError) -> Self {
        match error {
            BeneathError::Outside => Self::BadPath,
            BeneathError::Refused => Self::Sensitive,
            BeneathError::NotAFile(what) => Self::NotAFile(what),
            BeneathError::TooLong => Self::NotAFile("behind too many symbolic links or folders"),
            BeneathError::Io(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                Self::NoSuchFile
            }
            BeneathError::Io(source) => {
                Self::Io { doing: "opening", path: PathBuf::from("a file of the project"), source }
            }
        }
    }
}

/// How much of `text` is left without a character that was cut in its middle.
fn whole(text: &[u8]) -> usize {
    match std::str::from_utf8(text) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => text.len(),
    }
}

/// Takes the wanted lines out of a file, which is read once and never held whole.
fn excerpt(mut from: impl Read, wanted: Lines) -> io::Result<Excerpt> {
    let first = wanted.first.max(1);
    let mut out = Excerpt { first, last: first - 1, ..Excerpt::default() };
    let (mut text, mut line, mut open) = (Vec::new(), 1_u64, false);
    // Where the present line begins in `text`, and whether its end is being left out.
    let (mut begin, mut skipping, mut full) = (0, false, false);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let seen = usize::try_from(out.bytes).unwrap_or(usize::MAX);
        let head = HEAD_BYTES.saturating_sub(seen).min(count);
        out.binary |= buffer[..head].contains(&0);
        out.bytes += count as u64;
        for part in buffer[..count].split_inclusive(|byte| *byte == b'\n') {
            let ended = part.last() == Some(&b'\n');
            let in_range = line >= first && wanted.last.is_none_or(|last| line <= last);
            if in_range && !full {
                if !open {
                    (begin, skipping) = (text.len(), false);
                }
                let room = wanted.bytes_max.saturating_sub(text.len());
                if skipping {
                    // Read on to where the line ends.
                } else if part.len() <= room {
                    text.extend_from_slice(part);
                } else if begin > 0 {
                    // The page is full: this line is the next one's first.
                    text.truncate(begin);
                    (full, out.next) = (true, Some(line));
                } else {
                    // One line for itself is too long: its end is left out.
                    text.extend_from_slice(&part[..room]);
                    text.truncate(whole(&text));
                    (skipping, out.cut) = (true, true);
                }
                if ended && !full {
                    out.last = line;
                    if skipping {
                        text.push(b'\n');
                    }
                }
            }
            open = !ended;
            line += u64::from(ended);
        }
    }
    out.lines = line - 1 + u64::from(open);
    if open && !full && line >= first && wanted.last.is_none_or(|last| line <= last) {
        out.last = line;
    }
    if out.binary {
        return Ok(Excerpt { last: first - 1, next: None, cut: false, ..out });
    }
    out.lossy = std::str::from_utf8(&text).is_err();
    out.text = String::from_utf8_lossy(&text).into_owned();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], first: u64, last: Option<u64>, bytes_max: usize) -> Excerpt {
        excerpt(text, Lines { first, last, bytes_max }).unwrap()
    }

    #[test]
    fn lines_are_counted_from_one_and_the_last_need_not_end() {
        let part = lines(b"a\nb\nc", 2, Some(2), 100);
        assert_eq!((&*part.text, part.first, part.last, part.lines), ("b\n", 2, 2, 3));
        assert_eq!(lines(b"a\nb\nc", 3, None, 100).text, "c");
        let beyond = lines(b"a\nb\n", 9, None, 100);
        assert_eq!((&*beyond.text, beyond.last, beyond.lines, beyond.next), ("", 8, 2, None));
        assert_eq!(lines(b"", 1, None, 100).lines, 0);
    }

    #[test]
    fn parts_put_together_are_the_whole_file() {
        let text: String = (0..5000).map(|n| format!("line {n} äöü\n")).collect();
        let (mut joined, mut next) = (String::new(), Some(1));
        while let Some(first) = next {
            let part = lines(text.as_bytes(), first, None, 1000);
            assert!(part.text.len() <= 1000 && !part.cut);
            joined += &part.text;
            next = part.next;
        }
        assert_eq!(joined, text);
    }

    #[test]
    fn a_line_that_is_too_long_loses_its_end_and_the_rest_of_the_file_is_still_there() {
        let text = [b"x".repeat(200_000), b"\nsecond\n".to_vec()].concat();
        let part = lines(&text, 1, None, 100);
        assert_eq!((part.text.len(), part.cut, part.last, part.next), (101, true, 1, Some(2)));
        assert_eq!(lines(&text, 2, None, 100).text, "second\n");
    }

    #[test]
    fn a_binary_file_shows_nothing_and_odd_bytes_are_told() {
        let binary = lines(b"PNG\0\x01", 1, None, 100);
        assert!(binary.binary && binary.text.is_empty());
        let odd = lines(b"caf\xe9\n", 1, None, 100);
        assert_eq!((&*odd.text, odd.lossy), ("caf\u{fffd}\n", true));
    }
}
