//! A loopback ngrok edge: TLS and muxado towards the agent, plain HTTP towards visitors.
mod agent;
mod certificate;
mod public;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use muxado::typed::Typed;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How the edge misbehaves; all off at first.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a test double")]
pub struct Knobs {
    /// The text that answers every sign-in, such as `no\n\nERR_NGROK_107\n`.
    pub auth_error: Option<String>,
    /// The text that answers every bind.
    pub bind_error: Option<String>,
    /// Heartbeats stay unanswered.
    pub mute_heartbeats: bool,
    /// Binds stay unanswered.
    pub mute_binds: bool,
    /// A rebind gets this URL instead of its old one.
    pub rebind_url: Option<String>,
    /// A rebind gets this id instead of its old one.
    pub rebind_id: Option<String>,
    /// Event streams answered to GET are held back until they end.
    pub buffer_get_sse: bool,
    /// Browsers get the interstitial page.
    pub interstitial: bool,
}

/// A sign-in as it arrived.
#[derive(Clone, Debug, Serialize)]
pub struct AuthSeen {
    /// Empty at first, the old session's afterwards.
    pub client_id: String,
    /// Empty at first, the old session's afterwards.
    pub cookie: String,
    /// The authtoken, as a test plants it.
    pub authtoken: String,
    /// The agent's name and version.
    pub user_agent: String,
}

/// A bind as it arrived, with the URL it got.
#[derive(Clone, Debug, Serialize)]
pub struct BindSeen {
    /// Empty at first, the old one afterwards.
    pub id: String,
    /// Empty at first, the old one afterwards.
    pub token: String,
    /// The domain asked for.
    pub domain: String,
    /// The label of the thing served.
    pub forwards_to: String,
    /// The URL given; empty when refused.
    pub url: String,
}

/// What the edge has seen so far.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Seen {
    /// TCP connections taken on the agent side.
    pub tcp_accepted: u64,
    /// Sessions that are signed in at the moment.
    pub sessions_open: u64,
    /// Sign-ins, good and bad.
    pub auths: Vec<AuthSeen>,
    /// Binds, good and bad.
    pub binds: Vec<BindSeen>,
    /// Requests to unbind.
    pub unbinds: u64,
    /// Heartbeats received.
    pub heartbeats: u64,
    /// Visitors' connections brought to an agent.
    pub proxied: u64,
    /// Visitors' connections that are being brought to an agent at the moment.
    pub proxying: u64,
}

/// A command of the dashboard.
#[derive(Clone, Debug)]
pub enum Command {
    /// Stop the agent.
    Stop,
    /// Restart the agent.
    Restart,
    /// Update the agent to this version.
    Update(String),
}

pub(super) type Opener = Typed<muxado::MuxadoOpen>;

/// Everything the edge's tasks share.
struct Shared {
    knobs: Mutex<Knobs>,
    seen: watch::Sender<Seen>,
    sessions: Mutex<BTreeMap<u64, Session>>,
    /// Public host to the session that serves it and the tunnel's id there.
    hosts: Mutex<BTreeMap<String, Bound>>,
    next: Mutex<u64>,
    listening: watch::Sender<bool>,
}

struct Session {
    opener: Opener,
    client_id: String,
    cut: CancellationToken,
}

#[derive(Clone)]
struct Bound {
    session: u64,
    client_id: String,
    id: String,
    token: String,
}

impl Shared {
    fn knobs(&self) -> Knobs {
        lock(&self.knobs).clone()
    }

    fn next(&self) -> u64 {
        let mut next = lock(&self.next);
        *next += 1;
        *next
    }

    fn saw(&self, change: impl FnOnce(&mut Seen)) {
        self.seen.send_modify(change);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running loopback edge; it ends when dropped.
pub struct NgrokEdge {
    shared: Arc<Shared>,
    agent_addr: SocketAddr,
    public_addr: SocketAddr,
    ca_pem: String,
    accepting: watch::Sender<bool>,
    _end: DropGuard,
}

impl std::fmt::Debug for NgrokEdge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NgrokEdge")
            .field("agent_addr", &self.agent_addr)
            .field("public_addr", &self.public_addr)
            .finish_non_exhaustive()
    }
}

impl NgrokEdge {
    /// Starts an edge on two free loopback ports.
    ///
    /// # Errors
    ///
    /// When no port or no certificate can be had.
    pub async fn start() -> io::Result<Self> {
        let certificate = certificate::make().map_err(io::Error::other)?;
        let acceptor = TlsAcceptor::from(certificate.server);
        let agents = TcpListener::bind(("127.0.0.1", 0)).await?;
        let visitors = TcpListener::bind(("127.0.0.1", 0)).await?;
        let (agent_addr, public_addr) = (agents.local_addr()?, visitors.local_addr()?);
        let shared = Arc::new(Shared {
            knobs: Mutex::default(),
            seen: watch::Sender::default(),
            sessions: Mutex::default(),
            hosts: Mutex::default(),
            next: Mutex::default(),
            listening: watch::Sender::new(true),
        });
        let end = CancellationToken::new();
        let accepting = watch::Sender::new(true);
        let serving = serve_agents(agents, acceptor, Arc::clone(&shared), accepting.subscribe());
        tokio::spawn(end.clone().run_until_cancelled_owned(serving));
        let serving = serve_visitors(visitors, Arc::clone(&shared));
        tokio::spawn(end.clone().run_until_cancelled_owned(serving));
        Ok(Self {
            shared,
            agent_addr,
            public_addr,
            ca_pem: certificate.ca_pem,
            accepting,
            _end: end.drop_guard(),
        })
    }

