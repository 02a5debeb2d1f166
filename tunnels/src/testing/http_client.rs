//! A small HTTP/1.1 client for the public side of the doubles.
use std::io;
use std::net::SocketAddr;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// One keep-alive connection to a public side, for one public host.
#[derive(Debug)]
pub struct PublicClient {
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
    host: String,
}

impl PublicClient {
    /// Connects to `address`; requests will carry `Host: host`.
    ///
    /// # Errors
    ///
    /// When the connection is refused.
    pub async fn connect(address: SocketAddr, host: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self { sender, host: host.to_owned() })
    }

    /// A GET that is read to its end.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn get(&mut self, path: &str) -> io::Result<Reply> {
        self.send(Request::get(path).body(Full::default()).map_err(io::Error::other)?).await
    }

    /// Any request; `Host` is added.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> io::Result<Reply> {
        let (parts, body) = self.open(request).await?;
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    /// Any request, whose body is left to be read piece by piece.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn open(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> io::Result<(http::response::Parts, Incoming)> {
        let host = self.host.parse().map_err(io::Error::other)?;
        request.headers_mut().insert(http::header::HOST, host);
        self.sender.ready().await.map_err(io::Error::other)?;
        let response = self.sender.send_request(request).await.map_err(io::Error::other)?;
        Ok(response.into_parts())
    }
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}
