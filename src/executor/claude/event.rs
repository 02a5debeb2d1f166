//! One line of the program's output as a typed event (contract C7).
//!
//! Key order is not stable and new types appear with every version, so a line is parsed as a whole
//! and what is not known is named, never fatal. A new kind of event is a variant here and an arm in
//! [`super::conversation`].
use std::path::PathBuf;

use serde_json::{Map, Value};

use super::turn::TurnResult;

/// What a line of output is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Line {
    /// Nothing but white space.
    Blank,
    /// An event.
    Event(Event),
    /// An event of a kind that is not known here, by `type/subtype`.
    Unknown(String),
    /// Not JSON, or not an object: something that was meant for stderr, or a torn line.
    Noise(String),
}

/// What the agent tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// It is up; repeated at every turn.
    Init {
        /// Version of the program.
        version: Option<String>,
    },
    /// The model's message, or a part of it.
    Assistant {
        /// The message; its parts share it.
        message_id: String,
        /// Whether a subagent speaks.
        subagent: bool,
        /// Whether the program made it up to carry an error text.
        synthetic: bool,
        /// What it holds.
        blocks: Vec<Block>,
    },
    /// A tool wrote a file.
    Wrote(PathBuf),
    /// The model's service did not answer; it will be asked again.
    Retry {
        /// Which attempt failed.
        attempt: u64,
        /// How many there will be.
        attempts_max: u64,
        /// The HTTP status; none for a broken connection.
        status: Option<u64>,
        /// The program's word for the cause.
        error: String,
    },
    /// All commands and agents that run in the background now.
    BackgroundTasks(Vec<String>),
    /// One of them began.
    BackgroundStarted(String),
    /// One of them ended.
    BackgroundEnded(String),
    /// Whether a turn is under way.
    State(SessionState),
    /// The permission mode is another one now.
    Mode {
        /// Whether it is the one that only plans.
        plans: bool,
    },
    /// A tool was refused without a question.
    Refused {
        /// The tool.
        tool: String,
        /// Why.
        reason: String,
    },
    /// The account's limit.
    RateLimit {
        /// Whether it keeps the agent waiting.
        rejected: bool,
        /// Until when, in seconds since the Unix epoch.
        resets_at: Option<i64>,
    },
    /// A permission question.
    Permission {
        /// Its name.
        request_id: String,
        /// The tool.
        tool: String,
        /// Its whole input.
        input: Value,
    },
    /// A permission question, or another request, is withdrawn.
    RequestWithdrawn {
        /// Its name.
        request_id: String,
    },
    /// Some other request, which nobody here can serve.
    OtherRequest {
        /// Its name.
        request_id: String,
        /// What it asks for.
        subtype: String,
    },
    /// The answer to a request of ours.
    Response {
        /// Our name for the request.
        request_id: String,
    },
    /// A message of ours was taken up, or will not be.
    MessageTaken(String),
    /// A turn ended.
    Result(Box<TurnResult>),
    /// Something known that changes nothing here.
    Ignored,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block {
    /// Words.
    Text(String),
    /// The use of a tool.
    ToolUse {
        /// Its name.
        tool: String,
        /// Its input.
        input: Value,
    },
}

/// What the session says it is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SessionState {
    /// Nothing.
    Idle,
    /// A turn.
    Running,
    /// Waiting for an answer.
    RequiresAction,
}

/// Reads one line.
pub(super) fn parse(line: &[u8]) -> Line {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Line::Blank;
    }
    match serde_json::from_slice::<Value>(line) {
        Ok(Value::Object(object)) => of_object(object),
        _ => Line::Noise(String::from_utf8_lossy(line).into_owned()),
    }
}

fn of_object(mut object: Map<String, Value>) -> Line {
    let kind = string(&object, "type").unwrap_or_default().to_owned();
    let event = match kind.as_str() {
        "system" => return of_system(&object),
        "assistant" => assistant(&object),
        "user" => tool_result(&object),
        "result" => Event::Result(Box::new(TurnResult::of(&object))),
        "rate_limit_event" => rate_limit(&object),
        "control_request" => request(&mut object),
        "control_cancel_request" => {
            let request_id = string(&object, "request_id").unwrap_or_default().to_owned();
            Event::RequestWithdrawn { request_id }
        }
        "control_response" => {
            let response = object.get("response").and_then(Value::as_object);
            let request_id = response.and_then(|response| string(response, "request_id"));
            Event::Response { request_id: request_id.unwrap_or_default().to_owned() }
        }
        "command_lifecycle" => match (string(&object, "state"), string(&object, "command_uuid")) {
            (Some("queued"), _) | (_, None) => Event::Ignored,
            (_, Some(uuid)) => Event::MessageTaken(uuid.to_owned()),
        },
        "stream_event" | "keep_alive" => Event::Ignored,
        other => return Line::Unknown(short(other)),
    };
    Line::Event(event)
}

