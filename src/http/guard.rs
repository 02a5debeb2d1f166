//! What every request passes before a route sees it, in this order: framing and size, name, page of
//! origin, rate. Then the answer gets its headers, and a panic becomes an id in the log.
use std::fmt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Body as HttpBody;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::arrival::Peer;
use super::body;
use super::forwarded::{TrustedProxy, forwarded_for};
use super::hosts::{HostError, Hosts, Way, page_may_call};
use super::ingress::{Ingress, IngressKind};
use super::limit::{BearerTicket, RateLimit};
use super::page::{ErrorAnswer, wants_html};
use super::routes::Routes;
use super::unread;
use crate::clock::Entropy;
use crate::trace::{Obstacle, Trace};

/// Largest body of a message to `/mcp`, and of anything else.
const MCP_BYTES_MAX: usize = 4 << 20;
const BYTES_MAX: usize = 64 << 10;
/// Longest path and query together.
const TARGET_BYTES_MAX: usize = 8 << 10;
/// A request body must have arrived this long after its head.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// How long event streams may still say goodbye at shutdown.
const LAST_WORDS: Duration = Duration::from_millis(1500);

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names requests in the log and in `X-Request-Id`: 16 hexadecimal digits, a random half that tells starts apart and a count.
#[derive(Debug)]
struct RequestIds {
    start: u32,
    count: AtomicU32,
}

impl RequestIds {
    fn new(entropy: &dyn Entropy) -> Self {
        Self { start: u32::from_be_bytes(entropy.bytes()), count: AtomicU32::new(0) }
    }

    fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}{count:08x}", self.start)
    }
}

/// What is known about a connection.
#[derive(Clone, Debug)]
pub struct ConnectionFacts {
    /// The way in, and our end of it.
    pub way: Way,
    /// Whose connection it is.
    pub peer: Peer,
}

/// What the guard is made of.
#[derive(Debug)]
pub struct GuardParts {
    /// The routes, finished by [`super::with_common_routes`].
    pub routes: Routes,
    /// Names and their rules.
    pub hosts: Hosts,
    /// Requests per caller.
    pub limit: Arc<RateLimit>,
    /// Proxies whose `X-Forwarded-For` is believed (`server.trusted_proxies`).
    pub trusted_proxies: Vec<TrustedProxy>,
    /// Told of requests that are turned away on their way to `/mcp`.
    pub trace: Trace,
    /// Makes request ids.
    pub entropy: Arc<dyn Entropy>,
    /// Cancelled when shutting down begins.
    pub draining: CancellationToken,
}

/// Stands in front of all routes. Cheap to share.
pub struct Guard {
    parts: GuardParts,
    ids: RequestIds,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("parts", &self.parts).finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard in front of `parts.routes`.
    #[must_use]
    pub fn new(parts: GuardParts) -> Self {
        let ids = RequestIds::new(&*parts.entropy);
        Self { parts, ids }
    }

    /// Answers one request. Never fails: what goes wrong is an answer.
    pub async fn respond<B>(&self, facts: &ConnectionFacts, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let id = self.ids.next();
        // Never the query: it may carry what nobody should keep.
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let path = uri.path();
        // At the usual level there is no span: it would cost as much as the rest of the guard.
        let span = tracing::debug_span!("request", %id, way = ?facts.way.kind, %method, path);
        let for_program = bearer(request.headers()).is_some();
        let headers = request.headers().get(header::ACCEPT).cloned();
        let (head, body) = request.into_parts();
        let (body, rest) = unread::lend(body);
        let request = Request::from_parts(head, body);
        let answered = AssertUnwindSafe(self.admit(facts, request)).catch_unwind();
        let mut response = match answered.instrument(span.clone()).await {
            Ok(response) => response,
            Err(_) => internal_error(headers, &id),
        };
        let status = response.status().as_u16();
        tracing::debug!(parent: &span, status, "answered");
        if response.status().is_server_error() {
            tracing::error!(%id, status, way = ?facts.way.kind, %method, path, "a request failed");
        }
        finish(&mut response, id, for_program);
        rest.settle(&mut response).await;
        if has_media_type(&response, b"text/event-stream") {
            let draining = self.parts.draining.clone();
            response = response.map(|body| body::ends_at_shutdown(body, draining, LAST_WORDS));
        }
        response
    }

