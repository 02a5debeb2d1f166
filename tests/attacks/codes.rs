//! Authorization codes: stolen, replayed, raced, passed off as something else.
use futures::future::join_all;
use gateway::gateway::admin::Call;

use crate::harness::*;

/// Codes that are redeemed twice at once, in rounds of as many.
const DOUBLES: usize = 1_000;
const ROUND: usize = 50;

/// A gateway whose owner has a paired device, so that a consent is two requests.
async fn codes(gateway: &TestGateway, client: &Client, cookie: &str, count: usize) -> Vec<String> {
    let one = async || {
        let show = Ask::get(&gateway.query(client, &[])).header("cookie", cookie);
        let sealed = gateway.send(show).await.sealed();
        let fields = [("request", sealed.as_str()), ("decision", "allow")];
        let ask = Ask::post("/authorize").form(&fields).header("cookie", cookie);
        gateway.send(ask).await.sent("code").unwrap()
    };
    join_all((0..count).map(|_| one())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_codes_redeemed_twice_at_once_are_never_redeemed_twice() {
    let gateway = TestGateway::start().await;
    let (client, cookie) = (gateway.mint("one").await, gateway.device().await);
    for _ in 0..DOUBLES / ROUND {
        let codes = codes(&gateway, &client, &cookie, ROUND).await;
        let twice = codes.iter().flat_map(|code| [code, code]);
        let answers = join_all(twice.map(|code| gateway.redeem(&client, code))).await;
        let mut bought = Vec::new();
        for pair in answers.chunks(2) {
            let good: Vec<_> = pair.iter().filter(|answer| answer.status == 200).collect();
            assert_eq!(good.len(), 1, "{pair:?}");
            bought.push(Tokens::of(good[0]).access);
        }
        // And the second presentation ended what the first had bought (RFC 6749 section 4.1.2).
        let knocks = join_all(bought.iter().map(|token| gateway.knock(token))).await;
        assert!(knocks.iter().all(|status| *status == 401), "{knocks:?}");
    }
}

#[tokio::test]
async fn a_code_is_worth_nothing_as_any_other_credential() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let code = gateway.code(&client).await;
    assert_eq!(gateway.knock(&code).await, 401);
    assert_eq!(gateway.refresh(&client, &code).await.error(), "invalid_grant");
    let revoke = [
        ("token", code.as_str()),
        ("client_id", client.id.as_str()),
        ("client_secret", client.secret.as_deref().unwrap()),
    ];
    assert_eq!(gateway.send(Ask::post("/revoke").form(&revoke)).await.status, 200);
    assert_eq!(gateway.redeem(&client, &code).await.status, 200, "none of it touched the code");
}

#[tokio::test]
async fn no_other_credential_is_worth_anything_as_a_code() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let tokens = gateway.sign_in(&client).await;
    let pairing = gateway.pairing().await;
    for text in [&tokens.access, &tokens.refresh, &pairing.code, &pairing.token, &client.id] {
        assert_eq!(gateway.redeem(&client, text).await.error(), "invalid_grant");
    }
    assert_eq!(gateway.knock(&tokens.access).await, 200);
}

#[tokio::test]
async fn a_code_is_not_redeemed_from_a_query_nor_by_another_method() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let code = gateway.code(&client).await;
    let secret = client.secret.as_deref().unwrap();
    let query = format!(
        "/token?grant_type=authorization_code&code={code}&redirect_uri=http%3A%2F%2Flocalhost%3A4321\
         %2Fcallback&code_verifier={VERIFIER}&client_id={}&client_secret={secret}",
        client.id
    );
    for method in ["GET", "PUT", "PATCH", "DELETE"] {
        assert_eq!(gateway.send(Ask::new(method, &query)).await.status, 405, "{method}");
    }
    assert_eq!(gateway.send(Ask::post(&query).form(&[])).await.status, 401);
    assert_eq!(gateway.redeem(&client, &code).await.status, 200, "none of it spent the code");
}

