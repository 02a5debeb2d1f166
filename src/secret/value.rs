//! [`Secret`]: a text that is wiped from memory and never printed by accident.
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::SecretDigest;
use crate::clock::Entropy;

/// Most bytes in a secret: what every platform's keyring holds. Windows has the smallest room, 2,560
/// bytes of UTF-16.
pub const SECRET_BYTES_MAX: usize = 1280;

/// Random bytes in a secret of our own making.
const GENERATED_BYTES: usize = 32;

/// Why a text is no secret. Never quotes the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidSecret {
    /// There is no text.
    #[error("a secret cannot be empty")]
    Empty,
    /// The text is longer than keyrings hold.
    #[error("a secret of {bytes} bytes is too long: at most {SECRET_BYTES_MAX} are kept")]
    TooLong {
        /// Length of the text in bytes.
        bytes: usize,
    },
    /// The text has a line end, tab or other control character: most likely a slip in pasting.
    #[error("a secret cannot hold control characters such as line ends")]
    ControlCharacter,
}

/// A secret text of 1 to [`SECRET_BYTES_MAX`] bytes without control characters.
///
/// Wiped when dropped; has no `Display` and no `Serialize`, its `Debug` says nothing, and `==`
/// takes the same time wherever two secrets of one length differ.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text as a secret. A refused text is wiped too.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidSecret`] for an empty or too long text, or one with control characters.
    pub fn parse(text: String) -> Result<Self, InvalidSecret> {
        let text = Zeroizing::new(text);
        if text.is_empty() {
            return Err(InvalidSecret::Empty);
        }
        if text.len() > SECRET_BYTES_MAX {
            return Err(InvalidSecret::TooLong { bytes: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidSecret::ControlCharacter);
        }
        Ok(Self(text))
    }

    /// Makes a secret of 256 random bits, as 43 characters of base64url (RFC 4648 §5, unpadded).
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let bytes = Zeroizing::new(entropy.bytes::<GENERATED_BYTES>());
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    /// The text itself, to be sent to whoever asks for it and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What to store in order to recognise this secret later.
    #[must_use]
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(self.expose())
    }
}

/// Takes the same time wherever the texts differ; the lengths are not hidden.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A secret on its way into a vault's file or through the helper's pipe: the one form that
/// serialises.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ExposedSecret(pub(super) Secret);

impl Serialize for ExposedSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for ExposedSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Secret::parse(text).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::SeededEntropy;

    fn secret(text: &str) -> Secret {
        Secret::parse(text.to_owned()).unwrap()
    }

    #[test]
    fn debug_output_never_shows_the_text() {
        let held = Some(ExposedSecret(secret("hunter2")));
        assert_eq!(format!("{held:?}"), "Some(ExposedSecret(Secret(..)))");
    }

    #[test]
    fn a_generated_secret_is_256_bits_of_base64url_and_never_twice_the_same() {
        let entropy = SeededEntropy::new(7);
        let first = Secret::generate(&entropy);
        assert_eq!(URL_SAFE_NO_PAD.decode(first.expose()).unwrap().len(), 32);
        assert_eq!(first.expose().len(), 43);
        assert_ne!(first, Secret::generate(&entropy));
    }

    #[test]
    fn secrets_are_equal_when_every_byte_is() {
        assert_eq!(secret("abc"), secret("abc"));
        assert_ne!(secret("abc"), secret("abd"));
        assert_ne!(secret("abc"), secret("abcd"));
    }

    #[test]
    fn a_text_that_is_no_secret_is_refused_without_being_quoted() {
        let refused = |text: &str| Secret::parse(text.to_owned()).unwrap_err();
        assert_eq!(refused(""), InvalidSecret::Empty);
        assert_eq!(refused("token\n"), InvalidSecret::ControlCharacter);
        let long = "a".repeat(SECRET_BYTES_MAX + 1);
        assert_eq!(refused(&long), InvalidSecret::TooLong { bytes: SECRET_BYTES_MAX + 1 });
        assert!(!refused("token\n").to_string().contains("token"));
        assert!(Secret::parse("a".repeat(SECRET_BYTES_MAX)).is_ok());
    }

    proptest! {
        #[test]
        fn a_secret_comes_out_of_a_vaults_file_as_it_went_in(text in "\\PC{1,200}") {
            let exposed = ExposedSecret(secret(&text));
            let file = serde_json::to_string(&exposed).unwrap();
            let read: ExposedSecret = serde_json::from_str(&file).unwrap();
            prop_assert_eq!(read.0.expose(), text);
        }
    }
}
