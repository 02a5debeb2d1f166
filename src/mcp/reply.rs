//! Answers below the protocol: JSON-RPC errors with an HTTP status, and event streams folded into
//! one JSON message for clients that do not read streams.
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::message::{INTERNAL_ERROR, INVALID_REQUEST, glance};

/// Largest answer that is folded; tools answer with far less.
const FOLDED_BYTES_MAX: usize = 2 << 20;
/// Largest plain-text refusal of the protocol layer that is taken over.
const REASON_BYTES_MAX: usize = 4 << 10;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A JSON-RPC error with an HTTP status.
pub(super) fn rpc_error(
    status: StatusCode,
    code: i64,
    message: &str,
    id: &Value,
) -> Response<Body> {
    let body = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// Whether the client reads event streams: it names them itself. Who sends `*/*`, nothing, or only
/// JSON gets JSON.
pub(super) fn reads_streams(headers: &HeaderMap) -> bool {
    // What nearly all clients send.
    if headers.get(header::ACCEPT).is_some_and(|accept| accept == BOTH_FORMS) {
        return true;
    }
    let accepts = headers.get_all(header::ACCEPT).iter();
    accepts.filter_map(|accept| accept.to_str().ok()).flat_map(|accept| accept.split(',')).any(
        |range| {
            let name = range.split(';').next().unwrap_or_default().trim();
            name.eq_ignore_ascii_case("text/event-stream") || name.eq_ignore_ascii_case("text/*")
        },
    )
}

/// What a client of either era may be answered with.
pub(super) const BOTH_FORMS: HeaderValue =
    HeaderValue::from_static("application/json, text/event-stream");

/// Whether a body of this content type is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn is_stream(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE);
    media_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

/// Gives the protocol layer's plain-text refusals the shape of its other errors.
pub(super) async fn in_rpc_shape(response: Response<Body>, id: &Value) -> Response<Body> {
    let status = response.status();
    if status.is_success() || is_json(response.headers()) {
        return response;
    }
    if status.is_server_error() {
        let reason = reason(response.into_body()).await;
        tracing::error!(%reason, "the protocol layer failed");
        return rpc_error(status, INTERNAL_ERROR, "Internal error", id);
    }
    // The content type was checked before: here it means JSON that is no message of the protocol.
    let status = match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => StatusCode::BAD_REQUEST,
        other => other,
    };
    let allow = response.headers().get(header::ALLOW).cloned();
    let reason = reason(response.into_body()).await;
    let mut answer = rpc_error(status, INVALID_REQUEST, &reason, id);
    if let Some(allow) = allow {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}

async fn reason(body: Body) -> String {
    let limited = http_body_util::Limited::new(body, REASON_BYTES_MAX);
    let bytes = limited.collect().await.map(http_body_util::Collected::to_bytes);
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

/// Folds an event stream that answers one request into that answer.
pub(super) async fn folded(response: Response<Body>, id: &Value) -> Response<Body> {
    if !is_stream(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Some(message) = the_answer(body).await else {
        let message = "the answer ended before it was complete: send the request again";
        return rpc_error(StatusCode::OK, INTERNAL_ERROR, message, id);
    };
    parts.headers.insert(header::CONTENT_TYPE, JSON);
    Response::from_parts(parts, Body::from(message))
}

async fn the_answer(mut body: Body) -> Option<Bytes> {
    let mut buffer = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        if buffer.len() + data.len() > FOLDED_BYTES_MAX {
            return None;
        }
        buffer.extend_from_slice(&data);
        while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
            let event = buffer.split_to(end + 2);
            let data = data_of(&event);
            if glance(&data).is_ok_and(|seen| seen.is_answer) {
                return Some(data);
            }
        }
    }
    None
}

/// The data lines of one event, joined (HTML, server-sent events, §9.2.6).
fn data_of(event: &[u8]) -> Bytes {
    let mut data = BytesMut::new();
    for line in event.split(|byte| *byte == b'\n') {
        let Some(value) = line.strip_prefix(b"data:") else { continue };
        if !data.is_empty() {
            data.extend_from_slice(b"\n");
        }
        data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
    }
    data.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(text: &'static str) -> Response<Body> {
        let response = Response::builder().header("content-type", "text/event-stream");
        response.header("mcp-session-id", "s").body(Body::from(text)).unwrap()
    }

    #[tokio::test]
    async fn a_stream_folds_into_its_answer_and_keeps_its_session() {
        let text = "id: 0\nretry: 3000\ndata: \n\n: ping\n\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n\n\
                    data: {\"jsonrpc\":\"2.0\",\"id\":1,\ndata: \"result\":{}}\n\n";
        let answer = folded(stream(text), &json!(1)).await;
        assert_eq!(answer.headers()["mcp-session-id"], "s");
        assert_eq!(answer.headers()["content-type"], "application/json");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
    }

    #[tokio::test]
    async fn a_stream_that_ends_early_is_an_error_and_no_5xx() {
        let answer = folded(stream("data: \n\n"), &json!("a")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], INTERNAL_ERROR);
        assert_eq!(body["id"], "a");
    }

    #[test]
    fn only_who_names_event_streams_gets_them() {
        let reads = |accept: &str| {
            let headers = [(header::ACCEPT, accept.parse().unwrap())].into_iter().collect();
            reads_streams(&headers)
        };
        assert!(reads("application/json, text/event-stream"));
        assert!(reads("Text/Event-Stream;q=0.5"));
        assert!(!reads("*/*"));
        assert!(!reads("application/json"));
        assert!(!reads_streams(&HeaderMap::new()));
    }
}
