//! Access and refresh tokens: stolen, replayed, guessed, sent where they do not belong.
use futures::future::join_all;
use gateway::gateway::admin::Call;
use serde_json::json;

use crate::harness::*;

/// Refresh tokens that are presented twice at once, in rounds of as many.
const DOUBLES: usize = 1_000;
const ROUND: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_refresh_tokens_presented_twice_at_once_never_become_two_pairs() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let mut tokens = Vec::new();
    for _ in 0..ROUND {
        tokens.push(gateway.sign_in(&client).await);
    }
    for _ in 0..DOUBLES / ROUND {
        let twice = tokens.iter().flat_map(|it| [&it.refresh, &it.refresh]);
        let answers = join_all(twice.map(|token| gateway.refresh(&client, token))).await;
        let pairs: Vec<_> = answers.iter().map(Tokens::of).collect();
        assert!(pairs.chunks(2).all(|pair| pair[0] == pair[1]), "one token became two pairs");
        tokens = pairs.into_iter().step_by(2).collect();
    }
    // Each chain is whole: what came last opens the door.
    assert_eq!(gateway.knock(&tokens[0].access).await, 200);
}

#[tokio::test]
async fn a_thief_who_refreshes_a_spent_token_ends_what_he_stole() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint_public("one").await;
    let stolen = gateway.sign_in(&client).await;
    let owners = Tokens::of(&gateway.refresh(&client, &stolen.refresh).await);
    assert_eq!(gateway.knock(&owners.access).await, 200);
    gateway.advance(61);
    assert_eq!(gateway.refresh(&client, &stolen.refresh).await.error(), "invalid_grant");
    for token in [&stolen.access, &owners.access] {
        assert_eq!(gateway.knock(token).await, 401);
    }
    assert_eq!(gateway.refresh(&client, &owners.refresh).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_thief_who_refreshes_first_is_found_out_by_the_owner() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint_public("one").await;
    let owners = gateway.sign_in(&client).await;
    let thiefs = Tokens::of(&gateway.refresh(&client, &owners.refresh).await);
    assert_eq!(gateway.knock(&thiefs.access).await, 200);
    gateway.advance(61);
    assert_eq!(gateway.refresh(&client, &owners.refresh).await.error(), "invalid_grant");
    assert_eq!(gateway.knock(&thiefs.access).await, 401);
    assert_eq!(gateway.refresh(&client, &thiefs.refresh).await.error(), "invalid_grant");
}

#[tokio::test]
async fn no_garbage_is_taken_for_a_token() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let good = gateway.sign_in(&client).await.access;
    let mut flipped = good.clone().into_bytes();
    flipped[20] ^= 1;
    let flipped = String::from_utf8(flipped).unwrap();
    for value in [
        "Bearer null",
        "Bearer undefined",
        "Bearer true",
        "Bearer 0",
        "Bearer *",
        "Bearer gwa_",
        "Bearer '",
        "Bearer ' OR '1'='1",
        "Bearer %67%77%61",
        "Bearer \u{e4}",
        "Bearer",
        "bearer",
        "",
        "Token x",
        &good,
        &format!("Bearer Bearer {good}"),
        &format!("Bearer {flipped}"),
        &format!("Bearer {}", &good[..good.len() - 1]),
        &format!("Bearer {good}A"),
        &format!("Bearer {good},{good}"),
        &format!("Bearer {}", good.to_uppercase()),
        &format!("Bearer \"{good}\""),
        &format!("Digest {good}"),
        &client.basic(),
    ] {
        let ask = modern("tools/list", json!({})).header("authorization", value);
        let answer = gateway.send(ask).await;
        assert_eq!(answer.status, 401, "{value}");
        assert!(answer.header("www-authenticate").contains("resource_metadata="), "{value}");
    }
    assert_eq!(gateway.knock(&good).await, 200);
}

#[tokio::test]
async fn a_token_counts_in_one_header_only() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let token = gateway.sign_in(&client).await.access;
    let message = modern("tools/list", json!({}));
    for name in ["x-api-key", "x-access-token", "proxy-authorization", "cookie", "x-authorization"]
    {
        for value in [token.clone(), format!("Bearer {token}"), format!("access_token={token}")] {
            let answer = gateway.send(message.clone().header(name, &value)).await;
            assert_eq!(answer.status, 401, "{name}: {value}");
        }
    }
    let twice = message.clone().bearer(&token).bearer(&token);
    assert_eq!(gateway.send(twice).await.status, 401);
    let body = Ask::post("/mcp").form(&[("access_token", &token)]);
    assert_eq!(gateway.send(body).await.status, 401);
}

