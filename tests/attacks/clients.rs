//! Clients: impersonated, enumerated, their secrets guessed, their bounds overstepped.
//! Those that register themselves are in `registration`, those that a document describes in `documents`.
use gateway::gateway::admin::Call;
use serde_json::json;

use crate::harness::*;

#[tokio::test]
async fn a_client_is_not_proven_by_anything_but_its_own_secret() {
    let gateway = TestGateway::start().await;
    let (client, other) = (gateway.mint("one").await, gateway.mint("other").await);
    let secret = client.secret.clone().unwrap();
    let padded = format!("{secret} ");
    let wrongs = [
        None,
        Some(""),
        Some("null"),
        Some("undefined"),
        Some(client.id.as_str()),
        other.secret.as_deref(),
        Some(&secret[..secret.len() - 1]),
        Some(padded.as_str()),
    ];
    for wrong in wrongs {
        let code = gateway.code(&client).await;
        let answer = gateway.redeem_with(&client, &code, &[("client_secret", wrong)]).await;
        assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"), "{wrong:?}");
        assert_eq!(gateway.redeem(&client, &code).await.status, 200);
    }
}

#[tokio::test]
async fn a_secret_does_not_pass_for_that_of_a_public_client() {
    let gateway = TestGateway::start().await;
    let (public, other) = (gateway.mint_public("public").await, gateway.mint("other").await);
    let code = gateway.code(&public).await;
    let secret = [("client_secret", other.secret.as_deref())];
    assert_eq!(gateway.redeem_with(&public, &code, &secret).await.error(), "invalid_client");
}

#[tokio::test]
async fn a_confidential_client_is_not_used_as_a_public_one() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let tokens = gateway.sign_in(&client).await;
    let public = Client { id: client.id.clone(), secret: None };
    assert_eq!(gateway.refresh(&public, &tokens.refresh).await.error(), "invalid_client");
    let code = gateway.code(&client).await;
    assert_eq!(gateway.redeem(&public, &code).await.error(), "invalid_client");
    for method in ["none", "client_secret_post", "private_key_jwt"] {
        let changes = [("client_secret", None), ("token_endpoint_auth_method", Some(method))];
        assert_eq!(gateway.redeem_with(&client, &code, &changes).await.error(), "invalid_client");
    }
}

#[tokio::test]
async fn two_proofs_at_once_are_none() {
    let gateway = TestGateway::start().await;
    let (client, other) = (gateway.mint("one").await, gateway.mint("other").await);
    let tokens = gateway.sign_in(&client).await;
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
        ("client_id", client.id.as_str()),
        ("client_secret", client.secret.as_deref().unwrap()),
    ];
    let both = Ask::post("/token").form(&fields).header("authorization", &other.basic());
    assert_eq!(gateway.send(both).await.error(), "invalid_request");
    let twice = Ask::post("/token").form(&fields[..2]);
    let twice =
        twice.header("authorization", &other.basic()).header("authorization", &client.basic());
    let answer = gateway.send(twice).await;
    assert!(matches!(answer.status, 400 | 401), "{}", answer.body);
    assert_eq!(gateway.knock(&tokens.access).await, 200);
}

#[tokio::test]
async fn an_assertion_is_no_proof() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let code = gateway.code(&client).await;
    let changes = [
        ("client_secret", None),
        ("client_assertion_type", Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")),
        ("client_assertion", Some("eyJhbGciOiJub25lIn0.e30.")),
    ];
    assert_eq!(gateway.redeem_with(&client, &code, &changes).await.error(), "invalid_client");
}

