//! A gateway in memory for one input: the routes that `serve` has, behind the guard, without sockets
//! and files. Time is virtual: it passes when everybody waits.
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::auth::{AuthSettings, AuthorizationServer, DEVICE_COOKIE, Fetch, FetchError, NewClient};
use crate::clock::{Clock, ManualClock, SeededEntropy, Timestamp};
use crate::gateway::authenticate::Bearers;
use crate::gateway::clients::Clients;
use crate::gateway::probe::Probe;
use crate::gateway::serve;
use crate::gateway::testing::tasks_in;
use crate::http::{
    ConnectionFacts, ConnectionLimits, Guard, GuardParts, Hosts, IngressKind, Peer, PublicOrigin,
    RateLimit, Server, Way,
};
use crate::mcp::McpParts;
use crate::model::testing::a_task;
use crate::model::{Outcome, Scopes, TaskState};
use crate::secret::{EnvOverlay, MemoryVault, Secrets};
use crate::store::Store;

const NOW: Timestamp = Timestamp::from_millis(1_795_153_266_120);
/// Where the gateway is, for the inputs too.
const HOST: &str = "h.example";
/// Where codes are sent to, unless an input says otherwise.
const REDIRECT: &str = "http://localhost:4321/callback";
// RFC 7636, appendix B; inputs answer with the verifier that belongs to it.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Longest that an answer is read for. Event streams have no end of their own.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(120);

/// The gateway, and what only it knows.
pub(super) struct Stack {
    guard: Guard,
    draining: CancellationToken,
    words: Vec<(&'static str, String)>,
}

/// An answer, read whole or for as long as anybody waits.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("what is answered is text")
    }

    /// The part of the body between two texts.
    fn between(&self, before: &str, after: &str) -> String {
        let (_, rest) = self.text().split_once(before).expect("the answer holds it");
        rest.split_once(after).expect("it has an end").0.to_owned()
    }
}

/// Runs `scenario` on a fresh gateway, in virtual time.
pub(super) fn run(scenario: impl AsyncFnOnce(Stack)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async { scenario(Stack::start().await).await });
}

