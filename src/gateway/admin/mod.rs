//! The owner's own way in: one call per line of JSON over a Unix socket that only this user's
//! processes may use, and none that an agent started.
//!
//! [`Call`] names everything the command line can ask of a running gateway, and
//! [`Owner`](super::Owner) answers it; a command that finds no gateway running asks one of its own. A
//! new command is a variant of [`Call`] and an arm in [`Owner::call`](super::Owner::call).
mod client;
mod server;
pub use self::client::{AdminClient, AdminClientError};
pub use self::server::serve_admin;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Apply, LinkedSession};

/// Longest line in either direction, in bytes.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// Where the admin socket lies below the runtime folder.
#[must_use]
pub fn socket_path(runtime: &Path) -> PathBuf {
    runtime.join("admin.sock")
}

/// What the owner asks.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "call", rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// State, addresses, tunnel, numbers of tasks.
    Status,
    /// Waits for news after the cursor, at most `wait_secs`; answers them and the new cursor.
    Events {
        /// Only of this task.
        task: Option<String>,
        /// Sequence number to go on from; none for "from now".
        after: Option<u64>,
        /// Longest wait in seconds, at most 60.
        wait_secs: u64,
    },
    /// Waits for steps of clients after the cursor, at most `wait_secs`; without a cursor it answers
    /// those of late at once.
    Trace {
        /// Number to go on from.
        after: Option<u64>,
        /// Longest wait in seconds, at most 60.
        wait_secs: u64,
    },
    /// Opens a pairing.
    Pair,
    /// A page of tasks.
    ListTasks {
        /// Names of states; all when empty.
        states: Vec<String>,
        /// The project's name.
        project: Option<String>,
        /// How many.
        limit: usize,
    },
    /// One task with its requests.
    ShowTask {
        /// Its id or the beginning of it.
        task: String,
    },
    /// A task's changes.
    Diff {
        /// Its id or the beginning of it.
        task: String,
        /// Only this file or folder.
        path: Option<String>,
        /// Only numbers.
        stat_only: bool,
    },
    /// Applies a finished task's work by the owner's hand.
    Apply {
        /// Its id or the beginning of it.
        task: String,
        /// What is to become of it.
        action: Apply,
    },
    /// Everything that agents ask now.
    ListRequests,
    /// Answers a request.
    Answer {
        /// The task's id or the beginning of it.
        task: String,
        /// The request's id, where there are several.
        request: Option<String>,
        /// What to answer.
        reply: crate::model::Reply,
    },
    /// Says something to the agent of a running task.
    Say {
        /// Its id or the beginning of it.
        task: String,
        /// The words.
        message: String,
    },
    /// Hands a terminal's session over.
    PushSession {
        /// The session.
        session: LinkedSession,
        /// The folder it works in: the project is the one that it lies in.
        folder: PathBuf,
    },
    /// Cancels a task, or all.
    Cancel {
        /// Its id or the beginning of it, or `all`.
        task: String,
    },
    /// Makes a client.
    MintClient {
        /// Its name.
        name: String,
        /// Its scopes; all when empty.
        scopes: Vec<String>,
        /// Its projects; all when empty.
        projects: Vec<String>,
        /// Without a secret.
        public: bool,
        /// A new secret for the client of this name.
        rotate: bool,
    },
    /// Makes a token.
    MintToken {
        /// Its name.
        name: String,
        /// Its scopes; all that tools need when empty.
        scopes: Vec<String>,
        /// Its projects; all when empty.
        projects: Vec<String>,
        /// How long it lives, in seconds.
        lifetime_secs: u64,
        /// Whether it also counts through the tunnel.
        anywhere: bool,
    },
    /// All clients, tokens among them.
    ListClients,
    /// Removes a client.
    RevokeClient {
        /// Its id or name.
        client: String,
    },
    /// Removes a client that lived for an examination: no list names it any more.
    ForgetClient {
        /// Its id.
        client: String,
    },
    /// Lets a client end at a moment.
    ExpireClient {
        /// Its id or name.
        client: String,
        /// Milliseconds since the Unix epoch.
        at: i64,
    },
    /// All paired devices.
    ListDevices,
    /// Ends a device's pairing.
    RevokeDevice {
        /// Its id, or `all`.
        device: String,
    },
    /// Reads the configuration again.
    Reload,
}

/// Why a call was refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// The kind, for exit codes.
    pub kind: CallErrorKind,
    /// A sentence.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// The kinds of refusals.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallErrorKind {
    /// The call makes no sense.
    Invalid,
    /// A value on the command line is none that there is.
    Usage,
    /// Something that is needed is not there now.
    Unavailable,
    /// It is not allowed, or the keyring is shut.
    Permission,
    /// The configuration is wrong.
    Config,
    /// It failed.
    Failed,
}

impl CallError {
    /// A refusal.
    pub fn new(
        kind: CallErrorKind,
        message: impl std::fmt::Display,
        hint: impl std::fmt::Display,
    ) -> Self {
        Self { kind, message: message.to_string(), hint: hint.to_string() }
    }

    /// A call that makes no sense.
    pub fn invalid(message: impl std::fmt::Display, hint: impl std::fmt::Display) -> Self {
        Self::new(CallErrorKind::Invalid, message, hint)
    }
}

impl From<crate::store::StoreError> for CallError {
    fn from(error: crate::store::StoreError) -> Self {
        let hint = error.hint();
        Self::new(CallErrorKind::Failed, error, hint)
    }
}

/// What comes back over the socket.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Ok(Value),
    Error(CallError),
}
