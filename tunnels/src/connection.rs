//! What a visitor's connection looks like once it has come through a tunnel.
use std::fmt;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};

/// Any byte stream a connection can run over.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Where the visitor's own address is to be found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClientAddress {
    /// The provider stated it for this connection.
    Known(SocketAddr),
    /// The provider's own process sets this request header, and nobody else can reach the origin, so
    /// its value may be believed. Read it per request: one connection carries many visitors.
    Header(&'static str),
    /// Nobody trustworthy said. Rate limits fall back to the tunnel as a whole.
    Unknown,
}

/// One connection that a visitor opened through the tunnel: HTTP/1.1 bytes both ways.
///
/// Reading or writing fails with `ConnectionAborted` once the tunnel gives the place to somebody
/// else, because the connection was idle and the tunnel full.
pub struct Connection {
    /// The bytes.
    pub io: Box<dyn Io>,
    /// Whom they come from.
    pub peer: ClientAddress,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).finish_non_exhaustive()
    }
}
