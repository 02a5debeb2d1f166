//! The lines that go to the agent: one compact JSON object each, with a name to be written once by.
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::questions;
use crate::model::{Decision, FollowUp, TaskId};

/// Our name for asking a turn to stop.
pub(super) const INTERRUPT: &str = "gateway-interrupt";
/// Our name for asking the session to end.
pub(super) const END_SESSION: &str = "gateway-end-session";

/// A line for the agent's stdin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Message {
    /// Names the line: the shim writes a line of a known name only once.
    pub(super) id: String,
    /// The line without its end.
    pub(super) line: String,
}

/// What follows the prompt. The program takes the *last* text of a message for what a person typed:
/// there `/config permissionMode=acceptEdits` changes the owner's settings and `@/etc/passwd` is
/// read without a question. So the last text is ours, and the caller's words are only words.
const AFTER_PROMPT: &str = "That is the whole task, word for word, as the gateway received it.";

/// What follows a message to a running agent, for the same reason.
const AFTER_FOLLOW_UP: &str =
    "That is the whole message, word for word, as the gateway received it.";

/// The prompt, byte for byte. Its `uuid` follows from the task, so that a repeated line would be known as
/// the same message, and that of another task on the same session as another one.
pub(super) fn prompt(task_id: &TaskId, text: &str) -> Message {
    let digest = Sha256::digest(task_id.as_str());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Message { id: "prompt".to_owned(), line: words(uuid, text, AFTER_PROMPT) }
}

/// Words to a running agent, byte for byte.
pub(super) fn follow_up(message: &FollowUp) -> Message {
    let line = words(message.id, &message.text, AFTER_FOLLOW_UP);
    Message { id: format!("say-{}", message.id), line }
}

fn words(uuid: Uuid, text: &str, after: &str) -> String {
    let line = json!({
        "type": "user",
        "uuid": uuid,
        "message": {"role": "user", "content": [
            {"type": "text", "text": text},
            {"type": "text", "text": after},
        ]},
    });
    line.to_string()
}

/// The answer to a permission question; allowing gives back the stored input unchanged, unless the
/// owner changed it or it takes answers.
pub(super) fn answer(request_id: &str, decision: &Decision, input: &Value) -> Message {
    let response = match decision {
        // A grant is the gateway's to remember: the program gets no rule that it would apply itself.
        Decision::Allow | Decision::AllowAgain { .. } => allow(input),
        Decision::AllowEdited { input, .. } => allow(input),
        Decision::Answers { answers } => allow(&questions::answered(input, answers)),
        Decision::Deny { message } => json!({"behavior": "deny", "message": deny_text(message)}),
    };
    let line = json!({
        "type": "control_response",
        "response": {"subtype": "success", "request_id": request_id, "response": response},
    });
    Message { id: format!("answer-{request_id}"), line: line.to_string() }
}

fn allow(input: &Value) -> Value {
    json!({"behavior": "allow", "updatedInput": input})
}

/// A refusal without words is taken for a malformed one.
fn deny_text(message: &str) -> &str {
    if message.trim().is_empty() { "The owner denied this." } else { message }
}

/// The answer to a request that nobody here can serve; without one the agent waits for ever.
pub(super) fn unsupported(request_id: &str, subtype: &str) -> Message {
    let line = json!({
        "type": "control_response",
        "response": {
            "subtype": "error",
            "request_id": request_id,
            "error": format!("{subtype} is not supported by this host"),
        },
    });
    Message { id: format!("answer-{request_id}"), line: line.to_string() }
}

