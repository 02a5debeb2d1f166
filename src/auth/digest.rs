//! Making, digesting and deriving the opaque strings that stand for rights.
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::clock::Entropy;
use crate::model::TokenDigest;

/// A token, code, cookie or secret in the clear: made here, or presented to us. Wiped when dropped
/// and absent from `Debug`; its text leaves only through [`OpaqueToken::expose`].
#[derive(Clone)]
pub struct OpaqueToken(Zeroizing<String>);

impl OpaqueToken {
    /// A fresh one: `prefix`, then 256 random bits as base64url. The prefix lets secret scanners
    /// and the log's redaction know it.
    #[must_use]
    pub(super) fn random(prefix: &str, entropy: &dyn Entropy) -> Self {
        Self::from_bits(prefix, &entropy.bytes::<32>())
    }

    /// One that somebody presented, or that a vault keeps.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The successor of this refresh token under `salt`: the same each time, so that a retry is
    /// answered alike although only digests are stored; unknown without both.
    #[must_use]
    pub(super) fn derive(&self, prefix: &str, salt: &[u8; 32]) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(salt).expect("HMAC takes keys of any length");
        mac.update(prefix.as_bytes());
        mac.update(self.0.as_bytes());
        Self::from_bits(prefix, &mac.finalize().into_bytes())
    }

    fn from_bits(prefix: &str, bits: &[u8]) -> Self {
        Self(Zeroizing::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bits))))
    }

    /// The text itself: for the one answer that carries it, never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        digest(&self.0)
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken(..)")
    }
}

/// The digest of a presented text.
pub(super) fn digest(text: &str) -> TokenDigest {
    TokenDigest::from_bytes(Sha256::digest(text).into())
}

/// Whether two digests are equal, in a time that does not depend on where they differ.
pub(super) fn same(one: &TokenDigest, other: &TokenDigest) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    #[test]
    fn a_token_has_256_bits_and_hides_from_debug() {
        let token = OpaqueToken::random("gwa_", &SeededEntropy::new(1));
        assert_eq!(token.expose().len(), 4 + 43);
        assert_eq!(format!("{token:?}"), "OpaqueToken(..)");
    }

    #[test]
    fn a_derived_token_depends_on_token_salt_and_kind() {
        let token = OpaqueToken::new("gwr_one");
        let next = token.derive("gwr_", &[1; 32]);
        assert_eq!(next.expose(), token.derive("gwr_", &[1; 32]).expose());
        let others = [
            token.derive("gwr_", &[2; 32]),
            token.derive("gwa_", &[1; 32]),
            OpaqueToken::new("gwr_two").derive("gwr_", &[1; 32]),
        ];
        for other in others {
            assert_ne!(next.expose()[4..], other.expose()[4..]);
        }
    }
}
