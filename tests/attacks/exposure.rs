//! What is not there: nothing answers a stranger but MCP, sign-in and pairing.
use gateway::config::{Config, Overrides};
use gateway::gateway::admin::Call;
use serde_json::json;

use crate::harness::*;

/// What other programs of this kind, and careless deployments, answer under.
const ELSEWHERE: [&str; 44] = [
    "/api",
    "/api/tasks",
    "/api/config",
    "/api/exec",
    "/admin",
    "/admin/config.apply",
    "/config",
    "/config.toml",
    "/debug",
    "/debug/pprof/",
    "/events",
    "/events/stream",
    "/exec",
    "/shell",
    "/terminal",
    "/session",
    "/rpc",
    "/sse",
    "/ws",
    "/message",
    "/messages",
    "/metrics",
    "/status",
    "/health",
    "/logs",
    "/tasks",
    "/projects",
    "/clients",
    "/devices",
    "/secrets",
    "/reload",
    "/shutdown",
    "/introspect",
    "/userinfo",
    "/jwks.json",
    "/.well-known/jwks.json",
    "/.env",
    "/.git/config",
    "/gateway.db",
    "/state/gateway.db",
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "//etc/passwd",
    "/mcp/../../etc/passwd",
];

#[tokio::test]
async fn nothing_answers_but_what_is_meant_to() {
    let gateway = TestGateway::start().await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    let cookie = gateway.device().await;
    for target in ELSEWHERE {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let ask = Ask::new(method, target).bearer(&token).header("cookie", &cookie);
            let answer = gateway.send(ask).await;
            assert_eq!(answer.status, 404, "{method} {target}: {}", answer.body);
            assert!(!answer.body.contains("root:"), "{target}");
        }
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_around_its_guard() {
    let gateway = TestGateway::start().await;
    for target in [
        "/mcp/",
        "//mcp",
        "/./mcp",
        "/x/../mcp",
        "/%6dcp",
        "/MCP",
        "/mcp;x=1",
        "/mcp%2f",
        "/mcp%00",
        "/mcp#x",
        "/healthz/../mcp",
    ] {
        let mut ask = modern("tools/list", json!({}));
        target.clone_into(&mut ask.target);
        let status = gateway.try_send(&ask).await.map_or(400, |answer| answer.status);
        assert!(matches!(status, 400 | 401 | 404 | 405), "{target}: {status}");
    }
}

#[tokio::test]
async fn the_owners_calls_are_not_made_over_http() {
    let gateway = TestGateway::start().await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    let calls = ["pair", "list_clients", "mint_client", "reload", "cancel", "config/apply"];
    for call in calls {
        for target in ["/mcp", "/", "/admin"] {
            let message = json!({ "jsonrpc": "2.0", "id": 1, "method": call, "params": {} });
            let ask = Ask::post(target).json(&message).bearer(&token);
            let answer = gateway.send(ask.header("accept", "application/json")).await;
            let error = !answer.json()["error"].is_null();
            assert!(answer.status < 500 && error, "{target} {call}: {}", answer.body);
        }
        assert!(gateway.raw(format!("\"{call}\"\n\n")).await.is_none_or(|it| it.status == 400));
    }
    let clients = gateway.call(Call::ListClients).await;
    assert_eq!(clients["clients"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn no_tool_reads_or_writes_the_gateways_own_settings() {
    let gateway = TestGateway::start().await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    let tools = gateway.rpc(&token, "tools/list", json!({})).await.json();
    let tools = tools["result"]["tools"].as_array().unwrap();
    assert!(tools.len() >= 7, "{tools:?}");
    for tool in tools {
        let schema = tool["inputSchema"]["properties"].to_string();
        for word in
            ["\"command\"", "\"path_to", "cliPath", "\"env", "\"url\"", "\"cwd\"", "\"args\""]
        {
            assert!(!schema.contains(word), "{}: {schema}", tool["name"]);
        }
    }
}

#[test]
fn an_address_that_others_reach_is_not_listened_on_unasked() {
    let env = [("HOME".to_owned(), "/nonexistent".to_owned())].into();
    let load = |text: &str| {
        Config::load(None, Some(text), &env, &Overrides::new(std::path::Path::new("/")))
    };
    for address in ["0.0.0.0:1", "[::]:1", "192.168.0.1:1", "8.8.8.8:1"] {
        let text = format!("server.listen = \"{address}\"");
        load(&text).unwrap_err();
        load(&format!("{text}\nserver.allow_lan = true")).unwrap();
    }
    let default = load("").unwrap().config.server.listen.0;
    assert!(default.ip().is_loopback());
}

#[tokio::test]
async fn the_discovery_documents_name_nothing_that_is_not_there() {
    let gateway = TestGateway::start().await;
    let document = gateway.send(Ask::get("/.well-known/oauth-authorization-server")).await.json();
    for (name, value) in document.as_object().unwrap() {
        let Some(url) = value.as_str().filter(|_| name.ends_with("_endpoint")) else { continue };
        let path = url.strip_prefix("https://h.example").unwrap();
        assert_ne!(gateway.send(Ask::get(path)).await.status, 404, "{name}");
    }
    for absent in ["jwks_uri", "introspection_endpoint", "device_authorization_endpoint"] {
        assert!(document.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn the_admin_socket_and_all_that_is_kept_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    gateway.sign_in(&client).await;
    let mut folders = vec![gateway.folder().join("state"), gateway.folder().join("run")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", folder.display());
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            seen += 1;
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
        }
    }
    assert!(seen >= 3, "only {seen} files were looked at");
}
