//! A running gateway: parts made, put together, and brought to an end in order.
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::middleware::from_fn;
use futures::FutureExt;
use futures::future::BoxFuture;
use gateway_os::folders::{self, Folders};
use gateway_os::launch::Executable;
use gateway_os::socket::AsyncListener;
use gateway_tunnels::{TunnelHandle, TunnelState};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::address::PublicAddress;
use super::admin::{CallError, CallErrorKind, serve_admin, socket_path};
use super::authenticate::Bearers;
use super::clients::Clients;
use super::owner::{Owner, Running};
use super::probe::Probe;
use super::state::State;
use super::tools::{EngineTasks, Shown};
use super::view::ConnectionView;
use super::workspaces::ProjectWorkspaces;
use super::{StartupError, executors, settings, tunnel, vault};
use crate::auth::{AuthorizationServer, OpaqueToken};
use crate::clock::{Clock, Entropy};
use crate::config::{self, Config, Loaded};
use crate::http::{
    ConnectionLimits, Guard, GuardParts, Hosts, IngressKind, PublicOrigin, RateLimit, Routes,
    Server, TrustedProxy, with_common_routes,
};
use crate::mcp::{Endpoint, McpParts};
use crate::model::{Client, ClientId, Registration};
use crate::task::{Engine, EngineHandle, Surroundings};
use crate::web::{self, Pages, Requests};

/// Longest wait for the engine when the gateway ends without taking its agents along.
const ENGINE_LIMIT: Duration = Duration::from_secs(10);

/// Clients whose connection the status tells.
const CLIENTS_MAX: usize = 16;

/// Longest wait for what only watches and logs.
const BACKGROUND_LIMIT: Duration = Duration::from_secs(2);

/// Loads the configuration again, under the same flags as at the start.
pub type LoadConfig = Arc<dyn Fn() -> Result<Loaded, config::ConfigError> + Send + Sync>;

/// Sets the level of the log.
pub type SetLogLevel = Arc<dyn Fn(config::LogLevel) + Send + Sync>;

