//! What a registration says: to its reader, to the owner, to the log; and many of them.
use gateway::gateway::admin::Call;
use serde_json::{Value, json};

use crate::harness::*;

fn metadata(name: &str) -> Value {
    json!({ "client_name": name, "redirect_uris": ["http://localhost/callback"] })
}

fn told(answer: &Answer) -> Client {
    assert_eq!(answer.status, 201, "{}", answer.body);
    let told = answer.json();
    Client {
        id: told["client_id"].as_str().unwrap().to_owned(),
        secret: told["client_secret"].as_str().map(str::to_owned),
    }
}

async fn waiting(gateway: &TestGateway) -> usize {
    gateway.call(Call::ListClients).await["clients"].as_array().unwrap().len()
}

#[tokio::test]
async fn no_body_of_a_registration_breaks_its_reader() {
    let gateway = TestGateway::start().await;
    let good = metadata("App").to_string();
    let named = |value: &str| good.replace("\"App\"", value);
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let wide = vec!["\"http://localhost/callback\""; 17].join(",");
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"null".into(),
        b"\"x\"".into(),
        format!("[{good}]").into(),
        format!("{good}{good}").into(),
        good[..good.len() - 1].into(),
        [b"\xef\xbb\xbf", good.as_bytes()].concat(),
        good.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        named("\"\\ud800\"").into(),
        named("\"\u{0}\"").into(),
        named("1e999").into(),
        named("{}").into(),
        good.replace("App\"", &format!("App\",\"contacts\":{}", nested(7_000))).into(),
        named(&nested(7_000)).into(),
        nested(8_000).into(),
        "{\"a\":".repeat(3_000).into(),
        format!("{{\"redirect_uris\":[{wide}]}}").into(),
    ];
    for body in bodies {
        gateway.advance(30);
        let ask = Ask::post("/register").header("content-type", "application/json");
        let answer = gateway.send(ask.body(body.clone())).await;
        let text = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert_eq!(answer.status, 400, "{text}: {}", answer.body);
        assert!(answer.error().starts_with("invalid_"), "{text}: {}", answer.body);
    }
    for large in [good.replace("App", &"x".repeat(17_000)), " ".repeat(17_000) + &good] {
        gateway.advance(30);
        let ask = Ask::post("/register").header("content-type", "application/json");
        let answer = gateway.send(ask.clone().body(large.clone())).await;
        assert_eq!(answer.status, 413, "{}", answer.body);
        // One that nobody announced.
        let chunks = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
        let ask = ask.header("transfer-encoding", "chunked").body(chunks);
        let answer = gateway.try_send(&ask).await.map_or(413, |answer| answer.status);
        assert_eq!(answer, 413);
    }
    assert_eq!(waiting(&gateway).await, 0);
}

#[tokio::test]
async fn a_registration_is_json_by_its_own_account_and_unpacked_by_nobody() {
    let gateway = TestGateway::start().await;
    let good = metadata("App").to_string();
    for kind in [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/plain; application/json",
    ] {
        gateway.advance(30);
        let ask = Ask::post("/register").header("content-type", kind).body(good.clone());
        let answer = gateway.send(ask).await;
        assert_eq!(answer.status, 415, "{kind}: {}", answer.body);
    }
    gateway.advance(30);
    let bare = gateway.send(Ask::post("/register").body(good.clone())).await;
    assert_eq!(bare.status, 415, "{}", bare.body);
    let json = || Ask::post("/register").header("content-type", "application/json");
    let twice = json().header("content-type", "text/plain").body(good);
    gateway.send(twice).await.assert_refused("two types");
    let packed = json().header("content-encoding", "gzip").body(b"\x1f\x8b\x08\0\0\0\0\0".to_vec());
    gateway.send(packed).await.assert_refused("packed");
    assert_eq!(waiting(&gateway).await, 0);
}

#[tokio::test]
async fn a_member_told_twice_is_read_once() {
    let gateway = TestGateway::start().await;
    let (good, evil) = ("[\"http://localhost/callback\"]", "[\"https://evil.example/callback\"]");
    let ask = |first: &str, second: &str| {
        let body = format!("{{\"redirect_uris\":{first},\"redirect_uris\":{second}}}");
        Ask::post("/register").header("content-type", "application/json").body(body)
    };
    assert_eq!(gateway.send(ask(good, evil)).await.error(), "invalid_redirect_uri");
    // What holds is what was told back, and nothing else.
    let answer = gateway.send(ask(evil, good)).await;
    assert_eq!(answer.json()["redirect_uris"], json!(["http://localhost/callback"]));
    let evil = [("redirect_uri", Some("https://evil.example/callback"))];
    gateway.page(&told(&answer), &evil).await.assert_refused("the other reading");
}

