//! Telling clients of changed tasks: on `subscriptions/listen` (2026-07-28), and on the GET stream of a
//! session that subscribed or looked at the list (older revisions).
//!
//! The source is the store's own subscription, so nothing is told before it is committed. What happens
//! in quick succession is told once.
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use rmcp::model::ResourceUpdatedNotificationParam;
use rmcp::service::SubscriptionSink;
use rmcp::{Peer, RoleServer};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::endpoint::McpParts;
use super::principal::Principal;
use super::resources::{uri_of, visible};
use super::tasks::TaskChange;
use crate::model::TaskId;

/// Tasks that one client may watch at once.
pub(super) const WATCHED_MAX: usize = 64;
/// Between two rounds of notifications to one client.
const QUIET: Duration = Duration::from_secs(1);
/// Changes taken together at most.
const ROUND_MAX: usize = 1024;

/// What a client wants to hear of.
#[derive(Debug, Default)]
pub(super) struct Interest {
    pub(super) tasks: BTreeSet<TaskId>,
    /// New tasks.
    pub(super) list: bool,
}

/// Where notifications go.
#[derive(Debug)]
pub(super) enum Listener {
    Subscription(SubscriptionSink),
    Session(Peer<RoleServer>),
}

impl Listener {
    /// Whether somebody still listens.
    async fn updated(&self, id: &TaskId) -> bool {
        let uri = uri_of(id);
        match self {
            Self::Subscription(sink) => sink.notify_resource_updated(uri).await.is_ok(),
            Self::Session(peer) => {
                let changed = ResourceUpdatedNotificationParam::new(uri);
                peer.notify_resource_updated(changed).await.is_ok()
            }
        }
    }

    async fn list_changed(&self) -> bool {
        match self {
            Self::Subscription(sink) => sink.notify_resource_list_changed().await.is_ok(),
            Self::Session(peer) => peer.notify_resource_list_changed().await.is_ok(),
        }
    }
}

/// Tells `listener` of changes until `over`, the gateway's end, or its own.
pub(super) async fn tell_changes(
    parts: Arc<McpParts>,
    principal: Arc<Principal>,
    interest: Arc<Mutex<Interest>>,
    listener: Listener,
    over: CancellationToken,
) {
    let mut changes = parts.tasks.changes();
    let ended = async {
        tokio::select! {
            () = over.cancelled() => {}
            () = parts.draining.cancelled() => {}
        }
    };
    let told = async {
        while let Some(first) = changes.next().await {
            let mut round = Round::default();
            round.add(first, &interest);
            for _ in 0..ROUND_MAX {
                let Some(Some(more)) = changes.next().now_or_never() else { break };
                round.add(more, &interest);
            }
            if !round.tell(&parts, &principal, &listener).await {
                return;
            }
            parts.clock.sleep(QUIET).await;
        }
    };
    tokio::select! {
        biased;
        () = ended => {}
        () = told => {}
    }
}

/// What is told at once.
#[derive(Debug, Default)]
struct Round {
    changed: BTreeSet<TaskId>,
    new: BTreeSet<TaskId>,
}

impl Round {
    fn add(&mut self, change: TaskChange, interest: &Mutex<Interest>) {
        let interest = interest.lock().unwrap_or_else(PoisonError::into_inner);
        if change.is_new && interest.list {
            self.new.insert(change.task_id.clone());
        }
        if interest.tasks.contains(&change.task_id) {
            self.changed.insert(change.task_id);
        }
    }

    async fn tell(self, parts: &McpParts, principal: &Principal, listener: &Listener) -> bool {
        for id in &self.new {
            if matches!(visible(&*parts.tasks, principal, id).await, Ok(Some(_))) {
                if !listener.list_changed().await {
                    return false;
                }
                break;
            }
        }
        for id in &self.changed {
            let sees = matches!(visible(&*parts.tasks, principal, id).await, Ok(Some(_)));
            if sees && !listener.updated(id).await {
                return false;
            }
        }
        true
    }
}

/// What one session watches. A clone watches nothing: the server of a session is never shared.
#[derive(Debug, Default)]
pub(super) struct SessionWatch(OnceLock<Watching>);

#[derive(Debug)]
struct Watching {
    interest: Arc<Mutex<Interest>>,
    /// Ends the notifications with the session.
    _over: DropGuard,
}

impl Clone for SessionWatch {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl SessionWatch {
    /// Changes what is watched; telling begins with the first call.
    pub(super) fn change<T>(
        &self,
        parts: &Arc<McpParts>,
        principal: &Arc<Principal>,
        peer: &Peer<RoleServer>,
        how: impl FnOnce(&mut Interest) -> T,
    ) -> T {
        let watching = self.0.get_or_init(|| {
            let (interest, over) = (Arc::default(), CancellationToken::new());
            let listener = Listener::Session(peer.clone());
            let telling = tell_changes(
                parts.clone(),
                principal.clone(),
                Arc::clone(&interest),
                listener,
                over.clone(),
            );
            tokio::spawn(telling);
            Watching { interest, _over: over.drop_guard() }
        });
        how(&mut watching.interest.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
