//! Audience: tokens of one address used at another.
use crate::harness::*;

/// Two public names of one gateway.
async fn two_names() -> TestGateway {
    TestGateway::start_with("server.allowed_hosts = [\"two.example\"]\n").await
}

#[tokio::test]
async fn a_token_bought_under_one_name_opens_nothing_under_another() {
    let mut gateway = two_names().await;
    let client = gateway.mint("one").await;
    let tokens = gateway.sign_in(&client).await;
    for host in ["two.example".to_owned(), gateway.address.to_string()] {
        gateway.host = host;
        assert_eq!(gateway.knock(&tokens.access).await, 401, "{}", gateway.host);
        let refreshed = gateway.refresh(&client, &tokens.refresh).await;
        assert_eq!(refreshed.error(), "invalid_grant", "{}", gateway.host);
    }
    PUBLIC.clone_into(&mut gateway.host);
    assert_eq!(gateway.knock(&tokens.access).await, 200);
}

#[tokio::test]
async fn a_token_of_the_loopback_address_opens_nothing_from_the_internet() {
    let mut gateway = two_names().await;
    let client = gateway.mint("one").await;
    gateway.host = gateway.address.to_string();
    gateway.origin = format!("http://{}", gateway.host);
    let tokens = gateway.sign_in(&client).await;
    assert_eq!(gateway.knock(&tokens.access).await, 200);
    PUBLIC.clone_into(&mut gateway.host);
    assert_eq!(gateway.knock(&tokens.access).await, 401);
}

#[tokio::test]
async fn a_code_of_one_name_is_not_redeemed_under_another() {
    let mut gateway = two_names().await;
    let client = gateway.mint("one").await;
    let code = gateway.code(&client).await;
    "two.example".clone_into(&mut gateway.host);
    assert_eq!(gateway.redeem(&client, &code).await.error(), "invalid_grant");
}

#[tokio::test]
async fn a_page_of_one_name_is_not_answered_under_another() {
    let mut gateway = two_names().await;
    let client = gateway.mint("one").await;
    let sealed = gateway.page(&client, &[]).await.sealed();
    "two.example".clone_into(&mut gateway.host);
    gateway.allow(&sealed, &gateway.pairing().await.code).await.assert_refused("another name");
}

#[tokio::test]
async fn no_token_is_made_for_somebody_elses_resource() {
    let gateway = two_names().await;
    let client = gateway.mint("one").await;
    for resource in [
        "https://other.example/mcp",
        "https://two.example/mcp",
        "http://h.example/mcp",
        "https://h.example:8443/mcp",
        "https://h.example/other",
        "https://h.example/mcp/../x",
        "https://h.example/mcp?x=1",
        "https://h.example/mcp#x",
        "https://user@h.example/mcp",
        "https://h.example.evil.example/mcp",
        "https://evil.example/h.example/mcp",
        "urn:x",
        "*",
        "null",
    ] {
        let answer = gateway.page(&client, &[("resource", Some(resource))]).await;
        assert_eq!(answer.sent("error").as_deref(), Some("invalid_target"), "{resource}");
        let code = gateway.code(&client).await;
        let bought = gateway.redeem_with(&client, &code, &[("resource", Some(resource))]).await;
        assert_eq!(bought.error(), "invalid_target", "{resource}");
        assert_eq!(gateway.redeem(&client, &code).await.status, 200, "{resource}");
    }
}

#[tokio::test]
async fn a_foreign_resource_does_not_hide_behind_ours() {
    let gateway = two_names().await;
    let client = gateway.mint("one").await;
    let query = gateway.query(&client, &[]);
    let answer =
        gateway.send(Ask::get(&format!("{query}&resource=https%3A%2F%2Fother.example"))).await;
    assert_eq!(answer.sent("error").as_deref(), Some("invalid_target"));
    let tokens = gateway.sign_in(&client).await;
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
        ("resource", "https://h.example/mcp"),
        ("resource", "https://other.example/mcp"),
    ];
    let ask = Ask::post("/token").form(&fields).header("authorization", &client.basic());
    assert_eq!(gateway.send(ask).await.error(), "invalid_target");
}

#[tokio::test]
async fn another_scheme_in_a_header_makes_no_other_address() {
    let gateway = two_names().await;
    for (name, value) in [
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-port", "8443"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-server", "evil.example"),
        ("x-host", "evil.example"),
        ("x-original-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=http"),
        ("front-end-https", "off"),
    ] {
        for path in
            ["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource"]
        {
            let answer = gateway.send(Ask::get(path).header(name, value)).await;
            assert!(answer.body.contains("\"https://h.example"), "{name}: {}", answer.body);
            assert!(!answer.body.contains("evil"), "{name}: {}", answer.body);
        }
        let challenge = gateway.send(Ask::get("/mcp").header(name, value)).await;
        let challenge = challenge.header("www-authenticate");
        assert!(challenge.contains("\"https://h.example/.well-known/"), "{name}: {challenge}");
    }
}
