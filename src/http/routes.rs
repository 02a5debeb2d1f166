//! Which route answers a request.
use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use futures::future::BoxFuture;
use http::{Request, Response};
use tower::ServiceExt;

/// Answers all requests to one path.
pub trait Route: fmt::Debug + Send + Sync + 'static {
    /// Never fails: what goes wrong is an answer.
    fn respond(&self, request: Request<Body>) -> BoxFuture<'_, Response<Body>>;
}

/// All routes. The busiest path stands before the router, whose look-up and layers cost more than
/// some of its requests.
#[derive(Clone, Debug)]
pub struct Routes {
    first: Option<(&'static str, Arc<dyn Route>)>,
    others: Router,
}

impl Routes {
    /// `first` answers the requests to its path, `others` the rest.
    #[must_use]
    pub fn new(first: (&'static str, Arc<dyn Route>), others: Router) -> Self {
        Self { first: Some(first), others }
    }

    pub(super) async fn respond(&self, request: Request<Body>) -> Response<Body> {
        if let Some((path, route)) = &self.first
            && request.uri().path() == *path
        {
            return route.respond(request).await;
        }
        match self.others.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

impl From<Router> for Routes {
    fn from(others: Router) -> Self {
        Self { first: None, others }
    }
}
