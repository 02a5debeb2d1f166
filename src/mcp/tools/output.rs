//! The schemas of what tools answer.
use serde_json::{Map, Value, json};

use super::answer::Next;

/// The names of all states a task can be in (DESIGN §3).
pub(super) const STATES: [&str; 9] = [
    "queued",
    "running",
    "needs_input",
    "cancelling",
    "completed",
    "failed",
    "cancelled",
    "interrupted",
    "linked",
];

/// An answer about one task: the four fields that all of them have, and `more`.
pub(super) fn about_a_task(more: Value) -> Value {
    let mut properties = match json!({
        "task_id": { "type": "string", "description": "The task." },
        "state": { "type": "string", "enum": STATES, "description": "Where it stands." },
        "cursor": {
            "type": "string",
            "description": "Pass it to check_task to hear of what happens after this answer.",
        },
        "next": next(),
    }) {
        Value::Object(properties) => properties,
        _ => Map::new(),
    };
    if let Value::Object(more) = more {
        properties.extend(more);
    }
    object(Value::Object(properties), &["task_id", "state", "cursor", "next"])
}

/// A closed object.
#[expect(clippy::needless_pass_by_value, reason = "callers build it on the spot")]
pub(super) fn object(properties: Value, required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The field that names the next tool.
pub(super) fn next() -> Value {
    json!({
        "type": "string",
        "enum": Next::ALL.map(Next::name),
        "description": "The tool to call next.",
    })
}

/// A text with a description.
pub(super) fn text(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

/// A list of texts.
pub(super) fn texts(about: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string" }, "description": about })
}

/// A whole number, not negative.
pub(super) fn count(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}

/// A number, not negative.
pub(super) fn number(about: &str) -> Value {
    json!({ "type": "number", "minimum": 0, "description": about })
}

/// True or false.
pub(super) fn flag(about: &str) -> Value {
    json!({ "type": "boolean", "description": about })
}

/// What a task has cost.
pub(super) fn cost() -> Value {
    let usd = json!({ "type": "number", "description": "US dollars; left out while unknown." });
    let properties = json!({
        "usd": usd,
        "input_tokens": count("Tokens read."),
        "output_tokens": count("Tokens written."),
    });
    object(properties, &["input_tokens", "output_tokens"])
}

/// The size of a change.
pub(super) fn diff_stat() -> Value {
    let properties = json!({
        "files": count("Files changed."),
        "insertions": count("Lines added."),
        "deletions": count("Lines removed."),
    });
    object(properties, &["files", "insertions", "deletions"])
}

/// Changed files.
pub(super) fn changed_files() -> Value {
    let item = object(
        json!({ "status": text("A, M, D or T, as git says it."), "path": text("The path.") }),
        &["status", "path"],
    );
    json!({ "type": "array", "items": item, "description": "Files changed." })
}
