//! [`SecretDigest`]: the stored form of a secret that somebody else will present.
use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The SHA-256 of a secret.
///
/// Only for secrets with 128 random bits or more: without salt or stretching, a guessable text could be
/// found from its digest.
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// The digest of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// The digest that was stored as `bytes`.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The form to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `presented` is the secret, in a time that does not depend on where it differs.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        *self == Self::of(presented)
    }
}

/// Takes the same time wherever the digests differ.
impl PartialEq for SecretDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretDigest {}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_sha_256_of_the_text() {
        let start = SecretDigest::of("abc").as_bytes()[..4].to_vec();
        assert_eq!(start, [0xba, 0x78, 0x16, 0xbf]); // FIPS 180-2, appendix B.1
    }

    #[test]
    fn a_stored_digest_recognises_its_secret_and_no_other() {
        let stored = SecretDigest::from_bytes(*SecretDigest::of("one").as_bytes());
        assert!(stored.matches("one"));
        assert!(!stored.matches("two") && !stored.matches(""));
        assert_eq!(format!("{stored:?}"), "SecretDigest(..)");
    }
}
