use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

use super::fixture::*;

#[tokio::test]
async fn ten_thousand_strangers_leave_nothing_behind() {
    let stack = Stack::limited(300, 200);
    let mut refused = 0;
    for n in 0..10_000 {
        let method = [Method::POST, Method::GET, Method::DELETE][n % 3].clone();
        let request = Request::builder()
            .method(method)
            .uri("/mcp")
            .header("authorization", format!("Bearer made-up-{n}-{}", "x".repeat(1_000)))
            .header("mcp-session-id", format!("s{n}"))
            .body(Body::from(initialize("2025-06-18").to_string()))
            .unwrap();
        let status = stack.send(request).await.status().as_u16();
        assert!(status == 401 || status == 429, "{status}");
        refused += usize::from(status == 429);
    }
    assert!(refused > 9_000, "{refused}");
    assert!(stack.limit.entries() <= 1, "{}", stack.limit.entries());
    assert_eq!(stack.endpoint.sessions(), 0);
}

#[tokio::test]
async fn a_stranger_who_used_up_everything_does_not_lock_out_a_good_token() {
    let stack = Stack::limited(60, 5);
    let stranger = || Request::get("/mcp").body(Body::empty()).unwrap();
    for _ in 0..50 {
        stack.send(stranger()).await;
    }
    let refused = stack.send(stranger()).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "1");
    for _ in 0..5 {
        stack.call("all", "list_projects", json!({})).await;
    }
    // And a good token has an end as well.
    stack.call("all", "list_projects", json!({})).await;
    let spent = stack.rpc("all", "tools/list", json!({})).await;
    assert_eq!(spent.status, 429, "{spent:?}");
    assert_eq!(stack.rpc("other", "tools/list", json!({})).await.status, 200);
}
