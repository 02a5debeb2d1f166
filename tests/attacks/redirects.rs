//! Redirects: to somebody else, with something in them, through a careless status.
use crate::harness::*;

#[tokio::test]
async fn no_spelling_leads_the_answer_to_another_host() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    for uri in [
        "https://claude.ai\\@evil.example/api/mcp/auth_callback",
        "https://claude.ai%2eevil.example/api/mcp/auth_callback",
        "https://claude.ai:443/api/mcp/auth_callback",
        "https://claude.ai./api/mcp/auth_callback",
        "HTTPS://claude.ai/api/mcp/auth_callback",
        "https://CLAUDE.AI/api/mcp/auth_callback",
        "https://claude.ai//api/mcp/auth_callback",
        "https://claude.ai/api/mcp/auth_callback/..;/x",
        "https://claude.ai/api/mcp/auth_callback%00",
        "https://claude.ai/api/mcp/auth_callback;x",
        "https://claude.ai/api/mcp/auth_callback?next=https://evil.example",
        "https://xn--clude-6ve.ai/api/mcp/auth_callback",
        "https://cl\u{430}ude.ai/api/mcp/auth_callback",
        "https://evil.example#https://claude.ai/api/mcp/auth_callback",
        "https://evil.example/https://claude.ai/api/mcp/auth_callback",
        "https://evil.example\t.claude.ai/api/mcp/auth_callback",
        "//claude.ai/api/mcp/auth_callback",
        "/api/mcp/auth_callback",
        "https:claude.ai/api/mcp/auth_callback",
        "https:///claude.ai/api/mcp/auth_callback",
        "http://claude.ai/api/mcp/auth_callback",
        " https://claude.ai/api/mcp/auth_callback",
        "https://chatgpt.com/connector/oauth/",
        "https://chatgpt.com/connector/oauth/../../evil",
        "https://chatgpt.com/connector/oauth/a/b",
        "https://*.claude.ai/api/mcp/auth_callback",
    ] {
        let answer = gateway.page(&client, &[("redirect_uri", Some(uri))]).await;
        assert_eq!((answer.status, answer.location()), (400, ""), "{uri}");
    }
}

#[tokio::test]
async fn no_spelling_of_loopback_leads_off_this_machine() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    for uri in [
        "http://localhost.evil.example/callback",
        "http://localhost:80.evil.example/callback",
        "http://127.0.0.1.nip.io/callback",
        "http://127.0.0.1@evil.example/callback",
        "http://user@localhost:1/callback",
        "http://user:pass@127.0.0.1:1/callback",
        "http://127.1:1/callback",
        "http://0x7f000001:1/callback",
        "http://2130706433:1/callback",
        "http://0177.0.0.1:1/callback",
        "http://127.0.0.2:1/callback",
        "http://0.0.0.0:1/callback",
        "http://[::]:1/callback",
        "http://[::ffff:127.0.0.1]:1/callback",
        "http://[::1%25lo]:1/callback",
        "http://localhost:0/callback",
        "http://localhost:65536/callback",
        "http://localhost:080/callback",
        "http://localhost:/callback",
        "http://localhost:80:80/callback",
        "http://localhost:-1/callback",
        "http://localhost\\evil.example/callback",
        "http://localhost:1\\@evil.example/callback",
        "https://localhost:1/callback",
        "http://localhost:1/callback#x",
        "http://localhost:1/callback/../x",
        "http://localhost:1/callback/%2e%2e/x",
        "http://localhost:1//evil.example/callback",
        "http://localhost:1/other",
    ] {
        let answer = gateway.page(&client, &[("redirect_uri", Some(uri))]).await;
        assert_eq!((answer.status, answer.location()), (400, ""), "{uri}");
    }
}

#[tokio::test]
async fn no_scheme_that_runs_or_reads_something_is_redirected_to() {
    let gateway = TestGateway::start_with("auth.redirect_schemes = [\"cursor\"]\n").await;
    let client = gateway.mint("one").await;
    for uri in [
        "javascript:alert(document.domain)",
        "JavaScript://localhost/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:msgbox(1)",
        "file:///etc/passwd",
        "blob:https://h.example/x",
        "about:blank",
        "view-source:https://h.example/",
        "intent://scan/#Intent;end",
        "ms-appinstaller:?source=https://evil.example",
        "cursor:x",
        "cursor:",
        "cursor://",
        "xcursor://a/b",
        "ftp://h.example/",
        "ws://localhost/callback",
    ] {
        let answer = gateway.page(&client, &[("redirect_uri", Some(uri))]).await;
        assert_eq!((answer.status, answer.location()), (400, ""), "{uri}");
    }
}

#[tokio::test]
async fn an_address_taken_off_the_list_gets_no_code_for_a_page_that_was_open() {
    let own = "https://app.example/cb";
    let setting = format!("auth.redirect_uris = [\"{own}\"]\n");
    let gateway = TestGateway::start_with(&setting).await;
    let client = gateway.mint("one").await;
    let sealed = gateway.page(&client, &[("redirect_uri", Some(own))]).await.sealed();
    gateway.reload(&setting, "").await;
    gateway.allow(&sealed, &gateway.pairing().await.code).await.assert_refused("the open page");
    let anew = gateway.page(&client, &[("redirect_uri", Some(own))]).await;
    assert_eq!((anew.status, anew.location()), (400, ""));
}

