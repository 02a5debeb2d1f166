//! The streams an ngrok session runs over: one that can be cut, and one that is watched.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::rebind::{Rebind, RebindReader};
use super::reorder::Reorder;

/// How much is read at once: the largest TLS record.
const CHUNK: usize = 16 * 1024;

/// A stream that ends at once, for reader and writer, when its token is cancelled.
///
/// The inner stream is dropped at that moment, so the server sees the connection close although the
/// crate keeps the session's old half until a new one is bound.
pub(crate) struct CutStream<S> {
    inner: Option<S>,
    read_cut: BoxFuture<'static, ()>,
    write_cut: BoxFuture<'static, ()>,
}

impl<S> CutStream<S> {
    pub(crate) fn new(inner: S, cut: &CancellationToken) -> Self {
        Self {
            inner: Some(inner),
            read_cut: cut.clone().cancelled_owned().boxed(),
            write_cut: cut.clone().cancelled_owned().boxed(),
        }
    }
}

impl<S: Unpin> CutStream<S> {
    fn readable(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut S>> {
        if self.inner.is_some() && self.read_cut.poll_unpin(cx).is_ready() {
            self.inner = None;
        }
        self.inner.as_mut().map(Pin::new).ok_or_else(cut_off)
    }

    fn writable(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut S>> {
        if self.inner.is_some() && self.write_cut.poll_unpin(cx).is_ready() {
            self.inner = None;
        }
        self.inner.as_mut().map(Pin::new).ok_or_else(cut_off)
    }
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the tunnel's link was cut")
}

impl<S: AsyncRead + Unpin> AsyncRead for CutStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.readable(cx)?.poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CutStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writable(cx)?.poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writable(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writable(cx)?.poll_shutdown(cx)
    }
}

/// The agent's side: what arrives is watched for the answer to a rebind, and put into an order the
/// crate can bear.
pub(super) struct WatchedStream<S> {
    inner: S,
    chunk: Box<[u8]>,
    reorder: Reorder,
    rebind: Option<(RebindReader, OnRebind)>,
}

/// Called once, with the answer to the rebind.
pub(super) type OnRebind = Box<dyn FnOnce(Rebind) + Send>;

impl<S> WatchedStream<S> {
    pub(super) fn new(inner: S, on_rebind: Option<OnRebind>) -> Self {
        Self {
            inner,
            chunk: vec![0; CHUNK].into(),
            reorder: Reorder::default(),
            rebind: on_rebind.map(|tell| (RebindReader::default(), tell)),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.reorder.ready().is_empty() {
            let mut chunk = ReadBuf::new(&mut this.chunk);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut chunk))?;
            let bytes = chunk.filled();
            if bytes.is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.reorder.feed(bytes);
            let answer = this.rebind.as_mut().and_then(|(reader, _)| reader.feed(bytes));
            if let Some(answer) = answer
                && let Some((_, tell)) = this.rebind.take()
            {
                tell(answer);
            }
        }
        let ready = this.reorder.ready();
        let count = ready.len().min(buf.remaining());
        buf.put_slice(&ready[..count]);
        this.reorder.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_cut_ends_a_waiting_reader_and_closes_the_other_side() {
        let (near, mut far) = tokio::io::duplex(64);
        let cut = CancellationToken::new();
        let mut stream = CutStream::new(near, &cut);
        let reading = tokio::spawn(async move {
            let error = stream.read_u8().await.unwrap_err();
            (stream, error)
        });
        tokio::task::yield_now().await;
        cut.cancel();
        let (mut stream, error) = reading.await.unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        assert!(stream.write_u8(1).await.is_err());
        assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0);
    }
}