fn of_system(object: &Map<String, Value>) -> Line {
    let subtype = string(object, "subtype").unwrap_or_default();
    let event = match subtype {
        "init" => Event::Init { version: string(object, "claude_code_version").map(str::to_owned) },
        "api_retry" => Event::Retry {
            attempt: number(object, "attempt"),
            attempts_max: number(object, "max_retries"),
            status: object.get("error_status").and_then(Value::as_u64),
            error: string(object, "error").unwrap_or("unknown").to_owned(),
        },
        "background_tasks_changed" => {
            let tasks =
                object.get("tasks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let ids = tasks.iter().filter_map(|task| task.get("task_id").and_then(Value::as_str));
            Event::BackgroundTasks(ids.map(str::to_owned).collect())
        }
        // Older versions do not say which ones are in the background, so all of them count.
        "task_started" if object.get("is_backgrounded") != Some(&Value::Bool(false)) => {
            string(object, "task_id")
                .map_or(Event::Ignored, |id| Event::BackgroundStarted(id.into()))
        }
        "task_notification" => ended(object),
        "task_updated" if has_ended(object) => ended(object),
        "session_state_changed" => match string(object, "state") {
            Some("idle") => Event::State(SessionState::Idle),
            Some("running") => Event::State(SessionState::Running),
            Some("requires_action") => Event::State(SessionState::RequiresAction),
            _ => Event::Ignored,
        },
        "permission_denied" => Event::Refused {
            tool: string(object, "tool_name").unwrap_or("a tool").to_owned(),
            reason: string(object, "decision_reason")
                .or_else(|| string(object, "message"))
                .unwrap_or_default()
                .to_owned(),
        },
        "status" => string(object, "permissionMode")
            .map_or(Event::Ignored, |mode| Event::Mode { plans: mode == "plan" }),
        "task_started"
        | "task_progress"
        | "task_updated"
        | "hook_started"
        | "hook_response"
        | "thinking_tokens"
        | "session_title_changed"
        | "compact_boundary"
        | "informational"
        | "notification"
        | "worker_shutting_down" => Event::Ignored,
        other => return Line::Unknown(format!("system/{}", short(other))),
    };
    Line::Event(event)
}

fn ended(object: &Map<String, Value>) -> Event {
    string(object, "task_id").map_or(Event::Ignored, |id| Event::BackgroundEnded(id.into()))
}

fn has_ended(object: &Map<String, Value>) -> bool {
    let patch = object.get("patch").and_then(Value::as_object);
    let status = patch.and_then(|patch| string(patch, "status"));
    status.is_some_and(|status| !matches!(status, "pending" | "running" | "queued"))
}

fn assistant(object: &Map<String, Value>) -> Event {
    let message = object.get("message").and_then(Value::as_object);
    let of_message = |key| message.and_then(|message| string(message, key)).unwrap_or_default();
    let content = message.and_then(|message| message.get("content"));
    let blocks = match content {
        Some(Value::String(text)) => vec![Block::Text(text.clone())],
        Some(Value::Array(parts)) => parts.iter().filter_map(block).collect(),
        _ => Vec::new(),
    };
    Event::Assistant {
        message_id: of_message("id").to_owned(),
        subagent: object.get("parent_tool_use_id").is_some_and(Value::is_string),
        synthetic: of_message("model") == "<synthetic>",
        blocks,
    }
}

fn block(part: &Value) -> Option<Block> {
    let part = part.as_object()?;
    match string(part, "type")? {
        "text" => Some(Block::Text(string(part, "text")?.to_owned())),
        "tool_use" => Some(Block::ToolUse {
            tool: string(part, "name").unwrap_or("a tool").to_owned(),
            input: part.get("input").cloned().unwrap_or(Value::Null),
        }),
        _ => None,
    }
}

/// A file was written when the result names it and shows the change; reading names it deeper.
fn tool_result(object: &Map<String, Value>) -> Event {
    let result = object.get("tool_use_result").and_then(Value::as_object);
    let Some(result) = result else { return Event::Ignored };
    let path = string(result, "filePath").filter(|_| {
        result.contains_key("structuredPatch")
            || matches!(string(result, "type"), Some("create" | "update"))
    });
    let notebook = string(result, "notebook_path").filter(|_| !result.contains_key("error"));
    path.or(notebook).map_or(Event::Ignored, |path| Event::Wrote(PathBuf::from(path)))
}

fn rate_limit(object: &Map<String, Value>) -> Event {
    let info = object.get("rate_limit_info").and_then(Value::as_object);
    Event::RateLimit {
        rejected: info.and_then(|info| string(info, "status")) == Some("rejected"),
        resets_at: info.and_then(|info| info.get("resetsAt")).and_then(Value::as_i64),
    }
}

fn request(object: &mut Map<String, Value>) -> Event {
    let request_id = string(object, "request_id").unwrap_or_default().to_owned();
    let mut request = match object.remove("request") {
        Some(Value::Object(request)) => request,
        _ => Map::new(),
    };
    let subtype = string(&request, "subtype").unwrap_or_default().to_owned();
    if subtype != "can_use_tool" {
        return Event::OtherRequest { request_id, subtype: short(&subtype) };
    }
    Event::Permission {
        request_id,
        tool: string(&request, "tool_name").unwrap_or("a tool").to_owned(),
        input: request.remove("input").unwrap_or_else(|| Value::Object(Map::new())),
    }
}

pub(super) fn string<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key).and_then(Value::as_str)
}

