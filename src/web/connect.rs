//! The connect page: pair this device, then add the connector.
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::{Markup, html};

use super::page::{Forms, not_a_form, respond, retry_after, trouble};
use super::{Pages, live};
use crate::auth::{AuthorizationServer, Challenge, OpaqueToken, Paired, routes};
use crate::http::{Ingress, Origin};
use crate::model::{Client, Registration};

/// Whether a request is a browser's that wants a page.
#[must_use]
pub fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|it| it.trim_start().starts_with("text/html")))
}

/// The answer to a browser's `GET /mcp` without a bearer: the connect page, still with status 401
/// and the challenge, so that a client which asks for HTML signs in all the same.
#[must_use]
pub fn connect_page(
    server: &AuthorizationServer,
    origin: &Origin,
    headers: &HeaderMap,
) -> Response {
    let challenge = Challenge::missing(origin);
    let mut response = page(server, origin, headers, challenge.status());
    if let Ok(value) = HeaderValue::from_str(challenge.www_authenticate()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// `GET /pair`: the same page, for whoever comes back to that address.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
) -> Response {
    page(&pages.server, &origin, &headers, StatusCode::OK)
}

/// `POST /pair`: pairs the device and shows, this once, all that a connector needs.
pub(super) async fn pair(
    State(pages): State<Pages>,
    Extension(origin): Extension<Origin>,
    Extension(ingress): Extension<Ingress>,
    request: Request,
) -> Response {
    let (headers, form) = match routes::read_form(request).await {
        Ok(form) => form,
        Err(refused) => return not_a_form(&refused),
    };
    let paired = match pages.server.pair(&form, &origin, ingress, &headers).await {
        Ok(paired) => paired,
        Err(error) => {
            let page = trouble(error.status(), &error.to_string(), error.hint(), None);
            return match error.retry_after_secs() {
                Some(secs) => retry_after(page, secs),
                None => page,
            };
        }
    };
    let client = offered(&pages.server);
    let secret = match &client {
        Some(client) if client.is_confidential() => (pages.secrets)(client.id.clone()).await,
        _ => None,
    };
    let credentials = credentials(&pages.server, client.as_ref(), &Shown::Now(secret.as_ref()));
    let Paired::Device { set_cookie, .. } = paired else {
        let content = html! {
            h1 { "Connect an app on this computer" }
            section {
                h2 { "1. Add the server" }
                p.soft { "Paste this URL into the app:" }
                (copyable("url", &origin.url("/mcp")))
            }
            (credentials)
            p.soft {
                "When the app asks for access, a page opens that wants a code: "
                code { "gateway pair" } " shows it."
            }
        };
        return respond(StatusCode::OK, "gateway: connect an app", Forms::Own, &content);
    };
    let content = html! {
        h1 { "This device is paired" }
        p.soft { "From now on one tap here allows your apps to connect." }
        (add_connector(&pages.server, &origin))
        (credentials)
        (live::section(&pages.server))
    };
    let mut response =
        respond(StatusCode::OK, "gateway: this device is paired", Forms::Live, &content);
    if let Ok(mut cookie) = HeaderValue::from_str(set_cookie.expose()) {
        cookie.set_sensitive(true);
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn page(
    server: &AuthorizationServer,
    origin: &Origin,
    headers: &HeaderMap,
    status: StatusCode,
) -> Response {
    // A database that cannot be read pairs nobody; the page still says how to connect.
    let paired = server.device_of(headers, origin).is_ok_and(|device| device.is_some());
    let content = if paired {
        html! {
            h1 { "This device is paired" }
            (add_connector(server, origin))
            (credentials(server, offered(server).as_ref(), &Shown::Before))
            (live::section(server))
            p.soft { a href=(super::requests::PATH) { "What your agents ask" } }
        }
    } else if origin.is_https() {
        html! {
            h1 { "Connect to this gateway" }
            (pair_form())
        }
    } else {
        html! {
            h1 { "Connect to this gateway" }
            section {
                h2 { "An app on this computer" }
                p { "Give your app this URL:" }
                (copyable("url", &origin.url("/mcp")))
                form method="post" action="/pair" id="by-link" hidden {
                    input type="hidden" id="token" name="token" disabled;
                    button type="submit" { "Show client id and secret" }
                }
                p id="by-code" {
                    "For the client id and secret run " code { "gateway pair" } " and open the link \
                     that it prints. When the app asks for access, a page opens that wants the code \
                     below that link."
                }
            }
        }
    };
    let forms = if paired { Forms::Live } else { Forms::Own };
    respond(status, "gateway: connect", forms, &content)
}

fn pair_form() -> Markup {
    html! {
        section {
            h2 { "Pair this device" }
            form method="post" action="/pair" {
                input type="hidden" id="token" name="token" disabled;
                div id="by-link" hidden {
                    p { "A paired device can allow your apps to connect, with one tap." }
                }
                div id="by-code" {
                    label for="code" { "Code from your terminal" }
                    p.soft id="help" {
                        "Run " code { "gateway pair" } " on your machine and scan the QR code, \
                         or type the code below it."
                    }
                    input type="text" id="code" name="code" aria-describedby="help" maxlength="16"
                        autocomplete="off" autocapitalize="characters" autocorrect="off"
                        spellcheck="false" placeholder="XXXX-XXXX";
                }
                button type="submit" id="pair" { "Pair this device" }
            }
        }
        p.soft { "This is somebody's private gateway. Without a code there is nothing to see here." }
    }
}

fn add_connector(server: &AuthorizationServer, origin: &Origin) -> Markup {
    let url = origin.url("/mcp");
    let settings = server.settings();
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("modal", "add-custom-connector")
        .append_pair("connectorName", &settings.resource_name)
        .append_pair("connectorUrl", &url)
        .finish();
    let link = format!("https://claude.ai/customize/connectors?{query}");
    html! {
        section {
            h2 { "1. Add the connector" }
            a.button href=(link) rel="noreferrer" target="_blank" { "Add to Claude" }
            p.soft { "Or paste this URL into any app that speaks MCP:" }
            (copyable("url", &url))
        }
    }
}

/// Whether a client's secret can be shown.
enum Shown<'a> {
    /// This once; `None` when no vault gives it.
    Now(Option<&'a OpaqueToken>),
    /// It was shown when this device was paired.
    Before,
}

fn credentials(server: &AuthorizationServer, client: Option<&Client>, shown: &Shown<'_>) -> Markup {
    let settings = server.settings();
    let ways = [Registration::Document, Registration::Dynamic];
    let by_themselves = ways.iter().any(|way| settings.admits(*way));
    html! {
        section {
            h2 { "2. Sign in" }
            @if by_themselves {
                p {
                    "Connect in the app, and allow it on the page that opens. Claude, ChatGPT, Claude \
                     Code, Codex and most others need nothing else."
                }
            }
            @if let Some(client) = client {
                p.soft {
                    @if by_themselves { "An app that asks for a client id takes this one, “" }
                    @else { "For “" }
                    (client.name) "”, under the app's advanced settings:"
                }
                label { "Client id" }
                (copyable("client-id", client.id.as_str()))
                @if client.is_confidential() {
                    label { "Client secret" }
                    @match shown {
                        Shown::Now(Some(secret)) => {
                            (copyable("client-secret", secret.expose()))
                            p.soft { "It is shown here only now." }
                        }
                        Shown::Now(None) => p {
                            "It was printed when the client was made. "
                            code { "gateway mint-client --rotate" } " prints a new one."
                        },
                        Shown::Before => p {
                            "It was shown when this device was paired. To see it again, run "
                            code { "gateway pair" } " and pair once more."
                        },
                    }
                } @else {
                    p.soft { "This client has no secret: leave that field empty." }
                }
            } @else if !by_themselves {
                p { "There is no client yet. Run " code { "gateway mint-client" } " on your machine." }
            }
        }
    }
}

fn copyable(id: &str, text: &str) -> Markup {
    html! {
        div.field {
            code id=(id) { (text) }
            button.plain.copy type="button" data-copy=(id) hidden { "Copy" }
        }
    }
}

fn offered(server: &AuthorizationServer) -> Option<Client> {
    server.offered_client().unwrap_or_else(|error| {
        tracing::error!(%error, "the clients could not be read for the connect page");
        None
    })
}
