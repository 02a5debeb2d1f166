//! Sessions beyond the end of the process: what a client opened its session with is stored, and replayed
//! when it comes back to a gateway that was started again.
//!
//! rmcp asks for stored sessions by their id alone; here each is given to its owner only.
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use rmcp::transport::streamable_http_server::session::{
    SessionState, SessionStore, SessionStoreError,
};

use super::session::{PER_PRINCIPAL_MAX, TOTAL_MAX, in_whose_name};
use crate::clock::{Clock, Timestamp};
use crate::store::{KeptSession, SessionBounds, Store, StoreError};

/// Longest `initialize` that is kept, as JSON; a session with a longer one ends with the process.
const BODY_BYTES_MAX: usize = 16 << 10;
/// rmcp's ids are UUIDs.
const ID_BYTES_MAX: usize = 64;
/// How exactly the time of the last use is kept: a write per call would cost more than the call.
pub(super) const MARK_EVERY: Duration = Duration::from_secs(5 * 60);

/// The stored sessions. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct KeptSessions {
    store: Store,
    clock: Arc<dyn Clock>,
    /// A session that nobody used for this long is over.
    idle_max: Duration,
}

impl KeptSessions {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>, idle_max: Duration) -> Self {
        Self { store, clock, idle_max }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The session, when it is kept, not over, and its owner's.
    pub(super) fn of(&self, id: &str, owner: &str) -> Result<Option<KeptSession>, StoreError> {
        if id.len() > ID_BYTES_MAX {
            return Ok(None);
        }
        let found = self.store.read(|tx| tx.session(id))?;
        let lives = |it: &KeptSession| {
            it.owner == owner && self.now().since(it.used_at) < self.idle_max + MARK_EVERY
        };
        Ok(found.filter(lives))
    }

    /// Notes that a session was used.
    pub(super) async fn mark(&self, id: Arc<str>) {
        let marked = self.store.write(move |tx| tx.mark_session_used(&id)).await;
        tell("marked", marked);
    }

    /// Forgets a session that is over.
    pub(super) async fn forget(&self, id: Arc<str>) {
        let forgotten = self.store.write(move |tx| tx.forget_session(&id)).await;
        tell("forgotten", forgotten);
    }

    async fn keep(&self, id: &str, state: &SessionState) -> Result<(), SessionStoreError> {
        let Some(owner) = in_whose_name() else { return Ok(()) };
        let body = serde_json::to_string(state)?;
        if body.len() > BODY_BYTES_MAX {
            return Ok(());
        }
        let used_at = self.now();
        let session = KeptSession { id: id.to_owned(), owner: owner.to_string(), used_at, body };
        let idle_max = i64::try_from((self.idle_max + MARK_EVERY).as_millis()).unwrap_or(i64::MAX);
        let bounds = SessionBounds {
            per_owner_max: PER_PRINCIPAL_MAX,
            total_max: TOTAL_MAX,
            used_since: Timestamp::from_millis(used_at.as_millis().saturating_sub(idle_max)),
        };
        self.store.write(move |tx| tx.keep_session(&session, bounds)).await?;
        Ok(())
    }

    fn load_own(&self, id: &str) -> Result<Option<SessionState>, SessionStoreError> {
        let Some(owner) = in_whose_name() else { return Ok(None) };
        match self.of(id, &owner)? {
            Some(session) => Ok(Some(serde_json::from_str(&session.body)?)),
            None => Ok(None),
        }
    }
}

/// A session works without its row; only a restart ends it then.
fn tell(what: &str, done: Result<(), StoreError>) {
    if let Err(err) = done {
        tracing::debug!(%err, "a session was not {what}");
    }
}

// The shape that the trait's macro gives its methods.
impl SessionStore for KeptSessions {
    fn load<'a, 'b, 'c>(
        &'a self,
        id: &'b str,
    ) -> BoxFuture<'c, Result<Option<SessionState>, SessionStoreError>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        std::future::ready(self.load_own(id)).boxed()
    }

    fn store<'a, 'b, 'c, 'd>(
        &'a self,
        id: &'b str,
        state: &'c SessionState,
    ) -> BoxFuture<'d, Result<(), SessionStoreError>>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        self.keep(id, state).boxed()
    }

    fn delete<'a, 'b, 'c>(&'a self, id: &'b str) -> BoxFuture<'c, Result<(), SessionStoreError>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.forget(id.into()).map(Ok).boxed()
    }
}
