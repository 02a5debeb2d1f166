//! Clients that a document describes, through the routes.
use http::StatusCode;

use super::harness::*;
use crate::auth::AuthSettings;
use crate::auth::document::tests::document;
use crate::model::{ClientId, Registration};

const CLAUDE: &str = "https://claude.ai/oauth/mcp-oauth-client-metadata";
const CLAUDE_CALLBACK: &str = "https://claude.ai/api/mcp/auth_callback";
const CLAUDE_CODE: &str = "https://claude.ai/oauth/claude-code-client-metadata";
const APP: &str = "https://app.example/client.json";

fn ask(gateway: &TestGateway, id: &str, callback: &str) -> String {
    gateway.query(id, &[("redirect_uri", Some(callback))])
}

/// Answers a page with the code of the terminal, as opened for it.
async fn allow(gateway: &TestGateway, page: &Answer) -> Answer {
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let code = gateway.server.pairings().open().code;
    gateway.allow(&page.sealed(), &code).await
}

async fn tap(gateway: &TestGateway, page: &Answer, cookie: &str) -> Answer {
    let sealed = page.sealed();
    let fields = [("request", sealed.as_str()), ("decision", "allow")];
    gateway.post_with("/authorize", &fields, &[("cookie", cookie)]).await
}

async fn redeem(gateway: &TestGateway, id: &str, callback: &str, code: &str) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", callback),
        ("code_verifier", VERIFIER),
        ("client_id", id),
    ];
    gateway.post("/token", &fields).await
}

async fn refresh(gateway: &TestGateway, id: &str, token: &str) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", id)];
    gateway.post("/token", &fields).await
}

fn main_of(page: &Answer) -> String {
    let text = page.body.replace(&page.sealed(), "SEALED");
    text.split_once("<main>").unwrap().1.replace('>', ">\n")
}

#[tokio::test]
async fn claude_connects_without_anything_typed_and_without_any_network() {
    let gateway = TestGateway::start();
    let metadata = gateway.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
    let cookie = gateway.pair().await;
    let page = gateway.get_with_cookie(&ask(&gateway, CLAUDE, CLAUDE_CALLBACK), &cookie).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    insta::assert_snapshot!(main_of(&page));
    let allowed = tap(&gateway, &page, &cookie).await;
    assert_eq!(allowed.status, StatusCode::SEE_OTHER, "{}", allowed.body);
    assert!(allowed.location().starts_with(CLAUDE_CALLBACK));
    let code = allowed.sent("code").unwrap();
    let tokens = Tokens::of(&redeem(&gateway, CLAUDE, CLAUDE_CALLBACK, &code).await);
    let request = gateway.check(&tokens.access).unwrap();
    assert_eq!(request.client_id.as_str(), CLAUDE);
    assert_eq!(gateway.server.clients().unwrap()[0].name, "Claude");
    gateway.server.flush_marks().await.unwrap();
    let stored = gateway.server.clients().unwrap().remove(0);
    assert_eq!(stored.registration, Registration::Document);
    assert_eq!(stored.last_used_at, Some(gateway.clock_now()));
    let next = Tokens::of(&refresh(&gateway, CLAUDE, &tokens.refresh).await);
    assert!(gateway.check(&next.access).is_ok());
    assert_eq!(gateway.network.gets(), 0);
}

#[tokio::test]
async fn nothing_is_stored_of_a_client_that_only_asks() {
    let gateway = TestGateway::start();
    let page = gateway.get(&ask(&gateway, CLAUDE, CLAUDE_CALLBACK)).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(gateway.server.clients().unwrap().is_empty());
    let refused = redeem(&gateway, CLAUDE, CLAUDE_CALLBACK, "gwc_x").await;
    assert_eq!(
        (refused.status, refused.error()),
        (StatusCode::UNAUTHORIZED, "invalid_client".into())
    );
}

