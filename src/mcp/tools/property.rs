//! What a tool takes: one list of properties, from which come both the schema that clients see and
//! the check of what they send, so that the two cannot differ.
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::ToolError;
use super::nearest::nearest;
use crate::clock::Timestamp;
use crate::model::{RequestId, TaskId};

/// One property of a tool's input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
    /// What it does, also when it is left out.
    pub(super) about: &'static str,
}

/// What a property's value may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Text of 1 to so many bytes.
    Text { bytes_max: usize },
    /// Words to search for: text with at least one letter or digit.
    Words { bytes_max: usize },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number within these bounds.
    Integer { min: i64, max: i64 },
    /// An amount of US dollars above zero and up to this.
    Amount { max: f64 },
    /// True or false.
    Flag,
    /// The id of an agent's session.
    Uuid,
    /// At most so many texts of 1 to so many bytes.
    Texts { count_max: usize, bytes_max: usize },
    /// The id of a task.
    TaskId,
    /// The id of a task, or `all`.
    TaskIdOrAll,
    /// The id of a request.
    RequestId,
    /// A mark that an earlier answer gave: decimal digits.
    Mark,
    /// A moment: RFC 3339, or a span back from now such as `2h`.
    Moment,
    /// A path below the project's root.
    Path,
}

const PATH_BYTES_MAX: usize = 1024;
const ID_PATTERN: &str = "^[0-9a-hjkmnp-tv-z]{26}$";
const UUID_PATTERN: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";

impl Property {
    fn schema(&self) -> Value {
        let mut schema = match self.kind {
            Kind::Text { bytes_max } | Kind::Words { bytes_max } => {
                json!({ "type": "string", "minLength": 1, "maxLength": bytes_max })
            }
            Kind::Choice(words) => json!({ "type": "string", "enum": words }),
            Kind::Integer { min, max } => {
                json!({ "type": "integer", "minimum": min, "maximum": max })
            }
            Kind::Amount { max } => {
                json!({ "type": "number", "exclusiveMinimum": 0, "maximum": max })
            }
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::TaskId | Kind::RequestId => json!({ "type": "string", "pattern": ID_PATTERN }),
            Kind::Uuid => json!({ "type": "string", "pattern": UUID_PATTERN }),
            Kind::Texts { count_max, bytes_max } => json!({
                "type": "array",
                "maxItems": count_max,
                "items": { "type": "string", "minLength": 1, "maxLength": bytes_max },
            }),
            Kind::TaskIdOrAll => {
                json!({ "type": "string", "pattern": format!("^all$|{ID_PATTERN}") })
            }
            Kind::Mark => json!({ "type": "string", "pattern": "^[0-9]{1,19}$" }),
            Kind::Moment => json!({ "type": "string", "minLength": 2, "maxLength": 40 }),
            Kind::Path => json!({ "type": "string", "minLength": 1, "maxLength": PATH_BYTES_MAX }),
        };
        schema["description"] = json!(self.about);
        schema
    }

    /// What helps whoever sent something else.
    fn hint(&self) -> String {
        match self.kind {
            Kind::TaskId | Kind::TaskIdOrAll => {
                "list_tasks names the tasks by their whole ids".to_owned()
            }
            _ => format!("`{}` means: {}", self.name, self.about),
        }
    }

