//! The owner at the terminal: pairing tokens for the QR, and consent codes to type.
//!
//! Both live in memory only, for ten minutes, and are used once. Each `gateway pair` opens another
//! pairing beside the ones before, so that one screen does not spoil what another shows.
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::digest::{digest, same};
use crate::clock::{Clock, Entropy, Timestamp};
use crate::model::TokenDigest;

/// How long a pairing stays open.
const LIFETIME: Duration = Duration::from_secs(600);
/// Pairings open at a time; the oldest gives way.
const OPEN_MAX: usize = 8;
/// Crockford's base 32: no character that is taken for another.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What a terminal shows so that its owner can pair a device or consent.
#[derive(Clone)]
pub struct Pairing {
    /// The one-time pairing token, for the fragment of the connector URL: terminal and QR only.
    pub url_fragment: String,
    /// The one-time consent code, as `XXXX-XXXX`.
    pub code: String,
    /// When both end.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Pairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pairing").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A consent code that waits to be typed.
#[derive(Clone)]
pub struct ConsentCode {
    /// The code, as `XXXX-XXXX`.
    pub code: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl fmt::Debug for ConsentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsentCode").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Why a pairing token pairs nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TokenRefusal {
    /// It did so before.
    Used,
    /// It ended, or never was.
    Unknown,
}

/// The open pairings. Clones share them.
#[derive(Clone, Debug)]
pub struct PairingBook {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    open: Arc<Mutex<VecDeque<Open>>>,
}

struct Open {
    token: TokenDigest,
    token_used: bool,
    /// In the clear, because the terminal shows it again; it has 40 bits and lives ten minutes.
    code: Option<String>,
    expires_at: Timestamp,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl PairingBook {
    /// A book with no pairing open.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy, open: Arc::default() }
    }

    /// Opens a pairing: a fresh token of 128 bits and a fresh code of 40, for ten minutes.
    #[must_use]
    pub fn open(&self) -> Pairing {
        let url_fragment = URL_SAFE_NO_PAD.encode(self.entropy.bytes::<16>());
        let code = encode_code(self.entropy.bytes::<5>());
        let expires_at = self.clock.now().after(LIFETIME);
        let pairing = Pairing { url_fragment, code: spaced(&code), expires_at };
        let mut open = self.living();
        if open.len() == OPEN_MAX {
            open.pop_front();
        }
        open.push_back(Open {
            token: digest(&pairing.url_fragment),
            token_used: false,
            code: Some(code),
            expires_at,
        });
        pairing
    }

    /// The newest code that was not used yet; a fresh one when none has a minute left to be typed.
    #[must_use]
    pub fn current_code(&self) -> ConsentCode {
        let soon = self.clock.now().after(Duration::from_secs(60));
        let newest = self.living().iter().rev().find_map(|it| {
            let code = it.code.as_deref().filter(|_| it.expires_at > soon)?;
            Some(ConsentCode { code: spaced(code), expires_at: it.expires_at })
        });
        newest.unwrap_or_else(|| {
            let Pairing { code, expires_at, .. } = self.open();
            ConsentCode { code, expires_at }
        })
    }

    /// Whether the owner was at the terminal within the life of a pairing, used or not: only then
    /// do new clients get in by one tap.
    #[must_use]
    pub fn is_window_open(&self) -> bool {
        !self.living().is_empty()
    }

    /// Uses a pairing token.
    pub(super) fn redeem_token(&self, token: &str) -> Result<(), TokenRefusal> {
        let presented = digest(token);
        let mut open = self.living();
        let found = open.iter_mut().find(|it| same(&it.token, &presented));
        let found = found.ok_or(TokenRefusal::Unknown)?;
        if std::mem::replace(&mut found.token_used, true) {
            return Err(TokenRefusal::Used);
        }
        Ok(())
    }

    /// Uses a code, however it was typed; `false` when it is not one of the open ones.
    pub(super) fn redeem_code(&self, typed: &str) -> bool {
        let Some(typed) = normalize(typed) else { return false };
        let presented = digest(&typed);
        let mut open = self.living();
        // No early return: every open code is compared.
        let found = open.iter_mut().fold(None, |found, it| {
            let matches = it.code.as_deref().is_some_and(|code| same(&digest(code), &presented));
            if matches { Some(it) } else { found }
        });
        found.is_some_and(|it| it.code.take().is_some())
    }

