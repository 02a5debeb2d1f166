//! Tokens that the owner made at the terminal: used from elsewhere, for more, for longer.
use std::process::Command;

use gateway::gateway::admin::Call;
use gateway_os::peer::TASK_MARKER;
use serde_json::{Value, json};

use crate::harness::*;

/// Marks of proxies, and what somebody may write into them to pass for a neighbour.
const FORWARDED: [(&str, &str); 7] = [
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-host", "127.0.0.1"),
    ("x-forwarded-proto", "http"),
    ("x-real-ip", "127.0.0.1"),
    ("forwarded", "for=127.0.0.1;host=localhost"),
    ("via", "1.1 localhost"),
    ("cf-connecting-ip", "127.0.0.1"),
];

fn message() -> Ask {
    modern("tools/list", json!({}))
}

/// Requests go to the loopback address from now on.
fn go_local(gateway: &mut TestGateway) {
    gateway.host = gateway.address.to_string();
}

/// A token of the owner's own as the terminal lists it.
async fn listed(gateway: &TestGateway, name: &str) -> Value {
    let listed = gateway.call(Call::ListClients).await;
    let clients = listed["clients"].as_array().unwrap();
    clients.iter().find(|it| it["name"] == name).unwrap().clone()
}

#[tokio::test]
async fn a_local_token_opens_nothing_through_the_tunnel_whatever_headers_say() {
    let mut gateway = TestGateway::tunnelled("limits.burst = 100000\n").await;
    let token = gateway.mint_token("script", &[], &[], false).await;
    let unknown = gateway.send(message().bearer("gwt_unknown")).await;
    for was_used_at_home in [false, true] {
        let refused = gateway.send(message().bearer(&token)).await;
        assert_eq!(refused.status, 401, "used at home before: {was_used_at_home}");
        assert!(refused.body.contains("own machine alone"), "{}", refused.body);
        assert_eq!(refused.body, unknown.body, "a finder does not learn that it is one");
        let challenge = refused.header("www-authenticate");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        assert_eq!(challenge, unknown.header("www-authenticate"));
        for (name, value) in FORWARDED {
            let answer = gateway.send(message().bearer(&token).header(name, value)).await;
            assert_eq!(answer.status, 401, "{name}");
        }
        assert!(listed(&gateway, "script").await["last_used_at"].is_null() || was_used_at_home);
        go_local(&mut gateway);
        assert_eq!(gateway.knock(&token).await, 200);
        TUNNEL.clone_into(&mut gateway.host);
    }
}

#[tokio::test]
async fn a_local_token_opens_nothing_that_a_proxy_passes_on() {
    let mut gateway = TestGateway::start().await;
    let token = gateway.mint_token("script", &[], &[], false).await;
    assert_eq!(gateway.knock(&token).await, 401, "under the name of the owner's proxy");
    // A proxy that hides the name it was called by.
    go_local(&mut gateway);
    assert_eq!(gateway.knock(&token).await, 200);
    for (name, value) in FORWARDED.into_iter().chain([("x-forwarded-for", "203.0.113.7")]) {
        let answer = gateway.send(message().bearer(&token).header(name, value)).await;
        assert_eq!(answer.status, 401, "{name}: {value}");
    }
    assert_eq!(gateway.knock(&token).await, 200);
}

#[tokio::test]
async fn a_local_token_does_not_take_its_session_along_through_the_tunnel() {
    let mut gateway = TestGateway::start().await;
    let token = gateway.mint_token("script", &[], &[], false).await;
    go_local(&mut gateway);
    let session = gateway.session(&token).await;
    assert_eq!(gateway.in_session(&token, &session).await, 200);
    PUBLIC.clone_into(&mut gateway.host);
    assert_eq!(gateway.in_session(&token, &session).await, 401);
}

#[tokio::test]
async fn a_token_for_every_way_in_belongs_to_no_address_and_to_one_gateway() {
    let settings = "server.allowed_hosts = [\"two.example\"]\n";
    let mut gateway = TestGateway::start_with(settings).await;
    let token = gateway.mint_token("script", &[], &[], true).await;
    for host in [PUBLIC.to_owned(), "two.example".to_owned(), gateway.address.to_string()] {
        gateway.host = host;
        assert_eq!(gateway.knock(&token).await, 200, "{}", gateway.host);
    }
    assert_eq!(TestGateway::start().await.knock(&token).await, 401);
    let mut gateway = gateway.restart().await;
    go_local(&mut gateway);
    assert_eq!(gateway.knock(&token).await, 200, "after a restart, at another port");
}

