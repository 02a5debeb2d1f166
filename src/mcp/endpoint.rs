//! `/mcp`: who calls comes first, then form, session and scope; the protocol itself is rmcp's.
//!
//! The order matters to clients: a 401 before any look at method, version or `Accept` is what starts
//! their sign-in.
use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::head;
use super::message::{Glance, INTERNAL_ERROR, INVALID_REQUEST, glance};
use super::principal::{Authenticate, Principal};
use super::reply::{BOTH_FORMS, folded, in_rpc_shape, is_json, reads_streams, rpc_error};
use super::server::GatewayServer;
use super::session::{AllBusy, BoundSessions, Hold, NotReopened, OpenCall, in_the_name_of};
use super::tasks::Tasks;
use super::tools;
use crate::clock::{Clock, Entropy};
use crate::http::{BearerTicket, BodyError, ErrorAnswer, Route, read_whole, wants_html};
use crate::store::Store;

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// What the endpoint is made of.
#[derive(Clone, Debug)]
pub struct McpParts {
    /// The task engine.
    pub tasks: Arc<dyn Tasks>,
    /// Who checks bearer tokens.
    pub auth: Arc<dyn Authenticate>,
    /// The clock that waits go by.
    pub clock: Arc<dyn Clock>,
    /// Names internal errors.
    pub entropy: Arc<dyn Entropy>,
    /// Where sessions are kept.
    pub store: Store,
    /// Cancelled when shutting down begins: long waits answer with what they have.
    pub draining: CancellationToken,
}

/// What any server behind `/mcp` stands on.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Who checks bearer tokens.
    pub auth: Arc<dyn Authenticate>,
    /// The clock that sessions grow old by.
    pub clock: Arc<dyn Clock>,
    /// Where sessions are kept.
    pub store: Store,
}

/// The `/mcp` service. Clones share it.
#[derive(Clone)]
pub struct Endpoint {
    mounted: Arc<dyn Mounted>,
}

/// The service without the type of the server behind it.
trait Mounted: Send + Sync {
    fn respond(&self, request: Request<Body>) -> BoxFuture<'_, Response<Body>>;
    fn sessions(&self) -> usize;
}

struct Shared<S> {
    auth: Arc<dyn Authenticate>,
    sessions: Arc<BoundSessions>,
    protocol: StreamableHttpService<S, BoundSessions>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("sessions", &self.sessions()).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// An endpoint over these parts.
    #[must_use]
    pub fn new(parts: McpParts) -> Self {
        let mount = Mount {
            auth: parts.auth.clone(),
            clock: parts.clock.clone(),
            store: parts.store.clone(),
        };
        Self::mount(GatewayServer::new(parts), mount)
    }

    /// Puts any server behind the same checks, sessions and streams: what the conformance suite
    /// examines is then the product's own stack.
    #[must_use]
    pub fn mount<S: ServerHandler + Clone>(server: S, mount: Mount) -> Self {
        let Mount { auth, clock, store } = mount;
        let sessions = Arc::new(BoundSessions::new(store, clock));
        // Host and Origin are the guard's: it follows the tunnel's name, which rmcp's lists cannot.
        let mut config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .disable_allowed_origins()
            // A stream's first event is the session's: it knows the id to come back with.
            .with_sse_retry(None)
            .with_json_response(true);
        config.session_store = Some(Arc::new(sessions.kept()));
        let protocol =
            StreamableHttpService::new(move || Ok(server.clone()), sessions.clone(), config);
        Self { mounted: Arc::new(Shared { auth, sessions, protocol }) }
    }

    /// Sessions open now.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.mounted.sessions()
    }
}

impl Route for Endpoint {
    fn respond(&self, request: Request<Body>) -> BoxFuture<'_, Response<Body>> {
        self.mounted.respond(request)
    }
}

impl<S: ServerHandler> Mounted for Shared<S> {
    fn respond(&self, request: Request<Body>) -> BoxFuture<'_, Response<Body>> {
        self.answer(request).boxed()
    }

    fn sessions(&self) -> usize {
        self.sessions.len()
    }
}

