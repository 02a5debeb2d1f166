use http::{StatusCode, header};

use super::harness::*;
use crate::http::Origin;
use crate::web::{connect_page, wants_html};

fn accepting(accept: &str) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    headers.insert(header::ACCEPT, accept.parse().unwrap());
    headers
}

#[tokio::test]
async fn the_connect_page_is_still_a_401_with_the_challenge() {
    let gateway = TestGateway::start();
    let headers = accepting("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
    assert!(wants_html(&headers));
    assert!(!wants_html(&accepting("application/json, text/event-stream")));
    assert!(!wants_html(&accepting("*/*")));
    let answer = read(connect_page(&gateway.server, &gateway.origin, &headers)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.header(header::WWW_AUTHENTICATE).starts_with("Bearer resource_metadata="));
    assert!(answer.header(header::CONTENT_TYPE).starts_with("text/html"));
    assert!(answer.body.contains("replaceState"));
    let policy = answer.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn a_link_pairs_one_device_and_shows_the_credentials_once() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let token = gateway.server.pairings().open().url_fragment;
    let headers = [("user-agent", "Mozilla/5.0 (iPhone) Safari"), ("origin", "https://h.example")];
    let answer = gateway.post_with("/pair", &[("token", &token)], &headers).await;
    assert_eq!(answer.status, StatusCode::OK);
    let cookie = answer.header(header::SET_COOKIE);
    assert!(cookie.starts_with("__Host-gateway_device=gwd_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=7776000; Secure; HttpOnly; SameSite=Lax"));
    assert!(answer.body.contains(client.client.id.as_str()));
    assert!(answer.body.contains("secret-from-the-vault"));
    assert!(answer.body.contains(
        "https://claude.ai/customize/connectors?modal=add-custom-connector\
         &amp;connectorName=gateway&amp;connectorUrl=https%3A%2F%2Fh.example%2Fmcp"
    ));
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert!(!answer.body.contains(&token), "the token is nowhere on the page");

    let again = gateway.post("/pair", &[("token", &token)]).await;
    assert_eq!(again.status, StatusCode::GONE);
    assert!(again.body.contains("used already"));
    assert_eq!(again.header(header::SET_COOKIE), "");

    let device = &gateway.server.devices().unwrap()[0];
    assert_eq!(device.name, "Safari on iPhone");
    let later = gateway.get_with_cookie("/pair", &answer.cookie()).await;
    assert!(later.body.contains("This device is paired"));
    assert!(!later.body.contains("secret-from-the-vault"), "it is shown only once");
}

#[tokio::test]
async fn the_code_pairs_where_the_fragment_was_lost() {
    let gateway = TestGateway::start();
    let code = gateway.server.pairings().open().code;
    assert_eq!(gateway.post("/pair", &[("code", "0000-0000")]).await.status, StatusCode::FORBIDDEN);
    let answer = gateway.post("/pair", &[("code", &code.to_lowercase())]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(gateway.post("/pair", &[("code", &code)]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_paired_device_allows_the_static_client_with_one_tap() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let cookie = gateway.pair().await;
    let query = gateway.query(client.client.id.as_str(), &[]);
    let page = gateway.get_with_cookie(&query, &cookie).await;
    assert!(!page.body.contains("name=\"code\""), "no code is asked for");
    let sealed = page.sealed();
    let fields = [("request", sealed.as_str()), ("decision", "allow")];
    let without = gateway.post("/authorize", &fields).await;
    assert_eq!(without.status, StatusCode::FORBIDDEN, "the page alone proves nothing");
    let answer = gateway.post_with("/authorize", &fields, &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let without = gateway.post("/authorize", &fields).await;
    assert_eq!(without.status, StatusCode::FORBIDDEN, "nor does it after the device answered");
    let code = answer.sent("code").unwrap();
    Tokens::of(&gateway.redeem(&client, &code).await);
}

#[tokio::test]
async fn another_devices_cookie_does_not_answer_this_devices_page() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let (one, other) = (gateway.pair().await, gateway.pair().await);
    let query = gateway.query(client.client.id.as_str(), &[]);
    let sealed = gateway.get_with_cookie(&query, &one).await.sealed();
    let fields = [("request", sealed.as_str()), ("decision", "allow")];
    let answer = gateway.post_with("/authorize", &fields, &[("cookie", &other)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_revoked_or_old_device_is_a_strangers() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let cookie = gateway.pair().await;
    let query = gateway.query(client.client.id.as_str(), &[]);
    let sealed = gateway.get_with_cookie(&query, &cookie).await.sealed();
    let device = gateway.server.devices().unwrap()[0].id.clone();
    gateway.server.revoke_device(&device).await.unwrap();
    assert!(gateway.server.revoke_device(&device).await.is_err(), "it is gone already");
    let fields = [("request", sealed.as_str()), ("decision", "allow")];
    let answer = gateway.post_with("/authorize", &fields, &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let page = gateway.get_with_cookie(&query, &cookie).await;
    assert!(page.body.contains("name=\"code\""), "a code is asked for again");

    let cookie = gateway.pair().await;
    gateway.advance(90 * 24 * 3600);
    let page = gateway.get_with_cookie(&query, &cookie).await;
    assert!(page.body.contains("name=\"code\""));
}

#[tokio::test]
async fn a_pairing_survives_a_restart() {
    let gateway = TestGateway::start();
    gateway.mint().await;
    let cookie = gateway.pair().await;
    let page = gateway.restart().get_with_cookie("/pair", &cookie).await;
    assert!(page.body.contains("This device is paired"));
}

#[tokio::test]
async fn over_plain_http_no_device_is_paired_and_no_cookie_counts() {
    let mut gateway = TestGateway::start();
    let client = gateway.mint().await;
    let cookie = gateway.pair().await;
    gateway.origin = Origin::new("http", "127.0.0.1:8765");
    let token = gateway.server.pairings().open().url_fragment;
    let answer = gateway.post("/pair", &[("token", &token)]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(header::SET_COOKIE), "");
    assert!(answer.body.contains(client.client.id.as_str()), "the link opens the page, once");
    assert_eq!(gateway.post("/pair", &[("token", &token)]).await.status, StatusCode::GONE);
    assert_eq!(gateway.server.devices().unwrap().len(), 1, "the one of the https address");
    let code = gateway.server.pairings().open().code;
    let answer = gateway.post("/pair", &[("code", &code)]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let query = gateway.query(client.client.id.as_str(), &[]);
    let page = gateway.get_with_cookie(&query, &cookie).await;
    assert!(page.body.contains("name=\"code\""), "cookies of local ports are anybody's");
    let connect = gateway.get("/pair").await;
    assert!(connect.body.contains("http://127.0.0.1:8765/mcp"));
    assert!(!connect.body.contains("name=\"code\""));
}

#[tokio::test]
async fn no_other_site_pairs_itself() {
    let gateway = TestGateway::start();
    let token = gateway.server.pairings().open().url_fragment;
    let headers = [("origin", "https://evil.example")];
    let answer = gateway.post_with("/pair", &[("token", &token)], &headers).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(gateway.post("/pair", &[]).await.status, StatusCode::BAD_REQUEST);
    let own = [("origin", "null"), ("sec-fetch-site", "same-origin")];
    let answer = gateway.post_with("/pair", &[("token", &token)], &own).await;
    assert_eq!(answer.status, StatusCode::OK, "the refused form did not use the token");
}

#[tokio::test]
async fn the_pages_read_as_shown_here() {
    let mut gateway = TestGateway::start();
    gateway.mint().await;
    let main = |answer: &Answer| {
        let main = answer.body.split_once("<main>").unwrap().1.split_once("</main>").unwrap().0;
        main.replace('>', ">\n")
    };
    insta::assert_snapshot!("connect_https", main(&gateway.get("/pair").await));
    let token = gateway.server.pairings().open().url_fragment;
    let paired = gateway.post("/pair", &[("token", &token)]).await;
    insta::assert_snapshot!("paired", main(&paired));
    insta::assert_snapshot!("link_used", main(&gateway.post("/pair", &[("token", &token)]).await));
    gateway.origin = Origin::new("http", "localhost:8765");
    insta::assert_snapshot!("connect_local", main(&gateway.get("/pair").await));
    let token = gateway.server.pairings().open().url_fragment;
    insta::assert_snapshot!("local_page", main(&gateway.post("/pair", &[("token", &token)]).await));
}
