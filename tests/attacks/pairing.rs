//! Pairing links and device cookies: previewed, raced, stolen, planted, kept after a loss.
use futures::future::join_all;
use gateway::gateway::admin::Call;
use serde_json::json;

use crate::harness::*;

/// Whoever looks at a link before, or instead of, the person it was meant for.
const BOTS: [&str; 8] = [
    "WhatsApp/2.23.20.0",
    "TelegramBot (like TwitterBot)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "facebookexternalhit/1.1",
    "Mozilla/5.0 (compatible; bingbot/2.0)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) SafeLinks",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1",
    "curl/8.5.0",
];

async fn paired_devices(gateway: &TestGateway) -> usize {
    gateway.call(Call::ListDevices).await["devices"].as_array().unwrap().len()
}

#[tokio::test]
async fn whoever_only_opens_the_link_pairs_nothing_and_uses_nothing_up() {
    let gateway = TestGateway::start().await;
    let pairing = gateway.pairing().await;
    let path = pairing.url.strip_prefix("https://h.example").unwrap();
    let bare = path.split('#').next().unwrap();
    for agent in BOTS {
        for method in ["GET", "HEAD", "OPTIONS"] {
            // Some send the fragment along, some make a query of it.
            for target in [
                bare.to_owned(),
                format!("{bare}?{}", pairing.token),
                format!("{bare}?token={}", pairing.token),
                format!("/pair?token={}", pairing.token),
                format!("/pair?code={}", pairing.code),
            ] {
                let ask = Ask::new(method, &target).header("user-agent", agent);
                let answer = gateway.send(ask.header("accept", "text/html")).await;
                assert!(!answer.has("set-cookie"), "{agent}: {method} {target}");
                assert_eq!(answer.location(), "", "{agent}: {method} {target}");
            }
        }
    }
    assert_eq!(paired_devices(&gateway).await, 0);
    let owner = gateway.send(Ask::post("/pair").form(&[("token", &pairing.token)])).await;
    assert_eq!(owner.status, 200);
}

#[tokio::test]
async fn the_link_never_travels_in_a_request_line() {
    let gateway = TestGateway::start().await;
    let pairing = gateway.pairing().await;
    assert_eq!(pairing.url, format!("https://h.example/mcp#{}", pairing.token));
    let ask = Ask::get(&format!("/mcp#{}", pairing.token));
    let status = gateway.try_send(&ask).await.map_or(400, |answer| answer.status);
    assert!(matches!(status, 400 | 401), "{status}");
    let in_query = Ask::post(&format!("/pair?token={}", pairing.token)).form(&[]);
    assert_eq!(gateway.send(in_query).await.status, 400);
    assert_eq!(paired_devices(&gateway).await, 0);
}

#[tokio::test]
async fn a_link_used_by_many_at_once_pairs_one_of_them() {
    let gateway = TestGateway::start().await;
    for round in 0..10 {
        let token = gateway.pairing().await.token;
        let tries = (0..16).map(|_| gateway.send(Ask::post("/pair").form(&[("token", &token)])));
        let answers = join_all(tries).await;
        let paired = answers.iter().filter(|answer| answer.has("set-cookie")).count();
        assert_eq!(paired, 1, "round {round}");
    }
}

#[tokio::test]
async fn a_code_typed_by_many_at_once_pairs_one_of_them() {
    let gateway = TestGateway::start().await;
    let code = gateway.pairing().await.code;
    let tries = (0..16).map(|_| gateway.send(Ask::post("/pair").form(&[("code", &code)])));
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.has("set-cookie")).count(), 1);
}

#[tokio::test]
async fn guesses_of_the_link_use_up_no_link() {
    let gateway = TestGateway::start().await;
    let pairing = gateway.pairing().await;
    for n in 0..500 {
        let guess = format!("{n:022}");
        let answer = gateway.send(Ask::post("/pair").form(&[("token", &guess)])).await;
        assert_eq!(answer.status, 410);
    }
    for near in
        [&pairing.token[..21], &format!("{}A", pairing.token), &pairing.token.to_lowercase()]
    {
        let answer = gateway.send(Ask::post("/pair").form(&[("token", near)])).await;
        assert_eq!(answer.status, 410, "{near}");
    }
    let owner = gateway.send(Ask::post("/pair").form(&[("token", &pairing.token)])).await;
    assert_eq!(owner.status, 200);
}

#[tokio::test]
async fn a_wrong_token_does_not_pass_with_a_right_code_nor_the_other_way_round() {
    let gateway = TestGateway::start().await;
    let pairing = gateway.pairing().await;
    let fields = [("token", "x"), ("code", pairing.code.as_str())];
    let answer = gateway.send(Ask::post("/pair").form(&fields)).await;
    assert_eq!(answer.status, 410);
    let twice = [("token", pairing.token.as_str()), ("token", "x")];
    gateway.send(Ask::post("/pair").form(&twice)).await.assert_refused("two tokens");
    for swapped in [("token", &pairing.code), ("code", &pairing.token)] {
        let fields = [(swapped.0, swapped.1.as_str())];
        gateway.send(Ask::post("/pair").form(&fields)).await.assert_refused("swapped");
    }
}

#[tokio::test]
async fn a_link_and_a_code_end_after_ten_minutes() {
    let gateway = TestGateway::start().await;
    let pairing = gateway.pairing().await;
    gateway.advance(600);
    let link = gateway.send(Ask::post("/pair").form(&[("token", &pairing.token)])).await;
    link.assert_refused("the link");
    let code = gateway.send(Ask::post("/pair").form(&[("code", &pairing.code)])).await;
    code.assert_refused("the code");
}

