//! Limits on rates: got around by forged addresses, turned against the owner.
use serde_json::json;

use crate::harness::*;

/// Headers by which proxies name their visitor.
const ADDRESS_HEADERS: [&str; 10] = [
    "x-forwarded-for",
    "x-real-ip",
    "forwarded",
    "cf-connecting-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "fastly-client-ip",
    "x-originating-ip",
    "ngrok-client-ip",
];

/// How many of these requests are answered by 429.
async fn refused(gateway: &TestGateway, asks: impl IntoIterator<Item = Ask>) -> usize {
    let mut refused = 0;
    for ask in asks {
        let answer = gateway.send(ask).await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
            refused += 1;
        }
    }
    refused
}

#[tokio::test]
async fn no_header_buys_another_bucket_on_the_loopback_listener() {
    for name in ADDRESS_HEADERS {
        let gateway =
            TestGateway::local("limits.requests_per_minute = 60\nlimits.burst = 5\n").await;
        let asks = (0..30).map(|n| Ask::get("/mcp").header(name, &format!("203.0.113.{n}")));
        assert_eq!(refused(&gateway, asks).await, 25, "{name}");
    }
}

#[tokio::test]
async fn what_a_visitor_claims_buys_no_other_bucket_behind_the_owners_proxy() {
    let gateway = TestGateway::limited(60, 5).await;
    // The proxy appends whom it really saw.
    let asks = (0..30).map(|n| Ask::get("/mcp").visitor(&format!("203.0.113.{n}, 198.51.100.7")));
    assert_eq!(refused(&gateway, asks).await, 25);
    let twice = (0..30).map(|n| {
        let forged = Ask::get("/mcp").visitor(&format!("203.0.113.{n}"));
        forged.visitor("198.51.100.8")
    });
    assert_eq!(refused(&gateway, twice).await, 25);
    assert_eq!(refused(&gateway, [Ask::get("/mcp").visitor("198.51.100.9")]).await, 0);
}

#[tokio::test]
async fn no_other_header_than_the_proxys_own_is_believed() {
    for name in &ADDRESS_HEADERS[1..] {
        let gateway = TestGateway::limited(60, 5).await;
        let asks = (0..30).map(|n| {
            Ask::get("/mcp").visitor("198.51.100.7").header(name, &format!("203.0.113.{n}"))
        });
        assert_eq!(refused(&gateway, asks).await, 25, "{name}");
    }
}

#[tokio::test]
async fn no_header_buys_another_bucket_through_the_tunnel() {
    let gateway =
        TestGateway::tunnelled("limits.requests_per_minute = 60\nlimits.burst = 40\n").await;
    for name in ADDRESS_HEADERS {
        // What is left over from getting ready is used up by the first of them.
        let asks = (0..50).map(|n| Ask::get("/mcp").header(name, &format!("203.0.113.{n}")));
        assert!(refused(&gateway, asks).await >= 10, "{name}");
    }
}

#[tokio::test]
async fn made_up_tokens_buy_no_bucket() {
    let gateway = TestGateway::limited(60, 5).await;
    let asks =
        (0..30).map(|n| Ask::get("/mcp").visitor("198.51.100.7").bearer(&format!("gwa_{n:043}")));
    assert_eq!(refused(&gateway, asks).await, 25);
}

#[tokio::test]
async fn sessions_cookies_and_clients_buy_no_bucket() {
    let gateway = TestGateway::limited(60, 5).await;
    for (n, name) in ["mcp-session-id", "cookie", "user-agent", "origin"].iter().enumerate() {
        let asks = (0..30).map(|m| {
            let value = if *name == "origin" { "https://claude.ai".into() } else { format!("{m}") };
            Ask::get("/mcp").visitor(&format!("198.51.100.{n}")).header(name, &value)
        });
        assert_eq!(refused(&gateway, asks).await, 25, "{name}");
    }
}

