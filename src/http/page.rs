//! Error answers: JSON for programs, a short page for browsers, always with a way out.
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use maud::{DOCTYPE, html};
use serde_json::json;

use super::limit::RetryAfter;

/// An error answer.
#[derive(Clone, Debug)]
pub struct ErrorAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl ErrorAnswer {
    /// An answer of these parts.
    #[must_use]
    pub fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { status, code, message: message.into(), hint: hint.into() }
    }

    /// Too many requests (RFC 6585 §4).
    #[must_use]
    pub fn too_many(retry: RetryAfter, headers: &HeaderMap) -> Response<Body> {
        let answer = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "too many requests in a short time",
            format!("wait {} s and try again", retry.0),
        );
        let mut response = answer.respond(headers);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry.0));
        response
    }

    /// The answer in the form that the request's `Accept` asks for.
    #[must_use]
    pub fn respond(&self, headers: &HeaderMap) -> Response<Body> {
        let (media_type, body) = if wants_html(headers) {
            ("text/html; charset=utf-8", self.page())
        } else {
            let Self { code, message, hint, .. } = self;
            let body = json!({ "error": code, "error_description": message, "hint": hint });
            ("application/json", body.to_string())
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    }

    fn page(&self) -> String {
        let reason = self.status.canonical_reason().unwrap_or("Error");
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.status.as_u16()) " " (reason) }
                }
                body {
                    h1 { (reason) }
                    p { (self.message) }
                    p { (self.hint) }
                }
            }
        };
        page.into_string()
    }
}

/// Whether the client is a browser that shows a page: it names `text/html` itself.
#[must_use]
pub fn wants_html(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter();
    accepts.filter_map(|accept| accept.to_str().ok()).flat_map(|accept| accept.split(',')).any(
        |range| {
            range
                .split(';')
                .next()
                .is_some_and(|name| name.trim().eq_ignore_ascii_case("text/html"))
        },
    )
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn body(response: Response<Body>) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn programs_get_json_and_browsers_a_page_that_cannot_be_injected_into() {
        let answer = ErrorAnswer::new(StatusCode::NOT_FOUND, "not_found", "no <b>x</b>", "hint");
        let mut headers = HeaderMap::new();
        let json: serde_json::Value =
            serde_json::from_str(&body(answer.respond(&headers)).await).unwrap();
        assert_eq!(json["error_description"], "no <b>x</b>");
        headers.insert(header::ACCEPT, "text/html,application/xhtml+xml".parse().unwrap());
        let page = body(answer.respond(&headers)).await;
        assert!(page.contains("no &lt;b&gt;x&lt;/b&gt;"), "{page}");
    }
}
