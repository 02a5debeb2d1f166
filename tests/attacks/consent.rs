//! The owner's consent: pages put before her by others, answers put into her mouth.
use futures::future::join_all;
use gateway::gateway::admin::Call;

use crate::harness::*;

#[tokio::test]
async fn a_link_opened_on_a_paired_device_gives_nothing_before_the_tap() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let cookie = gateway.device().await;
    for silent in [None, Some(("prompt", "none")), Some(("approval_prompt", "auto"))] {
        let changes: Vec<_> = silent.iter().map(|(name, value)| (*name, Some(*value))).collect();
        let ask = Ask::get(&gateway.query(&client, &changes)).header("cookie", &cookie);
        let answer = gateway.send(ask).await;
        assert_eq!((answer.status, answer.location()), (200, ""), "{silent:?}");
        assert!(!answer.sealed().is_empty());
    }
}

#[tokio::test]
async fn a_link_cannot_carry_its_own_answer() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let cookie = gateway.device().await;
    let sealed = gateway
        .send(Ask::get(&gateway.query(&client, &[])).header("cookie", &cookie))
        .await
        .sealed();
    let code = gateway.pairing().await.code;
    for method in ["GET", "HEAD", "PUT", "OPTIONS"] {
        let more =
            [("request", Some(&*sealed)), ("decision", Some("allow")), ("code", Some(&*code))];
        let mut ask = Ask::get(&gateway.query(&client, &more)).header("cookie", &cookie);
        method.clone_into(&mut ask.method);
        let answer = gateway.send(ask).await;
        assert_eq!(answer.location(), "", "{method}");
    }
    assert_eq!(gateway.allow(&gateway.page(&client, &[]).await.sealed(), &code).await.status, 303);
}

#[tokio::test]
async fn fields_beside_the_sealed_request_change_nothing_of_it() {
    let gateway = TestGateway::start().await;
    let (client, other) = (gateway.mint("one").await, gateway.mint("other").await);
    let page = gateway.page(&client, &[("scope", Some("observe"))]).await;
    let (sealed, code) = (page.sealed(), gateway.pairing().await.code);
    let fields = [
        ("request", sealed.as_str()),
        ("code", code.as_str()),
        ("decision", "allow"),
        ("client_id", other.id.as_str()),
        ("redirect_uri", "https://claude.ai/api/mcp/auth_callback"),
        ("scope", "observe files run"),
        ("state", "mine"),
        ("code_challenge", "mine"),
    ];
    let answer = gateway.send(Ask::post("/authorize").form(&fields)).await;
    assert!(answer.location().starts_with(REDIRECT), "{}", answer.location());
    assert_eq!(answer.sent("state").as_deref(), Some("st/ate=1"));
    let code = answer.sent("code").unwrap();
    let bought = gateway.redeem(&client, &code).await;
    assert_eq!(bought.json()["scope"], "observe");
}

#[tokio::test]
async fn two_answers_in_one_form_are_none() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let sealed = gateway.page(&client, &[]).await.sealed();
    let code = gateway.pairing().await.code;
    for twice in ["request", "decision", "code"] {
        let mut fields = vec![("request", &*sealed), ("code", &*code), ("decision", "allow")];
        fields.push((twice, "deny"));
        let answer = gateway.send(Ask::post("/authorize").form(&fields)).await;
        answer.assert_refused(twice);
    }
    assert_eq!(gateway.allow(&sealed, &code).await.status, 303, "nothing was used up");
}

#[tokio::test]
async fn a_page_of_another_site_cannot_post_the_answer_in_any_form_that_browsers_send() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let cookie = gateway.device().await;
    let show = Ask::get(&gateway.query(&client, &[])).header("cookie", &cookie);
    let sealed = gateway.send(show).await.sealed();
    let body = format!("request={sealed}&decision=allow");
    for content_type in
        ["text/plain", "multipart/form-data; boundary=x", "application/json", "", "text/html"]
    {
        let ask = Ask::post("/authorize").header("cookie", &cookie).body(body.clone());
        let answer = gateway.send(ask.header("content-type", content_type)).await;
        assert_eq!((answer.status, answer.location()), (415, ""), "{content_type}");
    }
    for origin in ["https://evil.example", "null", "http://h.example", "https://h.example:444"] {
        let ask = Ask::post("/authorize").header("cookie", &cookie).header("origin", origin);
        let answer = gateway.send(ask.form(&[("request", &sealed), ("decision", "allow")])).await;
        assert_eq!((answer.status, answer.location()), (403, ""), "{origin}");
    }
}

