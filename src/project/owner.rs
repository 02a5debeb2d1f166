//! [`OwnerRepository`]: the owner's repository, found and read as plain files.
//!
//! Its configuration is read by `git config --file`, which runs nothing, and only the keys listed
//! in [`Settings`] are taken over, each checked against its few possible values. `core.worktree`,
//! `core.fsmonitor`, `core.sshCommand`, filters, drivers and includes have no effect here.
use std::collections::VecDeque;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::{Doing, ProjectError};
use super::git::{Call, Git, Stdin};
use super::oid::ObjectFormat;
use super::platform;

/// The largest file that is read of a git directory's small ones, in bytes.
const SMALL_MAX: u64 = 1 << 20;

/// The most values of a kind that are remembered.
const KNOWN_MAX: usize = 32;

/// The longest configuration that is remembered, in bytes.
const KNOWN_BYTES_MAX: usize = 16 << 10;

/// The owner's repository.
#[derive(Clone, Debug)]
pub(super) struct OwnerRepository {
    /// The git directory of this working tree.
    pub(super) git_dir: PathBuf,
    /// The git directory that holds objects and refs; the same, but for a linked worktree.
    pub(super) common_dir: PathBuf,
    /// The root of the working tree; `None` when bare.
    pub(super) work_tree: Option<PathBuf>,
    /// The project's folder below the root, with `/`, empty at the root.
    pub(super) prefix: String,
    /// What was taken over of its configuration.
    pub(super) settings: Settings,
    /// Whether its history is cut off.
    pub(super) shallow: bool,
}

/// What is taken over of a repository's configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// The hash of its objects.
    pub(super) format: ObjectFormat,
    /// Whether refs are kept in tables (git 2.45).
    pub(super) reftable: bool,
    /// Whether objects may be missing because they were never fetched.
    pub(super) partial: bool,
    /// Whether its own HEAD stands for no working tree.
    pub(super) bare: bool,
    /// Lines `key = value` of the section `core` that decide how files compare with objects.
    pub(super) core: Vec<(&'static str, &'static str)>,
}

/// Keys of `core` that are taken over, and their possible values.
const CORE_KEYS: &[(&str, &str, &[&str])] = &[
    ("core.autocrlf", "autocrlf", &["true", "false", "input"]),
    ("core.eol", "eol", &["lf", "crlf", "native"]),
    ("core.filemode", "fileMode", &["true", "false"]),
    ("core.ignorecase", "ignoreCase", &["true", "false"]),
    ("core.symlinks", "symlinks", &["true", "false"]),
    ("core.precomposeunicode", "precomposeUnicode", &["true", "false"]),
    ("core.trustctime", "trustctime", &["true", "false"]),
    ("core.checkstat", "checkStat", &["default", "minimal"]),
];

impl Settings {
    /// Reads the records of `git config --list -z`.
    fn parse(listing: &[u8]) -> Self {
        let mut out = Self::default();
        for record in listing.split(|byte| *byte == 0) {
            let text = String::from_utf8_lossy(record);
            // A key without a value is a true boolean.
            let (key, value) = text.split_once('\n').unwrap_or((&text, "true"));
            let value = value.to_ascii_lowercase();
            match key {
                "extensions.objectformat" if value == "sha256" => out.format = ObjectFormat::Sha256,
                "extensions.refstorage" => out.reftable = value.starts_with("reftable"),
                "extensions.partialclone" => out.partial = true,
                "core.bare" => out.bare = value == "true",
                _ if key.starts_with("remote.") && key.ends_with(".promisor") => {
                    out.partial |= value == "true";
                }
                _ => out.take_core(key, &value),
            }
        }
        out
    }

    /// The settings of a workspace: its keys are checked again, whoever wrote them down.
    pub(super) fn recorded(format: ObjectFormat, core: &[(String, String)]) -> Self {
        let mut out = Self { format, ..Self::default() };
        for (key, value) in core {
            out.take_core(&format!("core.{}", key.to_ascii_lowercase()), value);
        }
        out
    }

