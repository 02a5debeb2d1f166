use http::{StatusCode, header};

use super::harness::*;
use crate::auth::ClientError;
use crate::http::Origin;
use crate::model::Scopes;

#[tokio::test]
async fn a_code_buys_a_pair_that_opens_the_door() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let code = gateway.code(&client).await;
    let answer = gateway.redeem(&client, &code).await;
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(answer.header(header::PRAGMA), "no-cache");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    let body = answer.json();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 24 * 3600);
    assert_eq!(body["scope"], "observe files run");
    let tokens = Tokens::of(&answer);
    assert_eq!(tokens.access.len(), 47, "256 bits and a prefix");
    let request = gateway.check(&tokens.access).unwrap();
    assert_eq!(request.client_id, client.client.id);
    assert_eq!(request.scopes, Scopes::of_tools());
}

#[tokio::test]
async fn basic_and_post_both_work_for_the_same_client() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let code = gateway.code(&client).await;
    Tokens::of(&gateway.redeem(&client, &code).await);
    let code = gateway.code(&client).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("resource", "https://h.example/mcp"),
    ];
    let headers = [("authorization", basic(&client))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let tokens = Tokens::of(&gateway.post_with("/token", &fields, &headers).await);
    assert!(gateway.check(&tokens.access).is_ok());
}

#[tokio::test]
async fn a_public_client_needs_no_secret_and_may_bring_none() {
    let gateway = TestGateway::start();
    let client = gateway.mint_as(Scopes::all(), true).await;
    assert!(client.secret.is_none());
    let code = gateway.code(&client).await;
    let wrong = gateway.redeem_with(&client, &code, &[("client_secret", Some("x"))]).await;
    assert_eq!((wrong.status, wrong.error()), (StatusCode::UNAUTHORIZED, "invalid_client".into()));
    let tokens = Tokens::of(&gateway.redeem(&client, &code).await);
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
        ("client_id", client.client.id.as_str()),
    ];
    Tokens::of(&gateway.post("/token", &fields).await);
    let empty_basic = [("authorization", basic(&client))];
    let empty_basic = empty_basic.each_ref().map(|(name, value)| (*name, value.as_str()));
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)];
    Tokens::of(&gateway.post_with("/token", &fields, &empty_basic).await);
}

#[tokio::test]
async fn a_confidential_client_without_its_secret_gets_nothing() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let code = gateway.code(&client).await;
    for secret in [None, Some("wrong"), Some("")] {
        let answer = gateway.redeem_with(&client, &code, &[("client_secret", secret)]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.error(), "invalid_client");
        assert_eq!(answer.header(header::WWW_AUTHENTICATE), "", "basic was not used");
    }
    let headers = [("authorization", "Basic eDp5")];
    let answer = gateway.post_with("/token", &[("grant_type", "refresh_token")], &headers).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.header(header::WWW_AUTHENTICATE).starts_with("Basic realm="));
    Tokens::of(&gateway.redeem(&client, &code).await);
}

#[tokio::test]
async fn errors_are_those_of_rfc_6749_to_the_letter() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let cases: [(Changes<'_>, u16, &str); 10] = [
        (&[("grant_type", None)], 400, "invalid_request"),
        (&[("grant_type", Some("password"))], 400, "unsupported_grant_type"),
        (&[("grant_type", Some("client_credentials"))], 400, "unsupported_grant_type"),
        (&[("code", None)], 400, "invalid_request"),
        (&[("code", Some("unknown"))], 400, "invalid_grant"),
        (&[("grant_type", Some("refresh_token"))], 400, "invalid_request"),
        (&[("client_id", Some("nobody"))], 401, "invalid_client"),
        (&[("client_id", None)], 401, "invalid_client"),
        (&[("resource", Some("https://other.example/mcp"))], 400, "invalid_target"),
        (&[("code", Some(&"x".repeat(600)))], 400, "invalid_request"),
    ];
    for (changes, status, error) in cases {
        let answer = gateway.redeem_with(&client, "x", changes).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().as_str()),
            (status, error),
            "{changes:?}"
        );
        assert!(answer.json()["error_description"].is_string());
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(answer.header(header::CONTENT_TYPE), "application/json");
    }
}