#[tokio::test]
async fn a_name_that_misleads_is_shown_harmless_and_as_unverified() {
    let gateway = TestGateway::start().await;
    for name in [
        "Claude",
        "\u{421}laude",
        "Claude\u{202e}evil\u{202c}",
        "\u{2066}Claude\u{2069} (made by you with gateway mint-client)",
        "Claude\u{200b}\u{200d}\u{feff}\u{ad}",
        "Claude\r\n\r\nKnown: made by you with gateway mint-client",
        "Claude\u{1b}[2K\u{7}",
        "</h1><script>alert(1)</script>",
        "Claude</dd></dl><p>Verified</p>",
        "\"><img src=https://evil.example/x>",
        "{{7*7}}",
        "\u{e0041}\u{e0042}",
        &"Verified by the owner. ".repeat(200),
    ] {
        gateway.advance(30);
        let mut asks = metadata(name);
        for uri in ["logo_uri", "client_uri", "tos_uri", "policy_uri"] {
            asks[uri] = json!("https://evil.example/x");
        }
        let client = told(&gateway.send(Ask::post("/register").json(&asks)).await);
        let page = gateway.page(&client, &[]).await.body;
        assert!(page.contains("Unverified: the name above is what the app says"), "{page}");
        assert!(page.contains("registered itself; never allowed before"), "{page}");
        assert!(page.contains("http://localhost:4321"), "the address that can be judged: {page}");
        let heading = page.split_once("<h1>").unwrap().1.split_once("</h1>").unwrap().0;
        assert!(heading.ends_with("to use this gateway?") && !heading.contains('<'), "{heading}");
        assert!(heading.chars().count() < 200, "{heading}");
        assert!(!page.chars().any(|it| gateway::model::steers(it) && it != '\n'), "{page:?}");
        assert!(!page.contains("<img") && !page.contains("=\"https://evil"), "{page}");
        assert!(!page.contains("<script") && !page.contains("<p>Verified"), "{page}");
    }
}

#[tokio::test]
async fn no_secret_of_a_registration_is_in_the_log_at_its_loudest() {
    let mut gateway = TestGateway::process("").await;
    let mut secrets = vec![VERIFIER.to_owned()];
    for method in ["client_secret_post", "client_secret_basic", "none"] {
        let mut asks = metadata("App");
        asks["token_endpoint_auth_method"] = json!(method);
        asks["client_secret"] = json!("gws_told_by_the_client_itself_00000000000000");
        let client = told(&gateway.send(Ask::post("/register").json(&asks)).await);
        assert_eq!(client.secret.is_some(), method != "none");
        let code = gateway.code(&client).await;
        let tokens = Tokens::of(&gateway.redeem(&client, &code).await);
        let next = Tokens::of(&gateway.refresh(&client, &tokens.refresh).await);
        secrets.extend([code, tokens.access, tokens.refresh, next.access, next.refresh]);
        secrets.extend(client.secret);
    }
    secrets.push("gws_told_by_the_client_itself_00000000000000".to_owned());
    // Also where they do not belong.
    for (n, secret) in secrets.iter().enumerate() {
        let visitor = format!("203.0.113.{n}");
        for asks in [
            json!({ "redirect_uris": [secret], "client_name": secret }),
            json!({ "client_secret": secret, "token_endpoint_auth_method": secret }),
        ] {
            gateway.send(Ask::post("/register").json(&asks).visitor(&visitor)).await;
        }
        let target = format!("/register?client_secret={secret}");
        gateway.send(Ask::post(&target).json(&metadata("App")).visitor(&visitor)).await;
    }
    gateway.end_program().await;
    let log = gateway.program().log();
    assert!(log.contains("a client registered itself"), "{log}");
    for secret in &secrets {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(line, None, "a secret is in the log");
    }
}

/// Registrations of strangers `from..to` over a kept connection, large, and each from an address of
/// its own.
#[cfg(target_os = "linux")]
async fn flood(gateway: &TestGateway, from: u32, to: u32) -> usize {
    let mut wire = gateway.wire().await;
    let mut taken = 0;
    for n in from..to {
        let mut asks = metadata(&format!("{n} {}", "x".repeat(4_000)));
        asks["software_id"] = json!("x".repeat(8_000));
        let address = std::net::Ipv4Addr::from_bits(0xcb00_0000 + n).to_string();
        let ask = Ask::post("/register").json(&asks).visitor(&address);
        wire.write(&ask.bytes(&gateway.host)).await;
        match wire.answer(false).await {
            Some(answer) => {
                assert!(matches!(answer.status, 201 | 429), "{}", answer.body);
                taken += usize::from(answer.status == 201);
                if answer.header("connection") == "close" {
                    wire = gateway.wire().await;
                }
            }
            None => wire = gateway.wire().await,
        }
    }
    taken
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_registrations_costs_no_memory_and_keeps_no_other_client_out() {
    let gateway = TestGateway::process("").await;
    let own = gateway.mint("one").await;
    let tokens = gateway.sign_in(&own).await;
    let claude = "https://claude.ai/oauth/claude-code-client-metadata";
    let claude = Client { id: claude.to_owned(), secret: None };
    // Allowed before, as her apps are; and what is made once is there before it is measured.
    let allowed = gateway.send(Ask::post("/register").json(&metadata("App"))).await;
    let allowed = told(&allowed);
    let app = gateway.sign_in(&allowed).await;
    flood(&gateway, 0, 500).await;
    let before = gateway.program().resident_bytes();
    let owner = async {
        for _ in 0..5 {
            for client in [&own, &claude, &allowed] {
                let anew = gateway.sign_in(client).await;
                assert_eq!(gateway.knock(&anew.access).await, 200);
            }
            assert_eq!(gateway.knock(&tokens.access).await, 200);
        }
    };
    let (one, other, ()) =
        tokio::join!(flood(&gateway, 500, 2_500), flood(&gateway, 2_500, 4_500), owner);
    let grown = gateway.program().resident_bytes().saturating_sub(before);
    assert!(grown <= 8 << 20, "it grew by {} KiB", grown >> 10);
    assert!(one + other < 2_000, "{} were taken", one + other);
    assert!(waiting(&gateway).await <= 1_003, "those that wait have a bound");
    assert_eq!(gateway.refresh(&allowed, &app.refresh).await.status, 200);
}
