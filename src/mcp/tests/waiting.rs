use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use serde_json::{Value, json};

use super::fixture::*;
use crate::clock::Clock;

async fn is_waiting(stack: &Stack) {
    stack.tasks.waiting.subscribe().wait_for(|count| *count > 0).await.unwrap();
}

/// Runs `call` until the engine waits for it, then does `meanwhile`, then ends the call.
async fn meanwhile<T>(stack: &Stack, call: impl Future<Output = T>, then: impl FnOnce()) -> T {
    let mut call = pin!(call);
    tokio::select! {
        _ = &mut call => panic!("it did not wait"),
        () = is_waiting(stack) => {}
    }
    then();
    call.await
}

fn check(arguments: Value) -> Value {
    let mut arguments = arguments;
    arguments["task_id"] = json!(id(1));
    arguments
}

#[tokio::test]
async fn a_check_wakes_on_any_change_after_its_cursor() {
    let stack = Stack::new();
    let call =
        stack.call("all", "check_task", check(json!({ "cursor": "10", "wait_seconds": 45 })));
    let result = meanwhile(&stack, call, || stack.tasks.change(1, completed("x"))).await;
    assert!(text(&result).starts_with("state=completed"), "{result}");
    assert_eq!(result["structuredContent"]["cursor"], "11");
    assert_eq!(result["structuredContent"]["next"], "get_result");
    assert!(stack.tasks.calls()[0].ends_with("after 10 at most 45s"));
}

#[tokio::test]
async fn a_check_answers_at_once_when_something_happened_since_its_cursor() {
    let stack = Stack::new();
    let result =
        stack.call("all", "check_task", check(json!({ "cursor": "9", "wait_seconds": 45 }))).await;
    assert!(text(&result).starts_with("state=running"), "{result}");
}

#[tokio::test]
async fn a_start_that_waits_answers_with_the_result_or_with_the_open_request() {
    for (state, expected) in [
        (completed("the answer"), "the answer"),
        (stack_state_needing_input(), "state=needs_input"),
    ] {
        let stack = Stack::new();
        let call = stack.call("all", "start_task", json!({ "prompt": "x", "wait_seconds": 45 }));
        let result = meanwhile(&stack, call, || {
            stack.tasks.change(9, running());
            stack.tasks.change(9, state.clone());
        })
        .await;
        assert!(text(&result).contains(expected), "{result}");
    }
}

fn stack_state_needing_input() -> crate::model::TaskState {
    Stack::new().tasks.get(&id(4)).unwrap().state
}

#[tokio::test]
async fn a_wait_ends_with_the_grant_of_its_caller_who_learns_nothing_more() {
    for (tool, arguments, n) in [
        ("check_task", check(json!({ "wait_seconds": 45 })), 1),
        ("start_task", json!({ "prompt": "x", "wait_seconds": 45 }), 9),
    ] {
        let stack = Stack::new();
        let call = stack.call("all", tool, arguments);
        let result = meanwhile(&stack, call, || {
            stack.ended.cancel();
            stack.tasks.change(n, completed("the secret"));
        })
        .await;
        assert_eq!(result["isError"], true, "{tool}: {result}");
        assert!(text(&result).starts_with("error: there is no task"), "{tool}: {result}");
    }
}

