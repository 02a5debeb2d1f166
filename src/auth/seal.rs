//! Sealing an authorization request into the consent page that it is shown on.
//!
//! The page's form carries the whole request with an HMAC under a key of this process. So nothing is
//! kept for a request that nobody has consented to, and no flood of them can push out the owner's
//! own; a reload shows the same page again. What is forged, changed, or older than the lifetime does
//! not open.
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::clock::{Entropy, Timestamp};
use crate::model::{ClientId, DeviceId, Scopes, TokenDigest};

/// How long a consent page can be answered.
pub(super) const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// A valid authorization request that waits for its owner.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(super) struct SealedRequest {
    /// 128 random bits: names this request, and keeps two pages apart.
    pub(super) id: String,
    pub(super) client_id: ClientId,
    pub(super) redirect_uri: String,
    /// The client's `state`, byte for byte, as base64url.
    pub(super) state: Option<String>,
    pub(super) scopes: Scopes,
    pub(super) code_challenge: String,
    pub(super) origin: String,
    /// The paired device that the page was shown to; only it can consent without a code.
    pub(super) device_id: Option<DeviceId>,
    /// Whether the page asked for the code of the terminal.
    pub(super) needs_code: bool,
    pub(super) began_at: Timestamp,
    /// From where, in words.
    pub(super) from: String,
}

/// Why a sealed request does not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SealError {
    /// It is not one of ours, or another gateway process made it.
    Forged,
    /// It is too old.
    Expired,
}

/// The key of this process.
pub(super) struct SealingKey([u8; 32]);

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

impl SealingKey {
    pub(super) fn random(entropy: &dyn Entropy) -> Self {
        Self(entropy.bytes())
    }

    pub(super) fn seal(&self, request: &SealedRequest) -> String {
        let json = serde_json::to_vec(request).expect("a request of texts and numbers is JSON");
        let body = URL_SAFE_NO_PAD.encode(json);
        let tag = URL_SAFE_NO_PAD.encode(self.mac(&body).finalize().into_bytes());
        format!("{body}.{tag}")
    }

    pub(super) fn open(&self, sealed: &str, now: Timestamp) -> Result<SealedRequest, SealError> {
        let (body, tag) = sealed.split_once('.').ok_or(SealError::Forged)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| SealError::Forged)?;
        self.mac(body).verify_slice(&tag).map_err(|_| SealError::Forged)?;
        let json = URL_SAFE_NO_PAD.decode(body).map_err(|_| SealError::Forged)?;
        let request: SealedRequest =
            serde_json::from_slice(&json).map_err(|_| SealError::Forged)?;
        if now.since(request.began_at) > LIFETIME {
            return Err(SealError::Expired);
        }
        Ok(request)
    }

    /// Ties a form to the cookie of the device that it is shown to, and to what it is about.
    pub(super) fn proof(&self, cookie: &TokenDigest, about: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.form_mac(cookie, about).finalize().into_bytes())
    }

    /// Whether `proof` is that of this cookie and subject.
    pub(super) fn is_proof(&self, cookie: &TokenDigest, about: &str, proof: &str) -> bool {
        let tag = URL_SAFE_NO_PAD.decode(proof).unwrap_or_default();
        self.form_mac(cookie, about).verify_slice(&tag).is_ok()
    }

    fn mac(&self, body: &str) -> Hmac<Sha256> {
        self.mac_for(b"gateway consent 1\0").chain_update(body)
    }

    fn form_mac(&self, cookie: &TokenDigest, about: &str) -> Hmac<Sha256> {
        self.mac_for(b"gateway form 1\0").chain_update(cookie.as_bytes()).chain_update(about)
    }

    fn mac_for(&self, purpose: &[u8]) -> Hmac<Sha256> {
        let mac: Hmac<Sha256> =
            Hmac::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.chain_update(purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    fn request() -> SealedRequest {
        SealedRequest {
            id: "x".into(),
            client_id: "gw_x".parse().unwrap(),
            redirect_uri: "http://localhost:1/callback".into(),
            state: None,
            scopes: Scopes::of_tools(),
            code_challenge: "c".into(),
            origin: "https://h.example".into(),
            device_id: None,
            needs_code: true,
            began_at: Timestamp::from_millis(0),
            from: "the tunnel".into(),
        }
    }

    #[test]
    fn what_was_sealed_opens_until_it_is_too_old() {
        let key = SealingKey::random(&SeededEntropy::new(1));
        let sealed = key.seal(&request());
        let late = Timestamp::from_millis(0).after(LIFETIME);
        assert_eq!(key.open(&sealed, late), Ok(request()));
        let too_late = late.after(Duration::from_millis(1));
        assert_eq!(key.open(&sealed, too_late), Err(SealError::Expired));
    }

    #[test]
    fn the_key_shows_nowhere() {
        assert_eq!(format!("{:?}", SealingKey([7; 32])), "SealingKey(..)");
    }

    #[test]
    fn no_changed_byte_and_no_other_key_opens_it() {
        let now = Timestamp::from_millis(0);
        let key = SealingKey::random(&SeededEntropy::new(1));
        let sealed = key.seal(&request());
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(key.open(&changed, now), Err(SealError::Forged), "byte {at}");
        }
        let other = SealingKey::random(&SeededEntropy::new(2));
        assert_eq!(other.open(&sealed, now), Err(SealError::Forged));
        assert_eq!(key.open("", now), Err(SealError::Forged));
    }

    #[test]
    fn a_proof_is_good_for_one_cookie_one_subject_and_one_process() {
        let key = SealingKey::random(&SeededEntropy::new(1));
        let cookie = TokenDigest::from_bytes([1; 32]);
        let proof = key.proof(&cookie, "request 1");
        assert!(key.is_proof(&cookie, "request 1", &proof));
        assert!(!key.is_proof(&cookie, "request 2", &proof));
        assert!(!key.is_proof(&TokenDigest::from_bytes([2; 32]), "request 1", &proof));
        let other = SealingKey::random(&SeededEntropy::new(2));
        assert!(!other.is_proof(&cookie, "request 1", &proof));
        for wrong in ["", "x", &proof[..42]] {
            assert!(!key.is_proof(&cookie, "request 1", wrong), "{wrong}");
        }
    }
}
