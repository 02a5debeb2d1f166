//! A byte stream on which a request head must arrive in time.
//!
//! hyper's own head timer also runs while a kept-alive connection is idle, so it can only be the
//! idle limit. This one starts at a head's first byte, and at the connection's beginning.
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::arrival::Io;

/// Tells the stream whether a request is being worked on.
#[derive(Clone, Debug, Default)]
pub(super) struct Working(Arc<AtomicBool>);

impl Working {
    /// A head has arrived.
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Its response has been made.
    pub(super) fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The stream.
pub(super) struct Paced {
    io: Box<dyn Io>,
    working: Working,
    head_timeout: Duration,
    /// Running while a head is under way.
    deadline: Option<Pin<Box<Sleep>>>,
    in_head_since: Option<Instant>,
}

impl Paced {
    pub(super) fn new(io: Box<dyn Io>, working: Working, head_timeout: Duration) -> Self {
        let in_head_since = Some(Instant::now());
        Self { io, working, head_timeout, deadline: None, in_head_since }
    }

    fn overdue(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(since) = self.in_head_since else { return false };
        let until = since + self.head_timeout;
        let deadline =
            self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if deadline.deadline() != until {
            deadline.as_mut().reset(until);
        }
        deadline.as_mut().poll(cx).is_ready()
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
        if self.working.0.load(Ordering::Relaxed) {
            self.in_head_since = None;
            return read;
        }
        if buf.filled().len() > before && self.in_head_since.is_none() {
            self.in_head_since = Some(Instant::now());
        }
        if read.is_pending() && self.overdue(cx) {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the request head did not arrive in time",
            )));
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
        // What is written answers a head, so the next byte read begins another one.
        self.in_head_since = None;
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
        self.in_head_since = None;
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
