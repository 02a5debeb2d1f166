//! What agents ask, told to a chat and answered by it.
use serde_json::json;

use super::fixture::*;
use crate::model::{Class, RequestKind, TaskState};

/// Task 1 asks this.
fn asking(kind: RequestKind) -> Stack {
    let stack = Stack::new();
    stack.tasks.asked.lock().unwrap().insert(id(1), vec![kind]);
    let request_id = request_id(1, 0);
    stack.tasks.change(1, TaskState::NeedsInput { started_at: NOW, request_id });
    stack
}

#[tokio::test]
async fn what_the_chat_may_approve_is_told_with_the_tool_that_does_it() {
    let stack = asking(permission("Write", Class::Write));
    let result = stack.call("all", "check_task", json!({ "task_id": id(1) })).await;
    let said = text(&result);
    assert!(said.starts_with("state=needs_input") && said.contains("next=answer_task"), "{said}");
    let request = &result["structuredContent"]["request"];
    assert_eq!((&request["class"], &request["may_approve"]), (&json!("write"), &json!("chat")));
    let arguments = json!({ "task_id": id(1), "decision": "approve" });
    let result = stack.call("all", "answer_task", arguments).await;
    assert!(text(&result).contains("allowed: Write something"), "{result}");
    assert_eq!(result["structuredContent"]["outcome"], "allowed");
    let by = format!("answer {} Approve by Chat", request_id(1, 0));
    assert!(stack.tasks.calls().iter().any(|call| call.starts_with(&by)));
}

#[tokio::test]
async fn questions_are_told_with_their_choices_and_answered_by_them() {
    let stack = asking(question());
    let result = stack.call("all", "check_task", json!({ "task_id": id(1) })).await;
    insta::assert_snapshot!(text(&result).lines().skip(4).collect::<Vec<_>>().join("\n"));
    let asked = &result["structuredContent"]["request"]["questions"][0];
    assert_eq!((&asked["several"], &asked["choices"][0]["label"]), (&json!(true), &json!("Red")));
    let arguments = json!({ "task_id": id(1), "answers": ["1"] });
    let result = stack.call("all", "answer_task", arguments).await;
    assert_eq!(result["structuredContent"]["outcome"], "answered");
}

#[tokio::test]
async fn a_plan_is_told_whole_and_the_owner_named() {
    let plan = RequestKind::Plan { plan: "1. a\n2. b\u{1b}[2J".into(), preview: "1. a".into() };
    let stack = asking(plan);
    let result = stack.call("all", "check_task", json!({ "task_id": id(1) })).await;
    insta::assert_snapshot!(text(&result).lines().skip(4).collect::<Vec<_>>().join("\n"));
    let arguments = json!({ "task_id": id(1), "decision": "approve" });
    let refused = stack.call("all", "answer_task", arguments).await;
    assert!(error(&refused).contains("only the owner"), "{refused}");
}

#[tokio::test]
async fn a_refusal_says_who_may_and_how() {
    let stack = asking(permission("Bash", Class::Exec));
    let arguments = json!({ "task_id": id(1), "decision": "approve" });
    let refused = stack.call("all", "answer_task", arguments).await;
    let said = error(&refused);
    assert!(said.contains("only the owner may approve what is exec"), "{said}");
    let (task, request) = (id(1), request_id(1, 0));
    let page = format!("hint: https://h.example/requests/{request} on a paired device, or ");
    let command = format!("{page}`gateway tasks approve {task} --request {request}`");
    assert!(said.contains(&command), "{said}");
}

#[tokio::test]
async fn answers_that_make_no_sense_are_told_apart() {
    let stack = Stack::new();
    for (arguments, words) in [
        (json!({ "task_id": id(4) }), "nothing is answered"),
        (
            json!({ "task_id": id(4), "decision": "approve", "message": "x" }),
            "goes with `decision` deny",
        ),
        (json!({ "task_id": id(4), "message": "x" }), "goes with `decision` deny"),
        (json!({ "task_id": id(4), "decision": "deny", "answers": ["x"] }), "exclude each other"),
        (json!({ "task_id": id(2), "decision": "deny" }), "asks more than one thing"),
        (
            json!({ "task_id": id(4), "request_id": request_id(2, 0), "decision": "deny" }),
            "has no request",
        ),
        (json!({ "task_id": id(4), "answers": [] }), "nothing is answered"),
        (json!({ "task_id": id(4), "answers": [""] }), "`answers` must be"),
        (json!({ "task_id": id(4), "answers": "x" }), "`answers` must be"),
        (
            json!({ "task_id": id(4), "request_id": "-x", "decision": "deny" }),
            "must be a request id",
        ),
        (json!({ "task_id": id(99), "decision": "deny" }), "there is no task"),
    ] {
        let result = stack.call("all", "answer_task", arguments.clone()).await;
        assert!(error(&result).contains(words), "{arguments}: {result}");
        assert!(error(&result).contains("hint: "), "{result}");
    }
    assert!(!stack.tasks.calls().iter().any(|call| call.starts_with("answer")));
}

#[tokio::test]
async fn only_a_caller_with_the_scope_and_the_project_answers() {
    let stack = Stack::new();
    let arguments = json!({ "task_id": id(6), "decision": "deny" });
    let observer = stack.rpc(
        "observer",
        "tools/call",
        json!({
            "name": "answer_task", "arguments": arguments,
        }),
    );
    assert_eq!(observer.await.status, 403);
    let held = stack.call("held", "answer_task", arguments).await;
    assert!(error(&held).contains("there is no task"), "{held}");
    assert!(!stack.tasks.calls().iter().any(|call| call.starts_with("answer")));
}