/// What a gateway is started with.
pub struct Setup {
    /// The configuration, flags included.
    pub loaded: Loaded,
    /// Loads it again.
    pub load_config: LoadConfig,
    /// Sets the level of the log.
    pub set_log_level: SetLogLevel,
    /// Where things are.
    pub folders: Folders,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Whether somebody watches: only then may `auto` open a public address.
    pub on_terminal: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// A running gateway. Call [`Gateway::shut_down`] to end it in order.
#[derive(Debug)]
pub struct Gateway {
    shared: Arc<Shared>,
    state: State,
    server: Server,
    tunnel: TunnelHandle,
    engine: EngineHandle,
    background: TaskTracker,
    /// Cancelled when the tunnel is closed.
    over: CancellationToken,
    draining: CancellationToken,
    admin_socket: PathBuf,
    owner: Owner,
    remarks: Vec<String>,
}

/// What is known while it runs, and what a reload replaces.
struct Shared {
    local: SocketAddr,
    provider: &'static str,
    tunnel: watch::Receiver<TunnelState>,
    address: PublicAddress,
    auth: AuthorizationServer,
    engine: EngineHandle,
    shown: watch::Sender<Shown>,
    /// What the parts that no reload reaches were made from.
    started: Config,
    loaded: Mutex<Loaded>,
    /// Why the last reload changed nothing.
    not_reloaded: Mutex<Option<String>>,
    load_config: LoadConfig,
    set_log_level: SetLogLevel,
    folders: Folders,
    env: BTreeMap<String, String>,
    executable: Executable,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("local", &self.local).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Starts everything: state, engine, routes, listeners, tunnel. Must run inside a tokio runtime.
    ///
    /// The tunnel opens in the background; [`Gateway::status`] tells how far it is.
    ///
    /// # Errors
    ///
    /// See [`StartupError`]; then nothing is left running.
    #[expect(clippy::too_many_lines, reason = "the whole composition, step by step, in one place")]
    pub async fn start(setup: Setup) -> Result<Self, StartupError> {
        super::install_crypto();
        let Setup { loaded, folders, env, clock, entropy, .. } = &setup;
        let config = &loaded.config;
        folders::private_dir(&folders.runtime)?;
        let state = State::open(folders, "gateway serve", clock)?;
        let executable = Executable::current()?;
        let secrets = vault::secrets(config, folders, env)?;
        let workspaces = ProjectWorkspaces::new(config, folders, env, clock.clone());
        let auth = AuthorizationServer::new(
            state.store.clone(),
            clock.clone(),
            entropy.clone(),
            settings::of_auth(config),
        )
        .map_err(StartupError::setting)?;
        let listener = listen(config).await?;
        let local = listener.local_addr()?;
        let admin_socket = socket_path(&folders.runtime);
        let admin = AsyncListener::bind(&admin_socket);
        let choice = tunnel::choose(config, &secrets, env, setup.on_terminal)
            .await
            .map_err(|(message, hint)| StartupError::Tunnel { message, hint })?;

        let engine = Engine::start(
            state.store.clone(),
            clock.clone(),
            entropy.clone(),
            settings::of_engine(config, folders),
            surroundings(config, env, &executable, clock, &workspaces)
                .map_err(StartupError::setting)?,
        )?;
        let clients = Clients::new(auth.clone(), secrets.clone(), clock.clone());
        let draining = CancellationToken::new();
        let probe = Probe::new(entropy.clone());
        let (shown, shown_now) = watch::channel(Shown::of(config, workspaces.clone()));
        let (public, public_now) = watch::channel(None);
        let configured = configured_origins(config);
        let address = PublicAddress::new(public_now.clone(), configured.first().cloned());
        let tasks = Arc::new(EngineTasks::new(
            engine.clone(),
            state.store.clone(),
            shown_now.clone(),
            address.clone(),
        ));
        let mcp = McpParts {
            tasks: tasks.clone(),
            auth: Arc::new(Bearers::new(auth.clone())),
            clock: clock.clone(),
            entropy: entropy.clone(),
            store: state.store.clone(),
            draining: draining.clone(),
        };
        let routes = routes(mcp, &auth, &clients, tasks, probe.clone());
        let guard = Guard::new(GuardParts {
            routes,
            hosts: Hosts::new(public_now, configured),
            limit: Arc::new(RateLimit::new(
                config.limits.requests_per_minute,
                config.limits.burst,
                clock.clone(),
            )),
            trusted_proxies: trusted_proxies(config),
            trace: auth.trace().clone(),
            entropy: entropy.clone(),
            draining: draining.clone(),
        });
        let server = Server::new(guard, ConnectionLimits::default(), draining.clone());
        let local_kind =
            if local.ip().is_loopback() { IngressKind::Local } else { IngressKind::Lan };
        server.accept_from(listener, local_kind);

        let (handle, incoming) =
            tunnel::start(choice.provider, env, &folders.runtime, probe, entropy.clone());
        server.accept_from(incoming, IngressKind::Tunnel);
        let background = TaskTracker::new();
        // Both end with the tunnel's handle, which lives as long as the gateway does.
        let over = CancellationToken::new();
        let follow = tunnel::follow(handle.state(), public);
        background.spawn(over.clone().run_until_cancelled_owned(follow));
        let log = log_events(handle.events());
        background.spawn(over.clone().run_until_cancelled_owned(log));
        let (marks, trace) = (auth.clone(), auth.trace().clone());
        let stop = draining.clone();
        background.spawn(async move {
            tokio::select! {
                () = marks.keep_marks() => {}
                () = trace.keep_watch() => {}
                () = stop.cancelled() => {}
            }
        });

        let mut remarks = choice.remarks;
        remarks.extend(workspaces.faults().iter().cloned());
        if local_kind == IngressKind::Lan {
            remarks.push(format!(
                "listening on {local}: everybody in that network can try to sign in"
            ));
        }
        let shared = Arc::new(Shared {
            local,
            provider: choice.name,
            tunnel: handle.state(),
            address,
            auth,
            engine: engine.clone(),
            shown,
            started: config.clone(),
            loaded: Mutex::new(loaded.clone()),
            not_reloaded: Mutex::default(),
            load_config: setup.load_config.clone(),
            set_log_level: setup.set_log_level.clone(),
            folders: folders.clone(),
            env: env.clone(),
            executable,
            clock: clock.clone(),
        });
        let owner = Owner {
            store: state.store.clone(),
            clock: clock.clone(),
            clients,
            auth: shared.auth.clone(),
            shown: shown_now,
            running: Some((engine.clone(), shared.clone())),
        };
        match admin {
            Ok(admin) => {
                let (answering, stop) = (owner.clone(), draining.clone());
                let answer = move |call| {
                    let owner = answering.clone();
                    async move { owner.call(call).await }
                };
                background.spawn(serve_admin(admin, answer, stop));
            }
            Err(error) => remarks.push(format!(
                "the admin socket {} could not be made ({error}): `gateway status`, `pair` and \
                 `tasks` cannot reach this gateway",
                admin_socket.display()
            )),
        }
        background.close();
        tracing::info!(%local, tunnel = shared.provider, "gateway started");
        Ok(Self {
            shared,
            state,
            server,
            tunnel: handle,
            engine,
            background,
            over,
            draining,
            admin_socket,
            owner,
            remarks,
        })
    }

