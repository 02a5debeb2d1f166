//! [`RepoPath`]: a path inside a tree, which need not be text.
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::platform;
use crate::model::steers;

/// A path inside a tree: any bytes but NUL, `/` between the names.
///
/// Shown quoted as git does when it holds control characters, quotes or invalid UTF-8, so that a
/// name can neither break a line nor hide another.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RepoPath(Vec<u8>);

impl RepoPath {
    /// The path of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path in the system's own form, relative to the tree's root.
    pub(super) fn to_path(&self) -> Option<PathBuf> {
        platform::path_from_bytes(self.0.clone())
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepoPath({self})")
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = std::str::from_utf8(&self.0)
            .ok()
            .filter(|text| !text.chars().any(|c| c == '"' || steers(c)));
        if let Some(text) = plain {
            return f.write_str(text);
        }
        f.write_str("\"")?;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\\' => write!(f, "\\{c}")?,
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    c if steers(c) => {
                        let mut buffer = [0; 4];
                        for byte in c.encode_utf8(&mut buffer).bytes() {
                            write!(f, "\\{byte:03o}")?;
                        }
                    }
                    c => write!(f, "{c}")?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\{byte:03o}")?;
            }
        }
        f.write_str("\"")
    }
}

impl Serialize for RepoPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads back what was shown; a quoted path stays in its quoted form.
impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_shown_on_one_line_and_cannot_steer_the_text_around_it() {
        let shown = |bytes: &[u8]| RepoPath::from_bytes(bytes).to_string();
        assert_eq!(shown("src/ä b.rs".as_bytes()), "src/ä b.rs");
        assert_eq!(shown(b"a\nb"), "\"a\\nb\"");
        assert_eq!(shown(b"\xff.txt"), "\"\\377.txt\"");
        assert_eq!(shown("x\u{202e}y".as_bytes()), "\"x\\342\\200\\256y\"");
        assert_eq!(shown(b"q\"\\"), "\"q\\\"\\\\\"");
    }
}
