//! A request of an agent to its owner: a permission, or a question.
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::{RequestId, TaskId};
use crate::clock::Timestamp;

/// Something an agent waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The gateway's own name for it.
    pub id: RequestId,
    /// The task whose agent asks.
    pub task_id: TaskId,
    /// The agent's name for it, echoed in the answer.
    pub agent_ref: String,
    /// What is asked.
    pub kind: RequestKind,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// When silence becomes a refusal.
    pub expires_at: Timestamp,
    /// Whether it still waits.
    pub state: RequestState,
}

/// What an agent asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RequestKind {
    /// Leave to use a tool.
    Permission {
        /// The tool's name, as the agent calls it.
        tool: String,
        /// The tool's whole input; what is allowed is exactly this.
        input: Value,
        /// One line for people: cleaned of control characters, cut to a screen line.
        preview: String,
    },
}

/// Where a request stands. The last three never change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RequestState {
    /// Nobody has answered yet.
    Open,
    /// Answered once and for all; `delivered` tells whether the agent has it.
    Answered {
        /// The answer.
        answer: Answer,
        /// When it was given.
        at: Timestamp,
        /// Whether the agent has received it.
        delivered: bool,
    },
    /// The agent no longer asks.
    Withdrawn {
        /// When it was withdrawn.
        at: Timestamp,
    },
    /// Nobody answered in time, which counts as a refusal.
    Expired {
        /// When it expired.
        at: Timestamp,
        /// Whether the agent has received the refusal.
        delivered: bool,
    },
}

/// What was decided, and by whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// Who decided.
    pub by: Answerer,
}

/// Yes, or no and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// The stored input may be used, unchanged.
    Allow,
    /// It may not; the text reaches the model word for word.
    Deny {
        /// Why not, or what to do instead.
        message: String,
    },
}

/// Who may answer a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    /// The owner at the workstation's terminal.
    Terminal,
}
