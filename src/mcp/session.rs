//! Sessions of the revisions before 2026-07-28: bounded in number, and each bound to the principal
//! who opened it.
//!
//! An idle session makes room for a new one, the least recently used first; a busy one never does,
//! because its running call would be lost. Busy is what somebody has a [`Hold`] on: a request that
//! runs, also when its client has gone away meanwhile, an open event stream, a handshake under way.
//!
//! A session outlives the process: who comes back with the id of one that is kept gets it restored
//! under the same bounds. Only what was agreed on is kept; calls that ran are over.
//!
//! rmcp's own manager knows neither bound nor owner. The owner travels in a task-local, and a refusal
//! comes back in it, because the manager's interface carries no request and one kind of failure.
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt};
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{
    RestoreOutcome, ServerSseMessage, SessionId, SessionManager,
};
use tokio_util::task::TaskTracker;

use super::kept::{KeptSessions, MARK_EVERY};
use super::replay::Replay;
use crate::clock::{Clock, Timestamp};
use crate::store::{Store, StoreError};

/// Sessions of one principal.
pub(super) const PER_PRINCIPAL_MAX: usize = 16;
/// Sessions of all principals together.
pub(super) const TOTAL_MAX: usize = 256;
/// A session nobody used for this long ends. An open event stream alone does not count as use, so
/// this is longer than a phone stays in a pocket between two looks.
const IDLE_MAX: Duration = Duration::from_secs(30 * 60);
/// A handshake that was begun must be finished within this time.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How long a session that has to go may take over its last message.
const CLOSE_MAX: Duration = Duration::from_secs(5);

tokio::task_local! {
    static OPENER: Opener;
}

/// Whose request is being handled, as what, and whether a session was refused to it.
#[derive(Debug)]
struct Opener {
    owner: Arc<str>,
    call: Option<Arc<OpenCall>>,
    refused: Cell<Option<AllBusy>>,
}

/// Why no session is opened: none can make room.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum AllBusy {
    /// All that the principal may have are busy.
    #[error("all {PER_PRINCIPAL_MAX} sessions of this client are busy")]
    OfPrincipal,
    /// All of the gateway are.
    #[error("all {TOTAL_MAX} sessions of this gateway are busy")]
    OfGateway,
}

