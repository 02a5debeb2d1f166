use axum::body::Body;
use futures::StreamExt;
use http::{Method, Request};
use serde_json::{Value, json};

use super::fixture::*;
use crate::mcp::session::PER_PRINCIPAL_MAX;

fn list() -> Value {
    json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/list" })
}

fn without_body(method: Method, token: &str, session: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri("/mcp")
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "text/event-stream")
        .header("mcp-session-id", session)
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn a_session_belongs_to_who_opened_it() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    for token in ["other", "observer", "held"] {
        let reply = stack.reply(legacy(token, Some(&session), &list())).await;
        assert_eq!(reply.status, 404, "{reply:?}");
        assert_eq!(stack.reply(without_body(Method::GET, token, &session)).await.status, 404);
        assert_eq!(stack.reply(without_body(Method::DELETE, token, &session)).await.status, 404);
    }
    assert_eq!(stack.reply(legacy("all", Some(&session), &list())).await.status, 200);
}

#[tokio::test]
async fn a_deleted_or_made_up_session_is_404_for_every_method() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    let deleted = stack.reply(without_body(Method::DELETE, "all", &session)).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    let made_up = "00000000-0000-4000-8000-000000000000";
    for id in [session.as_str(), made_up, "x", "../../etc"] {
        let reply = stack.reply(legacy("all", Some(id), &list())).await;
        assert_eq!((reply.status, &reply.json["id"]), (404, &json!(5)), "{reply:?}");
        assert!(reply.json["error"]["message"].as_str().unwrap().contains("initialize"));
        assert_eq!(stack.reply(without_body(Method::GET, "all", id)).await.status, 404);
        assert_eq!(stack.reply(without_body(Method::DELETE, "all", id)).await.status, 404);
    }
    assert_eq!(stack.endpoint.sessions(), 0);
}

#[tokio::test]
async fn a_client_goes_on_with_its_session_after_a_restart() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    for token in ["other", "observer", "held"] {
        let restarted = stack.restarted();
        for request in [
            legacy(token, Some(&session), &list()),
            without_body(Method::GET, token, &session),
            without_body(Method::DELETE, token, &session),
        ] {
            assert_eq!(restarted.reply(request).await.status, 404, "{token}");
        }
        assert_eq!(restarted.endpoint.sessions(), 0);
    }
    let restarted = stack.restarted();
    let calls = (0..4).map(|n| {
        let list = json!({ "jsonrpc": "2.0", "id": n, "method": "tools/list" });
        restarted.reply(legacy("all", Some(&session), &list))
    });
    for reply in futures::future::join_all(calls).await {
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(reply.json["result"]["tools"].is_array(), "{reply:?}");
    }
    assert_eq!(restarted.endpoint.sessions(), 1);
    let again = restarted.restarted();
    let stream = again.send(without_body(Method::GET, "all", &session)).await;
    assert_eq!(stream.status(), 200);
}

#[tokio::test]
async fn a_session_that_was_ended_stays_so_after_a_restart() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    // Ended by a gateway that never had it open.
    let restarted = stack.restarted();
    let deleted = restarted.reply(without_body(Method::DELETE, "all", &session)).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    assert_eq!(restarted.reply(legacy("all", Some(&session), &list())).await.status, 404);
    let again = stack.restarted();
    assert_eq!(again.reply(legacy("all", Some(&session), &list())).await.status, 404);
}

#[tokio::test]
async fn a_kept_session_is_over_when_nobody_used_it_for_long() {
    let stack = Stack::new();
    let (used, unused) = (open_session(&stack, "all").await, open_session(&stack, "all").await);
    let minutes = |minutes: u64| std::time::Duration::from_secs(60 * minutes);
    stack.clock.advance(minutes(20));
    assert_eq!(stack.reply(legacy("all", Some(&used), &list())).await.status, 200);
    stack.clock.advance(minutes(20));
    // The mark of the last use is written behind the answer.
    while stack.store.read(|tx| tx.session(&used)).unwrap().unwrap().used_at == NOW {
        tokio::task::yield_now().await;
    }
    let restarted = stack.restarted();
    assert_eq!(restarted.reply(legacy("all", Some(&unused), &list())).await.status, 404);
    assert_eq!(restarted.reply(legacy("all", Some(&used), &list())).await.status, 200);
}

#[tokio::test]
async fn restored_sessions_are_bounded_as_new_ones_are() {
    let stack = Stack::new();
    let mut opened = Vec::new();
    for _ in 0..PER_PRINCIPAL_MAX + 4 {
        opened.push(open_session(&stack, "all").await);
        stack.clock.advance(std::time::Duration::from_secs(1));
    }
    let restarted = stack.restarted();
    for (n, session) in opened.iter().enumerate() {
        let status = restarted.reply(legacy("all", Some(session), &list())).await.status;
        assert_eq!(status, if n < 4 { 404 } else { 200 }, "{n}");
    }
    open_session(&restarted, "all").await;
    assert_eq!(restarted.endpoint.sessions(), PER_PRINCIPAL_MAX);
    assert_eq!(restarted.reply(legacy("all", Some(&opened[4]), &list())).await.status, 404);
}

