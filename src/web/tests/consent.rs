use http::{StatusCode, header};

use super::harness::*;
use crate::http::Origin;

#[tokio::test]
async fn the_code_of_the_terminal_leads_back_to_the_client_with_code_state_and_issuer() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let answer = gateway.consent(&client).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.location().starts_with(&format!("{REDIRECT}?code=gwc_")));
    assert!(answer.location().ends_with("&state=st%2Fate%3D1&iss=https%3A%2F%2Fh.example"));
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
}

#[tokio::test]
async fn denying_leads_back_with_access_denied_and_needs_no_code() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let page = gateway.authorize(&client).await;
    let fields = [("request", page.sealed()), ("decision", "deny".into())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let answer = gateway.post("/authorize", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.sent("error").as_deref(), Some("access_denied"));
    assert_eq!(answer.sent("state").as_deref(), Some("st/ate=1"));
    assert_eq!(answer.sent("iss").as_deref(), Some("https://h.example"));
}

#[tokio::test]
async fn what_was_denied_stays_denied_whoever_answers_again() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let cookie = gateway.pair().await;
    let query = gateway.query(client.client.id.as_str(), &[]);
    let by_code = gateway.get(&query).await.sealed();
    let by_device = gateway.get_with_cookie(&query, &cookie).await.sealed();
    let other = gateway.get(&query).await.sealed();
    for sealed in [&by_code, &by_device] {
        for _ in 0..2 {
            let answer =
                gateway.post("/authorize", &[("request", sealed), ("decision", "deny")]).await;
            assert_eq!(answer.sent("error").as_deref(), Some("access_denied"));
        }
        gateway.advance(14 * 60 / 2);
        let code = gateway.server.pairings().open().code;
        let fields = [("request", sealed.as_str()), ("code", &code), ("decision", "allow")];
        let answer = gateway.post_with("/authorize", &fields, &[("cookie", &cookie)]).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::FORBIDDEN, ""));
        assert!(answer.body.contains("denied, which is final"), "{}", answer.body);
    }
    let code = gateway.server.pairings().open().code;
    assert_eq!(gateway.allow(&other, &code).await.status, StatusCode::SEE_OTHER);
    assert_eq!(gateway.store.read(|tx| tx.count("codes")).unwrap(), 1);
}

#[tokio::test]
async fn what_was_allowed_is_not_denied_afterwards() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let sealed = gateway.authorize(&client).await.sealed();
    let code = gateway.server.pairings().open().code;
    assert_eq!(gateway.allow(&sealed, &code).await.status, StatusCode::SEE_OTHER);
    let late = gateway.post("/authorize", &[("request", &sealed), ("decision", "deny")]).await;
    assert_eq!((late.status, late.location()), (StatusCode::BAD_REQUEST, ""));
    assert!(late.body.contains("answered already"), "{}", late.body);
}

#[tokio::test]
async fn no_code_is_issued_without_the_owner() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let sealed = gateway.authorize(&client).await.sealed();
    for (code, decision) in [("", "allow"), ("ABCD-2345", "allow"), ("", ""), ("", "yes")] {
        let fields = [("request", sealed.as_str()), ("code", code), ("decision", decision)];
        let answer = gateway.post("/authorize", &fields).await;
        assert!(answer.status.is_client_error(), "{code} {decision}: {}", answer.status);
        assert_eq!(answer.location(), "");
    }
    assert_eq!(gateway.store.read(|tx| tx.count("codes")).unwrap(), 0);
}