    async fn admit<B>(&self, facts: &ConnectionFacts, mut request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let bytes_max = if request.uri().path() == "/mcp" { MCP_BYTES_MAX } else { BYTES_MAX };
        if let Err(answer) = check_framing(&request, bytes_max) {
            return answer.respond(request.headers());
        }
        let (origin, kind) =
            match self.parts.hosts.judge(facts.way, request.uri(), request.headers()) {
                Ok(judged) => judged,
                Err(err) => {
                    self.turned_away(facts, &request, Obstacle::Host);
                    return host_refused(&err, facts.way).respond(request.headers());
                }
            };
        if !page_may_call(&origin, kind, request.uri().path(), request.headers()) {
            self.turned_away(facts, &request, Obstacle::Origin);
            return foreign_page().respond(request.headers());
        }
        let ingress = Ingress { kind, client: self.client(facts, request.headers()) };
        match self.count(&ingress, &request) {
            Ok(Some(ticket)) => drop(request.extensions_mut().insert(ticket)),
            Ok(None) => {}
            Err(response) => {
                self.turned_away(facts, &request, Obstacle::TooMany);
                return *response;
            }
        }
        if let Some(obstacle) = Obstacle::mistaken(request.uri().path())
            && !wants_html(request.headers())
        {
            self.parts.trace.turned_away(ingress.client, obstacle);
        }
        let extensions = request.extensions_mut();
        extensions.insert(ingress);
        extensions.insert(origin);
        let request = request.map(|body| body::bounded(body, bytes_max, BODY_TIME_MAX));
        self.parts.routes.respond(request).await
    }

    /// Takes the request from its caller's bucket. A caller who has run out may still try a bearer
    /// token at `/mcp`: the ticket then turns a refused one into 429, so that nobody's flood locks
    /// out the owner of a good one.
    fn count(
        &self,
        ingress: &Ingress,
        request: &Request<impl HttpBody>,
    ) -> Result<Option<BearerTicket>, Box<Response<Body>>> {
        if ingress.kind == IngressKind::Admin {
            return Ok(None);
        }
        let limit = &self.parts.limit;
        let refuse = |retry| Box::new(ErrorAnswer::too_many(retry, request.headers()));
        let Some(token) = bearer(request.headers()).map(|bearer| limit.token(bearer)) else {
            return limit.take_from(ingress).map(|()| None).map_err(refuse);
        };
        match limit.take_vouched(token) {
            Some(Ok(())) => Ok(Some(BearerTicket::new(limit.clone(), token, true, None))),
            Some(Err(retry)) => Err(refuse(retry)),
            None => match limit.take_from(ingress) {
                Err(retry) if request.uri().path() != "/mcp" => Err(refuse(retry)),
                counted => Ok(Some(BearerTicket::new(limit.clone(), token, false, counted.err()))),
            },
        }
    }

    /// Notes what keeps a request from `/mcp`; what happens elsewhere keeps no client from the tools.
    fn turned_away<B>(&self, facts: &ConnectionFacts, request: &Request<B>, obstacle: Obstacle) {
        if request.uri().path() == "/mcp" {
            let from = self.client(facts, request.headers());
            self.parts.trace.turned_away(from, obstacle);
        }
    }

    fn client(&self, facts: &ConnectionFacts, headers: &HeaderMap) -> Option<IpAddr> {
        match &facts.peer {
            Peer::Address(address) => {
                Some(forwarded_for(*address, headers, &self.parts.trusted_proxies))
            }
            Peer::Header(name) => {
                let mut values = headers.get_all(name).iter();
                let only = values.next().filter(|_| values.next().is_none());
                let address = only.and_then(|value| value.to_str().ok());
                address.and_then(|text| text.trim().parse::<IpAddr>().ok())
            }
            Peer::Unknown => None,
        }
    }
}

