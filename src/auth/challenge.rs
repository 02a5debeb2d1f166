//! The answer to who brings no good bearer (RFC 6750 §3): what is wrong, and where to sign in.
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::metadata::PROTECTED_RESOURCE;
use crate::http::Origin;
use crate::model::Scopes;
use crate::trace::Obstacle;

/// The answer to a request that brought no good token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Challenge {
    kind: ChallengeKind,
    www_authenticate: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ChallengeKind {
    Missing,
    InvalidToken,
    /// The same to the client; whose token it was is known, and noted.
    KnownToken,
    InsufficientScope,
    Unavailable,
}

impl Challenge {
    /// No token was sent: 401, and where to get one.
    #[must_use]
    pub fn missing(origin: &Origin) -> Self {
        Self::new(ChallengeKind::Missing, origin, Scopes::of_tools())
    }

    /// The token is worth nothing: 401.
    #[must_use]
    pub fn invalid_token(origin: &Origin) -> Self {
        Self::new(ChallengeKind::InvalidToken, origin, Scopes::of_tools())
    }

    /// The same, for a token whose client is known: the trace names it.
    #[must_use]
    pub fn known_token(origin: &Origin) -> Self {
        Self::new(ChallengeKind::KnownToken, origin, Scopes::of_tools())
    }

    /// The token is good, but not for this: 403, with all scopes that are needed.
    #[must_use]
    pub fn insufficient_scope(origin: &Origin, needed: Scopes) -> Self {
        let needed = needed.and(Scopes::of_tools());
        Self::new(ChallengeKind::InsufficientScope, origin, needed)
    }

    /// Nobody can say what the token is worth at the moment: 503.
    #[must_use]
    pub fn unavailable(origin: &Origin) -> Self {
        Self::new(ChallengeKind::Unavailable, origin, Scopes::NONE)
    }

    fn new(kind: ChallengeKind, origin: &Origin, scopes: Scopes) -> Self {
        let metadata = origin.url(&format!("{PROTECTED_RESOURCE}/mcp"));
        let mut text = format!("Bearer resource_metadata=\"{metadata}\", scope=\"{scopes}\"");
        let error = match kind {
            ChallengeKind::Missing | ChallengeKind::Unavailable => "",
            ChallengeKind::InvalidToken | ChallengeKind::KnownToken => ", error=\"invalid_token\"",
            ChallengeKind::InsufficientScope => ", error=\"insufficient_scope\"",
        };
        text.push_str(error);
        Self { kind, www_authenticate: text }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.kind {
            ChallengeKind::Missing | ChallengeKind::InvalidToken | ChallengeKind::KnownToken => {
                StatusCode::UNAUTHORIZED
            }
            ChallengeKind::InsufficientScope => StatusCode::FORBIDDEN,
            ChallengeKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The value of `WWW-Authenticate`.
    #[must_use]
    pub fn www_authenticate(&self) -> &str {
        &self.www_authenticate
    }

    /// What stood in the way, where it is not known in whose.
    #[must_use]
    pub const fn obstacle(&self) -> Option<Obstacle> {
        match self.kind {
            ChallengeKind::Missing => Some(Obstacle::NoToken),
            ChallengeKind::InvalidToken => Some(Obstacle::UnknownToken),
            ChallengeKind::KnownToken
            | ChallengeKind::InsufficientScope
            | ChallengeKind::Unavailable => None,
        }
    }
}

impl IntoResponse for Challenge {
    fn into_response(self) -> Response {
        let (error, description) = match self.kind {
            ChallengeKind::Missing => {
                ("unauthorized", "sign in first: WWW-Authenticate names where that begins")
            }
            ChallengeKind::InvalidToken | ChallengeKind::KnownToken => (
                "invalid_token",
                // One text for all: whoever found a token does not learn where it would be good.
                "the access token is unknown, expired or revoked, or it was issued for another \
                 address, or for use on the gateway's own machine alone",
            ),
            ChallengeKind::InsufficientScope => {
                ("insufficient_scope", "the access token lacks a scope that this needs")
            }
            ChallengeKind::Unavailable => {
                ("temporarily_unavailable", "the gateway cannot check tokens at the moment")
            }
        };
        let body = json!({ "error": error, "error_description": description });
        let mut response = (self.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.kind == ChallengeKind::Unavailable {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        } else if let Ok(value) = HeaderValue::from_str(&self.www_authenticate) {
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}