#[tokio::test]
async fn three_wrong_codes_end_that_request_and_never_the_code() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let code = gateway.server.pairings().open().code;
    let sealed = gateway.authorize(&client).await.sealed();
    for left in ["2 tries are left", "One try is left"] {
        let answer = gateway.allow(&sealed, "0000-0000").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.body.contains(left), "{}", answer.body);
        assert!(!answer.sealed().is_empty(), "the page asks again");
    }
    let ended = gateway.allow(&sealed, "0000-0000").await;
    assert_eq!(ended.status, StatusCode::FORBIDDEN);
    let too_late = gateway.allow(&sealed, &code).await;
    assert_eq!((too_late.status, too_late.location()), (StatusCode::FORBIDDEN, ""));
    let fresh = gateway.authorize(&client).await.sealed();
    assert_eq!(gateway.allow(&fresh, &code).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_stranger_who_guesses_slows_down_himself_and_not_the_owner() {
    let mut gateway = TestGateway::start();
    let client = gateway.mint().await;
    let code = gateway.server.pairings().open().code;
    let mut slowed = 0;
    for _ in 0..100 {
        let sealed = gateway.authorize(&client).await.sealed();
        let answer = gateway.allow(&sealed, "0000-0000").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(answer.header(header::RETRY_AFTER), "5");
            slowed += 1;
        }
    }
    assert!(slowed >= 90, "only {slowed} of 100 guesses were slowed down");
    let pairing = gateway.post("/pair", &[("code", "0000-0000")]).await;
    assert_eq!(pairing.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(pairing.header(header::RETRY_AFTER), "5");
    gateway.address = Some("198.51.100.9".parse().unwrap());
    let sealed = gateway.authorize(&client).await.sealed();
    assert_eq!(gateway.allow(&sealed, &code).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_stranger_whose_address_is_not_told_from_the_owners_holds_nothing_back() {
    for address in [None, Some("127.0.0.1")] {
        let mut gateway = TestGateway::start();
        gateway.address = address.map(|text| text.parse().unwrap());
        let client = gateway.mint().await;
        let code = gateway.server.pairings().open().code;
        let owners = gateway.authorize(&client).await.sealed();
        for _ in 0..50 {
            let sealed = gateway.authorize(&client).await.sealed();
            for _ in 0..3 {
                gateway.allow(&sealed, "0000-0000").await;
            }
        }
        let answer = gateway.allow(&owners, &code).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{address:?}");
    }
}

#[tokio::test]
async fn a_thousand_strangers_leave_the_owner_a_way_in() {
    let mut gateway = TestGateway::start();
    let client = gateway.mint().await;
    let pairing = gateway.server.pairings().open();
    let mut answer = None;
    for n in 0..1_000_u32 {
        gateway.address = Some(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into());
        answer = Some(gateway.post("/pair", &[("code", "0000-0000")]).await);
    }
    let held_up = answer.unwrap();
    assert_eq!(held_up.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(held_up.header(header::RETRY_AFTER), "1");

    // From the workstation itself, where no stranger is.
    let tunnel = std::mem::replace(&mut gateway.origin, Origin::new("http", "127.0.0.1:8765"));
    let sealed = gateway.authorize(&client).await.sealed();
    assert_eq!(gateway.allow(&sealed, &pairing.code).await.status, StatusCode::SEE_OTHER);
    // By the link, which nobody guesses.
    gateway.origin = tunnel;
    let paired = gateway.post("/pair", &[("token", &pairing.url_fragment)]).await;
    assert_eq!(paired.status, StatusCode::OK);
    let query = gateway.query(client.client.id.as_str(), &[]);
    let sealed = gateway.get_with_cookie(&query, &paired.cookie()).await.sealed();
    let fields = [("request", sealed.as_str()), ("decision", "allow")];
    let allowed = gateway.post_with("/authorize", &fields, &[("cookie", &paired.cookie())]).await;
    assert_eq!(allowed.status, StatusCode::SEE_OTHER);
    // And by a code, when the strangers have got tired.
    gateway.advance(1);
    let sealed = gateway.authorize(&client).await.sealed();
    let code = gateway.server.pairings().open().code;
    assert_eq!(gateway.allow(&sealed, &code).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_flood_of_authorize_leaves_the_owners_open_page_alive() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let owners = gateway.authorize(&client).await.sealed();
    for _ in 0..3_000 {
        gateway.authorize(&client).await;
    }
    let code = gateway.server.pairings().open().code;
    assert_eq!(gateway.allow(&owners, &code).await.status, StatusCode::SEE_OTHER);
    assert_eq!(gateway.server.remembered_requests(), 1, "only what was answered is remembered");
}

#[tokio::test]
async fn a_double_tap_is_answered_like_the_first() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let sealed = gateway.authorize(&client).await.sealed();
    let code = gateway.server.pairings().open().code;
    let (one, other) = tokio::join!(gateway.allow(&sealed, &code), gateway.allow(&sealed, &code));
    assert_eq!(one.status, StatusCode::SEE_OTHER);
    assert_eq!(one.location(), other.location());
    assert_eq!(gateway.store.read(|tx| tx.count("codes")).unwrap(), 1);
    gateway.advance(61);
    assert_eq!(gateway.allow(&sealed, &code).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_consent_code_works_once() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let code = gateway.server.pairings().open().code;
    let one = gateway.authorize(&client).await.sealed();
    let other = gateway.authorize(&client).await.sealed();
    assert_eq!(gateway.allow(&one, &code).await.status, StatusCode::SEE_OTHER);
    assert_eq!(gateway.allow(&other, &code).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_page_can_be_answered_for_15_minutes() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let sealed = gateway.authorize(&client).await.sealed();
    gateway.advance(15 * 60);
    let code = gateway.server.pairings().open().code;
    assert_eq!(gateway.allow(&sealed, &code).await.status, StatusCode::SEE_OTHER);
    let late = gateway.authorize(&client).await.sealed();
    gateway.advance(15 * 60 + 1);
    let code = gateway.server.pairings().open().code;
    let answer = gateway.allow(&late, &code).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""));
    assert!(answer.body.contains("expired"));
}

#[tokio::test]
async fn a_forged_or_changed_request_opens_nothing() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let sealed = gateway.authorize(&client).await.sealed();
    let code = gateway.server.pairings().open().code;
    let changed = format!("A{}", &sealed[1..]);
    for request in ["", "x.y", &changed, &sealed[..sealed.len() - 1]] {
        let answer = gateway.allow(request, &code).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""));
    }
    let restarted = gateway.restart();
    let code = restarted.server.pairings().open().code;
    assert_eq!(restarted.allow(&sealed, &code).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_request_begun_under_one_name_is_not_answered_under_another() {
    let mut gateway = TestGateway::start();
    let client = gateway.mint().await;
    let sealed = gateway.authorize(&client).await.sealed();
    gateway.origin = Origin::new("http", "127.0.0.1:8765");
    let code = gateway.server.pairings().open().code;
    assert_eq!(gateway.allow(&sealed, &code).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_client_revoked_while_the_page_is_open_gets_nothing() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let sealed = gateway.authorize(&client).await.sealed();
    gateway.server.revoke(&client.client.id).await.unwrap();
    let code = gateway.server.pairings().open().code;
    let answer = gateway.allow(&sealed, &code).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::BAD_REQUEST, ""));
}

#[tokio::test]
async fn no_other_site_answers_in_the_owners_name() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let cookie = gateway.pair().await;
    let query = gateway.query(client.client.id.as_str(), &[]);
    let sealed = gateway.get_with_cookie(&query, &cookie).await.sealed();
    let fields = [("request", sealed.as_str()), ("decision", "allow")];
    for foreign in [
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
        [("origin", "https://h.example"), ("sec-fetch-site", "cross-site")],
        [("origin", "null"), ("sec-fetch-site", "cross-site")],
        [("origin", "https://other.h.example"), ("sec-fetch-site", "same-site")],
    ] {
        let headers = [("cookie", cookie.as_str()), foreign[0], foreign[1]];
        let answer = gateway.post_with("/authorize", &fields, &headers).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::FORBIDDEN, ""), "{foreign:?}");
    }
    assert_eq!(gateway.store.read(|tx| tx.count("codes")).unwrap(), 0);
}

