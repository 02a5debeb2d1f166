use http::{StatusCode, header};
use serde_json::json;

use super::harness::*;
use crate::auth::NewToken;
use crate::http::Origin;
use crate::model::Scopes;
use crate::trace::{Obstacle, Page, Step};

/// The trace as lines: `✓` before a name says that the owner stands behind it.
fn lines(page: &Page) -> String {
    let line = |entry: &crate::trace::Entry| {
        let who = entry.who.as_ref().map_or("somebody", |who| who.name.as_str());
        let mark = if entry.proven { "✓ " } else { "" };
        format!("{}: {mark}{who} {}\n", entry.step.name(), entry.step)
    };
    page.entries.iter().map(line).collect()
}

/// Registers a public client of this name; its id.
async fn registered(gateway: &TestGateway, name: &str) -> String {
    let answer =
        gateway.register(&json!({ "client_name": name, "redirect_uris": [REDIRECT] })).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    answer.json()["client_id"].as_str().unwrap().to_owned()
}

async fn redeemed(gateway: &TestGateway, id: &str, code: &str, verifier: &str) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", verifier),
        ("client_id", id),
    ];
    gateway.post("/token", &fields).await
}

/// Allows the request of `query` with the code of the terminal; the authorization code.
async fn allowed(gateway: &TestGateway, query: &str) -> String {
    let page = gateway.get(query).await;
    let code = gateway.server.pairings().open().code;
    gateway.allow(&page.sealed(), &code).await.sent("code").unwrap()
}

#[tokio::test]
async fn every_step_of_a_sign_in_is_traced() {
    let gateway = TestGateway::start();
    gateway.get("/.well-known/oauth-protected-resource/mcp").await;
    gateway.get("/.well-known/oauth-authorization-server").await;
    let id = registered(&gateway, "Codex").await;
    let code = allowed(&gateway, &gateway.query(&id, &[])).await;
    let tokens = Tokens::of(&redeemed(&gateway, &id, &code, VERIFIER).await);
    let request = gateway.check(&tokens.access).unwrap();
    request.trace.listed(8);
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
        ("client_id", id.as_str()),
    ];
    gateway.post("/token", &fields).await;
    insta::assert_snapshot!("every_step", lines(&gateway.server.trace().after(None)));
}

#[tokio::test]
async fn every_refusal_on_the_way_is_traced_with_its_reason_and_nothing_secret() {
    let gateway = TestGateway::start();
    let id = registered(&gateway, "Codex").await;
    gateway.register(&json!({ "redirect_uris": ["https://evil.example/?token=hidden"] })).await;
    gateway.get("/authorize?client_id=unknown").await;
    gateway.get(&gateway.query(&id, &[("redirect_uri", Some("https://evil.example/x"))])).await;
    gateway.get(&gateway.query(&id, &[("code_challenge", None)])).await;
    // What differs in an anonymous step is told again after a while.
    gateway.advance(10);
    let page = gateway.get(&gateway.query(&id, &[])).await;
    for _ in 0..3 {
        gateway.allow(&page.sealed(), "0000-0000").await;
    }
    let page = gateway.get(&gateway.query(&id, &[])).await;
    let sealed = page.sealed();
    gateway.post("/authorize", &[("request", &sealed), ("decision", "deny")]).await;
    let code = allowed(&gateway, &gateway.query(&id, &[])).await;
    redeemed(&gateway, &id, &code, "another-verifier-of-forty-three-characters!").await;
    let client = gateway.mint().await;
    let wrong = [("client_secret", Some("gws_wrong"))];
    gateway.redeem_with(&client, "gwc_none", &wrong).await;
    gateway.redeem(&client, "gwc_none").await;
    let told = lines(&gateway.server.trace().after(None));
    for secret in ["hidden", "gws_", "gwc_", "verifier-of", &code, &sealed, "0000-0000"] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
    insta::assert_snapshot!("every_refusal", told);
}

#[tokio::test]
async fn a_token_at_another_address_and_one_that_has_ended_are_told_apart() {
    let mut gateway = TestGateway::start();
    let client = gateway.mint().await;
    let tokens = gateway.sign_in(&client).await;
    gateway.origin = Origin::new("https", "new.example");
    let challenge = gateway.check(&tokens.access).unwrap_err();
    assert_eq!(challenge.obstacle(), None, "it is told under its client's name");
    assert!(challenge.www_authenticate().ends_with("error=\"invalid_token\""));
    let last = |gateway: &TestGateway| {
        gateway.server.trace().after(None).entries.last().unwrap().step.to_string()
    };
    assert!(last(&gateway).contains("issued at another address"), "{}", last(&gateway));
    gateway.origin = Origin::new("https", "h.example");
    gateway.server.revoke(&client.client.id).await.unwrap();
    gateway.check(&tokens.access).unwrap_err();
    assert!(last(&gateway).contains("its grant was revoked or has run out"), "{}", last(&gateway));
}

