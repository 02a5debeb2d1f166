//! What a run leaves behind: who ran, and how it ended.
use gateway_os::process::ProcessId;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// At most so many processes are named in a record; the count goes on.
pub(super) const NAMED_MAX: usize = 32;

/// Who runs, in `shim.json`. Readers ignore fields they do not know.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ShimState {
    /// The version of the socket's protocol.
    pub protocol: u32,
    /// The shim.
    pub shim: ProcessId,
    /// The agent; missing for the moment between the claim and the start.
    pub agent: Option<ProcessId>,
    /// The run's marker.
    pub marker: String,
    /// When the shim took the run.
    pub started_at: Timestamp,
}

/// Why the run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// The agent ended by itself (or by somebody else's signal).
    Exited,
    /// The gateway asked for the end of the tree.
    EndTree,
    /// The output went over its limit.
    OutputLimit,
    /// The last-resort deadline passed.
    Deadline,
    /// The shim itself was told to end by SIGTERM, SIGINT or SIGHUP.
    ShimSignalled,
    /// The folder of the run vanished, so that nobody could find it again.
    FolderLost,
    /// The agent could not be started; `error` says why.
    NotStarted,
    /// A cause of a newer version.
    #[serde(other)]
    Unknown,
}

/// A process that was still there and had to be ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct SweptProcess {
    /// Its process id at the time.
    pub pid: u32,
    /// The kernel's short name for it.
    pub name: String,
}

/// How a run ended, in `exit.json`. Readers ignore fields they do not know.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// The agent.
    pub agent: Option<ProcessId>,
    /// The agent's exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The number of the signal that ended the agent.
    pub signal: Option<i32>,
    /// Why the run ended.
    pub cause: EndCause,
    /// Why the agent could not be started.
    pub error: Option<String>,
    /// How many processes besides the agent had to be ended.
    pub swept_count: u32,
    /// The first of them.
    pub swept: Vec<SweptProcess>,
    /// Processes that even SIGKILL did not end in time (stuck in the kernel).
    pub survivors: Vec<SweptProcess>,
    /// Bytes in `stdout`.
    pub stdout_bytes: u64,
    /// Bytes in `stderr`.
    pub stderr_bytes: u64,
    /// When the shim took the run.
    pub started_at: Timestamp,
    /// When the last process was gone.
    pub ended_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_newer_version_is_still_read() {
        let json = r#"{"agent":null,"code":0,"signal":null,"cause":"eaten","error":null,"new":1,
            "swept_count":0,"swept":[],"survivors":[],"stdout_bytes":1,"stderr_bytes":2,
            "started_at":3,"ended_at":4}"#;
        let record: ExitRecord = serde_json::from_str(json).unwrap();
        assert_eq!((record.cause, record.code), (EndCause::Unknown, Some(0)));
    }
}
