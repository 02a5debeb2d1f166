//! Characters that would let a value forge a line or command a terminal.
use std::borrow::Cow;
use std::fmt::Write;

use crate::model::steers;

/// `text` with what steers shown: a newline as `\n`, an escape as `\u{1b}`.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    escape_except(text, |_| false)
}

/// The same, leaving newlines and tabs to an encoder that escapes them itself.
pub(super) fn escape_for_json(text: &str) -> Cow<'_, str> {
    escape_except(text, |c| c == '\n' || c == '\t' || c == '\r')
}

fn escape_except(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let shown = |c: char| steers(c) && !keep(c);
    if !text.contains(shown) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' if shown(c) => out.push_str("\\n"),
            '\r' if shown(c) => out.push_str("\\r"),
            '\t' if shown(c) => out.push_str("\\t"),
            c if shown(c) => {
                write!(out, "\\u{{{:x}}}", u32::from(c)).expect("a String takes all");
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_cannot_start_a_line_or_command_a_terminal() {
        assert_eq!(
            escape("a\r\nb\x1b[2J\u{9b}x\u{202e}y\0"),
            "a\\r\\nb\\u{1b}[2J\\u{9b}x\\u{202e}y\\u{0}"
        );
        assert_eq!(escape_for_json("a\nb\x1b"), "a\nb\\u{1b}");
        assert!(matches!(escape("plain äöü 🦀"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text in any::<String>()) {
            prop_assert!(!escape(&text).contains(steers));
        }
    }
}