#[tokio::test]
async fn a_token_in_the_address_opens_nothing_on_any_route() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let token = gateway.sign_in(&client).await.access;
    for name in ["access_token", "token", "bearer", "authorization", "api_key", "key"] {
        for path in ["/mcp", "/", "/events", "/api/tasks", "/pair"] {
            let mut ask = modern("tools/list", json!({}));
            ask.target = format!("{path}?{name}={token}");
            let status = gateway.send(ask.clone()).await.status;
            let expected: &[u16] = if path == "/mcp" { &[401] } else { &[404, 405, 415] };
            assert!(expected.contains(&status), "{path} {name}: {status}");
            "GET".clone_into(&mut ask.method);
            let answer = gateway.send(ask).await;
            assert!(matches!(answer.status, 200 | 401 | 404), "{path} {name}: {}", answer.status);
            assert!(!answer.body.contains(&token), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn a_refresh_token_opens_no_door_and_an_access_token_renews_nothing() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let tokens = gateway.sign_in(&client).await;
    assert_eq!(gateway.knock(&tokens.refresh).await, 401);
    assert_eq!(gateway.refresh(&client, &tokens.access).await.error(), "invalid_grant");
    assert_eq!(gateway.knock(&tokens.access).await, 200);
    assert_eq!(gateway.refresh(&client, &tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn a_token_of_one_gateway_is_worth_nothing_at_another() {
    let (one, other) = (TestGateway::start().await, TestGateway::start().await);
    let client = one.mint("one").await;
    other.mint("one").await;
    let tokens = one.sign_in(&client).await;
    assert_eq!(other.knock(&tokens.access).await, 401);
    assert_eq!(other.refresh(&client, &tokens.refresh).await.error(), "invalid_client");
}

#[tokio::test]
async fn no_header_of_the_caller_widens_what_its_token_may_do() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let token = gateway.sign_in_with(&client, &[("scope", Some("observe"))]).await.access;
    let call =
        modern("tools/call", json!({ "name": "start_task", "arguments": { "prompt": "x" } }));
    for (name, value) in [
        ("x-oauth-scopes", "run"),
        ("x-openclaw-scopes", "run"),
        ("scope", "run"),
        ("x-forwarded-user", "owner"),
        ("x-remote-user", "owner"),
        ("x-gateway-admin", "true"),
        ("x-http-method-override", "DELETE"),
    ] {
        let answer = gateway.send(call.clone().bearer(&token).header(name, value)).await;
        assert_eq!(answer.status, 403, "{name}");
        assert!(answer.header("www-authenticate").contains("insufficient_scope"), "{name}");
    }
}

#[tokio::test]
async fn no_meta_of_a_message_widens_what_its_token_may_do() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let token = gateway.sign_in_with(&client, &[("scope", Some("observe"))]).await.access;
    for meta in ["scopes", "scope", "principal", "client_id", "caller", "role"] {
        let params = json!({
            "name": "cancel_task",
            "arguments": { "task_id": "all" },
            "_meta": { meta: ["run", "owner"] },
        });
        assert_eq!(gateway.rpc(&token, "tools/call", params).await.status, 403, "{meta}");
    }
}

#[tokio::test]
async fn a_tool_is_not_called_under_the_name_of_another() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let token = gateway.sign_in_with(&client, &[("scope", Some("observe"))]).await.access;
    let call = json!({ "name": "cancel_task", "arguments": { "task_id": "all" } });
    let mut ask = modern("tools/call", call);
    ask.headers.retain(|(name, _)| name != "mcp-name" && name != "mcp-method");
    let ask = ask.header("mcp-method", "tools/list").header("mcp-name", "list_tasks");
    assert_eq!(gateway.send(ask.bearer(&token)).await.status, 403, "the body decides");
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_tasks","name":"cancel_task","arguments":{"task_id":"all"}}}"#;
    let session = gateway.session(&token).await;
    let ask = legacy(&json!({})).bearer(&token).header("mcp-session-id", &session);
    let answer = gateway.send(ask.body(twice)).await;
    assert!(answer.status >= 400 || answer.json()["error"].is_object(), "{}", answer.body);
}

#[tokio::test]
async fn a_revoked_client_is_shut_out_at_its_next_request() {
    let gateway = TestGateway::start().await;
    let (client, other) = (gateway.mint("one").await, gateway.mint("other").await);
    let tokens = gateway.sign_in(&client).await;
    let others = gateway.sign_in(&other).await;
    let session = gateway.session(&tokens.access).await;
    assert_eq!(gateway.in_session(&tokens.access, &session).await, 200);
    gateway.call(Call::RevokeClient { client: "one".to_owned() }).await;
    assert_eq!(gateway.in_session(&tokens.access, &session).await, 401);
    assert_eq!(gateway.knock(&tokens.access).await, 401);
    assert_eq!(gateway.refresh(&client, &tokens.refresh).await.error(), "invalid_client");
    assert_eq!(gateway.page(&client, &[]).await.status, 400);
    assert_eq!(gateway.knock(&others.access).await, 200);
}

#[tokio::test]
async fn a_client_that_has_expired_is_shut_out_at_its_next_request() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let tokens = gateway.sign_in(&client).await;
    let at = gateway.now().as_millis() + 10_000;
    gateway.call(Call::ExpireClient { client: "one".to_owned(), at }).await;
    assert_eq!(gateway.knock(&tokens.access).await, 200);
    gateway.advance(10);
    assert_eq!(gateway.knock(&tokens.access).await, 401);
    assert_eq!(gateway.refresh(&client, &tokens.refresh).await.error(), "invalid_client");
}

#[tokio::test]
async fn a_rotated_secret_ends_when_it_was_said_to_without_a_restart() {
    let gateway = TestGateway::start().await;
    let old = gateway.mint("one").await;
    let rotated = gateway
        .call(Call::MintClient {
            name: "one".to_owned(),
            scopes: Vec::new(),
            projects: Vec::new(),
            public: false,
            rotate: true,
        })
        .await;
    let secret = rotated["client_secret"].as_str().map(str::to_owned);
    let new = Client { id: old.id.clone(), secret };
    let tokens = gateway.sign_in(&old).await;
    gateway.advance(3_600);
    assert_eq!(gateway.refresh(&old, &tokens.refresh).await.error(), "invalid_client");
    assert_eq!(gateway.refresh(&new, &tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn a_token_alone_revokes_nothing() {
    let gateway = TestGateway::start().await;
    let (client, other) = (gateway.mint("one").await, gateway.mint("other").await);
    let tokens = gateway.sign_in(&client).await;
    let alone = Ask::post("/revoke").form(&[("token", &tokens.access)]);
    assert_eq!(gateway.send(alone.clone()).await.status, 401);
    assert_eq!(gateway.send(alone.clone().bearer(&tokens.access)).await.status, 401);
    let foreign = alone.header("authorization", &other.basic());
    assert_eq!(gateway.send(foreign).await.status, 200, "RFC 7009 section 2.2");
    assert_eq!(gateway.knock(&tokens.access).await, 200);
}

#[tokio::test]
async fn a_revoked_token_cannot_be_renewed_or_used_again() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    for revoke_access in [true, false] {
        let tokens = gateway.sign_in(&client).await;
        let token = if revoke_access { &tokens.access } else { &tokens.refresh };
        let ask = Ask::post("/revoke").form(&[("token", token)]);
        let answer = gateway.send(ask.header("authorization", &client.basic())).await;
        assert_eq!(answer.status, 200);
        assert_eq!(gateway.knock(&tokens.access).await, 401);
        assert_eq!(gateway.refresh(&client, &tokens.refresh).await.error(), "invalid_grant");
    }
}

#[tokio::test]
async fn no_grant_without_the_owner_is_known() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let token = gateway.sign_in(&client).await.access;
    for grant in [
        "password",
        "client_credentials",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "AUTHORIZATION_CODE",
    ] {
        let fields = [
            ("grant_type", grant),
            ("username", "owner"),
            ("password", "owner"),
            ("scope", "run"),
            ("subject_token", token.as_str()),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("assertion", "e30.e30."),
        ];
        let ask = Ask::post("/token").form(&fields).header("authorization", &client.basic());
        assert_eq!(gateway.send(ask).await.error(), "unsupported_grant_type", "{grant}");
    }
}

#[tokio::test]
async fn no_answer_that_carries_or_refuses_a_token_is_kept_by_a_cache() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let code = gateway.code(&client).await;
    let bought = gateway.redeem(&client, &code).await;
    let renewed = gateway.refresh(&client, &Tokens::of(&bought).refresh).await;
    let refused = gateway.refresh(&client, "gwr_x").await;
    for answer in [bought, renewed, refused] {
        assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.status);
        assert_eq!(answer.header("pragma"), "no-cache", "{}", answer.status);
    }
}

#[tokio::test]
async fn two_hundred_tokens_have_nothing_in_common() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let mut seen = std::collections::HashSet::new();
    let mut tokens = gateway.sign_in(&client).await;
    for _ in 0..100 {
        tokens = Tokens::of(&gateway.refresh(&client, &tokens.refresh).await);
        for token in [&tokens.access, &tokens.refresh] {
            assert!(token.len() >= 4 + 43, "256 bits: {token}");
            assert!(seen.insert(token[4..12].to_owned()), "the same beginning twice");
        }
    }
}
