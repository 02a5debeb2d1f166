//! Clients that a document describes: addresses that a stranger has the gateway look at, and vendors'
//! names that he borrows.
use std::io::ErrorKind;
use std::net::TcpListener;

use serde_json::json;

use crate::harness::*;

const CLAUDE: &str = "https://claude.ai/oauth/mcp-oauth-client-metadata";
const CLAUDE_CODE: &str = "https://claude.ai/oauth/claude-code-client-metadata";
const CODEX: &str = "https://chatgpt.com/oauth/codex/client.json";
const HOSTED: &str = "https://claude.ai/api/mcp/auth_callback";

/// Hosts that are not of the public internet, and others spelt so that two readers differ.
const HOSTS: [&str; 39] = [
    "localhost",
    "localhost.",
    "LOCALHOST",
    "x.localhost",
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[fe80::1]",
    "[fd00::1]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "2852039166",
    "metadata.google.internal",
    "router",
    "router.lan",
    "printer.local",
    "nas.home.arpa",
    "app.example.",
    "APP.example",
    "u@app.example",
    "u:p@app.example",
    "app.example@127.0.0.1",
    "127.0.0.1%23.app.example",
    "1\u{ff0e}1.1.1",
    "\u{ff11}27.0.0.1",
];

fn client(id: &str) -> Client {
    Client { id: id.to_owned(), secret: None }
}

/// Something on this machine that nobody has any business with.
struct Inner(TcpListener);

impl Inner {
    fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    #[track_caller]
    fn assert_left_alone(&self, what: &str) {
        let met = self.0.accept().map_err(|error| error.kind());
        assert_eq!(met.err(), Some(ErrorKind::WouldBlock), "somebody was here: {what}");
    }

    /// That it would tell.
    fn assert_awake(&self) {
        let _visitor = std::net::TcpStream::connect(self.0.local_addr().unwrap()).unwrap();
        self.0.accept().unwrap();
    }
}

#[tokio::test]
async fn no_client_id_leads_a_request_into_this_machine_or_its_networks() {
    let gateway = TestGateway::start().await;
    let inner = Inner::bind();
    // The owner is at the terminal: unknown hosts are asked now.
    gateway.pairing().await;
    let port = inner.port();
    let mut ids = Vec::new();
    for host in HOSTS {
        ids.extend([format!("https://{host}:{port}/x"), format!("https://{host}/x")]);
    }
    ids.extend(
        [
            "https://app.example:443/x",
            "https://app.example:8443/x",
            "https://app.example/x#y",
            "https://app.example/x?y=z",
            "https://app.example/x/../y",
            "https://app.example/%2e%2e/y",
            "https://app.example",
            "https://app.example/",
            "https:/app.example/x",
            "https:///app.example/x",
            "https://app.example\\x",
            "HTTPS://app.example/x",
            "https://app.example/x\r\nhost: localhost",
        ]
        .map(str::to_owned),
    );
    for id in &ids {
        let page = gateway.page(&client(id), &[]).await;
        inner.assert_left_alone(id);
        page.assert_refused(id);
        let precise = page.body.contains("client_id is not the plain https address of a document")
            || page.body.contains("does not know the client");
        assert!(precise, "{id}: {}", page.body);
    }
    for id in [
        format!("http://127.0.0.1:{port}/x"),
        format!("http://localhost:{port}/x"),
        format!("http://app.example:{port}/x"),
        format!("file://localhost:{port}/etc/passwd"),
        format!("gopher://127.0.0.1:{port}/x"),
        format!("ftp://127.0.0.1:{port}/x"),
        format!("//127.0.0.1:{port}/x"),
        "data:application/json,{}".to_owned(),
    ] {
        let page = gateway.page(&client(&id), &[]).await;
        page.assert_refused(&id);
        assert!(page.body.contains("does not know the client"), "{id}: {}", page.body);
        ids.push(id);
    }
    inner.assert_left_alone("an id of another scheme");
    for id in &ids {
        // Who guesses ids is slowed down; here, each is looked at, and with the owner at the terminal.
        gateway.advance(60);
        gateway.pairing().await;
        let answer = gateway.redeem(&client(id), "gwc_x").await;
        assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"), "{id}");
        let form = [("token", "gwr_x"), ("client_id", id.as_str())];
        let answer = gateway.send(Ask::post("/revoke").form(&form)).await;
        assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_client"), "{id}");
    }
    inner.assert_left_alone("an id at /token or /revoke");
    inner.assert_awake();
}

#[tokio::test]
async fn no_address_in_a_request_or_registration_is_asked() {
    let gateway = TestGateway::start().await;
    let inner = Inner::bind();
    gateway.pairing().await;
    let url = format!("http://127.0.0.1:{}/x", inner.port());
    let names = [
        "client_uri",
        "logo_uri",
        "tos_uri",
        "policy_uri",
        "jwks_uri",
        "software_statement",
        "sector_identifier_uri",
        "initiate_login_uri",
        "backchannel_logout_uri",
        "request_uri",
        "request",
        "registration",
        "resource_metadata",
    ];
    let callback = format!("http://localhost:{}/callback", inner.port());
    let mut metadata = json!({ "client_name": &url, "redirect_uris": [&callback] });
    for name in names {
        metadata[name] = json!(url);
    }
    metadata["request_uris"] = json!([url]);
    let told = gateway.send(Ask::post("/register").json(&metadata)).await;
    assert_eq!(told.status, 201, "{}", told.body);
    let client = client(told.json()["client_id"].as_str().unwrap());
    let mut changes: Vec<_> = names.iter().map(|name| (*name, Some(&*url))).collect();
    changes.push(("redirect_uri", Some(&callback)));
    let code = gateway.code_with(&client, &changes).await;
    Tokens::of(&gateway.redeem_with(&client, &code, &changes).await);
    inner.assert_left_alone("an address in what a client says");
    inner.assert_awake();
}