#[tokio::test]
async fn a_flood_of_handshakes_leaves_a_bounded_number_and_spares_other_principals() {
    let stack = Stack::new();
    let others = open_session(&stack, "other").await;
    let mut mine = Vec::new();
    for _ in 0..200 {
        mine.push(open_session(&stack, "all").await);
        // In use all the time, so it is never the one to go.
        assert_eq!(stack.reply(legacy("all", Some(&mine[0]), &list())).await.status, 200);
    }
    assert_eq!(stack.endpoint.sessions(), PER_PRINCIPAL_MAX + 1);
    assert_eq!(stack.reply(legacy("other", Some(&others), &list())).await.status, 200);
    assert_eq!(
        stack.reply(legacy("all", mine.last().map(String::as_str), &list())).await.status,
        200
    );
    assert_eq!(stack.reply(legacy("all", Some(&mine[50]), &list())).await.status, 404);
}

#[tokio::test]
async fn sixteen_newer_sessions_do_not_end_one_whose_call_runs() {
    for client_stays in [true, false] {
        let stack = Stack::new();
        let busy = open_session(&stack, "all").await;
        let mut waiting = stack.tasks.waiting.subscribe();
        let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
            "name": "check_task", "arguments": { "task_id": id(1), "wait_seconds": 45 },
        } });
        let answer = stack.send(legacy("all", Some(&busy), &call)).await;
        waiting.wait_for(|count| *count > 0).await.unwrap();
        let answer = client_stays.then_some(answer);
        let mut newer = Vec::new();
        for _ in 0..2 * PER_PRINCIPAL_MAX {
            newer.push(open_session(&stack, "all").await);
        }
        assert_eq!(stack.endpoint.sessions(), PER_PRINCIPAL_MAX);
        assert_eq!(stack.reply(legacy("all", Some(&newer[0]), &list())).await.status, 404);
        assert_eq!(stack.tasks.waiting.borrow().to_owned(), 1, "the call still runs");
        stack.tasks.change(1, completed("x"));
        if let Some(answer) = answer {
            let reply = Reply::read(answer).await;
            assert!(text(&reply.json["result"]).starts_with("state=completed"), "{reply:?}");
        }
        assert_eq!(stack.reply(legacy("all", Some(&busy), &list())).await.status, 200);
    }
}

#[tokio::test]
async fn when_all_sessions_are_busy_a_new_one_is_refused_until_one_is_idle() {
    let stack = Stack::new();
    let mut streams = Vec::new();
    for _ in 0..PER_PRINCIPAL_MAX {
        let session = open_session(&stack, "all").await;
        let stream = stack.send(without_body(Method::GET, "all", &session)).await;
        assert_eq!(stream.status(), 200);
        streams.push((session, stream));
    }
    let refused = stack.reply(legacy("all", None, &initialize("2025-06-18"))).await;
    assert_eq!((refused.status, &refused.json["id"]), (429, &json!(0)), "{refused:?}");
    assert_eq!(refused.headers["retry-after"], "15");
    let message = refused.json["error"]["message"].as_str().unwrap();
    assert!(message.contains("all 16 sessions of this client are busy"), "{message}");
    open_session(&stack, "other").await;

    let (idle, stream) = streams.remove(3);
    drop(stream);
    open_session(&stack, "all").await;
    assert_eq!(stack.reply(legacy("all", Some(&idle), &list())).await.status, 404);
    for (session, _) in &streams {
        assert_eq!(stack.reply(legacy("all", Some(session), &list())).await.status, 200);
    }
}

#[tokio::test]
async fn a_request_without_a_session_is_told_to_open_one() {
    let stack = Stack::new();
    let reply = stack.reply(legacy("all", None, &list())).await;
    assert_eq!((reply.status, &reply.json["id"]), (400, &json!(5)), "{reply:?}");
    assert!(reply.json["error"]["message"].as_str().unwrap().contains("Session ID is required"));
}

#[tokio::test(start_paused = true)]
async fn an_open_event_stream_ends_soon_after_shutting_down_begins() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    let response = stack.send(without_body(Method::GET, "all", &session)).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    stack.draining.cancel();
    let began = tokio::time::Instant::now();
    let mut frames = response.into_body().into_data_stream();
    while frames.next().await.is_some() {}
    assert!(began.elapsed() <= std::time::Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_modern_get_or_delete_is_405_and_replays_nothing() {
    let stack = Stack::new();
    for method in [Method::GET, Method::DELETE] {
        let request = Request::builder()
            .method(&method)
            .uri("/mcp")
            .header("authorization", "Bearer all")
            .header("accept", "text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("last-event-id", "0/1");
        let reply = stack.reply(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 405, "{method}: {reply:?}");
        assert!(reply.headers.contains_key("allow"));
    }
}

#[tokio::test]
async fn one_principal_cannot_resume_the_stream_of_another() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    let mut request = without_body(Method::GET, "other", &session);
    request.headers_mut().insert("last-event-id", "0".parse().unwrap());
    assert_eq!(stack.reply(request).await.status, 404);
}
