//! Messages to `/mcp` from somebody whose token is good.
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;

use super::stack::{self, Answer, Stack, message};

/// Most that one message may be answered with, in bytes: what the largest tool result has (100,000
/// characters, in text and as `structuredContent`), escaped.
const ANSWER_BYTES_MAX: usize = 2 << 20;

/// In both eras of the protocol every message gets a well-formed answer.
pub(super) fn run(input: &[u8]) {
    stack::run(async |stack| {
        let body = stack.fill(input);
        for era in [Era::Modern, Era::Session, Era::NoSession] {
            judge(&send(&stack, &body, era).await, &body);
        }
    });
}

#[derive(Clone, Copy)]
enum Era {
    /// Revision 2026-07-28, with the headers that repeat the body.
    Modern,
    /// The revisions before, within a session.
    Session,
    /// The same without one.
    NoSession,
}

async fn send(stack: &Stack, body: &[u8], era: Era) -> Answer {
    let mut request = message(stack.word("$ACCESS"), body.to_vec().into());
    let headers = request.headers_mut();
    let mut put = |name: &'static str, value: Option<&str>| {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    match era {
        Era::Modern => {
            let message: Value = serde_json::from_slice(body).unwrap_or_default();
            let params = &message["params"];
            let version = params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
            put("mcp-protocol-version", version.or(Some("2026-07-28")));
            put("mcp-method", message["method"].as_str());
            put("mcp-name", params["name"].as_str().or(params["uri"].as_str()));
        }
        Era::Session => put("mcp-session-id", Some(stack.word("$SESSION"))),
        Era::NoSession => {}
    }
    stack.send(request).await
}

fn judge(answer: &Answer, asked: &[u8]) {
    assert!(answer.body.len() <= ANSWER_BYTES_MAX, "{} bytes", answer.body.len());
    let text = answer.text();
    let stream = answer.header(CONTENT_TYPE).starts_with("text/event-stream");
    let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let messages: Vec<&str> = if stream { events.collect() } else { vec![text] };
    for message in messages.into_iter().filter(|message| message.starts_with('{')) {
        let message: Value = serde_json::from_str(message).expect("what is answered is JSON");
        if message.get("jsonrpc").is_none() {
            // Errors from before the protocol: no token, no room, no such session.
            assert!(answer.status >= 400 && message["error"].is_string(), "{message}");
            continue;
        }
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        let kinds = ["method", "result", "error"].map(|name| message.get(name).is_some());
        assert_eq!(kinds.iter().filter(|kind| **kind).count(), 1, "{message}");
        let asked: Value = serde_json::from_slice(asked).unwrap_or_default();
        if message.get("result").is_some() {
            assert_eq!(message["id"], asked["id"], "{message}");
        }
    }
}