    /// What [`Settings::recorded`] reads back.
    pub(super) fn record(&self) -> Vec<(String, String)> {
        self.core.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn take_core(&mut self, key: &str, value: &str) {
        let value = match value {
            "yes" | "on" | "1" => "true",
            "no" | "off" | "0" => "false",
            other => other,
        };
        let known = CORE_KEYS.iter().find(|(listed, ..)| *listed == key);
        let Some((_, name, values)) = known else {
            return;
        };
        if let Some(value) = values.iter().find(|allowed| **allowed == value) {
            self.core.retain(|(kept, _)| kept != name);
            self.core.push((name, value));
        }
    }
}

/// The parts of a repository found on the disk.
struct Found {
    git_dir: PathBuf,
    work_tree: Option<PathBuf>,
    prefix: String,
}

/// What was read before, newest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// What git made of the text of a configuration; its answer depends on nothing else.
    settings: Recent<Vec<u8>, Settings>,
    /// The ignore rules outside the tree that a repository had the last time, by its git
    /// directory: a guess, to be compared with what they are.
    pub(super) excludes: Recent<PathBuf, String>,
}

impl Known {
    /// The settings in the configuration `text`.
    async fn of(&self, git: &Git, text: Vec<u8>) -> Result<Settings, ProjectError> {
        if let Some(settings) = self.settings.get(&text) {
            return Ok(settings);
        }
        let call = Call::new("config").args(["--file", "-", "--no-includes", "--null", "--list"]);
        let listing = git.run(call.stdin(Stdin::Bytes(text.clone()))).await?;
        let settings = Settings::parse(&listing.stdout);
        if text.len() <= KNOWN_BYTES_MAX {
            self.settings.put(text, settings.clone());
        }
        Ok(settings)
    }
}

/// A few values by their keys, the one put last found first.
#[derive(Debug)]
pub(super) struct Recent<K, V>(Arc<Mutex<VecDeque<(K, V)>>>);

impl<K: Eq, V: Clone> Recent<K, V> {
    /// The value of `key`.
    pub(super) fn get(&self, key: &K) -> Option<V> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
    }

    /// Sets the value of `key` and forgets the oldest.
    pub(super) fn put(&self, key: K, value: V) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(known, _)| *known != key);
        known.truncate(KNOWN_MAX - 1);
        known.push_front((key, value));
    }
}

impl<K, V> Clone for Recent<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl OwnerRepository {
    /// Finds the repository that `path` lies in; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`ProjectError::BadRepository`] for one that is there but broken or not supported.
    pub(super) async fn open(
        git: &Git,
        known: &Known,
        path: &Path,
    ) -> Result<Option<Self>, ProjectError> {
        let Some(found) = find(path)? else {
            return Ok(None);
        };
        let common_dir = common_dir(&found.git_dir)?;
        let config = common_dir.join("config");
        let bad = |why| ProjectError::BadRepository { path: path.to_owned(), why };
        let settings = match fs::metadata(&config) {
            Ok(meta) if !meta.is_file() || meta.len() > SMALL_MAX => {
                return Err(bad("its config is no regular file of a sane size"));
            }
            Ok(_) => known.of(git, small_file(&config).doing("reading", &config)?).await?,
            Err(_) => Settings::default(),
        };
        if settings.reftable && common_dir != found.git_dir {
            return Err(bad("a linked worktree with reftable refs is not supported"));
        }
        let shallow = common_dir.join("shallow").exists();
        Ok(Some(Self {
            git_dir: found.git_dir,
            common_dir,
            work_tree: found.work_tree,
            prefix: found.prefix,
            settings,
            shallow,
        }))
    }

    /// Whether the working tree is a linked one.
    pub(super) fn is_linked(&self) -> bool {
        self.git_dir != self.common_dir
    }

    /// Where its objects are.
    pub(super) fn objects(&self) -> PathBuf {
        self.common_dir.join("objects")
    }
}

