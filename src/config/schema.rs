//! The JSON schema of [`Config`], and what loading asks it: which keys exist and what they take.
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::error::{Cause, in_short};
use super::key::Key;
use super::section::Config;

/// Made once: loading walks it for every key.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Config>().to_value()
});

/// The JSON schema (draft 2020-12) of the config file, for editors and `gateway config schema`.
///
/// `x-allowed` says in words what a text may be, `x-kind` marks paths and programs.
#[must_use]
pub fn json_schema() -> &'static Value {
    &SCHEMA
}

/// What the schema knows about a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// A section or a table in one.
    Table(&'static Value),
    /// A key that takes a value.
    Leaf(&'static Value),
    /// No such key; holds the table that does not have it.
    Unknown(&'static Value),
}

/// Finds `key` in the schema.
pub(super) fn place(key: &Key) -> Place {
    let mut node: &'static Value = &SCHEMA;
    for part in key.parts() {
        match node.get("properties").and_then(|keys| keys.get(part)).or_else(|| entry(node)) {
            Some(child) => node = child,
            None => return Place::Unknown(node),
        }
    }
    if is_table(node) { Place::Table(node) } else { Place::Leaf(node) }
}

/// The schema of each entry, when `node` is a table whose keys the owner names.
pub(super) fn entry(node: &'static Value) -> Option<&'static Value> {
    node.get("additionalProperties").filter(|entry| entry.is_object())
}

fn is_table(node: &Value) -> bool {
    node.get("type").and_then(Value::as_str) == Some("object")
}

/// The keys that the table `node` has.
pub(super) fn keys_of(node: &'static Value) -> Vec<&'static str> {
    let keys = node.get("properties").and_then(Value::as_object);
    keys.map(|keys| keys.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// Every key that takes a value, with `*` for names that the owner chooses.
pub(super) fn leaves() -> Vec<(Key, &'static Value)> {
    fn walk(at: &Key, node: &'static Value, found: &mut Vec<(Key, &'static Value)>) {
        if !is_table(node) {
            found.push((at.clone(), node));
            return;
        }
        for (name, child) in node.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            walk(&at.child(name), child, found);
        }
        if let Some(child) = entry(node) {
            walk(&at.child("*"), child, found);
        }
    }
    let mut found = Vec::new();
    walk(&Key::default(), &SCHEMA, &mut found);
    found
}

/// What `leaf` takes, in words.
pub(super) fn allowed(leaf: &Value) -> String {
    if let Some(text) = leaf.get("x-allowed").and_then(Value::as_str) {
        return text.to_owned();
    }
    if let Some(words) = leaf.get("enum").and_then(Value::as_array) {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        return words.join(", ");
    }
    match leaf.get("type").and_then(Value::as_str) {
        Some("boolean") => "true or false".to_owned(),
        Some("integer") => match (leaf.get("minimum"), leaf.get("maximum")) {
            (Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
            _ => "a whole number".to_owned(),
        },
        Some("array") => match leaf.get("items") {
            Some(items) => format!("a list; each entry: {}", allowed(items)),
            None => "a list".to_owned(),
        },
        _ if leaf.get("x-kind").is_some() => "a path in double quotes".to_owned(),
        _ => "a text in double quotes".to_owned(),
    }
}

/// Checks the type, the words and the bounds of `value` against `leaf`.
pub(super) fn check(leaf: &Value, value: &Value) -> Result<(), Cause> {
    let right_type = match leaf.get("type").and_then(Value::as_str) {
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        _ => true,
    };
    let within =
        |bound: &str, ok: fn(i64, i64) -> bool| match leaf.get(bound).and_then(Value::as_i64) {
            Some(bound) if right_type => value.as_i64().is_some_and(|value| ok(value, bound)),
            _ => true,
        };
    if right_type && within("minimum", |v, min| v >= min) && within("maximum", |v, max| v <= max) {
        return Ok(());
    }
    Err(Cause::BadValue { found: in_short(value), reason: None, allowed: allowed(leaf) })
}
