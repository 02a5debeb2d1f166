//! Connections before anything was read from them: the streams they run over and where they come
//! from. A new way in is a new [`Listener`].
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use futures::future::BoxFuture;
use http::HeaderName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Any byte stream that HTTP can run over.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Where a connection's way in says that the client's address is found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Peer {
    /// Known for the whole connection.
    Address(IpAddr),
    /// In this header of every request: the process at the other end sets it, and nobody else can
    /// reach this way in. One connection may carry many clients.
    Header(HeaderName),
    /// Nobody trustworthy said.
    Unknown,
}

/// One accepted connection.
pub struct Arrival {
    /// Its bytes.
    pub io: Box<dyn Io>,
    /// Whom they come from.
    pub peer: Peer,
    /// The address of ours that it came to, where there is one.
    pub local: Option<SocketAddr>,
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { io: _, peer, local } = self;
        f.debug_struct("Arrival").field("peer", peer).field("local", local).finish_non_exhaustive()
    }
}

/// Where connections come from.
pub trait Listener: Send + 'static {
    /// Waits for the next connection; `None` when there will be no more. Cancel-safe.
    ///
    /// An error concerns one connection (a refused peer, a lost handshake) or is a passing lack of
    /// resources: the loop goes on after a short pause.
    fn accept(&mut self) -> BoxFuture<'_, Option<io::Result<Arrival>>>;
}

impl Listener for TcpListener {
    fn accept(&mut self) -> BoxFuture<'_, Option<io::Result<Arrival>>> {
        Box::pin(async {
            let accepted = async {
                let (stream, from) = Self::accept(self).await?;
                stream.set_nodelay(true)?;
                let local = stream.local_addr()?;
                let local = SocketAddr::new(local.ip().to_canonical(), local.port());
                let peer = Peer::Address(from.ip().to_canonical());
                Ok(Arrival { io: Box::new(stream), peer, local: Some(local) })
            };
            Some(accepted.await)
        })
    }
}

/// Connections handed over by somebody else, such as a tunnel; ends when the sender is dropped.
impl<T: Into<Arrival> + Send + 'static> Listener for mpsc::Receiver<T> {
    fn accept(&mut self) -> BoxFuture<'_, Option<io::Result<Arrival>>> {
        Box::pin(async { self.recv().await.map(|connection| Ok(connection.into())) })
    }
}

/// Connections from a closure: a Unix socket whose peer is checked, say. It must be cancel-safe.
pub struct AcceptWith<F>(pub F);

impl<F> fmt::Debug for AcceptWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AcceptWith")
    }
}

impl<F> Listener for AcceptWith<F>
where
    F: FnMut() -> BoxFuture<'static, Option<io::Result<Arrival>>> + Send + 'static,
{
    fn accept(&mut self) -> BoxFuture<'_, Option<io::Result<Arrival>>> {
        (self.0)()
    }
}
