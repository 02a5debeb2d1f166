//! The authorization server, as the MCP endpoint sees it.
use std::fmt;

use axum::body::Body;
use axum::response::IntoResponse;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Response;
use http::request::Parts;

use crate::auth::{AuthorizationServer, Challenge};
use crate::http::{Ingress, IngressKind, Origin};
use crate::mcp::{Authenticate, Principal};
use crate::model::{Caller, ProjectAccess, Scope};
use crate::web;

/// [`Authenticate`] over the real authorization server.
#[derive(Clone)]
pub(super) struct Bearers(AuthorizationServer);

impl Bearers {
    /// Checks bearers with `auth`.
    #[must_use]
    pub(super) const fn new(auth: AuthorizationServer) -> Self {
        Self(auth)
    }
}

impl fmt::Debug for Bearers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearers")
    }
}

impl Authenticate for Bearers {
    fn authenticate(&self, parts: &Parts) -> Result<Principal, Box<Response<Body>>> {
        let origin = origin(parts);
        let ingress = ingress(parts);
        let request =
            self.0.check_bearer(&parts.headers, &origin, ingress).map_err(|challenge| {
                // A browser that opens the connector's URL is on no way to the tools.
                if let Some(obstacle) = challenge.obstacle()
                    && !web::wants_html(&parts.headers)
                {
                    self.0.trace().turned_away(ingress.client, obstacle);
                }
                Box::new(challenge.into_response())
            })?;
        let projects = match &request.projects {
            ProjectAccess::All => None,
            ProjectAccess::Only(projects) => Some(projects.iter().cloned().collect()),
        };
        Ok(Principal {
            key: request.family.as_str().into(),
            caller: Caller::Client { client_id: request.client_id.clone() },
            scopes: request.scopes,
            projects,
            trace: request.trace.clone(),
        })
    }

    fn insufficient_scope(
        &self,
        parts: &Parts,
        principal: &Principal,
        needed: Scope,
    ) -> Response<Body> {
        // What the client has goes along, so that stepping up does not lose it.
        let all = principal.scopes.iter().chain([needed]).collect();
        Challenge::insufficient_scope(&origin(parts), all).into_response()
    }

    fn connect_page(&self, parts: &Parts) -> Response<Body> {
        web::connect_page(&self.0, &origin(parts), &parts.headers)
    }

    fn ended(&self, principal: &Principal) -> BoxFuture<'static, ()> {
        match principal.key.parse() {
            Ok(family) => self.0.clone().grant_ended(family).boxed(),
            // No key of a grant: then there is none that could stand open.
            Err(_) => std::future::ready(()).boxed(),
        }
    }
}

/// The guard puts the origin into every request; a request without one reaches no route.
fn origin(parts: &Parts) -> Origin {
    let found = parts.extensions.get::<Origin>().cloned();
    found.unwrap_or_else(|| Origin::new("http", "localhost"))
}

/// The same guard tells the way in; a request without one came by none that anything is granted to.
fn ingress(parts: &Parts) -> Ingress {
    let found = parts.extensions.get::<Ingress>().copied();
    found.unwrap_or(Ingress { kind: IngressKind::Tunnel, client: None })
}