/// The token of an `Authorization: Bearer` header, unchecked.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

fn check_framing(request: &Request<impl HttpBody>, bytes_max: usize) -> Result<(), ErrorAnswer> {
    let headers = request.headers();
    if headers.contains_key(header::TRANSFER_ENCODING)
        && headers.contains_key(header::CONTENT_LENGTH)
    {
        return Err(ErrorAnswer::new(
            StatusCode::BAD_REQUEST,
            "bad_framing",
            "the request has both Content-Length and Transfer-Encoding",
            "send one of them (RFC 9112 section 6.1)",
        ));
    }
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > TARGET_BYTES_MAX {
        return Err(ErrorAnswer::new(
            StatusCode::URI_TOO_LONG,
            "uri_too_long",
            format!("the path and query have {target} bytes, more than {TARGET_BYTES_MAX}"),
            "send what is long in the body",
        ));
    }
    let announced = request.body().size_hint().lower();
    if announced > bytes_max as u64 {
        return Err(too_large(bytes_max));
    }
    Ok(())
}

fn too_large(bytes_max: usize) -> ErrorAnswer {
    ErrorAnswer::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "payload_too_large",
        format!("the body is larger than the {bytes_max} bytes that this route takes"),
        "send less at once",
    )
}

fn host_refused(err: &HostError, way: Way) -> ErrorAnswer {
    let (status, code) = match err {
        HostError::Malformed => (StatusCode::BAD_REQUEST, "bad_host"),
        HostError::Unknown(_) => (StatusCode::MISDIRECTED_REQUEST, "unknown_host"),
    };
    let hint = match (way.kind, way.local) {
        (IngressKind::Local, Some(local)) => format!(
            "use http://127.0.0.1:{}, or add the name to `server.allowed_hosts`",
            local.port()
        ),
        (IngressKind::Lan, Some(local)) => {
            format!("use http://{local}, or add the name to `server.allowed_hosts`")
        }
        (IngressKind::Admin, _) => "use the name localhost".to_owned(),
        _ => {
            "the tunnel's address may have changed: `gateway status` shows it; a name of your own \
              belongs in `server.allowed_hosts` or `server.public_url`"
                .to_owned()
        }
    };
    ErrorAnswer::new(status, code, err.to_string(), hint)
}

fn foreign_page() -> ErrorAnswer {
    ErrorAnswer::new(
        StatusCode::FORBIDDEN,
        "foreign_origin",
        "a page of another origin may not call this address",
        "open the gateway's own page, or use a client that is not a web page",
    )
}

fn internal_error(accept: Option<HeaderValue>, id: &str) -> Response<Body> {
    tracing::error!(id, "a request handler panicked");
    let headers: HeaderMap = accept.map(|accept| (header::ACCEPT, accept)).into_iter().collect();
    let hint = format!("the log has the cause under the id {id}");
    let message = "something went wrong inside the gateway";
    ErrorAnswer::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message, hint)
        .respond(&headers)
}

fn has_media_type(response: &Response<Body>, wanted: &[u8]) -> bool {
    let media_type = response.headers().get(header::CONTENT_TYPE);
    media_type.is_some_and(|value| value.as_bytes().starts_with(wanted))
}

/// Headers that every answer carries, unless its route decided otherwise. Those that only a browser
/// minds are left out `for_program`, for what was asked for with a bearer and is no page: these requests
/// are by far the most.
fn finish(response: &mut Response<Body>, id: String, for_program: bool) {
    const FOR_ALL: [(HeaderName, HeaderValue); 2] = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    const FOR_BROWSERS: [(HeaderName, HeaderValue); 4] = [
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        ),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex")),
    ];
    let for_program = for_program && !has_media_type(response, b"text/html");
    let headers = response.headers_mut();
    for (name, value) in FOR_ALL {
        headers.entry(name).or_insert(value);
    }
    if !for_program {
        for (name, value) in FOR_BROWSERS {
            headers.entry(name).or_insert(value);
        }
    }
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID.clone(), id);
    }
}

#[cfg(test)]
mod tests;
