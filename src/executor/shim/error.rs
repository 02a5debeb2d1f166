//! What can go wrong between the gateway and a shim.
use std::io;
use std::path::PathBuf;

use super::protocol::{ErrorCode, LineError, WireError};
use super::spec::InvalidSpec;

/// Why something with a shim failed.
#[derive(Debug, thiserror::Error)]
pub enum ShimError {
    /// The spec cannot be run.
    #[error("the run cannot be started: {0}")]
    Spec(#[from] InvalidSpec),
    /// The line cannot be written.
    #[error("the line cannot be sent to the agent: {0}")]
    Line(#[from] LineError),
    /// A shim took this folder before: attach to it instead.
    #[error("a run was started in this folder already")]
    AlreadyLaunched,
    /// The agent's program could not be started.
    #[error("the agent could not be started: {message}")]
    Spawn {
        /// What the system said.
        message: String,
    },
    /// The shim itself failed before the agent ran.
    #[error("the supervising process failed: {message}")]
    Shim {
        /// What it said.
        message: String,
    },
    /// The shim refuses to talk to this process.
    #[error("the supervising process refuses: {message}")]
    Refused {
        /// What it said.
        message: String,
    },
    /// The shim lives and does not answer.
    #[error("the supervising process does not answer")]
    Unresponsive,
    /// The connection broke; whether the request was carried out is not known. Asking again is
    /// safe for all of them.
    #[error("the connection to the supervising process broke")]
    Disconnected,
    /// The run has ended; [`super::ShimHandle::wait`] tells how.
    #[error("the run has ended")]
    Ended,
    /// The shim died without a record.
    #[error("the supervising process is gone without a record")]
    Gone,
    /// The agent's standard input is closed.
    #[error("the agent's standard input is closed")]
    StdinClosed,
    /// The agent did not read in time; nothing of the line reached it.
    #[error("the agent did not read its standard input in time; nothing was written")]
    NotWritten,
    /// The agent did not read in time, but part of the line is written and the rest will follow:
    /// write the same id again to learn when.
    #[error("the agent has read only part of the line")]
    WritePending,
    /// Too many lines wait for the agent.
    #[error("too much input waits for the agent")]
    Busy,
    /// The agent is gone, so there is nobody to signal.
    #[error("the agent is gone")]
    AgentGone,
    /// The shim said something this version does not understand.
    #[error("the supervising process answered `{message}`")]
    Protocol {
        /// What it said.
        message: String,
    },
    /// The file system or the kernel refused.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ShimError {
    /// Names what was tried when a file operation failed.
    pub(super) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl Fn(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path: path.clone(), source }
    }
}

impl From<WireError> for ShimError {
    fn from(error: WireError) -> Self {
        match error.code {
            ErrorCode::StdinClosed => Self::StdinClosed,
            ErrorCode::NotWritten => Self::NotWritten,
            ErrorCode::Pending => Self::WritePending,
            ErrorCode::Busy => Self::Busy,
            ErrorCode::AgentGone => Self::AgentGone,
            ErrorCode::Invalid
            | ErrorCode::UnknownRequest
            | ErrorCode::System
            | ErrorCode::Unknown => Self::Protocol { message: error.message },
        }
    }
}
