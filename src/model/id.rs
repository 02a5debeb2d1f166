//! Identifiers: newtypes made only by a checked constructor or from fresh randomness.
//!
//! Random ids carry 128 bits as 26 characters of Crockford's base 32 in lower case, so they can be
//! typed, hold no separator, and never begin with `-`.
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Entropy;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

/// A text that is not an id of the wanted kind.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a {kind}: it is {rule}")]
pub struct InvalidId {
    kind: &'static str,
    rule: &'static str,
}

fn encode(bytes: [u8; 16]) -> String {
    let mut value = u128::from_be_bytes(bytes);
    let mut out = [b'0'; LENGTH];
    for slot in out.iter_mut().rev() {
        *slot = ALPHABET[usize::try_from(value & 31).unwrap_or(0)];
        value >>= 5;
    }
    out.iter().map(|byte| char::from(*byte)).collect()
}

fn is_random_id(text: &str) -> bool {
    let known = |byte: u8| {
        // As ALPHABET says; a search in it costs more than the rest of a look-up.
        byte.is_ascii_digit()
            || (byte.is_ascii_lowercase() && !matches!(byte, b'i' | b'l' | b'o' | b'u'))
    };
    text.len() == LENGTH && text.bytes().all(known)
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// A fresh id with 128 random bits.
            #[must_use]
            pub fn random(entropy: &dyn Entropy) -> Self {
                Self(encode(entropy.bytes()))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                if is_random_id(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(InvalidId {
                    kind: $kind,
                    rule: "26 characters of 0-9 and a-z without i, l, o and u",
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

random_id! {
    /// Names one task, for clients, files and branches.
    TaskId, "task id"
}
random_id! {
    /// Names one question or permission request of a task.
    RequestId, "request id"
}
random_id! {
    /// Names one family of tokens: all that descend from one authorization code.
    FamilyId, "token family id"
}
random_id! {
    /// Names one paired device of the owner.
    DeviceId, "device id"
}

/// An OAuth 2.1 client identifier (RFC 6749 §2.2): ours, or the URL of a metadata document.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

impl ClientId {
    /// Longest accepted identifier, in bytes.
    pub const MAX_BYTES: usize = 2048;

    /// A fresh identifier for a client that is registered here: `gw_` and 128 random bits.
    #[must_use]
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self(format!("gw_{}", encode(entropy.bytes())))
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClientId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let printable = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if !text.is_empty() && text.len() <= Self::MAX_BYTES && printable {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId { kind: "client id", rule: "1 to 2048 printable ASCII characters" })
    }
}

impl TryFrom<String> for ClientId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    #[test]
    fn a_random_id_parses_back_to_itself() {
        let id = TaskId::random(&SeededEntropy::new(7));
        assert_eq!(id.as_str().parse::<TaskId>(), Ok(id.clone()));
        assert_eq!(id.as_str().len(), LENGTH);
    }

    #[test]
    fn what_could_be_a_flag_a_path_or_another_alphabet_is_no_task_id() {
        for text in ["", "-", "--help", "../../etc/passwd", "ABCDEFGHJKMNPQRSTVWXYZ0123", "t\n"] {
            assert!(text.parse::<TaskId>().is_err(), "{text:?}");
        }
        let dashed = format!("-{}", "0".repeat(LENGTH - 1));
        assert!(dashed.parse::<TaskId>().is_err());
    }

    #[test]
    fn all_ones_encode_into_the_alphabet() {
        assert_eq!(encode([255; 16]), "7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert_eq!(encode([0; 16]), "0".repeat(LENGTH));
    }

    #[test]
    fn a_client_id_is_printable_ascii() {
        assert!("https://claude.ai/oauth/x".parse::<ClientId>().is_ok());
        for text in ["", "a b", "a\u{e9}", "a\r\nb"] {
            assert!(text.parse::<ClientId>().is_err(), "{text:?}");
        }
    }
}
