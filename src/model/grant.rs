//! What an owner granted: scopes, the authorization code, and the family of tokens that descends
//! from it, with the rule that tells a retry from a theft.
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::audience::Audience;
use super::id::{ClientId, DeviceId, FamilyId};
use crate::clock::Timestamp;

/// How long a just-rotated refresh token still answers with the pair it was rotated into.
pub const ROTATION_GRACE: Duration = Duration::from_secs(60);

/// The SHA-256 of a token, code or secret: the only form of it that is ever stored.
#[derive(Clone, Copy, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Takes a digest as it was computed or stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The form to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

impl From<TokenDigest> for String {
    fn from(digest: TokenDigest) -> Self {
        URL_SAFE_NO_PAD.encode(digest.0)
    }
}

impl TryFrom<String> for TokenDigest {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| "not base64url")?;
        bytes.try_into().map(Self).map_err(|_| "not 32 bytes")
    }
}

/// One right that a token can carry (RFC 6749 §3.3).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Scope {
    /// Tasks, results and logs.
    Observe,
    /// Diffs and files.
    Files,
    /// Start, answer and cancel tasks.
    Run,
    /// Stay connected: refresh tokens, for clients that ask for them by this name.
    OfflineAccess,
}

impl Scope {
    /// All scopes, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Observe, Self::Files, Self::Run, Self::OfflineAccess];

    /// The scope as sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Files => "files",
            Self::Run => "run",
            Self::OfflineAccess => "offline_access",
        }
    }

    /// The scope that `name` stands for.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A set of scopes; as text, their names separated by spaces.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Scopes(u8);

impl Scopes {
    /// No scope.
    pub const NONE: Self = Self(0);

    /// Every scope there is.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Those that a tool can need: all but `offline_access`, which stands in no challenge and in no
    /// resource metadata (MCP 2026-07-28).
    #[must_use]
    pub fn of_tools() -> Self {
        Self(Self::all().0 & !Self::bit(Scope::OfflineAccess))
    }

    /// The scopes named in `text`; unknown names are dropped.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        text.split(' ').filter_map(Scope::from_name).collect()
    }

    /// Whether `scope` is in the set.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & Self::bit(scope) != 0
    }

    /// Whether every scope of `other` is in this set.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The scopes in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes of the set, in the order in which they are shown.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// The names of the set.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Scope::name).collect()
    }

    const fn bit(scope: Scope) -> u8 {
        match scope {
            Scope::Observe => 1,
            Scope::Files => 2,
            Scope::Run => 4,
            Scope::OfflineAccess => 8,
        }
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | Self::bit(scope)))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

impl From<String> for Scopes {
    fn from(text: String) -> Self {
        Self::from_text(&text)
    }
}

/// An authorization code (RFC 6749 §4.1.2), made only after the owner's consent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthorizationCode {
    /// The digest of the code.
    pub digest: TokenDigest,
    /// The family that its redemption founds.
    pub family_id: FamilyId,
    /// Whom it was issued to.
    pub client_id: ClientId,
    /// Where it was sent.
    pub redirect_uri: String,
    /// The PKCE challenge, method S256 (RFC 7636).
    pub code_challenge: String,
    /// What was consented to.
    pub scopes: Scopes,
    /// What the tokens will be good for.
    pub audience: Audience,
    /// The device that consented, when it was one.
    pub device_id: Option<DeviceId>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// All tokens that descend from one authorization code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenFamily {
    /// Its id.
    pub id: FamilyId,
    /// Whose tokens they are.
    pub client_id: ClientId,
    /// What they carry.
    pub scopes: Scopes,
    /// What they are good for.
    pub audience: Audience,
    /// The device that consented, when it was one.
    pub device_id: Option<DeviceId>,
    /// When the code was redeemed.
    pub created_at: Timestamp,
    /// Number of the newest pair, from zero.
    pub generation: u32,
    /// Whether a token of the newest pair was presented yet.
    pub newest_used: bool,
    /// When its newest token ends, and the family with it.
    pub expires_at: Timestamp,
    /// When a token of it was last used; up to a second late.
    pub last_used_at: Option<Timestamp>,
    /// When and why it was revoked.
    pub revoked: Option<Revocation>,
}

