//! A small check of a value against the part of JSON Schema that the tools use.
use serde_json::Value;

/// What is wrong with `value`, if anything.
pub(super) fn violation(schema: &Value, value: &Value) -> Option<String> {
    let known = [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "description",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "pattern",
    ];
    for keyword in schema.as_object().unwrap().keys() {
        assert!(known.contains(&keyword.as_str()), "the check does not know `{keyword}`");
    }
    let fits = match schema["type"].as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("the check does not know the type `{other}`"),
    };
    if !fits {
        return Some(format!("{value} is no {}", schema["type"]));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Some(format!("{value} is none of {words:?}"));
    }
    if let Some(list) = value.as_array() {
        return list.iter().find_map(|item| violation(&schema["items"], item));
    }
    let object = value.as_object()?;
    let properties = schema["properties"].as_object().unwrap();
    for required in schema["required"].as_array().unwrap() {
        if !object.contains_key(required.as_str().unwrap()) {
            return Some(format!("{required} is missing in {value}"));
        }
    }
    object.iter().find_map(|(name, inner)| match properties.get(name) {
        Some(schema) => violation(schema, inner).map(|what| format!("{name}: {what}")),
        None => Some(format!("{name} is not declared")),
    })
}
