//! The contract between the supervisor and whoever knows how to open a tunnel.
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::admission::Gate;
use crate::backoff::{Backoff, Decision, Law};
use crate::connection::{ClientAddress, Io};
use crate::error::TunnelError;
use crate::event::Note;

/// Opens sessions of one kind of tunnel.
///
/// A provider holds settings, no state: what happens is reported over the [`SessionLink`], and the
/// supervisor decides what it means.
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// The provider's name as typed in the configuration, such as `ngrok`.
    fn name(&self) -> &'static str;

    /// How its failures are to be met.
    fn policy(&self) -> Policy;

    /// Runs one session from opening to end.
    ///
    /// Ends with `Ok` only after [`SessionLink::closing`] was asked for, having closed the session
    /// gracefully; with the cause otherwise. The supervisor drops the future when closing takes
    /// longer than [`Policy::close_within`], so whatever must not outlive the session is held by it.
    fn run(&self, link: SessionLink) -> BoxFuture<'static, Result<(), TunnelError>>;
}

/// How a provider's failures are met.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// The waits between tries.
    pub law: Law,
    /// At most so many sessions in so long.
    pub openings_max: Option<(u32, Duration)>,
    /// The longest a graceful close may take.
    pub close_within: Duration,
    /// Whether a new session can cure a public address that leads elsewhere.
    pub reopen_when_not_served: bool,
}

/// What a session says of itself.
#[derive(Debug)]
#[non_exhaustive]
pub enum Report {
    /// No tunnel is wanted.
    Off,
    /// The session carries connections under this address: at the first opening, and again whenever
    /// the session has recovered by itself.
    Opened {
        /// The public address.
        url: Url,
    },
    /// The session is cut off, and the provider is getting it back under the same address.
    Lost {
        /// Why.
        cause: TunnelError,
    },
    /// After a loss, the provider's next own try begins after this wait.
    Retrying {
        /// Why another try is needed.
        cause: TunnelError,
        /// The wait.
        after: Duration,
    },
    /// Something worth knowing.
    Note(Note),
}

/// What a running session holds: where to report, where to put connections, when to stop.
#[derive(Clone, Debug)]
pub struct SessionLink {
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) closing: CancellationToken,
    pub(crate) backoff: Arc<Mutex<Backoff>>,
}

impl SessionLink {
    /// Cancelled when the session must close gracefully.
    #[must_use]
    pub fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Reports to the supervisor. Waits while it is busy with earlier reports; cancel-safe.
    pub async fn report(&self, report: Report) {
        if matches!(report, Report::Lost { .. }) {
            // Before the provider asks for its next wait, not when the supervisor gets to it.
            self.backoff().lost(Instant::now());
        }
        // A supervisor that is gone has dropped this session's task too.
        let _ = self.reports.send(report).await;
    }

    /// Reports a remark without ever waiting; it is lost when the supervisor is behind.
    pub fn note(&self, note: Note) {
        let _ = self.reports.try_send(Report::Note(note));
    }

    /// Hands a visitor's connection to the server without ever waiting.
    ///
    /// When the tunnel is full the connection that has been idle the longest makes room; when none is
    /// idle, this one is dropped. Either is counted and noted.
    pub fn deliver(&self, io: impl Io + 'static, peer: ClientAddress) {
        if let Some(note) = self.gate.admit(Box::new(io), peer, Instant::now()) {
            self.note(note);
        }
    }

    /// The wait before the provider's own next try after `cause`; `None` when its session should end
    /// with that cause instead.
    #[must_use]
    pub fn retry_after(&self, cause: &TunnelError) -> Option<Duration> {
        match self.backoff().decide(Instant::now(), cause) {
            Decision::Wait(wait) => Some(wait),
            Decision::GiveUp { .. } => None,
        }
    }

    fn backoff(&self) -> MutexGuard<'_, Backoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