impl<S: ServerHandler> Shared<S> {
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let ticket = parts.extensions.get::<BearerTicket>();
        let principal = match self.auth.authenticate(&parts) {
            Ok(principal) => Arc::new(principal),
            Err(challenge) => {
                return match ticket.and_then(BearerTicket::refused) {
                    Some(retry) => ErrorAnswer::too_many(retry, &parts.headers),
                    None if shows_connect_page(&parts) => self.auth.connect_page(&parts),
                    None => *challenge,
                };
            }
        };
        if let Some(ticket) = ticket {
            ticket.good();
        }
        let response = match parts.method {
            Method::POST => self.post(parts, body, &principal).await,
            Method::GET => self.get(parts, &principal).await,
            Method::DELETE => self.delete(parts, &principal).await,
            _ => method_not_allowed(),
        };
        principal.trace.answered(response.status());
        response
    }

    async fn post(
        &self,
        mut parts: Parts,
        body: Body,
        principal: &Arc<Principal>,
    ) -> Response<Body> {
        if !is_json(&parts.headers) {
            let message = "Unsupported Media Type: send Content-Type: application/json";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return rpc_error(status, INVALID_REQUEST, message, &Value::Null);
        }
        let bytes = match read_whole(body).await {
            Ok(bytes) => bytes,
            Err(err) => return body_refused(err),
        };
        let seen = match glance(&bytes) {
            Ok(seen) => seen,
            Err(bad) => {
                return rpc_error(StatusCode::BAD_REQUEST, bad.code, &bad.message, &bad.id);
            }
        };
        if let Some(refusal) = self.check_session(&mut parts, principal, &seen.id) {
            return refusal;
        }
        if let Some(refusal) = self.check_scope(&parts, principal, &seen) {
            return refusal;
        }
        if let Some(hold) = parts.extensions.get::<Hold>()
            && !seen.id.is_null()
            && !seen.is_answer
        {
            let Some(call) = hold.begin(&seen.id) else { return same_id(&seen.id) };
            parts.extensions.insert(call);
        }
        if seen.listens && !accepts_stream(&parts.headers) {
            let message = "Not Acceptable: subscriptions/listen answers with text/event-stream";
            let status = StatusCode::NOT_ACCEPTABLE;
            return rpc_error(status, INVALID_REQUEST, message, &seen.id);
        }
        if seen.listens {
            head::let_go(&mut parts);
        }
        let folds = !seen.listens && !reads_streams(&parts.headers);
        let response = self.forward(parts, bytes, principal, BOTH_FORMS, &seen.id).await;
        if seen.listens {
            return until(response, self.auth.ended(principal));
        }
        if folds { folded(response, &seen.id).await } else { response }
    }

    async fn get(&self, parts: Parts, principal: &Arc<Principal>) -> Response<Body> {
        if !accepts_stream(&parts.headers) {
            let message = "Not Acceptable: a GET answers with text/event-stream";
            let status = StatusCode::NOT_ACCEPTABLE;
            return rpc_error(status, INVALID_REQUEST, message, &Value::Null);
        }
        until(self.without_body(parts, principal).await, self.auth.ended(principal))
    }

    /// rmcp answers 202 to the end of a session, which is over by then; some clients (the Python SDK)
    /// take nothing but 200 and 204 for a success.
    async fn delete(&self, parts: Parts, principal: &Arc<Principal>) -> Response<Body> {
        let mut response = self.without_body(parts, principal).await;
        if response.status() == StatusCode::ACCEPTED {
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        response
    }

    async fn without_body(&self, mut parts: Parts, principal: &Arc<Principal>) -> Response<Body> {
        if let Some(refusal) = self.check_session(&mut parts, principal, &Value::Null) {
            return refusal;
        }
        head::let_go(&mut parts);
        self.forward(parts, Bytes::new(), principal, STREAM, &Value::Null).await
    }

    /// A session that is unknown, ended, or somebody else's does not exist: the client opens a new
    /// one (2025-11-25, transports, session management). The hold goes with the request to its
    /// handler.
    fn check_session(
        &self,
        parts: &mut Parts,
        principal: &Principal,
        id: &Value,
    ) -> Option<Response<Body>> {
        let session = parts.headers.get(SESSION_ID)?.to_str().unwrap_or_default();
        let hold = match self.sessions.hold(session, &principal.key) {
            Some(hold) => Ok(Some(hold)),
            None => self.sessions.reopen(session, &principal.key),
        };
        match hold {
            Ok(Some(hold)) => {
                parts.extensions.insert(hold);
                None
            }
            Ok(None) => Some(session_not_found(id)),
            Err(NotReopened::AllBusy(refused)) => Some(all_busy(refused, id)),
            Err(NotReopened::Store(err)) => {
                tracing::error!(%err, "a kept session cannot be read");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Some(rpc_error(status, INTERNAL_ERROR, "Internal error", id))
            }
        }
    }

    /// The challenge by which clients ask their user for more (step-up); the tools check again.
    fn check_scope(
        &self,
        parts: &Parts,
        principal: &Principal,
        seen: &Glance,
    ) -> Option<Response<Body>> {
        let needed = tools::scope_of(seen.tool.as_deref()?)?;
        if principal.scopes.contains(needed) {
            return None;
        }
        Some(self.auth.insufficient_scope(parts, principal, needed))
    }

    async fn forward(
        &self,
        mut parts: Parts,
        bytes: Bytes,
        principal: &Arc<Principal>,
        accept: HeaderValue,
        id: &Value,
    ) -> Response<Body> {
        let session = parts.headers.get(SESSION_ID).cloned();
        // The protocol layer copies all of this around, and needs to know no more than who calls.
        parts.headers.remove(header::AUTHORIZATION);
        let hold = parts.extensions.remove::<Hold>();
        let call = parts.extensions.remove::<Arc<OpenCall>>();
        parts.extensions.clear();
        parts.extensions.insert(principal.clone());
        if let Some(hold) = hold {
            parts.extensions.insert(hold);
        }
        if let Some(call) = &call {
            parts.extensions.insert(Arc::clone(call));
        }
        parts.headers.insert(header::ACCEPT, accept);
        parts.headers.insert(header::CONTENT_TYPE, JSON);
        let request = Request::from_parts(parts, Full::new(bytes));
        // Pinned here: it has 6 kB, and every hand that it went through would copy it.
        let handled = pin!(self.protocol.handle(request));
        let (response, refused) = in_the_name_of(principal.key.clone(), call, handled).await;
        if let Some(refused) = refused {
            return all_busy(refused, id);
        }
        if let Some(session) = session.filter(|_| !response.status().is_success()) {
            self.sessions.give_up(session.to_str().unwrap_or_default());
            if response.status().is_server_error() {
                // All that fails there is a session that ended between the check and its use, or
                // one that could not be restored.
                return session_not_found(id);
            }
        }
        in_rpc_shape(response.map(crate::http::infallible), id).await
    }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// A browser without a token that opens the connector's URL.
fn shows_connect_page(parts: &Parts) -> bool {
    parts.method == Method::GET
        && !parts.headers.contains_key(header::AUTHORIZATION)
        && wants_html(&parts.headers)
}

/// Whether a request may be answered by an event stream; only who asks for something else objects.
fn accepts_stream(headers: &HeaderMap) -> bool {
    let mut accepts =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let anything = |accept: &str| accept.trim().is_empty() || accept.contains("*/*");
    !headers.contains_key(header::ACCEPT) || reads_streams(headers) || accepts.any(anything)
}

/// The response, whose event stream is cut off when the grant that it was opened with has `ended`.
fn until(response: Response<Body>, ended: BoxFuture<'static, ()>) -> Response<Body> {
    if response.headers().get(header::CONTENT_TYPE) != Some(&STREAM) {
        return response;
    }
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(ended)))
}

