//! [`SecretName`]: under which name a vault keeps a secret.
use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Most bytes in a name.
const NAME_BYTES_MAX: usize = 128;

/// Why a text names no secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{name:?} is no name for a secret: at most {NAME_BYTES_MAX} letters, digits, `.`, `_` and `-`, in \
     parts divided by `/` that begin with a letter or digit"
)]
pub struct InvalidSecretName {
    /// The refused text, cut to a readable length.
    name: String,
}

/// The name of a secret, such as `ngrok-authtoken` or `client/CLIENT_ID`.
///
/// Parts of letters, digits, `.`, `_` and `-`, each beginning with a letter or digit, divided by `/`;
/// so a name is never an option, a path upwards, or one of our own entries (which begin with `.`).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(Cow<'static, str>);

impl SecretName {
    /// The token of the owner's ngrok account.
    pub const NGROK_AUTHTOKEN: Self = Self(Cow::Borrowed("ngrok-authtoken"));
    /// The token of a named Cloudflare tunnel.
    pub const CLOUDFLARED_TOKEN: Self = Self(Cow::Borrowed("cloudflared-token"));
    /// The API key of the local Hermes gateway.
    pub const HERMES_API_KEY: Self = Self(Cow::Borrowed("hermes-api-key"));

    /// Takes a text as a name.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidSecretName`] when the text breaks the rule above.
    pub fn parse(text: &str) -> Result<Self, InvalidSecretName> {
        if text.len() <= NAME_BYTES_MAX && text.split('/').all(is_part) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(InvalidSecretName { name: text.chars().take(NAME_BYTES_MAX).collect() })
        }
    }

    /// The name of a client's secret.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidSecretName`] when the client's id cannot be part of a name.
    pub fn client(client_id: &str) -> Result<Self, InvalidSecretName> {
        Self::parse(&format!("client/{client_id}"))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_part(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_alphanumeric())
        && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for SecretName {
    type Err = InvalidSecretName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for SecretName {
    type Error = InvalidSecretName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_in_use_are_names() {
        for name in [
            SecretName::NGROK_AUTHTOKEN,
            SecretName::CLOUDFLARED_TOKEN,
            SecretName::HERMES_API_KEY,
            SecretName::client("gw_01J-Abc.9").unwrap(),
        ] {
            assert_eq!(SecretName::parse(name.as_str()).unwrap(), name);
        }
    }

    #[test]
    fn options_paths_and_own_entries_are_no_names() {
        let long = "a".repeat(NAME_BYTES_MAX + 1);
        for text in ["", "-x", "../x", "a//b", "/a", "a/", ".probe", "a b", "a\n", "ä", &long] {
            assert!(SecretName::parse(text).is_err(), "{text:?}");
        }
        assert!(SecretName::client("../ngrok-authtoken").is_err());
    }
}
