//! The public side: routes a visitor's connection by `Host` to the agent that serves it.
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use muxado::typed::TypedStream;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::TcpStream;

use super::{Shared, agent, lock};

const HEAD_MAX: usize = 32 * 1024;

/// Serves one visitor's connection.
pub(super) async fn serve(mut visitor: TcpStream, peer: SocketAddr, shared: Arc<Shared>) {
    let _ = visitor.set_nodelay(true);
    let knobs = shared.knobs();
    let whole_head = knobs.interstitial || knobs.buffer_get_sse;
    let Ok(head) = Head::read(&mut visitor, whole_head).await else { return };
    if knobs.interstitial
        && head.header("user-agent").is_some_and(|name| name.contains("Mozilla"))
        && head.header("ngrok-skip-browser-warning").is_none()
    {
        let page = "<html><body>You are about to visit this site <button>Visit Site</button></body></html>";
        return answer(visitor, "200 OK", "ERR_NGROK_6024", "text/html", page).await;
    }
    let Some(host) =
        head.header("host").and_then(|field| field.split(':').next().map(str::to_owned))
    else {
        return answer(visitor, "400 Bad Request", "ERR_NGROK_3004", "text/plain", "no Host").await;
    };
    let bound = lock(&shared.hosts).get(&host).cloned();
    let opener = bound.as_ref().and_then(|bound| {
        lock(&shared.sessions).get(&bound.session).map(|session| session.opener.clone())
    });
    let (Some(bound), Some(mut opener)) = (bound, opener) else {
        let text = format!("The endpoint {host} is offline.");
        return answer(visitor, "404 Not Found", "ERR_NGROK_3200", "text/plain", &text).await;
    };
    let opened = async {
        let mut stream = agent::open(&mut opener, agent::PROXY).await?;
        introduce(&mut stream, &bound.id, peer).await?;
        stream.write_all(&head.forwarded(&host, peer)).await?;
        Ok::<_, io::Error>(stream)
    };
    let Ok(mut stream) = opened.await else {
        let text = "The agent is gone.";
        return answer(visitor, "502 Bad Gateway", "ERR_NGROK_3004", "text/plain", text).await;
    };
    let _proxying = Proxying::begin(&shared);
    let buffered = knobs.buffer_get_sse
        && head.text().starts_with("GET ")
        && head.header("accept").is_some_and(|accept| accept.contains("text/event-stream"));
    // Either side may break off; there is nobody to tell.
    let _ = if buffered {
        held_back(&mut visitor, &mut stream).await
    } else {
        passed_on(&mut visitor, &mut stream).await
    };
}

/// Counts a connection while it is being brought to an agent.
struct Proxying<'a>(&'a Shared);

impl<'a> Proxying<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.saw(|seen| {
            seen.proxied += 1;
            seen.proxying += 1;
        });
        Self(shared)
    }
}

impl Drop for Proxying<'_> {
    fn drop(&mut self) {
        self.0.saw(|seen| seen.proxying -= 1);
    }
}

async fn introduce(stream: &mut TypedStream, id: &str, peer: SocketAddr) -> io::Result<()> {
    let header = json!({
        "Id": id, "ClientAddr": peer.to_string(), "Proto": "https", "EdgeType": "1",
        "PassthroughTLS": false,
    })
    .to_string();
    let len = i64::try_from(header.len()).map_err(io::Error::other)?;
    stream.write_all(&len.to_le_bytes()).await?;
    stream.write_all(header.as_bytes()).await
}

/// Copies both ways until the agent closes its side: nothing can come after that.
async fn passed_on(visitor: &mut TcpStream, stream: &mut TypedStream) -> io::Result<()> {
    let (mut from_visitor, mut to_visitor) = visitor.split();
    let (mut from_agent, mut to_agent) = tokio::io::split(&mut **stream);
    let requests = async {
        copy(&mut from_visitor, &mut to_agent).await?;
        to_agent.shutdown().await?;
        std::future::pending::<io::Result<()>>().await
    };
    let answers = async { copy(&mut from_agent, &mut to_visitor).await.map(|_| ()) };
    tokio::select! {
        ended = requests => ended,
        ended = answers => ended,
    }
}

/// Passes the whole answer on only when it has ended, as a buffering edge does.
async fn held_back(visitor: &mut TcpStream, stream: &mut TypedStream) -> io::Result<()> {
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while !answer.ends_with(b"\r\n0\r\n\r\n") {
        match stream.read(&mut chunk).await? {
            0 => break,
            read => answer.extend_from_slice(&chunk[..read]),
        }
    }
    visitor.write_all(&answer).await
}

async fn answer(mut visitor: TcpStream, status: &str, code: &str, kind: &str, body: &str) {
    let len = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nNgrok-Error-Code: {code}\r\nContent-Type: {kind}\r\n\
         Content-Length: {len}\r\nConnection: close\r\n\r\n{body}"
    );
    let _ = visitor.write_all(answer.as_bytes()).await;
    let _ = visitor.shutdown().await;
}

/// What has been read of a request's head, and whatever came with it.
struct Head(Vec<u8>);

impl Head {
    /// Reads until the `Host` line is complete, or the whole head.
    async fn read(visitor: &mut TcpStream, whole: bool) -> io::Result<Self> {
        let mut head = Self(Vec::new());
        let mut chunk = [0; 4096];
        loop {
            let complete = head.text().contains("\r\n\r\n");
            if complete || (!whole && head.header("host").is_some()) {
                return Ok(head);
            }
            let read = visitor.read(&mut chunk).await?;
            if read == 0 || head.0.len() > HEAD_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            head.0.extend_from_slice(&chunk[..read]);
        }
    }

    fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// A header field of which the whole line has arrived.
    fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        // The last piece is either cut off by the head's end or by what has not arrived yet.
        let complete = if text.contains("\r\n\r\n") { head } else { head.rsplit_once("\r\n")?.0 };
        complete.split("\r\n").skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// The bytes for the agent, with the edge's own fields after the request line.
    fn forwarded(&self, host: &str, peer: SocketAddr) -> Vec<u8> {
        let line_end = self.0.windows(2).position(|pair| pair == b"\r\n").map_or(0, |at| at + 2);
        let fields = format!(
            "X-Forwarded-For: {}\r\nX-Forwarded-Host: {host}\r\nX-Forwarded-Proto: https\r\n",
            peer.ip()
        );
        [&self.0[..line_end], fields.as_bytes(), &self.0[line_end..]].concat()
    }
}
