//! [`ProjectName`].
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A project's name: a letter or digit, then letters, digits, `-` and `_`; at most 64 characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectName(String);

/// A text that is not a [`ProjectName`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a project's name begins with a letter or digit and has letters, digits, `-` and `_`, at most 64"
)]
pub struct InvalidName;

impl ProjectName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for ProjectName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let first_ok = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        if first_ok && text.len() <= 64 && text.bytes().all(inner) {
            return Ok(Self(text));
        }
        Err(InvalidName)
    }
}

impl From<ProjectName> for String {
    fn from(name: ProjectName) -> Self {
        name.0
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_be_an_option_a_path_or_empty() {
        for bad in ["", "-x", "_x", "a/b", "..", "a b", "ä", "a\n", &"a".repeat(65)] {
            assert_eq!(bad.parse::<ProjectName>(), Err(InvalidName), "{bad:?}");
        }
        for good in ["my-api", "0", "A_b-3", &"a".repeat(64)] {
            assert_eq!(good.parse::<ProjectName>().unwrap().as_str(), good);
        }
    }
}
