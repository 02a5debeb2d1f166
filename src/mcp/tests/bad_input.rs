use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};

use super::fixture::*;

#[tokio::test]
async fn what_is_no_json_rpc_gets_a_precise_400_and_never_a_5xx() {
    let stack = Stack::new();
    let deep = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":{}1{}}}",
        "{\"a\":".repeat(9_000),
        "}".repeat(9_000)
    );
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        ("nonsense", -32700),
        ("\u{feff}{}", -32700),
        (deep.as_str(), -32600),
        ("[]", -32600),
        ("1", -32600),
        ("null", -32600),
        ("{}", -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#, -32600),
        (r#"{"jsonrpc":"2.0","id":{},"method":"x"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping"}"#, -32600),
    ] {
        let reply = stack.reply(post("all", body.to_owned())).await;
        assert_eq!(
            (reply.status, &reply.json["error"]["code"]),
            (400, &json!(code)),
            "{body:.80}: {reply:?}"
        );
        assert!(!reply.json["error"]["message"].as_str().unwrap().is_empty());
    }
    let invalid_utf8 = stack.reply(post("all", vec![b'{', b'"', 0xff, b'"', b'}'])).await;
    assert_eq!((invalid_utf8.status, &invalid_utf8.json["error"]["code"]), (400, &json!(-32700)));
}

