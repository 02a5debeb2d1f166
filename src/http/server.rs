//! Accept loops and connections: counted, bounded, tracked, and brought to an end.
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::arrival::{Arrival, Listener, Peer};
use super::guard::{ConnectionFacts, Guard};
use super::hosts::Way;
use super::ingress::IngressKind;
use super::pace::{Activity, Paced};

/// Request line and headers together.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// hyper's read buffer; must hold a head.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// Pause after a failed accept, such as one for lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What is still under way this long after shutting down began is cut off.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// How many connections may be open at once.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Per way in.
    pub per_kind: usize,
    /// Per client address, loopback excepted: there everyone has the same.
    pub per_address: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { per_kind: 512, per_address: 64 }
    }
}

/// Serves connections until it is shut down.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    loops: TaskTracker,
    connections: TaskTracker,
}

#[derive(Debug)]
struct Shared {
    guard: Guard,
    limits: ConnectionLimits,
    open: Mutex<Open>,
    draining: CancellationToken,
    cut_off: CancellationToken,
}

#[derive(Debug, Default)]
struct Open {
    kinds: HashMap<IngressKind, usize>,
    addresses: HashMap<IpAddr, usize>,
    /// Every connection that holds a place, by a number of its own.
    holders: HashMap<u64, Holder>,
    next: u64,
}

/// A connection that holds a place in the counts.
#[derive(Debug)]
struct Holder {
    kind: IngressKind,
    address: Option<IpAddr>,
    activity: Activity,
    cut_off: CancellationToken,
}

impl Server {
    /// A server that hands requests to `guard`. Cancelling `draining` stops it from accepting and
    /// lets requests under way end; [`Self::shutdown`] does that and waits.
    #[must_use]
    pub fn new(guard: Guard, limits: ConnectionLimits, draining: CancellationToken) -> Self {
        let cut_off = CancellationToken::new();
        let open = Mutex::default();
        let shared = Arc::new(Shared { guard, limits, open, draining, cut_off });
        Self { shared, loops: TaskTracker::new(), connections: TaskTracker::new() }
    }

    /// Accepts connections from `listener` until it ends or shutting down begins.
    ///
    /// On a listener of kind [`IngressKind::Lan`], a connection that came to a loopback address is
    /// [`IngressKind::Local`].
    pub fn accept_from(&self, mut listener: impl Listener, kind: IngressKind) {
        let shared = self.shared.clone();
        let connections = self.connections.clone();
        self.loops.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    biased;
                    () = shared.draining.cancelled() => break,
                    accepted = listener.accept() => accepted,
                };
                match accepted {
                    None => break,
                    Some(Ok(arrival)) => admit(&shared, &connections, arrival, kind),
                    Some(Err(err)) => {
                        tracing::warn!(%err, way = ?kind, "a connection was not accepted");
                        if !concerns_one_connection(&err) {
                            tokio::time::sleep(ACCEPT_PAUSE).await;
                        }
                    }
                }
            }
        });
    }

    /// Connections open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.connections.len()
    }

    /// Stops accepting and waits for requests under way: event streams and long waits end by
    /// themselves within 2 s, everything else is cut off after 10 s.
    pub async fn shutdown(&self) {
        self.shared.draining.cancel();
        self.loops.close();
        self.connections.close();
        let ended = async {
            self.loops.wait().await;
            self.connections.wait().await;
        };
        if tokio::time::timeout(DRAIN_MAX, ended).await.is_err() {
            let left = self.connections.len();
            tracing::warn!(left, "connections were cut off");
            self.shared.cut_off.cancel();
            self.connections.wait().await;
        }
    }
}

fn concerns_one_connection(err: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        err.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::PermissionDenied
    )
}

fn admit(shared: &Arc<Shared>, connections: &TaskTracker, arrival: Arrival, kind: IngressKind) {
    let on_loopback = arrival.local.is_some_and(|local| local.ip().is_loopback());
    let kind = if kind == IngressKind::Lan && on_loopback { IngressKind::Local } else { kind };
    let activity = Activity::new();
    let Some(seat) = Seat::take(shared, kind, &arrival.peer, activity.clone()) else {
        tracing::debug!(way = ?kind, "too many connections: one was closed");
        return;
    };
    let way = Way { kind, local: arrival.local };
    let facts = ConnectionFacts { way, peer: arrival.peer };
    let io = arrival.io;
    connections.spawn(async move {
        let io = TokioIo::new(Paced::new(io, activity.clone()));
        drive(&seat, io, facts, activity).await;
        drop(seat);
    });
}