#[tokio::test]
async fn an_unknown_host_is_asked_only_while_the_owner_is_at_the_terminal() {
    let gateway = TestGateway::start().await;
    let cookie = gateway.device().await;
    gateway.advance(600);
    // No name server knows it: whoever asks is told so, and the page would say that.
    let unknown = client("https://app.invalid/client.json");
    let ask = Ask::get(&gateway.query(&unknown, &[]));
    for ask in [ask.clone(), ask.clone().header("cookie", &cookie)] {
        let page = gateway.send(ask).await;
        page.assert_refused("outside of the window");
        assert!(page.body.contains("within ten minutes of `gateway pair`"), "{}", page.body);
        assert!(!page.body.contains("cannot be read"), "{}", page.body);
    }
    gateway.pairing().await;
    let page = gateway.send(ask.clone()).await;
    page.assert_refused("a name that nobody has");
    assert!(page.body.contains("at app.invalid cannot be read"), "{}", page.body);
    gateway.advance(600);
    let page = gateway.send(ask).await;
    assert!(page.body.contains("within ten minutes of `gateway pair`"), "{}", page.body);
}

#[tokio::test]
async fn the_id_of_a_known_app_gives_no_code_without_the_owner() {
    let gateway = TestGateway::start().await;
    let cookie = gateway.device().await;
    gateway.advance(600);
    for (id, callback) in [(CLAUDE, HOSTED), (CLAUDE_CODE, REDIRECT), (CODEX, REDIRECT)] {
        let changes = [("redirect_uri", Some(callback)), ("prompt", Some("none"))];
        let query = gateway.query(&client(id), &changes);
        let page = gateway.send(Ask::get(&query).header("cookie", &cookie)).await;
        assert_eq!((page.status, page.location()), (200, ""), "{id}");
        assert!(page.body.contains("name=\"code\""), "a tap is not enough: {}", page.body);
        assert!(page.body.contains("Allow it only if you have just started"), "{}", page.body);
        let sealed = page.sealed();
        for code in ["", "0000-0000"] {
            let fields = [("request", &*sealed), ("code", code), ("decision", "allow")];
            let ask = Ask::post("/authorize").form(&fields).header("cookie", &cookie);
            gateway.send(ask).await.assert_refused(id);
        }
        assert_eq!(gateway.redeem(&client(id), "gwc_x").await.error(), "invalid_client");
    }
}

#[tokio::test]
async fn one_app_that_a_document_describes_does_not_pass_for_another() {
    let gateway = TestGateway::start().await;
    let (claude, codex) = (client(CLAUDE_CODE), client(CODEX));
    gateway.sign_in(&codex).await;
    let code = gateway.code(&claude).await;
    assert_eq!(gateway.redeem(&codex, &code).await.error(), "invalid_grant");
    let tokens = gateway.sign_in(&claude).await;
    assert_eq!(gateway.refresh(&codex, &tokens.refresh).await.error(), "invalid_grant");
    // It has no secret, and none is taken for one.
    let own = gateway.mint("one").await;
    let posing = Client { secret: own.secret, ..claude.clone() };
    let code = gateway.code(&claude).await;
    assert_eq!(gateway.redeem(&posing, &code).await.error(), "invalid_client");
    for (app, uri) in [
        (&claude, "https://chatgpt.com/connector_platform_oauth_redirect"),
        (&codex, HOSTED),
        (&client(CLAUDE), REDIRECT),
    ] {
        gateway.page(app, &[("redirect_uri", Some(uri))]).await.assert_refused(uri);
    }
}

#[tokio::test]
async fn who_registers_under_the_name_of_a_known_app_is_not_shown_as_it() {
    let gateway = TestGateway::start().await;
    let metadata = json!({
        "client_name": "Claude Code",
        "client_uri": CLAUDE_CODE,
        "client_id": CLAUDE_CODE,
        "redirect_uris": ["http://localhost/callback"],
    });
    let told = gateway.send(Ask::post("/register").json(&metadata)).await.json();
    let posing = gateway.page(&client(told["client_id"].as_str().unwrap()), &[]).await;
    assert!(posing.body.contains("registered itself"), "{}", posing.body);
    assert!(posing.body.contains("Unverified"), "{}", posing.body);
    assert!(!posing.body.contains("claude.ai"), "{}", posing.body);
    let real = gateway.page(&client(CLAUDE_CODE), &[]).await;
    assert!(real.body.contains("described by claude.ai"), "{}", real.body);
    assert!(!real.body.contains("Unverified"), "{}", real.body);
}
