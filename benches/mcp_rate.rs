//! How many `tools/call check_task` a second the whole stack answers, with authorization on, against
//! a bare rmcp server with one trivial tool from the same lock file.
//!
//! Both servers run in this process and are asked by the same client in short turns, so that what
//! else the machine does meets both. Besides the rate, calls for each second of processor time are
//! counted, client included: on a busy machine only that ratio means anything. Ours is the real guard, the real bearer check over a real
//! database, and a look-up of a stored task. `cargo bench --bench mcp_rate [-- ROUNDS]`; the figure
//! that counts is the ratio, at least 0.8 (DESIGN §5).
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::IntoResponse;
use futures::FutureExt;
use futures::future::BoxFuture;
use gateway::auth::{AuthSettings, AuthorizationServer, Challenge, OpaqueToken};
use gateway::clock::{Clock, OsEntropy, SystemClock, Timestamp};
use gateway::http::{
    ConnectionLimits, Guard, GuardParts, Hosts, IngressKind, Origin, RateLimit, Server,
    with_common_routes,
};
use gateway::mcp::{
    Admitted, Authenticate, CancelError, Diff, DiffError, DiffOptions, McpParts, NewTask,
    Principal, ProjectView, Scope, StartError, TaskPage, TaskQuery, Tasks, Unavailable, mount,
};
use gateway::model::{
    Audience, Caller, Client, ClientId, ClientKind, Event, FamilyId, ProjectAccess, Registration,
    Request, Scopes, Task, TaskId, Token, TokenFamily, TokenKind,
};
use gateway::store::{Store, StoreError};
use http::Response;
use http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const BEARER: &str = "bench-bench-bench-bench-bench-bench-bench-1";
/// One turn of one server.
const TURN: Duration = Duration::from_millis(250);
/// Connections at once.
const CLIENTS: usize = 2;

fn main() {
    // `cargo bench` passes `--bench`; `cargo test --benches` passes nothing and wants a short run.
    let rounds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(20);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (ours, bare, task) = runtime.block_on(async {
        let (ours, task) = serve_ours(folder.path()).await;
        (ours, serve_bare().await, task)
    });
    for era in [Era::Modern, Era::Legacy] {
        compare(era, ours, bare, &task, rounds);
    }
    runtime.shutdown_background();
}

fn compare(era: Era, ours: SocketAddr, bare: SocketAddr, task: &TaskId, rounds: usize) {
    // Warm both up.
    let (mut of_ours, mut of_bare) = (Vec::new(), Vec::new());
    turn(era, ours, task);
    turn(era, bare, task);
    for _ in 0..rounds {
        of_bare.push(turn(era, bare, task));
        of_ours.push(turn(era, ours, task));
    }
    let by =
        |figures: &[Turn], which: fn(&Turn) -> f64| median(figures.iter().map(which).collect());
    for (unit, which) in [("s", Turn::rate as fn(&Turn) -> f64), ("cpu-s", Turn::per_cpu_second)] {
        let (ours, bare) = (by(&of_ours, which), by(&of_bare, which));
        println!(
            "{era:?}: gateway {ours:.0}/{unit}, bare rmcp {bare:.0}/{unit}, ratio {:.2}",
            ours / bare
        );
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// What one turn came to.
struct Turn {
    calls: f64,
    seconds: f64,
    cpu_seconds: f64,
}

impl Turn {
    fn rate(&self) -> f64 {
        self.calls / self.seconds
    }

    fn per_cpu_second(&self) -> f64 {
        self.calls / self.cpu_seconds
    }
}

/// Processor time of all threads of this process so far (proc_pid_stat(5), `utime` and `stime`).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("/proc is there");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    // A tick is 10 ms on every Linux (sysconf(_SC_CLK_TCK) is 100).
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Calls for the length of one turn.
fn turn(era: Era, server: SocketAddr, task: &TaskId) -> Turn {
    let (began, cpu_began) = (Instant::now(), cpu_seconds());
    let counts: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Connection::connect(era, server, task);
                    let mut count = 0;
                    while began.elapsed() < TURN {
                        client.call();
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("a client ends")).sum()
    });
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let calls = counts as f64;
    let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu_began);
    Turn { calls, seconds, cpu_seconds: cpu_seconds.max(0.01) }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Era {
    /// Self-contained requests, JSON answers.
    Modern,
    /// A session, answers as event streams.
    Legacy,
}