/// When and why a family ended before its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: RevocationReason,
}

/// Why a family was revoked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RevocationReason {
    /// Its authorization code was presented twice.
    CodeReplayed,
    /// A spent refresh token was presented outside of its grace.
    RefreshReplayed,
    /// The client asked for it (RFC 7009).
    ByClient,
    /// The owner revoked the client.
    ByOwner,
}

impl RevocationReason {
    const ALL: [Self; 4] =
        [Self::CodeReplayed, Self::RefreshReplayed, Self::ByClient, Self::ByOwner];

    /// The reason as stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CodeReplayed => "code_replayed",
            Self::RefreshReplayed => "refresh_replayed",
            Self::ByClient => "by_client",
            Self::ByOwner => "by_owner",
        }
    }

    /// The reason that was stored as `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// The two kinds of tokens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TokenKind {
    /// Opens `/mcp`.
    Access,
    /// Buys the next pair.
    Refresh,
}

/// One token of a family.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    /// The digest of the token.
    pub digest: TokenDigest,
    /// Its family.
    pub family_id: FamilyId,
    /// What it is.
    pub kind: TokenKind,
    /// The pair it belongs to.
    pub generation: u32,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The moment of the rotation that replaced its pair, and the salt that derives the next one.
    pub superseded: Option<Supersession>,
}

/// How a pair was replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Supersession {
    /// When.
    pub at: Timestamp,
    /// The key of the HMAC that makes the next pair out of the presented refresh token.
    pub salt: [u8; 32],
}

/// What presenting a refresh token means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RefreshVerdict {
    /// The newest one: it is spent for a new pair.
    Rotate,
    /// A retry: the pair that it was spent for before is told again.
    Repeat(Supersession),
    /// A theft, of this token or of the newest: the family ends.
    Replay,
    /// It, or its family, is no more.
    Ended,
}

impl TokenFamily {
    /// Judges a refresh token of this family that is presented at `now`.
    #[must_use]
    pub fn judge_refresh(&self, token: &Token, now: Timestamp) -> RefreshVerdict {
        if self.revoked.is_some() || token.kind != TokenKind::Refresh {
            return RefreshVerdict::Ended;
        }
        let Some(superseded) = token.superseded else {
            let ended = now >= token.expires_at;
            return if ended { RefreshVerdict::Ended } else { RefreshVerdict::Rotate };
        };
        if now.since(superseded.at) <= ROTATION_GRACE {
            return RefreshVerdict::Repeat(superseded);
        }
        let is_previous = token.generation.checked_add(1) == Some(self.generation);
        if is_previous && !self.newest_used && now < token.expires_at {
            return RefreshVerdict::Repeat(superseded);
        }
        RefreshVerdict::Replay
    }

