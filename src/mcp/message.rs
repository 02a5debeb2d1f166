//! A first look at a message: enough to refuse what is no JSON-RPC with the right code, and to know
//! which tool is called, before the protocol's own parser sees it.
use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// JSON-RPC 2.0 error codes (§5.1).
pub(super) const PARSE_ERROR: i64 = -32700;
pub(super) const INVALID_REQUEST: i64 = -32600;
pub(super) const INTERNAL_ERROR: i64 = -32603;

/// Longest id of a message that is echoed.
const ID_BYTES_MAX: usize = 256;

/// What the first look saw.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Glance {
    /// The message's id: text, a whole number, or null when it has none.
    pub(super) id: Value,
    /// The tool, when it is a `tools/call`.
    pub(super) tool: Option<String>,
    /// Whether it is an answer: it has a result or an error.
    pub(super) is_answer: bool,
    /// Whether it is a `subscriptions/listen`, which only a stream can answer.
    pub(super) listens: bool,
}

/// What is wrong with a message.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct NotJsonRpc {
    /// JSON-RPC error code.
    pub(super) code: i64,
    /// What to say about it.
    pub(super) message: String,
    /// The message's id, where it could be told.
    pub(super) id: Value,
}

/// Looks at one message.
pub(super) fn glance(bytes: &[u8]) -> Result<Glance, NotJsonRpc> {
    let envelope: Envelope<'_> =
        serde_json::from_slice(bytes).map_err(|err| explain(bytes, &err))?;
    let id = envelope.id.unwrap_or(Value::Null);
    let invalid = |message: &str, id: &Value| NotJsonRpc {
        code: INVALID_REQUEST,
        message: format!("Invalid Request: {message}"),
        id: id.clone(),
    };
    let id = match id {
        Value::Null => id,
        Value::String(ref text) if text.len() <= ID_BYTES_MAX => id,
        Value::Number(ref number) if number.is_i64() => id,
        _ => {
            let rule = "id must be a whole number or a text of at most 256 bytes";
            return Err(invalid(rule, &Value::Null));
        }
    };
    if envelope.jsonrpc.as_ref().is_none_or(|version| version.0 != "2.0") {
        return Err(invalid("jsonrpc must be \"2.0\"", &id));
    }
    if envelope.id_is_null {
        return Err(invalid("id must not be null; a notification has no id", &id));
    }
    let is_answer = envelope.result.is_some() || envelope.error.is_some();
    match (&envelope.method, is_answer) {
        (None, false) => Err(invalid("a message needs a method, a result or an error", &id)),
        (Some(_), true) => Err(invalid("a message has a method or a result, not both", &id)),
        (Some(method), false) if method.0 == "tools/call" => {
            let tool = envelope.params.and_then(|params| params.name);
            Ok(Glance { id, tool, is_answer, listens: false })
        }
        (method, _) => {
            let listens = method.as_ref().is_some_and(|it| it.0 == "subscriptions/listen");
            Ok(Glance { id, tool: None, is_answer, listens })
        }
    }
}

fn explain(bytes: &[u8], err: &serde_json::Error) -> NotJsonRpc {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let (code, message) = if err.is_syntax() || err.is_eof() {
        (PARSE_ERROR, format!("Parse error: the body is not JSON: {err}"))
    } else if first == Some(&b'[') {
        let message = "Invalid Request: batches are not taken (removed in revision 2025-06-18): \
                       send one message per POST";
        (INVALID_REQUEST, message.to_owned())
    } else {
        (INVALID_REQUEST, format!("Invalid Request: {err}"))
    };
    NotJsonRpc { code, message, id: Value::Null }
}

struct Envelope<'a> {
    jsonrpc: Option<Text<'a>>,
    id: Option<Value>,
    id_is_null: bool,
    method: Option<Text<'a>>,
    params: Option<Params>,
    result: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