/// A client that costs next to nothing: one connection, one prepared request.
struct Connection {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    fn connect(era: Era, server: SocketAddr, task: &TaskId) -> Self {
        let stream = TcpStream::connect(server).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        let stream = BufReader::with_capacity(64 << 10, stream);
        let mut caller = Self { stream, request: Vec::new(), answer: Vec::new() };
        let mut params = json!({ "name": "check_task", "arguments": { "task_id": task } });
        let mut extra = String::new();
        match era {
            Era::Modern => {
                params["_meta"] = json!({
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                    "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
                });
                extra.push_str("mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: check_task\r\n");
            }
            Era::Legacy => {
                let params = json!({
                    "protocolVersion": "2025-06-18", "capabilities": {},
                    "clientInfo": { "name": "bench", "version": "1" },
                });
                let initialize =
                    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
                caller.request = request(server, "", &initialize);
                let head = caller.call();
                let id = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
                let id = id.expect("initialize opens a session");
                extra = format!("mcp-session-id: {id}\r\nmcp-protocol-version: 2025-06-18\r\n");
                let initialized =
                    json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
                caller.request = request(server, &extra, &initialized);
                caller.call();
            }
        }
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        caller.request = request(server, &extra, &call);
        caller.call();
        let answer = String::from_utf8_lossy(&caller.answer).into_owned();
        assert!(answer.contains("state=queued"), "no good answer: {answer}");
        caller
    }

    /// One request and its whole answer; answers with the head.
    fn call(&mut self) -> String {
        self.stream.get_mut().write_all(&self.request).expect("the server reads");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.stream.read_line(&mut head).expect("the server answers"), 0, "{head}");
        }
        self.answer.clear();
        let status = head.split(' ').nth(1).unwrap_or_default();
        assert!(status.starts_with('2'), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        match length.and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => {
                self.answer.resize(length, 0);
                self.stream.read_exact(&mut self.answer).expect("a whole answer");
            }
            None if head.contains("transfer-encoding: chunked") => self.read_chunks(),
            None => {}
        }
        head
    }

    fn read_chunks(&mut self) {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("a chunk's length");
            let length = usize::from_str_radix(line.trim(), 16).expect("a chunk's length");
            let from = self.answer.len();
            self.answer.resize(from + length + 2, 0);
            self.stream.read_exact(&mut self.answer[from..]).expect("a whole chunk");
            self.answer.truncate(from + length);
            if length == 0 {
                return;
            }
        }
    }
}

fn request(server: SocketAddr, extra: &str, message: &Value) -> Vec<u8> {
    let body = message.to_string();
    let length = body.len();
    format!(
        "POST /mcp HTTP/1.1\r\nhost: {server}\r\nauthorization: Bearer {BEARER}\r\n\
         content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         {extra}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

// The bare server.

#[derive(Clone)]
struct Trivial(Arc<Tool>);

impl ServerHandler for Trivial {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn get_tool(&self, _: &str) -> Option<Tool> {
        Some((*self.0).clone())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(vec![(*self.0).clone()]))
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResult::success(vec![ContentBlock::text("state=queued")]).into())
    }
}

async fn serve_bare() -> SocketAddr {
    let tool = Arc::new(Tool::new("check_task", "says a word", JsonObject::new()));
    let config = StreamableHttpServerConfig::default().with_json_response(true);
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(Trivial(tool.clone())), sessions, config);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("a TCP socket");
            let service = hyper_util::service::TowerToHyperService::new(service.clone());
            let io = hyper_util::rt::TokioIo::new(stream);
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
        }
    });
    address
}

// Ours.

async fn serve_ours(folder: &std::path::Path) -> (SocketAddr, TaskId) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy = Arc::new(OsEntropy);
    let store = Store::open(&folder.join("gateway.db"), clock.clone()).expect("a database");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let task = fill(&store, &format!("http://{address}"), clock.now()).await.expect("rows");
    let auth = AuthorizationServer::new(
        store.clone(),
        clock.clone(),
        entropy.clone(),
        AuthSettings::default(),
    );
    let draining = CancellationToken::new();
    let (routes, _) = mount(McpParts {
        tasks: Arc::new(StoredTasks(store)),
        auth: Arc::new(Bearers(auth.expect("the default settings do"))),
        clock: clock.clone(),
        entropy: entropy.clone(),
        draining: draining.clone(),
    });
    let guard = Guard::new(GuardParts {
        routes: with_common_routes(routes),
        hosts: Hosts::new(watch::channel(None).1, Vec::new()),
        limit: Arc::new(RateLimit::new(60_000_000, 60_000_000, clock)),
        trusted_proxies: Vec::new(),
        entropy,
        draining: draining.clone(),
    });
    let server = Server::new(guard, ConnectionLimits::default(), draining);
    server.accept_from(listener, IngressKind::Local);
    (address, task)
}

