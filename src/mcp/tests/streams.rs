use axum::body::Body;
use futures::StreamExt;
use http::{Method, Request, Response};
use serde_json::{Value, json};

use super::fixture::*;

fn get(token: &str, session: &str, last: Option<&str>) -> Request<Body> {
    let mut request = Request::builder()
        .method(Method::GET)
        .uri("/mcp")
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "text/event-stream")
        .header("mcp-session-id", session);
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    request.body(Body::empty()).unwrap()
}

fn check(id_of_call: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id_of_call, "method": "tools/call", "params": {
        "name": "check_task", "arguments": { "task_id": id(1), "wait_seconds": 45 },
    } })
}

/// The text of the first `events` events, and the stream after them.
async fn first(response: Response<Body>, events: usize) -> (String, axum::body::BodyDataStream) {
    assert_eq!(response.status(), 200);
    let mut stream = response.into_body().into_data_stream();
    let mut text = String::new();
    while text.matches("\n\n").count() < events {
        text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
    }
    (text, stream)
}

fn last_id(text: &str) -> &str {
    text.lines().filter_map(|line| line.strip_prefix("id:")).next_back().unwrap().trim()
}

#[tokio::test]
async fn an_answer_whose_connection_broke_is_there_for_who_comes_back() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    for ends_before in [false, true] {
        let response = stack.send(legacy("all", Some(&session), &check("w"))).await;
        let (text, stream) = first(response, 1).await;
        stack.tasks.waiting.subscribe().wait_for(|count| *count > 0).await.unwrap();
        drop(stream);
        if ends_before {
            stack.tasks.change(1, completed("x"));
            stack.tasks.waiting.subscribe().wait_for(|count| *count == 0).await.unwrap();
        }
        let resumed = stack.send(get("all", &session, Some(last_id(&text)))).await;
        if !ends_before {
            stack.tasks.change(1, running());
        }
        let reply = Reply::read(resumed).await;
        assert_eq!(reply.json["id"], "w", "{reply:?}");
        assert!(reply.json["result"].is_object(), "{reply:?}");
        // Once more from the same place, as a client does whose second connection broke too.
        let again = Reply::read(stack.send(get("all", &session, Some(last_id(&text)))).await).await;
        assert_eq!(again.json, reply.json);
    }
}

#[tokio::test]
async fn an_event_id_leads_into_no_ring_but_that_of_the_session_that_asks() {
    let stack = Stack::new();
    let (mine, others) = (open_session(&stack, "all").await, open_session(&stack, "other").await);
    let mut call = check("w");
    call["params"]["arguments"]["wait_seconds"] = json!(0);
    let reply = stack.reply(legacy("all", Some(&mine), &call)).await;
    let ids: Vec<&str> = reply.text.lines().filter_map(|it| it.strip_prefix("id:")).collect();
    assert!(!ids.is_empty(), "{reply:?}");
    for id in ids {
        let foreign = stack.reply(get("other", &mine, Some(id.trim()))).await;
        assert_eq!(foreign.status, 404, "{foreign:?}");
        let stream = id.trim();
        if !stream.starts_with("0-") {
            let own = stack.reply(get("other", &others, Some(stream))).await;
            assert!(!own.text.contains("jsonrpc"), "{own:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_is_kept_open_by_a_comment_every_fifteen_seconds() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    let (text, mut stream) = first(stack.send(get("all", &session, None)).await, 1).await;
    assert!(text.contains("retry: 3000") || text.contains("retry:3000"), "{text}");
    let began = tokio::time::Instant::now();
    // The timer starts anew by the system's clock, which virtual time does not move: one will do.
    let comment = stream.next().await.unwrap().unwrap();
    assert!(comment.starts_with(b":"), "{comment:?}");
    assert_eq!(began.elapsed().as_secs(), 15);
}
