//! How long a connection may take over what: a head, a body, nothing at all.
//!
//! hyper's own timer is set anew for every request, and each setting wakes the runtime's driver: on
//! a busy connection that cost as much as the request. Here one timer per connection looks now and
//! then what the connection has been doing, and since when.
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::arrival::Io;

/// A request head must have arrived this long after its first byte, the first one this long after
/// the connection's beginning.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// A request body must have arrived this long after its head. The guard gives up a little earlier,
/// with an answer, on a body that trickles in; this is for one that does not come at all.
const BODY_TIME_MAX: Duration = Duration::from_secs(32);
/// A kept-alive connection may stay silent this long.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Between two looks: limits are kept this exactly.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two looks while a request is worked on, which has no limit here.
const LOOK_AT_WORK_EVERY: Duration = Duration::from_secs(30);

/// What a connection is doing, and since when. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    phase: AtomicU8,
    /// Milliseconds from `began` to the phase's beginning.
    since: AtomicU64,
}

const HEAD: u8 = 0;
const BODY: u8 = 1;
const WORK: u8 = 2;
const IDLE: u8 = 3;

impl Activity {
    /// A connection that has just begun: its first head is under way.
    pub(super) fn new() -> Self {
        let (phase, since) = (AtomicU8::new(HEAD), AtomicU64::new(0));
        Self(Arc::new(Inner { began: Instant::now(), phase, since }))
    }

    /// Returns when the connection has taken too long over something.
    pub(super) async fn overdue(&self) {
        loop {
            let limit = match self.phase() {
                HEAD => HEAD_TIME_MAX,
                BODY => BODY_TIME_MAX,
                WORK => {
                    tokio::time::sleep(LOOK_AT_WORK_EVERY).await;
                    continue;
                }
                _ => IDLE_MAX,
            };
            let since = Duration::from_millis(self.0.since.load(Ordering::Relaxed));
            let left = (since + limit).saturating_sub(self.0.began.elapsed());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK_EVERY)).await;
        }
    }

    /// How long the other end has been waited for; `None` while a request is worked on or answered.
    pub(super) fn waited(&self) -> Option<Duration> {
        let since = Duration::from_millis(self.0.since.load(Ordering::Relaxed));
        (self.phase() != WORK).then(|| self.0.began.elapsed().saturating_sub(since))
    }

    /// Takes over a request whose head has arrived.
    pub(super) fn arriving(&self, body: Incoming) -> Arriving {
        self.enter(if body.is_end_stream() { WORK } else { BODY });
        Arriving { body, activity: self.clone() }
    }

    /// Watches a response to its end.
    pub(super) fn leaving(&self, body: Body) -> Leaving {
        Leaving { body, activity: self.clone() }
    }

    fn phase(&self) -> u8 {
        self.0.phase.load(Ordering::Relaxed)
    }

    fn enter(&self, phase: u8) {
        let since = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.since.store(since, Ordering::Relaxed);
        self.0.phase.store(phase, Ordering::Relaxed);
    }

    fn leave(&self, phase: u8, to: u8) {
        if self.phase() == phase {
            self.enter(to);
        }
    }
}

/// A request body; when it is over, or nobody wants it any more, the work on the request begins.
pub(super) struct Arriving {
    body: Incoming,
    activity: Activity,
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.activity.leave(BODY, WORK);
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) {
            self.activity.leave(BODY, WORK);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response body; when it is gone the connection is idle.
pub(super) struct Leaving {
    body: Body,
    activity: Activity,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.activity.enter(IDLE);
    }
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The connection's bytes, which tell when a head begins and that an answer is still being taken.
pub(super) struct Paced {
    io: Box<dyn Io>,
    activity: Activity,
}

impl Paced {
    pub(super) fn new(io: Box<dyn Io>, activity: Activity) -> Self {
        Self { io, activity }
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.leave(IDLE, HEAD);
        }
        read
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.activity.leave(IDLE, IDLE);
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.activity.leave(IDLE, IDLE);
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
