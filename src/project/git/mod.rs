//! [`Git`]: the gateway's own way to call git.
//!
//! Its one rule: nothing that a repository holds may run. Every call has a cleared environment, no
//! system or user configuration, an explicit git directory that the gateway made (never one that an
//! agent or a stranger wrote the configuration of), switches against hooks, fsmonitor and every
//! transport, bounded output, a deadline, and a process group of its own that dies with the future.
mod call;
mod error;
mod run;
pub(super) use self::call::{Call, Stdin};
pub use self::error::GitError;
pub(super) use self::run::Output;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::platform;

/// The oldest git that the tests run with (Debian 12).
const OLDEST: (u32, u32) = (2, 39);

/// Configuration that every call carries, so that none from a file can weaken it.
const SWITCHES: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.attributesFile=/dev/null",
    "core.pager=cat",
    "core.editor=false",
    "core.askPass=",
    "core.sshCommand=false",
    "credential.helper=",
    "protocol.allow=never",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    // A commit-graph or pack index of a stranger could lie about parents.
    "core.commitGraph=false",
    "core.multiPackIndex=false",
    "core.logAllRefUpdates=false",
    "core.safecrlf=false",
    // What must survive a power cut says so itself: see `Call::durable`.
    "core.fsync=none",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "commit.gpgSign=false",
    "log.showSignature=false",
    "log.mailmap=false",
    "pack.windowMemory=64m",
    "transfer.fsckObjects=true",
    "advice.detachedHead=false",
];

/// Environment of every call; what is not here does not exist for git.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", "false"),
    ("GIT_DEFAULT_REF_FORMAT", "files"),
    ("HOME", "/nonexistent"),
    ("XDG_CONFIG_HOME", "/nonexistent"),
    ("LC_ALL", "C"),
];

/// The git executable, found once, and where the owner's own configuration lies.
#[derive(Clone, Debug)]
pub struct Git {
    executable: PathBuf,
    owner: OwnerFolders,
}

/// Where the owner's own git configuration lies; read for name, mail address and ignore rules.
#[derive(Clone, Debug, Default)]
pub struct OwnerFolders {
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, when set.
    pub xdg_config_home: Option<PathBuf>,
}

impl Git {
    /// Finds `git` in the folders of `path` (the value of a `PATH`); relative folders are skipped.
    ///
    /// # Errors
    ///
    /// [`GitError::NotFound`] when no folder has an executable of that name.
    pub fn find(path: &OsStr, owner: OwnerFolders) -> Result<Self, GitError> {
        let name = format!("git{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(&name))
            .find(|file| platform::is_executable(file))
            .map(|executable| Self { executable, owner })
            .ok_or(GitError::NotFound)
    }

    /// The absolute path of the executable.
    #[must_use]
    pub fn executable(&self) -> &Path {
        &self.executable
    }

    /// Where the owner's own configuration lies.
    pub(super) const fn owner(&self) -> &OwnerFolders {
        &self.owner
    }

    /// Asks git for its version, such as `2.47.3`.
    ///
    /// # Errors
    ///
    /// [`GitError::TooOld`] for one older than 2.39; else what kept it from answering.
    pub async fn version(&self) -> Result<String, GitError> {
        let answer = self.run(Call::new("version")).await?;
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        let unexpected = GitError::Unexpected { command: "version", what: "no version" };
        let Some(found) = text.split_whitespace().nth(2) else {
            return Err(unexpected);
        };
        let mut parts = found.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < OLDEST {
            return Err(GitError::TooOld { found: found.to_owned(), needed: "2.39" });
        }
        Ok(found.to_owned())
    }

    /// The `PATH` that git itself gets: only its own folder.
    fn search_path(&self) -> OsString {
        self.executable.parent().map_or_else(OsString::new, |folder| folder.as_os_str().to_owned())
    }
}
