//! The thin layer over HTTP where answers are JSON: metadata, `/register`,
//! `/token`, `/revoke`.
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::error::{OAuthError, RegistrationError, quiet};
use super::metadata::{
    AUTHORIZATION_SERVER, OPENID_CONFIGURATION, PROTECTED_RESOURCE, authorization_server,
    protected_resource,
};
use super::registration::REGISTRATION_BYTES_MAX;
use super::server::AuthorizationServer;
use crate::http::{Ingress, Origin};
use crate::trace::{Party, Step, Words};

/// Largest form that is read, in bytes.
pub const FORM_BYTES_MAX: usize = 16 * 1024;

/// The JSON routes of the authorization server. Every request must carry [`Ingress`] and [`Origin`]
/// as extensions.
pub fn router(server: AuthorizationServer) -> Router {
    let open = |methods: axum::routing::MethodRouter<AuthorizationServer>| {
        methods.options(preflight).layer(axum::middleware::map_response(allow_any_site))
    };
    let mut router = Router::new().route("/revoke", post(revoke));
    for path in [PROTECTED_RESOURCE.to_owned(), format!("{PROTECTED_RESOURCE}/mcp")] {
        router = router.route(&path, open(get(resource_metadata)));
    }
    for path in [
        AUTHORIZATION_SERVER.to_owned(),
        format!("{AUTHORIZATION_SERVER}/mcp"),
        OPENID_CONFIGURATION.to_owned(),
        format!("{OPENID_CONFIGURATION}/mcp"),
    ] {
        router = router.route(&path, open(get(server_metadata)));
    }
    router
        .route("/token", open(post(token)))
        .route("/register", open(post(register)))
        .with_state(server)
}

async fn resource_metadata(
    State(server): State<AuthorizationServer>,
    Extension(origin): Extension<Origin>,
) -> Response {
    server.trace().note(Party::Stranger, Step::ResourceMetadataRead);
    metadata(Json(protected_resource(&origin, &server.settings().resource_name)))
}

async fn server_metadata(
    State(server): State<AuthorizationServer>,
    Extension(origin): Extension<Origin>,
) -> Response {
    server.trace().note(Party::Stranger, Step::ServerMetadataRead);
    metadata(Json(authorization_server(&origin, &server.settings())))
}

fn metadata(document: impl IntoResponse) -> Response {
    // The documents follow the address they were asked at, which may change with the tunnel.
    ([(header::CACHE_CONTROL, "no-store")], document).into_response()
}

async fn token(
    State(server): State<AuthorizationServer>,
    Extension(origin): Extension<Origin>,
    Extension(ingress): Extension<Ingress>,
    request: Request,
) -> Response {
    let (headers, form) = match read_form(request).await {
        Ok(form) => form,
        Err(error) => return error.into_response(),
    };
    match server.token(&headers, &form, &origin, ingress).await {
        Ok(tokens) => quiet(tokens.body().into_response()),
        Err(error) => error.into_response(),
    }
}

async fn register(
    State(server): State<AuthorizationServer>,
    Extension(ingress): Extension<Ingress>,
    request: Request,
) -> Response {
    let registered = async {
        server.admit_registration(ingress)?;
        server.register(&read_json(request).await?).await
    };
    match registered.await {
        Ok(answer) => quiet((StatusCode::CREATED, Json(answer)).into_response()),
        Err(error) => {
            let why = Words::of(&error.to_string());
            server.trace().note(Party::Stranger, Step::RegistrationRefused { why });
            error.into_response()
        }
    }
}

async fn read_json(request: Request<Body>) -> Result<Bytes, RegistrationError> {
    let (parts, body) = request.into_parts();
    if !has_type(&parts.headers, "application/json") {
        return Err(RegistrationError::UnsupportedMediaType);
    }
    let body = axum::body::to_bytes(body, REGISTRATION_BYTES_MAX).await;
    body.map_err(|_| RegistrationError::TooLarge)
}

async fn revoke(
    State(server): State<AuthorizationServer>,
    Extension(ingress): Extension<Ingress>,
    request: Request,
) -> Response {
    let (headers, form) = match read_form(request).await {
        Ok(form) => form,
        Err(error) => return error.into_response(),
    };
    match server.revoke_token(&headers, &form, ingress).await {
        Ok(()) => (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]).into_response(),
        Err(error) => error.into_response(),
    }
}

/// Headers and body of a form of bounded size.
///
/// # Errors
///
/// That it is no form, or too large.
pub(crate) async fn read_form(request: Request<Body>) -> Result<(HeaderMap, Bytes), OAuthError> {
    let (parts, body) = request.into_parts();
    if !has_type(&parts.headers, "application/x-www-form-urlencoded") {
        return Err(OAuthError::UnsupportedMediaType);
    }
    let body = axum::body::to_bytes(body, FORM_BYTES_MAX).await;
    Ok((parts.headers, body.map_err(|_| OAuthError::TooLarge)?))
}

/// Whether the body says that it is of one media type.
fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (first, second) = (types.next(), types.next());
    let essence = first
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    second.is_none() && essence.as_deref() == Some(wanted)
}

async fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, MCP-Protocol-Version"),
        (header::ACCESS_CONTROL_MAX_AGE, "3600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Clients that run in a browser read these answers; no cookie has any part in them.
async fn allow_any_site(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("WWW-Authenticate, Mcp-Session-Id"),
    );
    response
}