#[tokio::test]
async fn an_access_token_that_ran_out_asks_nothing_of_the_owner_while_its_grant_lives() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let tokens = gateway.sign_in(&client).await;
    gateway.check(&tokens.access).unwrap().trace.listed(8);
    let last = || gateway.server.trace().connections().remove(0).last.step;
    gateway.advance(24 * 3600);
    gateway.check(&tokens.access).unwrap_err();
    assert_eq!(last(), Step::CallRefused(Obstacle::Outdated));
    assert!(!last().hint().unwrap().contains("connect again"));
    let renewed = Tokens::of(&gateway.refresh(&client, &tokens.refresh).await);
    assert_eq!(last(), Step::ToolsListed { count: 8 });
    // An old one that is still about, and the new one.
    gateway.advance(1);
    gateway.check(&tokens.access).unwrap_err();
    assert_eq!(last(), Step::CallRefused(Obstacle::Outdated));
    gateway.check(&renewed.access).unwrap().trace.answered(StatusCode::OK);
    assert_eq!(last(), Step::ToolsListed { count: 8 });
    // When the grant has run out as well, only the owner helps.
    gateway.advance(400 * 24 * 3600);
    gateway.check(&renewed.access).unwrap_err();
    assert_eq!(last(), Step::CallRefused(Obstacle::Ended));
}

#[tokio::test]
async fn who_lets_his_own_token_end_is_told_to_make_another() {
    let gateway = TestGateway::start();
    let new = NewToken {
        name: "cron".to_owned(),
        scopes: Scopes::all(),
        projects: Vec::new(),
        lifetime: std::time::Duration::from_secs(60),
        anywhere: true,
    };
    let made = gateway.server.mint_token(new).await.unwrap();
    gateway.check(made.token.expose()).unwrap().trace.listed(8);
    gateway.advance(60);
    gateway.check(made.token.expose()).unwrap_err();
    let last = gateway.server.trace().connections().remove(0).last.step;
    assert_eq!(last, Step::CallRefused(Obstacle::MadeEnded));
    assert!(last.hint().unwrap().contains("gateway mint-token"));
}

#[tokio::test]
async fn the_live_status_shows_a_paired_device_how_far_each_app_has_come() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    let page = gateway.get_with_cookie("/pair", &cookie).await;
    assert!(page.body.contains("No app has come yet."), "{}", page.body);
    assert!(page.header(header::CONTENT_SECURITY_POLICY).ends_with("; connect-src 'self'"));
    let id = registered(&gateway, "Codex <b>\u{202e}").await;
    let query = gateway.query(&id, &[]);
    allowed(&gateway, &query).await;
    gateway.advance(1);
    gateway.get_with_cookie(&query, &cookie).await;
    let live = gateway.get_with_cookie("/pair/live", &cookie).await;
    assert_eq!(live.header(header::CACHE_CONTROL), "no-store");
    insta::assert_snapshot!("live_asking", live.body.replace('>', ">\n"));
    let code = allowed(&gateway, &query).await;
    let tokens = Tokens::of(&redeemed(&gateway, &id, &code, VERIFIER).await);
    let request = gateway.check(&tokens.access).unwrap();
    request.trace.answered(StatusCode::NOT_ACCEPTABLE);
    let live = gateway.get_with_cookie("/pair/live", &cookie).await;
    insta::assert_snapshot!("live_turned_away", live.body.replace('>', ">\n"));
    request.trace.listed(8);
    let page = gateway.get_with_cookie("/pair", &cookie).await;
    let live =
        page.body.split_once("See it connect").unwrap().1.split_once("</section>").unwrap().0;
    insta::assert_snapshot!("live_listed", live.replace('>', ">\n"));
}

#[tokio::test]
async fn a_link_that_a_paired_device_follows_makes_no_strangers_client_the_owners() {
    let gateway = TestGateway::start();
    let cookie = gateway.pair().await;
    let id = registered(&gateway, "Claude").await;
    let query = gateway.query(&id, &[]);
    let sealed = gateway.get_with_cookie(&query, &cookie).await.sealed();
    let fields = [("request", sealed.as_str()), ("decision", "deny")];
    gateway.post_with("/authorize", &fields, &[("cookie", &cookie)]).await;
    let trace = gateway.server.trace();
    let page = trace.after(None);
    let steps: Vec<_> = page.entries.iter().map(|entry| entry.step.name()).collect();
    assert_eq!(steps, ["registered", "consent_asked", "consent_denied"]);
    assert!(page.entries.iter().all(|entry| !entry.proven), "{}", lines(&page));
    assert!(trace.connections().is_empty());
    // Once the owner has allowed it, his device speaks for him.
    allowed(&gateway, &query).await;
    gateway.advance(1);
    gateway.get_with_cookie(&query, &cookie).await;
    assert_eq!(trace.connections()[0].row, "registered → asked");
}

