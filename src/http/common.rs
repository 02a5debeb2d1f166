//! Routes and answers that every set of routes shares.
use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{HeaderMap, Method, Response, StatusCode, Uri};

use super::page::ErrorAnswer;

/// Adds `/healthz` (a bare 200, which tells nothing) and the answers to unknown paths and methods.
pub fn with_common_routes(routes: Router) -> Router {
    routes
        .route("/healthz", get(|| async { StatusCode::OK }))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

async fn not_found(uri: Uri, headers: HeaderMap) -> Response<Body> {
    let path: String = uri.path().chars().take(200).collect();
    ErrorAnswer::new(
        StatusCode::NOT_FOUND,
        "not_found",
        format!("there is nothing at {path}"),
        "MCP clients connect to /mcp",
    )
    .respond(&headers)
}

async fn method_not_allowed(method: Method, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let method: String = method.as_str().chars().take(20).collect();
    let path: String = uri.path().chars().take(200).collect();
    ErrorAnswer::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{path} does not take {method}"),
        "the Allow header names the methods it takes",
    )
    .respond(&headers)
}
