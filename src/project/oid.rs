//! [`Oid`], the name of an object, and the [`ObjectFormat`] that it is made by.
use std::fmt;

use serde::{Deserialize, Serialize};

/// The hash that names a repository's objects.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectFormat {
    /// SHA-1, 40 digits.
    #[default]
    Sha1,
    /// SHA-256, 64 digits.
    Sha256,
}

impl ObjectFormat {
    /// How many hexadecimal digits a name has.
    pub(super) const fn digits(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
        }
    }

    /// The name of the empty tree, which every git knows without having it.
    pub(super) fn empty_tree(self) -> Oid {
        Oid(match self {
            Self::Sha1 => "4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned(),
            Self::Sha256 => {
                "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321".to_owned()
            }
        })
    }
}

/// The name of an object: 40 or 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Oid(String);

impl Oid {
    /// Reads a name; `None` when the text is not exactly one, or all zeros.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let hex = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
        let ok = matches!(text.len(), 40 | 64)
            && text.iter().all(hex)
            && text.iter().any(|b| *b != b'0');
        ok.then(|| Self(text.iter().copied().map(char::from).collect()))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is of this format.
    pub(super) fn is_of(&self, format: ObjectFormat) -> bool {
        self.0.len() == format.digits()
    }
}

/// What `--stdin` of git's revision walks reads: `tip` without all that `not` lead to.
pub(super) fn range<'a>(tip: &Oid, not: impl IntoIterator<Item = &'a Oid>) -> String {
    let mut out = format!("{tip}\n");
    for oid in not {
        out.extend(["^", oid.as_str(), "\n"]);
    }
    out
}

impl TryFrom<String> for Oid {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text.as_bytes()).ok_or("not the name of an object")
    }
}

impl From<Oid> for String {
    fn from(oid: Oid) -> Self {
        oid.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lower_case_names_are_read() {
        let good = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
        assert_eq!(Oid::parse(good.as_bytes()).unwrap().as_str(), good);
        for bad in ["", "-", "HEAD", &good[1..], &good.to_uppercase(), &"0".repeat(40)] {
            assert_eq!(Oid::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
