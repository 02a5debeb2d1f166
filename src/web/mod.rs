//! Pages for people: the consent page, the connect page, what agents ask, and what goes wrong on the way.
//!
//! A page is one HTML document without anything from outside: style and script stand in it, and its
//! content security policy names exactly those two by their hashes. One page alone asks for more while
//! it stands open: that of a paired device, how its apps' sign-in goes (`live`). What a page shows comes typed
//! from [`crate::auth`]; what it decides is decided there.
mod connect;
mod consent;
mod live;
mod page;
mod requests;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use futures::future::BoxFuture;

pub use self::connect::{connect_page, wants_html};
pub use self::requests::{Asked, NotAnswered, Requests, path_of};
use crate::auth::{AuthorizationServer, OpaqueToken, routes};
use crate::model::ClientId;

/// Gives the secret of a client when a vault holds it; asked for once per pairing.
pub type SecretHook =
    Arc<dyn Fn(ClientId) -> BoxFuture<'static, Option<OpaqueToken>> + Send + Sync>;

/// What the pages stand on.
#[derive(Clone)]
pub struct Pages {
    /// Who decides.
    pub server: AuthorizationServer,
    /// Where the connect page gets the secret that a freshly paired device may copy.
    pub secrets: SecretHook,
    /// What agents ask.
    pub requests: Arc<dyn Requests>,
}

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pages").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Every public route of authorization: metadata, `/register`, `/authorize`, `/token`,
/// `/revoke`, `/pair`; and `/requests` for paired devices. Each request must carry [`crate::http::Ingress`] and [`crate::http::Origin`] as extensions.
pub fn router(pages: Pages) -> Router {
    let json = routes::router(pages.server.clone());
    Router::new()
        .route("/authorize", get(consent::show).post(consent::answer))
        .route("/pair", get(connect::show).post(connect::pair))
        .route("/pair/live", get(live::show))
        .route(requests::PATH, get(requests::list))
        .route("/requests/{id}", get(requests::show).post(requests::answer))
        .with_state(pages)
        .merge(json)
}

#[cfg(test)]
mod tests;
