//! The cases of the attack tables that existing servers of this kind fail.
use std::sync::Arc;

use futures::future::join_all;
use http::{HeaderMap, StatusCode, header};

use super::harness::*;
use crate::auth::AuthSettings;
use crate::clock::{ManualClock, Timestamp};
use crate::store::Store;

/// A gateway on a real file, whose writer is a thread of its own: races are real there.
fn on_disk() -> (TestGateway, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_153_266_120)));
    let store = Store::open(&dir.path().join("gateway.db"), clock.clone()).unwrap();
    (TestGateway::on(store, clock, AuthSettings::default()), dir)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_rounds_of_sixteen_redemptions_redeem_each_code_once() {
    let (gateway, _dir) = on_disk();
    let gateway = Arc::new(gateway);
    let client = Arc::new(gateway.mint().await);
    for round in 0..1_000 {
        let code = gateway.code(&client).await;
        let tries = (0..16).map(|_| {
            let (gateway, client, code) = (gateway.clone(), client.clone(), code.clone());
            tokio::spawn(async move { gateway.redeem(&client, &code).await })
        });
        let answers = join_all(tries).await;
        let bought: Vec<_> = answers
            .into_iter()
            .map(Result::unwrap)
            .filter(|answer| answer.status == StatusCode::OK)
            .collect();
        assert_eq!(bought.len(), 1, "round {round}");
        let tokens = Tokens::of(&bought[0]);
        assert!(gateway.check(&tokens.access).is_err(), "the replays revoked it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_refreshes_at_once_make_one_pair_in_every_round() {
    let (gateway, _dir) = on_disk();
    let gateway = Arc::new(gateway);
    let client = Arc::new(gateway.mint().await);
    let mut refresh = gateway.sign_in(&client).await.refresh;
    for round in 0..200 {
        let tries = (0..16).map(|_| {
            let (gateway, client, refresh) = (gateway.clone(), client.clone(), refresh.clone());
            tokio::spawn(async move { gateway.refresh(&client, &refresh).await })
        });
        let answers: Vec<_> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
        let pairs: std::collections::HashSet<_> = answers
            .iter()
            .map(|answer| {
                let tokens = Tokens::of(answer);
                (tokens.access, tokens.refresh)
            })
            .collect();
        assert_eq!(pairs.len(), 1, "round {round}");
        refresh = pairs.into_iter().next().unwrap().1;
    }
}

#[tokio::test]
async fn a_spent_access_token_is_worth_nothing_while_the_use_of_the_new_one_is_being_written() {
    let (gateway, _dir) = on_disk();
    let client = gateway.mint().await;
    let first = gateway.sign_in(&client).await;
    let second = Tokens::of(&gateway.refresh(&client, &first.refresh).await);
    gateway.check(&second.access).unwrap();
    gateway.advance(61);
    // The writer is busy, so that what is to be written waits, known to nobody but its closure.
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let busy = gateway.store.write(move |_| {
        gate.recv().unwrap();
        Ok::<_, crate::store::StoreError>(())
    });
    let flush = gateway.server.flush_marks();
    futures::pin_mut!(busy, flush);
    assert!(futures::poll!(&mut busy).is_pending() && futures::poll!(&mut flush).is_pending());
    assert!(gateway.check(&first.access).is_err());
    go.send(()).unwrap();
    busy.await.unwrap();
    flush.await.unwrap();
    assert!(gateway.check(&first.access).is_err());
    assert!(gateway.check(&second.access).is_ok());
}

#[tokio::test]
async fn wrong_secrets_are_slowed_down_and_the_right_one_never_is() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let code = gateway.code(&client).await;
    let mut slowed = 0;
    for n in 0..300 {
        let guess = format!("gws_{n}");
        let answer = gateway.redeem_with(&client, &code, &[("client_secret", Some(&guess))]).await;
        assert_eq!(answer.error(), "invalid_client");
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(!answer.header(header::RETRY_AFTER).is_empty());
            slowed += 1;
        }
    }
    assert!(slowed > 280, "only {slowed} of 300 were slowed down");
    Tokens::of(&gateway.redeem(&client, &code).await);
}

