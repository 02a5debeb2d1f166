//! Floods: memory, tables, connections; and the owner, who signs in meanwhile.
use serde_json::json;

use crate::harness::*;

/// How much memory a flood may cost, however long it lasts.
#[cfg(target_os = "linux")]
const GROWTH_MAX: u64 = 8 << 20;

/// Requests of strangers, by default and as the requirement has it.
#[cfg(target_os = "linux")]
fn requests() -> u32 {
    let whole = std::env::var_os("GATEWAY_ATTACKS").is_some_and(|value| value == "whole");
    if whole { 100_000 } else { 5_000 }
}

/// Every kind of request that nobody has to sign in for; `n` makes each one different.
fn stranger(n: u32, client: &Client, sealed: &str) -> Ask {
    let text = format!("{n:08x}").repeat(8);
    let resource = "https%3A%2F%2Fh.example%2Fmcp";
    let authorize = format!(
        "/authorize?response_type=code&client_id={}&redirect_uri=http%3A%2F%2Flocalhost%3A4321%2F\
         callback&code_challenge={CHALLENGE}&code_challenge_method=S256&resource={resource}&state={}",
        client.id,
        text.repeat(20)
    );
    let initialize = json!({ "jsonrpc": "2.0", "id": n, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": text, "version": "1" } } });
    let token = [("grant_type", "authorization_code"), ("code", &*text), ("client_id", &client.id)];
    match n % 25 {
        0 => Ask::get("/mcp").bearer(&text.repeat(300)),
        1 => modern("tools/list", json!({})).bearer(&text),
        2 => legacy(&initialize),
        3 => legacy(&initialize).bearer(&text).header("mcp-session-id", &text),
        4 => Ask::post("/mcp").header("content-type", "application/json").body(vec![b' '; 60_000]),
        5 => Ask::get("/mcp").header("accept", "text/html"),
        6 => Ask::new("DELETE", "/mcp").header("mcp-session-id", &text),
        7 => Ask::get(&authorize),
        8 => {
            Ask::get(&format!("/authorize?client_id={text}&redirect_uri=https://evil.example/{n}"))
        }
        9 => Ask::post("/authorize").form(&[
            ("request", sealed),
            ("decision", "allow"),
            ("code", &text[..8]),
        ]),
        10 => Ask::post("/authorize").form(&[("request", &*text), ("decision", "deny")]),
        11 => Ask::post("/pair").form(&[("token", &text[..22])]),
        12 => Ask::post("/pair").form(&[("code", &text[..8])]),
        13 => Ask::get("/pair").header("cookie", &format!("__Host-gateway_device=gwd_{text}")),
        14 => Ask::post("/token").form(&token),
        15 => Ask::post("/token").form(&[("client_id", &text), ("client_secret", &text)]),
        16 => Ask::post("/token").form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &text),
            ("client_id", &client.id),
        ]),
        17 => Ask::post("/revoke").form(&[("token", &text), ("client_id", &client.id)]),
        18 => Ask::post("/register").json(&json!({ "redirect_uris": [text], "client_name": text })),
        19 => Ask::get("/.well-known/oauth-authorization-server"),
        20 => Ask::get(&format!("/{}", text.repeat(50))),
        21 => Ask::get("/healthz").header("host", &format!("{text}.example")),
        22 => Ask::post("/token").header("origin", &format!("https://{text}.example")),
        23 => Ask::get("/healthz").header("x-gateway-probe", &text[..40]),
        _ => Ask::new("OPTIONS", "/token").header("cookie", &text.repeat(100)),
    }
}

/// Every fourth request comes from an address of its own, the rest from a few.
fn address(n: u32) -> String {
    let own = if n.is_multiple_of(4) { n } else { n % 7 };
    std::net::Ipv4Addr::from_bits(0xcb00_0000 + own).to_string()
}