#[tokio::test]
async fn nobody_learns_from_a_refusal_whether_a_client_exists() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let revoked = gateway.mint("revoked").await;
    gateway.call(Call::RevokeClient { client: "revoked".to_owned() }).await;
    let mut answers = Vec::new();
    for id in [client.id.as_str(), revoked.id.as_str(), "gw_nobody", "' OR 1=1 --", "../x"] {
        let changes = [("client_id", Some(id)), ("client_secret", Some("gws_wrong"))];
        let answer = gateway.redeem_with(&client, "gwc_x", &changes).await;
        answers.push((answer.status, answer.body));
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[tokio::test]
async fn secrets_are_guessed_slowly_on_every_route_that_takes_them() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    for path in ["/token", "/revoke"] {
        let address = if path == "/token" { "203.0.113.1" } else { "203.0.113.2" };
        let mut slowed = 0;
        for n in 0..60 {
            let guess = Client { id: client.id.clone(), secret: Some(format!("gws_{n}")) };
            let fields = [("token", "x"), ("grant_type", "refresh_token"), ("refresh_token", "x")];
            let ask = Ask::post(path).form(&fields).visitor(address);
            let answer = gateway.send(ask.header("authorization", &guess.basic())).await;
            assert_eq!(answer.error(), "invalid_client");
            if answer.status == 429 {
                assert!(answer.has("retry-after"), "{path}");
                slowed += 1;
            }
        }
        assert_eq!(slowed, 50, "{path}");
        let right = Ask::post(path).form(&[("token", "x")]).visitor(address);
        let right = gateway.send(right.header("authorization", &client.basic())).await;
        assert_ne!(right.status, 429, "{path}: the right secret is never held up");
    }
}

#[tokio::test]
async fn a_client_held_to_one_project_reaches_no_other() {
    let projects = tempfile::tempdir().unwrap();
    let mut settings = String::new();
    for name in ["alpha", "beta"] {
        let path = projects.path().join(name);
        std::fs::create_dir(&path).unwrap();
        settings.push_str(&format!("projects.{name}.path = {:?}\n", path.display().to_string()));
    }
    let gateway = TestGateway::start_with(&settings).await;
    let client = gateway.mint_as("one", &[], &["alpha"], false).await;
    let token = gateway.sign_in(&client).await.access;
    let listed = gateway.tool(&token, "list_projects", json!({})).await;
    assert!(listed.body.contains("alpha") && !listed.body.contains("beta"), "{}", listed.body);
    for (tool, arguments) in [
        ("start_task", json!({ "prompt": "x", "project": "beta" })),
        ("list_tasks", json!({ "project": "beta" })),
    ] {
        let refused = gateway.tool(&token, tool, arguments).await.json();
        assert_eq!(refused["result"]["isError"], true, "{tool}: {refused}");
        assert!(!refused.to_string().contains(&projects.path().display().to_string()));
    }
}

#[tokio::test]
async fn a_client_that_may_only_look_can_be_talked_into_nothing_more() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint_as("one", &["observe"], &[], false).await;
    let page = gateway.page(&client, &[("scope", Some("observe files run"))]).await;
    assert!(!page.body.contains("start, answer and cancel"), "{}", page.body);
    let token = gateway.sign_in(&client).await.access;
    for (tool, arguments) in [
        ("start_task", json!({ "prompt": "x" })),
        ("cancel_task", json!({ "task_id": "all" })),
        ("get_diff", json!({ "task_id": "0".repeat(26) })),
    ] {
        assert_eq!(gateway.tool(&token, tool, arguments).await.status, 403, "{tool}");
    }
    let only_run = gateway.page(&client, &[("scope", Some("run"))]).await;
    assert_eq!(only_run.sent("error").as_deref(), Some("invalid_scope"));
}

#[tokio::test]
async fn the_ids_of_clients_are_no_key_to_anything() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint_public("one").await;
    let page = gateway.page(&client, &[]).await;
    assert_eq!((page.status, page.location()), (200, ""));
    assert_eq!(gateway.knock(&client.id).await, 401);
    for grant in ["authorization_code", "refresh_token"] {
        let fields = [("grant_type", grant), ("client_id", &client.id), ("code", "x")];
        let answer = gateway.send(Ask::post("/token").form(&fields)).await;
        assert_eq!(answer.status, 400, "{grant}: {}", answer.body);
    }
}