#[tokio::test]
async fn a_page_of_one_gateway_is_no_answer_to_another() {
    let (one, other) = (TestGateway::start().await, TestGateway::start().await);
    let client = one.mint("one").await;
    other.mint("one").await;
    let sealed = one.page(&client, &[]).await.sealed();
    let answer = other.allow(&sealed, &other.pairing().await.code).await;
    answer.assert_refused("another gateway's page");
}

#[tokio::test]
async fn a_consent_code_of_one_gateway_is_worth_nothing_at_another() {
    let (one, other) = (TestGateway::start().await, TestGateway::start().await);
    let client = one.mint("one").await;
    let sealed = one.page(&client, &[]).await.sealed();
    assert_eq!(one.allow(&sealed, &other.pairing().await.code).await.status, 403);
}

#[tokio::test]
async fn thirty_guesses_at_once_are_no_more_than_three() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let sealed = gateway.page(&client, &[]).await.sealed();
    // Each from an address of its own, so that no brake is in the way.
    let guesses = (0..30).map(|n| {
        let fields = [("request", &*sealed), ("code", "0000-0000"), ("decision", "allow")];
        gateway.send(Ask::post("/authorize").form(&fields).visitor(&format!("203.0.113.{n}")))
    });
    let answers = join_all(guesses).await;
    let looked_at = answers.iter().filter(|answer| answer.body.contains("left.")).count();
    assert_eq!(looked_at, 2, "the third wrong one ends the request");
    assert!(answers.iter().all(|answer| answer.status == 403));
    gateway.allow(&sealed, &gateway.pairing().await.code).await.assert_refused("the right one");
}

#[tokio::test]
async fn one_code_typed_into_two_pages_at_once_allows_one_of_them() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    for round in 0..20 {
        let code = gateway.pairing().await.code;
        let mut pages = Vec::new();
        for _ in 0..4 {
            pages.push(gateway.page(&client, &[]).await.sealed());
        }
        let answers = join_all(pages.iter().map(|page| gateway.allow(page, &code))).await;
        let allowed = answers.iter().filter(|answer| answer.status == 303).count();
        assert_eq!(allowed, 1, "round {round}");
        gateway.advance(60);
    }
}

#[tokio::test]
async fn a_stranger_who_denies_his_own_request_denies_no_other() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let owners = gateway.page(&client, &[]).await.sealed();
    for _ in 0..50 {
        let own = gateway.page(&client, &[]).await.sealed();
        let fields = [("request", own.as_str()), ("decision", "deny")];
        gateway.send(Ask::post("/authorize").form(&fields)).await;
    }
    assert_eq!(gateway.allow(&owners, &gateway.pairing().await.code).await.status, 303);
}

#[tokio::test]
async fn a_request_burnt_by_guesses_leaves_the_code_and_every_other_request_alone() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let code = gateway.pairing().await.code;
    let owners = gateway.page(&client, &[]).await.sealed();
    let strangers = gateway.page(&client, &[]).await.sealed();
    for _ in 0..3 {
        let fields = [("request", &*strangers), ("code", "1111-1111"), ("decision", "allow")];
        gateway.send(Ask::post("/authorize").form(&fields).visitor("203.0.113.66")).await;
    }
    gateway.allow(&strangers, &code).await.assert_refused("the burnt request");
    assert_eq!(gateway.allow(&owners, &code).await.status, 303);
}

#[tokio::test]
async fn the_page_says_where_the_answer_goes_and_what_it_opens_in_the_owners_words() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("Phone").await;
    let hosted = "https://claude.ai/api/mcp/auth_callback";
    let page = gateway.page(&client, &[("redirect_uri", Some(hosted))]).await;
    for told in ["Phone", "claude.ai", "start, answer and cancel tasks on your machine", "deny it"]
    {
        assert!(page.body.contains(told), "{told}");
    }
    assert!(!page.body.contains("a program on the machine"), "{}", page.body);
    let local = gateway.page(&client, &[]).await;
    assert!(local.body.contains("a program on the machine where this page is open"));
    let visited = Ask::get(&gateway.query(&client, &[])).visitor("203.0.113.66");
    let visited = gateway.send(visited).await;
    assert!(visited.body.contains("203.0.113.66, through the tunnel"), "the stranger's address");
}