#[tokio::test]
async fn a_minted_token_counts_in_its_header_only() {
    let gateway = TestGateway::local("").await;
    let token = gateway.mint_token("script", &[], &[], true).await;
    for name in ["access_token", "token", "bearer", "api_key"] {
        let mut ask = message();
        ask.target = format!("/mcp?{name}={token}");
        assert_eq!(gateway.send(ask).await.status, 401, "{name} in the query");
        let form = Ask::post("/mcp").form(&[(name, &token)]);
        assert_eq!(gateway.send(form).await.status, 401, "{name} in a form");
        let cookie = message().header("cookie", &format!("{name}={token}"));
        assert_eq!(gateway.send(cookie).await.status, 401, "{name} in a cookie");
    }
    let basic = message().header("authorization", &format!("Basic {token}"));
    assert_eq!(gateway.send(basic).await.status, 401);
    assert_eq!(gateway.knock(&token).await, 200);
}

/// Opens an event stream with a token.
async fn stream(gateway: &TestGateway, token: &str) -> Wire {
    let notifications = json!({ "notifications": { "resourcesListChanged": true } });
    let ask = modern("subscriptions/listen", notifications).bearer(token);
    let mut wire = gateway.wire().await;
    wire.write(&ask.bytes(&gateway.host)).await;
    assert_eq!(wire.head().await.unwrap().status, 200);
    wire
}

#[tokio::test]
async fn a_revoked_token_ends_at_the_next_request_with_all_that_it_opened() {
    let gateway = TestGateway::local("").await;
    let token = gateway.mint_token("script", &[], &[], false).await;
    let spared = gateway.mint_token("other", &[], &[], false).await;
    let session = gateway.session(&token).await;
    let mut open = stream(&gateway, &token).await;
    gateway.call(Call::RevokeClient { client: "script".to_owned() }).await;
    open.body_end().await;
    assert_eq!(gateway.in_session(&token, &session).await, 401);
    assert_eq!(gateway.knock(&token).await, 401);
    assert_eq!(gateway.knock(&spared).await, 200);
    let gateway = gateway.restart().await;
    assert_eq!(listed(&gateway, "script").await["state"], "revoked");
}

#[tokio::test]
async fn an_expired_token_ends_at_its_moment_with_all_that_it_opened() {
    let gateway = TestGateway::local("").await;
    let token = gateway.mint_token("script", &[], &[], false).await;
    let mut open = stream(&gateway, &token).await;
    gateway.advance(3_599);
    assert_eq!(gateway.knock(&token).await, 200);
    gateway.advance(1);
    assert_eq!(gateway.knock(&token).await, 401);
    open.body_end().await;
    assert_eq!(listed(&gateway, "script").await["state"], "expired");
    // What was once worth nothing is never worth something again.
    let at = gateway.now().as_millis() + 60_000;
    let revived = Call::ExpireClient { client: "script".to_owned(), at };
    let refused = gateway.try_call(revived).await.unwrap_err();
    assert!(refused.message.ends_with("has ended"), "{}", refused.message);
    assert_eq!(gateway.knock(&token).await, 401);
}

#[tokio::test]
async fn no_token_outlives_a_year_whatever_the_owner_says_later() {
    let gateway = TestGateway::local("").await;
    let token = gateway.mint_token("script", &[], &[], false).await;
    let year = 365 * 24 * 3600;
    let mint = Call::MintToken {
        name: "long".to_owned(),
        scopes: Vec::new(),
        projects: Vec::new(),
        lifetime_secs: year + 1,
        anywhere: false,
    };
    assert!(gateway.try_call(mint).await.unwrap_err().hint.contains("mint-token"));
    let expire = |secs: u64| {
        let at = gateway.now().as_millis() + i64::try_from(secs * 1000).unwrap();
        gateway.try_call(Call::ExpireClient { client: "script".to_owned(), at })
    };
    assert!(expire(year + 1).await.is_err());
    expire(year).await.unwrap();
    gateway.advance(year - 1);
    assert_eq!(gateway.knock(&token).await, 200);
    gateway.advance(1);
    assert_eq!(gateway.knock(&token).await, 401);
}

