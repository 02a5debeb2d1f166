//! Forms and queries to the routes of authorization.
use axum::body::Body;
use http::{Request, Uri, header};
use serde_json::Value;
use url::form_urlencoded;

use super::stack::{self, Answer, Stack};
use crate::auth::DEVICE_COOKIE;

/// The first line names the path, and after a space the `Authorization` header; the rest is the body.
/// Tokens are given for what only the gateway could have issued, and for nothing else.
pub(super) fn form(input: &[u8]) {
    stack::run(async |stack| {
        let input = stack.fill(input);
        let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
        let (head, body) = (&input[..end], &input[(end + 1).min(input.len())..]);
        let space = head.iter().position(|byte| *byte == b' ').unwrap_or(head.len());
        let Ok(uri) = Uri::try_from(&head[..space]) else { return };
        let media_type = match uri.path() {
            "/register" => "application/json",
            _ => "application/x-www-form-urlencoded",
        };
        let path = uri.path().to_owned();
        let mut request = Request::post(uri).header(header::CONTENT_TYPE, media_type);
        if space < head.len() {
            request = request.header(header::AUTHORIZATION, &head[space + 1..]);
        }
        let Ok(request) = request.body(Body::from(body.to_vec())) else { return };
        let answer = stack.send(request).await;
        match path.as_str() {
            "/token" => judge_token(&stack, &answer, body),
            "/authorize" => judge_redirect(&answer, "http://localhost:4321/callback"),
            "/register" | "/revoke" => judge_json(&answer),
            _ => {}
        }
    });
}

/// A target with its query, once as a stranger and once on the owner's paired device. Nobody is sent
/// anywhere but to the redirect URI that the request names.
pub(super) fn query(input: &[u8]) {
    stack::run(async |stack| {
        let Ok(uri) = Uri::try_from(stack.fill(input)) else { return };
        if uri.path_and_query().is_none() {
            return;
        }
        let query = uri.query().unwrap_or_default().as_bytes();
        let named = form_urlencoded::parse(query).find(|(name, _)| name == "redirect_uri");
        let named = named.map(|(_, value)| value.into_owned()).unwrap_or_default();
        let device = format!("{DEVICE_COOKIE}={}", stack.word("$DEVICE"));
        for cookie in [None, Some(&device)] {
            let mut request = Request::get(uri.clone()).header(header::ACCEPT, "text/html");
            if let Some(cookie) = cookie {
                request = request.header(header::COOKIE, cookie);
            }
            let Ok(request) = request.body(Body::empty()) else { return };
            let answer = stack.send(request).await;
            judge_redirect(&answer, &named);
            assert!(!answer.header(header::LOCATION).contains("code="), "nobody was asked");
        }
    });
}

fn judge_token(stack: &Stack, answer: &Answer, body: &[u8]) {
    judge_json(answer);
    if answer.status == 200 {
        let known = [stack.word("$CODE"), stack.word("$REFRESH")];
        let mut sent = form_urlencoded::parse(body);
        let earned = sent.any(|(_, value)| known.contains(&&*value));
        assert!(earned, "tokens for nothing: {}", String::from_utf8_lossy(body));
    }
}

/// Answers to programs are JSON, and an error says which.
fn judge_json(answer: &Answer) {
    if answer.body.is_empty() {
        return;
    }
    let json: Value = serde_json::from_slice(&answer.body).expect("what is answered is JSON");
    assert_eq!(answer.status >= 400, json["error"].is_string(), "{} {json}", answer.status);
}

fn judge_redirect(answer: &Answer, named: &str) {
    let location = answer.header(header::LOCATION);
    let redirected = (300..400).contains(&answer.status);
    assert_eq!(redirected, !location.is_empty(), "{answer:?}");
    if redirected {
        let rest = location.strip_prefix(named).unwrap_or_else(|| panic!("{named:?}: {location}"));
        assert!(rest.starts_with(['?', '&']), "{named:?}: {location}");
        let loopback = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
        let safe = location.starts_with("https://")
            || loopback.iter().any(|host| location.starts_with(host));
        assert!(safe, "{location}");
        assert!(answer.body.is_empty(), "{answer:?}");
    }
}
