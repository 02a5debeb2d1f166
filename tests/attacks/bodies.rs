//! Requests that two readers read in two ways, and bodies made to be too much.
use serde_json::json;

use crate::harness::*;

/// A request that would list the tools, to hide behind another one.
fn smuggled(token: &str) -> String {
    String::from_utf8(modern("tools/list", json!({})).bearer(token).bytes(PUBLIC)).unwrap()
}

#[tokio::test]
async fn no_contradictory_framing_hides_a_second_request() {
    let gateway = TestGateway::start().await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    let hidden = smuggled(&token);
    let length = hidden.len();
    for framing in [
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n".to_owned(),
        format!("content-length: 0\r\ncontent-length: {length}\r\n\r\n"),
        format!("content-length: {length}\r\ncontent-length: 0\r\n\r\n"),
        format!("content-length: 0, {length}\r\n\r\n"),
        format!("content-length: +{length}\r\n\r\n"),
        "content-length: -1\r\n\r\n".to_owned(),
        "content-length: 0x0\r\n\r\n".to_owned(),
        "content-length: 99999999999999999999\r\n\r\n".to_owned(),
        "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n".to_owned(),
        "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n".to_owned(),
        "transfer-encoding: identity\r\n\r\n".to_owned(),
        "transfer-encoding : chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "transfer-encoding: chunked\r\n\r\n-1\r\n\r\n".to_owned(),
        "transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n".to_owned(),
        "transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n".to_owned(),
        "x: y\r\n transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n".to_owned(),
    ] {
        let first = format!("POST /token HTTP/1.1\r\nhost: {PUBLIC}\r\n{framing}");
        let mut wire = gateway.wire().await;
        wire.write(format!("{first}{hidden}").as_bytes()).await;
        let answer = wire.answer(false).await;
        assert!(answer.as_ref().is_none_or(|it| (400..500).contains(&it.status)), "{framing}");
        let rest = wire.rest().await;
        assert!(!rest.contains("\"tools\""), "{framing:?} hid a request: {rest}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_answered_by_400_or_silence() {
    let gateway = TestGateway::start().await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: h.example\r\n\r\n", "x".repeat(40_000));
    for bytes in [
        "hello gateway\r\n\r\n",
        "GET /mcp\r\n\r\n",
        "GET /mcp HTTP/9.9\r\nhost: h.example\r\n\r\n",
        "GET /mcp HTTP/1.1\nhost: h.example\nx\n\n",
        "GET  /mcp HTTP/1.1\r\nhost: h.example\r\n\r\n",
        "GET /m\u{0}cp HTTP/1.1\r\nhost: h.example\r\n\r\n",
        "GET /mcp HTTP/1.1\r\nhost: h.example\r\nx\u{0}y: z\r\n\r\n",
        "GET /mcp HTTP/1.1\r\nhost: h.example\r\nx: a\u{0}b\r\n\r\n",
        "GET /mcp HTTP/1.1\r\nhost: h.example\r\n: z\r\n\r\n",
        "GET /mcp HTTP/1.1\r\nhost: h.example\r\n x: folded\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n",
        "\"list_clients\"\n",
        "GET http:///mcp HTTP/1.1\r\nhost: h.example\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: h.example\r\n\r\n",
        &long,
    ] {
        // Some of these are the beginning of something: the end tells that there is no more.
        let status = gateway.raw(format!("{bytes}\r\n\r\n")).await.map_or(400, |it| it.status);
        assert!((400..500).contains(&status), "{}: {status}", &bytes[..bytes.len().min(80)]);
    }
    assert_eq!(gateway.send(Ask::get("/healthz")).await.status, 200);
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let gateway = TestGateway::start().await;
    for (what, headers) in [
        ("one header of 40 KB", format!("x: {}\r\n", "y".repeat(40_000))),
        ("1,000 headers", "x: y\r\n".repeat(1_000)),
        ("a name of 40 KB", format!("{}: y\r\n", "x".repeat(40_000))),
    ] {
        let head = format!("GET /mcp HTTP/1.1\r\nhost: {PUBLIC}\r\n{headers}\r\n");
        let status = gateway.raw(head).await.map_or(431, |answer| answer.status);
        assert!(matches!(status, 400 | 431), "{what}: {status}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let gateway = TestGateway::start().await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    let form = "application/x-www-form-urlencoded";
    for (target, content_type, announced) in [
        ("/token", form, 65 << 10),
        ("/revoke", form, 65 << 10),
        ("/authorize", form, 65 << 10),
        ("/pair", form, 65 << 10),
        ("/register", "application/json", 65 << 10),
        ("/mcp", "application/json", 5 << 20),
        ("/mcp", "application/json", usize::MAX / 2),
    ] {
        let ask = Ask::post(target)
            .bearer(&token)
            .header("content-type", content_type)
            .header("content-length", &announced.to_string());
        // Not one byte of the body is sent.
        let answer = gateway.raw(ask.bytes(PUBLIC)).await.unwrap();
        assert_eq!(answer.status, 413, "{target}: {announced}");
    }
}

#[tokio::test]
async fn a_body_that_nobody_announced_ends_where_it_is_too_large() {
    let gateway = TestGateway::start().await;
    let chunk = format!("4000\r\n{}\r\n", "a".repeat(0x4000));
    for (target, limit) in [("/token", 64 << 10), ("/pair", 64 << 10), ("/authorize", 64 << 10)] {
        let mut wire = gateway.wire().await;
        let ask = Ask::post(target)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("transfer-encoding", "chunked");
        wire.write(&ask.bytes(PUBLIC)).await;
        for _ in 0..=limit / 0x4000 {
            wire.write(chunk.as_bytes()).await;
        }
        let answer = wire.answer(false).await.unwrap();
        assert_eq!(answer.status, 413, "{target}");
    }
}

#[tokio::test]
async fn a_stranger_is_refused_without_his_body_being_read() {
    let gateway = TestGateway::start().await;
    let ask = Ask::post("/mcp")
        .header("content-type", "application/json")
        .header("content-length", "4000000");
    let mut wire = gateway.wire().await;
    wire.write(&ask.bytes(PUBLIC)).await;
    let answer = wire.head().await.unwrap();
    assert_eq!(answer.status, 401, "not one byte of the four millions was sent");
    assert_eq!(answer.header("connection"), "close");
}

#[tokio::test]
async fn a_packed_body_is_not_unpacked() {
    let gateway = TestGateway::start().await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, gzip"] {
        let mut ask = modern("tools/list", json!({})).bearer(&token);
        // The beginning of a gzip stream; what it would become matters to nobody.
        ask.body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        let answer = gateway.send(ask.header("content-encoding", coding)).await;
        assert!((400..500).contains(&answer.status), "{coding}: {}", answer.status);
    }
}

#[tokio::test]
async fn depth_breadth_and_size_of_json_break_nothing() {
    let gateway = TestGateway::start().await;
    let token = gateway.sign_in(&gateway.mint("one").await).await.access;
    let in_params = |text: &str| {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{text}}}")
    };
    for (what, text) in [
        ("deep lists", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        ("deep objects", in_params(&format!("{}1{}", "{\"a\":".repeat(9_000), "}".repeat(9_000)))),
        ("open lists", "[".repeat(200_000)),
        ("a long number", in_params(&"9".repeat(100_000))),
        ("a great exponent", in_params("{\"a\":1e999999999}")),
        ("100,000 keys", {
            let keys: Vec<_> = (0..100_000).map(|n| format!("\"k{n}\":0")).collect();
            in_params(&format!("{{{}}}", keys.join(",")))
        }),
        ("a batch of thousands", format!("[{}0]", "{},".repeat(10_000))),
        ("half a surrogate", in_params("{\"a\":\"\\ud800\"}")),
    ] {
        let mut ask = modern("tools/list", json!({})).bearer(&token);
        ask.body = text.into_bytes();
        let answer = gateway.send(ask).await;
        assert!((200..500).contains(&answer.status), "{what}: {}", answer.status);
    }
    assert_eq!(gateway.knock(&token).await, 200);
}

#[tokio::test]
async fn a_form_of_thousands_of_fields_is_refused() {
    let gateway = TestGateway::start().await;
    let body = "a=1&".repeat(3_000);
    for target in ["/token", "/revoke", "/pair", "/authorize"] {
        let ask = Ask::post(target)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.clone());
        assert!((400..500).contains(&gateway.send(ask).await.status), "{target}");
    }
    let query = format!("/authorize?{}", "a=1&".repeat(100));
    assert_eq!(gateway.send(Ask::get(&query)).await.status, 400);
}

#[tokio::test]
async fn two_content_types_are_none() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let tokens = gateway.sign_in(&client).await;
    for target in ["/token", "/revoke", "/pair", "/authorize"] {
        let ask = Ask::post(target).form(&[("token", &tokens.access)]);
        let ask = ask.header("content-type", "application/json");
        assert_eq!(gateway.send(ask).await.status, 415, "{target}");
    }
}