#[tokio::test]
async fn a_token_reaches_no_further_than_its_scopes_and_projects() {
    let projects = tempfile::tempdir().unwrap();
    let mut settings = String::new();
    for name in ["alpha", "beta"] {
        let path = projects.path().join(name);
        std::fs::create_dir(&path).unwrap();
        settings.push_str(&format!("projects.{name}.path = {:?}\n", path.display().to_string()));
    }
    let gateway = TestGateway::local(&settings).await;
    let looks = gateway.mint_token("looks", &["observe"], &[], false).await;
    for (tool, arguments) in [
        ("start_task", json!({ "prompt": "x" })),
        ("cancel_task", json!({ "task_id": "all" })),
        ("get_diff", json!({ "task_id": "0".repeat(26) })),
    ] {
        let refused = gateway.tool(&looks, tool, arguments).await;
        assert_eq!(refused.status, 403, "{tool}");
        assert!(refused.header("www-authenticate").contains("insufficient_scope"), "{tool}");
    }
    let held = gateway.mint_token("held", &[], &["alpha"], false).await;
    let seen = gateway.tool(&held, "list_projects", json!({})).await.body;
    assert!(seen.contains("alpha") && !seen.contains("beta"), "{seen}");
    let foreign = json!({ "prompt": "x", "project": "beta" });
    let refused = gateway.tool(&held, "start_task", foreign).await.json();
    assert_eq!(refused["result"]["isError"], true, "{refused}");
    for scope in ["offline_access", "admin", "observe run", "*", ""] {
        let mint = Call::MintToken {
            name: "more".to_owned(),
            scopes: vec![scope.to_owned()],
            projects: Vec::new(),
            lifetime_secs: 60,
            anywhere: false,
        };
        let refused = gateway.try_call(mint).await.unwrap_err();
        assert_eq!(refused.hint, "use observe, files, run", "{scope}");
    }
}

#[tokio::test]
async fn a_minted_token_is_worth_nothing_where_clients_and_owners_are_known() {
    let gateway = TestGateway::start().await;
    let token = gateway.mint_token("script", &[], &[], true).await;
    let client = gateway.mint("one").await;
    let id = listed(&gateway, "script").await["client_id"].as_str().unwrap().to_owned();
    let itself = Client { id: id.clone(), secret: None };
    let posing = Client { id, secret: Some(token.clone()) };
    for (client, error) in
        [(&client, "invalid_grant"), (&itself, "invalid_client"), (&posing, "invalid_client")]
    {
        assert_eq!(gateway.refresh(client, &token).await.error(), error);
        assert_eq!(gateway.redeem(client, &token).await.error(), error);
    }
    for client in [&itself, &posing] {
        assert_eq!(gateway.page(client, &[]).await.status, 400, "no such client signs in");
        let revoke = Ask::post("/revoke").form(&[("token", &token)]);
        let refused = gateway.send(revoke.header("authorization", &client.basic())).await;
        assert_eq!(refused.error(), "invalid_client");
    }
    let revoke = Ask::post("/revoke").form(&[("token", &token)]);
    let foreign = gateway.send(revoke.header("authorization", &client.basic())).await;
    assert_eq!(foreign.status, 200, "RFC 7009 section 2.2");
    let rotate = Call::MintClient {
        name: "script".to_owned(),
        scopes: Vec::new(),
        projects: Vec::new(),
        public: false,
        rotate: true,
    };
    assert!(gateway.try_call(rotate).await.is_err(), "no secret makes a client of it");
    for field in ["token", "code"] {
        let pair = Ask::post("/pair").form(&[(field, &token)]).bearer(&token);
        gateway.send(pair).await.assert_refused(field);
    }
    let page = gateway.page(&client, &[]).await;
    let fields = [("request", page.sealed()), ("decision", "allow".to_owned())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    for ask in [Ask::post("/authorize").form(&fields), Ask::get("/api/tasks"), Ask::get("/events")]
    {
        let answer = gateway.send(ask.bearer(&token)).await;
        assert!(!answer.has("set-cookie") && answer.sent("code").is_none(), "{}", answer.body);
        assert!(!answer.location().contains("code="), "{}", answer.location());
    }
    assert_eq!(gateway.knock(&token).await, 200);
}

#[tokio::test]
async fn a_task_makes_no_token() {
    let gateway = TestGateway::process("").await;
    let mint = |marker: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command
            .args(["--json", "mint-token"])
            .env_clear()
            .env("HOME", gateway.folder())
            .env("GATEWAY_RUNTIME_DIR", gateway.folder().join("run"))
            .envs(marker.map(|marker| (TASK_MARKER, marker)));
        command.output().unwrap()
    };
    let refused = mint(Some("t1"));
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(77), 0));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("hint:"));
    let listed = gateway.call(Call::ListClients).await.to_string();
    assert!(!listed.contains("\"kind\":\"token\""), "{listed}");
    let made: Value = serde_json::from_slice(&mint(None).stdout).unwrap();
    assert_eq!((&made["schema"], &made["name"]), (&json!(1), &json!("token")));
    assert_eq!(made["scopes"], json!(["observe", "files", "run"]));
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("gwt_") && token.len() == 4 + 43, "256 bits behind a prefix");
}
