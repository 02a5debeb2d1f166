//! The state machine of a token family against a model of its rule: presenting the previous refresh
//! token while the new pair is unused, or within 60 seconds, gives the same next pair; any later
//! replay ends the family.
//!
//! [`Step`] and [`Model`] know nothing of the implementation. They judge the pure rule here, and the
//! token endpoint, the store and the bearer check in `web/tests/family.rs`.
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::{SeededEntropy, Timestamp};

/// Lifetimes, as the defaults of the settings have them.
const ACCESS_SECS: u64 = 24 * 3600;
const REFRESH_SECS: u64 = 90 * 24 * 3600;

/// Something that happens to a family; pairs go by their number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The refresh token of a pair is presented.
    Refresh(usize),
    /// The access token of a pair is presented.
    Use(usize),
    /// The client revokes the family by the refresh token of a pair.
    Revoke(usize),
    /// Seconds pass.
    Wait(u64),
    /// Last-use marks are written.
    Flush,
    /// The gateway ends in order and starts again.
    Restart,
}

/// Up to `len` steps.
pub(crate) fn steps(len: usize) -> impl Strategy<Value = Vec<Step>> {
    let secs = prop_oneof![
        8 => prop_oneof![Just(1), Just(30), Just(60), Just(61), Just(3_600)],
        1 => prop_oneof![Just(ACCESS_SECS - 1), Just(ACCESS_SECS)],
        1 => prop_oneof![Just(REFRESH_SECS - 1), Just(REFRESH_SECS)],
    ];
    let step = prop_oneof![
        16 => (0_usize..6).prop_map(Step::Refresh),
        16 => (0_usize..6).prop_map(Step::Use),
        8 => secs.prop_map(Step::Wait),
        4 => Just(Step::Flush),
        4 => Just(Step::Restart),
        1 => (0_usize..6).prop_map(Step::Revoke),
    ];
    proptest::collection::vec(step, 1..len)
}

/// What the rule says, kept apart from how it is implemented. Times are seconds from its making.
#[derive(Debug)]
pub(crate) struct Model {
    pairs: Vec<Pair>,
    newest_used: bool,
    pub(crate) revoked: bool,
    now: u64,
}

#[derive(Debug)]
struct Pair {
    told_at: u64,
    replaced_at: Option<u64>,
}

impl Model {
    /// A family with its first pair.
    pub(crate) fn new() -> Self {
        let first = Pair { told_at: 0, replaced_at: None };
        Self { pairs: vec![first], newest_used: false, revoked: false, now: 0 }
    }

    pub(crate) fn pass(&mut self, secs: u64) {
        self.now += secs;
    }

    /// The number of the pair that refreshing with pair `n` answers with.
    pub(crate) fn refresh(&mut self, n: usize) -> Option<usize> {
        let lives = self.now < self.pairs[n].told_at + REFRESH_SECS;
        if self.revoked || (self.is_newest(n) && !lives) {
            return None;
        }
        if self.is_newest(n) {
            self.pairs[n].replaced_at = Some(self.now);
            self.pairs.push(Pair { told_at: self.now, replaced_at: None });
            self.newest_used = false;
        } else if self.in_grace(n) || (lives && self.is_previous_of_unused(n)) {
            // Told again, the newest pair lives as if it were told for the first time.
            if self.is_newest(n + 1) {
                self.pairs[n + 1].told_at = self.now;
            }
        } else {
            self.revoked = true;
            return None;
        }
        Some(n + 1)
    }

    /// Whether the access token of pair `n` opens anything.
    pub(crate) fn admits(&mut self, n: usize) -> bool {
        let lives = self.now < self.pairs[n].told_at + ACCESS_SECS;
        let counts = self.is_newest(n) || self.in_grace(n) || self.is_previous_of_unused(n);
        let good = !self.revoked && lives && counts;
        self.newest_used |= good && self.is_newest(n);
        good
    }

    fn is_newest(&self, n: usize) -> bool {
        n + 1 == self.pairs.len()
    }

    fn in_grace(&self, n: usize) -> bool {
        self.pairs[n].replaced_at.is_some_and(|at| self.now - at <= 60)
    }

    fn is_previous_of_unused(&self, n: usize) -> bool {
        self.is_newest(n + 1) && !self.newest_used
    }
}