#[tokio::test]
async fn a_flood_of_random_bearers_is_remembered_by_nobody() {
    let gateway = TestGateway::start();
    for n in 0..3_000 {
        assert!(gateway.check(&format!("gwa_{n:043}")).is_err());
        assert!(gateway.check(&"x".repeat(32 * 1024)).is_err());
    }
    assert_eq!(gateway.server.remembered_bearers(), 0);
}

#[tokio::test]
async fn a_token_in_the_url_opens_nothing() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let tokens = gateway.sign_in(&client).await;
    let secret = client.secret.as_ref().unwrap().expose();
    let path = format!(
        "/token?grant_type=refresh_token&refresh_token={}&client_id={}&client_secret={secret}",
        tokens.refresh, client.client.id
    );
    assert_eq!(gateway.post(&path, &[]).await.error(), "invalid_client");
    assert!(
        gateway.server.check_bearer(&HeaderMap::new(), &gateway.origin, gateway.ingress()).is_err()
    );
}

#[tokio::test]
async fn a_known_client_and_url_alone_get_nobody_in() {
    let gateway = TestGateway::start();
    let client = gateway.mint_as(crate::model::Scopes::all(), true).await;
    let sealed = gateway.authorize(&client).await.sealed();
    for fields in [
        vec![("request", sealed.as_str()), ("decision", "allow")],
        vec![("request", sealed.as_str()), ("decision", "allow"), ("code", "")],
        vec![("decision", "allow"), ("code", "0000-0000")],
    ] {
        let answer = gateway.post("/authorize", &fields).await;
        assert!(answer.status.is_client_error());
        assert_eq!(answer.location(), "");
    }
    assert_eq!(gateway.redeem(&client, "gwc_guess").await.error(), "invalid_grant");
    assert_eq!(gateway.store.read(|tx| tx.count("tokens")).unwrap(), 0);
}

#[tokio::test]
async fn no_answer_tells_a_wrong_secret_from_an_unknown_client() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let wrong = gateway.redeem_with(&client, "x", &[("client_secret", Some("x"))]).await;
    let unknown = gateway.redeem_with(&client, "x", &[("client_id", Some("gw_x"))]).await;
    assert_eq!((wrong.status, wrong.body), (unknown.status, unknown.body));
}

#[tokio::test]
async fn a_failing_store_grants_nothing_and_leaks_nothing() {
    let (gateway, _dir) = on_disk();
    let client = gateway.mint().await;
    let code = gateway.code(&client).await;
    let sealed = gateway.authorize(&client).await.sealed();
    let consent_code = gateway.server.pairings().open().code;
    gateway.store.close();
    let answer = gateway.redeem(&client, &code).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let text = answer.body.to_lowercase();
    assert!(!text.contains("sql") && !text.contains("database"), "{text}");
    let answer = gateway.allow(&sealed, &consent_code).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SERVICE_UNAVAILABLE, ""));
}

#[tokio::test]
async fn the_database_holds_no_secret_in_the_clear() {
    let (gateway, dir) = on_disk();
    let client = gateway.mint().await;
    let cookie = gateway.pair().await;
    let code = gateway.code(&client).await;
    let first = Tokens::of(&gateway.redeem(&client, &code).await);
    let second = Tokens::of(&gateway.refresh(&client, &first.refresh).await);
    gateway.store.close();
    let mut stored = Vec::new();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        stored.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let secret = client.secret.as_ref().unwrap().expose();
    let cookie = cookie.split_once('=').unwrap().1;
    for secret in
        [secret, cookie, &code, &first.access, &first.refresh, &second.access, &second.refresh]
    {
        let needle = secret.as_bytes();
        assert!(!stored.windows(needle.len()).any(|it| it == needle), "{}", &secret[..4]);
    }
}

#[tokio::test]
async fn debug_output_shows_no_secret() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let pairing = gateway.server.pairings().open();
    let text = format!("{client:?} {pairing:?} {:?}", gateway.server);
    for secret in [client.secret.as_ref().unwrap().expose(), &pairing.code, &pairing.url_fragment] {
        assert!(!text.contains(secret));
    }
    assert!(!text.contains(&pairing.code.replace('-', "")));
}
