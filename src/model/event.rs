//! What happened, in the order of its commits.
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::apply::Applied;
use super::id::{RequestId, TaskId};
use crate::clock::Timestamp;

/// One row of the event log. `seq` is the cursor that clients hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the log: grows by commit, never reused.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The task it belongs to.
    pub task_id: TaskId,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The kinds of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The task was accepted.
    Queued,
    /// Its workspace is being made.
    Preparing,
    /// The agent was started, or found again after a restart of the gateway.
    Started {
        /// The agent's session, to resume it by.
        session_id: Option<String>,
        /// Whether this is a re-attachment.
        reattached: bool,
    },
    /// The agent said something.
    Text {
        /// Its words, cut to a bounded length.
        text: String,
    },
    /// The agent used a tool.
    Activity {
        /// The tool's name.
        tool: String,
        /// One line about it.
        detail: String,
    },
    /// The agent wrote a file.
    FileTouched {
        /// The path, relative to the project where it lies below it.
        path: String,
    },
    /// The agent waits for its model.
    Waiting {
        /// Why.
        reason: String,
    },
    /// The agent asks its owner.
    RequestOpened {
        /// The request.
        request_id: RequestId,
        /// One line about it.
        preview: String,
    },
    /// A request was answered, withdrawn or has expired.
    RequestClosed {
        /// The request.
        request_id: RequestId,
        /// `allowed`, `denied`, `answered`, `withdrawn` or `expired`.
        outcome: String,
    },
    /// Cancelling has begun.
    Cancelling {
        /// Who or what asked for it.
        reason: String,
    },
    /// The work is being collected from the workspace.
    Settling,
    /// A terminal handed its session over.
    Linked {
        /// Whether it had done so before.
        again: bool,
        /// What the session is about, cut.
        summary: String,
    },
    /// Somebody has more to say to the running agent.
    FollowUp {
        /// The message.
        message_id: Uuid,
        /// Its words, cut.
        text: String,
        /// Who says so.
        by: String,
    },
    /// The agent has a message.
    FollowUpDelivered {
        /// Which.
        message_id: Uuid,
    },
    /// Something the reader of the log should know.
    Note {
        /// The words.
        text: String,
    },
    /// Its finished work was merged, kept or discarded.
    Applied(Applied),
    /// The task reached a state that it will not leave.
    Ended {
        /// The state's name.
        state: String,
        /// One line: why.
        summary: String,
    },
}

impl EventKind {
    /// Whether it is worth telling somebody who was away: a task that came, began, asks, was
    /// answered or ended, a session that was handed over. The rest is on the way there.
    #[must_use]
    pub const fn is_news(&self) -> bool {
        matches!(
            self,
            Self::Queued
                | Self::Started { reattached: false, .. }
                | Self::RequestOpened { .. }
                | Self::RequestClosed { .. }
                | Self::Linked { .. }
                | Self::Ended { .. }
        )
    }
}