/// A family with all its tokens, changed as the token endpoint changes them.
struct Grant {
    family: TokenFamily,
    /// Access and refresh token of each pair.
    pairs: Vec<[Token; 2]>,
    now: Timestamp,
}

impl Grant {
    fn new() -> Self {
        let (entropy, now) = (SeededEntropy::new(1), Timestamp::from_millis(0));
        let family = TokenFamily {
            id: FamilyId::random(&entropy),
            client_id: ClientId::random(&entropy),
            scopes: Scopes::all(),
            audience: Audience::of("https://h.example"),
            device_id: None,
            created_at: now,
            generation: 0,
            newest_used: false,
            expires_at: now.after(Duration::from_secs(REFRESH_SECS)),
            last_used_at: None,
            revoked: None,
        };
        let mut new = Self { family, pairs: Vec::new(), now };
        new.pairs.push(new.pair());
        new
    }

    /// The newest pair, told now.
    fn pair(&self) -> [Token; 2] {
        let lives = [(TokenKind::Access, ACCESS_SECS), (TokenKind::Refresh, REFRESH_SECS)];
        lives.map(|(kind, secs)| Token {
            digest: TokenDigest::from_bytes([0; 32]),
            family_id: self.family.id.clone(),
            kind,
            generation: self.family.generation,
            expires_at: self.now.after(Duration::from_secs(secs)),
            superseded: None,
        })
    }

    fn revoke(&mut self, reason: RevocationReason) {
        self.family.revoked.get_or_insert(Revocation { at: self.now, reason });
    }

    fn refresh(&mut self, n: usize) -> Option<usize> {
        let newest = self.pairs.len() - 1;
        match self.family.judge_refresh(&self.pairs[n][1], self.now) {
            RefreshVerdict::Rotate => {
                assert_eq!(n, newest, "one refresh token lives");
                // The salt stands for the pair: who is given the same one derives the same pair.
                let salt = [u8::try_from(newest).unwrap(); 32];
                for token in &mut self.pairs[newest] {
                    token.superseded = Some(Supersession { at: self.now, salt });
                }
                self.family.generation += 1;
                self.family.newest_used = false;
                self.pairs.push(self.pair());
            }
            RefreshVerdict::Repeat(superseded) => {
                assert_eq!(usize::from(superseded.salt[0]), n, "one token has one successor");
                if n + 1 == newest {
                    self.pairs[newest] = self.pair();
                }
            }
            RefreshVerdict::Replay => {
                self.revoke(RevocationReason::RefreshReplayed);
                return None;
            }
            RefreshVerdict::Ended => return None,
        }
        Some(n + 1)
    }

    fn admits(&mut self, n: usize) -> bool {
        let admitted = self.family.admits(&self.pairs[n][0], self.now);
        self.family.newest_used |= admitted && n + 1 == self.pairs.len();
        admitted
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn the_rule_is_followed_whatever_happens(steps in steps(40)) {
        let (mut grant, mut model) = (Grant::new(), Model::new());
        for step in steps {
            let count = grant.pairs.len();
            match step {
                Step::Refresh(n) => {
                    let n = n % count;
                    prop_assert_eq!(grant.refresh(n), model.refresh(n), "{} of {}", n, count);
                }
                Step::Use(n) => {
                    let n = n % count;
                    prop_assert_eq!(grant.admits(n), model.admits(n), "{} of {}", n, count);
                }
                Step::Revoke(_) => {
                    grant.revoke(RevocationReason::ByClient);
                    model.revoked = true;
                }
                Step::Wait(secs) => {
                    grant.now = grant.now.after(Duration::from_secs(secs));
                    model.pass(secs);
                }
                // Nothing of the rule hangs on what is kept where.
                Step::Flush | Step::Restart => {}
            }
            prop_assert_eq!(grant.family.revoked.is_some(), model.revoked);
            prop_assert!(grant.pairs.len() - count <= 1);
            // Neither kind of token does for the other.
            for [access, refresh] in &grant.pairs {
                prop_assert!(!grant.family.admits(refresh, grant.now));
                let verdict = grant.family.judge_refresh(access, grant.now);
                prop_assert_eq!(verdict, RefreshVerdict::Ended);
            }
        }
    }
}