#[tokio::test]
async fn a_duplicate_parameter_is_an_invalid_request() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let code = gateway.code(&client).await;
    for name in ["code", "grant_type", "client_id", "redirect_uri", "code_verifier"] {
        let secret = client.secret.as_ref().unwrap().expose();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("client_id", client.client.id.as_str()),
            ("client_secret", secret),
            (name, "again"),
        ];
        let answer = gateway.post("/token", &fields).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, "invalid_request"));
    }
    Tokens::of(&gateway.redeem(&client, &code).await);
}

#[tokio::test]
async fn what_is_no_form_is_refused_with_a_precise_json_error() {
    let gateway = TestGateway::start();
    for path in ["/token", "/revoke"] {
        for content_type in
            ["application/json", "text/plain", "multipart/form-data; boundary=x", ""]
        {
            let mut request = http::Request::post(path);
            if !content_type.is_empty() {
                request = request.header(header::CONTENT_TYPE, content_type);
            }
            let answer = gateway.send(request.body("{}".into()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
            assert_eq!(answer.error(), "invalid_request");
        }
        let answer = gateway.post(path, &[("x", &"x".repeat(17 * 1024))]).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(answer.error(), "invalid_request");
    }
}

#[tokio::test]
async fn a_code_lives_60_seconds() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let in_time = gateway.code(&client).await;
    gateway.advance(59);
    Tokens::of(&gateway.redeem(&client, &in_time).await);
    let late = gateway.code(&client).await;
    gateway.advance(60);
    assert_eq!(gateway.redeem(&client, &late).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_code_is_bound_to_client_redirect_verifier_and_address() {
    let mut gateway = TestGateway::start();
    let (client, other) = (gateway.mint().await, gateway.mint().await);
    let code = gateway.code(&client).await;
    assert_eq!(gateway.redeem(&other, &code).await.error(), "invalid_grant");
    for changes in [
        ("redirect_uri", Some("http://localhost:4321/oauth/callback")),
        ("redirect_uri", None),
        ("code_verifier", None),
        ("code_verifier", Some("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXx")),
        ("code_verifier", Some(CHALLENGE)),
    ] {
        let code = gateway.code(&client).await;
        let answer = gateway.redeem_with(&client, &code, &[changes]).await;
        assert_eq!(answer.error(), "invalid_grant", "{changes:?}");
    }
    let code = gateway.code(&client).await;
    gateway.origin = Origin::new("https", "other.example");
    assert_eq!(gateway.redeem(&client, &code).await.error(), "invalid_grant");
    assert_eq!(gateway.store.read(|tx| tx.count("tokens")).unwrap(), 0);
}

#[tokio::test]
async fn a_wrong_verifier_consumes_the_code() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let code = gateway.code(&client).await;
    let wrong = [("code_verifier", Some("x".repeat(43)))];
    let wrong = wrong.each_ref().map(|(name, value)| (*name, value.as_deref()));
    assert_eq!(gateway.redeem_with(&client, &code, &wrong).await.error(), "invalid_grant");
    assert_eq!(gateway.redeem(&client, &code).await.error(), "invalid_grant");
}

#[tokio::test]
async fn whoever_comes_second_learns_what_became_of_the_code() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let other = gateway.mint().await;
    let said = |answer: &Answer| {
        assert_eq!(answer.error(), "invalid_grant");
        answer.json()["error_description"].as_str().unwrap().to_owned()
    };
    // Somebody else burned it: nothing was issued, so nothing is revoked.
    let code = gateway.code(&client).await;
    said(&gateway.redeem(&other, &code).await);
    for _ in 0..2 {
        let told = said(&gateway.redeem(&client, &code).await);
        assert!(told.contains("no tokens were issued for it; start the authorization again"));
        assert!(!told.contains("revoked"), "{told}");
    }
    // It was redeemed: that ends what it bought.
    let code = gateway.code(&client).await;
    Tokens::of(&gateway.redeem(&client, &code).await);
    for _ in 0..2 {
        let told = said(&gateway.redeem(&client, &code).await);
        assert!(told.contains("the tokens issued for it are now revoked"), "{told}");
    }
}

#[tokio::test]
async fn replaying_a_code_revokes_the_tokens_it_bought() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let code = gateway.code(&client).await;
    let tokens = Tokens::of(&gateway.redeem(&client, &code).await);
    assert!(gateway.check(&tokens.access).is_ok());
    assert_eq!(gateway.redeem(&client, &code).await.error(), "invalid_grant");
    assert!(gateway.check(&tokens.access).is_err());
    assert_eq!(gateway.refresh(&client, &tokens.refresh).await.error(), "invalid_grant");
}