#[tokio::test]
async fn another_content_type_is_415_and_a_charset_is_no_other_type() {
    let stack = Stack::new();
    for (content_type, status) in [
        (None, 415),
        (Some("text/plain"), 415),
        (Some("application/jsonx"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("application/json; charset=utf-8"), 200),
        (Some("Application/JSON"), 200),
    ] {
        let mut request = modern("all", "tools/list", json!({}));
        request.headers_mut().remove("content-type");
        if let Some(content_type) = content_type {
            request.headers_mut().insert("content-type", content_type.parse().unwrap());
        }
        let reply = stack.reply(request).await;
        assert_eq!(reply.status, status, "{content_type:?}: {reply:?}");
        assert!(reply.json["jsonrpc"] == "2.0");
    }
}

#[tokio::test]
async fn methods_that_the_endpoint_does_not_take_are_405_and_say_which_it_takes() {
    let stack = Stack::new();
    for method in [Method::PUT, Method::OPTIONS, Method::PATCH, Method::HEAD] {
        let request =
            Request::builder().method(&method).uri("/mcp").header("authorization", "Bearer all");
        let reply = stack.reply(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 405, "{method}");
        assert_eq!(reply.headers["allow"], "POST, GET, DELETE");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_announced_or_not() {
    let stack = Stack::new();
    let huge = "x".repeat((4 << 20) + 1);
    assert_eq!(stack.reply(post("all", huge.clone())).await.status, 413);
    let chunks = futures::stream::iter(vec![Ok::<_, std::io::Error>(huge)]);
    let reply = stack.reply(post("all", Body::from_stream(chunks))).await;
    assert_eq!((reply.status, &reply.json["error"]["code"]), (413, &json!(-32600)), "{reply:?}");
    let broken = futures::stream::iter(vec![Ok("{"), Err(std::io::Error::other("gone"))]);
    assert_eq!(stack.reply(post("all", Body::from_stream(broken))).await.status, 400);
}

#[tokio::test]
async fn params_of_the_wrong_shape_are_invalid_params_and_not_an_unknown_method() {
    let stack = Stack::new();
    for params in [
        json!({}),
        json!({ "name": 7 }),
        json!({ "name": "check_task", "arguments": "x" }),
        json!({ "name": "check_task", "arguments": [] }),
    ] {
        let reply = stack.rpc("all", "tools/call", params.clone()).await;
        assert!(reply.status < 500, "{params}: {reply:?}");
        let code = &reply.json["error"]["code"];
        assert!(*code == json!(-32602) || *code == json!(-32020), "{params}: {reply:?}");
    }
}

/// A call that is answered with what is wrong and what to do.
async fn assert_refused(stack: &Stack, tool: &str, arguments: Value, expected: &str) {
    let result = stack.call("all", tool, arguments.clone()).await;
    let said = error(&result);
    assert!(said.contains(expected), "{tool} {arguments:.100}:\n{said}");
    assert!(said.starts_with("error: ") && said.contains("\nhint: "), "{said}");
    assert!(said.len() < 2_000, "{} bytes", said.len());
}

#[tokio::test]
async fn wrong_arguments_about_files_and_work_are_refused_in_the_same_way() {
    let stack = Stack::new();
    for (tool, arguments, expected) in [
        ("apply_task", json!({ "task_id": id(2) }), "`action` is missing"),
        ("apply_task", json!({ "task_id": id(2), "action": "push" }), "one of merge, branch"),
        ("apply_task", json!({ "task_id": id(77), "action": "branch" }), "there is no task"),
        ("read_file", json!({}), "`path` is missing"),
        ("read_file", json!({ "path": "../../etc/passwd" }), "without .."),
        ("read_file", json!({ "path": "/etc/passwd" }), "relative to the project's root"),
        ("read_file", json!({ "path": "a\0b" }), "no control characters"),
        ("read_file", json!({ "path": "missing" }), "`missing` cannot be read: there is no such"),
        ("read_file", json!({ "path": "x", "project": "gamma" }), "there is no project `gamma`"),
        ("read_file", json!({ "path": "x", "line_start": 0 }), "a whole number from 1"),
        (
            "read_file",
            json!({ "path": "x", "line_start": 5, "line_end": 4 }),
            "`line_end` is before `line_start`",
        ),
        (
            "read_file",
            json!({ "path": "x", "task_id": id(2), "project": "alpha" }),
            "the task worked in beta, not in alpha",
        ),
    ] {
        assert_refused(&stack, tool, arguments, expected).await;
    }
}

#[tokio::test]
async fn wrong_arguments_are_error_results_that_say_what_is_wrong_and_what_to_do() {
    let stack = Stack::new();
    let long = "p".repeat(102_401);
    for (tool, arguments, expected) in [
        ("no_such_tool", json!({}), "there is no tool `no_such_tool`"),
        ("check_taks", json!({}), "did you mean `check_task`?"),
        ("../../etc", json!({}), "there is no tool"),
        ("start_task", json!({}), "`prompt` is missing"),
        ("start_task", json!({ "prompt": null }), "`prompt` is missing"),
        ("start_task", json!({ "prompt": 7 }), "`prompt` must be a text, not 7"),
        ("start_task", json!({ "prompt": "  \n" }), "`prompt` must be a text that is not empty"),
        (
            "start_task",
            json!({ "prompt": long }),
            "`prompt` has 102401 bytes, more than the 102400 allowed",
        ),
        ("start_task", json!({ "prompt": "a\0b" }), "without null characters"),
        ("start_task", json!({ "prompt": "x", "project": "alhpa" }), "did you mean `alpha`?"),
        (
            "start_task",
            json!({ "prompt": "x", "project": "--help" }),
            "there is no project `--help`",
        ),
        ("start_task", json!({ "prompt": "x", "project": "../x" }), "there is no project"),
        ("start_task", json!({ "prompt": "x", "executor": "cluade" }), "did you mean `claude`?"),
        (
            "start_task",
            json!({ "prompt": "x", "timeout_minutes": 0 }),
            "`timeout_minutes` must be a whole number from 1 to 1440",
        ),
        (
            "start_task",
            json!({ "prompt": "x", "wait_seconds": 46 }),
            "`wait_seconds` must be a whole number from 0 to 45",
        ),
        (
            "start_task",
            json!({ "prompt": "x", "plan_only": "yes" }),
            "`plan_only` must be true or false",
        ),
        ("start_task", json!({ "prompt": "x", "plan": true }), "did you mean `plan_only`?"),
        ("start_task", json!({ "prompt": "x", "--mcp-config": "{}" }), "there is no property"),
        ("start_task", json!({ "prompt": "refuse" }), "error: paused\nhint: resume"),
        ("check_task", json!({ "task_id": "-x" }), "`task_id` must be a task id"),
        ("check_task", json!({ "task_id": "--resume=x" }), "`task_id` must be a task id"),
        ("check_task", json!({ "task_id": "../../etc/passwd" }), "`task_id` must be a task id"),
        (
            "check_task",
            json!({ "task_id": format!("-{}", "0".repeat(25)) }),
            "`task_id` must be a task id",
        ),
        ("check_task", json!({ "task_id": id(77) }), "there is no task 00000000000000000000000077"),
        ("check_task", json!({ "task_id": id(1), "cursor": 10 }), "`cursor` must be the digits"),
        ("check_task", json!({ "task_id": id(1), "cursor": "-1" }), "`cursor` must be the digits"),
        ("check_task", json!({ "task_id": id(1), "output_lines": 201 }), "from 0 to 200"),
        ("get_result", json!({ "task_id": id(2), "format": "xml" }), "one of summary, full, json"),
        ("get_result", json!({ "task_id": id(2), "page": "99999999" }), "there is no such page"),
        ("list_tasks", json!({ "state": "done" }), "`state` must be one of queued"),
        ("list_tasks", json!({ "since": "yesterday" }), "a moment such as"),
        ("list_tasks", json!({ "project": "gamma" }), "there is no project `gamma`"),
        ("cancel_task", json!({ "task_id": "ALL" }), "or the word all"),
        ("cancel_task", json!({ "task_id": id(1), "revert": "yes" }), "must be true or false"),
        ("get_diff", json!({ "task_id": id(2), "path": "../../etc/passwd" }), "without .."),
        (
            "get_diff",
            json!({ "task_id": id(2), "path": "/etc/passwd" }),
            "relative to the project's root",
        ),
        (
            "get_diff",
            json!({ "task_id": id(2), "path": "--output=/tmp/x" }),
            "relative to the project's root",
        ),
        (
            "get_diff",
            json!({ "task_id": id(2), "path": ":(top)x" }),
            "relative to the project's root",
        ),
        (
            "get_diff",
            json!({ "task_id": id(2), "path": "unknown" }),
            "changed nothing at `unknown`",
        ),
        ("list_projects", json!({ "x": 1 }), "this tool takes no arguments"),
    ] {
        assert_refused(&stack, tool, arguments, expected).await;
    }
    let calls = stack.tasks.calls();
    assert!(
        !calls.iter().any(|call| call.starts_with("cancel") || call.contains("passwd")),
        "{calls:?}"
    );
}

#[tokio::test]
async fn what_breaks_inside_is_told_without_its_cause() {
    let stack = Stack::new();
    for prompt in ["broken", "panic"] {
        let result = stack.call("all", "start_task", json!({ "prompt": prompt })).await;
        let said = error(&result);
        assert!(
            !said.contains("sql") && !said.contains("/secret") && !said.contains("purpose"),
            "{said}"
        );
        assert!(said.contains("hint: try again"), "{said}");
    }
    // The endpoint lives on.
    stack.call("all", "list_projects", json!({})).await;
}

#[tokio::test]
async fn absolute_paths_of_the_workstation_are_in_no_answer() {
    let stack = Stack::new();
    for (tool, arguments) in [
        ("check_task", json!({ "task_id": id(1), "cursor": "1", "output_lines": 5 })),
        ("get_result", json!({ "task_id": id(2), "format": "full" })),
        ("get_result", json!({ "task_id": id(2), "format": "json" })),
        ("list_tasks", json!({})),
        ("list_projects", json!({})),
        ("get_diff", json!({ "task_id": id(2) })),
    ] {
        let result = stack.call("all", tool, arguments).await;
        assert!(!result.to_string().contains("/secret"), "{result}");
        assert!(!result.to_string().contains("\\u001b"), "{result}");
    }
}

#[tokio::test]
async fn a_null_stands_for_a_property_left_out() {
    let stack = Stack::new();
    let nulls = json!({ "prompt": "x", "project": null, "wait_seconds": null, "plan_only": null });
    let result = stack.call("all", "start_task", nulls).await;
    assert_eq!(result["isError"], Value::Bool(false), "{result}");
}