/// A client with a good token for `origin`, and a task.
async fn fill(store: &Store, origin: &str, now: Timestamp) -> Result<TaskId, StoreError> {
    let client_id = ClientId::random(&OsEntropy);
    let family_id = FamilyId::random(&OsEntropy);
    let expires_at = now.after(Duration::from_secs(3600));
    let client = Client {
        id: client_id.clone(),
        name: "bench".into(),
        registration: Registration::Static,
        kind: ClientKind::Public,
        scopes: Scopes::all(),
        projects: ProjectAccess::All,
        created_at: now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    let family = TokenFamily {
        id: family_id.clone(),
        client_id,
        scopes: Scopes::all(),
        audience: Audience::of(origin),
        device_id: None,
        created_at: now,
        generation: 0,
        newest_used: true,
        expires_at,
        last_used_at: None,
        revoked: None,
    };
    let token = Token {
        digest: OpaqueToken::new(BEARER).digest(),
        family_id,
        kind: TokenKind::Access,
        generation: 0,
        expires_at,
        superseded: None,
    };
    let task = json!({
        "id": TaskId::random(&OsEntropy), "created_at": now, "updated_at": now, "cursor": 0,
        "waited_ms": 0, "state": { "state": "queued" }, "workspace": null, "run": null,
        "spec": {
            "prompt": "fix the bug", "project": "bench", "executor": "claude", "model": null,
            "plan_only": false, "timeout_secs": 1800, "idempotency_key": null,
            "caller": { "by": "owner" },
        },
    });
    let mut task: Task = serde_json::from_value(task).expect("the shape of a task");
    let id = task.id.clone();
    store
        .write(move |tx| {
            tx.save_client(&client)?;
            tx.save_family(&family)?;
            tx.save_token(&token)?;
            tx.insert_task(&mut task)
        })
        .await?;
    Ok(id)
}

/// The real check, as the composition root wires it.
struct Bearers(AuthorizationServer);

impl std::fmt::Debug for Bearers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearers")
    }
}

impl Authenticate for Bearers {
    fn authenticate(&self, parts: &Parts) -> Result<Principal, Box<Response<Body>>> {
        let origin = parts.extensions.get::<Origin>().expect("the guard sets it");
        let checked = self.0.check_bearer(&parts.headers, origin);
        let request = checked.map_err(|challenge| Box::new(challenge.into_response()))?;
        Ok(Principal {
            key: request.family.as_str().into(),
            caller: Caller::Client { client_id: request.client_id },
            scopes: BTreeSet::from([Scope::Observe, Scope::Files, Scope::Run]),
            projects: None,
        })
    }

    fn insufficient_scope(&self, parts: &Parts, _: &Principal, _: Scope) -> Response<Body> {
        self.connect_page(parts)
    }

    fn connect_page(&self, parts: &Parts) -> Response<Body> {
        let origin = parts.extensions.get::<Origin>().expect("the guard sets it");
        Challenge::missing(origin).into_response()
    }
}

/// Reads tasks; does nothing else.
#[derive(Debug)]
struct StoredTasks(Store);

fn not_here<T, E: From<Unavailable>>() -> BoxFuture<'static, Result<T, E>>
where
    T: Send + 'static,
    E: Send + 'static,
{
    std::future::ready(Err(Unavailable("this bench only checks tasks".into()).into())).boxed()
}

impl Tasks for StoredTasks {
    fn task<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<Option<Task>, Unavailable>> {
        let found = self.0.read(|tx| tx.task(id));
        std::future::ready(found.map_err(|err: StoreError| Unavailable(err.to_string()))).boxed()
    }
    fn start(&self, _: NewTask) -> BoxFuture<'_, Result<Admitted, StartError>> {
        not_here()
    }
    fn wait<'a>(
        &'a self,
        _: &'a TaskId,
        _: u64,
        _: Duration,
    ) -> BoxFuture<'a, Result<Option<Task>, Unavailable>> {
        not_here()
    }
    fn cancel<'a>(&'a self, _: &'a TaskId, _: String) -> BoxFuture<'a, Result<Task, CancelError>> {
        not_here()
    }
    fn cancel_all(
        &self,
        _: String,
        _: Option<Vec<String>>,
    ) -> BoxFuture<'_, Result<Vec<Task>, Unavailable>> {
        not_here()
    }
    fn list(&self, _: TaskQuery) -> BoxFuture<'_, Result<TaskPage, Unavailable>> {
        not_here()
    }
    fn events<'a>(
        &'a self,
        _: &'a TaskId,
        _: u64,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<Event>, Unavailable>> {
        not_here()
    }
    fn output_tail<'a>(
        &'a self,
        _: &'a TaskId,
        _: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, Unavailable>> {
        not_here()
    }
    fn diff<'a>(&'a self, _: &'a TaskId, _: DiffOptions) -> BoxFuture<'a, Result<Diff, DiffError>> {
        not_here()
    }
    fn projects(&self) -> BoxFuture<'_, Result<Vec<ProjectView>, Unavailable>> {
        not_here()
    }
    fn requests<'a>(&'a self, _: &'a TaskId) -> BoxFuture<'a, Result<Vec<Request>, Unavailable>> {
        not_here()
    }
}
