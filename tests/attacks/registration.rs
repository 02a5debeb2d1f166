//! Clients that register themselves: what a stranger says about himself, and what it is worth.
//! Those that a document describes are in `documents`.
use gateway::gateway::admin::Call;
use serde_json::{Value, json};

use crate::harness::*;

/// As an honest client registers.
fn metadata() -> Value {
    json!({
        "client_name": "App",
        "redirect_uris": ["http://localhost/callback"],
        "token_endpoint_auth_method": "none",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut metadata = metadata();
    metadata[name] = value;
    metadata
}

/// Registers by a clock that goes on far enough for the brake to stay out of the way.
async fn try_register(gateway: &TestGateway, metadata: &Value) -> Answer {
    gateway.advance(30);
    gateway.send(Ask::post("/register").json(metadata)).await
}

#[track_caller]
fn told(answer: &Answer) -> Client {
    assert_eq!(answer.status, 201, "{}", answer.body);
    let told = answer.json();
    Client {
        id: told["client_id"].as_str().unwrap().to_owned(),
        secret: told["client_secret"].as_str().map(str::to_owned),
    }
}

async fn register(gateway: &TestGateway, metadata: &Value) -> Client {
    told(&try_register(gateway, metadata).await)
}

/// What the owner's list says of each client.
async fn listed(gateway: &TestGateway) -> Vec<Value> {
    gateway.call(Call::ListClients).await["clients"].as_array().unwrap().clone()
}

async fn listed_one(gateway: &TestGateway, client: &Client) -> Value {
    let mut all = listed(gateway).await.into_iter();
    all.find(|it| it["client_id"] == client.id.as_str()).expect("it is listed")
}

#[tokio::test]
async fn who_registers_gets_no_code_without_the_owner() {
    let gateway = TestGateway::start().await;
    let cookie = gateway.device().await;
    gateway.advance(600);
    // Her own browser may be made to register it: her cookie counts nothing there.
    let ask = Ask::post("/register").json(&metadata()).header("cookie", &cookie);
    let client = told(&gateway.send(ask).await);
    for (prompt, cookie) in [(None, "a=b"), (None, &*cookie), (Some("none"), &*cookie)] {
        let query = gateway.query(&client, &[("prompt", prompt)]);
        let page = gateway.send(Ask::get(&query).header("cookie", cookie)).await;
        assert_eq!((page.status, page.location()), (200, ""), "{prompt:?}");
        assert!(page.body.contains("name=\"code\""), "a tap is not enough: {}", page.body);
        let sealed = page.sealed();
        for code in [None, Some(""), Some("0000-0000"), Some(&*client.id)] {
            let mut fields = vec![("request", &*sealed), ("decision", "allow")];
            fields.extend(code.map(|code| ("code", code)));
            let ask = Ask::post("/authorize").form(&fields).header("cookie", cookie);
            gateway.send(ask).await.assert_refused("an answer without the owner");
        }
    }
    let client = listed_one(&gateway, &client).await;
    assert_eq!((&client["state"], &client["approved_at"]), (&json!("waiting"), &Value::Null));
}

#[tokio::test]
async fn no_member_of_a_registration_grants_anything() {
    let gateway = TestGateway::start().await;
    let own = gateway.mint("one").await;
    for id in [own.id.as_str(), "https://claude.ai/oauth/mcp-oauth-client-metadata", "gw_mine"] {
        let mut asks = metadata();
        for (name, value) in [
            ("client_id", json!(id)),
            ("id", json!(id)),
            ("client_secret", json!("gws_mine")),
            ("client_id_issued_at", json!(0)),
            ("registration_access_token", json!("mine")),
            ("registration", json!("static")),
            ("kind", json!("static")),
            ("approved_at", json!(1)),
            ("approved", json!(true)),
            ("expires_at", json!(null)),
            ("projects", json!(["all"])),
            ("scopes", json!(["run", "admin"])),
            ("scope", json!("observe admin owner *")),
            ("software_statement", json!("eyJhbGciOiJub25lIn0.eyJzY29wZSI6InJ1biJ9.")),
        ] {
            asks[name] = value;
        }
        let answer = try_register(&gateway, &asks).await;
        let (client, answer) = (told(&answer), answer.json());
        assert!(client.id.starts_with("gw_") && client.id != id, "{answer}");
        for name in ["client_secret", "registration_access_token", "projects", "approved"] {
            assert_eq!(answer.get(name), None, "{answer}");
        }
        assert_eq!(answer["scope"], "observe offline_access");
        assert_ne!(answer["client_id_issued_at"], 0);
        let listed = listed_one(&gateway, &client).await;
        assert_eq!(
            (&listed["kind"], &listed["state"], &listed["public"]),
            (&json!("dcr"), &json!("waiting"), &json!(true))
        );
        assert_ne!(listed["expires_at"], Value::Null, "what waits ends by itself");
        // Also when the owner allows it: she is asked for no more, and it gets no more.
        let page = gateway.page(&client, &[]).await;
        assert!(!page.body.contains("start, answer and cancel"), "{}", page.body);
        let token = gateway.sign_in(&client).await.access;
        let start = gateway.tool(&token, "start_task", json!({ "prompt": "x" })).await;
        assert_eq!(start.status, 403, "{}", start.body);
    }
    gateway.sign_in(&own).await;
}

#[tokio::test]
async fn a_registration_is_not_read_changed_or_ended_by_its_id() {
    let gateway = TestGateway::start().await;
    let own = gateway.mint("one").await;
    let client = register(&gateway, &metadata()).await;
    let other = with("redirect_uris", json!(["http://127.0.0.1/callback"]));
    for id in [&own.id, &client.id] {
        for target in [format!("/register/{id}"), format!("/register?client_id={id}")] {
            for method in ["GET", "PUT", "PATCH", "DELETE"] {
                let mut ask = Ask::new(method, &target).bearer(id);
                if method != "GET" {
                    ask = ask.json(&other);
                }
                let answer = gateway.send(ask).await;
                assert!(matches!(answer.status, 404 | 405), "{method} {target}: {}", answer.body);
            }
        }
    }
    let query = Ask::post(&format!("/register?client_id={}", own.id)).json(&metadata());
    assert_ne!(told(&gateway.send(query).await).id, own.id);
    gateway.sign_in(&own).await;
    gateway.sign_in(&client).await;
}

#[tokio::test]
async fn no_registration_is_taken_for_the_owners_client() {
    let gateway = TestGateway::start().await;
    // Neither before she makes hers nor after, waiting or allowed, by name or by id.
    let before = register(&gateway, &with("client_name", json!("phone"))).await;
    gateway.sign_in(&before).await;
    let own = gateway.mint("phone").await;
    for name in ["phone", " phone\u{202e}", "p\u{200b}hone", own.id.as_str()] {
        let client = register(&gateway, &with("client_name", json!(name))).await;
        let page = gateway.page(&client, &[]).await;
        assert!(page.body.contains("registered itself; never allowed before"), "{}", page.body);
        gateway.sign_in(&client).await;
    }
    let page = gateway.page(&own, &[]).await;
    assert!(page.body.contains("made by you with gateway mint-client"), "{}", page.body);
    for which in ["phone", own.id.as_str()] {
        let at = gateway.now().as_millis() + 3_600_000;
        let ended = gateway.call(Call::ExpireClient { client: which.to_owned(), at }).await;
        assert_eq!(ended["client_id"], own.id.as_str(), "{which}");
    }
    let rotated = gateway
        .call(Call::MintClient {
            name: "phone".to_owned(),
            scopes: Vec::new(),
            projects: Vec::new(),
            public: false,
            rotate: true,
        })
        .await;
    assert_eq!(rotated["client_id"], own.id.as_str());
    let ended = gateway.call(Call::RevokeClient { client: "phone".to_owned() }).await;
    assert_eq!(ended["client_id"], own.id.as_str());
    assert_eq!(listed_one(&gateway, &before).await["state"], "active");
}

#[tokio::test]
async fn no_address_that_misleads_the_answer_is_registered() {
    let gateway = TestGateway::start().await;
    for evil in [
        "",
        "*",
        "/callback",
        "//evil.example/callback",
        "https://evil.example/callback",
        "https://claude.ai.evil.example/api/mcp/auth_callback",
        "https://claude.ai@evil.example/api/mcp/auth_callback",
        "https://claude.ai/api/mcp/auth_callback#",
        "https://claude.ai/api/mcp/auth_callback?next=https://evil.example",
        "http://claude.ai/api/mcp/auth_callback",
        "http://localhost@evil.example/callback",
        "http://user:pass@localhost/callback",
        "http://localhost/callback#x",
        "http://localhost.evil.example/callback",
        "http://localhost./callback",
        "http://LOCALHOST/callback",
        "http://2130706433/callback",
        "http://0177.0.0.1/callback",
        "http://[::ffff:127.0.0.1]/callback",
        "http://0.0.0.0/callback",
        "http://169.254.169.254/callback",
        "http://localhost/callback\r\nlocation: https://evil.example",
        "http://localhost/callback/../../evil",
        "javascript:alert(1)//http://localhost/callback",
        "javascript://localhost/callback",
        "JavaScript://localhost/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "data://text/html,x",
        "file:///etc/passwd",
        "file://localhost/callback",
        "vbscript://x",
        "blob:https://evil.example/x",
        "view-source:https://evil.example",
        "about:blank",
        "ftp://localhost/callback",
        "ws://localhost/callback",
        "urn:ietf:wg:oauth:2.0:oob",
    ] {
        for uris in [vec![evil], vec!["http://localhost/callback", evil]] {
            let answer = try_register(&gateway, &with("redirect_uris", json!(uris))).await;
            assert_eq!(
                (answer.status, answer.error().as_str()),
                (400, "invalid_redirect_uri"),
                "{uris:?}: {}",
                answer.body
            );
            assert!(answer.body.contains("redirect_uris"), "{}", answer.body);
        }
    }
    assert!(listed(&gateway).await.is_empty(), "nothing was stored");
}

#[tokio::test]
async fn a_scheme_that_the_owner_did_not_open_is_not_registered_beside_another() {
    let gateway = TestGateway::start().await;
    let own = "evil-app://localhost/callback";
    let asks = with("redirect_uris", json!([own, "http://localhost/callback"]));
    let answer = try_register(&gateway, &asks).await;
    assert_eq!(answer.json()["redirect_uris"], json!(["http://localhost/callback"]));
    let client = told(&answer);
    let page = gateway.page(&client, &[("redirect_uri", Some(own))]).await;
    page.assert_refused(own);
    let alone = try_register(&gateway, &with("redirect_uris", json!([own]))).await;
    assert_eq!(alone.error(), "invalid_redirect_uri");
}

#[tokio::test]
async fn what_one_registration_named_is_no_address_of_another() {
    let gateway = TestGateway::start().await;
    let hosted = "https://claude.ai/api/mcp/auth_callback";
    let client = register(&gateway, &metadata()).await;
    register(&gateway, &with("redirect_uris", json!([hosted]))).await;
    for uri in [
        hosted,
        "http://localhost:4321/callback#x",
        "http://localhost:4321/callback?x",
        "http://localhost:4321/callback/",
        "http://localhost:4321/Callback",
        "http://x@localhost:4321/callback",
        "http://localhost:4321/oauth/callback",
        "http://127.0.0.1:4321/callback",
        "http://[::1]:4321/callback",
        "https://localhost:4321/callback",
        "http://localhost:4321/%63allback",
        "javascript:alert(1)",
    ] {
        gateway.page(&client, &[("redirect_uri", Some(uri))]).await.assert_refused(uri);
    }
    let twice = format!("{}&redirect_uri=https://evil.example", gateway.query(&client, &[]));
    gateway.send(Ask::get(&twice)).await.assert_refused("two addresses");
    // The port is free at the request, and bound from there on.
    let code = gateway.code(&client).await;
    let moved = [("redirect_uri", Some("http://localhost:9/callback"))];
    assert_eq!(gateway.redeem_with(&client, &code, &moved).await.error(), "invalid_grant");
}

#[tokio::test]
async fn what_one_registration_was_granted_no_other_redeems() {
    let gateway = TestGateway::start().await;
    let confidential = with("token_endpoint_auth_method", json!("client_secret_post"));
    for (victims, thiefs) in
        [(metadata(), metadata()), (metadata(), confidential.clone()), (confidential, metadata())]
    {
        let victim = register(&gateway, &victims).await;
        let thief = register(&gateway, &thiefs).await;
        // The owner has allowed both: they differ in nothing but the id.
        gateway.sign_in(&thief).await;
        let code = gateway.code(&victim).await;
        assert_eq!(gateway.redeem(&thief, &code).await.error(), "invalid_grant");
        let posing = Client { id: victim.id.clone(), secret: thief.secret.clone() };
        if victim.secret.is_some() || thief.secret.is_some() {
            let code = gateway.code(&victim).await;
            assert_eq!(gateway.redeem(&posing, &code).await.error(), "invalid_client");
        }
        let tokens = gateway.sign_in(&victim).await;
        let stolen = gateway.refresh(&thief, &tokens.refresh).await;
        assert_eq!(stolen.error(), "invalid_grant");
        assert_eq!(gateway.refresh(&victim, &tokens.refresh).await.status, 200);
    }
}

#[tokio::test]
async fn an_id_that_is_not_known_is_told_so_and_by_one_answer() {
    let gateway = TestGateway::start().await;
    let waited = register(&gateway, &metadata()).await;
    gateway.advance(24 * 3600);
    let revoked = register(&gateway, &metadata()).await;
    gateway.sign_in(&revoked).await;
    gateway.call(Call::RevokeClient { client: revoked.id.clone() }).await;
    let gateway = gateway.restart().await;
    let mut answers = Vec::new();
    for id in [waited.id.as_str(), revoked.id.as_str(), "gw_nobody", "gw_", "' OR 1=1 --"] {
        let client = Client { id: id.to_owned(), secret: None };
        gateway.page(&client, &[]).await.assert_refused(id);
        let answer = gateway.redeem(&client, "gwc_x").await;
        assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"), "{id}");
        answers.push(answer.body);
        let form = [("token", "gwr_x"), ("client_id", id)];
        let answer = gateway.send(Ask::post("/revoke").form(&form)).await;
        assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"), "{id}");
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}
