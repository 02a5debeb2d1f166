//! The bearer check (RFC 6750) in front of `/mcp`: who asks, and what for.
//!
//! A token that was found good is remembered by its digest until anything anywhere is revoked or
//! rotated, so that the usual request costs one hash and one look-up, and a revocation holds at the
//! very next request.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, header};
use tokio::sync::Notify;

use super::challenge::Challenge;
use super::digest::digest;
use super::resource::audience;
use super::server::AuthorizationServer;
use super::token::TOKEN_BYTES_MAX;
use crate::clock::Timestamp;
use crate::http::{Ingress, Origin};
use crate::model::{
    Audience, ClientId, FamilyId, ProjectAccess, Registration, Scopes, TokenDigest,
};
use crate::store::{BearerRow, StoreError, WriteTx};
use crate::trace::{GrantTrace, Obstacle, Who};

/// Good tokens remembered at a time.
const CHECKED_MAX: usize = 1024;
/// How often the use of one token is noted.
const MARK_EVERY: Duration = Duration::from_secs(1);

/// A request whose bearer is good.
#[derive(Clone, Debug)]
pub struct AuthorizedRequest {
    /// The client that acts.
    pub client_id: ClientId,
    /// What it may do.
    pub scopes: Scopes,
    /// The grant that it acts under; sessions are bound to it.
    pub family: FamilyId,
    /// The projects it may touch.
    pub projects: ProjectAccess,
    /// Whether its token counts only for programs on this machine.
    local_only: bool,
    /// Where its first steps are noted.
    pub trace: GrantTrace,
}

impl AuthorizedRequest {
    /// Holds a token for this machine alone to it.
    fn check_way(
        &self,
        origin: &Origin,
        is_direct: impl FnOnce() -> bool,
    ) -> Result<(), Challenge> {
        if !self.local_only || is_direct() {
            return Ok(());
        }
        // It is out in the world, or its owner wonders why it does not work: the log tells both.
        tracing::warn!(client = %self.client_id, %origin, "a token for this machine alone was refused");
        self.trace.refused(Obstacle::OnlyHere);
        Err(Challenge::known_token(origin))
    }
}

impl AuthorizationServer {
    /// Checks the bearer of a request that came to `origin` by `ingress`. Never waits for the writer.
    ///
    /// # Errors
    ///
    /// The [`Challenge`] to answer with.
    pub fn check_bearer(
        &self,
        headers: &HeaderMap,
        origin: &Origin,
        ingress: Ingress,
    ) -> Result<Arc<AuthorizedRequest>, Challenge> {
        let token = match presented(headers) {
            Presented::Nothing => return Err(Challenge::missing(origin)),
            Presented::Unreadable => return Err(Challenge::invalid_token(origin)),
            Presented::Token(token) => digest(token),
        };
        // Read before the store is: a revocation in between makes what is remembered stale.
        let epoch = self.epoch();
        let now = self.now();
        let is_direct = || ingress.is_direct(headers);
        if let Some(found) = self.bearers().find(&token, epoch, now, origin) {
            found.request.check_way(origin, is_direct)?;
            if let Some(generation) = found.mark {
                self.marks().note(&found.request, generation, now);
            }
            return Ok(found.request);
        }
        self.look_up(&token, origin, is_direct, epoch, now)
    }

    fn look_up(
        &self,
        digest: &TokenDigest,
        origin: &Origin,
        is_direct: impl FnOnce() -> bool,
        epoch: u64,
        now: Timestamp,
    ) -> Result<Arc<AuthorizedRequest>, Challenge> {
        let found = self.store().read(|tx| tx.bearer(digest)).map_err(|error: StoreError| {
            super::error::log_failure(&error);
            Challenge::unavailable(origin)
        })?;
        let Some(mut row) = found else { return Err(Challenge::invalid_token(origin)) };
        row.family.newest_used |= self.marks().saw(&row.family.id, row.family.generation);
        let trace = self.trace().grant(&row.family.id, || Who::of(&row.client));
        let is_meant = match &row.family.audience {
            Audience::Origin(_) => row.family.audience == audience(origin),
            // The way of each request is checked besides, also when the token is remembered.
            Audience::Local | Audience::Anywhere => true,
        };
        let obstacle = if !(row.client.is_active(now) && row.family.admits(&row.token, now)) {
            Some(end_of(&row, now))
        } else if is_meant {
            None
        } else {
            Some(Obstacle::OtherAddress)
        };
        if let Some(obstacle) = obstacle {
            trace.refused(obstacle);
            return Err(Challenge::known_token(origin));
        }
        let request = Arc::new(AuthorizedRequest {
            client_id: row.client.id,
            scopes: row.family.scopes,
            family: row.family.id,
            projects: row.client.projects,
            local_only: row.family.audience == Audience::Local,
            trace,
        });
        request.check_way(origin, is_direct)?;
        self.marks().note(&request, row.token.generation, now);
        // One of a replaced pair is judged anew each time: its end depends on the others.
        if row.token.superseded.is_none() {
            let ends = row
                .client
                .expires_at
                .map_or(row.token.expires_at, |at| at.min(row.token.expires_at));
            let checked = Checked {
                epoch,
                ends,
                origin: origin.clone(),
                generation: row.token.generation,
                marked: now,
                request: request.clone(),
            };
            self.bearers().remember(*digest, checked);
        }
        Ok(request)
    }
}