#[tokio::test]
async fn a_stolen_code_is_worth_nothing_without_the_clients_own_proofs() {
    let gateway = TestGateway::start().await;
    let (client, other) = (gateway.mint("one").await, gateway.mint("other").await);
    let thefts: [(&str, Changes<'_>); 4] = [
        ("no verifier", &[("code_verifier", None)]),
        ("another redirect", &[("redirect_uri", Some("http://localhost:4322/callback"))]),
        ("no redirect", &[("redirect_uri", None)]),
        ("a made-up verifier", &[("code_verifier", Some(CHALLENGE))]),
    ];
    for (what, changes) in thefts {
        let code = gateway.code(&client).await;
        assert_eq!(gateway.redeem_with(&client, &code, changes).await.error(), "invalid_grant");
        let late = gateway.redeem(&client, &code).await;
        assert_eq!(late.error(), "invalid_grant", "{what}: a code that was tried is spent");
    }
    let code = gateway.code(&client).await;
    assert_eq!(gateway.redeem(&other, &code).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_thief_without_the_clients_secret_cannot_even_spend_the_code() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let code = gateway.code(&client).await;
    for secret in [None, Some(""), Some("gws_wrong")] {
        let stolen = gateway.redeem_with(&client, &code, &[("client_secret", secret)]).await;
        assert_eq!(stolen.error(), "invalid_client", "{secret:?}");
    }
    assert_eq!(gateway.redeem(&client, &code).await.status, 200);
}

#[tokio::test]
async fn guesses_of_codes_spend_nobody_elses() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint_public("one").await;
    let code = gateway.code(&client).await;
    for n in 0..100 {
        let guess = format!("gwc_{n:043}");
        assert_eq!(gateway.redeem(&client, &guess).await.error(), "invalid_grant");
    }
    for near in [&code[..code.len() - 1], &format!("{code}A"), &code.to_uppercase(), &code[4..]] {
        assert_eq!(gateway.redeem(&client, near).await.error(), "invalid_grant");
    }
    assert_eq!(gateway.redeem(&client, &code).await.status, 200);
}

#[tokio::test]
async fn a_code_of_a_client_that_was_revoked_since_buys_nothing() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let code = gateway.code(&client).await;
    gateway.call(Call::RevokeClient { client: client.id.clone() }).await;
    assert_eq!(gateway.redeem(&client, &code).await.error(), "invalid_client");
}

#[tokio::test]
async fn a_code_is_not_redeemed_after_a_minute_also_across_a_restart() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let (early, late) = (gateway.code(&client).await, gateway.code(&client).await);
    let gateway = gateway.restart().await;
    assert_eq!(gateway.redeem(&client, &early).await.status, 200);
    gateway.advance(60);
    assert_eq!(gateway.redeem(&client, &late).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_code_and_all_it_bought_end_when_it_is_presented_again_after_a_restart() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let code = gateway.code(&client).await;
    let tokens = Tokens::of(&gateway.redeem(&client, &code).await);
    let next = Tokens::of(&gateway.refresh(&client, &tokens.refresh).await);
    let gateway = gateway.restart().await;
    assert_eq!(gateway.knock(&next.access).await, 200);
    assert_eq!(gateway.redeem(&client, &code).await.error(), "invalid_grant");
    assert_eq!(gateway.knock(&next.access).await, 401);
    assert_eq!(gateway.refresh(&client, &next.refresh).await.error(), "invalid_grant");
}

#[tokio::test]
async fn scopes_named_at_the_exchange_add_nothing_to_what_was_allowed() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let code = gateway.code_with(&client, &[("scope", Some("observe"))]).await;
    let bought = gateway.redeem_with(&client, &code, &[("scope", Some("observe files run"))]).await;
    assert_eq!(bought.json()["scope"], "observe");
    let tokens = Tokens::of(&bought);
    let start = serde_json::json!({ "prompt": "x" });
    assert_eq!(gateway.tool(&tokens.access, "start_task", start).await.status, 403);
}
