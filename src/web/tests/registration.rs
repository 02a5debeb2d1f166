//! Dynamic registration through the routes, from the first request to the last purge.
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::harness::*;
use crate::auth::AuthSettings;
use crate::model::{ClientId, Registration};

/// As Claude Code registers.
fn metadata() -> Value {
    json!({
        "client_name": "Claude Code (gateway)",
        "redirect_uris": ["http://localhost:9999/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
        "scope": "observe files run",
        "software_id": "claude-code",
        "contacts": ["a@example.org"],
    })
}

async fn registered(gateway: &TestGateway) -> String {
    let answer = gateway.register(&metadata()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    answer.json()["client_id"].as_str().unwrap().to_owned()
}

async fn page(gateway: &TestGateway, id: &str, cookie: &str) -> Answer {
    gateway.get_with_cookie(&gateway.query(id, &[]), cookie).await
}

async fn tap(gateway: &TestGateway, page: &Answer, cookie: &str) -> Answer {
    let sealed = page.sealed();
    let fields = [("request", sealed.as_str()), ("decision", "allow")];
    gateway.post_with("/authorize", &fields, &[("cookie", cookie)]).await
}

/// Exchanges a code, or tries to, as a public client does.
async fn redeem(gateway: &TestGateway, id: &str, code: &str) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("client_id", id),
    ];
    gateway.post("/token", &fields).await
}

fn waiting(gateway: &TestGateway) -> usize {
    let clients = gateway.server.clients().unwrap();
    clients.iter().filter(|it| it.registration == Registration::Dynamic).count()
}

#[tokio::test]
async fn a_client_registers_is_allowed_by_the_code_and_calls() {
    let gateway = TestGateway::start();
    let id = registered(&gateway).await;
    let page = gateway.get(&gateway.query(&id, &[])).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let code = gateway.server.pairings().open().code;
    let allowed = gateway.allow(&page.sealed(), &code).await;
    assert_eq!(allowed.status, StatusCode::SEE_OTHER, "{}", allowed.body);
    assert!(allowed.location().starts_with(REDIRECT), "the loopback port is free");
    let tokens = Tokens::of(&redeem(&gateway, &id, &allowed.sent("code").unwrap()).await);
    let id = gateway.check(&tokens.access).unwrap().client_id.clone();
    let clients = gateway.server.clients().unwrap();
    let known = clients.iter().find(|client| client.id == id).unwrap();
    assert_eq!(known.name, "Claude Code (gateway)");
    let stored = gateway.server.clients().unwrap().remove(0);
    assert_eq!(stored.approved_at, Some(gateway.clock_now()));
    assert_eq!(stored.expires_at, None, "what was allowed waits no more");
}