/// What ended, of a token that opens nothing any more.
fn end_of(row: &BearerRow, now: Timestamp) -> Obstacle {
    let lives = row.family.revoked.is_none() && now < row.family.expires_at;
    if row.client.registration == Registration::Token {
        Obstacle::MadeEnded
    } else if lives && row.client.is_active(now) {
        Obstacle::Outdated
    } else {
        Obstacle::Ended
    }
}

enum Presented<'a> {
    Nothing,
    Unreadable,
    Token(&'a str),
}

/// The bearer token of a request: from the header alone, never from the URL (RFC 6750 §2.1).
fn presented(headers: &HeaderMap) -> Presented<'_> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    let Some(value) = first else { return Presented::Nothing };
    if second.is_some() || value.len() > TOKEN_BYTES_MAX + "Bearer ".len() {
        return Presented::Unreadable;
    }
    let Some((scheme, token)) = value.to_str().ok().and_then(|it| it.split_once(' ')) else {
        return Presented::Unreadable;
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Presented::Nothing;
    }
    let token = token.trim_start_matches(' ');
    let token68 = |it: u8| it.is_ascii_alphanumeric() || b"-._~+/=".contains(&it);
    if token.is_empty() || token.len() > TOKEN_BYTES_MAX || !token.bytes().all(token68) {
        return Presented::Unreadable;
    }
    Presented::Token(token)
}

/// Tokens that were found good, by digest; never more than [`CHECKED_MAX`].
#[derive(Debug, Default)]
pub(super) struct CheckedBearers(Mutex<HashMap<TokenDigest, Checked>>);

#[derive(Debug)]
struct Checked {
    epoch: u64,
    ends: Timestamp,
    /// The very origin, not its audience: another loopback name is looked up once more.
    origin: Origin,
    generation: u32,
    marked: Timestamp,
    request: Arc<AuthorizedRequest>,
}

struct Remembered {
    request: Arc<AuthorizedRequest>,
    /// The generation to note as used, when a note is due.
    mark: Option<u32>,
}

impl CheckedBearers {
    fn find(
        &self,
        token: &TokenDigest,
        epoch: u64,
        now: Timestamp,
        origin: &Origin,
    ) -> Option<Remembered> {
        let mut checked = self.lock();
        let found = checked.get_mut(token)?;
        if found.epoch != epoch || now >= found.ends || found.origin != *origin {
            return None;
        }
        let due = now.since(found.marked) >= MARK_EVERY;
        if due {
            found.marked = now;
        }
        let mark = due.then_some(found.generation);
        Some(Remembered { request: found.request.clone(), mark })
    }

    fn remember(&self, token: TokenDigest, fresh: Checked) {
        let mut checked = self.lock();
        if checked.len() >= CHECKED_MAX && !checked.contains_key(&token) {
            // Only good tokens come here, so this is rare and costs a look-up each.
            checked.clear();
        }
        checked.insert(token, fresh);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenDigest, Checked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Last-use marks on their way to the store.
#[derive(Debug, Default)]
pub(super) struct Marks {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    batch: Batch,
    /// By family the newest generation seen, also after its mark was taken to be written: until that
    /// is committed nobody else knows, and the pair before would be worth something again.
    seen: HashMap<FamilyId, u32>,
}

/// A batch of marks: by family its newest generation seen and when, and by client when.
#[derive(Debug, Default)]
pub(super) struct Batch {
    families: HashMap<FamilyId, (u32, Timestamp)>,
    clients: HashMap<ClientId, Timestamp>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.families.is_empty()
    }

    pub(super) fn write(self, tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
        for (id, (generation, at)) in &self.families {
            tx.mark_family_used(id, *generation, *at)?;
        }
        for (id, at) in &self.clients {
            tx.mark_client_used(id, *at)?;
        }
        Ok(())
    }
}

impl Marks {
    fn note(&self, request: &AuthorizedRequest, generation: u32, at: Timestamp) {
        let mut waiting = self.lock();
        let Waiting { batch, seen } = &mut *waiting;
        if batch.families.len() >= CHECKED_MAX {
            return;
        }
        let mark = batch.families.entry(request.family.clone()).or_insert((generation, at));
        *mark = (mark.0.max(generation), at);
        batch.clients.insert(request.client_id.clone(), at);
        if seen.len() >= 2 * CHECKED_MAX && !seen.contains_key(&request.family) {
            // A thousand others came since the last of those that do not wait: they are written.
            seen.retain(|family, _| batch.families.contains_key(family));
        }
        let newest = seen.entry(request.family.clone()).or_insert(generation);
        *newest = generation.max(*newest);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Whether a token of this generation was used, be it written yet or not.
    fn saw(&self, family: &FamilyId, generation: u32) -> bool {
        self.newest_seen(family) == Some(generation)
    }

    /// The newest generation of which a token was used, as far as it is remembered here.
    pub(super) fn newest_seen(&self, family: &FamilyId) -> Option<u32> {
        self.lock().seen.get(family).copied()
    }

    pub(super) fn take(&self) -> Batch {
        std::mem::take(&mut self.lock().batch)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a mark arrives. Cancel-safe.
    pub(super) async fn any(&self) {
        self.arrived.notified().await;
    }
}