    /// The owner's calls, answered by this gateway.
    #[must_use]
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }

    /// What the owner should know about this start; lines for people.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// State, addresses and tunnel.
    #[must_use]
    pub fn status(&self) -> Value {
        self.shared.status()
    }

    /// The tunnel's state, now and whenever it changes.
    #[must_use]
    pub fn tunnel_state(&self) -> watch::Receiver<TunnelState> {
        self.tunnel.state()
    }

    /// Makes a client when there is none and the vault answers; answers what was minted.
    ///
    /// # Errors
    ///
    /// The vault is shut, so that no client could be made, or that the pages cannot show the secret of
    /// the one there is. The gateway runs all the same.
    pub async fn mint_first_client(&self) -> Result<Option<Value>, CallError> {
        let clients = self
            .shared
            .auth
            .clients()
            .map_err(|error| CallError::new(CallErrorKind::Failed, &error, error.hint()))?;
        if !self.shared.auth.settings().admits(Registration::Static) {
            return Ok(None);
        }
        let now = self.shared.clock.now();
        let own = |client: &&Client| client.registration == Registration::Static;
        let active = || clients.iter().filter(own).filter(|client| client.is_active(now));
        if active().next().is_some() {
            if active().any(Client::is_confidential) {
                self.owner.clients.vault_answers().await?;
            }
            return Ok(None);
        }
        self.owner.clients.mint("claude", &[], &[], false).await.map(Some)
    }

    /// Reads the configuration again and takes over what can be changed while running.
    ///
    /// # Errors
    ///
    /// When the configuration is wrong; then nothing changes, and the status tells.
    pub async fn reload(&self) -> Result<Value, CallError> {
        self.shared.reload().await
    }