#[tokio::test]
async fn everything_is_told_back_and_nothing_is_cached() {
    let gateway = TestGateway::start();
    let answer = gateway.register(&metadata()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    let mut told = answer.json();
    let id = told["client_id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("gw_"), "{id}");
    told["client_id"] = "ID".into();
    insta::assert_json_snapshot!(told);
}

#[tokio::test]
async fn a_secret_is_made_only_for_who_asks_and_then_it_is_needed() {
    let gateway = TestGateway::start();
    let mut asks = metadata();
    asks["token_endpoint_auth_method"] = "client_secret_post".into();
    let told = gateway.register(&asks).await.json();
    assert_eq!(told["token_endpoint_auth_method"], "client_secret_post");
    assert_eq!(told["client_secret_expires_at"], 0);
    let secret = told["client_secret"].as_str().unwrap();
    let id = told["client_id"].as_str().unwrap();
    let page = gateway.get(&gateway.query(id, &[])).await;
    let code = gateway.server.pairings().open().code;
    let code = gateway.allow(&page.sealed(), &code).await.sent("code").unwrap();
    assert_eq!(redeem(&gateway, id, &code).await.error(), "invalid_client");
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("client_id", id),
        ("client_secret", secret),
    ];
    Tokens::of(&gateway.post("/token", &fields).await);
    // By default there is none.
    let mut silent = metadata();
    silent.as_object_mut().unwrap().remove("token_endpoint_auth_method");
    let told = gateway.register(&silent).await.json();
    assert_eq!(told["token_endpoint_auth_method"], "none");
    assert!(told.get("client_secret").is_none() && told.get("client_secret_expires_at").is_none());
}

#[tokio::test]
async fn refusals_are_precise_and_store_nothing() {
    let gateway = TestGateway::start();
    let mut evil = metadata();
    evil["redirect_uris"] = json!(["https://evil.example/cb"]);
    let answer = gateway.register(&evil).await;
    assert_eq!(
        (answer.status, answer.error()),
        (StatusCode::BAD_REQUEST, "invalid_redirect_uri".into())
    );
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    let answer = gateway.register_text("{").await;
    assert_eq!(answer.error(), "invalid_client_metadata");
    let answer = gateway.register_text(&format!("{{\"x\":\"{}\"}}", "x".repeat(16 * 1024))).await;
    assert_eq!(
        (answer.status, answer.error()),
        (StatusCode::PAYLOAD_TOO_LARGE, "invalid_client_metadata".into())
    );
    let answer = gateway.post("/register", &[("redirect_uris", REDIRECT)]).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let request = Request::builder().method(Method::OPTIONS).uri("/register");
    let preflight = gateway.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert_eq!(gateway.get("/register").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(waiting(&gateway), 0);
}

#[tokio::test]
async fn a_closed_way_is_refused_everywhere() {
    let registration = vec![Registration::Static, Registration::Document];
    let gateway = TestGateway::start();
    let id = registered(&gateway).await;
    let settings = AuthSettings { registration, ..AuthSettings::default() };
    gateway.server.set_settings(settings).unwrap();
    let answer = gateway.register(&metadata()).await;
    assert_eq!((answer.status, answer.error()), (StatusCode::FORBIDDEN, "access_denied".into()));
    let page = gateway.get(&gateway.query(&id, &[])).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.body.contains("does not take clients that register this way"), "{}", page.body);
    let document = gateway.get("/.well-known/oauth-authorization-server").await.json();
    assert!(document.get("registration_endpoint").is_none());
}

#[tokio::test]
async fn a_first_grant_needs_the_code_or_the_window_and_later_ones_a_tap() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    let id = registered(&gateway).await;
    let early = page(&gateway, &id, &cookie).await;
    assert!(early.body.contains("one tap is enough"), "the window of the pairing is open");
    gateway.advance(600);
    // Neither a page from within the window nor a fresh one gets by with a tap now.
    let refused = tap(&gateway, &early, &cookie).await;
    assert_eq!((refused.status, refused.location()), (StatusCode::BAD_REQUEST, ""));
    assert!(refused.body.contains("This app is new here"), "{}", refused.body);
    let shown = page(&gateway, &id, &cookie).await;
    assert!(shown.body.contains("name=\"code\""));
    assert_eq!(tap(&gateway, &shown, &cookie).await.status, StatusCode::BAD_REQUEST);
    let wrong =
        [("request", shown.sealed()), ("code", "0000-0000".into()), ("decision", "allow".into())];
    let wrong = wrong.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = gateway.post_with("/authorize", &wrong, &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(gateway.store.read(|tx| tx.count("codes")).unwrap(), 0);
    // The code of the terminal, twice: the second is the same answer.
    let code = gateway.server.pairings().open().code;
    let right = [("request", shown.sealed()), ("code", code), ("decision", "allow".into())];
    let right = right.each_ref().map(|(name, value)| (*name, value.as_str()));
    let one = gateway.post_with("/authorize", &right, &[("cookie", &cookie)]).await;
    let other = gateway.post_with("/authorize", &right, &[("cookie", &cookie)]).await;
    assert_eq!(one.status, StatusCode::SEE_OTHER, "{}", one.body);
    assert_eq!(one.location(), other.location());
    // From now on it was allowed before.
    gateway.advance(600);
    let again = page(&gateway, &id, &cookie).await;
    assert!(again.body.contains("registered itself; allowed before"), "{}", again.body);
    assert_eq!(tap(&gateway, &again, &cookie).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn within_the_window_one_tap_of_a_paired_device_is_enough() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    let id = registered(&gateway).await;
    let shown = page(&gateway, &id, &cookie).await;
    assert_eq!(tap(&gateway, &shown, &cookie).await.status, StatusCode::SEE_OTHER);
    // Without the device the window alone opens nothing.
    let shown = page(&gateway, &registered(&gateway).await, "a=b").await;
    assert_eq!(tap(&gateway, &shown, "a=b").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_client_is_answered_only_where_it_registered() {
    let gateway = TestGateway::start();
    let id = registered(&gateway).await;
    for uri in [
        "http://127.0.0.1:4321/callback",
        "http://localhost:4321/oauth/callback",
        "https://claude.ai/api/mcp/auth_callback",
    ] {
        let answer = gateway.get(&gateway.query(&id, &[("redirect_uri", Some(uri))])).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{uri}");
    }
}

#[tokio::test]
async fn what_nobody_allows_is_forgotten_after_a_day() {
    let gateway = TestGateway::start();
    let id = registered(&gateway).await;
    gateway.advance(24 * 3600 - 1);
    assert_eq!(gateway.get(&gateway.query(&id, &[])).await.status, StatusCode::OK);
    gateway.advance(1);
    assert_eq!(gateway.get(&gateway.query(&id, &[])).await.status, StatusCode::BAD_REQUEST);
    let refused = redeem(&gateway, &id, "gwc_x").await;
    assert_eq!(
        (refused.status, refused.error()),
        (StatusCode::UNAUTHORIZED, "invalid_client".into())
    );
    gateway.advance(1);
    registered(&gateway).await;
    assert_eq!(waiting(&gateway), 1, "its row is gone with the next registration");
}

#[tokio::test]
async fn a_client_that_is_purged_is_told_to_register_again() {
    let gateway = TestGateway::start();
    let id = registered(&gateway).await;
    let shown = gateway.get(&gateway.query(&id, &[])).await;
    let code = gateway.server.pairings().open().code;
    let code = gateway.allow(&shown.sealed(), &code).await.sent("code").unwrap();
    let tokens = Tokens::of(&redeem(&gateway, &id, &code).await);
    gateway.advance(89 * 24 * 3600);
    registered(&gateway).await;
    assert_eq!(waiting(&gateway), 2, "its grant lives");
    gateway.advance(2 * 24 * 3600);
    registered(&gateway).await;
    assert_eq!(waiting(&gateway), 1, "neither it nor its grant was used for ninety days");
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
        ("client_id", id.as_str()),
    ];
    let refused = gateway.post("/token", &fields).await;
    assert_eq!(
        (refused.status, refused.error()),
        (StatusCode::UNAUTHORIZED, "invalid_client".into())
    );
    assert!(gateway.check(&tokens.access).is_err());
}

#[tokio::test]
async fn a_flood_is_slowed_down_by_address_and_in_total() {
    let mut gateway = TestGateway::start();
    for _ in 0..10 {
        registered(&gateway).await;
    }
    let slowed = gateway.register(&metadata()).await;
    assert_eq!(
        (slowed.status, slowed.error()),
        (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable".into())
    );
    assert!(slowed.header(header::RETRY_AFTER).parse::<u64>().unwrap() >= 30);
    for n in 0..50_u32 {
        gateway.address = Some(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into());
        registered(&gateway).await;
    }
    gateway.address = Some("198.51.100.9".parse().unwrap());
    let slowed = gateway.register(&metadata()).await;
    assert_eq!(
        (slowed.status, slowed.header(header::RETRY_AFTER)),
        (StatusCode::TOO_MANY_REQUESTS, "2")
    );
    gateway.advance(1);
    registered(&gateway).await;
}

#[tokio::test]
async fn at_the_cap_the_oldest_that_waits_gives_way_and_none_that_was_allowed() {
    let gateway = TestGateway::start();
    let allowed = registered(&gateway).await;
    let shown = gateway.get(&gateway.query(&allowed, &[])).await;
    let code = gateway.server.pairings().open().code;
    assert_eq!(gateway.allow(&shown.sealed(), &code).await.status, StatusCode::SEE_OTHER);
    let first = registered(&gateway).await;
    let body = metadata().to_string();
    for _ in 0..998 {
        gateway.server.register(body.as_bytes()).await.unwrap();
        gateway.clock.advance(std::time::Duration::from_millis(1));
    }
    assert_eq!(waiting(&gateway), 1_000);
    gateway.server.register(body.as_bytes()).await.unwrap();
    // Two at the cap at once: each takes one place.
    let (one, other) = tokio::join!(
        gateway.server.register(body.as_bytes()),
        gateway.server.register(body.as_bytes())
    );
    assert_eq!(waiting(&gateway), 1_001, "a thousand that wait, and the one that was allowed");
    let known = |id: &str| {
        let id: ClientId = id.parse().unwrap();
        gateway.store.read(|tx| tx.client(&id)).unwrap().is_some()
    };
    assert!(known(&allowed) && !known(&first));
    for answer in [one, other] {
        assert!(known(answer.unwrap()["client_id"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn a_client_pushed_out_while_its_page_is_open_gets_nothing() {
    let gateway = TestGateway::start();
    let id = registered(&gateway).await;
    let shown = gateway.get(&gateway.query(&id, &[])).await;
    let body = metadata().to_string();
    for _ in 0..1_000 {
        gateway.clock.advance(std::time::Duration::from_millis(1));
        gateway.server.register(body.as_bytes()).await.unwrap();
    }
    let code = gateway.server.pairings().open().code;
    let answer = gateway.allow(&shown.sealed(), &code).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""));
    assert_eq!(gateway.store.read(|tx| tx.count("codes")).unwrap(), 0);
}

#[tokio::test]
async fn a_name_that_steers_is_shown_harmless_and_as_unverified() {
    let gateway = TestGateway::start();
    let mut posing = metadata();
    posing["client_name"] = "<b>Claude\u{202e}</b>\n\u{200b} by  Anthropic".into();
    let told = gateway.register(&posing).await.json();
    assert_eq!(told["client_name"], "<b>Claude</b> by Anthropic");
    let shown = gateway.get(&gateway.query(told["client_id"].as_str().unwrap(), &[])).await;
    let text = shown.body.replace(&shown.sealed(), "SEALED");
    insta::assert_snapshot!(text.split_once("<main>").unwrap().1.replace('>', ">\n"));
}

#[tokio::test]
async fn a_revoked_client_is_told_to_register_again() {
    let gateway = TestGateway::start();
    let id = registered(&gateway).await;
    gateway.server.revoke(&id.parse().unwrap()).await.unwrap();
    let refused = redeem(&gateway, &id, "gwc_x").await;
    assert_eq!(
        (refused.status, refused.error()),
        (StatusCode::UNAUTHORIZED, "invalid_client".into())
    );
}
