use axum::body::Body;
use futures::StreamExt;
use http::{Method, Request, Response};
use serde_json::{Value, json};

use super::fixture::*;
use crate::mcp::watch::WATCHED_MAX;

fn uri(n: u64) -> String {
    format!("gateway://tasks/{}", id(n))
}

async fn legacy_call(
    stack: &Stack,
    token: &str,
    session: &str,
    method: &str,
    params: Value,
) -> Value {
    let call = json!({ "jsonrpc": "2.0", "id": 3, "method": method, "params": params });
    let reply = stack.reply(legacy(token, Some(session), &call)).await;
    assert_eq!(reply.status, 200, "{method}: {reply:?}");
    reply.json
}

/// The messages of an event stream, one by one.
struct Messages {
    stream: axum::body::BodyDataStream,
    text: String,
}

impl Messages {
    fn of(response: Response<Body>) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { stream: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next one; none at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.lines().filter_map(|line| line.strip_prefix("data:"));
                let message = data.map(str::trim).find_map(|data| serde_json::from_str(data).ok());
                self.text = rest.to_owned();
                if message.is_some() {
                    return message;
                }
            }
            let chunk = self.stream.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next one, which is there after at most a round's pause.
    async fn soon(&mut self, stack: &Stack) -> Value {
        let pause = async {
            loop {
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
                stack.clock.advance(std::time::Duration::from_secs(1));
            }
        };
        tokio::select! {
            biased;
            message = self.next() => message.unwrap(),
            () = pause => unreachable!("it goes on for ever"),
        }
    }
}

fn get(token: &str, session: &str) -> Request<Body> {
    Request::builder()
        .method(Method::GET)
        .uri("/mcp")
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "text/event-stream")
        .header("mcp-session-id", session)
        .body(Body::empty())
        .unwrap()
}

fn listen(token: &str, notifications: &Value) -> Request<Body> {
    modern(token, "subscriptions/listen", json!({ "notifications": notifications }))
}

#[tokio::test]
async fn a_list_holds_the_tasks_that_the_caller_may_see_and_a_read_tells_where_one_stands() {
    let stack = Stack::new();
    for (token, count) in [("all", 6), ("observer", 6), ("held", 2)] {
        let listed = stack.rpc(token, "resources/list", json!({})).await.json["result"].clone();
        assert_eq!(listed["resources"].as_array().unwrap().len(), count, "{token}: {listed}");
        assert_eq!(listed["nextCursor"], "7");
        assert_eq!(listed["cacheScope"], "private");
    }
    let templates = stack.rpc("all", "resources/templates/list", json!({})).await;
    let template = &templates.json["result"]["resourceTemplates"][0]["uriTemplate"];
    assert_eq!(template, "gateway://tasks/{task_id}");

    for (n, fresh) in [(1, 1_000), (2, 60_000)] {
        let read = stack.rpc("all", "resources/read", json!({ "uri": uri(n) })).await;
        let result = &read.json["result"];
        assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(fresh), &json!("private")));
        let contents = &result["contents"][0];
        assert_eq!(
            (&contents["uri"], &contents["mimeType"]),
            (&json!(uri(n)), &json!("application/json"))
        );
        let facts: Value = serde_json::from_str(contents["text"].as_str().unwrap()).unwrap();
        assert_eq!(facts["task_id"], json!(id(n)));
        assert!(!contents["text"].as_str().unwrap().contains("/secret"), "{contents}");
    }
    let session = open_session(&stack, "all").await;
    let read =
        legacy_call(&stack, "all", &session, "resources/read", json!({ "uri": uri(1) })).await;
    assert!(read["result"]["contents"][0]["text"].is_string(), "{read}");
    assert!(read["result"].get("ttlMs").is_none() && read["result"].get("resultType").is_none());
}

#[tokio::test]
async fn a_task_that_the_caller_may_not_see_is_no_resource() {
    let stack = Stack::new();
    for (token, uri) in [
        ("held", uri(2)),
        ("runner", uri(1)),
        ("all", uri(99)),
        ("all", "gateway://tasks/../x".to_owned()),
        ("all", "file:///etc/passwd".to_owned()),
    ] {
        let read = stack.rpc(token, "resources/read", json!({ "uri": uri })).await;
        let error = &read.json["error"];
        assert_eq!((read.status, &error["code"]), (200, &json!(-32602)), "{token} {read:?}");
        assert_eq!(error["data"]["uri"], uri);
        let session = open_session(&stack, token).await;
        for method in ["resources/read", "resources/subscribe"] {
            let told = legacy_call(&stack, token, &session, method, json!({ "uri": uri })).await;
            assert_eq!(told["error"]["code"], -32002, "{token} {method} {told}");
        }
    }
    let listed = stack.rpc("runner", "resources/list", json!({})).await.json["result"].clone();
    assert_eq!(listed["resources"], json!([]), "{listed}");
    assert!(stack.tasks.calls().iter().all(|call| !call.starts_with("list")), "for nobody");
}