impl Stack {
    async fn start() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(NOW));
        let entropy = Arc::new(SeededEntropy::new(1));
        let store = Store::in_memory(clock.clone()).expect("a database in memory");
        let auth = AuthorizationServer::with_fetcher(
            store.clone(),
            clock.clone(),
            entropy.clone(),
            AuthSettings::default(),
            Arc::new(EveryDocument),
        )
        .expect("the defaults are valid");
        let draining = CancellationToken::new();
        let tasks = Arc::new(tasks_in(Path::new("/nonexistent"), &store, &clock));
        let mcp = McpParts {
            tasks: tasks.clone(),
            auth: Arc::new(Bearers::new(auth.clone())),
            clock: clock.clone(),
            entropy: entropy.clone(),
            store: store.clone(),
            draining: draining.clone(),
        };
        let secrets = Secrets::new(EnvOverlay::default(), Arc::<MemoryVault>::default());
        let clients = Clients::new(auth.clone(), secrets, clock.clone());
        let public = PublicOrigin::parse(&format!("https://{HOST}")).ok();
        let guard = Guard::new(GuardParts {
            routes: serve::routes(mcp, &auth, &clients, tasks, Probe::new(entropy.clone())),
            hosts: Hosts::new(watch::channel(public).1, Vec::new()),
            limit: Arc::new(RateLimit::new(1_000_000, 1_000_000, clock)),
            trusted_proxies: Vec::new(),
            trace: auth.trace().clone(),
            entropy,
            draining: draining.clone(),
        });
        let mut stack = Self { guard, draining, words: Vec::new() };
        stack.sign_in(&auth).await;
        stack.keep_a_task(&store).await;
        stack
    }

    /// A client, its tokens, a code and a page that wait for an answer, a session, a device.
    async fn sign_in(&mut self, auth: &AuthorizationServer) {
        let mint = async |public| {
            let (name, scopes) = (format!("public: {public}"), Scopes::all());
            let new = NewClient { name, scopes, projects: Vec::new(), public };
            auth.mint(new).await.expect("a client")
        };
        let (own, public) = (mint(false).await, mint(true).await);
        let id = own.client.id.as_str();
        let secret = own.secret.as_ref().expect("it is confidential").expose();
        let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));

        let code = self.code(auth, id).await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        let tokens = self.send(form("/token", Some(&basic), &fields)).await;
        let access = tokens.between("\"access_token\":\"", "\"");
        let refresh = tokens.between("\"refresh_token\":\"", "\"");
        let initialize = json!({
            "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": { "name": "t", "version": "1" },
            },
        });
        let opened = self.send(message(&access, initialize.to_string().into())).await;
        let session = opened.headers["mcp-session-id"].to_str().expect("ASCII").to_owned();
        let fields = [("token", auth.pairings().open().url_fragment)];
        let paired = self.send(form("/pair", None, &fields)).await;
        let cookie = paired.header(header::SET_COOKIE).split(';').next().unwrap_or_default();
        let device = cookie.trim_start_matches(DEVICE_COOKIE).trim_start_matches('=').to_owned();
        let code = self.code(auth, id).await;
        let sealed = self.page(id).await;
        let pairing = auth.pairings().open();
        self.words = vec![
            ("$CLIENT", id.to_owned()),
            ("$SECRET", secret.to_owned()),
            ("$BASIC", basic),
            ("$PUBLIC", public.client.id.to_string()),
            ("$ACCESS", access),
            ("$REFRESH", refresh),
            ("$SESSION", session),
            ("$DEVICE", device),
            ("$CODE", code),
            ("$SEALED", sealed),
            ("$TYPED", pairing.code),
            ("$PAIRING", pairing.url_fragment),
        ];
    }

    /// Opens a consent page; the hidden field of its form.
    async fn page(&self, client_id: &str) -> String {
        let query = Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", client_id),
                ("redirect_uri", REDIRECT),
                ("state", "st/ate=1"),
                ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"),
                ("resource", &format!("https://{HOST}/mcp")),
                ("scope", "observe files run offline_access"),
            ])
            .finish();
        let request = Request::get(format!("/authorize?{query}")).body(Body::empty());
        let page = self.send(request.expect("a request")).await;
        page.between("name=\"request\" value=\"", "\"")
    }

    /// An authorization code that the owner allowed.
    async fn code(&self, auth: &AuthorizationServer, client_id: &str) -> String {
        let sealed = self.page(client_id).await;
        let typed = auth.pairings().open().code;
        let fields = [("request", sealed.as_str()), ("code", &typed), ("decision", "allow")];
        let allowed = self.send(form("/authorize", None, &fields)).await;
        let location = Url::parse(allowed.header(header::LOCATION)).expect("an address");
        let code = location.query_pairs().find(|(name, _)| name == "code");
        code.expect("a code").1.into_owned()
    }

    /// A task that has ended, with `$TASK` for its id.
    async fn keep_a_task(&mut self, store: &Store) {
        let mut task = a_task(&SeededEntropy::new(2), "x");
        task.state = TaskState::Completed { at: NOW, outcome: Outcome::default() };
        self.words.push(("$TASK", task.id.to_string()));
        store.write(move |tx| tx.insert_task(&mut task)).await.expect("a row");
    }

    /// The input with its words replaced by what they stand for.
    pub(super) fn fill(&self, input: &[u8]) -> Vec<u8> {
        let mut filled = Vec::with_capacity(input.len());
        let mut rest = input;
        while let Some((first, after)) = rest.split_first() {
            let word = self.words.iter().find(|(name, _)| rest.starts_with(name.as_bytes()));
            let (put, left) = match word {
                Some((name, value)) => (value.as_bytes(), &rest[name.len()..]),
                None => (std::slice::from_ref(first), after),
            };
            filled.extend_from_slice(put);
            rest = left;
        }
        filled
    }

    /// What a word stands for.
    pub(super) fn word(&self, name: &str) -> &str {
        self.words.iter().find(|(it, _)| *it == name).map_or("", |(_, value)| value)
    }

    /// Sends one request through the tunnel and reads its answer.
    pub(super) async fn send(&self, mut request: Request<Body>) -> Answer {
        let host = header::HeaderValue::from_static(HOST);
        request.headers_mut().entry(header::HOST).or_insert(host);
        let facts = ConnectionFacts {
            way: Way { kind: IngressKind::Tunnel, local: None },
            peer: Peer::Address([203, 0, 113, 7].into()),
        };
        let answering = timeout(ANSWER_TIME_MAX, self.guard.respond(&facts, request)).await;
        let (head, mut body) = answering.expect("an answer begins in time").into_parts();
        let mut whole = Vec::new();
        let read = async {
            while let Some(frame) = body.frame().await {
                let data = frame.expect("a body without errors").into_data().unwrap_or_default();
                if data.starts_with(b":") {
                    // A stream that has only its keep-alive left to say. Its timer reads the real
                    // clock: virtual time would stand still from here on.
                    return false;
                }
                whole.extend_from_slice(&data);
            }
            true
        };
        let ended = timeout(ANSWER_TIME_MAX, read).await.unwrap_or(false);
        let answer =
            Answer { status: head.status.as_u16(), headers: head.headers, body: whole.into() };
        let stream = answer.header(header::CONTENT_TYPE).starts_with("text/event-stream");
        assert!(ended || stream, "an answer that does not end: {answer:?}");
        assert!((200..500).contains(&answer.status), "{answer:?}");
        answer
    }

    /// Puts a server in front of the gateway.
    pub(super) fn serve(self) -> Server {
        Server::new(self.guard, ConnectionLimits::default(), self.draining)
    }
}

