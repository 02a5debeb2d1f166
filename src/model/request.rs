//! A request of an agent to its owner: a permission, a question, or a plan.
use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::class::Class;
use super::id::{ClientId, DeviceId, RequestId, TaskId};
use super::question::Question;
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
        /// How much it can do; one that an older gateway stored without counts as the worst.
        #[serde(default)]
        class: Class,
    },
    /// Answers to questions.
    Question {
        /// The questions, in order; none twice.
        questions: Vec<Question>,
        /// One line for people.
        preview: String,
    },
    /// Leave to carry out a plan: until then nothing may be changed.
    Plan {
        /// The plan, in the agent's words.
        plan: String,
        /// One line for people.
        preview: String,
    },
}

impl RequestKind {
    /// One line about it, for people.
    #[must_use]
    pub fn preview(&self) -> &str {
        match self {
            Self::Permission { preview, .. }
            | Self::Question { preview, .. }
            | Self::Plan { preview, .. } => preview,
        }
    }

    /// The word for its kind.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Permission { .. } => "permission",
            Self::Question { .. } => "question",
            Self::Plan { .. } => "plan",
        }
    }
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

impl RequestState {
    /// The word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Answered { answer, .. } => match answer.decision {
                Decision::Allow | Decision::AllowEdited { .. } | Decision::AllowAgain { .. } => {
                    "allowed"
                }
                Decision::Deny { .. } => "denied",
                Decision::Answers { .. } => "answered",
            },
            Self::Withdrawn { .. } => "withdrawn",
            Self::Expired { .. } => "expired",
        }
    }
}

/// What was decided, and by whom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// Who decided.
    pub by: Answerer,
}

/// What the agent is told, as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// The stored input may be used, unchanged; or the plan be carried out.
    Allow,
    /// This input may be used instead of the stored one.
    AllowEdited {
        /// The owner's input.
        input: Value,
        /// How much that can do.
        class: Class,
    },
    /// The stored input may be used, and in this task the very same again: a grant.
    AllowAgain {
        /// The folder that the agent works in.
        folder: PathBuf,
        /// When the grant ends, if the task does not end before.
        until: Timestamp,
    },
    /// It may not; the text reaches the model word for word.
    Deny {
        /// Why not, or what to do instead.
        message: String,
    },
    /// The questions' answers.
    Answers {
        /// The answer to each question, by its text.
        answers: BTreeMap<String, String>,
    },
}

/// What somebody replies to a request, before the engine has made a [`Decision`] of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// Yes.
    Approve,
    /// Yes, and for the very same in this task again.
    Always,
    /// Yes, with this input instead.
    Edited {
        /// The whole input.
        input: Value,
    },
    /// No.
    Deny {
        /// Why not, or what to do instead; what fits the request when there is none.
        message: Option<String>,
    },
    /// The answers to questions, one for each in order.
    Answers {
        /// Numbers of choices, their words, or own words.
        answers: Vec<String>,
    },
}

/// Who answers a request.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    /// The owner at the workstation's terminal.
    Terminal,
    /// The owner on a paired device.
    Device {
        /// Which.
        device_id: DeviceId,
    },
    /// A chat, as far as policy lets it.
    Chat {
        /// The client that it came through.
        client_id: ClientId,
    },
    /// The owner's earlier answer.
    Grant {
        /// The request that it was the answer to.
        request_id: RequestId,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_older_gateways_are_still_read() {
        let open = r#"{"id":"00000000000000000000000001","task_id":"00000000000000000000000002",
            "agent_ref":"r","kind":{"kind":"permission","tool":"Bash","input":{"command":"ls"},
            "preview":"ls"},"asked_at":1,"expires_at":2,"state":{"state":"open"}}"#;
        let request: Request = serde_json::from_str(open).unwrap();
        let RequestKind::Permission { class, .. } = request.kind else { panic!("{request:?}") };
        assert_eq!(class, Class::Destructive, "what was not classed is not the chat's to approve");
        for (decision, word) in [
            (r#"{"decision":"allow"}"#, "allowed"),
            (r#"{"decision":"deny","message":"no"}"#, "denied"),
        ] {
            let state = format!(
                r#"{{"state":"answered","answer":{{"decision":{decision},"by":"terminal"}},"at":3,"delivered":true}}"#
            );
            let state: RequestState = serde_json::from_str(&state).unwrap();
            assert_eq!(state.name(), word);
        }
    }

    #[test]
    fn every_answer_is_read_as_it_was_stored() {
        let request_id = RequestId::random(&crate::clock::SeededEntropy::new(1));
        let answers = BTreeMap::from([("Which?".to_owned(), "Red".to_owned())]);
        let edited =
            Decision::AllowEdited { input: serde_json::json!({"a": 1}), class: Class::Exec };
        let again = Decision::AllowAgain { folder: "/w".into(), until: Timestamp::from_millis(9) };
        for (decision, by) in [
            (edited, Answerer::Terminal),
            (again, Answerer::Device { device_id: "00000000000000000000000003".parse().unwrap() }),
            (Decision::Answers { answers }, Answerer::Chat { client_id: "c".parse().unwrap() }),
            (Decision::Allow, Answerer::Grant { request_id }),
        ] {
            let answer = Answer { decision, by };
            let text = serde_json::to_string(&answer).unwrap();
            assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer, "{text}");
        }
    }
}
