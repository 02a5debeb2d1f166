use axum::response::IntoResponse as _;
use http::{HeaderMap, StatusCode, header};

use super::harness::*;
use crate::auth::Challenge;
use crate::http::Origin;
use crate::model::{Scope, Scopes};
use crate::trace::Obstacle;

#[tokio::test]
async fn the_challenge_names_metadata_and_scopes_and_an_error_only_for_a_token() {
    let gateway = TestGateway::start();
    let missing = gateway
        .server
        .check_bearer(&HeaderMap::new(), &gateway.origin, gateway.ingress())
        .unwrap_err();
    assert_eq!(missing.obstacle(), Some(Obstacle::NoToken));
    let answer = read(missing.into_response()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        answer.header(header::WWW_AUTHENTICATE),
        "Bearer resource_metadata=\"https://h.example/.well-known/oauth-protected-resource/mcp\", \
         scope=\"observe files run\""
    );
    assert!(answer.json()["error_description"].is_string());
    let answer = read(gateway.check("garbage").unwrap_err().into_response()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let challenge = answer.header(header::WWW_AUTHENTICATE);
    assert!(challenge.ends_with(", error=\"invalid_token\""), "{challenge}");
}

#[tokio::test]
async fn a_missing_scope_is_a_403_that_names_all_that_are_needed() {
    let gateway = TestGateway::start();
    let client = gateway.mint_as(Scopes::from_text("observe"), false).await;
    let tokens = gateway.sign_in(&client).await;
    let request = gateway.check(&tokens.access).unwrap();
    assert_eq!(request.scopes, Scopes::from_text("observe"));
    let needed = request.scopes.iter().chain([Scope::Run]).collect();
    let challenge = Challenge::insufficient_scope(&gateway.origin, needed);
    let answer = read(challenge.into_response()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let text = answer.header(header::WWW_AUTHENTICATE);
    assert!(text.contains("scope=\"observe run\", error=\"insufficient_scope\""), "{text}");
    assert!(text.contains("resource_metadata=\"https://h.example/"));
}

#[tokio::test]
async fn headers_that_are_no_bearer_token_are_refused() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let tokens = gateway.sign_in(&client).await;
    let check = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        gateway
            .server
            .check_bearer(&headers, &gateway.origin, gateway.ingress())
            .map_err(|it| it.status().as_u16())
    };
    let good = format!("Bearer {}", tokens.access);
    assert!(check(&[&good]).is_ok());
    assert!(check(&[&good.replace("Bearer", "bearer")]).is_ok());
    for bad in [
        "Bearer",
        "Bearer ",
        "Basic eDp5",
        &tokens.access,
        &format!("Bearer {}x", tokens.access),
        &format!("Bearer {} x", tokens.access),
        &format!("Bearer {}", tokens.refresh),
        &format!("Bearer {}", "x".repeat(32_768)),
        &format!("Bearer {}", "x".repeat(513)),
    ] {
        assert_eq!(check(&[bad]).unwrap_err(), 401, "{}", &bad[..bad.len().min(60)]);
    }
    assert_eq!(check(&[&good, &good]).unwrap_err(), 401, "which of the two would it be?");
}

#[tokio::test]
async fn an_access_token_ends_when_it_was_said_to() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let tokens = gateway.sign_in(&client).await;
    assert!(gateway.check(&tokens.access).is_ok());
    gateway.advance(24 * 3600 - 1);
    assert!(gateway.check(&tokens.access).is_ok());
    gateway.advance(1);
    assert!(gateway.check(&tokens.access).is_err());
}

#[tokio::test]
async fn a_token_is_good_for_the_address_it_was_issued_at() {
    let mut gateway = TestGateway::start();
    let client = gateway.mint().await;
    let tokens = gateway.sign_in(&client).await;
    assert!(gateway.check(&tokens.access).is_ok());
    for (scheme, authority) in
        [("https", "other.example"), ("http", "h.example"), ("http", "127.0.0.1:8765")]
    {
        gateway.origin = Origin::new(scheme, authority);
        assert!(gateway.check(&tokens.access).is_err(), "{scheme}://{authority}");
    }
    gateway.origin = Origin::new("http", "127.0.0.1:8765");
    let tokens = gateway.sign_in(&client).await;
    for authority in ["127.0.0.1:8765", "localhost:8765", "[::1]:8765"] {
        gateway.origin = Origin::new("http", authority);
        assert!(gateway.check(&tokens.access).is_ok(), "{authority}");
    }
    gateway.origin = Origin::new("http", "127.0.0.1:8766");
    assert!(gateway.check(&tokens.access).is_err());
}

