//! Messages nobody would send, through the whole stack: never a 5xx, and nothing is started.
use axum::body::Body;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::fixture::*;

/// Any JSON, with a liking for the words of the protocol.
fn json_value() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("2.0".to_owned()),
        Just("tools/call".to_owned()),
        Just("tools/list".to_owned()),
        Just("initialize".to_owned()),
        Just("server/discover".to_owned()),
        Just("ping".to_owned()),
        Just("notifications/cancelled".to_owned()),
        Just("check_task".to_owned()),
        Just("2026-07-28".to_owned()),
        Just("2025-06-18".to_owned()),
        Just(id(1).to_string()),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("jsonrpc"),
        Just("id"),
        Just("method"),
        Just("params"),
        Just("name"),
        Just("arguments"),
        Just("_meta"),
        Just("protocolVersion"),
        Just("capabilities"),
        Just("clientInfo"),
        Just("io.modelcontextprotocol/protocolVersion"),
        Just("io.modelcontextprotocol/clientCapabilities"),
        Just("requestId"),
        Just("task_id"),
        Just("result"),
        Just("error"),
    ];
    leaf.prop_recursive(4, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key.clone(), inner, 0..6).prop_map(|map| {
                Value::Object(
                    map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>(),
                )
            }),
        ]
    })
}

/// A message whose envelope is right, so that what is odd reaches further in.
fn message() -> impl Strategy<Value = Value> {
    (json_value(), json_value(), any::<u8>()).prop_map(|(method, params, shape)| {
        let methods = ["tools/call", "tools/list", "initialize", "server/discover", "ping"];
        match shape % 4 {
            0 => json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }),
            1 => json!({ "jsonrpc": "2.0", "id": 1, "method": methods[usize::from(shape) % 5], "params": params }),
            2 => json!({ "jsonrpc": "2.0", "method": methods[usize::from(shape) % 5], "params": params }),
            _ => json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
                         "params": { "name": "check_task", "arguments": params } }),
        }
    })
}

fn status_of(body: Vec<u8>, version: Option<&'static str>, with_session: bool) -> u16 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stack = Stack::new();
        let mut request = post("all", Body::from(body));
        if let Some(version) = version {
            request.headers_mut().insert("mcp-protocol-version", version.parse().unwrap());
        }
        if with_session {
            let session = open_session(&stack, "all").await;
            request.headers_mut().insert("mcp-session-id", session.parse().unwrap());
        }
        let status = stack.send(request).await.status().as_u16();
        let started = stack.tasks.calls().iter().any(|call| call.starts_with("start"));
        assert!(!started, "a task was started");
        status
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_message_makes_a_5xx(
        message in prop_oneof![message(), json_value()],
        version in prop_oneof![Just(None), Just(Some("2025-06-18")), Just(Some("2026-07-28"))],
        with_session: bool,
    ) {
        let status = status_of(message.to_string().into_bytes(), version, with_session);
        prop_assert!(status < 500, "{status} for {message}");
    }

    #[test]
    fn no_bytes_make_a_5xx(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let status = status_of(bytes, None, false);
        prop_assert!((400..500).contains(&status), "{status}");
    }
}