/// A form, as a client or browser posts it.
pub(super) fn form<V: AsRef<str>>(
    path: &str,
    authorization: Option<&str>,
    fields: &[(&str, V)],
) -> Request<Body> {
    let mut request =
        Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let body = Serializer::new(String::new()).extend_pairs(fields).finish();
    request.body(Body::from(body)).expect("a request")
}

/// A message to `/mcp`.
pub(super) fn message(access: &str, body: Bytes) -> Request<Body> {
    Request::post("/mcp")
        .header(header::AUTHORIZATION, format!("Bearer {access}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .body(Body::from(body))
        .expect("a request")
}

/// A network on which every address is a client's document.
#[derive(Debug)]
struct EveryDocument;

impl Fetch for EveryDocument {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Vec<IpAddr>> {
        Box::pin(std::future::ready(vec![[1, 1, 1, 1].into()]))
    }

    fn get<'a>(
        &'a self,
        url: &'a Url,
        _: &'a [IpAddr],
    ) -> BoxFuture<'a, Result<Response<Bytes>, FetchError>> {
        let document = json!({
            "client_id": url.as_str(),
            "client_name": "App",
            "redirect_uris": [REDIRECT, url.as_str()],
        });
        let response = Response::builder().header(header::CONTENT_TYPE, "application/json");
        let response = response.body(Bytes::from(document.to_string()));
        Box::pin(std::future::ready(response.map_err(|_| FetchError::Unreachable)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_open_what_they_stand_for() {
        run(async |stack| {
            let basic = stack.word("$BASIC");
            let post = async |path, authorization, fields: &[_]| {
                stack.send(form::<&str>(path, authorization, fields)).await.status
            };
            let redeem = [
                ("grant_type", "authorization_code"),
                ("code", stack.word("$CODE")),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
                ("client_id", stack.word("$CLIENT")),
                ("client_secret", stack.word("$SECRET")),
            ];
            assert_eq!(post("/token", None, &redeem).await, 200);
            let fields =
                [("grant_type", "refresh_token"), ("refresh_token", stack.word("$REFRESH"))];
            assert_eq!(post("/token", Some(basic), &fields).await, 200);
            let (sealed, typed) = (stack.word("$SEALED"), stack.word("$TYPED"));
            let fields = [("request", sealed), ("code", typed), ("decision", "allow")];
            assert_eq!(post("/authorize", None, &fields).await, 303);
            assert_eq!(post("/pair", None, &[("token", stack.word("$PAIRING"))]).await, 200);
            let public = [("client_id", stack.word("$PUBLIC")), ("token", "x")];
            assert_eq!(post("/revoke", None, &public).await, 200);

            let arguments = json!({ "task_id": stack.word("$TASK") });
            let params = json!({ "name": "check_task", "arguments": arguments });
            let call =
                json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
            let mut request = message(stack.word("$ACCESS"), call.to_string().into());
            let session = stack.word("$SESSION").parse().unwrap();
            request.headers_mut().insert("mcp-session-id", session);
            let answer = stack.send(request).await;
            assert!(answer.text().contains("state=completed"), "{answer:?}");
        });
    }

    #[test]
    fn an_input_is_filled_in_and_otherwise_left_alone() {
        run(async |stack| {
            let filled = stack.fill(b"\xff$CLIENT$NOTHING$");
            let expected = [b"\xff", stack.word("$CLIENT").as_bytes(), b"$NOTHING$"].concat();
            assert_eq!(filled, expected);
        });
    }
}
