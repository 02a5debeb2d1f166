//! The gate every visitor's connection passes: bounded in number, per address and in waiting.
//!
//! Its one rule: a stranger who opens connections and keeps them costs the healthy visitor nothing.
//! At a limit the connection that has been idle longest makes room; only when none is idle is the
//! newcomer turned away. What counts as idle is read off the bytes: a connection that never spoke,
//! one that never finished a request head, and one that was answered a while ago. One whose request
//! is being worked on is never touched.
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::connection::{ClientAddress, Connection, Io};
use crate::event::Note;

/// Bounds on what visitors may hold open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections open at once, waiting ones included. ngrok's session dies at 512 streams, so this
    /// stays well below.
    pub connections_max: usize,
    /// Connections open at once from one address, where the provider states it.
    pub per_address_max: usize,
    /// Connections that wait to be accepted by the server.
    pub backlog_max: usize,
    /// How long after its last byte an answered connection counts as idle. Above the interval of the
    /// keep-alive comments of event streams, so that a stream is never taken for idle.
    pub idle_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 400,
            per_address_max: 32,
            backlog_max: 64,
            idle_after: Duration::from_secs(30),
        }
    }
}

/// The shortest time between two notes about a full tunnel.
const NOTE_EVERY: Duration = Duration::from_secs(10);

/// Admits connections into the bounded channel that the server reads.
pub(crate) struct Gate {
    limits: Limits,
    channel: mpsc::Sender<Connection>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    entries: BTreeMap<u64, Arc<Entry>>,
    shed: u64,
    evicted: u64,
    noted: Option<Instant>,
}

struct Entry {
    address: Option<IpAddr>,
    evict: CancellationToken,
    activity: Mutex<Activity>,
}

struct Activity {
    phase: Phase,
    last: Instant,
    /// How much of the blank line that ends a request head has just been read.
    matched: u8,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Phase {
    /// Not a byte yet.
    Silent,
    /// A request head has begun.
    InHead,
    /// The last bytes went to the visitor.
    Answered,
    /// A request is being worked on.
    Working,
}

impl Gate {
    pub(crate) fn new(limits: Limits) -> (Arc<Self>, mpsc::Receiver<Connection>) {
        let (channel, incoming) = mpsc::channel(limits.backlog_max.max(1));
        (Arc::new(Self { limits, channel, open: Mutex::default() }), incoming)
    }

    /// Admits `io`, or drops it; never waits. Says so when something was turned away lately.
    pub(crate) fn admit(
        self: &Arc<Self>,
        io: Box<dyn Io>,
        peer: ClientAddress,
        now: Instant,
    ) -> Option<Note> {
        let address = match peer {
            ClientAddress::Known(address) => Some(address.ip()),
            ClientAddress::Header(_) | ClientAddress::Unknown => None,
        };
        let mut open = self.lock();
        if !open.make_room(&self.limits, address, now) {
            open.shed += 1;
            return open.note(now);
        }
        let id = open.next_id;
        open.next_id += 1;
        let entry = Arc::new(Entry {
            address,
            evict: CancellationToken::new(),
            activity: Mutex::new(Activity { phase: Phase::Silent, last: now, matched: 0 }),
        });
        open.entries.insert(id, Arc::clone(&entry));
        drop(open);
        let seat = Seat { gate: Arc::clone(self), id };
        let evicted = entry.evict.clone().cancelled_owned().boxed();
        let admitted = Admitted { io, entry, evicted, _seat: seat };
        // One that is closed serves no more: the tunnel is about to end.
        if let Err(TrySendError::Full(refused)) =
            self.channel.try_send(Connection { io: Box::new(admitted), peer })
        {
            // Before the lock: giving the place back takes it too.
            drop(refused);
            self.lock().shed += 1;
        }
        self.lock().note(now)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.lock().entries.len()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Open {
    /// Whether there is room for one more from `address`, after evicting an idle one if need be.
    fn make_room(&mut self, limits: &Limits, address: Option<IpAddr>, now: Instant) -> bool {
        if let Some(address) = address {
            let theirs = |entry: &Entry| entry.address == Some(address);
            if self.entries.values().filter(|entry| theirs(entry)).count() >= limits.per_address_max
                && !self.evict_idlest(limits, now, theirs)
            {
                return false;
            }
        }
        self.entries.len() < limits.connections_max || self.evict_idlest(limits, now, |_| true)
    }

    fn evict_idlest(
        &mut self,
        limits: &Limits,
        now: Instant,
        among: impl Fn(&Entry) -> bool,
    ) -> bool {
        let idlest = self
            .entries
            .iter()
            .filter(|(_, entry)| among(entry))
            .filter_map(|(id, entry)| Some((entry.idleness(limits, now)?, *id)))
            .min();
        let Some((_, id)) = idlest else { return false };
        if let Some(entry) = self.entries.remove(&id) {
            entry.evict.cancel();
            self.evicted += 1;
        }
        true
    }

    fn note(&mut self, now: Instant) -> Option<Note> {
        let quiet = self.noted.is_none_or(|noted| now.duration_since(noted) >= NOTE_EVERY);
        if !quiet || (self.shed == 0 && self.evicted == 0) {
            return None;
        }
        self.noted = Some(now);
        // Turned-away visitors matter more; the other count waits for its turn.
        Some(match std::mem::take(&mut self.shed) {
            0 => Note::ConnectionsEvicted { count: std::mem::take(&mut self.evicted) },
            count => Note::ConnectionsShed { count },
        })
    }
}

impl Entry {
    /// The order in which idle connections make room, or `None` for one in use.
    fn idleness(&self, limits: &Limits, now: Instant) -> Option<(Phase, Instant)> {
        let activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = match activity.phase {
            Phase::Silent | Phase::InHead => true,
            Phase::Answered => now.duration_since(activity.last) >= limits.idle_after,
            Phase::Working => false,
        };
        idle.then_some((activity.phase, activity.last))
    }

    fn has_read(&self, bytes: &[u8]) {
        let mut activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        activity.last = Instant::now();
        if activity.phase == Phase::Working {
            return;
        }
        if activity.phase != Phase::InHead {
            activity.phase = Phase::InHead;
            activity.matched = 0;
        }
        for byte in bytes {
            activity.matched = match (activity.matched, byte) {
                (0 | 2, b'\r') | (1 | 3, b'\n') => activity.matched + 1,
                (_, b'\r') => 1,
                // A bare line feed ends a line too (RFC 9112 §2.2).
                (2, b'\n') => 4,
                (_, b'\n') => 2,
                _ => 0,
            };
            if activity.matched == 4 {
                activity.phase = Phase::Working;
                return;
            }
        }
    }

    fn has_written(&self) {
        let mut activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        activity.last = Instant::now();
        activity.phase = Phase::Answered;
    }
}

/// A place taken in the gate, given back when dropped.
struct Seat {
    gate: Arc<Gate>,
    id: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.gate.lock().entries.remove(&self.id);
    }
}

/// A connection inside the gate.
struct Admitted {
    io: Box<dyn Io>,
    entry: Arc<Entry>,
    evicted: BoxFuture<'static, ()>,
    _seat: Seat,
}

impl Admitted {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.entry.evict.is_cancelled() || self.evicted.poll_unpin(cx).is_ready() {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "idle, and the tunnel was full",
            ));
        }
        Ok(())
    }
}

impl AsyncRead for Admitted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.entry.has_read(&buf.filled()[before..]);
        }
        read
    }
}

impl AsyncWrite for Admitted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.entry.has_written();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
