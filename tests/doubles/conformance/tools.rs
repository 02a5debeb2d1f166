//! The tools that answer without asking anybody.
use rmcp::model::{CallToolResult, Tool};
use serde_json::{Map, Value, json};

/// A red point, as PNG.
pub(crate) const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg==";
/// No sound, as WAV.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

/// Tools without arguments.
const PLAIN: [&str; 26] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_progress",
    "test_tool_with_logging",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_reconnection",
    "test_missing_capability",
    "test_streaming_elicitation",
    "test_logging_tool",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
    "slow_compute",
    "greet",
];

/// How all tools are declared.
pub(crate) fn declarations() -> Vec<Tool> {
    let mut tools: Vec<Tool> =
        PLAIN.iter().map(|name| tool(name, json!({ "type": "object" }))).collect();
    let text = |name: &str| json!({ "type": "object", "properties": { name: { "type": "string" } }, "required": [name] });
    tools.push(tool("test_sampling", text("prompt")));
    tools.push(tool("test_elicitation", text("message")));
    tools.push(tool("test_custom_header", custom_header()));
    tools.push(tool("json_schema_2020_12_tool", schema_2020_12()));
    tools
}

fn tool(name: &'static str, schema: Value) -> Tool {
    Tool::new(name, format!("Fixture {name}"), object(schema))
}

/// A JSON object that was written down as one.
pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => unreachable!("not an object: {other}"),
    }
}

fn custom_header() -> Value {
    json!({ "type": "object", "properties": {
        "region": { "type": "string", "x-mcp-header": "Region" },
        "query": { "type": "string" },
    } })
}

/// Keywords of JSON Schema 2020-12 that a server must not strip (SEP-1613, SEP-2106).
fn schema_2020_12() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": { "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": { "street": { "type": "string" }, "city": { "type": "string" } },
        } },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}

/// The answer of a tool that always answers the same; none for the others.
pub(crate) fn answer(name: &str) -> Option<CallToolResult> {
    let text = |text: &str| json!({ "type": "text", "text": text });
    let resource = |uri: &str, kind: &str, text: &str| json!({ "type": "resource", "resource": { "uri": uri, "mimeType": kind, "text": text } });
    let image = json!({ "type": "image", "data": PNG, "mimeType": "image/png" });
    let content = match name {
        "test_simple_text" => json!([text("This is a simple text response for testing.")]),
        "test_image_content" => json!([image]),
        "test_audio_content" => {
            json!([{ "type": "audio", "data": WAV, "mimeType": "audio/wav" }])
        }
        "test_embedded_resource" => {
            let said = "This is an embedded resource content.";
            json!([resource("test://embedded-resource", "text/plain", said)])
        }
        "test_multiple_content_types" => {
            let data = r#"{"test":"data","value":123}"#;
            let resource = resource("test://mixed-content-resource", "application/json", data);
            json!([text("Multiple content types test:"), image, resource])
        }
        "test_error_handling" => {
            json!([text("This tool intentionally returns an error for testing")])
        }
        "test_logging_tool"
        | "test_custom_header"
        | "json_schema_2020_12_tool"
        | "slow_compute"
        | "greet" => json!([text("done")]),
        _ => return None,
    };
    let content = serde_json::from_value(content).unwrap();
    Some(if name == "test_error_handling" {
        CallToolResult::error(content)
    } else {
        CallToolResult::success(content)
    })
}
