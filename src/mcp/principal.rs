//! Who calls, what they may do, and who says so.
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use futures::future::BoxFuture;
use http::Response;
use http::request::Parts;

use crate::model::{Caller, Scope, Scopes};
use crate::trace::GrantTrace;

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Principal {
    /// What sessions are bound to: one text per grant, the same for all tokens of it.
    pub key: Arc<str>,
    /// Who tasks are started for.
    pub caller: Caller,
    /// What they may do.
    pub scopes: Scopes,
    /// The projects they are held to; none when they may use all.
    pub projects: Option<BTreeSet<String>>,
    /// Where its first steps are noted.
    pub trace: GrantTrace,
}

impl Principal {
    /// Whether the project called `name` exists for this caller.
    #[must_use]
    pub fn sees(&self, name: &str) -> bool {
        self.projects.as_ref().is_none_or(|projects| projects.contains(name))
    }

    /// The caller's name, for the log of who cancelled what.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.caller {
            Caller::Client { client_id } => format!("client {client_id}"),
            Caller::Owner => "owner".to_owned(),
        }
    }
}

/// Checks bearer tokens and answers those who have none. Implemented over `auth`.
pub trait Authenticate: fmt::Debug + Send + Sync + 'static {
    /// Whose request it is, or the 401 that says how to become somebody (RFC 9728 §5.1). Looks at
    /// the `Authorization` header and the request's extensions only.
    ///
    /// # Errors
    ///
    /// The 401 answer.
    fn authenticate(&self, parts: &Parts) -> Result<Principal, Box<Response<Body>>>;

    /// The 403 that asks for more scopes (RFC 6750 §3.1), naming those granted and `needed`.
    fn insufficient_scope(
        &self,
        parts: &Parts,
        principal: &Principal,
        needed: Scope,
    ) -> Response<Body>;

    /// What a browser that opens the connector's URL sees; its status is 401 as well.
    fn connect_page(&self, parts: &Parts) -> Response<Body>;

    /// Done when the grant that `principal` acts under was revoked: what it has opened ends then.
    fn ended(&self, principal: &Principal) -> BoxFuture<'static, ()>;
}