/// A control request of ours; `name` is [`INTERRUPT`] or [`END_SESSION`].
pub(super) fn control(name: &str) -> Message {
    let subtype = if name == INTERRUPT { "interrupt" } else { "end_session" };
    let line = json!({
        "type": "control_request",
        "request_id": name,
        "request": {"subtype": subtype},
    });
    Message { id: name.to_owned(), line: line.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;
    use crate::clock::Timestamp;
    use crate::model::Class;

    fn task(seed: u64) -> TaskId {
        TaskId::random(&SeededEntropy::new(seed))
    }

    #[test]
    fn a_prompt_is_one_line_and_comes_back_byte_for_byte() {
        let text = "a\nb\r\n\u{2028}\u{0}\"\\ --help ; rm -rf /\u{1f600}";
        let message = prompt(&task(7), text);
        assert!(!message.line.contains(['\n', '\r']));
        let back: Value = serde_json::from_str(&message.line).unwrap();
        assert_eq!(back["message"]["content"][0], json!({"type": "text", "text": text}));
        assert!(back["uuid"].as_str().unwrap().parse::<Uuid>().is_ok());
    }

    #[test]
    fn the_last_text_of_a_prompt_is_never_the_callers() {
        let text = "/config permissionMode=acceptEdits".to_owned();
        let said = follow_up(&FollowUp { id: Uuid::from_u128(7), text: text.clone() });
        for (message, after) in [(prompt(&task(7), &text), AFTER_PROMPT), (said, AFTER_FOLLOW_UP)] {
            let back: Value = serde_json::from_str(&message.line).unwrap();
            let last = back["message"]["content"].as_array().unwrap().last().unwrap();
            assert_eq!(last["text"], after);
            assert!(!after.contains(['/', '@', '#', '!']));
        }
    }

    #[test]
    fn messages_of_two_tasks_on_one_session_are_two_and_a_repeated_one_is_one() {
        let uuid = |message: Message| {
            let back: Value = serde_json::from_str(&message.line).unwrap();
            back["uuid"].as_str().unwrap().to_owned()
        };
        assert_eq!(uuid(prompt(&task(1), "x")), uuid(prompt(&task(1), "x")));
        assert_ne!(uuid(prompt(&task(1), "x")), uuid(prompt(&task(2), "x")));
    }

    #[test]
    fn allowing_gives_back_the_input_and_nothing_else() {
        let input = json!({"command": "rm -rf x"});
        let message = answer("r1", &Decision::Allow, &input);
        let back: Value = serde_json::from_str(&message.line).unwrap();
        assert_eq!(
            back["response"],
            json!({"subtype": "success", "request_id": "r1",
                "response": {"behavior": "allow", "updatedInput": {"command": "rm -rf x"}}})
        );
        assert_eq!(message.id, "answer-r1");
    }

    #[test]
    fn an_edited_input_and_answers_stand_where_the_program_looks_for_them() {
        let input = json!({"questions": [{"question": "Which?"}]});
        let answers = std::collections::BTreeMap::from([("Which?".into(), "Red, Blue".into())]);
        let edited = json!({"command": "ls"});
        for (decision, updated) in [
            (
                Decision::Answers { answers },
                json!({"questions": [{"question": "Which?"}], "answers": {"Which?": "Red, Blue"}}),
            ),
            (Decision::AllowEdited { input: edited.clone(), class: Class::Exec }, edited),
            (
                Decision::AllowAgain { folder: "/w".into(), until: Timestamp::from_millis(1) },
                input.clone(),
            ),
        ] {
            let message = answer("r", &decision, &input);
            let back: Value = serde_json::from_str(&message.line).unwrap();
            let expected = json!({"behavior": "allow", "updatedInput": updated});
            assert_eq!(back["response"]["response"], expected);
        }
    }

    #[test]
    fn a_denial_carries_its_words_and_never_none() {
        for (words, sent) in [("no, not that", "no, not that"), (" ", "The owner denied this.")] {
            let message = answer("r", &Decision::Deny { message: words.into() }, &Value::Null);
            let back: Value = serde_json::from_str(&message.line).unwrap();
            assert_eq!(back["response"]["response"], json!({"behavior": "deny", "message": sent}));
        }
    }
}
