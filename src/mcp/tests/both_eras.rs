use serde_json::{Value, json};

use super::fixture::*;
use super::sdk::SdkClient;
use crate::mcp::client::{Client, Era};

const TOOLS: [&str; 13] = [
    "start_task",
    "check_task",
    "get_result",
    "list_tasks",
    "answer_task",
    "cancel_task",
    "get_diff",
    "apply_task",
    "list_projects",
    "read_file",
    "whats_new",
    "get_logs",
    "push_session",
];

fn loopback() -> reqwest::Client {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// What both clients must see, ours and rmcp's.
macro_rules! a_client_works_in_both_eras {
    ($client:ty) => {
        for era in [Era::Legacy, Era::Modern] {
            let mut stack = Stack::new();
            let (server, url) = stack.serve().await;
            let client = <$client>::connect(loopback(), &url, "all", era).await.unwrap();
            assert_eq!(client.tools().await.unwrap(), TOOLS, "{era:?}");
            let call = arguments(json!({ "prompt": "do it", "project": "beta" }));
            let started = client.call("start_task", call).await.unwrap();
            assert!(!started.is_error, "{}", started.text);
            let first_line = format!("state=queued task={} next=check_task\n", id(9));
            assert!(started.text.starts_with(&first_line), "{}", started.text);
            let structured = started.structured.unwrap();
            assert_eq!(structured["task_id"], json!(id(9)));
            assert_eq!(structured["cursor"], "90");
            let call = arguments(json!({ "task_id": id(2) }));
            let result = client.call("get_result", call).await.unwrap();
            assert!(result.text.contains("All done.\nSee the diff."), "{}", result.text);
            let refused = client.call("get_result", arguments(json!({}))).await.unwrap();
            assert!(refused.is_error, "{}", refused.text);
            assert_eq!(stack.endpoint.sessions(), usize::from(era == Era::Legacy));
            client.close().await;
            assert_eq!(stack.endpoint.sessions(), 0);
            server.shutdown().await;
        }
    };
}

#[tokio::test]
async fn a_real_client_works_in_both_eras_over_a_real_socket() {
    a_client_works_in_both_eras!(SdkClient);
}

#[tokio::test]
async fn the_client_of_doctor_works_in_both_eras_over_a_real_socket() {
    a_client_works_in_both_eras!(Client);
}

#[tokio::test]
async fn a_refused_client_is_told_so_and_a_garbage_token_never_reaches_a_tool() {
    let mut stack = Stack::new();
    let (_server, url) = stack.serve().await;
    for era in [Era::Legacy, Era::Modern] {
        assert!(SdkClient::connect(loopback(), &url, "garbage", era).await.is_err());
        let error = Client::connect(loopback(), &url, "garbage", era).await.unwrap_err();
        assert!(error.to_string().contains("HTTP 401"), "{error}");
    }
    assert!(stack.tasks.calls().is_empty());
}

#[tokio::test]
async fn initialize_agrees_on_every_revision_that_has_it() {
    let stack = Stack::new();
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let reply = stack.reply(legacy("all", None, &initialize(asked))).await;
        assert_eq!(reply.status, 200, "{asked}: {reply:?}");
        let result = &reply.json["result"];
        assert_eq!(result["protocolVersion"], agreed);
        assert_eq!(result["serverInfo"]["name"], "gateway");
        assert_eq!(result["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(
            result["capabilities"],
            json!({ "resources": { "listChanged": true, "subscribe": true }, "tools": {} })
        );
        assert!(result["instructions"].as_str().unwrap().contains("check_task"));
        assert!(result.get("resultType").is_none(), "{result}");
    }
}

#[tokio::test]
async fn discover_declares_exactly_what_works() {
    let stack = Stack::new();
    let reply = stack.rpc("all", "server/discover", json!({})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let result = &reply.json["result"];
    assert_eq!(
        result["capabilities"],
        json!({ "resources": { "listChanged": true, "subscribe": true }, "tools": {} })
    );
    assert_eq!(result["resultType"], "complete");
    assert_eq!(result["cacheScope"], "private");
    assert!(result["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")));
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "gateway");
    for (method, params) in [
        ("prompts/list", json!({})),
        ("prompts/get", json!({ "name": "x" })),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "x" }, "argument": { "name": "a", "value": "b" } }),
        ),
        ("logging/setLevel", json!({ "level": "debug" })),
        ("tasks/get", json!({ "taskId": "x" })),
        ("initialize", json!({})),
        ("ping", json!({})),
        ("no/such", json!({})),
    ] {
        let mut request = modern("all", method, params.clone());
        if let Some(name) = params["taskId"].as_str() {
            request.headers_mut().insert("mcp-name", name.parse().unwrap());
        }
        let reply = stack.reply(request).await;
        assert_eq!(
            (reply.status, &reply.json["error"]["code"]),
            (404, &json!(-32601)),
            "{method}: {reply:?}"
        );
    }
}