#[tokio::test]
async fn a_listener_is_told_of_what_it_asked_for_and_may_see() {
    let stack = Stack::new();
    let wanted = json!({
        "resourceSubscriptions": [uri(1), uri(2), "file:///etc/passwd"],
        "resourcesListChanged": true, "toolsListChanged": true,
    });
    let mut messages = Messages::of(stack.send(listen("held", &wanted)).await);
    let first = messages.next().await.unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    let accepted =
        json!({ "resourceSubscriptions": [uri(1), uri(2)], "resourcesListChanged": true });
    assert_eq!(first["params"]["notifications"], accepted);
    while stack.tasks.followers() == 0 {
        tokio::task::yield_now().await;
    }
    // The second is of a project that `held` is not held to; the third was not asked for.
    stack.tasks.change(2, completed("x"));
    stack.tasks.announce(3);
    stack.tasks.change(4, running());
    for _ in 0..3 {
        stack.tasks.change(1, running());
    }
    let told = messages.soon(&stack).await;
    assert_eq!(
        (&told["method"], &told["params"]["uri"]),
        (&json!("notifications/resources/updated"), &json!(uri(1)))
    );
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
    stack.tasks.announce(4);
    let told = messages.soon(&stack).await;
    assert_eq!(told["method"], "notifications/resources/list_changed", "{told}");
    stack.draining.cancel();
    let last = messages.next().await.unwrap();
    assert_eq!(last["result"]["resultType"], "complete", "{last}");
    assert!(messages.next().await.is_none());
    assert_eq!(stack.tasks.followers(), 0);
}

#[tokio::test]
async fn a_listener_that_hangs_up_is_followed_no_more() {
    let stack = Stack::new();
    let response = stack.send(listen("all", &json!({ "resourcesListChanged": true }))).await;
    while stack.tasks.followers() == 0 {
        tokio::task::yield_now().await;
    }
    drop(response);
    while stack.tasks.followers() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_takes_no_stream_cannot_listen() {
    let stack = Stack::new();
    for (accept, status) in [("application/json", 406), ("*/*", 200), ("text/event-stream", 200)] {
        let mut request = listen("all", &json!({ "resourcesListChanged": true }));
        request.headers_mut().insert("accept", accept.parse().unwrap());
        assert_eq!(stack.send(request).await.status(), status, "{accept}");
    }
}

#[tokio::test]
async fn a_session_is_told_on_its_get_stream_of_the_tasks_it_subscribed_to() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    let mut messages = Messages::of(stack.send(get("all", &session)).await);
    for n in [1, 2] {
        let done =
            legacy_call(&stack, "all", &session, "resources/subscribe", json!({ "uri": uri(n) }))
                .await;
        assert_eq!(done["result"], json!({}), "{done}");
    }
    let done =
        legacy_call(&stack, "all", &session, "resources/unsubscribe", json!({ "uri": uri(2) }))
            .await;
    assert_eq!(done["result"], json!({}), "{done}");
    // Nobody looked at the list, so nobody is told that it is another.
    while stack.tasks.followers() == 0 {
        tokio::task::yield_now().await;
    }
    stack.tasks.announce(5);
    stack.tasks.change(2, running());
    stack.tasks.change(1, running());
    let told = messages.soon(&stack).await;
    assert_eq!(told["params"]["uri"], json!(uri(1)), "{told}");
    legacy_call(&stack, "all", &session, "resources/list", json!({})).await;
    stack.tasks.announce(5);
    let told = messages.soon(&stack).await;
    assert_eq!(told["method"], "notifications/resources/list_changed", "{told}");
    let delete = Request::builder()
        .method(Method::DELETE)
        .uri("/mcp")
        .header("authorization", "Bearer all")
        .header("mcp-session-id", &session);
    assert_eq!(stack.reply(delete.body(Body::empty()).unwrap()).await.status, 204);
    assert!(messages.next().await.is_none(), "the stream ends with its session");
    while stack.tasks.followers() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_session_watches_a_bounded_number_of_tasks() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    for n in 100..=100 + u64::try_from(WATCHED_MAX).unwrap() {
        let task = task(n, "alpha", running());
        stack.tasks.tasks.lock().unwrap().insert(task.id.clone(), task);
        let params = json!({ "uri": uri(n) });
        let done = legacy_call(&stack, "all", &session, "resources/subscribe", params).await;
        let refused = n == 100 + u64::try_from(WATCHED_MAX).unwrap();
        assert_eq!(done["error"].is_object(), refused, "{n} {done}");
    }
}
