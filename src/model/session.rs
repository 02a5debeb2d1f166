//! Sessions of agents: one that a terminal handed over, one to go on with, words for a running one.
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A session of a terminal, as it was last handed over. Its agent is none of the gateway's.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct LinkedSession {
    /// The agent's own name for it.
    pub session_id: Uuid,
    /// What it was about; also the task's prompt, so that lists and searches find it.
    pub summary: String,
    /// What it was doing last.
    pub current_task: Option<String>,
    /// The branch it worked on.
    pub git_branch: Option<String>,
    /// Model turns so far.
    pub turns: Option<u64>,
    /// Files it changed.
    pub files_modified: Vec<String>,
}

/// A session that a task goes on with.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// Which.
    pub session_id: Uuid,
    /// Whether the task goes on in a copy: a terminal may still have the session itself open.
    pub copy: bool,
}

/// Words for the agent of a running task that it does not have yet.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct FollowUp {
    /// Names the message, so that it counts once however often it is brought.
    pub id: Uuid,
    /// The words, byte for byte.
    pub text: String,
}
