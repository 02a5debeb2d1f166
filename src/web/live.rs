//! The live status on the page of a paired device: how far each app has come.
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::{Markup, html};

use super::Pages;
use super::page::private;
use crate::auth::AuthorizationServer;
use crate::http::Origin;
use crate::trace::Connection;

/// Apps that are shown.
const SHOWN: usize = 8;

/// `GET /pair/live`: the status alone, for the script of the page. Nobody but a paired device is told
/// anything.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
) -> Response {
    match pages.server.device_of(&headers, &origin) {
        Ok(Some(_)) => {
            let mut response = status(&pages.server).into_string().into_response();
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, html);
            private(response)
        }
        Ok(None) => private(StatusCode::FORBIDDEN.into_response()),
        Err(_) => private(StatusCode::SERVICE_UNAVAILABLE.into_response()),
    }
}

/// The part of the page that the script keeps up to date.
pub(super) fn section(server: &AuthorizationServer) -> Markup {
    html! {
        section {
            h2 { "3. See it connect" }
            div id="live" role="status" { (status(server)) }
            p.soft id="paused" hidden { "This page has stopped looking. Reload it to go on." }
        }
    }
}

fn status(server: &AuthorizationServer) -> Markup {
    let connections = server.trace().connections();
    html! {
        @for connection in connections.iter().take(SHOWN) { (line(connection)) }
        @if connections.is_empty() {
            p.soft { "No app has come yet. Its steps show here as it takes them." }
        }
    }
}

fn line(connection: &Connection) -> Markup {
    let step = &connection.last.step;
    html! {
        p { strong { (connection.who.name) } " " (connection.row) }
        @if let Some(hint) = step.hint() {
            p.warn { "It " (step) ". What helps: " (hint) "." }
        }
    }
}