/// Sends the requests `from..to` over kept connections.
async fn flood(gateway: &TestGateway, client: &Client, from: u32, to: u32) {
    let sealed = gateway.page(client, &[]).await.sealed();
    let mut wire = gateway.wire().await;
    for n in from..to {
        let ask = stranger(n, client, &sealed).visitor(&address(n));
        wire.write(&ask.bytes(&gateway.host)).await;
        match wire.answer(false).await {
            Some(answer) => {
                assert!(answer.status < 500, "{ask:?}: {}", answer.body);
                if answer.header("connection") == "close" {
                    wire = gateway.wire().await;
                }
            }
            None => wire = gateway.wire().await,
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_requests_of_strangers_cost_no_memory_and_keep_the_owner_from_nothing() {
    let gateway = TestGateway::process("").await;
    let client = gateway.mint_public("one").await;
    let tokens = gateway.sign_in(&client).await;
    // What is made once, and the tables that have a bound, are there before it is measured.
    flood(&gateway, &client, 0, 1_000).await;
    let before = gateway.program().resident_bytes();
    let count = requests();
    let each = count / 4;
    let part = |n: u32| flood(&gateway, &client, 1_000 + n * each, 1_000 + (n + 1) * each);
    let owner = async {
        for _ in 0..5 {
            let anew = gateway.sign_in(&client).await;
            assert_eq!(gateway.knock(&anew.access).await, 200);
            assert_eq!(gateway.knock(&tokens.access).await, 200);
        }
    };
    tokio::join!(part(0), part(1), part(2), part(3), owner);
    let grown = gateway.program().resident_bytes().saturating_sub(before);
    assert!(grown <= GROWTH_MAX, "{count} requests made it grow by {} KiB", grown >> 10);
}

#[tokio::test]
async fn a_flood_stores_nothing() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint_public("one").await;
    let database = gateway.folder().join("state").join("gateway.db");
    let rows = || {
        let text = |path: &std::path::Path| std::fs::read(path).map_or(0, |bytes| bytes.len());
        text(&database) + text(&database.with_extension("db-wal"))
    };
    let before = rows();
    assert!(before > 0, "the database is at {}", database.display());
    flood(&gateway, &client, 0, 500).await;
    assert_eq!(rows(), before, "what a stranger asks is kept nowhere");
}

#[tokio::test]
async fn a_flood_of_every_kind_breaks_nothing_for_the_owner() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint_public("one").await;
    let tokens = gateway.sign_in(&client).await;
    let session = gateway.session(&tokens.access).await;
    let pairing = gateway.pairing().await;
    flood(&gateway, &client, 0, 500).await;
    assert_eq!(gateway.in_session(&tokens.access, &session).await, 200);
    assert_eq!(gateway.refresh(&client, &tokens.refresh).await.status, 200);
    let sealed = gateway.page(&client, &[]).await.sealed();
    assert_eq!(gateway.allow(&sealed, &pairing.code).await.status, 303);
}

#[tokio::test]
async fn abandoned_handshakes_leave_no_session() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let token = gateway.sign_in(&client).await.access;
    let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "t", "version": "1" } } });
    for n in 0..300 {
        let mut wire = gateway.wire().await;
        // The sender is gone before the answer comes.
        wire.write(&legacy(&initialize).bearer(&token).bytes(&gateway.host)).await;
        drop(wire);
        assert_eq!(gateway.send(legacy(&initialize)).await.status, 401, "{n}: and without a token");
    }
    let session = gateway.session(&token).await;
    assert_eq!(gateway.in_session(&token, &session).await, 200);
}

#[tokio::test]
async fn connections_that_say_nothing_do_not_keep_the_listener_for_themselves() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    for beginning in [
        "",
        "GET /healthz HTTP/1.1\r\nhost: h.example\r\n",
        "POST /token HTTP/1.1\r\nhost: h.example\r\ncontent-length: 99\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\nx",
    ] {
        let mut silent = Vec::new();
        for _ in 0..600 {
            let mut wire = gateway.wire().await;
            wire.write(beginning.as_bytes()).await;
            silent.push(wire);
        }
        let tokens = gateway.sign_in(&client).await;
        assert_eq!(gateway.knock(&tokens.access).await, 200, "{beginning}");
    }
}

#[tokio::test]
async fn visitors_who_say_nothing_do_not_keep_the_tunnel_for_themselves() {
    let gateway = TestGateway::tunnelled("").await;
    let mut silent = Vec::new();
    for n in 0..400 {
        let mut wire = gateway.wire().await;
        // The edge must know whom it is for; after that nothing comes any more.
        wire.write(format!("GET /{n} HTTP/1.1\r\nhost: {TUNNEL}\r\n").as_bytes()).await;
        silent.push(wire);
    }
    let client = gateway.mint("one").await;
    let tokens = gateway.sign_in(&client).await;
    assert_eq!(gateway.knock(&tokens.access).await, 200);
}