    fn living(&self) -> std::sync::MutexGuard<'_, VecDeque<Open>> {
        let now = self.clock.now();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|it| now < it.expires_at);
        open
    }
}

fn encode_code(bytes: [u8; 5]) -> String {
    let bits = bytes.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    let digit = |shift: u32| usize::try_from((bits >> shift) & 31).unwrap_or(0);
    (0..8).rev().map(|n| char::from(ALPHABET[digit(n * 5)])).collect()
}

fn spaced(code: &str) -> String {
    let (one, other) = code.split_at(4);
    format!("{one}-{other}")
}

/// What was meant by a typed code: no separators, upper case, and the characters that Crockford's
/// alphabet leaves out read as those they look like.
pub(super) fn normalize(typed: &str) -> Option<String> {
    if typed.len() > 64 {
        return None;
    }
    let meant =
        typed.chars().filter(|it| !it.is_whitespace() && !"-_.\u{2010}\u{2013}".contains(*it));
    let code: String = meant
        .map(|it| match it.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    let known = code.bytes().all(|byte| ALPHABET.contains(&byte));
    (code.len() == 8 && known).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, SeededEntropy};

    fn book() -> (PairingBook, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
        (PairingBook::new(clock.clone(), Arc::new(SeededEntropy::new(1))), clock)
    }

    #[test]
    fn a_token_pairs_once_and_says_so_the_second_time() {
        let (book, _) = book();
        let pairing = book.open();
        assert_eq!(pairing.url_fragment.len(), 22);
        assert_eq!(book.redeem_token(&pairing.url_fragment), Ok(()));
        assert_eq!(book.redeem_token(&pairing.url_fragment), Err(TokenRefusal::Used));
        assert_eq!(book.redeem_token("guess"), Err(TokenRefusal::Unknown));
    }

    #[test]
    fn both_end_after_ten_minutes() {
        let (book, clock) = book();
        let pairing = book.open();
        clock.advance(LIFETIME);
        assert_eq!(book.redeem_token(&pairing.url_fragment), Err(TokenRefusal::Unknown));
        assert!(!book.redeem_code(&pairing.code));
    }

    #[test]
    fn the_window_is_open_for_ten_minutes_whatever_was_used_of_it() {
        let (book, clock) = book();
        assert!(!book.is_window_open());
        let pairing = book.open();
        assert!(book.redeem_code(&pairing.code));
        assert_eq!(book.redeem_token(&pairing.url_fragment), Ok(()));
        assert!(book.is_window_open());
        clock.advance(LIFETIME);
        assert!(!book.is_window_open());
    }

    #[test]
    fn a_code_is_known_however_it_is_typed_and_works_once() {
        let (book, _) = book();
        for type_it in [
            |code: &str| code.to_owned(),
            |code: &str| code.replace('-', "").to_lowercase(),
            |code: &str| {
                format!(" {} ", code.replace('-', " ").replace('0', "o").replace('1', "l"))
            },
        ] {
            let typed = type_it(&book.open().code);
            assert!(book.redeem_code(&typed), "{typed}");
            assert!(!book.redeem_code(&typed), "{typed} worked twice");
        }
        assert!(!book.redeem_code("") && !book.redeem_code("0000-0000"));
    }

    #[test]
    fn the_current_code_stays_until_it_is_used() {
        let (book, clock) = book();
        let code = book.current_code().code;
        assert_eq!(book.current_code().code, code);
        assert!(book.redeem_code(&code));
        let next = book.current_code().code;
        assert_ne!(next, code);
        clock.advance(Duration::from_secs(600 - 59));
        assert_ne!(book.current_code().code, next, "too little time was left to type it");
        assert!(book.redeem_code(&next), "a code that is being typed still works");
    }

    #[test]
    fn a_later_pairing_does_not_spoil_an_earlier_one_and_their_number_is_bounded() {
        let (book, _) = book();
        let pairings: Vec<_> = (0..9).map(|_| book.open()).collect();
        assert!(!book.redeem_code(&pairings[0].code));
        assert!(book.redeem_code(&pairings[1].code));
        assert_eq!(book.redeem_token(&pairings[8].url_fragment), Ok(()));
    }
}
