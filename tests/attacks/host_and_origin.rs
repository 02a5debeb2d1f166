//! DNS rebinding, foreign pages, and names that do not belong to the way in: on every way in.
use serde_json::json;

use crate::harness::*;

/// One address of every kind of route.
const TARGETS: [&str; 12] = [
    "/",
    "/mcp",
    "/authorize?client_id=x",
    "/token",
    "/revoke",
    "/register",
    "/pair",
    "/healthz",
    "/nothing",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/openid-configuration",
];

/// Names that a page may give itself, for an address with this port.
fn foreign_names(port: u16) -> Vec<String> {
    vec![
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("localhost.:{port}"),
        format!("local host:{port}"),
        format!("127.0.0.1:{port}.evil.example"),
        format!("0.0.0.0:{port}"),
        format!("[::]:{port}"),
        format!("192.168.0.1:{port}"),
        "h.example.evil.example".to_owned(),
        "h.example:8443".to_owned(),
        "x.h.example".to_owned(),
        "127.0.0.1:1".to_owned(),
        "localhost".to_owned(),
        format!("user@127.0.0.1:{port}"),
        format!("127.0.0.1:{port}/x"),
        format!("127.0.0.1:{port}@evil.example"),
        "*".to_owned(),
    ]
}

async fn assert_no_name_but_its_own(gateway: &TestGateway) {
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    let port = gateway.address.port();
    for name in foreign_names(port) {
        for target in TARGETS {
            for method in ["GET", "POST", "OPTIONS"] {
                let ask = Ask::new(method, target).header("host", &name).bearer(&token);
                let status = gateway.try_send(&ask).await.map_or(400, |answer| answer.status);
                assert!(matches!(status, 400 | 421), "{method} {target} as {name}: {status}");
            }
        }
    }
    assert_eq!(gateway.knock(&token).await, 200);
}

#[tokio::test]
async fn a_rebound_name_reaches_no_route_of_the_loopback_listener() {
    let gateway = TestGateway::local("limits.burst = 100000\n").await;
    assert_no_name_but_its_own(&gateway).await;
}

#[tokio::test]
async fn a_rebound_name_reaches_no_route_behind_the_owners_proxy() {
    assert_no_name_but_its_own(&TestGateway::start().await).await;
}

#[tokio::test]
async fn a_rebound_name_reaches_no_route_through_the_tunnel() {
    let gateway = TestGateway::tunnelled("limits.burst = 100000\n").await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    let port = gateway.address.port();
    // The edge looks at the first request of a connection only: what follows may name anybody.
    for name in foreign_names(port).into_iter().chain([
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        "127.0.0.1".to_owned(),
        PUBLIC.to_owned(),
    ]) {
        for target in TARGETS {
            let mut wire = gateway.wire().await;
            wire.write(&Ask::get("/healthz").bytes(TUNNEL)).await;
            assert_eq!(wire.answer(false).await.unwrap().status, 200);
            wire.write(&Ask::post(target).header("host", &name).bearer(&token).bytes("")).await;
            let status = wire.answer(false).await.map_or(400, |answer| answer.status);
            assert!(matches!(status, 400 | 421), "{target} as {name}: {status}");
        }
    }
}

#[tokio::test]
async fn the_tunnels_name_is_worth_nothing_on_the_loopback_listener() {
    let mut gateway = TestGateway::tunnelled("").await;
    let client = gateway.mint("one").await;
    let tokens = gateway.sign_in(&client).await;
    // Another user of this machine, who pretends to have come through the tunnel.
    gateway.edge = None;
    for target in TARGETS {
        assert_eq!(gateway.send(Ask::get(target)).await.status, 421, "{target}");
    }
    let ask = modern("tools/list", json!({})).bearer(&tokens.access);
    assert_eq!(gateway.send(ask).await.status, 421);
}

#[tokio::test]
async fn what_came_through_the_tunnel_does_not_pass_for_local() {
    let gateway = TestGateway::tunnelled("").await;
    let client = gateway.mint("one").await;
    let page = gateway.page(&client, &[]).await;
    assert!(page.body.contains("through the tunnel"), "{}", page.body);
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("x-forwarded-host", "127.0.0.1"),
    ] {
        let page = gateway.send(Ask::get(&gateway.query(&client, &[])).header(name, value)).await;
        assert!(page.body.contains("through the tunnel"), "{name}");
    }
}

#[tokio::test]
async fn a_request_has_one_name() {
    let gateway = TestGateway::start().await;
    for head in [
        "GET /healthz HTTP/1.1\r\nhost: h.example\r\nhost: evil.example\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: h.example\r\nhost: h.example\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: evil.example\r\nhost: h.example\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.0\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost:\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nhost: h.example, evil.example\r\n\r\n",
        "GET http://evil.example/healthz HTTP/1.1\r\nhost: h.example\r\n\r\n",
        "GET http://h.example/healthz HTTP/1.1\r\nhost: evil.example\r\n\r\n",
        "GET http://h.example@evil.example/healthz HTTP/1.1\r\nhost: h.example\r\n\r\n",
        "CONNECT evil.example:443 HTTP/1.1\r\nhost: h.example\r\n\r\n",
        "CONNECT h.example:443 HTTP/1.1\r\nhost: h.example\r\n\r\n",
    ] {
        let status = gateway.raw(head).await.map_or(400, |answer| answer.status);
        assert!((400..500).contains(&status), "{head}: {status}");
    }
}

