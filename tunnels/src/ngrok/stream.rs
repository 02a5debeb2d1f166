//! The stream an ngrok session runs over: it can be cut from outside, and it watches for the rebind.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::rebind::{Rebind, RebindReader};

/// A stream that ends at once, for reader and writer, when its token is cancelled.
///
/// The inner stream is dropped at that moment, so the server sees the connection close although the
/// crate keeps the session's old half until a new one is bound.
pub(crate) struct CutStream<S> {
    inner: Option<S>,
    read_cut: BoxFuture<'static, ()>,
    write_cut: BoxFuture<'static, ()>,
    rebind: Option<(RebindReader, OnRebind)>,
}

/// Called once, with the answer to the rebind.
pub(crate) type OnRebind = Box<dyn FnOnce(Rebind) + Send>;

impl<S> CutStream<S> {
    pub(crate) fn new(inner: S, cut: &CancellationToken, on_rebind: Option<OnRebind>) -> Self {
        Self {
            inner: Some(inner),
            read_cut: cut.clone().cancelled_owned().boxed(),
            write_cut: cut.clone().cancelled_owned().boxed(),
            rebind: on_rebind.map(|tell| (RebindReader::default(), tell)),
        }
    }

    fn watch_for_rebind(&mut self, bytes: &[u8]) {
        let Some((reader, _)) = &mut self.rebind else { return };
        let Some(answer) = reader.feed(bytes) else { return };
        if let Some((_, tell)) = self.rebind.take() {
            tell(answer);
        }
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
        let this = &mut *self;
        if this.inner.is_some() && this.read_cut.poll_unpin(cx).is_ready() {
            this.inner = None;
        }
        let Some(inner) = &mut this.inner else { return Poll::Ready(Err(cut_off())) };
        let before = buf.filled().len();
        let read = Pin::new(inner).poll_read(cx, buf);
        if this.rebind.is_some() {
            this.watch_for_rebind(&buf.filled()[before..]);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> CutStream<S> {
    fn writable(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut S>> {
        if self.inner.is_some() && self.write_cut.poll_unpin(cx).is_ready() {
            self.inner = None;
        }
        self.inner.as_mut().map(Pin::new).ok_or_else(cut_off)
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_cut_ends_a_waiting_reader_and_closes_the_other_side() {
        let (near, mut far) = tokio::io::duplex(64);
        let cut = CancellationToken::new();
        let mut stream = CutStream::new(near, &cut, None);
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