/// Why rmcp gets no session, or no answer from one.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error(transparent)]
    AllBusy(#[from] AllBusy),
    #[error(transparent)]
    Local(#[from] LocalSessionManagerError),
    #[error("the session belongs to nobody who asks")]
    NotClaimed,
}

/// Why a kept session is not given back.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReopened {
    #[error(transparent)]
    AllBusy(#[from] AllBusy),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps a session from making room for as long as it, or a clone of it, lives.
#[derive(Clone, Debug)]
pub(super) struct Hold(Arc<Calls>);

/// Ids of the requests that run in a session.
type Calls = Mutex<HashSet<String>>;

impl Hold {
    /// Begins the request `id`; none when one of that id runs: rmcp would answer only one of them.
    pub(super) fn begin(&self, id: &serde_json::Value) -> Option<Arc<OpenCall>> {
        let (id, calls) = (id.to_string(), Arc::clone(&self.0));
        let is_new = calls.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        is_new.then(|| Arc::new(OpenCall { id, calls }))
    }
}

/// A request that runs; it is over when the last clone is gone.
#[derive(Debug)]
pub(super) struct OpenCall {
    id: String,
    calls: Arc<Calls>,
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// Does `work`, which is `call`, in the name of `owner`; also tells whether a session was refused to
/// it.
pub(super) async fn in_the_name_of<F: Future>(
    owner: Arc<str>,
    call: Option<Arc<OpenCall>>,
    work: F,
) -> (F::Output, Option<AllBusy>) {
    let work = async {
        let done = work.await;
        (done, OPENER.with(|opener| opener.refused.get()))
    };
    OPENER.scope(Opener { owner, call, refused: Cell::new(None) }, work).await
}

/// In whose name the current request is handled.
pub(super) fn in_whose_name() -> Option<Arc<str>> {
    OPENER.try_with(|opener| opener.owner.clone()).ok()
}

/// rmcp's session manager with bounds and owners.
#[derive(Debug)]
pub(super) struct BoundSessions {
    inner: Arc<LocalSessionManager>,
    table: Mutex<Table>,
    kept: KeptSessions,
    replay: Replay,
    closing: TaskTracker,
}

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<SessionId, Binding>,
    /// Grows by one with every use.
    tick: u64,
}

#[derive(Debug)]
struct Binding {
    owner: Arc<str>,
    used: u64,
    /// Shared with every [`Hold`].
    life: Arc<Calls>,
    /// Until the handshake begins.
    opening: Option<Hold>,
    /// When the stored session was last told of its use.
    marked: Timestamp,
    /// Claimed by a request after a restart, and its handshake not yet replayed.
    restoring: bool,
}

impl Binding {
    fn hold(&self) -> Hold {
        Hold(self.life.clone())
    }

    /// Exact under the table's lock: the first hold on a session is taken under it.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.life) == 1
    }
}

impl BoundSessions {
    pub(super) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        let kept = KeptSessions::new(store, clock, IDLE_MAX);
        let mut inner = LocalSessionManager::default();
        inner.session_config.keep_alive = Some(IDLE_MAX);
        inner.session_config.init_timeout = Some(HANDSHAKE_MAX);
        let (inner, closing) = (Arc::new(inner), TaskTracker::new());
        Self { inner, table: Mutex::default(), kept, replay: Replay::default(), closing }
    }

    /// The sessions that outlive the process.
    pub(super) fn kept(&self) -> KeptSessions {
        self.kept.clone()
    }

    /// A hold on the session, when it exists and belongs to `owner`; counts as use.
    pub(super) fn hold(&self, id: &str, owner: &str) -> Option<Hold> {
        let now = self.kept.now();
        let mut table = self.lock();
        table.tick += 1;
        let tick = table.tick;
        let binding = table.sessions.get_mut(id).filter(|it| *it.owner == *owner)?;
        binding.used = tick;
        if now.since(binding.marked) >= MARK_EVERY {
            binding.marked = now;
            let (kept, id) = (self.kept.clone(), Arc::from(id));
            self.closing.spawn(async move { kept.mark(id).await });
        }
        Some(binding.hold())
    }

    /// Claims a session of an earlier process for `owner`, whose request is about to have it
    /// restored; none when it is not kept for them.
    pub(super) fn reopen(&self, id: &str, owner: &Arc<str>) -> Result<Option<Hold>, NotReopened> {
        if self.lock().sessions.contains_key(id) || self.kept.of(id, owner)?.is_none() {
            return Ok(None);
        }
        self.bind(id.into(), owner.clone(), true)?;
        Ok(self.hold(id, owner))
    }

    /// Gives up a claim that was not followed by a restored session.
    pub(super) fn give_up(&self, id: &str) {
        let mut table = self.lock();
        if table.sessions.get(id).is_some_and(|it| it.restoring) {
            table.sessions.remove(id);
            self.replay.close(&id.into());
        }
    }

    /// Sessions open now.
    pub(super) fn len(&self) -> usize {
        self.lock().sessions.len()
    }

    fn bind(&self, id: SessionId, owner: Arc<str>, restoring: bool) -> Result<(), AllBusy> {
        let marked = self.kept.now();
        let mut table = self.lock();
        if table.sessions.contains_key(&id) {
            // Another request of the same owner was first.
            return Ok(());
        }
        let gone = if table.count_of(&owner) >= PER_PRINCIPAL_MAX {
            Some(table.evict(|binding| binding.owner == owner).ok_or(AllBusy::OfPrincipal)?)
        } else if table.sessions.len() >= TOTAL_MAX {
            Some(table.evict(|_| true).ok_or(AllBusy::OfGateway)?)
        } else {
            None
        };
        table.tick += 1;
        let (used, life) = (table.tick, Arc::default());
        let opening = (!restoring).then(|| Hold(Arc::clone(&life)));
        let binding = Binding { owner, used, life, opening, marked, restoring };
        self.replay.open(id.clone());
        table.sessions.insert(id, binding);
        drop(table);
        if let Some(gone) = gone {
            tracing::debug!("an idle session made room for a newer one");
            self.close_behind(gone);
        }
        Ok(())
    }

    /// A client that does not read its stream can hold up the session's last message.
    fn close_behind(&self, id: SessionId) {
        self.replay.close(&id);
        let (inner, kept) = (self.inner.clone(), self.kept.clone());
        self.closing.spawn(async move {
            kept.forget(id.clone()).await;
            let _ = tokio::time::timeout(CLOSE_MAX, inner.close_session(&id)).await;
        });
    }

    /// What is sent outside of requests goes into the session's ring from the first GET on.
    async fn read_common(&self, id: &SessionId) -> Result<(), SessionError> {
        if !self.replay.reads_common(id) {
            let source = self.inner.create_standalone_stream(id).await?;
            self.replay.read_common(id, Box::pin(source));
        }
        Ok(())
    }

    /// A hold on a session that rmcp names, if it is still there.
    fn hold_any(&self, id: &SessionId) -> Option<Hold> {
        self.lock().sessions.get(id).map(Binding::hold)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn count_of(&self, owner: &Arc<str>) -> usize {
        self.sessions.values().filter(|binding| binding.owner == *owner).count()
    }

    /// Takes out the least recently used idle session of those that `among` names.
    fn evict(&mut self, among: impl Fn(&Binding) -> bool) -> Option<SessionId> {
        let idle = self.sessions.iter().filter(|(_, it)| among(it) && it.is_idle());
        let (id, _) = idle.min_by_key(|(_, binding)| binding.used)?;
        let id = id.clone();
        self.sessions.remove(&id);
        Some(id)
    }
}

/// The messages of `inner`, with a hold on the session and on the call until the last of them.
fn held(
    hold: (Option<Hold>, Option<Arc<OpenCall>>),
    inner: impl Stream<Item = ServerSseMessage> + Send + Sync + 'static,
) -> impl Stream<Item = ServerSseMessage> + Send + Sync + 'static {
    inner.inspect(move |_| {
        let _ = &hold;
    })
}