/// How a connection ends that does not end by itself.
enum End {
    /// Cut off.
    Now,
    /// After the request under way.
    Gently,
}

async fn drive(seat: &Seat, io: TokioIo<Paced>, facts: ConnectionFacts, activity: Activity) {
    let shared = &seat.shared;
    let service = service_fn(|request: Request<Incoming>| {
        let request = request.map(|body| activity.arriving(body));
        let (facts, activity) = (&facts, &activity);
        async move {
            let response = shared.guard.respond(facts, request).await;
            Ok::<_, Infallible>(response.map(|body| activity.leaving(body)))
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX);
    let mut connection = pin!(builder.serve_connection(io, service));
    // Looked at only when one of them has something to say, not at every request: asking all three
    // takes four locks.
    let mut ends: FuturesUnordered<_> = [
        seat.cut_off.cancelled().map(|()| End::Now).boxed(),
        activity.overdue().map(|()| End::Now).boxed(),
        shared.draining.cancelled().map(|()| End::Gently).boxed(),
    ]
    .into_iter()
    .collect();
    let ended = loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => break ended,
            Some(end) = ends.next() => match end {
                End::Now => return,
                End::Gently => connection.as_mut().graceful_shutdown(),
            }
        }
    };
    if let Err(err) = ended {
        tracing::debug!(%err, way = ?facts.way.kind, "a connection broke");
    }
}

/// A connection's place in the counts, given back when dropped.
struct Seat {
    shared: Arc<Shared>,
    number: u64,
    kind: IngressKind,
    /// Cancelled when the server ends, or when this connection has to make room.
    cut_off: CancellationToken,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Seat {
    /// Takes a place. Where all of a kind are taken, the connection whose other end has been waited
    /// for longest gives its own up: whoever opens connections and says nothing keeps nobody out.
    fn take(
        shared: &Arc<Shared>,
        kind: IngressKind,
        peer: &Peer,
        activity: Activity,
    ) -> Option<Self> {
        let address = match peer {
            Peer::Address(address) if !address.is_loopback() => Some(*address),
            _ => None,
        };
        let mut open = shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = address.and_then(|address| open.addresses.get(&address));
        if of_address.is_some_and(|count| *count >= shared.limits.per_address) {
            return None;
        }
        let of_kind = open.kinds.get(&kind).copied().unwrap_or(0);
        if of_kind >= shared.limits.per_kind && !open.make_room(kind) {
            return None;
        }
        let cut_off = shared.cut_off.child_token();
        let number = open.next;
        open.next += 1;
        *open.kinds.entry(kind).or_default() += 1;
        if let Some(address) = address {
            *open.addresses.entry(address).or_default() += 1;
        }
        open.holders.insert(number, Holder { kind, address, activity, cut_off: cut_off.clone() });
        drop(open);
        Some(Self { shared: shared.clone(), number, kind, cut_off })
    }
}

impl Open {
    /// Ends the connection of `kind` that has been waited for longest; `false` when all are at work.
    fn make_room(&mut self, kind: IngressKind) -> bool {
        let waiting = self.holders.iter().filter(|(_, holder)| holder.kind == kind);
        let waiting = waiting.filter_map(|(number, it)| Some((it.activity.waited()?, *number)));
        let Some((waited, number)) = waiting.max() else { return false };
        tracing::debug!(way = ?kind, ?waited, "too many connections: a silent one made room");
        if let Some(holder) = self.give_back(number) {
            holder.cut_off.cancel();
        }
        true
    }

    /// Takes a connection out of the counts; `None` when it made room before.
    fn give_back(&mut self, number: u64) -> Option<Holder> {
        let holder = self.holders.remove(&number)?;
        if let Some(of_kind) = self.kinds.get_mut(&holder.kind) {
            *of_kind = of_kind.saturating_sub(1);
        }
        if let Some(address) = holder.address
            && let Some(of_address) = self.addresses.get_mut(&address)
        {
            *of_address = of_address.saturating_sub(1);
            if *of_address == 0 {
                self.addresses.remove(&address);
            }
        }
        Some(holder)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.give_back(self.number);
    }
}

#[cfg(test)]
mod tests;
