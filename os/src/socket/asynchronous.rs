//! The tokio forms of the sockets.
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::plain::{Listener, Stream};
use crate::peer::Peer;

/// A listening Unix socket for tokio; dropping it leaves the file.
#[derive(Debug)]
pub struct AsyncListener {
    #[cfg(unix)]
    inner: tokio::net::UnixListener,
    #[cfg(not(unix))]
    never: std::convert::Infallible,
}

/// A connected Unix socket for tokio.
#[derive(Debug)]
pub struct AsyncStream {
    #[cfg(unix)]
    inner: tokio::net::UnixStream,
    #[cfg(not(unix))]
    never: std::convert::Infallible,
}

impl AsyncListener {
    /// [`Listener::bind`] for a tokio runtime, inside which it must be called.
    ///
    /// # Errors
    ///
    /// As [`Listener::bind`].
    pub fn bind(path: &Path) -> io::Result<Self> {
        let listener = Listener::bind(path)?;
        #[cfg(unix)]
        return Ok(Self { inner: tokio::net::UnixListener::from_std(listener.into_std())? });
        #[cfg(not(unix))]
        match listener.never {}
    }

    /// Waits for one connection. Cancel-safe.
    ///
    /// # Errors
    ///
    /// When the kernel refuses, such as with too many open files; listening goes on.
    #[cfg_attr(
        not(unix),
        expect(clippy::unused_async, reason = "the signature of the system that can")
    )]
    pub async fn accept(&self) -> io::Result<AsyncStream> {
        #[cfg(unix)]
        {
            let (inner, _) = self.inner.accept().await?;
            Ok(AsyncStream { inner })
        }
        #[cfg(not(unix))]
        match self.never {}
    }
}

impl AsyncStream {
    /// [`Stream::connect`] for a tokio runtime, inside which it must be called.
    ///
    /// A local connect is answered at once, so this does not wait.
    ///
    /// # Errors
    ///
    /// As [`Stream::connect`].
    pub fn connect(path: &Path) -> io::Result<Self> {
        let stream = Stream::connect(path)?;
        #[cfg(unix)]
        return Ok(Self { inner: tokio::net::UnixStream::from_std(stream.into_std())? });
        #[cfg(not(unix))]
        match stream.never {}
    }

    /// Who is at the other end, as the kernel knew it when they connected.
    ///
    /// # Errors
    ///
    /// `Unsupported` outside Linux.
    pub fn peer(&self) -> io::Result<Peer> {
        #[cfg(unix)]
        return Peer::of(&self.inner);
        #[cfg(not(unix))]
        match self.never {}
    }
}

impl AsyncRead for AsyncStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        #[cfg(unix)]
        return Pin::new(&mut self.get_mut().inner).poll_read(cx, buffer);
        #[cfg(not(unix))]
        {
            let _ = (cx, buffer);
            match self.never {}
        }
    }
}

impl AsyncWrite for AsyncStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        #[cfg(unix)]
        return Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes);
        #[cfg(not(unix))]
        {
            let _ = (cx, bytes);
            match self.never {}
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        #[cfg(unix)]
        return Pin::new(&mut self.get_mut().inner).poll_flush(cx);
        #[cfg(not(unix))]
        {
            let _ = cx;
            match self.never {}
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        #[cfg(unix)]
        return Pin::new(&mut self.get_mut().inner).poll_shutdown(cx);
        #[cfg(not(unix))]
        {
            let _ = cx;
            match self.never {}
        }
    }
}