impl SessionManager for BoundSessions {
    type Error = SessionError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let owner = in_whose_name().unwrap_or_default();
        let (id, transport) = self.inner.create_session().await?;
        if let Err(refused) = self.bind(id.clone(), owner, false) {
            let _ = OPENER.try_with(|opener| opener.refused.set(Some(refused)));
            self.close_behind(id);
            return Err(refused.into());
        }
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        // Until the end of the handshake, or of a client that gives up on it.
        let _hold = self.lock().sessions.get_mut(id).and_then(|binding| binding.opening.take());
        Ok(self.inner.initialize_session(id, message).await?)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        // Before its handshake was replayed a session takes nothing else: a second request waits for
        // the first.
        if self.lock().sessions.get(id).is_none_or(|it| it.restoring) {
            return Ok(false);
        }
        Ok(self.inner.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.lock().sessions.remove(id);
        self.replay.close(id);
        self.kept.forget(id.clone()).await;
        Ok(self.inner.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let call = OPENER.try_with(|opener| opener.call.clone()).ok().flatten();
        let hold = (self.hold_any(id), call);
        let source = Box::pin(self.inner.create_stream(id, message).await?);
        Ok(held(hold, self.replay.recorded(id, source)))
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), Self::Error> {
        let ends_handshake = matches!(
            &message,
            JsonRpcMessage::Notification(it)
                if matches!(it.notification, ClientNotification::InitializedNotification(_))
        );
        self.inner.accept_message(id, message).await?;
        if ends_handshake && let Some(binding) = self.lock().sessions.get_mut(id) {
            binding.restoring = false;
        }
        Ok(())
    }

    async fn restore_session(
        &self,
        id: SessionId,
    ) -> Result<RestoreOutcome<Self::Transport>, Self::Error> {
        let owner = in_whose_name().unwrap_or_default();
        let claimed = |it: &Binding| it.restoring && it.owner == owner;
        if !self.lock().sessions.get(&id).is_some_and(claimed) {
            return Err(SessionError::NotClaimed);
        }
        Ok(self.inner.restore_session(id).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let hold = (self.hold_any(id), None);
        self.read_common(id).await?;
        Ok(held(hold, self.replay.follow(id.clone(), None)))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        let hold = (self.hold_any(id), None);
        self.read_common(id).await?;
        Ok(held(hold, self.replay.follow(id.clone(), Some(&last_event_id))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(sessions: &BoundSessions, owner: usize) -> Result<SessionId, Option<AllBusy>> {
        let owner = Arc::from(owner.to_string());
        let (opened, refused) = in_the_name_of(owner, None, sessions.create_session()).await;
        opened.map(|(id, _)| id).map_err(|_| refused)
    }

    #[tokio::test]
    async fn when_every_session_of_the_gateway_is_busy_nobody_loses_one() {
        let clock: Arc<dyn Clock> = Arc::new(crate::clock::SystemClock);
        let sessions = BoundSessions::new(Store::in_memory(clock.clone()).unwrap(), clock);
        for n in 0..TOTAL_MAX {
            // Whose handshake has not begun is busy.
            open(&sessions, n / PER_PRINCIPAL_MAX).await.unwrap();
        }
        assert_eq!(open(&sessions, 0).await, Err(Some(AllBusy::OfPrincipal)));
        assert_eq!(open(&sessions, TOTAL_MAX).await, Err(Some(AllBusy::OfGateway)));
        assert_eq!(sessions.len(), TOTAL_MAX);
        let idle = sessions.lock().sessions.values_mut().next().unwrap().opening.take();
        drop(idle);
        open(&sessions, TOTAL_MAX).await.unwrap();
        assert_eq!(sessions.len(), TOTAL_MAX);
    }
}