#[tokio::test]
async fn replaying_a_code_much_later_still_revokes_its_family() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let code = gateway.code(&client).await;
    let tokens = Tokens::of(&gateway.redeem(&client, &code).await);
    gateway.advance(23 * 3600);
    gateway.sign_in(&client).await; // housekeeping comes along with a redemption
    assert!(gateway.check(&tokens.access).is_ok());
    assert_eq!(gateway.redeem(&client, &code).await.error(), "invalid_grant");
    assert!(gateway.check(&tokens.access).is_err());
}

#[tokio::test]
async fn refreshing_gives_a_new_pair_and_slides_its_end() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let mut tokens = gateway.sign_in(&client).await;
    for _ in 0..5 {
        gateway.advance(89 * 24 * 3600);
        assert!(gateway.check(&tokens.access).is_err(), "the access token has ended");
        let next = Tokens::of(&gateway.refresh(&client, &tokens.refresh).await);
        assert_ne!(next.access, tokens.access);
        assert_ne!(next.refresh, tokens.refresh);
        assert!(gateway.check(&next.access).is_ok());
        tokens = next;
    }
    gateway.advance(90 * 24 * 3600);
    assert_eq!(gateway.refresh(&client, &tokens.refresh).await.error(), "invalid_grant");
}

#[tokio::test]
async fn two_refreshes_at_once_get_the_same_pair() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let tokens = gateway.sign_in(&client).await;
    let (one, other) = tokio::join!(
        gateway.refresh(&client, &tokens.refresh),
        gateway.refresh(&client, &tokens.refresh)
    );
    let (one, other) = (Tokens::of(&one), Tokens::of(&other));
    assert_eq!((&one.access, &one.refresh), (&other.access, &other.refresh));
    assert!(gateway.check(&one.access).is_ok());
}

#[tokio::test]
async fn the_previous_refresh_token_repeats_its_pair_for_60_seconds() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let first = gateway.sign_in(&client).await;
    let second = Tokens::of(&gateway.refresh(&client, &first.refresh).await);
    gateway.check(&second.access).unwrap();
    gateway.advance(60);
    let again = Tokens::of(&gateway.refresh(&client, &first.refresh).await);
    assert_eq!((&again.access, &again.refresh), (&second.access, &second.refresh));
    assert!(gateway.check(&second.access).is_ok());
}

#[tokio::test]
async fn the_previous_refresh_token_repeats_its_pair_while_that_was_never_seen() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let first = gateway.sign_in(&client).await;
    let lost = Tokens::of(&gateway.refresh(&client, &first.refresh).await);
    gateway.advance(25 * 3600);
    let again = gateway.refresh(&client, &first.refresh).await;
    assert_eq!(again.json()["expires_in"], 24 * 3600, "as long as told the first time");
    let again = Tokens::of(&again);
    assert_eq!((&again.access, &again.refresh), (&lost.access, &lost.refresh));
    assert!(gateway.check(&again.access).is_ok());
}

