//! Sessions of the revisions before 2026-07-28: bounded in number, and each bound to the principal
//! who opened it.
//!
//! rmcp's own manager knows neither bound nor owner. The owner travels in a task-local because the
//! manager's interface carries no request.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::Stream;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError,
};
use rmcp::transport::streamable_http_server::session::{
    ServerSseMessage, SessionId, SessionManager,
};
use tokio_util::task::TaskTracker;

/// Sessions of one principal; the least recently used one makes room.
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
    /// Whose request is being handled.
    pub(super) static OWNER: Arc<str>;
}

/// rmcp's session manager with bounds and owners.
#[derive(Debug)]
pub(super) struct BoundSessions {
    inner: Arc<LocalSessionManager>,
    table: Mutex<Table>,
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
}

impl BoundSessions {
    pub(super) fn new() -> Self {
        let mut inner = LocalSessionManager::default();
        inner.session_config.keep_alive = Some(IDLE_MAX);
        inner.session_config.init_timeout = Some(HANDSHAKE_MAX);
        Self { inner: Arc::new(inner), table: Mutex::default(), closing: TaskTracker::new() }
    }

    /// Whether the session exists and belongs to `owner`; counts as use.
    pub(super) fn belongs_to(&self, id: &str, owner: &str) -> bool {
        let mut table = self.lock();
        table.tick += 1;
        let tick = table.tick;
        match table.sessions.get_mut(id) {
            Some(binding) if *binding.owner == *owner => {
                binding.used = tick;
                true
            }
            _ => false,
        }
    }

    /// Sessions open now.
    pub(super) fn len(&self) -> usize {
        self.lock().sessions.len()
    }

    fn bind(&self, id: SessionId, owner: Arc<str>) {
        let mut table = self.lock();
        let mut gone = Vec::new();
        if table.count_of(&owner) >= PER_PRINCIPAL_MAX {
            gone.extend(table.evict(|binding| binding.owner == owner));
        }
        if table.sessions.len() >= TOTAL_MAX {
            gone.extend(table.evict(|_| true));
        }
        table.tick += 1;
        let used = table.tick;
        table.sessions.insert(id, Binding { owner, used });
        drop(table);
        for id in gone {
            tracing::debug!("a session made room for a newer one");
            let inner = self.inner.clone();
            // A client that does not read its stream can hold up the session's last message.
            self.closing.spawn(async move {
                let _ = tokio::time::timeout(CLOSE_MAX, inner.close_session(&id)).await;
            });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn count_of(&self, owner: &Arc<str>) -> usize {
        self.sessions.values().filter(|binding| binding.owner == *owner).count()
    }

    fn evict(&mut self, among: impl Fn(&Binding) -> bool) -> Option<SessionId> {
        let oldest = self.sessions.iter().filter(|(_, binding)| among(binding));
        let (id, _) = oldest.min_by_key(|(_, binding)| binding.used)?;
        let id = id.clone();
        self.sessions.remove(&id);
        Some(id)
    }
}

impl SessionManager for BoundSessions {
    type Error = LocalSessionManagerError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        let owner = OWNER.try_with(Arc::clone).unwrap_or_default();
        let (id, transport) = self.inner.create_session().await?;
        self.bind(id.clone(), owner);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.inner.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        self.inner.has_session(id).await
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.lock().sessions.remove(id);
        self.inner.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.create_stream(id, message).await
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), Self::Error> {
        self.inner.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.resume(id, last_event_id).await
    }
}