    fn check(&self, value: &Value) -> Result<(), ToolError> {
        let wrong = |what: &str| {
            let shown = abbreviated(value);
            Err(ToolError::new(format!("`{}` must be {what}, not {shown}", self.name), self.hint()))
        };
        match self.kind {
            Kind::Text { bytes_max } | Kind::Words { bytes_max } => match value.as_str() {
                Some(text) if text.trim().is_empty() => wrong("a text that is not empty"),
                Some(text) if text.len() > bytes_max => Err(ToolError::new(
                    format!(
                        "`{}` has {} bytes, more than the {bytes_max} allowed",
                        self.name,
                        text.len()
                    ),
                    "shorten it, or put what is long in a file of the project and name the file",
                )),
                Some(text) if text.contains('\0') => wrong("a text without null characters"),
                Some(text)
                    if matches!(self.kind, Kind::Words { .. })
                        && !text.chars().any(char::is_alphanumeric) =>
                {
                    wrong("words: at least one letter or digit")
                }
                Some(_) => Ok(()),
                None => wrong("a text"),
            },
            Kind::Choice(words) => match value.as_str() {
                Some(word) if words.contains(&word) => Ok(()),
                _ => wrong(&format!("one of {}", words.join(", "))),
            },
            Kind::Integer { min, max } => match whole(value) {
                Some(number) if (min..=max).contains(&number) => Ok(()),
                _ => wrong(&format!("a whole number from {min} to {max}")),
            },
            Kind::Amount { max } => match value.as_f64() {
                Some(amount) if amount > 0.0 && amount <= max => Ok(()),
                _ => wrong(&format!("a number above 0 and up to {max}")),
            },
            Kind::Flag if value.is_boolean() => Ok(()),
            Kind::Flag => wrong("true or false"),
            Kind::Uuid => match value.as_str().map(uuid) {
                Some(Some(_)) => Ok(()),
                _ => wrong("a session's UUID, such as 3f2a9c1e-5b7d-4e8f-9a0b-1c2d3e4f5a6b"),
            },
            Kind::Texts { count_max, bytes_max } => match value.as_array() {
                Some(texts) if texts.len() > count_max => {
                    wrong(&format!("a list of {count_max} texts at most"))
                }
                Some(texts) => {
                    let one = Self { kind: Kind::Text { bytes_max }, ..*self };
                    texts.iter().try_for_each(|text| one.check(text))
                }
                None => wrong("a list of texts"),
            },
            Kind::TaskId => match value.as_str().map(str::parse::<TaskId>) {
                Some(Ok(_)) => Ok(()),
                _ => {
                    wrong("a task id, 26 letters and digits as start_task and list_tasks give them")
                }
            },
            Kind::RequestId => match value.as_str().map(str::parse::<RequestId>) {
                Some(Ok(_)) => Ok(()),
                _ => wrong("a request id, 26 letters and digits as check_task gives them"),
            },
            Kind::TaskIdOrAll => match value.as_str().map(|text| (text, text.parse::<TaskId>())) {
                Some(("all", _) | (_, Ok(_))) => Ok(()),
                _ => wrong("a task id, or the word all"),
            },
            Kind::Mark => match value.as_str().map(mark) {
                Some(Some(_)) => Ok(()),
                _ => wrong("the digits that an earlier answer gave, as text"),
            },
            Kind::Moment => match value.as_str().map(|text| moment(text, Timestamp::default())) {
                Some(Some(_)) => Ok(()),
                _ => {
                    wrong("a moment such as 2026-11-20T08:00:00Z, or a span such as 30m, 2h or 3d")
                }
            },
            Kind::Path => match value.as_str() {
                Some(path) => check_path(path).or_else(wrong),
                None => wrong("a text"),
            },
        }
    }
}

/// The JSON schema of an input: flat, closed, every property described.
pub(super) fn input_schema(properties: &[Property]) -> Map<String, Value> {
    let described: Map<String, Value> =
        properties.iter().map(|property| (property.name.to_owned(), property.schema())).collect();
    let required: Vec<&str> =
        properties.iter().filter(|property| property.required).map(|it| it.name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(described));
    schema.insert("required".to_owned(), json!(required));
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema
}

/// Arguments that fit a tool's properties.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arguments<'a>(&'a Map<String, Value>);

impl<'a> Arguments<'a> {
    /// Checks every argument. A null stands for a property left out, as strict clients send it.
    pub(super) fn check(
        properties: &[Property],
        arguments: &'a Map<String, Value>,
    ) -> Result<Self, ToolError> {
        for (name, value) in arguments {
            match properties.iter().find(|property| property.name == name) {
                Some(_) if value.is_null() => {}
                Some(property) => property.check(value)?,
                None => return Err(unknown_property(name, properties)),
            }
        }
        let missing = properties.iter().find(|property| {
            property.required && arguments.get(property.name).is_none_or(Value::is_null)
        });
        match missing {
            Some(property) => {
                Err(ToolError::new(format!("`{}` is missing", property.name), property.hint()))
            }
            None => Ok(Self(arguments)),
        }
    }

    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str)
    }

    pub(super) fn owned(self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    pub(super) fn texts(self, name: &str) -> Option<Vec<String>> {
        let items = self.0.get(name).and_then(Value::as_array)?;
        Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    pub(super) fn number(self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(whole).and_then(|number| u64::try_from(number).ok())
    }

    pub(super) fn amount(self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(Value::as_f64)
    }

    pub(super) fn flag(self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn mark(self, name: &str) -> Option<u64> {
        self.text(name).and_then(mark)
    }

    pub(super) fn uuid(self, name: &str) -> Option<Uuid> {
        self.text(name).and_then(uuid)
    }

    pub(super) fn moment(self, name: &str, now: Timestamp) -> Option<Timestamp> {
        self.text(name).and_then(|text| moment(text, now))
    }

    /// The checked id of a task. Errs only when the property is none.
    pub(super) fn task_id(self, name: &str) -> Result<TaskId, ToolError> {
        let id = self.text(name).and_then(|text| text.parse().ok());
        id.ok_or_else(|| ToolError::new(format!("`{name}` is missing"), "give the id of a task"))
    }
}

fn unknown_property(name: &str, properties: &[Property]) -> ToolError {
    let shown: String = name.chars().take(60).collect();
    let names = || properties.iter().map(|property| property.name);
    let hint = match (nearest(name, names()), properties.is_empty()) {
        (_, true) => "this tool takes no arguments".to_owned(),
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, _) => format!("it takes {}", names().collect::<Vec<_>>().join(", ")),
    };
    ToolError::new(format!("there is no property `{shown}`"), hint)
}

fn whole(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and within i64 by the test before")]
    let float =
        |number: f64| (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(float))
}

/// Only the usual form: the parser would take others, and each reader its own.
fn uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| text.parse().ok()).flatten()
}