#[tokio::test]
async fn the_page_allows_nothing_from_outside_and_no_frame() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let answer = gateway.authorize(&client).await;
    let policy = answer.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
    assert!(!policy.contains("script-src"), "the consent page runs no script");
    assert!(!policy.contains("form-action"), "it would stop the redirect to the client");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("x-frame-options"), "DENY");
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert!(!answer.body.contains("<script"));
}

#[tokio::test]
async fn the_page_reads_as_shown_here() {
    let gateway = TestGateway::start();
    let client = gateway.mint().await;
    let page = gateway.authorize(&client).await;
    let shown = page.body.replace(&page.sealed(), "SEALED");
    let shown = shown.split_once("<main>").unwrap().1;
    insta::assert_snapshot!(shown.replace('>', ">\n"));
}

#[tokio::test]
async fn a_body_that_is_no_form_or_too_large_is_refused_on_a_page() {
    let gateway = TestGateway::start();
    let large = "x".repeat(17 * 1024);
    for path in ["/authorize", "/pair"] {
        let answer = gateway.post(path, &[("request", &large)]).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        let request = http::Request::post(path).header(header::CONTENT_TYPE, "application/json");
        let answer = gateway.send(request.body("{}".into()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(answer.body.starts_with("<!DOCTYPE html>"));
    }
}
