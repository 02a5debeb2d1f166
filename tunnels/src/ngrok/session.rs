//! One ngrok session: opened, served, and closed so that nothing of it is left at the edge.
use std::future::pending;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use ngrok::config::{HttpTunnelBuilder, TunnelBuilder as _};
use ngrok::conn::ConnInfo;
use ngrok::session::{Restart, SessionBuilder, Stop, Update};
use ngrok::tunnel::{AcceptError, EndpointInfo, HttpTunnel, TunnelInfo};
use ngrok::{EndpointConn, Session};
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until, timeout};
use url::Url;

use super::connector::{Link, Phase};
use super::error::NgrokError;
use super::{Ca, NgrokSettings};
use crate::connection::ClientAddress;
use crate::event::Note;
use crate::provider::{Report, SessionLink};

/// The longest signing in may take, after TCP and TLS.
const SIGN_IN_WITHIN: Duration = Duration::from_secs(40);
/// The longest binding the endpoint may take.
const BIND_WITHIN: Duration = Duration::from_secs(20);
/// The longest a reconnected session may take to bind again. The crate sleeps up to hours between
/// its own tries, and only a new session ends such a sleep.
const REBIND_WITHIN: Duration = Duration::from_secs(60);
/// Steps of the graceful close.
const UNBIND_WITHIN: Duration = Duration::from_secs(2);
const DRAIN_WITHIN: Duration = Duration::from_secs(1);
/// Time for the answer to a dashboard command to leave before the link is cut.
const ANSWER_FLUSH: Duration = Duration::from_millis(200);
/// What ngrok's dashboard shows as the thing served. The crate's default names host and executable.
const FORWARDS_TO: &str = "gateway";

pub(super) async fn run(settings: NgrokSettings, session: SessionLink) -> Result<(), NgrokError> {
    install_tls_provider();
    if settings.authtoken.expose().is_empty() {
        return Err(NgrokError::AuthtokenMissing);
    }
    note_unusual(&settings, &session);
    let link = Link::new(session.clone(), settings.proxy_url.clone());
    // Whatever way this future ends, also dropped half-way, the link ends with it.
    let _ended = link.ended.clone().drop_guard();
    let _cut = EndOnDrop(Arc::clone(&link));
    let builder = session_builder(&settings, &link).await?;
    let opened = tokio::select! {
        biased;
        () = session.closing().cancelled() => return Ok(()),
        opened = open(&builder, &settings, &link) => opened,
    };
    let (ngrok, tunnel) = opened?;
    Serving { url: public_url(tunnel.url())?, phase: link.phase.subscribe(), link, ngrok, tunnel }
        .run()
        .await
}

