//! What agents ask, for the owner on a paired device: a list, and a page for each request.
//!
//! Only a paired device sees or answers anything here; everybody else gets a 401, whether there is such
//! a request or not. An answer counts when the same device sends it from the page that it was shown.
mod draw;
mod reply;

use std::fmt;

use axum::Extension;
use axum::extract::{Path, Request as HttpRequest, State};
use axum::response::Response;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::Pages;
use super::page::{not_a_form, redirect, trouble};
use crate::auth::{Challenge, FormError, routes};
use crate::http::Origin;
use crate::model::{Answerer, Device, Reply, Request, RequestId};

/// Where the list is.
pub(super) const PATH: &str = "/requests";

/// The path of a request's page.
#[must_use]
pub fn path_of(id: &RequestId) -> String {
    format!("{PATH}/{id}")
}

/// The requests of agents, as the pages need them. The composition root implements this over the engine.
pub trait Requests: fmt::Debug + Send + Sync + 'static {
    /// Those that wait for an answer, oldest first, at most a few hundred.
    fn open(&self) -> BoxFuture<'_, Result<Vec<Asked>, NotAnswered>>;

    /// One of them, also after it was answered.
    fn find<'a>(&'a self, id: &'a RequestId) -> BoxFuture<'a, Result<Option<Asked>, NotAnswered>>;

    /// Answers one, once and for all.
    fn answer<'a>(
        &'a self,
        id: &'a RequestId,
        reply: Reply,
        by: Answerer,
    ) -> BoxFuture<'a, Result<(), NotAnswered>>;
}

/// A request, and whose it is.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The task's title.
    pub title: String,
    /// Its project.
    pub project: String,
    /// Its executor.
    pub executor: String,
    /// What is asked.
    pub request: Request,
}

/// Why there is no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotAnswered {
    /// 400 for a reply that does not fit, 409 for a request that is closed, 503 when something failed.
    pub status: StatusCode,
    /// What is wrong.
    pub message: String,
}

/// `GET /requests`: everything that waits.
pub(super) async fn list(
    State(pages): State<Pages>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
) -> Response {
    if let Err(error) = owner(&pages, &headers, &origin) {
        return refused(&error, &origin);
    }
    match pages.requests.open().await {
        Ok(open) => draw::list(&open),
        Err(error) => failed(&error),
    }
}

/// `GET /requests/{id}`: one request, to answer, or how it was answered.
pub(super) async fn show(
    State(pages): State<Pages>,
    Extension(origin): Extension<Origin>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let device = match owner(&pages, &headers, &origin) {
        Ok(device) => device,
        Err(error) => return refused(&error, &origin),
    };
    match find(&pages, &id).await {
        Ok(asked) => {
            let proof = pages.server.form_proof(&device, asked.request.id.as_str());
            draw::one(&asked, &proof)
        }
        Err(page) => page,
    }
}

/// `POST /requests/{id}`: the owner's answer.
pub(super) async fn answer(
    State(pages): State<Pages>,
    Extension(origin): Extension<Origin>,
    Path(id): Path<String>,
    request: HttpRequest,
) -> Response {
    // The device first: a stranger's body is not even read.
    if let Err(error) = owner(&pages, request.headers(), &origin) {
        return refused(&error, &origin);
    }
    let (headers, form) = match routes::read_form(request).await {
        Ok(form) => form,
        Err(refused) => return not_a_form(&refused),
    };
    let asked = match find(&pages, &id).await {
        Ok(asked) => asked,
        Err(page) => return page,
    };
    let id = &asked.request.id;
    let (device, params) = match pages.server.open_form(&form, id.as_str(), &origin, &headers) {
        Ok(opened) => opened,
        Err(error) => return refused(&error, &origin),
    };
    let reply = match reply::of(&params, &asked.request.kind) {
        Ok(reply) => reply,
        Err(what) => return trouble(StatusCode::BAD_REQUEST, what, AGAIN, None),
    };
    if !matches!(reply, Reply::Deny { .. }) && !draw::is_whole(&asked.request.kind) {
        let hint = "`gateway tasks show` on your machine shows all of it.";
        return trouble(StatusCode::BAD_REQUEST, "It is too long to be allowed here.", hint, None);
    }
    let by = Answerer::Device { device_id: device.id };
    match pages.requests.answer(id, reply, by).await {
        // The page then tells how it was answered, and a reload answers nothing twice.
        Ok(()) => redirect(StatusCode::SEE_OTHER, &path_of(id)),
        Err(error) => failed(&error),
    }
}

const AGAIN: &str = "Go back, and answer again.";

async fn find(pages: &Pages, id: &str) -> Result<Asked, Response> {
    let found = match id.parse::<RequestId>() {
        Ok(id) => pages.requests.find(&id).await.map_err(|error| failed(&error))?,
        Err(_) => None,
    };
    found.ok_or_else(|| {
        let hint = "Open /requests for those that wait.";
        trouble(StatusCode::NOT_FOUND, "There is no such request.", hint, None)
    })
}

/// The paired device that asks.
fn owner(pages: &Pages, headers: &HeaderMap, origin: &Origin) -> Result<Device, FormError> {
    pages.server.device_of(headers, origin)?.ok_or(FormError::NotPaired)
}

fn refused(error: &FormError, origin: &Origin) -> Response {
    match error {
        FormError::NotPaired => not_paired(origin),
        FormError::Stale => trouble(
            StatusCode::FORBIDDEN,
            &error.to_string(),
            "Open it again, and answer there.",
            None,
        ),
        FormError::Malformed(_) => {
            trouble(StatusCode::BAD_REQUEST, &error.to_string(), AGAIN, None)
        }
        FormError::Store(error) => {
            tracing::error!(%error, "a page of requests failed");
            trouble(StatusCode::SERVICE_UNAVAILABLE, NOW, LATER, None)
        }
    }
}

const NOW: &str = "The gateway cannot answer at the moment.";
const LATER: &str = "Try again in a minute; `gateway doctor` on your machine names the cause.";

fn not_paired(origin: &Origin) -> Response {
    let hint = if origin.is_https() {
        "Run `gateway pair` on your machine and scan the code with this device, then open this page \
         again. At the terminal `gateway tasks approve` answers too."
    } else {
        "On this computer the terminal answers: `gateway tasks approve` or `gateway tasks deny`."
    };
    let what = FormError::NotPaired.to_string();
    let mut response = trouble(StatusCode::UNAUTHORIZED, &what, hint, None);
    let challenge = Challenge::missing(origin);
    if let Ok(value) = HeaderValue::from_str(challenge.www_authenticate()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

fn failed(error: &NotAnswered) -> Response {
    let hint = match error.status {
        StatusCode::CONFLICT => "There is nothing left to answer here.",
        StatusCode::SERVICE_UNAVAILABLE => LATER,
        _ => AGAIN,
    };
    trouble(error.status, &error.message, hint, None)
}
