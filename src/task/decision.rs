//! What a reply means for the request that it answers.
use std::path::Path;

use super::classing;
use super::error::AnswerError;
use super::grant;
use crate::clock::Timestamp;
use crate::model::{Decision, Reply, RequestKind, answers_to};

/// Largest reply, in bytes; it has to fit in a line to the agent.
const REPLY_BYTES_MAX: usize = 1 << 20;

/// The decision that `reply` is on a request of an agent that works in `tree`.
pub(super) fn of(
    reply: Reply,
    request: &RequestKind,
    tree: &Path,
    now: Timestamp,
) -> Result<Decision, AnswerError> {
    if bytes(&reply) > REPLY_BYTES_MAX {
        return Err(AnswerError::Unfit("the reply is longer than a megabyte"));
    }
    match (reply, request) {
        (Reply::Deny { message }, _) => {
            let message = message.filter(|message| !message.trim().is_empty());
            Ok(Decision::Deny { message: message.unwrap_or_else(|| denial(request).to_owned()) })
        }
        (Reply::Approve, RequestKind::Permission { .. } | RequestKind::Plan { .. }) => {
            Ok(Decision::Allow)
        }
        (Reply::Always, RequestKind::Permission { .. }) => {
            let until = now.after(grant::LIFETIME);
            Ok(Decision::AllowAgain { folder: tree.to_owned(), until })
        }
        (Reply::Edited { input }, RequestKind::Permission { tool, .. }) if input.is_object() => {
            let class = classing::class_of(tool, &input, tree);
            Ok(Decision::AllowEdited { input, class })
        }
        (Reply::Answers { answers }, RequestKind::Question { questions, .. }) => {
            Ok(Decision::Answers { answers: answers_to(questions, &answers)? })
        }
        (Reply::Edited { .. }, RequestKind::Permission { .. }) => {
            Err(AnswerError::Unfit("the input of a tool is a JSON object"))
        }
        (_, RequestKind::Question { .. }) => {
            Err(AnswerError::Unfit("it is a question: answer it, or deny it"))
        }
        // What to change in a plan.
        (Reply::Answers { answers }, RequestKind::Plan { .. }) if !is_blank(&answers) => {
            Ok(Decision::Deny { message: answers.join("\n") })
        }
        (Reply::Answers { .. }, _) => {
            Err(AnswerError::Unfit("it is no question: approve it, or deny it"))
        }
        (Reply::Always | Reply::Edited { .. }, RequestKind::Plan { .. }) => Err(
            AnswerError::Unfit("a plan is approved once, as it is, or denied with what to change"),
        ),
    }
}

fn is_blank(answers: &[String]) -> bool {
    answers.iter().all(|answer| answer.trim().is_empty())
}

fn bytes(reply: &Reply) -> usize {
    match reply {
        Reply::Approve | Reply::Always => 0,
        Reply::Edited { input } => input.to_string().len(),
        Reply::Deny { message } => message.as_ref().map_or(0, String::len),
        Reply::Answers { answers } => answers.iter().map(String::len).sum(),
    }
}

/// What the agent is told by a denial without words.
const fn denial(request: &RequestKind) -> &'static str {
    match request {
        RequestKind::Permission { .. } => "this was denied; continue without it or stop",
        RequestKind::Question { .. } => "nobody answers this; decide yourself or stop",
        RequestKind::Plan { .. } => {
            "the plan is all that is wanted: give the whole plan as your final answer and stop"
        }
    }
}

/// What the agent is told when nobody answered in time.
pub(super) fn of_silence(request: &RequestKind) -> Decision {
    let message = match request {
        RequestKind::Permission { .. } | RequestKind::Question { .. } => {
            "no answer from the owner; continue without it or stop"
        }
        RequestKind::Plan { .. } => {
            "no answer from the owner; give the whole plan as your final answer and stop"
        }
    };
    Decision::Deny { message: message.to_owned() }
}
