//! Asks the child's metrics server for its address and its readiness.
use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::output::quick_host;

const ANSWER_WITHIN: Duration = Duration::from_secs(2);
const ANSWER_MAX: usize = 64 * 1024;

/// The public address, once it is assigned.
pub(super) async fn quick_tunnel(metrics: SocketAddr) -> Option<Url> {
    #[derive(Deserialize)]
    struct Answer {
        hostname: String,
    }
    let (_, body) = get(metrics, "/quicktunnel").await?;
    quick_host(&serde_json::from_slice::<Answer>(&body).ok()?.hostname)
}

/// Whether there is a connection to the edge; `None` when nothing answers.
pub(super) async fn ready(metrics: SocketAddr) -> Option<bool> {
    let (status, _) = get(metrics, "/ready").await?;
    Some(status == StatusCode::OK)
}

async fn get(metrics: SocketAddr, path: &str) -> Option<(StatusCode, Bytes)> {
    timeout(ANSWER_WITHIN, exchange(metrics, path)).await.ok().flatten()
}

async fn exchange(metrics: SocketAddr, path: &str) -> Option<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(metrics).await.ok()?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
            .await
            .ok()?;
    let request = Request::get(path).header("host", metrics.to_string()).body(Empty::new()).ok()?;
    let answer = async {
        let response = sender.send_request(request).await.ok()?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await.ok()?;
        Some((status, body.to_bytes()))
    };
    // The connection is driven here and ends here: no task is left behind.
    tokio::pin!(connection, answer);
    tokio::select! {
        answer = &mut answer => answer,
        _ = &mut connection => timeout(ANSWER_WITHIN, answer).await.ok().flatten(),
    }
}
