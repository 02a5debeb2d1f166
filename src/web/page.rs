//! The frame of every page, and the headers that keep it to itself.
use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use crate::auth::OAuthError;
use crate::auth::authorize::PageError;
use crate::clock::Timestamp;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("connect.js");

/// Where the forms of a page may lead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Forms {
    /// To this gateway.
    Own,
    /// To this gateway, which the script asks for news as well.
    Live,
    /// To this gateway, and from there to wherever its answer redirects: browsers hold `form-action`
    /// against redirects too, also those that the client's own callback answers with.
    Redirected,
}

static POLICIES: LazyLock<[HeaderValue; 3]> = LazyLock::new(|| {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let shared = format!(
        "default-src 'none'; style-src {}; base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE)
    );
    let own = format!("{shared}; script-src {}; form-action 'self'", hash(SCRIPT));
    let live = format!("{own}; connect-src 'self'");
    [own, live, shared].map(|it| HeaderValue::try_from(it).expect("a policy is printable ASCII"))
});

/// Answers with a page.
pub(super) fn respond(status: StatusCode, title: &str, forms: Forms, content: &Markup) -> Response {
    let scripted = forms != Forms::Redirected;
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // Under no-referrer, which the header asks for on behalf of every redirect, browsers
                // send `Origin: null` with our own forms; so the document keeps it to this origin.
                meta name="referrer" content="same-origin";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (content) }
                @if scripted { script { (PreEscaped(SCRIPT)) } }
            }
        }
    };
    let mut response = (status, document.into_string()).into_response();
    let [own, live, redirected] = &*POLICIES;
    let policy = match forms {
        Forms::Own => own,
        Forms::Live => live,
        Forms::Redirected => redirected,
    };
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    private(response)
}

/// Sends the browser on.
pub(super) fn redirect(status: StatusCode, location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => private((status, [(header::LOCATION, location)]).into_response()),
        // Redirect URIs are judged to be plain before, so this is not reached by any request.
        Err(_) => error(&PageError::Malformed("redirect_uri cannot be sent to".into())),
    }
}

/// The page that tells a person what is wrong and what to do.
pub(super) fn error(error: &PageError) -> Response {
    let shown = match error {
        PageError::RedirectNotAllowed { shown } => Some(shown.as_str()),
        _ => None,
    };
    trouble(error.status(), &error.to_string(), error.hint(), shown)
}

/// The page for a body that is no form.
pub(super) fn not_a_form(refused: &OAuthError) -> Response {
    let hint = "Open the page from the app that wants to connect, and answer there.";
    trouble(refused.status(), &format!("{refused}."), hint, None)
}

/// A page of bad news.
pub(super) fn trouble(status: StatusCode, what: &str, hint: &str, shown: Option<&str>) -> Response {
    let content = html! {
        h1 { "This did not work" }
        section {
            p.bad { (what) }
            @if let Some(shown) = shown { p { code { (shown) } } }
            p { (hint) }
        }
    };
    respond(status, "gateway: this did not work", Forms::Own, &content)
}

/// A moment for people: `2026-11-20 05:41 UTC`.
pub(super) fn to_the_minute(moment: Timestamp) -> String {
    let text = moment.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute} UTC"),
        _ => text,
    }
}

/// Tells when trying again makes sense (RFC 9110 §10.2.3).
pub(super) fn retry_after(mut response: Response, secs: u64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
    response
}

/// Keeps an answer out of caches, frames, referrers and type guesses.
pub(super) fn private(mut response: Response) -> Response {
    let pairs: [(HeaderName, &'static str); 6] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in pairs {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
