//! Tools that need something of the client first: it answers by repeating the call (2026-07-28,
//! multi round-trip requests). The state that travels through the client is sealed.
use std::sync::LazyLock;

use gateway::clock::{Entropy, OsEntropy};
use hmac::{Hmac, Mac};
use rmcp::ErrorData;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
    InputRequests, InputRequiredResult, InputResponses,
};
use serde_json::{Value, json};
use sha2::Sha256;

/// An elicitation under `key` for one field.
pub(crate) fn elicit(key: &str, message: &str, field: &str, kind: &str) -> InputRequests {
    let schema =
        json!({ "type": "object", "properties": { field: { "type": kind } }, "required": [field] });
    let params = json!({ "message": message, "requestedSchema": schema });
    requests(json!({ key: { "method": "elicitation/create", "params": params } }))
}

fn requests(asked: Value) -> InputRequests {
    serde_json::from_value(asked).unwrap()
}

fn sample(question: &str, tokens: u32) -> Value {
    let message = json!({ "role": "user", "content": { "type": "text", "text": question } });
    let params = json!({ "messages": [message], "maxTokens": tokens });
    json!({ "method": "sampling/createMessage", "params": params })
}

/// What the user put into `field` of the form `key`, when the client sent that.
pub(crate) fn accepted(
    responses: Option<&InputResponses>,
    key: &str,
    field: &str,
) -> Option<String> {
    let form = responses?.get(key)?;
    let value = form.get("content")?.get(field)?;
    (form["action"] == "accept").then(|| value.as_str().map_or(value.to_string(), str::to_owned))
}

/// Answers one of the tools that need input; none when `request` is for another.
pub(crate) fn call(
    request: &CallToolRequestParams,
    client: &ClientCapabilities,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let tool = request.name.strip_prefix("test_input_required_result_")?;
    let responses = request.input_responses.as_ref();
    let has = |key: &str| responses.is_some_and(|responses| responses.contains_key(key));
    let state = match request.request_state.as_deref().map(open) {
        None => None,
        Some(Some(state)) => Some(state),
        Some(None) => {
            let message = "the requestState is not one of this server's";
            return Some(Err(ErrorData::invalid_params(message, None)));
        }
    };
    let ask = |asked, state: Option<&str>| {
        CallToolResponse::from(InputRequiredResult::new(Some(asked), state.map(seal)))
    };
    let done = |text: &str| CallToolResult::success(vec![ContentBlock::text(text)]).into();
    let name = "What is your name?";
    Some(Ok(match tool {
        "elicitation" => match accepted(responses, "user_name", "name") {
            Some(name) => done(&format!("Hello, {name}!")),
            None => ask(elicit("user_name", name, "name", "string"), None),
        },
        "sampling" if has("capital_question") => {
            done(&responses.unwrap()["capital_question"]["content"]["text"].to_string())
        }
        "sampling" => {
            let question = sample("What is the capital of France?", 100);
            ask(requests(json!({ "capital_question": question })), None)
        }
        "list_roots" if has("client_roots") => {
            done(&responses.unwrap()["client_roots"]["roots"].to_string())
        }
        "list_roots" => {
            ask(requests(json!({ "client_roots": { "method": "roots/list", "params": {} } })), None)
        }
        "request_state" | "tampered_state" => match (&state, has("confirm")) {
            (Some(_), true) => done("state-ok"),
            _ => ask(elicit("confirm", "Please confirm", "ok", "boolean"), Some(tool)),
        },
        "multiple_inputs" if ["user_name", "greeting", "client_roots"].into_iter().all(has) => {
            done("all inputs received")
        }
        "multiple_inputs" => {
            let mut asked = elicit("user_name", name, "name", "string");
            asked.extend(requests(json!({
                "greeting": sample("Generate a greeting", 50),
                "client_roots": { "method": "roots/list", "params": {} },
            })));
            ask(asked, Some(tool))
        }
        "multi_round" => match state.as_deref() {
            Some("round-1") if has("step1") => {
                let asked = "Step 2: What is your favorite color?";
                ask(elicit("step2", asked, "color", "string"), Some("round-2"))
            }
            Some("round-2") if has("step2") => done("both steps received"),
            _ => {
                let asked = "Step 1: What is your name?";
                ask(elicit("step1", asked, "name", "string"), Some("round-1"))
            }
        },
        "capabilities" => {
            let mut asked = InputRequests::new();
            if client.sampling.is_some() {
                asked.extend(requests(json!({ "sampling": sample("Say something", 50) })));
            }
            if client.elicitation.is_some() {
                asked.extend(elicit("user_name", name, "name", "string"));
            }
            ask(asked, Some(tool))
        }
        _ => return None,
    }))
}

static KEY: LazyLock<[u8; 32]> = LazyLock::new(|| {
    let entropy: &dyn Entropy = &OsEntropy;
    entropy.bytes()
});

fn tag(state: &str) -> Hmac<Sha256> {
    let mut tag = Hmac::<Sha256>::new_from_slice(&*KEY).unwrap();
    tag.update(state.as_bytes());
    tag
}

fn seal(state: &str) -> String {
    let tag = tag(state).finalize().into_bytes();
    let tag: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{state}.{tag}")
}

fn open(sealed: &str) -> Option<String> {
    let (state, _) = sealed.split_once('.')?;
    (sealed == seal(state)).then(|| state.to_owned())
}