/// JSON-RPC asks for nothing here; two answers of one id could not be told apart.
fn same_id(id: &Value) -> Response<Body> {
    let message = "Invalid Request: a request with this id is under way in this session: give each \
                   request an id of its own";
    rpc_error(StatusCode::BAD_REQUEST, INVALID_REQUEST, message, id)
}

fn session_not_found(id: &Value) -> Response<Body> {
    let message = "Session not found: send initialize again, without a session id";
    rpc_error(StatusCode::NOT_FOUND, INVALID_REQUEST, message, id)
}

/// The revisions with sessions name no status for this: RFC 6585 §4 where the client itself is the
/// cause, RFC 9110 §15.6.4 where it is not. A call ends within 45 s, and a client that is gone is
/// noticed by the next comment on its stream.
fn all_busy(refused: AllBusy, id: &Value) -> Response<Body> {
    let status = match refused {
        AllBusy::OfPrincipal => StatusCode::TOO_MANY_REQUESTS,
        AllBusy::OfGateway => StatusCode::SERVICE_UNAVAILABLE,
    };
    let message = format!("{refused}: end one with DELETE, close a stream, or try again later");
    let mut response = rpc_error(status, INVALID_REQUEST, &message, id);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("15"));
    response
}

fn body_refused(err: BodyError) -> Response<Body> {
    let status = match err {
        BodyError::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::TooSlow => StatusCode::REQUEST_TIMEOUT,
        BodyError::Broken => StatusCode::BAD_REQUEST,
    };
    rpc_error(status, INVALID_REQUEST, &format!("Invalid Request: {err}"), &Value::Null)
}

fn method_not_allowed() -> Response<Body> {
    let message = "Method Not Allowed: /mcp takes POST, GET and DELETE";
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut response = rpc_error(status, INVALID_REQUEST, message, &Value::Null);
    let methods = HeaderValue::from_static("POST, GET, DELETE");
    response.headers_mut().insert(header::ALLOW, methods);
    response
}
