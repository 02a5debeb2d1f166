use http::StatusCode;
use proptest::prelude::*;

use super::harness::*;
use crate::auth::AuthSettings;
use crate::http::Origin;
use crate::model::{Scope, Scopes};

async fn ask(gateway: &TestGateway, changes: &[(&str, Option<&str>)]) -> Answer {
    let client = gateway.mint().await;
    gateway.get(&gateway.query(client.client.id.as_str(), changes)).await
}

#[tokio::test]
async fn a_valid_request_shows_the_consent_page_and_stores_nothing() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    for _ in 0..200 {
        let answer = gateway.authorize(&client).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert_eq!(gateway.store.read(|tx| tx.count("codes")).unwrap(), 0);
}

#[tokio::test]
async fn an_unknown_revoked_or_expired_client_gets_a_page_and_no_redirect() {
    let gateway = TestGateway::start();
    let revoked = gateway.mint().await;
    gateway.server.revoke(&revoked.client.id).await.unwrap();
    let expired = gateway.mint().await;
    gateway.server.expire(&expired.client.id, Some(gateway.clock_now())).await.unwrap();
    for id in ["nobody", revoked.client.id.as_str(), expired.client.id.as_str(), "", "a b"] {
        let answer = gateway.get(&gateway.query(id, &[])).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{id}");
        assert_eq!(answer.location(), "");
    }
}