#[tokio::test]
async fn revoking_or_expiring_a_client_holds_at_the_next_request() {
    let gateway = TestGateway::start();
    let (client, other) = (gateway.mint().await, gateway.mint().await);
    let families = [gateway.sign_in(&client).await, gateway.sign_in(&client).await];
    let spared = gateway.sign_in(&other).await;
    for tokens in &families {
        assert!(gateway.check(&tokens.access).is_ok());
    }
    assert_eq!(gateway.server.revoke(&client.client.id).await, Ok(2));
    for tokens in &families {
        assert!(gateway.check(&tokens.access).is_err());
        assert_eq!(gateway.refresh(&client, &tokens.refresh).await.error(), "invalid_client");
    }
    assert!(gateway.check(&spared.access).is_ok());
    let soon = gateway.clock_now().after(std::time::Duration::from_secs(10));
    gateway.server.expire(&other.client.id, Some(soon)).await.unwrap();
    assert!(gateway.check(&spared.access).is_ok());
    gateway.advance(10);
    assert!(gateway.check(&spared.access).is_err());
    assert_eq!(gateway.refresh(&other, &spared.refresh).await.error(), "invalid_client");
    assert!(gateway.server.expire(&client.client.id, None).await.is_err(), "revoked is revoked");
}

#[tokio::test]
async fn the_last_use_is_noted_within_a_second_and_not_at_each_request() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let tokens = gateway.sign_in(&client).await;
    let used = |gateway: &TestGateway| gateway.server.clients().unwrap()[0].last_used_at;
    assert_eq!(used(&gateway), None);
    let request = gateway.check(&tokens.access).unwrap();
    assert_eq!(used(&gateway), None, "the request itself does not wait for a commit");
    gateway.server.flush_marks().await.unwrap();
    let first = gateway.clock_now();
    assert_eq!(used(&gateway), Some(first));
    gateway.advance(5);
    gateway.check(&tokens.access).unwrap();
    gateway.server.flush_marks().await.unwrap();
    assert_eq!(used(&gateway), Some(gateway.clock_now()));
    let family = gateway.store.read(|tx| tx.family(&request.family)).unwrap().unwrap();
    assert!(family.newest_used);
    assert_eq!(family.last_used_at, Some(gateway.clock_now()));
}

#[tokio::test]
async fn marks_are_written_by_themselves_a_second_later() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let tokens = gateway.sign_in(&client).await;
    let server = gateway.server.clone();
    let keeper = tokio::spawn(async move { server.keep_marks().await });
    gateway.check(&tokens.access).unwrap();
    tokio::task::yield_now().await; // the keeper sees the mark and begins to wait
    gateway.advance(1);
    while gateway.server.clients().unwrap()[0].last_used_at.is_none() {
        tokio::task::yield_now().await;
    }
    keeper.abort();
}

#[tokio::test]
async fn a_client_held_to_projects_carries_them() {
    let gateway = TestGateway::start();
    let new = crate::auth::NewClient {
        name: "Phone".into(),
        scopes: Scopes::all(),
        projects: vec!["api".into()],
        public: false,
    };
    let client = gateway.server.mint(new).await.unwrap();
    let tokens = gateway.sign_in(&client).await;
    let request = gateway.check(&tokens.access).unwrap();
    assert!(request.projects.allows("api") && !request.projects.allows("other"));
}

#[tokio::test]
async fn a_token_that_the_owner_made_is_kept_while_it_may_be_used_and_then_forgotten() {
    const DAY: u64 = 24 * 3600;
    let gateway = TestGateway::start();
    let new = crate::auth::NewToken {
        name: "script".into(),
        scopes: Scopes::of_tools(),
        projects: Vec::new(),
        lifetime: std::time::Duration::from_secs(365 * DAY),
        anywhere: true,
    };
    let token = gateway.server.mint_token(new).await.unwrap().token;
    let housekeeping = async || {
        let pruned = gateway.store.write(|tx| {
            tx.prune_families(tx.now())?;
            tx.prune_registrations(tx.now())
        });
        pruned.await.unwrap()
    };
    gateway.advance(365 * DAY - 1);
    assert_eq!(housekeeping().await, 0);
    gateway.check(token.expose()).unwrap();
    gateway.server.flush_marks().await.unwrap();
    let used = gateway.server.clients().unwrap()[0].last_used_at;
    assert_eq!(used, Some(gateway.clock_now()));
    gateway.advance(2);
    assert!(gateway.check(token.expose()).is_err());
    assert_eq!(housekeeping().await, 1);
    assert_eq!(gateway.server.clients().unwrap(), []);
}