#[tokio::test]
async fn a_foreign_page_calls_no_route() {
    let gateway = TestGateway::start().await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    let port = gateway.address.port();
    for origin in [
        "https://evil.example",
        "http://h.example",
        "https://h.example.evil.example",
        "https://h.example:8443",
        "https://xh.example",
        "null",
        "",
        "file://",
        "chrome-extension://abcdef",
        "https://claude.ai.evil.example",
        "http://claude.ai",
        &format!("http://127.0.0.1:{port}"),
        "http://localhost:3000",
    ] {
        for target in TARGETS {
            for method in ["GET", "POST", "OPTIONS"] {
                let ask = Ask::new(method, target).header("origin", origin).bearer(&token);
                let status = gateway.send(ask).await.status;
                assert_eq!(status, 403, "{method} {target} from {origin:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_on_another_local_port_sees_no_page_of_the_owner() {
    let gateway = TestGateway::local("").await;
    for origin in ["http://localhost:3000", "http://127.0.0.1:1", "http://[::1]:8080"] {
        for target in ["/authorize?client_id=x", "/pair", "/healthz", "/"] {
            let answer = gateway.send(Ask::get(target).header("origin", origin)).await;
            assert_eq!(answer.status, 403, "{target} from {origin}");
        }
        let answer = gateway.send(Ask::post("/mcp").header("origin", origin)).await;
        assert_eq!(answer.status, 401, "a token is needed all the same");
        assert!(!answer.has("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn no_page_reads_what_a_cookie_or_a_token_opens() {
    let gateway = TestGateway::start().await;
    for target in ["/mcp", "/authorize?client_id=x", "/pair", "/healthz", "/revoke", "/"] {
        for origin in ["https://claude.ai", "https://h.example", "https://evil.example"] {
            for method in ["GET", "POST", "OPTIONS"] {
                let ask = Ask::new(method, target)
                    .header("origin", origin)
                    .header("access-control-request-method", "POST")
                    .header("access-control-request-headers", "authorization")
                    .header("access-control-request-private-network", "true");
                let answer = gateway.send(ask).await;
                let shared =
                    answer.headers.iter().find(|(name, _)| name.starts_with("access-control-"));
                assert_eq!(shared, None, "{method} {target} from {origin}");
            }
        }
    }
}

#[tokio::test]
async fn what_every_page_may_read_never_takes_a_cookie() {
    let gateway = TestGateway::start().await;
    for target in ["/token", "/.well-known/oauth-authorization-server"] {
        for method in ["GET", "POST", "OPTIONS"] {
            let ask = Ask::new(method, target).header("origin", "https://claude.ai");
            let answer = gateway.send(ask).await;
            // Never the origin that asks: then a browser would want to know about cookies too.
            let shared = answer.header("access-control-allow-origin");
            assert!(matches!(shared, "" | "*"), "{method} {target}: {shared}");
            assert!(!answer.has("access-control-allow-credentials"), "{method} {target}");
            assert!(!answer.has("access-control-allow-private-network"), "{method} {target}");
        }
    }
}

#[tokio::test]
async fn two_origins_or_a_vouching_header_of_the_attackers_help_nobody() {
    let gateway = TestGateway::start().await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    let call = modern("tools/list", json!({})).bearer(&token);
    let both = |one: &str, two: &str| call.clone().header("origin", one).header("origin", two);
    for ask in [
        both("https://h.example", "https://evil.example"),
        both("https://evil.example", "https://h.example"),
        both("https://h.example", "https://h.example"),
        call.clone().header("origin", "null").header("sec-fetch-site", "cross-site"),
        call.clone()
            .header("origin", "https://evil.example")
            .header("sec-fetch-site", "same-origin"),
    ] {
        assert_eq!(gateway.send(ask.clone()).await.status, 403, "{ask:?}");
    }
}

#[tokio::test]
async fn no_connection_is_upgraded() {
    let gateway = TestGateway::start().await;
    for target in ["/mcp", "/", "/ws", "/events", "/pair"] {
        let ask = Ask::get(target)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let answer = gateway.send(ask).await;
        assert!(matches!(answer.status, 200 | 401 | 404), "{target}: {}", answer.status);
        assert!(!answer.has("upgrade") && !answer.has("sec-websocket-accept"), "{target}");
    }
    for protocol in ["h2c", "TLS/1.0"] {
        let ask = Ask::get("/healthz")
            .header("connection", "upgrade, http2-settings")
            .header("upgrade", protocol)
            .header("http2-settings", "AAMAAABkAAQAAP__");
        assert_eq!(gateway.send(ask).await.status, 200, "{protocol}");
    }
}

#[tokio::test]
async fn a_page_is_not_told_by_its_address_where_to_connect() {
    let gateway = TestGateway::start().await;
    for path in ["/mcp", "/pair"] {
        for name in ["gatewayUrl", "url", "server", "host", "token", "code", "client_id"] {
            let target = format!("{path}?{name}=https://evil.example/%22%3E%3Cscript%3E");
            let answer = gateway.send(Ask::get(&target).header("accept", "text/html")).await;
            assert!(!answer.body.contains("evil.example"), "{target}");
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'"), "nothing is connected to: {policy}");
            assert!(!policy.contains("connect-src"), "{policy}");
        }
    }
}
