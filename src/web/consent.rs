//! `/authorize`: the consent page and its answer.
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use maud::html;

use super::Pages;
use super::page::{Forms, error, not_a_form, redirect, respond, retry_after, to_the_minute};
use crate::auth::authorize::Refusal;
use crate::auth::{ConsentOutcome, ConsentPage, ConsentProblem, KnownBy, routes};
use crate::http::{Ingress, Origin};
use crate::model::Scope;

/// `GET /authorize`.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(origin): Extension<Origin>,
    Extension(ingress): Extension<Ingress>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let query = uri.query().unwrap_or_default().as_bytes();
    match pages.server.authorize(query, &origin, ingress, &headers).await {
        Ok(page) => draw(&page),
        Err(Refusal::Page(refused)) => error(&refused),
        Err(Refusal::Redirect { location, .. }) => redirect(StatusCode::FOUND, &location),
    }
}

/// `POST /authorize`.
pub(super) async fn answer(
    State(pages): State<Pages>,
    Extension(origin): Extension<Origin>,
    Extension(ingress): Extension<Ingress>,
    request: Request,
) -> Response {
    let (headers, form) = match routes::read_form(request).await {
        Ok(form) => form,
        Err(refused) => return not_a_form(&refused),
    };
    match pages.server.consent(&form, &origin, ingress, &headers).await {
        ConsentOutcome::Redirect(location) => redirect(StatusCode::SEE_OTHER, &location),
        ConsentOutcome::AskAgain(page) => draw(&page),
        ConsentOutcome::Refused(refused) => error(&refused),
    }
}

fn draw(page: &ConsentPage) -> Response {
    let status = match page.problem {
        None => StatusCode::OK,
        Some(ConsentProblem::NoDecision | ConsentProblem::NoCode) => StatusCode::BAD_REQUEST,
        Some(ConsentProblem::WrongCode { .. }) => StatusCode::FORBIDDEN,
        Some(ConsentProblem::TooFast { .. }) => StatusCode::TOO_MANY_REQUESTS,
    };
    let content = html! {
        h1 { "Allow " (page.client_name) " to use this gateway?" }
        section {
            h2 { "It will be able to" }
            ul { @for scope in &page.scopes { li { (words(*scope)) } } }
            dl {
                dt { "Answer to" } dd { strong { (page.redirect_host) } }
                dt { "Began" } dd { (to_the_minute(page.began_at)) }
                dt { "From" } dd { (page.from) }
                dt { "Known" } dd { (known_by(page)) }
            }
            @match &page.known_by {
                KnownBy::Owner | KnownBy::Document { built_in: true, .. } => {}
                KnownBy::Document { host, .. } => p.warn {
                    "The name above is what " strong { (host) } " says. Trust that address, not the name."
                }
                KnownBy::Itself => p.warn {
                    "Unverified: the name above is what the app says about itself. Trust the address \
                     that the answer goes to, not the name."
                }
            }
            @if page.loopback {
                p.warn {
                    "The answer goes to a program on the machine where this page is open. \
                     Allow it only if you have just started to connect there yourself."
                }
            } @else if page.known_by != KnownBy::Owner {
                // Such a client is everybody's, and proves nothing at `/token` but the code: a
                // stranger's request in the same app looks like the owner's.
                p.warn {
                    "Everybody's requests from this app look alike, and this one may be a stranger's. \
                     Allow it only if you have just started to connect there yourself."
                }
            }
        }
        section {
            form method="post" action="/authorize" {
                input type="hidden" name="request" value=(page.sealed);
                @if let Some(problem) = page.problem { p.bad role="alert" { (tell(problem)) } }
                @if page.needs_code {
                    label for="code" { "Code from your terminal" }
                    p.soft id="help" {
                        @if page.first_time { "This app is new here. " }
                        "Run " code { "gateway pair" } " on your machine to see the code."
                    }
                    input type="text" id="code" name="code" aria-describedby="help" maxlength="16"
                        autocomplete="off" autocapitalize="characters" autocorrect="off"
                        spellcheck="false" placeholder="XXXX-XXXX" autofocus;
                } @else {
                    p.soft { "This device is paired: one tap is enough." }
                }
                button type="submit" name="decision" value="allow" { "Allow" }
                button.plain type="submit" name="decision" value="deny" { "Deny" }
            }
        }
        p.soft { "If you did not start this yourself, deny it." }
    };
    let response = respond(status, "Allow access to gateway?", Forms::Redirected, &content);
    match page.problem {
        Some(ConsentProblem::TooFast { wait_secs }) => retry_after(response, wait_secs),
        _ => response,
    }
}

/// How the client came to be known, in words.
fn known_by(page: &ConsentPage) -> String {
    let before = if page.first_time { "never allowed before" } else { "allowed before" };
    match &page.known_by {
        KnownBy::Owner => "made by you with gateway mint-client".into(),
        KnownBy::Document { host, .. } => format!("described by {host}; {before}"),
        KnownBy::Itself => format!("registered itself; {before}"),
    }
}

const fn words(scope: Scope) -> &'static str {
    match scope {
        Scope::Observe => "see your tasks, their results and logs",
        Scope::Files => "read diffs and files of your projects",
        Scope::Run => "start, answer and cancel tasks on your machine",
        Scope::OfflineAccess => "stay connected until you revoke it",
    }
}

fn tell(problem: ConsentProblem) -> String {
    match problem {
        ConsentProblem::NoDecision => "Choose to allow or to deny.".into(),
        ConsentProblem::NoCode => "Type the code that your terminal shows.".into(),
        ConsentProblem::WrongCode { left: 1 } => "That code is wrong. One try is left.".into(),
        ConsentProblem::WrongCode { left } => {
            format!("That code is wrong. {left} tries are left.")
        }
        ConsentProblem::TooFast { wait_secs } => {
            format!(
                "Too many wrong codes were entered. Wait {wait_secs} s, then try again; the code \
                 stays valid. A device paired by the link of `gateway pair` needs none."
            )
        }
    }
}
