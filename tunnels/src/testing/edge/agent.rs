//! The agent side: sign-in, binds, heartbeats and commands over muxado.
use std::io;
use std::sync::Arc;

use muxado::SessionBuilder;
use muxado::typed::{StreamType, Typed, TypedAccept, TypedOpenClose, TypedSession, TypedStream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{AuthSeen, BindSeen, Bound, Command, Opener, Session, Shared, lock};
use crate::ngrok::CutStream;

const AUTH: u32 = 0;
const BIND: u32 = 1;
const UNBIND: u32 = 2;
pub(super) const PROXY: u32 = 3;
const RESTART: u32 = 4;
const STOP: u32 = 5;
const UPDATE: u32 = 6;
const STOP_TUNNEL: u32 = 9;
const HEARTBEAT: u32 = 0xFFFF_FFFF;
const STREAM_LIMIT: usize = 1 << 20;
const REQUEST_MAX: usize = 64 * 1024;

/// Serves one agent until its connection ends.
pub(super) async fn serve(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let cut = CancellationToken::new();
    let stream = CutStream::new(stream, &cut, None);
    let mux = SessionBuilder::new(stream).server().stream_limit(STREAM_LIMIT).start();
    let (opener, mut acceptor) = Typed::new(mux).split_typed();
    let agent = Agent { id: shared.next(), shared, opener, cut };
    let agent = Arc::new(agent);
    let mut streams = JoinSet::new();
    while let Ok(stream) = acceptor.accept_typed().await {
        streams.spawn(handle(Arc::clone(&agent), stream));
        while streams.try_join_next().is_some() {}
    }
    streams.shutdown().await;
    agent.leave();
}

struct Agent {
    id: u64,
    shared: Arc<Shared>,
    opener: Opener,
    cut: CancellationToken,
}

impl Agent {
    fn leave(&self) {
        if lock(&self.shared.sessions).remove(&self.id).is_some() {
            self.shared.saw(|seen| seen.sessions_open -= 1);
        }
    }

    fn auth(&self, request: &Value) -> Value {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let extra = &request["Extra"];
        let seen = AuthSeen {
            client_id: text(&request["ClientId"]),
            cookie: text(&extra["Cookie"]),
            authtoken: text(&extra["AuthToken"]),
            user_agent: text(&extra["UserAgent"]),
        };
        let refusal = self.shared.knobs().auth_error;
        let client_id = match seen.client_id.as_str() {
            "" => format!("client-{}", self.shared.next()),
            known => known.to_owned(),
        };
        if refusal.is_none() {
            let session = Session {
                opener: self.opener.clone(),
                client_id: client_id.clone(),
                cut: self.cut.clone(),
            };
            lock(&self.shared.sessions).insert(self.id, session);
        }
        self.shared.saw(|all| {
            all.auths.push(seen);
            all.sessions_open += u64::from(refusal.is_none());
        });
        if let Some(error) = refusal {
            return json!({"Error": error});
        }
        let cookie = format!("cookie-of-{client_id}");
        json!({
            "Version": "3", "ClientId": client_id,
            "Extra": {
                "Version": "loopback", "Region": "loop", "Cookie": cookie,
                "AccountName": "loopback", "SessionDuration": 0, "PlanName": "Free", "Banner": "",
            },
        })
    }

    fn bind(&self, request: &Value) -> Value {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut seen = BindSeen {
            id: text(&request["Id"]),
            token: text(&request["Extra"]["Token"]),
            domain: text(&request["Opts"]["Domain"]),
            forwards_to: text(&request["ForwardsTo"]),
            url: String::new(),
        };
        let bound = self.place(&seen);
        let answer = match &bound {
            Err(error) => json!({"Error": error}),
            Ok((host, bound)) => {
                seen.url = format!("https://{host}");
                json!({
                    "Id": bound.id, "URL": seen.url, "Proto": "https",
                    "Opts": request["Opts"], "Extra": {"Token": bound.token},
                })
            }
        };
        self.shared.saw(|all| all.binds.push(seen));
        answer
    }

    /// Gives a bind its host, or the reason why not.
    fn place(&self, asked: &BindSeen) -> Result<(String, Bound), String> {
        let knobs = self.shared.knobs();
        if let Some(error) = knobs.bind_error {
            return Err(error);
        }
        let client_id = lock(&self.shared.sessions)
            .get(&self.id)
            .map(|session| session.client_id.clone())
            .ok_or("not signed in")?;
        let mut hosts = lock(&self.shared.hosts);
        let old = hosts.iter().find(|(_, bound)| {
            !asked.id.is_empty() && bound.id == asked.id && bound.token == asked.token
        });
        let old = old.map(|(host, bound)| (host.clone(), bound.clone()));
        let (host, mut bound) = old.unwrap_or_else(|| {
            let number = self.shared.next();
            let host = match asked.domain.as_str() {
                "" => format!("random-{number}.ngrok-free.test"),
                domain => domain.to_owned(),
            };
            let bound = Bound {
                session: self.id,
                client_id: client_id.clone(),
                id: format!("tunnel-{number}"),
                token: format!("token-{number}"),
            };
            (host, bound)
        });
        let alive = |session: u64| lock(&self.shared.sessions).contains_key(&session);
        if let Some(other) = hosts.get(&host)
            && other.client_id != client_id
            && alive(other.session)
        {
            return Err(format!(
                "The endpoint 'https://{host}' is already online.\n\nERR_NGROK_334\n"
            ));
        }
        hosts.remove(&host);
        let rebinding = !asked.id.is_empty();
        let host = match knobs.rebind_url.filter(|_| rebinding) {
            Some(url) => url.trim_start_matches("https://").to_owned(),
            None => host,
        };
        if let Some(id) = knobs.rebind_id.filter(|_| rebinding) {
            bound.id = id;
        }
        bound.session = self.id;
        hosts.insert(host.clone(), bound.clone());
        Ok((host, bound))
    }

    fn unbind(&self, request: &Value) -> Value {
        let id = request["Id"].as_str().unwrap_or_default();
        lock(&self.shared.hosts).retain(|_, bound| bound.id != id);
        self.shared.saw(|seen| seen.unbinds += 1);
        json!({})
    }
}

async fn handle(agent: Arc<Agent>, mut stream: TypedStream) {
    let kind = *stream.typ();
    if kind == HEARTBEAT {
        let mut beat = [0; 4];
        while stream.read_exact(&mut beat).await.is_ok() {
            agent.shared.saw(|seen| seen.heartbeats += 1);
            if !agent.shared.knobs().mute_heartbeats && stream.write_all(&beat).await.is_err() {
                return;
            }
        }
        return;
    }
    let Ok(request) = read_json(&mut stream).await else { return };
    let answer = match kind {
        AUTH => agent.auth(&request),
        BIND if agent.shared.knobs().mute_binds => return std::future::pending().await,
        BIND => agent.bind(&request),
        UNBIND => agent.unbind(&request),
        _ => json!({"Error": "unknown request"}),
    };
    let _ = stream.write_all(answer.to_string().as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Reads one JSON object from a stream whose other side stays open.
async fn read_json(stream: &mut TypedStream) -> io::Result<Value> {
    let mut text = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let read = stream.read(&mut chunk).await?;
        if read == 0 || text.len() > REQUEST_MAX {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        text.extend_from_slice(&chunk[..read]);
        if let Ok(value) = serde_json::from_slice(&text) {
            return Ok(value);
        }
    }
}

/// Sends a command; returns the error the agent answers with, if any.
pub(super) async fn command(mut opener: Opener, command: &Command) -> io::Result<Option<String>> {
    let (kind, body) = match command {
        Command::Stop => (STOP, json!({})),
        Command::Restart => (RESTART, json!({})),
        Command::Update(version) => {
            (UPDATE, json!({"Version": version, "PermitMajorVersion": false}))
        }
    };
    let mut stream = open(&mut opener, kind).await?;
    stream.write_all(body.to_string().as_bytes()).await?;
    let answer = read_json(&mut stream).await?;
    Ok(answer["Error"].as_str().map(str::to_owned))
}

pub(super) async fn stop_tunnel(
    mut opener: Opener,
    id: &str,
    message: &str,
    code: Option<&str>,
) -> io::Result<()> {
    let mut stream = open(&mut opener, STOP_TUNNEL).await?;
    let body = json!({"Id": id, "Message": message, "ErrorCode": code});
    stream.write_all(body.to_string().as_bytes()).await?;
    // There is no answer; the agent closes its side when it has read the request.
    let _ = stream.read_to_end(&mut Vec::new()).await;
    Ok(())
}

/// Opens a stream of `kind` to the agent.
pub(super) async fn open(opener: &mut Opener, kind: u32) -> io::Result<TypedStream> {
    opener.open_typed(StreamType::clamp(kind)).await.map_err(io::Error::other)
}
