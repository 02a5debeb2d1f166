//! Proof Key for Code Exchange (RFC 7636), method S256 only: pure.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// A code challenge of method S256: 43 characters of base64url.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge(String);

impl Challenge {
    /// Accepts a text that a SHA-256 digest can have been encoded as.
    #[must_use]
    pub fn accept(text: &str) -> Option<Self> {
        let decoded = URL_SAFE_NO_PAD.decode(text).ok()?;
        (decoded.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The challenge as sent and stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `verifier` is well-formed and the one that `challenge` was made from.
#[must_use]
pub fn verifies(challenge: &str, verifier: &str) -> bool {
    let well_formed = (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|it| it.is_ascii_alphanumeric() || b"-._~".contains(&it));
    let computed = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    let same: bool = computed.as_bytes().ct_eq(challenge.as_bytes()).into();
    well_formed && same
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_verifies() {
        assert!(Challenge::accept(CHALLENGE).is_some());
        assert!(verifies(CHALLENGE, VERIFIER));
    }

    #[test]
    fn a_plain_challenge_never_verifies() {
        assert!(!verifies(VERIFIER, VERIFIER));
        assert!(!verifies("", "") && !verifies(CHALLENGE, ""));
    }

    #[test]
    fn a_challenge_that_is_no_digest_is_refused() {
        for text in ["", "short", &CHALLENGE[..42], &format!("{CHALLENGE}="), &"+".repeat(43)] {
            assert!(Challenge::accept(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_verifier_of_another_shape_never_verifies() {
        let hash = |text: &str| URL_SAFE_NO_PAD.encode(Sha256::digest(text));
        let whole = VERIFIER;
        assert!(verifies(&hash(whole), whole));
        for text in [&whole[..42], &whole.repeat(3), &whole.replace('-', "+"), &format!("{whole} ")]
        {
            assert!(!verifies(&hash(text), text), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn only_the_own_verifier_verifies(
            one in "[A-Za-z0-9._~-]{43,128}",
            other in "[A-Za-z0-9._~-]{43,128}",
        ) {
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&one));
            prop_assert!(verifies(&challenge, &one));
            prop_assert_eq!(verifies(&challenge, &other), one == other);
        }
    }
}
