//! What answers give away, and what they forbid the browser.
use serde_json::json;

use crate::harness::*;

fn every_kind(token: &str) -> Vec<Ask> {
    vec![
        Ask::get("/"),
        Ask::get("/mcp"),
        Ask::get("/mcp").header("accept", "text/html"),
        Ask::get("/pair"),
        Ask::get("/authorize"),
        Ask::get("/nothing"),
        Ask::get("/healthz"),
        Ask::new("DELETE", "/token"),
        Ask::new("BREW", "/mcp").bearer(token),
        Ask::post("/token").form(&[("grant_type", "x")]),
        Ask::post("/revoke").form(&[]),
        Ask::post("/authorize").form(&[("request", "x")]),
        Ask::post("/mcp").bearer(token).body("{"),
        Ask::get("/.well-known/oauth-authorization-server"),
        Ask::get("/healthz").header("host", "evil.example"),
        Ask::get("/healthz").header("origin", "https://evil.example"),
        modern("tools/list", json!({})).bearer(token),
        modern("no/such", json!({})).bearer(token),
    ]
}

#[tokio::test]
async fn every_answer_forbids_the_browser_what_it_need_not_do() {
    let gateway = TestGateway::start().await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    for ask in every_kind(&token) {
        let answer = gateway.send(ask.clone()).await;
        assert!(answer.status < 500, "{ask:?}: {}", answer.status);
        for (name, value) in [("x-content-type-options", "nosniff"), ("cache-control", "no-store")]
        {
            assert_eq!(answer.header(name), value, "{ask:?}: {name}");
        }
        if ask.headers.iter().any(|(name, _)| name == "authorization") {
            // No browser shows what was asked for with a bearer; it must still be no page.
            assert_eq!(answer.header("content-type"), "application/json", "{ask:?}");
            continue;
        }
        for (name, value) in [("x-frame-options", "DENY"), ("x-robots-tag", "noindex")] {
            assert_eq!(answer.header(name), value, "{ask:?}: {name}");
        }
        assert!(!answer.header("content-security-policy").is_empty(), "{ask:?}");
        let referrer = answer.header("referrer-policy");
        assert!(matches!(referrer, "no-referrer" | "same-origin"), "{ask:?}: {referrer}");
    }
}

#[tokio::test]
async fn no_answer_tells_what_runs_here_or_where() {
    let gateway = TestGateway::start().await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    let home = gateway.folder().display().to_string();
    let port = gateway.address.port().to_string();
    for ask in every_kind(&token) {
        let answer = gateway.send(ask.clone()).await;
        for name in ["server", "x-powered-by", "via", "x-served-by"] {
            assert!(!answer.has(name), "{ask:?}: {name}");
        }
        let lower = answer.body.to_lowercase();
        for word in ["hyper", "axum", "rusqlite", "sqlite", "panicked", "backtrace", &home] {
            assert!(!lower.contains(&word.to_lowercase()), "{ask:?}: {word}: {}", answer.body);
        }
        // A name that is not ours is told which to use, by whoever's port it came to.
        assert!(answer.status == 421 || !answer.body.contains(&port), "{ask:?}: the local port");
    }
}

#[tokio::test]
async fn a_stranger_learns_no_name_and_no_number_of_the_owners() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("Secret Project Phone").await;
    gateway.sign_in(&client).await;
    for ask in every_kind("gwa_x") {
        let answer = gateway.send(ask.clone()).await;
        for word in ["Secret Project", client.id.as_str(), env!("CARGO_PKG_VERSION")] {
            assert!(!answer.body.contains(word), "{ask:?}: {}", answer.body);
        }
    }
    let health = gateway.send(Ask::get("/healthz")).await;
    assert_eq!((health.status, health.body.as_str()), (200, ""));
}

#[tokio::test]
async fn what_a_request_says_is_in_no_page_unescaped() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let script = "%3Cscript%3Ealert(1)%3C/script%3E";
    for target in [
        format!("/{script}"),
        format!("/pair/{script}"),
        format!("/authorize?client_id={script}"),
        format!("/authorize?client_id={}&redirect_uri={script}", client.id),
        format!("/mcp?x={script}"),
        "/\"><script>alert(1)</script>".to_owned(),
    ] {
        let ask = Ask::get(&target).header("accept", "text/html");
        let Some(answer) = gateway.try_send(&ask.header("user-agent", "<script>")).await else {
            continue;
        };
        assert!(!answer.body.contains("<script>alert"), "{target}: {}", answer.body);
    }
}

#[tokio::test]
async fn no_header_of_a_request_comes_back_in_a_header_of_its_answer() {
    let gateway = TestGateway::start().await;
    let planted = "planted-by-the-visitor";
    for name in
        ["x-request-id", "x-correlation-id", "traceparent", "origin", "referer", "user-agent"]
    {
        let value = if name == "origin" { "https://claude.ai" } else { planted };
        for target in ["/mcp", "/token", "/pair", "/.well-known/oauth-authorization-server"] {
            let answer = gateway.send(Ask::get(target).header(name, value)).await;
            let back = answer.headers.iter().find(|(_, it)| it.contains(value));
            assert_eq!(back, None, "{name} {target}");
        }
    }
}

#[tokio::test]
async fn another_method_in_a_header_is_not_taken_for_the_methods() {
    let gateway = TestGateway::start().await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    let session = gateway.session(&token).await;
    for name in ["x-http-method-override", "x-http-method", "x-method-override", "_method"] {
        let ask = legacy(&json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }))
            .bearer(&token)
            .header("mcp-session-id", &session)
            .header(name, "DELETE");
        assert_eq!(gateway.send(ask).await.status, 200, "{name}");
    }
    assert_eq!(gateway.in_session(&token, &session).await, 200);
}

#[tokio::test]
async fn another_path_in_a_header_is_not_taken_for_the_path() {
    let gateway = TestGateway::start().await;
    for name in ["x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-path"] {
        let answer = gateway.send(Ask::get("/mcp").header(name, "/healthz")).await;
        assert_eq!(answer.status, 401, "{name}");
        let answer = gateway.send(Ask::get("/nothing").header(name, "/healthz")).await;
        assert_eq!(answer.status, 404, "{name}");
    }
}