#[tokio::test]
async fn a_first_grant_needs_the_code_or_the_window_and_later_ones_a_tap() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    gateway.advance(600);
    let query = ask(&gateway, CLAUDE_CODE, REDIRECT);
    let page = gateway.get_with_cookie(&query, &cookie).await;
    assert_eq!(tap(&gateway, &page, &cookie).await.status, StatusCode::BAD_REQUEST);
    let code = gateway.server.pairings().open().code;
    let sealed = page.sealed();
    let fields = [("request", sealed.as_str()), ("code", &code), ("decision", "allow")];
    let allowed = gateway.post_with("/authorize", &fields, &[("cookie", &cookie)]).await;
    assert_eq!(allowed.status, StatusCode::SEE_OTHER, "{}", allowed.body);
    gateway.advance(600);
    let page = gateway.get_with_cookie(&query, &cookie).await;
    assert!(page.body.contains("described by claude.ai; allowed before"), "{}", page.body);
    assert_eq!(tap(&gateway, &page, &cookie).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_unknown_host_is_read_only_in_the_window_and_remembered_once_allowed() {
    let gateway = TestGateway::start();
    gateway.network.publish(APP, &document(APP), "max-age=60");
    let query = ask(&gateway, APP, REDIRECT);
    let closed = gateway.get(&query).await;
    assert_eq!(closed.status, StatusCode::BAD_REQUEST);
    assert!(closed.body.contains("within ten minutes of `gateway pair`"), "{}", closed.body);
    assert_eq!(gateway.network.gets(), 0);
    let _window = gateway.server.pairings().open();
    let page = gateway.get(&query).await;
    insta::assert_snapshot!(main_of(&page));
    let code = allow(&gateway, &page).await.sent("code").unwrap();
    Tokens::of(&redeem(&gateway, APP, REDIRECT, &code).await);
    assert_eq!(gateway.network.gets(), 1);
    // Its document cannot be read any more, and need not be.
    gateway.advance(3600);
    let later = gateway.get(&query).await;
    assert!(later.body.contains("described by app.example; allowed before"), "{}", later.body);
    assert_eq!(allow(&gateway, &later).await.status, StatusCode::SEE_OTHER);
    assert_eq!(gateway.network.gets(), 1);
}

#[tokio::test]
async fn a_page_is_answered_by_what_it_showed_also_when_the_document_may_not_be_kept() {
    let gateway = TestGateway::start();
    gateway.network.publish(APP, &document(APP), "no-store");
    let _window = gateway.server.pairings().open();
    let page = gateway.get(&ask(&gateway, APP, REDIRECT)).await;
    gateway.advance(14 * 60);
    assert_eq!(allow(&gateway, &page).await.status, StatusCode::SEE_OTHER);
    assert_eq!(gateway.network.gets(), 1);
}

#[tokio::test]
async fn a_client_is_answered_only_where_its_document_says() {
    let gateway = TestGateway::start();
    for (id, callback) in [
        (CLAUDE, REDIRECT),
        (CLAUDE, "https://chatgpt.com/connector_platform_oauth_redirect"),
        (CLAUDE, "https://claude.ai/elsewhere"),
        (CLAUDE_CODE, "http://localhost:1/oauth/callback"),
        (CLAUDE_CODE, "https://evil.example/callback"),
    ] {
        let answer = gateway.get(&ask(&gateway, id, callback)).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{callback}");
        assert!(answer.body.contains("does not allow"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_revoked_client_comes_back_as_if_for_the_first_time_and_without_its_grants() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    let query = ask(&gateway, CLAUDE_CODE, REDIRECT);
    let sign_in = async || {
        let page = gateway.get(&query).await;
        let code = allow(&gateway, &page).await.sent("code").unwrap();
        Tokens::of(&redeem(&gateway, CLAUDE_CODE, REDIRECT, &code).await)
    };
    let id: ClientId = CLAUDE_CODE.parse().unwrap();
    for end in [true, false] {
        let tokens = sign_in().await;
        if end {
            gateway.server.revoke(&id).await.unwrap();
        } else {
            gateway.server.expire(&id, Some(gateway.clock_now())).await.unwrap();
        }
        assert!(gateway.check(&tokens.access).is_err());
        let refused = refresh(&gateway, CLAUDE_CODE, &tokens.refresh).await;
        assert_eq!(refused.error(), "invalid_client");
        gateway.advance(600);
        let page = gateway.get_with_cookie(&query, &cookie).await;
        assert!(page.body.contains("never allowed before"), "{}", page.body);
        assert_eq!(tap(&gateway, &page, &cookie).await.status, StatusCode::BAD_REQUEST);
        let again = sign_in().await;
        assert!(gateway.check(&again.access).is_ok());
        assert!(gateway.check(&tokens.access).is_err(), "what was ended stays ended");
        assert_eq!(refresh(&gateway, CLAUDE_CODE, &tokens.refresh).await.error(), "invalid_grant");
    }
}

#[tokio::test]
async fn a_client_revoked_while_its_page_is_open_is_not_let_in_by_a_tap() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    let query = ask(&gateway, CLAUDE_CODE, REDIRECT);
    let first = gateway.get(&query).await;
    assert_eq!(allow(&gateway, &first).await.status, StatusCode::SEE_OTHER);
    gateway.advance(600);
    let page = gateway.get_with_cookie(&query, &cookie).await;
    gateway.server.revoke(&CLAUDE_CODE.parse().unwrap()).await.unwrap();
    let answer = tap(&gateway, &page, &cookie).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""));
}

#[tokio::test]
async fn ids_that_only_look_like_documents_are_refused() {
    let gateway = TestGateway::start();
    let _window = gateway.server.pairings().open();
    for id in [
        "https://claude.ai:443/oauth/mcp-oauth-client-metadata",
        "https://CLAUDE.ai/oauth/mcp-oauth-client-metadata",
        "HTTPS://claude.ai/oauth/mcp-oauth-client-metadata",
        "https://claude.ai/oauth/../oauth/mcp-oauth-client-metadata",
        "https://claude.ai@evil.example/x",
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://router.local/x",
        "https://app.example:8443/x",
        "http://claude.ai/oauth/mcp-oauth-client-metadata",
    ] {
        let answer = gateway.get(&ask(&gateway, id, CLAUDE_CALLBACK)).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""), "{id}");
    }
    assert_eq!(gateway.network.gets(), 0);
}