pub(super) fn number(object: &Map<String, Value>, key: &str) -> u64 {
    object.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// A name out of the agent's output, short enough to count by.
fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(line: &str) -> Event {
        match parse(line.as_bytes()) {
            Line::Event(event) => event,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let one = r#"{"request":{"input":{"a":1},"tool_name":"Bash","subtype":"can_use_tool"},"request_id":"r","type":"control_request"}"#;
        let two = r#"{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"a":1}}}"#;
        assert_eq!(event(one), event(two));
    }

    #[test]
    fn a_question_of_an_old_version_has_all_that_is_needed() {
        let line = r#"{"type":"control_request","request_id":"r","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"x"},"permission_suggestions":[]}}"#;
        assert!(matches!(event(line), Event::Permission { tool, .. } if tool == "Bash"));
    }

    #[test]
    fn what_is_not_known_is_named() {
        assert_eq!(parse(br#"{"type":"new"}"#), Line::Unknown("new".into()));
        assert_eq!(
            parse(br#"{"type":"system","subtype":"new"}"#),
            Line::Unknown("system/new".into())
        );
        assert_eq!(parse(b"  \r"), Line::Blank);
        assert_eq!(parse(b"[1]"), Line::Noise("[1]".into()));
        assert_eq!(parse(b"{\"type\":\"res"), Line::Noise("{\"type\":\"res".into()));
    }

    #[test]
    fn only_a_written_file_counts_as_touched() {
        let write = r#"{"type":"user","tool_use_result":{"type":"create","filePath":"a.txt","structuredPatch":[]}}"#;
        assert_eq!(event(write), Event::Wrote("a.txt".into()));
        let read =
            r#"{"type":"user","tool_use_result":{"type":"text","file":{"filePath":"a.txt"}}}"#;
        assert_eq!(event(read), Event::Ignored);
        assert_eq!(event(r#"{"type":"user","tool_use_result":"Error: no"}"#), Event::Ignored);
    }

    #[test]
    fn a_line_of_five_megabytes_is_read() {
        let text = "x".repeat(5 << 20);
        let line = format!(
            r#"{{"type":"assistant","message":{{"id":"m","content":[{{"type":"text","text":"{text}"}}]}}}}"#
        );
        let Event::Assistant { blocks, .. } = event(&line) else { panic!("no message") };
        assert_eq!(blocks, [Block::Text(text)]);
    }

    proptest! {
        #[test]
        fn no_line_is_fatal(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&line);
        }

        #[test]
        fn fields_of_wrong_types_are_not_fatal(
            kind in prop::sample::select(vec!["system", "assistant", "user", "result",
                "control_request", "control_cancel_request", "control_response",
                "rate_limit_event"]),
            subtype in prop::sample::select(vec!["init", "api_retry", "background_tasks_changed",
                "task_started", "session_state_changed", "permission_denied", "success"]),
            key in prop::sample::select(vec!["message", "request", "response", "tasks", "task_id",
                "tool_use_result", "rate_limit_info", "attempt", "state", "modelUsage", "errors"]),
            value in prop::sample::select(vec!["null", "7", "\"x\"", "[]", "{}", "[7]", "[{}]",
                "{\"content\":[7,{\"type\":\"text\"}]}", "{\"a\":7}"]),
        ) {
            let line = format!(r#"{{"type":"{kind}","subtype":"{subtype}","{key}":{value}}}"#);
            prop_assert!(!matches!(parse(line.as_bytes()), Line::Noise(_)));
        }
    }
}