/// Walks up from `path` to the first folder with a git directory, as git does.
fn find(path: &Path) -> Result<Option<Found>, ProjectError> {
    for root in path.ancestors() {
        let dot_git = root.join(".git");
        let git_dir = match fs::metadata(&dot_git) {
            Ok(meta) if meta.is_dir() && is_git_dir(&dot_git) => dot_git,
            Ok(meta) if meta.is_file() => pointed_at(&dot_git, root)?,
            _ => continue,
        };
        let git_dir = git_dir.canonicalize().doing("opening", &git_dir)?;
        let below = path.strip_prefix(root).unwrap_or(Path::new(""));
        let prefix = below.to_str().ok_or_else(|| ProjectError::BadRepository {
            path: path.to_owned(),
            why: "the project's path inside the repository is not UTF-8",
        })?;
        let prefix = prefix.replace(std::path::MAIN_SEPARATOR, "/");
        return Ok(Some(Found { git_dir, work_tree: Some(root.to_owned()), prefix }));
    }
    if is_git_dir(path) {
        return Ok(Some(Found {
            git_dir: path.to_owned(),
            work_tree: None,
            prefix: String::new(),
        }));
    }
    Ok(None)
}

/// Where a `.git` file points.
fn pointed_at(file: &Path, root: &Path) -> Result<PathBuf, ProjectError> {
    let bad = |why| ProjectError::BadRepository { path: root.to_owned(), why };
    let bytes = small_file(file).doing("reading", file)?;
    let target = bytes
        .strip_prefix(b"gitdir: ")
        .ok_or_else(|| bad("its .git file does not say `gitdir: `"))?;
    let end = target.iter().rposition(|b| !matches!(b, b'\n' | b'\r')).map_or(0, |last| last + 1);
    let target = platform::path_from_bytes(target[..end].to_vec())
        .ok_or_else(|| bad("its .git file names no path"))?;
    let git_dir = root.join(target);
    if !git_dir.join("HEAD").is_file() || !is_git_dir(&common_dir(&git_dir)?) {
        return Err(bad("its .git file points at no git directory"));
    }
    Ok(git_dir)
}

/// The folder with objects and refs that a git directory belongs to.
fn common_dir(git_dir: &Path) -> Result<PathBuf, ProjectError> {
    let file = git_dir.join("commondir");
    if !file.is_file() {
        return Ok(git_dir.to_owned());
    }
    let mut bytes = small_file(&file).doing("reading", &file)?;
    while bytes.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
        bytes.pop();
    }
    let why = "its commondir names no folder";
    let bad = || ProjectError::BadRepository { path: git_dir.to_owned(), why };
    let common = git_dir.join(platform::path_from_bytes(bytes).ok_or_else(bad)?);
    common.canonicalize().map_err(|_| bad())
}

pub(super) fn is_git_dir(dir: &Path) -> bool {
    dir.join("HEAD").is_file() && dir.join("objects").is_dir() && dir.join("refs").is_dir()
}

/// Reads a regular file of at most 1 MiB, whatever stands at `path`.
pub(super) fn small_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let meta = fs::metadata(path)?;
    if !meta.is_file() || meta.len() > SMALL_MAX {
        return Err(std::io::Error::other("not a regular file of a sane size"));
    }
    let mut out = Vec::new();
    fs::File::open(path)?.take(SMALL_MAX).read_to_end(&mut out)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_keys_with_known_values_are_taken_over() {
        let listing = b"core.fsmonitor\n/bin/evil\0core.autocrlf\nINPUT\0core.eol\nrm -rf\0\
            core.filemode\0filter.x.clean\nevil\0remote.o.promisor\ntrue\0core.sshcommand\nevil\0\
            core.worktree\n/etc\0extensions.objectformat\nsha256";
        let settings = Settings::parse(listing);
        assert_eq!(settings.core, [("autocrlf", "input"), ("fileMode", "true")]);
        assert!(settings.partial);
        assert!(!settings.reftable);
        assert_eq!(settings.format, ObjectFormat::Sha256);
    }
}