fn mark(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 19 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_millis(moment.as_millisecond()));
    }
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds_each = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let count = mark(count).and_then(|count| i64::try_from(count).ok())?;
    let span = count.checked_mul(seconds_each)?.checked_mul(1_000)?;
    Some(Timestamp::from_millis(now.as_millis().saturating_sub(span)))
}

/// Only a path that stays below the project's root and means the same to everybody: no parent, no
/// root, no drive, nothing that git reads as a flag or a pathspec (gitglossary, "pathspec").
fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return Err("a path of 1 to 1024 bytes");
    }
    if path.chars().any(char::is_control) || path.contains('\\') {
        return Err("a path with / between names and no control characters");
    }
    if path.starts_with(['/', '-', ':', '~']) || path.as_bytes().get(1) == Some(&b':') {
        return Err("a path relative to the project's root");
    }
    if path.split('/').any(|name| name == "..") {
        return Err("a path below the project's root, without ..");
    }
    Ok(())
}

fn abbreviated(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 {
        text
    } else {
        format!("{}…", text.chars().take(60).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(kind: Kind, value: &Value) -> bool {
        Property { name: "p", kind, required: true, about: "about" }.check(value).is_ok()
    }

    #[test]
    fn paths_that_leave_the_project_or_read_as_something_else_are_refused() {
        for path in ["src/main.rs", "a", ".github/x", "a b", "ä/ö", "a..b", "..a", "x-y"] {
            assert!(accepts(Kind::Path, &json!(path)), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a/..",
            "..",
            "-n",
            "--output=/tmp/x",
            ":(top)x",
            ":/",
            "C:/x",
            "c:x",
            "~/x",
            "a\\b",
            "..\\x",
            "a\0b",
            "a\nb",
        ] {
            assert!(!accepts(Kind::Path, &json!(path)), "{path:?}");
        }
    }

    #[test]
    fn a_session_is_named_by_a_uuid_in_its_usual_form_and_by_nothing_else() {
        let id = "3f2a9c1e-5b7d-4e8f-9a0b-1c2d3e4f5a6b";
        assert!(accepts(Kind::Uuid, &json!(id)));
        assert!(accepts(Kind::Uuid, &json!(id.to_uppercase())));
        let braced = format!("{{{id}}}");
        let urn = format!("urn:uuid:{id}");
        let plain = id.replace('-', "");
        for text in ["", "--dangerously-skip-permissions", "-", &braced, &urn, &plain, "abc"] {
            assert!(!accepts(Kind::Uuid, &json!(text)), "{text}");
        }
        assert!(!accepts(Kind::Uuid, &json!(7)));
    }

    #[test]
    fn a_list_of_texts_is_bounded_in_number_and_length() {
        let kind = Kind::Texts { count_max: 2, bytes_max: 3 };
        for value in [json!([]), json!(["a", "abc"])] {
            assert!(accepts(kind, &value), "{value}");
        }
        for value in [json!(["a", "b", "c"]), json!(["abcd"]), json!([1]), json!("a"), json!([""])]
        {
            assert!(!accepts(kind, &value), "{value}");
        }
    }

    #[test]
    fn numbers_are_whole_and_within_bounds() {
        let kind = Kind::Integer { min: 0, max: 45 };
        for value in [json!(0), json!(45), json!(7.0)] {
            assert!(accepts(kind, &value), "{value}");
        }
        for value in
            [json!(-1), json!(46), json!(1.5), json!("5"), json!(true), json!(1e300), json!([])]
        {
            assert!(!accepts(kind, &value), "{value}");
        }
    }

    #[test]
    fn amounts_are_above_nothing_and_within_their_bound() {
        let kind = Kind::Amount { max: 100.0 };
        for value in [json!(0.01), json!(1), json!(100)] {
            assert!(accepts(kind, &value), "{value}");
        }
        for value in [json!(0), json!(-0.5), json!(100.01), json!("1"), json!(true), json!(1e300)] {
            assert!(!accepts(kind, &value), "{value}");
        }
    }

    #[test]
    fn a_moment_is_rfc_3339_or_a_span_back() {
        let now = Timestamp::from_millis(10_000_000_000);
        assert_eq!(moment("2h", now), Some(Timestamp::from_millis(10_000_000_000 - 7_200_000)));
        assert_eq!(moment("1970-01-01T00:00:01Z", now), Some(Timestamp::from_millis(1_000)));
        for text in
            ["", "h", "-2h", "2x", "yesterday", "99999999999999999999d", "9223372036854775807d"]
        {
            assert_eq!(moment(text, now), None, "{text}");
        }
    }

    #[test]
    fn ids_that_could_be_flags_or_paths_are_none() {
        for text in ["-", "--help", "-aaaaaaaaaaaaaaaaaaaaaaaaa", "../x", "all ", "ALL"] {
            assert!(!accepts(Kind::TaskIdOrAll, &json!(text)), "{text}");
        }
        assert!(accepts(Kind::TaskIdOrAll, &json!("all")));
        assert!(!accepts(Kind::TaskId, &json!("all")));
    }
}