    /// Where agents connect.
    #[must_use]
    pub const fn agent_addr(&self) -> SocketAddr {
        self.agent_addr
    }

    /// Where visitors connect, by plain HTTP and the `Host` of the tunnel's URL.
    #[must_use]
    pub const fn public_addr(&self) -> SocketAddr {
        self.public_addr
    }

    /// The authority that agents must believe.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Changes how the edge misbehaves from now on.
    pub fn turn(&self, change: impl FnOnce(&mut Knobs)) {
        change(&mut lock(&self.shared.knobs));
    }

    /// What was seen so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.shared.seen.borrow().clone()
    }

    /// Waits until what was seen satisfies `condition`.
    ///
    /// # Panics
    ///
    /// Never: the sender lives as long as the edge.
    pub async fn until(&self, condition: impl FnMut(&Seen) -> bool) -> Seen {
        let mut seen = self.shared.seen.subscribe();
        let seen = seen.wait_for(condition).await.expect("the edge holds the sender");
        seen.clone()
    }

    /// Closes the agent port, or opens it again; returns when that is done. Sessions stay.
    pub async fn refuse_tcp(&self, refuse: bool) {
        self.accepting.send_replace(!refuse);
        let mut listening = self.shared.listening.subscribe();
        let _ = listening.wait_for(|listening| *listening != refuse).await;
    }

    /// Cuts the TCP connection of every session.
    pub fn drop_sessions(&self) {
        for session in lock(&self.shared.sessions).values() {
            session.cut.cancel();
        }
    }

    /// Sends a dashboard command to every session; returns their answers' errors.
    ///
    /// # Errors
    ///
    /// When a session does not answer.
    pub async fn command(&self, command: Command) -> io::Result<Vec<Option<String>>> {
        let openers: Vec<Opener> =
            lock(&self.shared.sessions).values().map(|session| session.opener.clone()).collect();
        let mut answers = Vec::new();
        for opener in openers {
            answers.push(agent::command(opener, &command).await?);
        }
        Ok(answers)
    }

    /// Stops every tunnel the way the service does it.
    ///
    /// # Errors
    ///
    /// When a session is gone.
    pub async fn stop_tunnels(&self, message: &str, code: Option<&str>) -> io::Result<()> {
        let bound: Vec<Bound> = lock(&self.shared.hosts).values().cloned().collect();
        for bound in bound {
            let opener = lock(&self.shared.sessions).get(&bound.session).map(|s| s.opener.clone());
            if let Some(opener) = opener {
                agent::stop_tunnel(opener, &bound.id, message, code).await?;
            }
        }
        Ok(())
    }

    /// Opens `count` visitors' connections that begin a request and never finish it.
    ///
    /// # Errors
    ///
    /// When the public side refuses.
    pub async fn hold(&self, count: usize, host: &str) -> io::Result<Vec<TcpStream>> {
        use tokio::io::AsyncWriteExt;
        let mut held = Vec::with_capacity(count);
        for _ in 0..count {
            let mut stream = TcpStream::connect(self.public_addr).await?;
            stream.write_all(format!("GET /held HTTP/1.1\r\nHost: {host}\r\n").as_bytes()).await?;
            held.push(stream);
        }
        Ok(held)
    }
}

/// Accepts agents while that is wanted; a closed listener refuses TCP.
async fn serve_agents(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    mut accepting: watch::Receiver<bool>,
) {
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = Some(listener);
    let mut sessions = JoinSet::new();
    loop {
        let open = *accepting.borrow_and_update();
        match (&listener, open) {
            (Some(_), false) => listener = None,
            (None, true) => match TcpListener::bind(address).await {
                Ok(bound) => listener = Some(bound),
                Err(error) => panic!("the edge cannot listen on {address} again: {error}"),
            },
            _ => {}
        }
        shared.listening.send_replace(listener.is_some());
        tokio::select! {
            changed = accepting.changed() => if changed.is_err() { return },
            accepted = accept(listener.as_ref()) => {
                let Ok((stream, _)) = accepted else { continue };
                shared.saw(|seen| seen.tcp_accepted += 1);
                sessions.spawn(agent::serve(stream, acceptor.clone(), Arc::clone(&shared)));
            }
            Some(_) = sessions.join_next() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn serve_visitors(listener: TcpListener, shared: Arc<Shared>) {
    let mut visitors = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, peer)) = accepted else { continue };
                visitors.spawn(public::serve(stream, peer, Arc::clone(&shared)));
            }
            Some(_) = visitors.join_next() => {}
        }
    }
}
