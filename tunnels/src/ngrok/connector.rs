//! The connector given to the `ngrok` crate: own retries, own timeouts, and a way to stop.
//!
//! The crate calls it for the first connection and again after every loss or refusal. What it
//! returns decides whether the crate goes on: a stream, or `Canceled`, after which the cause is in
//! [`Link::take_fault`] and the supervisor decides.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ngrok::session::{ConnectError, IoStream};
use ngrok::tunnel::AcceptError;
use rustls::pki_types::ServerName;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::error::NgrokError;
use super::proxy;
use super::rebind::Rebind;
use super::stream::{CutStream, OnRebind};
use crate::error::TunnelError;
use crate::provider::{Report, SessionLink};

/// The longest each step of a connection may take.
const STEP_WITHIN: Duration = Duration::from_secs(10);

/// How far the present physical connection has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// The first session is being opened, or the tunnel is bound and carries connections.
    Bound,
    /// The connection is gone.
    Lost,
    /// A new connection stands since then; the crate signs in and binds again.
    Dialed(Instant),
    /// The crate has bound the tunnel again.
    Rebound(Rebind),
}

/// What the connector, the handlers and the session's loop share.
pub(super) struct Link {
    pub(super) session: SessionLink,
    /// Cancelled before the last cut: no reconnect after it.
    pub(super) ended: CancellationToken,
    /// Cancelled by the dashboard's stop command.
    pub(super) stop_asked: CancellationToken,
    pub(super) phase: watch::Sender<Phase>,
    proxy: Option<Url>,
    state: Mutex<LinkState>,
}

#[derive(Default)]
struct LinkState {
    cut: CancellationToken,
    cut_reason: Option<NgrokError>,
    fault: Option<NgrokError>,
}

impl Link {
    pub(super) fn new(session: SessionLink, proxy: Option<Url>) -> Arc<Self> {
        Arc::new(Self {
            session,
            ended: CancellationToken::new(),
            stop_asked: CancellationToken::new(),
            phase: watch::Sender::new(Phase::Bound),
            proxy,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the present physical connection; the crate reconnects at once.
    pub(super) fn cut(&self, reason: NgrokError) {
        let mut state = self.state();
        state.cut_reason.get_or_insert(reason);
        state.cut.cancel();
    }

    /// Ends the session for good.
    pub(super) fn end(&self) {
        self.ended.cancel();
        self.state().cut.cancel();
    }

    /// A heartbeat stayed unanswered. Only a bound link is cut for it: while a new one signs in, the
    /// crate's old heartbeat task is still about, and the rebind has its own deadline.
    pub(super) fn heartbeat_missed(&self) {
        if matches!(*self.phase.borrow(), Phase::Bound) {
            self.cut(NgrokError::HeartbeatLost);
        }
    }

    /// Why the connector gave up, if it did.
    pub(super) fn take_fault(&self) -> Option<NgrokError> {
        self.state().fault.take()
    }

    fn give_up(&self, fault: NgrokError) -> ConnectError {
        self.state().fault = Some(fault);
        ConnectError::Canceled
    }

    /// Connects for the crate: once at first, and after a loss until it works or cannot help.
    pub(super) async fn connect(
        self: Arc<Self>,
        host: String,
        port: u16,
        tls: Arc<rustls::ClientConfig>,
        lost: Option<AcceptError>,
    ) -> Result<Box<dyn IoStream>, ConnectError> {
        tokio::select! {
            biased;
            () = self.ended.cancelled() => Err(ConnectError::Canceled),
            () = self.session.closing().cancelled() => Err(ConnectError::Canceled),
            result = async {
                match lost {
                    None => self.dial(&host, port, tls, false).await.map_err(|e| self.give_up(e)),
                    Some(cause) => self.reconnect(&host, port, tls, &cause).await,
                }
            } => result,
        }
    }

    async fn reconnect(
        self: &Arc<Self>,
        host: &str,
        port: u16,
        tls: Arc<rustls::ClientConfig>,
        cause: &AcceptError,
    ) -> Result<Box<dyn IoStream>, ConnectError> {
        let own_reason = self.state().cut_reason.take();
        let mut cause = own_reason.unwrap_or_else(|| NgrokError::of_accept(cause));
        let was = self.phase.send_replace(Phase::Lost);
        if matches!(was, Phase::Bound | Phase::Rebound(_)) {
            self.session.report(Report::Lost { cause: cause.clone().into() }).await;
        }
        loop {
            // Anything but the ordinary law is for the supervisor: it may never be retried, or not
            // under this session.
            if cause.retry() != crate::Retry::Law {
                return Err(self.give_up(cause));
            }
            let told = TunnelError::from(cause.clone());
            let Some(wait) = self.session.retry_after(&told) else {
                return Err(self.give_up(cause));
            };
            self.session.report(Report::Retrying { cause: told, after: wait }).await;
            sleep(wait).await;
            match self.dial(host, port, Arc::clone(&tls), true).await {
                Ok(stream) => {
                    self.phase.send_if_modified(|phase| {
                        let waiting = !matches!(phase, Phase::Rebound(_));
                        if waiting {
                            *phase = Phase::Dialed(Instant::now());
                        }
                        waiting
                    });
                    return Ok(stream);
                }
                Err(error) => cause = error,
            }
        }
    }

    /// One try: TCP, then TLS, each within its time.
    async fn dial(
        self: &Arc<Self>,
        host: &str,
        port: u16,
        tls: Arc<rustls::ClientConfig>,
        again: bool,
    ) -> Result<Box<dyn IoStream>, NgrokError> {
        let address = format!("{host}:{port}");
        let late = |what| NgrokError::Late { what, within: STEP_WITHIN };
        let stream = timeout(STEP_WITHIN, proxy::open(host, port, self.proxy.as_ref()))
            .await
            .map_err(|_| late("a connection attempt"))??;
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| NgrokError::ServerAddress { address: address.clone() })?;
        let stream = timeout(STEP_WITHIN, TlsConnector::from(tls).connect(name, stream))
            .await
            .map_err(|_| late("the TLS handshake"))?
            .map_err(|error| tls_error(address, &error))?;
        let cut = {
            let mut state = self.state();
            state.cut = CancellationToken::new();
            state.cut_reason = None;
            state.cut.clone()
        };
        if self.ended.is_cancelled() {
            // `end` may have cut the connection before this one.
            cut.cancel();
        }
        let on_rebind = again.then(|| -> OnRebind {
            let link = Arc::clone(self);
            Box::new(move |answer| {
                link.phase.send_replace(Phase::Rebound(answer));
            })
        });
        Ok(Box::new(CutStream::new(stream, &cut, on_rebind)))
    }
}

fn tls_error(address: String, error: &std::io::Error) -> NgrokError {
    let certificate = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_)));
    let reason = error.to_string();
    if certificate {
        NgrokError::UntrustedTls { address, reason }
    } else {
        NgrokError::Tls { address, reason }
    }
}