#[tokio::test]
async fn one_line_of_ipv6_is_one_visitor() {
    let gateway = TestGateway::limited(60, 5).await;
    let asks = (0..30).map(|n| Ask::get("/mcp").visitor(&format!("2001:db8:1:2::{n:x}")));
    assert_eq!(refused(&gateway, asks).await, 25);
    let mapped = (0..30).map(|n| {
        let address = if n % 2 == 0 { "198.51.100.7" } else { "::ffff:198.51.100.7" };
        Ask::get("/mcp").visitor(address)
    });
    assert_eq!(refused(&gateway, mapped).await, 25);
}

#[tokio::test]
async fn a_visitor_who_used_up_everything_holds_up_nobody_else() {
    let gateway = TestGateway::limited(60, 30).await;
    let client = gateway.mint("one").await;
    let token = {
        let code = gateway.code(&client).await;
        Tokens::of(&gateway.redeem(&client, &code).await).access
    };
    assert_eq!(gateway.knock(&token).await, 200);
    let strangers = |n: u8| Ask::get("/authorize?client_id=x").visitor(&format!("203.0.113.{n}"));
    for n in 0..20 {
        refused(&gateway, (0..40).map(|_| strangers(n))).await;
    }
    assert_eq!(refused(&gateway, [strangers(0)]).await, 1);
    // Her token has a bucket of its own, also from where the stranger is.
    let owners = modern("tools/list", json!({})).bearer(&token).visitor("203.0.113.1");
    assert_eq!(gateway.send(owners).await.status, 200);
    assert_eq!(refused(&gateway, [Ask::get("/pair").visitor("198.51.100.7")]).await, 0);
}

#[tokio::test]
async fn what_strangers_do_through_the_proxy_holds_up_nobody_at_the_machine() {
    let mut gateway = TestGateway::limited(60, 20).await;
    // A proxy that names nobody: all its visitors are one.
    assert!(refused(&gateway, (0..60).map(|_| Ask::get("/pair"))).await >= 40);
    gateway.host = gateway.address.to_string();
    gateway.origin = format!("http://{}", gateway.host);
    let client = gateway.mint("one").await;
    let tokens = gateway.sign_in(&client).await;
    assert_eq!(gateway.knock(&tokens.access).await, 200);
}

#[tokio::test]
async fn guesses_of_the_consent_code_are_slow_whatever_route_they_take() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let mut looked_at = 0;
    for n in 0..60 {
        let guess = format!("{n:04}-0000");
        let ask = if n % 2 == 0 {
            Ask::post("/pair").form(&[("code", &guess)])
        } else {
            let sealed = gateway.page(&client, &[]).await.sealed();
            let fields = [("request", &*sealed), ("code", &*guess), ("decision", "allow")];
            Ask::post("/authorize").form(&fields)
        };
        looked_at += usize::from(gateway.send(ask.visitor("203.0.113.7")).await.status == 403);
    }
    assert_eq!(looked_at, 6, "both routes share one brake");
}

#[tokio::test]
async fn a_thousand_guessing_visitors_leave_the_owner_her_ways_in() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let cookie = gateway.device().await;
    let pairing = gateway.pairing().await;
    for n in 0..1_000_u32 {
        let visitor = format!("10.{}.{}.1", n / 250, n % 250);
        gateway.send(Ask::post("/pair").form(&[("code", "0000-0000")]).visitor(&visitor)).await;
    }
    // A paired device, and the link for another one, meet no brake.
    let query = gateway.query(&client, &[]);
    let sealed = gateway.send(Ask::get(&query).header("cookie", &cookie)).await.sealed();
    let fields = [("request", sealed.as_str()), ("decision", "allow")];
    let tap = Ask::post("/authorize").form(&fields).header("cookie", &cookie);
    assert_eq!(gateway.send(tap).await.status, 303);
    let link = gateway.send(Ask::post("/pair").form(&[("token", &pairing.token)])).await;
    assert_eq!(link.status, 200);
}