#[tokio::test]
async fn a_document_that_lies_about_its_address_is_named_on_the_page() {
    let gateway = TestGateway::start();
    gateway.network.publish(APP, &document("https://other.example/client.json"), "max-age=60");
    let _window = gateway.server.pairings().open();
    let answer = gateway.get(&ask(&gateway, APP, REDIRECT)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("app.example is not valid: its client_id"), "{}", answer.body);
}

#[tokio::test]
async fn a_closed_way_is_refused_and_not_advertised() {
    let registration = vec![Registration::Static, Registration::Dynamic];
    let gateway = TestGateway::with(AuthSettings { registration, ..AuthSettings::default() });
    let metadata = gateway.get("/.well-known/oauth-authorization-server").await.json();
    assert!(metadata.get("client_id_metadata_document_supported").is_none());
    let answer = gateway.get(&ask(&gateway, CLAUDE, CLAUDE_CALLBACK)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.body.contains("does not take clients that register this way"));
}

#[tokio::test]
async fn what_was_allowed_survives_a_restart() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    let query = ask(&gateway, CLAUDE_CODE, REDIRECT);
    let page = gateway.get(&query).await;
    let code = allow(&gateway, &page).await.sent("code").unwrap();
    let tokens = Tokens::of(&redeem(&gateway, CLAUDE_CODE, REDIRECT, &code).await);
    let restarted = gateway.restart();
    assert!(restarted.check(&tokens.access).is_ok());
    let page = restarted.get_with_cookie(&query, &cookie).await;
    assert_eq!(tap(&restarted, &page, &cookie).await.status, StatusCode::SEE_OTHER);
}
