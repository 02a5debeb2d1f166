//! PKCE: left out, weakened, answered by somebody else's verifier.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::harness::*;

fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[tokio::test]
async fn no_request_goes_without_a_challenge_of_s256() {
    let gateway = TestGateway::start().await;
    let (public, confidential) = (gateway.mint_public("a").await, gateway.mint("b").await);
    let short = &CHALLENGE[..42];
    let weakened: [Changes<'_>; 10] = [
        &[("code_challenge", None)],
        &[("code_challenge_method", None)],
        &[("code_challenge", None), ("code_challenge_method", None)],
        &[("code_challenge_method", Some("plain"))],
        &[("code_challenge_method", Some("s256"))],
        &[("code_challenge_method", Some("S512"))],
        &[("code_challenge_method", Some("S256 plain"))],
        &[("code_challenge", Some(VERIFIER)), ("code_challenge_method", Some("plain"))],
        &[("code_challenge", Some(short))],
        &[("code_challenge", Some(""))],
    ];
    for changes in weakened {
        for client in [&public, &confidential] {
            let answer = gateway.page(client, changes).await;
            assert_eq!(answer.sent("error").as_deref(), Some("invalid_request"), "{changes:?}");
            assert_eq!(answer.sent("code"), None);
        }
    }
}

#[tokio::test]
async fn a_code_injected_into_another_session_fails_by_its_verifier() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    // The attacker's own code, put into the victim's callback: the victim's client brings its own
    // verifier with it.
    let attackers = "a".repeat(64);
    let challenge = challenge_of(&attackers);
    let code = gateway.code_with(&client, &[("code_challenge", Some(&challenge))]).await;
    assert_eq!(gateway.redeem(&client, &code).await.error(), "invalid_grant");
    let own = [("code_verifier", Some(attackers.as_str()))];
    assert_eq!(gateway.redeem_with(&client, &code, &own).await.error(), "invalid_grant");
}

#[tokio::test]
async fn nothing_but_the_verifier_verifies() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let long = "a".repeat(129);
    for verifier in [
        None,
        Some(""),
        Some(CHALLENGE),
        Some(&VERIFIER[..42]),
        Some(&*format!("{VERIFIER} ")),
        Some(&*format!("{VERIFIER}\0")),
        Some(&*VERIFIER.to_uppercase()),
        Some(&*long),
        Some("*"),
    ] {
        let code = gateway.code(&client).await;
        let answer = gateway.redeem_with(&client, &code, &[("code_verifier", verifier)]).await;
        assert_eq!(answer.error(), "invalid_grant", "{verifier:?}");
    }
}

#[tokio::test]
async fn a_verifier_that_is_too_short_or_spelt_wrong_does_not_count_though_its_digest_matches() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    for verifier in ["", "short", &"a".repeat(42), &"a".repeat(129), &"\u{e4}".repeat(43)] {
        let challenge = challenge_of(verifier);
        let code = gateway.code_with(&client, &[("code_challenge", Some(&challenge))]).await;
        let answer =
            gateway.redeem_with(&client, &code, &[("code_verifier", Some(verifier))]).await;
        assert_eq!(answer.error(), "invalid_grant", "{verifier:?}");
    }
}

#[tokio::test]
async fn the_method_is_not_chosen_anew_at_the_exchange() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint_public("one").await;
    let code = gateway.code(&client).await;
    let changes = [
        ("code_verifier", Some(CHALLENGE)),
        ("code_challenge_method", Some("plain")),
        ("code_challenge", Some(CHALLENGE)),
    ];
    assert_eq!(gateway.redeem_with(&client, &code, &changes).await.error(), "invalid_grant");
}

#[tokio::test]
async fn two_verifiers_are_none() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint_public("one").await;
    let code = gateway.code(&client).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("client_id", client.id.as_str()),
        ("code_verifier", VERIFIER),
        ("code_verifier", "x"),
    ];
    let answer = gateway.send(Ask::post("/token").form(&fields)).await;
    assert_eq!(answer.error(), "invalid_request");
}

#[tokio::test]
async fn the_metadata_offers_no_weaker_method() {
    let gateway = TestGateway::start().await;
    for path in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let document = gateway.send(Ask::get(path)).await.json();
        assert_eq!(document["code_challenge_methods_supported"], serde_json::json!(["S256"]));
        assert_eq!(document["response_types_supported"], serde_json::json!(["code"]));
    }
}