    /// Ends everything in order: requests, tunnel, engine, database. Takes 10 s at most, longer only
    /// where `tasks.on_shutdown` says that agents are waited for.
    pub async fn shut_down(self) {
        let Self { shared, state, server, tunnel, engine, background, over, draining, .. } = self;
        tracing::info!("gateway is shutting down");
        draining.cancel();
        let on_shutdown = shared.loaded().config.tasks.on_shutdown;
        let ending_engine = async {
            let down = engine.shut_down();
            if on_shutdown != config::OnShutdown::Detach {
                down.await;
            } else if tokio::time::timeout(ENGINE_LIMIT, down).await.is_err() {
                tracing::warn!("the task engine did not end in time");
            }
        };
        // Requests under way may still come through the tunnel, so it closes after them.
        let ending_requests = async {
            server.shutdown().await;
            tunnel.close().await;
        };
        tokio::join!(ending_engine, ending_requests);
        over.cancel();
        if tokio::time::timeout(BACKGROUND_LIMIT, background.wait()).await.is_err() {
            tracing::warn!("background work did not end in time");
        }
        if let Err(error) = shared.auth.flush_marks().await {
            tracing::warn!(%error, "last-use marks were not written");
        }
        // A socket that cannot be removed is stale, and the next gateway sees that.
        let _ = std::fs::remove_file(&self.admin_socket);
        let store = state.store.clone();
        // The last thing: what was accepted is on disk before the process ends.
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
        tracing::info!("gateway has ended");
    }
}

impl Shared {
    fn loaded(&self) -> Loaded {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys whose values differ from those that the gateway started with and still works by.
    fn needs_restart(&self) -> Vec<String> {
        let changes = config::changes(&self.started, &self.loaded().config).into_iter();
        changes.filter(|change| change.needs_restart).map(|change| change.key.to_string()).collect()
    }

    fn local_url(&self) -> String {
        format!("http://{}", asked_at(self.local))
    }

    fn public_url(&self) -> Option<String> {
        self.address.origin().map(|origin| origin.to_string())
    }
}

impl Running for Shared {
    fn status(&self) -> Value {
        let tunnel = self.tunnel.borrow().clone();
        let not_reloaded = self.not_reloaded.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut problems: Vec<String> = not_reloaded.into_iter().collect();
        problems.extend_from_slice(self.shown.borrow().workspaces.faults());
        let connections = self.auth.trace().connections();
        let clients: Vec<_> =
            connections.iter().take(CLIENTS_MAX).map(ConnectionView::of).collect();
        json!({
            "schema": 1,
            "state": "running",
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "local_url": self.local_url(),
            "public_url": self.public_url(),
            "tunnel": {
                "provider": self.provider,
                "state": tunnel.name(),
                "detail": tunnel.detail(),
                "hint": tunnel.hint(),
            },
            "needs_restart": self.needs_restart(),
            "problems": problems,
            "clients": clients,
        })
    }

    fn pair(&self) -> BoxFuture<'_, Result<Value, CallError>> {
        let pairing = self.auth.pairings().open();
        let base = self.public_url().unwrap_or_else(|| self.local_url());
        std::future::ready(Ok(json!({
            "schema": 1,
            "url": format!("{base}/mcp#{}", pairing.url_fragment),
            "code": pairing.code,
            "expires_at": pairing.expires_at.to_string(),
        })))
        .boxed()
    }

    fn reload(&self) -> BoxFuture<'_, Result<Value, CallError>> {
        async move {
            let result = self.take_over().await;
            let problem = result
                .as_ref()
                .err()
                .map(|error| format!("the configuration was not taken over: {}", error.message));
            *self.not_reloaded.lock().unwrap_or_else(PoisonError::into_inner) = problem;
            match &result {
                Ok(changes) => tracing::info!(
                    taken_over = listed(&changes["taken_over"]),
                    needs_restart = listed(&changes["needs_restart"]),
                    project_faults = listed(&changes["project_faults"]),
                    "configuration reloaded"
                ),
                Err(error) => tracing::error!(%error, "configuration not reloaded"),
            }
            result
        }
        .boxed()
    }
}