#[tokio::test]
async fn replaying_a_spent_refresh_token_revokes_its_family() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let first = gateway.sign_in(&client).await;
    let second = Tokens::of(&gateway.refresh(&client, &first.refresh).await);
    gateway.check(&second.access).unwrap(); // the new pair arrived
    gateway.advance(61); // past the grace for parallel refreshes
    assert_eq!(gateway.refresh(&client, &first.refresh).await.error(), "invalid_grant");
    assert!(gateway.check(&second.access).is_err());
    assert_eq!(gateway.refresh(&client, &second.refresh).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_replay_is_recognised_after_a_restart_and_after_housekeeping() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let first = gateway.sign_in(&client).await;
    let mut newest = first.clone();
    for _ in 0..4 {
        newest = Tokens::of(&gateway.refresh(&client, &newest.refresh).await);
        gateway.check(&newest.access).unwrap();
        gateway.advance(80 * 24 * 3600);
        gateway.sign_in(&client).await;
    }
    let restarted = gateway.restart();
    assert_eq!(restarted.refresh(&client, &first.refresh).await.error(), "invalid_grant");
    assert_eq!(restarted.refresh(&client, &newest.refresh).await.error(), "invalid_grant");
}

#[tokio::test]
async fn the_previous_access_token_ends_with_the_grace() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let first = gateway.sign_in(&client).await;
    gateway.check(&first.access).unwrap();
    let second = Tokens::of(&gateway.refresh(&client, &first.refresh).await);
    gateway.advance(3_600);
    assert!(gateway.check(&first.access).is_ok(), "the new pair may have been lost");
    gateway.check(&second.access).unwrap();
    assert!(gateway.check(&first.access).is_err());
    assert!(gateway.check(&second.access).is_ok());
}

#[tokio::test]
async fn a_chain_of_fast_refreshes_keeps_each_answer_for_its_grace() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let first = gateway.sign_in(&client).await;
    let second = Tokens::of(&gateway.refresh(&client, &first.refresh).await);
    let third = Tokens::of(&gateway.refresh(&client, &second.refresh).await);
    gateway.check(&third.access).unwrap();
    gateway.advance(10);
    let late = gateway.refresh(&client, &first.refresh).await;
    assert_eq!(late.json()["expires_in"], 50);
    assert_eq!(Tokens::of(&late).access, second.access);
    assert!(gateway.check(&second.access).is_ok());
    assert!(gateway.check(&third.access).is_ok(), "nobody was thrown out");
}

#[tokio::test]
async fn a_refresh_token_is_bound_to_its_client_and_address() {
    let mut gateway = TestGateway::start();
    let (client, other) = (gateway.mint().await, gateway.mint().await);
    let tokens = gateway.sign_in(&client).await;
    assert_eq!(gateway.refresh(&other, &tokens.refresh).await.error(), "invalid_grant");
    gateway.origin = Origin::new("https", "other.example");
    assert_eq!(gateway.refresh(&client, &tokens.refresh).await.error(), "invalid_grant");
    gateway.origin = Origin::new("https", "h.example");
    Tokens::of(&gateway.refresh(&client, &tokens.refresh).await);
    assert_eq!(gateway.refresh(&client, &tokens.access).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_refresh_cannot_ask_for_more_than_was_granted() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let wanted = [("scope", Some("observe files"))];
    let query = gateway.query(client.client.id.as_str(), &wanted);
    let sealed = gateway.get(&query).await.sealed();
    let consent_code = gateway.server.pairings().open().code;
    let code = gateway.allow(&sealed, &consent_code).await.sent("code").unwrap();
    let tokens = Tokens::of(&gateway.redeem(&client, &code).await);
    let refresh = async |scope: &str| {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens.refresh.as_str()),
            ("scope", scope),
        ];
        gateway.post_with("/token", &fields, &[("authorization", &basic(&client))]).await
    };
    for beyond in ["observe run", "run"] {
        assert_eq!(refresh(beyond).await.error(), "invalid_scope", "{beyond}");
    }
    assert_eq!(refresh("observe openid").await.json()["scope"], "observe files");
}