#[tokio::test]
async fn every_accept_header_gets_an_answer_it_can_read() {
    let stack = Stack::new();
    let session = open_session(&stack, "all").await;
    let list = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/list" });
    for accept in [
        None,
        Some("application/json"),
        Some("*/*"),
        Some("text/html"),
        Some("application/json, text/event-stream"),
    ] {
        let reads_streams = accept.is_some_and(|accept| accept.contains("event-stream"));
        for (era, mut request) in [
            ("modern", modern("all", "tools/list", json!({}))),
            ("legacy", legacy("all", Some(&session), &list)),
            ("initialize", legacy("all", None, &initialize("2025-03-26"))),
        ] {
            request.headers_mut().remove("accept");
            if let Some(accept) = accept {
                request.headers_mut().insert("accept", accept.parse().unwrap());
            }
            let reply = stack.reply(request).await;
            assert_eq!(reply.status, 200, "{era} {accept:?}: {reply:?}");
            assert!(reply.json["result"].is_object(), "{era} {accept:?}: {reply:?}");
            let media_type = reply.headers["content-type"].to_str().unwrap();
            if !reads_streams {
                assert_eq!(media_type, "application/json", "{era} {accept:?}");
            }
            if era == "initialize" {
                assert!(reply.headers.contains_key("mcp-session-id"));
            }
        }
    }
}

#[tokio::test]
async fn the_tool_list_is_what_it_was() {
    let stack = Stack::new();
    let listed = stack.rpc("all", "tools/list", json!({})).await.json["result"]["tools"].clone();
    assert_eq!(
        listed,
        stack.rpc("observer", "tools/list", json!({})).await.json["result"]["tools"]
    );
    insta::assert_json_snapshot!("tools_list", listed);
    assert!(stack.tasks.calls().is_empty(), "no call of the engine for a list");
}

#[tokio::test]
async fn a_modern_peer_is_held_to_its_headers_and_a_legacy_one_gets_errors_in_band() {
    let stack = Stack::new();
    let mut request = modern("all", "tools/list", json!({}));
    request.headers_mut().insert("mcp-method", "tools/call".parse().unwrap());
    let reply = stack.reply(request).await;
    assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!(-32020)));
    let mut request = modern("all", "tools/list", json!({}));
    request.headers_mut().remove("mcp-protocol-version");
    assert_eq!(stack.reply(request).await.status, 400);

    let session = open_session(&stack, "all").await;
    let unknown = json!({ "jsonrpc": "2.0", "id": 5, "method": "no/such" });
    let reply = stack.reply(legacy("all", Some(&session), &unknown)).await;
    assert_eq!((reply.status, &reply.json["error"]["code"]), (200, &json!(-32601)), "{reply:?}");
    let ping = json!({ "jsonrpc": "2.0", "id": 5, "method": "ping" });
    let reply = stack.reply(legacy("all", Some(&session), &ping)).await;
    assert_eq!(reply.json["result"], json!({}), "{reply:?}");
}

#[tokio::test]
async fn an_unsupported_version_names_the_supported_ones() {
    let stack = Stack::new();
    let mut request = modern("all", "tools/list", json!({}));
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2099-01-01",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "t", "version": "1" },
    } } });
    *request.body_mut() = body.to_string().into();
    request.headers_mut().insert("mcp-protocol-version", "2099-01-01".parse().unwrap());
    let reply = stack.reply(request).await;
    assert_eq!((reply.status, &reply.json["error"]["code"]), (400, &json!(-32022)), "{reply:?}");
    let supported: &Value = &reply.json["error"]["data"]["supported"];
    assert!(supported.as_array().unwrap().contains(&json!("2026-07-28")));
}
