//! [`GitError`]: why a call of git did not give an answer.
use std::io;
use std::time::Duration;

/// Why a call of git did not give an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// No folder of the `PATH` that was given holds an executable `git`.
    #[error("git was not found in PATH")]
    NotFound,
    /// The git that was found is older than the oldest one that is supported.
    #[error("git {found} is too old; {needed} or newer is needed")]
    TooOld {
        /// The version that it printed.
        found: String,
        /// The oldest supported version.
        needed: &'static str,
    },
    /// The process could not be started.
    #[error("git could not be started")]
    Spawn(#[source] io::Error),
    /// A pipe to or from the process broke.
    #[error("git {command}: the pipe broke")]
    Pipe {
        /// The subcommand.
        command: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ran longer than it may; it and its children were killed.
    #[error("git {command} did not end within {} s", after.as_secs())]
    TimedOut {
        /// The subcommand.
        command: &'static str,
        /// The time that it had.
        after: Duration,
    },
    /// It said more than may be kept; it was killed.
    #[error("git {command} said more than {max} bytes")]
    OutputTooLarge {
        /// The subcommand.
        command: &'static str,
        /// The most that is kept, in bytes.
        max: usize,
    },
    /// It ended with an error.
    #[error("git {command} failed: {message}")]
    Failed {
        /// The subcommand.
        command: &'static str,
        /// The exit status; `None` when a signal ended it.
        code: Option<i32>,
        /// The first lines of its standard error, without control characters.
        message: String,
    },
    /// It answered in words that are not understood.
    #[error("git {command} answered with something unexpected: {what}")]
    Unexpected {
        /// The subcommand.
        command: &'static str,
        /// What was wrong with the answer.
        what: &'static str,
    },
}

impl GitError {
    /// What the owner can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotFound => "install git (Debian: `apt install git`) and start the gateway again",
            Self::TooOld { .. } => "upgrade git",
            Self::Spawn(_) | Self::Pipe { .. } => {
                "check free memory and the limit of processes, then try again"
            }
            Self::TimedOut { .. } => {
                "the folder may be on a slow disk, or be very large; try again when it is idle"
            }
            Self::OutputTooLarge { .. } => "ask for a smaller part, such as one path",
            Self::Failed { .. } | Self::Unexpected { .. } => {
                "run `git fsck` in the project; the log has git's whole message"
            }
        }
    }
}