#[tokio::test]
async fn the_address_of_the_exchange_is_the_one_that_the_code_went_to() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    for other in [
        "http://localhost:4322/callback",
        "http://127.0.0.1:4321/callback",
        "http://localhost:4321/callback/",
        "http://LOCALHOST:4321/callback",
        "https://claude.ai/api/mcp/auth_callback",
        "https://evil.example/cb",
        "",
    ] {
        let code = gateway.code(&client).await;
        let changes = [("redirect_uri", Some(other))];
        let answer = gateway.redeem_with(&client, &code, &changes).await;
        assert_eq!(answer.error(), "invalid_grant", "{other}");
    }
}

#[tokio::test]
async fn every_redirect_names_the_issuer_and_carries_nothing_else() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let sealed = gateway.page(&client, &[]).await.sealed();
    let allowed = gateway.allow(&sealed, &gateway.pairing().await.code).await;
    let sealed = gateway.page(&client, &[]).await.sealed();
    let fields = [("request", sealed.as_str()), ("decision", "deny")];
    let denied = gateway.send(Ask::post("/authorize").form(&fields)).await;
    let wrong = gateway.page(&client, &[("response_type", Some("token"))]).await;
    for (answer, expected) in [
        (allowed, &["code", "state", "iss"][..]),
        (denied, &["error", "error_description", "state", "iss"]),
        (wrong, &["error", "error_description", "state", "iss"]),
    ] {
        let (address, query) = answer.location().split_once('?').unwrap();
        assert_eq!(address, REDIRECT);
        let names: Vec<_> = url::form_urlencoded::parse(query.as_bytes())
            .map(|(name, _)| name.into_owned())
            .collect();
        assert_eq!(names, expected);
        assert_eq!(answer.sent("iss").as_deref(), Some("https://h.example"));
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(answer.body.is_empty(), "{}", answer.body);
    }
}

#[tokio::test]
async fn what_the_owner_typed_is_not_posted_on_to_the_client() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    let sealed = gateway.page(&client, &[]).await.sealed();
    let fields = [("request", sealed.as_str()), ("decision", "deny")];
    let denied = gateway.send(Ask::post("/authorize").form(&fields)).await;
    let sealed = gateway.page(&client, &[]).await.sealed();
    let allowed = gateway.allow(&sealed, &gateway.pairing().await.code).await;
    // 307 and 308 would repeat the form, with the code of the terminal in it.
    assert_eq!((denied.status, allowed.status), (303, 303));
    let wrong = gateway.page(&client, &[("response_type", None)]).await;
    assert_eq!(wrong.status, 302);
}

#[tokio::test]
async fn a_state_splits_no_header_and_adds_no_parameter() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    for state in
        ["x\r\nset-cookie: a=b", "x\nlocation: https://evil.example", "a&code=mine&iss=evil", "a#b"]
    {
        let answer = gateway
            .page(&client, &[("state", Some(state)), ("response_type", Some("token"))])
            .await;
        assert_eq!(answer.sent("state").as_deref(), Some(state));
        assert_eq!(answer.sent("iss").as_deref(), Some("https://h.example"));
        assert_eq!(answer.sent("code"), None);
        assert!(!answer.has("set-cookie") && !answer.location().contains('#'), "{answer:?}");
    }
}

#[tokio::test]
async fn no_parameter_but_the_redirect_uri_says_where_to_go() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    for name in ["redirect", "return_to", "next", "url", "continue", "redirect_url", "callback"] {
        let changes = [(name, Some("https://evil.example/")), ("response_type", None)];
        let answer = gateway.page(&client, &changes).await;
        assert!(answer.location().starts_with(REDIRECT), "{name}: {}", answer.location());
        for path in ["/pair", "/mcp", "/healthz", "/"] {
            let answer =
                gateway.send(Ask::get(&format!("{path}?{name}=https://evil.example/"))).await;
            assert_eq!(answer.location(), "", "{path} {name}");
            assert!(!answer.body.contains("evil.example"), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn no_token_is_ever_sent_through_a_browser() {
    let gateway = TestGateway::start().await;
    let client = gateway.mint("one").await;
    for kind in ["token", "id_token", "id_token token", "code token", "code id_token", "none"] {
        let answer = gateway.page(&client, &[("response_type", Some(kind))]).await;
        assert_eq!(answer.sent("error").as_deref(), Some("unsupported_response_type"), "{kind}");
    }
    for mode in ["fragment", "form_post", "web_message", "query.jwt"] {
        let answer = gateway.page(&client, &[("response_mode", Some(mode))]).await;
        assert_eq!(answer.sent("error").as_deref(), Some("invalid_request"), "{mode}");
        assert!(!answer.location().contains('#'), "{mode}");
    }
}