impl Shared {
    async fn take_over(&self) -> Result<Value, CallError> {
        let refused = |message: String| {
            let hint = "correct it; `gateway config check` tells when it is right";
            CallError::new(CallErrorKind::Config, message, hint)
        };
        let new = (self.load_config)().map_err(|error| refused(error.to_string()))?;
        let old = self.loaded();
        let changes = config::changes(&old.config, &new.config);
        let workspaces =
            ProjectWorkspaces::new(&new.config, &self.folders, &self.env, self.clock.clone());
        let surroundings =
            surroundings(&new.config, &self.env, &self.executable, &self.clock, &workspaces)
                .map_err(refused)?;
        self.auth
            .set_settings(settings::of_auth(&new.config))
            .map_err(|error| refused(error.to_string()))?;
        self.engine
            .reconfigure(settings::of_engine(&new.config, &self.folders), surroundings)
            .await;
        self.shown.send_replace(Shown::of(&new.config, workspaces.clone()));
        (self.set_log_level)(new.config.log.level);
        *self.loaded.lock().unwrap_or_else(PoisonError::into_inner) = new;
        let (restart, live): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|change| change.needs_restart);
        let names = |changes: Vec<config::KeyChange>| -> Vec<String> {
            changes.into_iter().map(|change| change.key.to_string()).collect()
        };
        Ok(json!({
            "schema": 1,
            "taken_over": names(live),
            "needs_restart": names(restart),
            "project_faults": workspaces.faults(),
        }))
    }
}

/// The texts of a list in one, for a field of the log.
fn listed(texts: &Value) -> String {
    let texts = texts.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.collect::<Vec<_>>().join(", ")
}

fn surroundings(
    config: &Config,
    env: &BTreeMap<String, String>,
    executable: &Executable,
    clock: &Arc<dyn Clock>,
    workspaces: &ProjectWorkspaces,
) -> Result<Surroundings, String> {
    let executors = executors::registry(config, env, executable, clock)?;
    Ok(Surroundings { executors, workspaces: Arc::new(workspaces.clone()) })
}

/// Where programs of this machine ask: one that listens at all addresses, at the loopback one.
pub(super) const fn asked_at(local: SocketAddr) -> SocketAddr {
    let ip = match local.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, local.port())
}

/// Everything that is served.
pub(super) fn routes(
    mcp: McpParts,
    auth: &AuthorizationServer,
    clients: &Clients,
    requests: Arc<dyn Requests>,
    probe: Probe,
) -> Routes {
    let clients = clients.clone();
    let secrets = Arc::new(move |id: ClientId| {
        let clients = clients.clone();
        async move {
            let secret = clients.secret_of(&id).await?;
            Some(OpaqueToken::new(secret.expose()))
        }
        .boxed()
    });
    let pages = Pages { server: auth.clone(), secrets, requests };
    let others = with_common_routes(web::router(pages))
        .layer(from_fn(move |request, next| probe.clone().layer(request, next)));
    Routes::new(("/mcp", Arc::new(Endpoint::new(mcp))), others)
}

async fn listen(config: &Config) -> Result<TcpListener, StartupError> {
    let address = config.server.listen.0;
    TcpListener::bind(address).await.map_err(|source| StartupError::Listen { address, source })
}

/// `server.public_url` first, then `server.allowed_hosts` as https origins.
fn configured_origins(config: &Config) -> Vec<PublicOrigin> {
    let url = config.server.public_url.as_ref().map(ToString::to_string);
    let hosts = config.server.allowed_hosts.iter().map(|host| format!("https://{host}"));
    url.into_iter().chain(hosts).filter_map(|text| PublicOrigin::parse(&text).ok()).collect()
}

fn trusted_proxies(config: &Config) -> Vec<TrustedProxy> {
    let proxies = config.server.trusted_proxies.iter().map(|network| {
        let (network, prefix) = network.parts();
        TrustedProxy { network, prefix }
    });
    proxies.collect()
}

async fn log_events(mut events: tokio::sync::broadcast::Receiver<gateway_tunnels::TunnelEvent>) {
    use tokio::sync::broadcast::error::RecvError;
    loop {
        match events.recv().await {
            Ok(event) => {
                let hint = event.hint();
                tracing::info!(%event, hint, "tunnel");
            }
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "tunnel events were missed"),
            Err(RecvError::Closed) => return,
        }
    }
}
