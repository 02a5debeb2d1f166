use axum::body::Body;
use http::{Method, Request, header};
use serde_json::json;

use super::fixture::*;

#[tokio::test]
async fn without_a_good_token_the_answer_is_401_whatever_else_is_wrong() {
    let stack = Stack::new();
    for method in
        [Method::GET, Method::POST, Method::DELETE, Method::OPTIONS, Method::PUT, Method::HEAD]
    {
        for accept in [
            None,
            Some("*/*"),
            Some("application/json"),
            Some("text/event-stream"),
            Some("image/png"),
        ] {
            for version in
                [None, Some("2024-11-05"), Some("2025-11-25"), Some("2026-07-28"), Some("nonsense")]
            {
                for (token, body) in [
                    (None, ""),
                    (Some("Bearer bad"), "nonsense"),
                    (Some("Basic eDp5"), "{}"),
                    (Some("Bearer"), ""),
                ] {
                    let mut request = Request::builder().method(&method).uri("/mcp");
                    for (name, value) in [
                        ("accept", accept),
                        ("mcp-protocol-version", version),
                        ("authorization", token),
                    ] {
                        if let Some(value) = value {
                            request = request.header(name, value);
                        }
                    }
                    let request =
                        request.header("mcp-session-id", "unknown").body(Body::from(body)).unwrap();
                    let response = stack.send(request).await;
                    assert_eq!(response.status(), 401, "{method} {accept:?} {version:?} {token:?}");
                    assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
                }
            }
        }
    }
    assert!(stack.tasks.calls().is_empty());
}

#[tokio::test]
async fn a_browser_without_a_token_gets_the_connect_page_and_still_401() {
    let stack = Stack::new();
    let get = |accept: &str, token: Option<&str>| {
        let mut request = Request::get("/mcp").header("accept", accept);
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        request.body(Body::empty()).unwrap()
    };
    let page = stack.reply(get("text/html,application/xhtml+xml", None)).await;
    assert_eq!((page.status, page.text.as_str()), (401, "<p>connect"));
    let program = stack.reply(get("text/html", Some("Bearer bad"))).await;
    assert_eq!((program.status, program.text.as_str()), (401, "{}"));
}

#[tokio::test]
async fn foreign_names_and_foreign_pages_are_refused_on_every_route() {
    let stack = Stack::new();
    for path in
        ["/mcp", "/healthz", "/authorize", "/nothing", "/.well-known/oauth-authorization-server"]
    {
        for method in [Method::GET, Method::POST] {
            let request = |name: &str, value: &str| {
                let request = Request::builder().method(&method).uri(path);
                let request = request.header("authorization", "Bearer all").header(name, value);
                request.body(Body::empty()).unwrap()
            };
            let reply = stack.reply(request("host", "evil.example")).await;
            assert_eq!(reply.status, 421, "{path}");
            assert!(reply.text.contains("evil.example") && reply.text.contains("allowed_hosts"));
            for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example:8765"] {
                let reply = stack.reply(request("origin", origin)).await;
                assert_eq!(reply.status, 403, "{path} {origin}");
            }
        }
    }
    assert!(stack.tasks.calls().is_empty());
}

#[tokio::test]
async fn a_missing_scope_is_a_403_that_names_it() {
    let stack = Stack::new();
    for (tool, arguments, scope) in [
        ("start_task", json!({ "prompt": "x" }), "run"),
        ("cancel_task", json!({ "task_id": "all" }), "run"),
        ("get_diff", json!({ "task_id": id(2) }), "files"),
    ] {
        let reply = stack
            .rpc("observer", "tools/call", json!({ "name": tool, "arguments": arguments }))
            .await;
        assert_eq!(reply.status, 403, "{tool}: {reply:?}");
        let challenge = reply.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.contains(&format!("scope=\"{scope}\"")), "{challenge}");
    }
    assert!(stack.tasks.calls().is_empty());
    let result = stack.call("observer", "check_task", json!({ "task_id": id(1) })).await;
    assert!(text(&result).starts_with("state=running"));
}

#[tokio::test]
async fn a_client_held_to_a_project_sees_and_does_nothing_elsewhere() {
    let stack = Stack::new();
    for (tool, arguments) in [
        ("check_task", json!({ "task_id": id(2) })),
        ("get_result", json!({ "task_id": id(2) })),
        ("cancel_task", json!({ "task_id": id(6) })),
        ("get_diff", json!({ "task_id": id(2) })),
        ("start_task", json!({ "prompt": "x", "project": "beta" })),
        ("list_tasks", json!({ "project": "beta" })),
    ] {
        let result = stack.call("held", tool, arguments).await;
        assert!(error(&result).starts_with("error: there is no "), "{tool}: {result}");
    }
    let calls = stack.tasks.calls();
    assert!(calls.iter().all(|call| call == "projects"), "{calls:?}");

    let listed = stack.call("held", "list_tasks", json!({})).await;
    let tasks = listed["structuredContent"]["tasks"].as_array().unwrap();
    assert!(!tasks.is_empty() && tasks.iter().all(|task| task["project"] == "alpha"));
    let projects = stack.call("held", "list_projects", json!({})).await;
    assert_eq!(projects["structuredContent"]["projects"].as_array().unwrap().len(), 1);
    stack.call("held", "cancel_task", json!({ "task_id": "all" })).await;
    stack.call("held", "start_task", json!({ "prompt": "x" })).await;
    let calls = stack.tasks.calls().join("\n");
    assert!(calls.contains("cancel all of Some([\"alpha\"])"), "{calls}");
    assert!(calls.contains("project: Some(\"alpha\")"), "{calls}");
}