struct EndOnDrop(Arc<Link>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The crate panics without a process-wide TLS provider; another one, installed earlier, is as good.
fn install_tls_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn note_unusual(settings: &NgrokSettings, session: &SessionLink) {
    let mut what = Vec::new();
    if let Some(address) = &settings.server_addr {
        what.push(format!("the ngrok server is {address}"));
    }
    match &settings.ca {
        Ca::Ngrok => {}
        Ca::System => what.push("TLS to ngrok is checked by the system's authorities".to_owned()),
        Ca::File(path) => what.push(format!("TLS to ngrok is checked by {}", path.display())),
        Ca::Pem(_) => what.push("TLS to ngrok is checked by a given authority".to_owned()),
    }
    if !what.is_empty() {
        session.note(Note::CustomEdge { what: what.join("; ") });
    }
}

fn public_url(text: &str) -> Result<Url, NgrokError> {
    Url::parse(text).map_err(|_| NgrokError::PublicUrl(text.chars().take(200).collect()))
}

async fn session_builder(
    settings: &NgrokSettings,
    link: &Arc<Link>,
) -> Result<SessionBuilder, NgrokError> {
    let mut builder = Session::builder();
    builder
        .authtoken(settings.authtoken.expose())
        .client_info("gateway", env!("CARGO_PKG_VERSION"), None::<String>)
        .heartbeat_interval(settings.heartbeat_interval)
        .map_err(|error| NgrokError::ConnectionLost(error.to_string()))?
        .heartbeat_tolerance(settings.heartbeat_tolerance)
        .map_err(|error| NgrokError::ConnectionLost(error.to_string()))?;
    if let Some(address) = &settings.server_addr {
        builder
            .server_addr(address.as_str())
            .map_err(|_| NgrokError::ServerAddress { address: address.clone() })?;
    }
    match &settings.ca {
        Ca::Ngrok => {}
        Ca::System => {
            builder.root_cas("host").map_err(|error| NgrokError::CaFile {
                path: "the system's certificates".into(),
                reason: error.to_string(),
            })?;
        }
        Ca::File(path) => {
            builder.ca_cert(read_ca(path).await?);
        }
        Ca::Pem(text) => {
            builder.ca_cert(text.clone().into());
        }
    }
    let connector = Arc::clone(link);
    builder.connector(move |host, port, tls, lost| {
        Arc::clone(&connector).connect(host, port, tls, lost)
    });
    add_handlers(&mut builder, link);
    Ok(builder)
}

/// Reads a PEM file and makes sure that there is a certificate in it: the crate skips what it cannot
/// read, and then believes nobody.
async fn read_ca(path: &Path) -> Result<Bytes, NgrokError> {
    let fault = |reason: String| NgrokError::CaFile { path: path.to_owned(), reason };
    let text = tokio::fs::read(path).await.map_err(|error| fault(error.to_string()))?;
    let marker = b"-----BEGIN CERTIFICATE-----";
    if !text.windows(marker.len()).any(|window| window == marker) {
        return Err(fault("it holds no PEM certificate".to_owned()));
    }
    Ok(text.into())
}

fn add_handlers(builder: &mut SessionBuilder, link: &Arc<Link>) {
    let heartbeat = Arc::clone(link);
    builder.handle_heartbeat(move |latency: Option<Duration>| {
        if latency.is_none() {
            heartbeat.heartbeat_missed();
        }
        async { Ok(()) }
    });
    let stop = Arc::clone(link);
    builder.handle_stop_command(move |_: Stop| {
        stop.stop_asked.cancel();
        std::future::ready(Ok(()))
    });
    let restart = Arc::clone(link);
    builder.handle_restart_command(move |_: Restart| {
        restart.session.note(Note::RestartAsked);
        let link = Arc::clone(&restart);
        tokio::spawn(async move {
            tokio::select! {
                () = sleep(ANSWER_FLUSH) => link.cut(NgrokError::RestartAsked),
                () = link.ended.cancelled() => {}
            }
        });
        std::future::ready(Ok(()))
    });
    let update = Arc::clone(link);
    builder.handle_update_command(move |request: Update| {
        let version = request.version.chars().filter(|c| !c.is_control()).take(40).collect();
        update.session.note(Note::UpdateRefused { version });
        std::future::ready(
            Err("the gateway is updated by its owner, on its own machine".to_owned()),
        )
    });
}

async fn open(
    builder: &SessionBuilder,
    settings: &NgrokSettings,
    link: &Link,
) -> Result<(Session, HttpTunnel), NgrokError> {
    let late = |what, within| NgrokError::Late { what, within };
    let session = timeout(SIGN_IN_WITHIN, builder.connect())
        .await
        .map_err(|_| late("the sign-in", SIGN_IN_WITHIN))?
        .map_err(|error| link.take_fault().unwrap_or_else(|| NgrokError::of_connect(&error)))?;
    let mut endpoint: HttpTunnelBuilder = session.http_endpoint();
    endpoint.forwards_to(FORWARDS_TO);
    if let Some(domain) = &settings.domain {
        endpoint.domain(domain.as_str());
    }
    let tunnel = timeout(BIND_WITHIN, endpoint.listen())
        .await
        .map_err(|_| late("the request for an address", BIND_WITHIN))?
        .map_err(|error| NgrokError::of_rpc(&error))?;
    Ok((session, tunnel))
}

/// A bound tunnel.
struct Serving {
    url: Url,
    link: Arc<Link>,
    phase: watch::Receiver<Phase>,
    ngrok: Session,
    tunnel: HttpTunnel,
}

impl Serving {
    async fn run(mut self) -> Result<(), NgrokError> {
        self.link.session.report(Report::Opened { url: self.url.clone() }).await;
        let ended = loop {
            let rebind_by = match *self.phase.borrow() {
                Phase::Dialed(since) => Some(since + REBIND_WITHIN),
                Phase::Bound | Phase::Lost | Phase::Rebound(_) => None,
            };
            tokio::select! {
                biased;
                () = self.link.session.closing().cancelled() => break Ok(()),
                () = self.link.stop_asked.cancelled() => break Err(NgrokError::Stopped {
                    code: None,
                    message: "stopped from the dashboard".to_owned(),
                }),
                // The sender lives in `self.link`.
                _ = self.phase.changed() => {
                    if let ControlFlow::Break(cause) = self.follow_phase().await {
                        break Err(cause);
                    }
                }
                () = until(rebind_by) => {
                    break Err(NgrokError::Late { what: "the request to rebind", within: REBIND_WITHIN });
                }
                connection = self.tunnel.next() => {
                    if let ControlFlow::Break(cause) = self.accepted(connection).await {
                        break Err(cause);
                    }
                }
            }
        };
        self.close().await;
        ended
    }

    async fn follow_phase(&mut self) -> ControlFlow<NgrokError> {
        let Phase::Rebound(answer) = self.phase.borrow_and_update().clone() else {
            return ControlFlow::Continue(());
        };
        if answer.id != self.tunnel.id() {
            // The crate would drop every connection to the new id.
            return ControlFlow::Break(NgrokError::Moved);
        }
        match public_url(&answer.url) {
            Ok(url) => self.bound_again(url).await,
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }

    async fn bound_again(&mut self, url: Url) {
        let modified = self.link.phase.send_if_modified(|phase| {
            let waiting = matches!(phase, Phase::Dialed(_) | Phase::Rebound(_));
            if waiting {
                *phase = Phase::Bound;
            }
            waiting
        });
        if modified {
            self.url = url;
            self.link.session.report(Report::Opened { url: self.url.clone() }).await;
        }
    }

    async fn accepted(
        &mut self,
        connection: Option<Result<EndpointConn, AcceptError>>,
    ) -> ControlFlow<NgrokError> {
        match connection {
            Some(Ok(connection)) => {
                if matches!(*self.phase.borrow(), Phase::Dialed(_)) {
                    // A visitor is the best proof that the tunnel is bound.
                    self.bound_again(self.url.clone()).await;
                }
                let peer = connection.remote_addr();
                // The crate's stand-in for an address it could not read.
                let peer = if peer.ip().is_unspecified() {
                    ClientAddress::Unknown
                } else {
                    ClientAddress::Known(peer)
                };
                self.link.session.deliver(connection, peer);
                ControlFlow::Continue(())
            }
            Some(Err(error)) => ControlFlow::Break(
                self.link.take_fault().unwrap_or_else(|| NgrokError::of_accept(&error)),
            ),
            None => ControlFlow::Break(
                self.link
                    .take_fault()
                    .unwrap_or_else(|| NgrokError::ConnectionLost("the session ended".to_owned())),
            ),
        }
    }

    /// Unbinds the endpoint, then ends the link for good.
    async fn close(mut self) {
        let bound = matches!(*self.phase.borrow(), Phase::Bound);
        if bound {
            let id = self.tunnel.id().to_owned();
            // An edge that does not answer is cut all the same.
            let _ = timeout(UNBIND_WITHIN, self.ngrok.close_tunnel(id)).await;
            // Sends nothing, but makes the unbinding that the tunnel's drop spawns fail at once
            // instead of waiting for an answer that cannot come.
            let _ = timeout(UNBIND_WITHIN, self.ngrok.close()).await;
        }
        self.link.end();
        // The accept loop ends with the link; it holds a clone of the session until then.
        let drained = async { while let Ok(Some(_)) = self.tunnel.try_next().await {} };
        let _ = timeout(DRAIN_WITHIN, drained).await;
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