#[tokio::test]
async fn nobody_is_ever_sent_to_an_address_that_is_not_allowed() {
    let gateway = TestGateway::start();
    for uri in [
        "https://evil.example/cb",
        "https://claude.ai.evil.example/api/mcp/auth_callback",
        "http://localhost:4321@evil.example/callback",
        "http://localhost:4321/callback/../../x",
        "//evil.example/",
        "javascript:alert(1)",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "https://claude.ai/api/mcp/auth_callback\r\nX: y",
    ] {
        // Also when something else is wrong, and would go back by redirect.
        for more in [("response_type", Some("code")), ("response_type", Some("token"))] {
            let answer = ask(&gateway, &[("redirect_uri", Some(uri)), more]).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
            assert_eq!(answer.location(), "", "{uri}");
        }
    }
    assert_eq!(ask(&gateway, &[("redirect_uri", None)]).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_the_owner_allowed_in_the_config_is_redirected_to() {
    let gateway = TestGateway::with(AuthSettings {
        redirect_uris: vec!["https://app.example/cb?tenant=1".into()],
        redirect_schemes: vec!["cursor".into()],
        ..AuthSettings::default()
    });
    for uri in ["https://app.example/cb?tenant=1", "cursor://anysphere.cursor-mcp/oauth/callback"] {
        let changes = [("redirect_uri", Some(uri)), ("response_type", Some("token"))];
        let answer = ask(&gateway, &changes).await;
        assert_eq!(answer.status, StatusCode::FOUND);
        let separator = if uri.contains('?') { '&' } else { '?' };
        let expected = format!("{uri}{separator}error=unsupported_response_type&");
        assert!(answer.location().starts_with(&expected), "{}", answer.location());
    }
}

#[tokio::test]
async fn errors_go_back_with_code_state_and_issuer() {
    let gateway = TestGateway::start();
    let cases: [(Changes<'_>, &str); 11] = [
        (&[("response_type", None)], "invalid_request"),
        (&[("response_type", Some("token"))], "unsupported_response_type"),
        (&[("response_mode", Some("fragment"))], "invalid_request"),
        (&[("code_challenge", None)], "invalid_request"),
        (&[("code_challenge", Some("short"))], "invalid_request"),
        (&[("code_challenge_method", None)], "invalid_request"),
        (&[("code_challenge_method", Some("plain"))], "invalid_request"),
        (&[("resource", Some("https://other.example/mcp"))], "invalid_target"),
        (&[("resource", Some("https://h.example/other"))], "invalid_target"),
        (&[("resource", Some("http://h.example/mcp"))], "invalid_target"),
        (&[("resource", Some("not a url"))], "invalid_target"),
    ];
    for (changes, error) in cases {
        let answer = ask(&gateway, changes).await;
        assert_eq!(answer.status, StatusCode::FOUND, "{changes:?}");
        assert!(answer.location().starts_with(&format!("{REDIRECT}?error=")), "{changes:?}");
        assert_eq!(answer.sent("error").as_deref(), Some(error), "{changes:?}");
        assert_eq!(answer.sent("state").as_deref(), Some("st/ate=1"));
        assert_eq!(answer.sent("iss").as_deref(), Some("https://h.example"));
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
}

#[tokio::test]
async fn a_parameter_sent_twice_is_an_invalid_request() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let query = gateway.query(client.client.id.as_str(), &[]);
    for (again, redirected) in [
        ("client_id=x", false),
        ("redirect_uri=https%3A%2F%2Fevil.example", false),
        ("state=st/ate=1", true),
        ("scope=observe", true),
        ("response_type=code", true),
        ("code_challenge=x", true),
        ("code_challenge_method=plain", true),
    ] {
        let answer = gateway.get(&format!("{query}&{again}")).await;
        if redirected {
            assert_eq!(answer.sent("error").as_deref(), Some("invalid_request"), "{again}");
        } else {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{again}");
            assert_eq!(answer.location(), "");
        }
    }
    let answer = gateway.get(&format!("{query}&state=other")).await;
    assert_eq!(answer.sent("state"), None, "which of the two would it be?");
}

#[tokio::test]
async fn every_spelling_of_our_resource_is_accepted_and_so_is_none() {
    let gateway = TestGateway::start();
    for resource in [
        None,
        Some("https://h.example"),
        Some("https://h.example/"),
        Some("https://h.example/mcp"),
        Some("https://h.example/mcp/"),
    ] {
        let answer = ask(&gateway, &[("resource", resource)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{resource:?}");
    }
}

#[tokio::test]
async fn a_client_gets_what_it_asks_for_as_far_as_it_may_and_never_more() {
    let gateway = TestGateway::start();
    let narrow = [Scope::Observe, Scope::OfflineAccess].into_iter().collect::<Scopes>();
    let whole = gateway.mint().await;
    let narrow = gateway.mint_as(narrow, false).await;
    for (client, asked, granted) in [
        // Naming none is the default.
        (&narrow, None, "observe offline_access"),
        (&narrow, Some(""), "observe offline_access"),
        (&narrow, Some("  "), "observe offline_access"),
        (&whole, None, "observe files run offline_access"),
        // What is unknown, or not for this client, is left out.
        (&narrow, Some("observe run admin"), "observe"),
        (&narrow, Some("observe offline_access"), "observe offline_access"),
        (&whole, Some("openid email profile observe"), "observe"),
        (&whole, Some("observe files run"), "observe files run"),
        (&whole, Some("run  observe"), "observe run"),
        // The useful set is one step-up away.
        (&whole, Some("openid offline_access"), "offline_access"),
    ] {
        let query = gateway.query(client.client.id.as_str(), &[("scope", asked)]);
        let page = gateway.get(&query).await;
        let offers_to_run = page.body.contains("cancel tasks on your machine");
        assert_eq!(offers_to_run, granted.contains("run"), "{asked:?}: {}", page.body);
        let code = gateway.server.pairings().open().code;
        let code = gateway.allow(&page.sealed(), &code).await.sent("code").unwrap();
        let answer = gateway.redeem(client, &code).await;
        assert_eq!(answer.json()["scope"], granted, "{asked:?}");
    }
}

#[tokio::test]
async fn who_asks_for_nothing_that_can_be_given_is_told_so() {
    let gateway = TestGateway::start();
    let narrow = gateway.mint_as([Scope::Observe].into_iter().collect(), false).await;
    let whole = gateway.mint().await;
    let all = "ask for observe files run";
    for (client, asked, offered) in [
        (&narrow, "run", "ask for observe"),
        (&narrow, "offline_access", "ask for observe"),
        (&whole, "claudeai", all),
        (&whole, "openid profile", all),
        (&whole, "OBSERVE", all),
        (&whole, "observe,run", all),
    ] {
        let query = gateway.query(client.client.id.as_str(), &[("scope", Some(asked))]);
        let answer = gateway.get(&query).await;
        assert_eq!(answer.sent("error").as_deref(), Some("invalid_scope"), "{asked}");
        assert!(answer.sent("error_description").unwrap().ends_with(offered), "{asked}");
        assert_eq!(answer.sent("state").as_deref(), Some("st/ate=1"));
        assert_eq!(answer.sent("iss").as_deref(), Some("https://h.example"));
    }
}

#[tokio::test]
async fn oversized_parameters_are_refused_on_a_page() {
    let gateway = TestGateway::start();
    let long = "x".repeat(9_000);
    for name in ["state", "scope", "client_id", "redirect_uri", "code_challenge", "unknown"] {
        let answer = ask(&gateway, &[(name, Some(&long))]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
        assert_eq!(answer.location(), "");
    }
    let answer = ask(&gateway, &[("state", Some(&"x".repeat(2_049)))]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = ask(&gateway, &[("state", Some(&"é".repeat(1_024)))]).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn any_loopback_name_of_the_listener_is_the_same_resource() {
    let mut gateway = TestGateway::start();
    gateway.origin = Origin::new("http", "127.0.0.1:8765");
    let answer = ask(&gateway, &[("resource", Some("http://localhost:8765/mcp"))]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = ask(&gateway, &[("resource", Some("http://localhost:1/mcp"))]).await;
    assert_eq!(answer.sent("error").as_deref(), Some("invalid_target"));
}

#[tokio::test]
async fn a_page_escapes_whatever_it_shows() {
    let gateway = TestGateway::start();
    let uri = "https://evil.example/\"><script>alert(1)</script>";
    let answer = ask(&gateway, &[("redirect_uri", Some(uri))]).await;
    assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
    assert!(answer.body.contains("&lt;script&gt;alert"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn state_comes_back_byte_by_byte(
        state in prop_oneof!["\\PC{1,40}", "[%+&=#?;/\\\\ \"'<>0-9a-fA-F]{1,40}"]
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (denied, allowed) = runtime.block_on(async {
            let gateway = TestGateway::start();
            let client = gateway.mint().await;
            let changes = [("state", Some(state.as_str()))];
            let page = gateway.get(&gateway.query(client.client.id.as_str(), &changes)).await;
            let fields = [("request", page.sealed()), ("decision", "deny".to_owned())];
            let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
            let denied = gateway.post("/authorize", &fields).await;
            let page = gateway.get(&gateway.query(client.client.id.as_str(), &changes)).await;
            let code = gateway.server.pairings().open().code;
            (denied, gateway.allow(&page.sealed(), &code).await)
        });
        prop_assert_eq!(denied.sent("state"), Some(state.clone()));
        prop_assert_eq!(allowed.sent("state"), Some(state));
    }
}
