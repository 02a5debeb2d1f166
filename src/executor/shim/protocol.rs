//! The words on `shim.sock`: one JSON object a line, both ways, each line bounded.
//!
//! The shim greets with `hello`. Requests carry a `seq` that their `reply` repeats; `exited` comes
//! unasked. A newer gateway talks to an older shim: fields that are not known are ignored, and a
//! request that is not known is answered by the error `unknown_request`.
use gateway_os::process::ProcessId;
use serde::{Deserialize, Serialize};

use super::record::ExitRecord;

/// The version of this protocol.
pub(super) const PROTOCOL: u32 = 1;
/// The longest line for the agent's standard input, in bytes.
pub(super) const LINE_BYTES_MAX: usize = 8 << 20;
/// The longest request: a line with all that JSON escapes in it.
pub(super) const REQUEST_BYTES_MAX: usize = 16 << 20;
/// The longest line the shim sends.
pub(super) const REPLY_BYTES_MAX: usize = 256 << 10;
/// Lines that wait for the agent to read them.
pub(super) const INPUT_LINES_MAX: usize = 64;
/// Bytes that wait for the agent to read them.
pub(super) const INPUT_BYTES_MAX: usize = 16 << 20;
/// The longest a `write` may wait, in milliseconds.
pub(super) const WRITE_WAIT_MILLIS_MAX: u64 = 30_000;
/// The longest time between SIGTERM and SIGKILL, in milliseconds.
pub(super) const GRACE_MILLIS_MAX: u64 = 60_000;

/// One request of a gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) seq: u64,
    #[serde(flatten)]
    pub(super) op: Op,
}

/// The sequence number of a request whose rest is not understood.
#[derive(Debug, Deserialize)]
pub(super) struct Seq {
    pub(super) seq: u64,
}

/// What a gateway may ask for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum Op {
    /// Write a line to the agent, once for each id.
    Write { id: String, line: String, timeout_ms: u64 },
    /// Close the agent's standard input after what waits.
    CloseStdin,
    /// Signal the agent alone.
    Signal { signal: AgentSignal },
    /// End every process of the run.
    EndTree { term_grace_ms: u64 },
    /// Tell how things are.
    Status,
}

/// Signals for the agent alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum AgentSignal {
    /// SIGINT.
    #[serde(rename = "INT")]
    Interrupt,
    /// SIGTERM.
    #[serde(rename = "TERM")]
    Terminate,
    /// SIGKILL.
    #[serde(rename = "KILL")]
    Kill,
}

/// What a shim says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromShim {
    Hello {
        protocol: u32,
        shim: ProcessId,
        agent: ProcessId,
    },
    Refused {
        message: String,
    },
    Reply {
        seq: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<WireError>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<Status>,
    },
    Exited {
        record: ExitRecord,
    },
    /// From a newer shim; passed over.
    #[serde(other)]
    Unknown,
}

/// Why a request failed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(super) struct WireError {
    pub(super) code: ErrorCode,
    pub(super) message: String,
}

/// The kinds of failure that a gateway can act on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ErrorCode {
    /// The request is malformed.
    Invalid,
    /// The shim is too old for it.
    UnknownRequest,
    /// The agent's standard input is closed.
    StdinClosed,
    /// The agent did not read; nothing of the line was written and it is forgotten.
    NotWritten,
    /// Part of the line is written; it will be finished when the agent reads.
    Pending,
    /// Too much waits already.
    Busy,
    /// The agent is gone.
    AgentGone,
    /// The kernel refused.
    System,
    #[serde(other)]
    Unknown,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The agent runs.
    Running,
    /// Its processes are being ended.
    Ending,
    /// All are gone.
    Ended,
}

/// The agent's standard input.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputState {
    /// Takes lines.
    Open,
    /// Is closed as soon as what waits is written.
    Closing,
    /// Is closed, by us or by the agent.
    Closed,
}

/// How a run is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// How far it is.
    pub phase: Phase,
    /// Its standard input.
    pub input: InputState,
    /// Lines that wait for the agent to read them.
    pub input_waiting: usize,
    /// Bytes in the files of both streams.
    pub output_bytes: u64,
}

/// Why a line or its id cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LineError {
    /// The id is empty, too long or has other characters.
    #[error("an id must be 1 to 128 visible ASCII characters")]
    Id,
    /// It would be two lines.
    #[error("a line must not contain a newline")]
    Newline,
    /// It is too long.
    #[error("a line must not be longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
}

/// Checks a line's id.
pub(super) fn check_id(id: &str) -> Result<(), LineError> {
    let fine = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if fine { Ok(()) } else { Err(LineError::Id) }
}

/// Checks a line.
pub(super) fn check_line(line: &str) -> Result<(), LineError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(LineError::TooLong);
    }
    // A carriage return or U+2028 ends no line here: only the newline does.
    if line.contains('\n') { Err(LineError::Newline) } else { Ok(()) }
}

/// One JSON line.
pub(super) fn line_of(message: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(message)
        .expect("these types have text keys and no fallible serializers");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_look_as_documented() {
        let write = Op::Write { id: "a".into(), line: "{}".into(), timeout_ms: 5 };
        let text = String::from_utf8(line_of(&Request { seq: 1, op: write })).unwrap();
        assert_eq!(
            text,
            "{\"seq\":1,\"op\":\"write\",\"id\":\"a\",\"line\":\"{}\",\"timeout_ms\":5}\n"
        );
        let signal = r#"{"seq":2,"op":"signal","signal":"INT","later":true}"#;
        let request: Request = serde_json::from_str(signal).unwrap();
        assert!(matches!(request.op, Op::Signal { signal: AgentSignal::Interrupt }));
    }

    #[test]
    fn what_a_newer_shim_says_is_passed_over() {
        let message: FromShim = serde_json::from_str(r#"{"type":"weather","sun":1}"#).unwrap();
        assert!(matches!(message, FromShim::Unknown));
    }

    #[test]
    fn an_id_must_be_visible_and_a_line_must_be_one() {
        assert_eq!(check_id("01-a:b"), Ok(()));
        for id in ["", "a b", "a\n", "ä", &"x".repeat(129)] {
            assert_eq!(check_id(id), Err(LineError::Id), "{id:?}");
        }
        assert_eq!(check_line("a\u{2028}b\r"), Ok(()));
        assert_eq!(check_line("a\nb"), Err(LineError::Newline));
    }
}