#[tokio::test]
async fn a_link_and_a_code_do_not_survive_a_restart() {
    let gateway = TestGateway::start().await;
    let pairing = gateway.pairing().await;
    let gateway = gateway.restart().await;
    let link = gateway.send(Ask::post("/pair").form(&[("token", &pairing.token)])).await;
    link.assert_refused("the link");
    let code = gateway.send(Ask::post("/pair").form(&[("code", &pairing.code)])).await;
    code.assert_refused("the code");
}

#[tokio::test]
async fn no_page_of_another_site_pairs_its_visitor() {
    let gateway = TestGateway::start().await;
    let token = gateway.pairing().await.token;
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("content-type", "text/plain"),
    ] {
        let mut ask = Ask::post("/pair").form(&[("token", &token)]);
        ask.headers.retain(|(it, _)| it != name);
        gateway.send(ask.header(name, value)).await.assert_refused(value);
    }
    assert_eq!(paired_devices(&gateway).await, 0);
}

#[tokio::test]
async fn a_device_cookie_opens_no_tool_and_buys_no_token() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let cookie = gateway.device().await;
    let value = cookie.split_once('=').unwrap().1;
    let call = modern("tools/list", json!({}));
    assert_eq!(gateway.send(call.clone().header("cookie", &cookie)).await.status, 401);
    assert_eq!(gateway.send(call.bearer(value)).await.status, 401);
    assert_eq!(gateway.refresh(&client, value).await.error(), "invalid_grant");
    assert_eq!(gateway.redeem(&client, value).await.error(), "invalid_grant");
    for target in ["/api/tasks", "/events", "/metrics", "/admin", "/status"] {
        let answer = gateway.send(Ask::get(target).header("cookie", &cookie)).await;
        assert_eq!(answer.status, 404, "{target}");
    }
}

#[tokio::test]
async fn a_cookie_planted_by_a_neighbour_is_nobodys() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let real = gateway.device().await;
    let value = real.split_once('=').unwrap().1;
    let changed = format!("__Host-gateway_device=gwd_{}", "A".repeat(43));
    for planted in [
        changed.clone(),
        "__Host-gateway_device=".to_owned(),
        "__Host-gateway_device=gwd_".to_owned(),
        format!("gateway_device={value}"),
        format!("__host-gateway_device={value}"),
        format!("__Secure-gateway_device={value}"),
        format!("x__Host-gateway_device={value}"),
        format!("__Host-gateway_device={value}x"),
        format!("__Host-gateway_device=\"{value}\""),
        format!("__Host-gateway_device={}", "gwd_".repeat(2_000)),
    ] {
        let ask = Ask::get(&gateway.query(&client, &[])).header("cookie", &planted);
        let page = gateway.send(ask).await;
        assert!(page.body.contains("name=\"code\""), "{}", &planted[..planted.len().min(60)]);
    }
}

#[tokio::test]
async fn the_cookie_of_the_public_name_counts_on_no_local_port() {
    let mut gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let cookie = gateway.device().await;
    gateway.host = gateway.address.to_string();
    gateway.origin = format!("http://{}", gateway.host);
    let page = gateway.send(Ask::get(&gateway.query(&client, &[])).header("cookie", &cookie)).await;
    assert!(page.body.contains("name=\"code\""), "{}", page.body);
    let paired = gateway.pairing().await;
    let answer = gateway.send(Ask::post("/pair").form(&[("token", &paired.token)])).await;
    assert_eq!((answer.status, answer.has("set-cookie")), (200, false));
}

#[tokio::test]
async fn the_cookie_is_kept_from_scripts_subdomains_and_plain_http() {
    let gateway = TestGateway::start().await;
    let token = gateway.pairing().await.token;
    let answer = gateway.send(Ask::post("/pair").form(&[("token", &token)])).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-"), "{cookie}");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.split("; ").any(|it| it == attribute), "{attribute}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn a_lost_phone_is_shut_out_at_its_next_tap() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let lost = gateway.device().await;
    gateway.advance(1); // devices are listed by their age
    let kept = gateway.device().await;
    let query = gateway.query(&client, &[]);
    let sealed = gateway.send(Ask::get(&query).header("cookie", &lost)).await.sealed();
    let devices = gateway.call(Call::ListDevices).await;
    let id = devices["devices"][0]["device_id"].as_str().unwrap().to_owned();
    gateway.call(Call::RevokeDevice { device: id }).await;
    let fields = [("request", sealed.as_str()), ("decision", "allow")];
    let tap = Ask::post("/authorize").form(&fields).header("cookie", &lost);
    gateway.send(tap).await.assert_refused("the lost phone's tap");
    let anew = gateway.send(Ask::get(&query).header("cookie", &lost)).await;
    assert!(anew.body.contains("name=\"code\""));
    let others = gateway.send(Ask::get(&query).header("cookie", &kept)).await;
    assert!(!others.body.contains("name=\"code\""), "the other phone still speaks for its owner");
}

#[tokio::test]
async fn the_secret_of_a_client_is_shown_to_nobody_who_has_only_the_cookie() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let cookie = gateway.device().await;
    let secret = client.secret.as_deref().unwrap();
    for target in ["/pair", "/mcp", &gateway.query(&client, &[])] {
        let ask = Ask::get(target).header("cookie", &cookie).header("accept", "text/html");
        assert!(!gateway.send(ask).await.body.contains(secret), "{target}");
    }
}
