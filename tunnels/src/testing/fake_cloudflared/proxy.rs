//! The fake's tunnel: a loopback port whose requests reach the origin as the real one's would.
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use http::header::{ACCEPT, HOST, SERVER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::Scenario;
use crate::connection::Io;

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// Where requests go.
pub(super) enum Origin {
    Unix(PathBuf),
    Tcp(String),
}

impl Origin {
    /// The one rule of `config`; a file without rules leaves `--url`.
    pub(super) fn of_config(config: &str, url: &str) -> Self {
        let rule = config.lines().find_map(|line| line.trim().strip_prefix("- service: "));
        let service = rule.map_or(url, |rule| rule.trim_matches('"'));
        match service.strip_prefix("unix:") {
            Some(path) => Self::Unix(path.into()),
            None => Self::Tcp(service.trim_start_matches("http://").to_owned()),
        }
    }

    async fn connect(&self) -> io::Result<Box<dyn Io>> {
        match self {
            Self::Unix(path) => crate::process::connect_unix(path),
            Self::Tcp(address) => Ok(Box::new(TcpStream::connect(address.as_str()).await?)),
        }
    }
}

/// Serves visitors on a free loopback port.
pub(super) async fn listen(origin: Origin, scenario: Scenario) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let edge = Arc::new((origin, scenario));
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let edge = Arc::clone(&edge);
            let service = service_fn(move |request| {
                let edge = Arc::clone(&edge);
                async move { Ok::<_, Infallible>(answer(request, peer, &edge.0, &edge.1).await) }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    Ok(address)
}

async fn answer(
    mut request: Request<Incoming>,
    peer: SocketAddr,
    origin: &Origin,
    scenario: &Scenario,
) -> Response<Body> {
    let names = |field, word: &str| {
        let value =
            request.headers().get(&field).and_then(|value: &HeaderValue| value.to_str().ok());
        value.is_some_and(|value| value.contains(word))
    };
    if scenario.block_claude_user && names(USER_AGENT, "Claude-User") {
        return own_answer(StatusCode::FORBIDDEN, "Your request was blocked.");
    }
    let hold_back = scenario.buffer_get_sse
        && request.method() == Method::GET
        && names(ACCEPT, "text/event-stream");
    add_edge_headers(request.headers_mut(), peer, &scenario.hostname);
    match forward(request, origin).await {
        Err(_) => own_answer(StatusCode::BAD_GATEWAY, "Bad gateway: unable to reach the origin"),
        Ok(response) if hold_back => {
            let (parts, body) = response.into_parts();
            let whole = body.collect().await.map(http_body_util::Collected::to_bytes);
            Response::from_parts(parts, full(whole.unwrap_or_default()))
        }
        Ok(response) => response.map(BodyExt::boxed_unsync),
    }
}

/// What the origin sees of the edge. Whatever a visitor sent under these names is replaced.
fn add_edge_headers(headers: &mut HeaderMap, peer: SocketAddr, hostname: &str) {
    let address = peer.ip().to_string();
    let fields = [
        ("x-forwarded-for", address.as_str()),
        ("x-forwarded-proto", "https"),
        ("cf-connecting-ip", address.as_str()),
        ("cf-ray", "0000000000000000-LOOP"),
        ("cdn-loop", "cloudflare; loops=1"),
        ("cf-warp-tag-id", "00000000-0000-0000-0000-000000000000"),
    ];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if let Ok(host) = HeaderValue::from_str(hostname) {
        headers.insert(HOST, host);
    }
}

async fn forward(request: Request<Incoming>, origin: &Origin) -> io::Result<Response<Incoming>> {
    let stream = origin.connect().await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    // Ends with the answer's body.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(io::Error::other)
}

fn own_answer(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(full(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(SERVER, HeaderValue::from_static("cloudflare"));
    response
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}