/// A text that stays where it stands, when it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Any)
    }
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(borrow)]
            jsonrpc: Option<Text<'a>>,
            #[serde(default, deserialize_with = "present")]
            id: Option<Value>,
            #[serde(borrow)]
            method: Option<Text<'a>>,
            params: Option<Params>,
            #[serde(default, deserialize_with = "present")]
            result: Option<IgnoredAny>,
            #[serde(default, deserialize_with = "present")]
            error: Option<IgnoredAny>,
        }
        // A map only: serde would also take a list for a struct.
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON-RPC message, which is an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Fields<'de>, A::Error> {
                Fields::deserialize(serde::de::value::MapAccessDeserializer::new(map))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Fields<'de>, A::Error> {
                // To its end, so that broken JSON is told from a list.
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Err(serde::de::Error::invalid_type(serde::de::Unexpected::Seq, &self))
            }
        }
        let Fields { jsonrpc, id, method, params, result, error } =
            deserializer.deserialize_any(Object)?;
        let id_is_null = id == Some(Value::Null);
        Ok(Self { jsonrpc, id, id_is_null, method, params, result, error })
    }
}

/// Tells a null from a missing field.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The `name` of some params; the rest is skipped.
struct Params {
    name: Option<String>,
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Skim;
        impl<'de> Visitor<'de> for Skim {
            type Value = Params;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("params, which is an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params, A::Error> {
                let mut name = None;
                while let Some(Text(key)) = map.next_key()? {
                    if key != "name" {
                        map.next_value::<IgnoredAny>()?;
                    } else if name.is_some() {
                        return Err(serde::de::Error::duplicate_field("name"));
                    } else {
                        name = Some(map.next_value::<Value>()?);
                    }
                }
                let name = name.and_then(|name| name.as_str().map(str::to_owned));
                Ok(Params { name })
            }
        }
        deserializer.deserialize_any(Skim)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(text: &str) -> i64 {
        glance(text.as_bytes()).unwrap_err().code
    }

    #[test]
    fn a_call_names_its_tool() {
        let text =
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"x":[1],"name":"t"}}"#;
        let seen = glance(text.as_bytes()).unwrap();
        assert_eq!(seen, Glance { id: json!(7), tool: Some("t".into()), ..Glance::default() });
    }

    #[test]
    fn what_is_no_json_is_a_parse_error_and_what_is_no_message_an_invalid_request() {
        for text in ["", "{", "nonsense", "{\"a\":}", "\u{0}", "[1,"] {
            assert_eq!(code(text), PARSE_ERROR, "{text:?}");
        }
        for text in [
            "[]",
            "1",
            "null",
            "\"x\"",
            "{}",
            r#"{"jsonrpc":"2.0"}"#,
            r#"{"jsonrpc":"1.0","method":"x"}"#,
            r#"{"method":"x","id":1}"#,
            r#"{"jsonrpc":2,"method":"x"}"#,
            r#"{"jsonrpc":"2.0","method":1}"#,
            r#"{"jsonrpc":"2.0","method":"x","id":{}}"#,
            r#"{"jsonrpc":"2.0","method":"x","id":null}"#,
            r#"{"jsonrpc":"2.0","method":"x","id":1.5}"#,
            r#"{"jsonrpc":"2.0","method":"x","params":[]}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"x","result":null}"#,
            r#"{"jsonrpc":"2.0","method":"x","method":"y"}"#,
            r#"{"jsonrpc":"2.0","method":"x","params":{"name":"a","name":"b"}}"#,
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
        ] {
            assert_eq!(code(text), INVALID_REQUEST, "{text}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(code(&deep), INVALID_REQUEST);
    }

    #[test]
    fn a_batch_is_told_what_to_do_instead() {
        let refused = glance(br#" [{"jsonrpc":"2.0","id":1,"method":"ping"}]"#).unwrap_err();
        assert!(refused.message.contains("one message per POST"), "{}", refused.message);
    }

    #[test]
    fn an_answer_is_one_also_when_its_result_is_null() {
        let seen = glance(br#"{"jsonrpc":"2.0","id":"a","result":null}"#).unwrap();
        assert!(seen.is_answer);
    }
}