#[tokio::test]
async fn shutting_down_ends_waits_with_what_there_is() {
    for (tool, arguments) in [
        ("check_task", check(json!({ "wait_seconds": 45 }))),
        ("start_task", json!({ "prompt": "x", "wait_seconds": 45 })),
    ] {
        let stack = Stack::new();
        let call = stack.call("all", tool, arguments);
        let result = meanwhile(&stack, call, || stack.draining.cancel()).await;
        assert_eq!(result["isError"], json!(false), "{result}");
        assert_eq!(result["structuredContent"]["next"], "check_task");
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_its_wait_and_not_its_task() {
    let stack = Stack::new();
    {
        let mut call = pin!(stack.call("all", "check_task", check(json!({ "wait_seconds": 45 }))));
        tokio::select! {
            _ = &mut call => panic!("it did not wait"),
            () = is_waiting(&stack) => {}
        }
    }
    stack.tasks.waiting.subscribe().wait_for(|count| *count == 0).await.unwrap();
    assert_eq!(stack.tasks.get(&id(1)).unwrap().state.name(), "running");
    assert!(!stack.tasks.calls().iter().any(|call| call.starts_with("cancel")));
}

#[tokio::test]
async fn a_cancelled_request_of_a_session_ends_its_wait() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    let params = json!({ "name": "check_task", "arguments": check(json!({ "wait_seconds": 45 })) });
    let call = json!({ "jsonrpc": "2.0", "id": "w", "method": "tools/call", "params": params });
    let _stream = stack.send(legacy("all", Some(&session), &call)).await;
    is_waiting(&stack).await;
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": "w" } });
    assert_eq!(stack.reply(legacy("all", Some(&session), &cancel)).await.status, 202);
    stack.tasks.waiting.subscribe().wait_for(|count| *count == 0).await.unwrap();
}

/// Collects what is streamed while the clock runs for `seconds`.
async fn messages_within(stack: &Stack, token: bool, seconds: u64) -> Vec<Value> {
    let mut params =
        json!({ "name": "check_task", "arguments": check(json!({ "wait_seconds": 45 })) });
    if token {
        params["_meta"]["progressToken"] = json!("p");
    }
    let mut call = pin!(stack.send(modern("all", "tools/call", params)));
    let mut seen = None;
    for _ in 0..seconds {
        // Everything that can run does so before a second passes.
        for _ in 0..50 {
            tokio::select! {
                biased;
                response = &mut call, if seen.is_none() => seen = Some(response),
                () = tokio::task::yield_now() => {}
            }
        }
        stack.clock.advance(Duration::from_secs(1));
    }
    stack.tasks.change(1, completed("x"));
    let response = match seen {
        Some(response) => response,
        None => call.await,
    };
    let chunks: Vec<_> = response.into_body().into_data_stream().collect().await;
    let text: String = chunks
        .into_iter()
        .map(|chunk| String::from_utf8(chunk.unwrap().to_vec()).unwrap())
        .collect();
    let data = |line: &str| serde_json::from_str(line.strip_prefix("data: ").unwrap_or(line)).ok();
    text.lines().filter_map(data).collect()
}

#[tokio::test]
async fn progress_goes_to_who_asked_for_it_growing_and_not_too_often() {
    let stack = Stack::new();
    let messages = messages_within(&stack, true, 35).await;
    let progress: Vec<f64> =
        messages.iter().filter_map(|message| message["params"]["progress"].as_f64()).collect();
    assert_eq!(progress, [10.0, 20.0, 30.0], "{messages:?}");
    assert!(messages[..3].iter().all(|message| message["params"]["progressToken"] == "p"));
    assert!(messages[3]["result"].is_object());
    assert_eq!(stack.clock.now().since(NOW), Duration::from_secs(35));

    let stack = Stack::new();
    let messages = messages_within(&stack, false, 35).await;
    assert_eq!(messages.len(), 1, "{messages:?}");
}

#[tokio::test]
async fn progress_of_one_call_grows_through_all_changes_that_it_waits_for() {
    let stack = Stack::new();
    let mut params =
        json!({ "name": "start_task", "arguments": { "prompt": "x", "wait_seconds": 45 } });
    params["_meta"]["progressToken"] = json!(7);
    let call = async {
        let response = stack.send(modern("all", "tools/call", params)).await;
        response.into_body().into_data_stream().collect::<Vec<_>>().await
    };
    let time = async {
        for second in 1..=35 {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            stack.clock.advance(Duration::from_secs(1));
            if second % 7 == 0 {
                stack.tasks.change(9, running());
            }
        }
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        stack.tasks.change(9, completed("x"));
    };
    let (chunks, ()) = futures::join!(call, time);
    let text: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.unwrap().to_vec()).collect();
    let text = String::from_utf8(text).unwrap();
    let messages = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let messages = messages.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let told: Vec<f64> =
        messages.filter_map(|message| message["params"]["progress"].as_f64()).collect();
    assert_eq!(told, [10.0, 20.0, 30.0], "{text}");
}

#[tokio::test]
async fn a_second_request_of_one_id_is_refused_while_the_first_runs() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    let params = json!({ "name": "check_task", "arguments": check(json!({ "wait_seconds": 45 })) });
    let message = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
    let mut first = pin!(stack.reply(legacy("all", Some(&session), &message)));
    tokio::select! {
        _ = &mut first => panic!("it did not wait"),
        () = is_waiting(&stack) => {}
    }
    let second = stack.reply(legacy("all", Some(&session), &message)).await;
    assert_eq!((second.status, &second.json["id"]), (400, &json!(7)), "{second:?}");
    assert!(second.json["error"]["message"].as_str().unwrap().contains("an id of its own"));
    stack.tasks.change(1, completed("x"));
    assert_eq!(first.await.status, 200);
    let again = stack.reply(legacy("all", Some(&session), &message)).await;
    assert_eq!(again.status, 200, "it is over: {again:?}");
}