#[tokio::test]
async fn only_a_paired_device_sees_the_live_status() {
    let mut gateway = TestGateway::start();
    let client = gateway.mint().await;
    let cookie = gateway.pair().await;
    let tokens = gateway.sign_in(&client).await;
    gateway.check(&tokens.access).unwrap().trace.listed(8);
    let seen = gateway.get_with_cookie("/pair/live", &cookie).await;
    assert!(seen.body.contains("listed 8 tools"), "{}", seen.body);
    let forged = format!("{cookie}x");
    for path in ["/pair/live", "/pair"] {
        for answer in [gateway.get(path).await, gateway.get_with_cookie(path, &forged).await] {
            assert!(!answer.body.contains("listed"), "{path}: {}", answer.body);
            assert!(!answer.body.contains(client.client.name.as_str()), "{path}");
            assert!(!answer.header(header::CONTENT_SECURITY_POLICY).contains("connect-src"));
        }
    }
    assert_eq!(gateway.get("/pair/live").await.status, StatusCode::FORBIDDEN);
    let posted = gateway.post_with("/pair/live", &[], &[("cookie", &cookie)]).await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    // A cookie of the public name counts nowhere else, and none once its device is revoked.
    gateway.origin = Origin::new("http", "127.0.0.1:8765");
    let local = gateway.get_with_cookie("/pair/live", &cookie).await;
    assert_eq!((local.status, local.body.as_str()), (StatusCode::FORBIDDEN, ""));
    gateway.origin = Origin::new("https", "h.example");
    let device = gateway.server.devices().unwrap()[0].id.clone();
    gateway.server.revoke_device(&device).await.unwrap();
    let gone = gateway.get_with_cookie("/pair/live", &cookie).await;
    assert_eq!((gone.status, gone.body.as_str()), (StatusCode::FORBIDDEN, ""));
}

#[tokio::test]
async fn a_flood_of_strangers_costs_a_fixed_memory_and_pushes_out_nothing_of_the_owners() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let tokens = gateway.sign_in(&client).await;
    gateway.check(&tokens.access).unwrap().trace.listed(8);
    let row = gateway.server.trace().connections()[0].row.clone();
    let whole = std::env::var_os("GATEWAY_ATTACKS").is_some_and(|value| value == "whole");
    let known = gateway.query(client.client.id.as_str(), &[]);
    let metadata = json!({
        "redirect_uris": [REDIRECT],
        "client_name": "Claude",
        "token_endpoint_auth_method": "client_secret_post",
    });
    let mut secrets = 0;
    for n in 0..if whole { 100_000 } else { 5_000 } {
        match n % 6 {
            0 => gateway.get("/.well-known/oauth-authorization-server").await,
            1 => gateway.get(&format!("/authorize?client_id=stranger-{n}")).await,
            2 => {
                gateway
                    .register(&json!({ "redirect_uris": [REDIRECT], "client_name": "Claude" }))
                    .await
            }
            3 => gateway.get(&known).await,
            // A secret of a stranger's own proves nothing about the owner.
            4 => {
                let registered = gateway.register(&metadata).await;
                if registered.status == StatusCode::CREATED {
                    let told = registered.json();
                    let field = |name: &str| told[name].as_str().unwrap().to_owned();
                    let fields = [
                        ("grant_type", "authorization_code"),
                        ("code", "gwc_none"),
                        ("client_id", &field("client_id")),
                        ("client_secret", &field("client_secret")),
                    ];
                    let answer = gateway.post("/token", &fields).await;
                    assert_eq!(answer.error(), "invalid_grant", "the secret is right");
                    secrets += 1;
                }
                registered
            }
            _ => gateway.post("/token", &[("client_id", client.client.id.as_str())]).await,
        };
        gateway.clock.advance(std::time::Duration::from_millis(500));
    }
    let trace = gateway.server.trace();
    let rows: Vec<_> = trace.connections().into_iter().map(|it| it.row).collect();
    assert!(secrets > 1, "{secrets}");
    assert_eq!(rows, [row]);
    let page = trace.after(Some(0));
    let strangers = page.entries.iter().filter(|entry| !entry.proven).count();
    assert!(strangers <= 64, "{strangers}");
    assert!(page.missed > 0);
}