#[tokio::test]
async fn tokens_survive_a_restart() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let tokens = gateway.sign_in(&client).await;
    let restarted = gateway.restart();
    assert!(restarted.check(&tokens.access).is_ok());
    let next = Tokens::of(&restarted.refresh(&client, &tokens.refresh).await);
    assert!(gateway.restart().check(&next.access).is_ok());
}

#[tokio::test]
async fn a_rotated_secret_works_beside_the_new_one_for_the_stated_time() {
    let gateway = TestGateway::start();
    let old = gateway.mint().await;
    let hour = std::time::Duration::from_secs(3_600);
    let new = gateway.server.rotate(&old.client.id, hour).await.unwrap();
    assert_eq!(new.old_secret_until, Some(gateway.clock_now().after(hour)));
    for client in [&old, &new] {
        let tokens = gateway.sign_in(client).await;
        Tokens::of(&gateway.refresh(client, &tokens.refresh).await);
    }
    gateway.advance(3_600);
    let code = gateway.code(&old).await;
    assert_eq!(gateway.redeem(&old, &code).await.error(), "invalid_client");
    Tokens::of(&gateway.redeem(&new, &code).await);
}

#[tokio::test]
async fn every_secret_lives_as_long_as_was_said_however_often_a_client_is_rotated() {
    let gateway = TestGateway::start();
    let mut clients = vec![gateway.mint().await];
    let id = clients[0].client.id.clone();
    let hour = std::time::Duration::from_secs(3_600);
    let first_end = gateway.clock_now().after(hour);
    for _ in 0..3 {
        clients.push(gateway.server.rotate(&id, hour).await.unwrap());
        gateway.advance(60);
    }
    for client in &clients {
        let code = gateway.code(client).await;
        Tokens::of(&gateway.redeem(client, &code).await);
    }
    let refused = gateway.server.rotate(&id, hour).await.unwrap_err();
    assert_eq!(refused, ClientError::SecretsPromised { id: id.clone(), until: first_end });
    assert!(refused.to_string().contains(&first_end.to_string()), "{refused}");
    gateway.advance(3_600 - 3 * 60);
    let newest = gateway.server.rotate(&id, hour).await.unwrap();
    let code = gateway.code(&newest).await;
    assert_eq!(gateway.redeem(&clients[0], &code).await.error(), "invalid_client");
    Tokens::of(&gateway.redeem(&newest, &code).await);
}

#[tokio::test]
async fn a_client_ends_its_own_family_and_no_other() {
    let gateway = TestGateway::start();
    let (client, other) = (gateway.mint().await, gateway.mint().await);
    let (one, two) = (gateway.sign_in(&client).await, gateway.sign_in(&client).await);
    let auth = basic(&other);
    let foreign = [("token", one.access.as_str())];
    let answer = gateway.post_with("/revoke", &foreign, &[("authorization", &auth)]).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""));
    assert!(gateway.check(&one.access).is_ok(), "another client's token is not touched");
    let auth = basic(&client);
    for token in [one.refresh.as_str(), "unknown", one.refresh.as_str()] {
        let fields = [("token", token), ("token_type_hint", "whatever")];
        let answer = gateway.post_with("/revoke", &fields, &[("authorization", &auth)]).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert!(gateway.check(&one.access).is_err());
    assert_eq!(gateway.refresh(&client, &one.refresh).await.error(), "invalid_grant");
    assert!(gateway.check(&two.access).is_ok());
    let stranger = gateway.post("/revoke", &[("token", &two.access)]).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    let nothing = gateway.post_with("/revoke", &[], &[("authorization", &auth)]).await;
    assert_eq!(nothing.error(), "invalid_request");
}