#[tokio::test]
async fn a_request_cannot_choose_the_name_that_the_owner_reads() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("Phone").await;
    for name in ["client_name", "software_id", "client_uri", "logo_uri", "login_hint", "display"] {
        let page = gateway.page(&client, &[(name, Some("https://evil.example/Anthropic"))]).await;
        assert!(!page.body.contains("evil.example"), "{name}");
        assert!(page.body.contains("Allow Phone to use this gateway?"), "{name}");
    }
}

#[tokio::test]
async fn a_name_that_misleads_the_reader_is_not_given_to_a_client() {
    let gateway = TestGateway::start().await;
    for name in [
        "",
        " ",
        "Clau\u{202e}ed",
        "Claude\u{200b}",
        "Claude\n",
        "Cl\u{2066}aude",
        "\u{feff}Claude",
        "Claude\u{7}",
        &"C".repeat(65),
    ] {
        let mint = Call::MintClient {
            name: name.to_owned(),
            scopes: Vec::new(),
            projects: Vec::new(),
            public: false,
            rotate: false,
        };
        // What only surrounds a name is cut off.
        if let Ok(minted) = gateway.try_call(mint).await {
            assert_eq!(minted["name"], "Claude", "{name:?}");
        }
    }
}

#[tokio::test]
async fn the_same_name_is_given_to_one_living_client_only() {
    let gateway = TestGateway::start().await;
    gateway.mint("Phone").await;
    let mint = Call::MintClient {
        name: "Phone".to_owned(),
        scopes: Vec::new(),
        projects: Vec::new(),
        public: true,
        rotate: false,
    };
    gateway.try_call(mint).await.unwrap_err();
}

#[tokio::test]
async fn what_the_terminal_shows_is_in_no_answer_to_anybody() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let pairing = gateway.pairing().await;
    let cookie = gateway.device().await;
    for target in [
        "/",
        "/mcp",
        "/pair",
        "/healthz",
        "/authorize",
        &gateway.query(&client, &[]),
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
    ] {
        for cookie in ["", cookie.as_str()] {
            let ask = Ask::get(target).header("accept", "text/html").header("cookie", cookie);
            let body = gateway.send(ask).await.body;
            for secret in [&pairing.code, &pairing.code.replace('-', ""), &pairing.token] {
                assert!(!body.contains(secret.as_str()), "{target}");
            }
            assert!(!body.contains(client.secret.as_deref().unwrap()), "{target}");
        }
    }
}

#[tokio::test]
async fn no_page_where_the_owner_decides_can_be_put_into_a_frame() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let sealed = gateway.page(&client, &[]).await.sealed();
    let asks = [
        Ask::get(&gateway.query(&client, &[])),
        Ask::get(&gateway.query(&client, &[("client_id", Some("nobody"))])),
        Ask::get("/pair"),
        Ask::get("/mcp").header("accept", "text/html"),
        Ask::get("/nothing").header("accept", "text/html"),
        Ask::post("/pair").form(&[("code", "0000-0000")]),
        Ask::post("/authorize").form(&[("request", &sealed), ("decision", "allow")]),
    ];
    for ask in asks {
        let answer = gateway.send(ask.clone()).await;
        assert_eq!(answer.header("x-frame-options"), "DENY", "{ask:?}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{ask:?}: {policy}");
        assert!(!policy.contains("unsafe"), "{ask:?}: {policy}");
        assert_eq!(answer.header("cache-control"), "no-store", "{ask:?}");
    }
}

#[tokio::test]
async fn a_new_request_takes_nothing_from_an_older_grant() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let tokens = gateway.sign_in(&client).await;
    let pending = gateway.code(&client).await;
    for _ in 0..20 {
        gateway.page(&client, &[]).await;
    }
    assert_eq!(gateway.knock(&tokens.access).await, 200);
    assert_eq!(gateway.redeem(&client, &pending).await.status, 200);
    assert_eq!(gateway.knock(&tokens.access).await, 200);
}

#[tokio::test]
async fn a_page_left_open_over_a_restart_allows_nothing() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let sealed = gateway.page(&client, &[]).await.sealed();
    let gateway = gateway.restart().await;
    let code = gateway.pairing().await.code;
    gateway.allow(&sealed, &code).await.assert_refused("a page of the process before");
    assert_eq!(gateway.allow(&gateway.page(&client, &[]).await.sealed(), &code).await.status, 303);
}