    /// Whether an access token of this family opens anything at `now`. One of a replaced pair does
    /// for the time of the grace, and for as long as the new pair has not been seen.
    #[must_use]
    pub fn admits(&self, token: &Token, now: Timestamp) -> bool {
        if self.revoked.is_some() || token.kind != TokenKind::Access || now >= token.expires_at {
            return false;
        }
        let Some(superseded) = token.superseded else { return true };
        let is_previous = token.generation.checked_add(1) == Some(self.generation);
        now.since(superseded.at) <= ROTATION_GRACE || (is_previous && !self.newest_used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(secs * 1000)
    }

    fn family() -> TokenFamily {
        let entropy = SeededEntropy::new(1);
        TokenFamily {
            id: FamilyId::random(&entropy),
            client_id: ClientId::random(&entropy),
            scopes: Scopes::all(),
            audience: Audience::of("https://h.example"),
            device_id: None,
            created_at: at(0),
            generation: 5,
            newest_used: true,
            expires_at: at(10_000),
            last_used_at: None,
            revoked: None,
        }
    }

    fn token(kind: TokenKind, generation: u32, superseded_at: Option<i64>) -> Token {
        Token {
            digest: TokenDigest::from_bytes([1; 32]),
            family_id: family().id,
            kind,
            generation,
            expires_at: at(10_000),
            superseded: superseded_at.map(|secs| Supersession { at: at(secs), salt: [7; 32] }),
        }
    }

    #[test]
    fn digests_show_nowhere_and_reasons_are_stored_by_their_names() {
        assert_eq!(format!("{:?}", TokenDigest::from_bytes([7; 32])), "TokenDigest(..)");
        let names = ["code_replayed", "refresh_replayed", "by_client", "by_owner"];
        assert_eq!(RevocationReason::ALL.map(RevocationReason::name), names);
        for reason in RevocationReason::ALL {
            assert_eq!(RevocationReason::from_name(reason.name()), Some(reason));
        }
        assert_eq!(RevocationReason::from_name("by_nobody"), None);
    }

    #[test]
    fn the_newest_refresh_token_rotates_until_it_ends() {
        let newest = token(TokenKind::Refresh, 5, None);
        assert_eq!(family().judge_refresh(&newest, at(9_999)), RefreshVerdict::Rotate);
        assert_eq!(family().judge_refresh(&newest, at(10_000)), RefreshVerdict::Ended);
    }

    #[test]
    fn the_previous_one_repeats_for_60_seconds_or_while_the_new_pair_is_unused() {
        let previous = token(TokenKind::Refresh, 4, Some(100));
        let judge = |family: &TokenFamily, secs| family.judge_refresh(&previous, at(secs));
        let used = family();
        assert!(matches!(judge(&used, 160), RefreshVerdict::Repeat(_)));
        assert_eq!(judge(&used, 161), RefreshVerdict::Replay);
        let unused = TokenFamily { newest_used: false, ..family() };
        assert!(matches!(judge(&unused, 9_999), RefreshVerdict::Repeat(_)));
        assert_eq!(judge(&unused, 10_001), RefreshVerdict::Replay);
    }

    #[test]
    fn an_older_one_is_a_replay_outside_of_its_grace_whether_or_not_the_pair_is_used() {
        let older = token(TokenKind::Refresh, 3, Some(100));
        let unused = TokenFamily { newest_used: false, ..family() };
        assert!(matches!(unused.judge_refresh(&older, at(150)), RefreshVerdict::Repeat(_)));
        assert_eq!(unused.judge_refresh(&older, at(161)), RefreshVerdict::Replay);
    }

    #[test]
    fn an_access_token_is_no_refresh_token_and_the_other_way_round() {
        let access = token(TokenKind::Access, 5, None);
        assert_eq!(family().judge_refresh(&access, at(1)), RefreshVerdict::Ended);
        assert!(!family().admits(&token(TokenKind::Refresh, 5, None), at(1)));
        assert!(family().admits(&access, at(1)));
    }

    #[test]
    fn the_previous_access_token_ends_with_the_grace_once_the_new_pair_was_used() {
        let previous = token(TokenKind::Access, 4, Some(100));
        assert!(family().admits(&previous, at(160)));
        assert!(!family().admits(&previous, at(161)));
        let unused = TokenFamily { newest_used: false, ..family() };
        assert!(unused.admits(&previous, at(161)));
        assert!(!unused.admits(&token(TokenKind::Access, 3, Some(100)), at(161)));
    }

    #[test]
    fn nothing_of_a_revoked_family_is_worth_anything() {
        let revoked = Some(Revocation { at: at(1), reason: RevocationReason::ByOwner });
        let family = TokenFamily { revoked, ..family() };
        assert!(!family.admits(&token(TokenKind::Access, 5, None), at(2)));
        let refresh = token(TokenKind::Refresh, 5, None);
        assert_eq!(family.judge_refresh(&refresh, at(2)), RefreshVerdict::Ended);
    }

    #[test]
    fn scopes_print_in_one_order_and_drop_what_nobody_knows() {
        let scopes = Scopes::from_text("run bridge observe  admin run");
        assert_eq!(scopes.to_string(), "observe run");
        assert!(!scopes.contains(Scope::Files));
        assert!(Scopes::all().covers(scopes) && !scopes.covers(Scopes::all()));
        assert_eq!(Scopes::of_tools().to_string(), "observe files run");
    }
}
