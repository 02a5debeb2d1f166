//! What a client is told when it gets no token (RFC 6749 §5.2, RFC 8707 §2), or is not registered
//! (RFC 7591 §3.2.2): texts of ours, nothing from inside.
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::params::InvalidParams;
use crate::clock::{Entropy, OsEntropy};
use crate::store::StoreError;

/// Why a request of a client is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OAuthError {
    /// The request is malformed.
    #[error("{0}")]
    InvalidRequest(String),
    /// The client is unknown, or did not prove itself.
    #[error("the client is unknown, revoked or expired, or its secret is wrong")]
    InvalidClient {
        /// Whether it tried HTTP Basic, which the answer must then name.
        basic: bool,
    },
    /// The code or refresh token is worth nothing.
    #[error("{0}")]
    InvalidGrant(&'static str),
    /// The grant type is none of ours.
    #[error("grant_type must be authorization_code or refresh_token")]
    UnsupportedGrantType,
    /// More was asked for than was granted.
    #[error("the scope goes beyond what the owner granted")]
    InvalidScope,
    /// The resource is not this gateway.
    #[error("resource must be the URL of this gateway's /mcp")]
    InvalidTarget,
    /// The body is not a form.
    #[error("send the parameters as application/x-www-form-urlencoded")]
    UnsupportedMediaType,
    /// The body is larger than any form.
    #[error("the body is larger than 16 KiB")]
    TooLarge,
    /// Too many wrong secrets.
    #[error("too many wrong secrets from here; the right one is accepted at any time")]
    SlowDown {
        /// When to come again.
        retry_after: Duration,
    },
    /// Something failed here.
    #[error("the gateway cannot answer at the moment; its log has the cause under id {id}")]
    Unavailable {
        /// Finds the log line.
        id: String,
    },
}

impl OAuthError {
    /// The code that stands in `error`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::UnsupportedMediaType | Self::TooLarge => {
                "invalid_request"
            }
            Self::InvalidClient { .. } | Self::SlowDown { .. } => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::Unavailable { .. } => "temporarily_unavailable",
        }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRequest(_)
            | Self::InvalidGrant(_)
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::InvalidTarget => StatusCode::BAD_REQUEST,
            Self::InvalidClient { .. } => StatusCode::UNAUTHORIZED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowDown { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<InvalidParams> for OAuthError {
    fn from(error: InvalidParams) -> Self {
        Self::InvalidRequest(error.to_string())
    }
}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable { id: log_failure(&error) }
    }
}

/// Logs a failure of the store and returns the id that finds the line.
pub(super) fn log_failure(error: &StoreError) -> String {
    let entropy: &dyn Entropy = &OsEntropy;
    let id = format!("{:016x}", u64::from_be_bytes(entropy.bytes()));
    tracing::error!(%error, %id, "authorization failed inside the gateway");
    id
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code(), "error_description": self.to_string() });
        let mut response = quiet((self.status(), Json(body)).into_response());
        let headers = response.headers_mut();
        match self {
            Self::InvalidClient { basic: true } => {
                let challenge = HeaderValue::from_static("Basic realm=\"gateway\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            Self::SlowDown { retry_after } => {
                let secs = retry_after.as_secs().saturating_add(1);
                headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
            }
            _ => {}
        }
        response
    }
}

/// Why a registration is refused (RFC 7591 §3.2.2).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RegistrationError {
    /// A redirect URI is none that answers may be sent to.
    #[error("{0}")]
    InvalidRedirectUri(String),
    /// Something else of the metadata cannot be.
    #[error("{0}")]
    InvalidClientMetadata(String),
    /// The owner has switched this way to register off.
    #[error(
        "this gateway takes no dynamic registrations: use a client id metadata document, or a client \
         of `gateway mint-client`"
    )]
    Off,
    /// The body is not JSON by its own account.
    #[error("send the client's metadata as application/json")]
    UnsupportedMediaType,
    /// The body is larger than any registration.
    #[error("the body is larger than 16 KiB")]
    TooLarge,
    /// Too many registrations of late.
    #[error("too many registrations; try again later")]
    SlowDown {
        /// When to come again.
        retry_after: Duration,
    },
    /// Something failed here.
    #[error("the gateway cannot answer at the moment; its log has the cause under id {id}")]
    Unavailable {
        /// Finds the log line.
        id: String,
    },
}

impl RegistrationError {
    pub(super) fn metadata(why: impl Into<String>) -> Self {
        Self::InvalidClientMetadata(why.into())
    }

    /// The code that stands in `error`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidRedirectUri(_) => "invalid_redirect_uri",
            Self::InvalidClientMetadata(_) | Self::UnsupportedMediaType | Self::TooLarge => {
                "invalid_client_metadata"
            }
            Self::Off => "access_denied",
            Self::SlowDown { .. } | Self::Unavailable { .. } => "temporarily_unavailable",
        }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::InvalidRedirectUri(_) | Self::InvalidClientMetadata(_) => StatusCode::BAD_REQUEST,
            Self::Off => StatusCode::FORBIDDEN,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowDown { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<StoreError> for RegistrationError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable { id: log_failure(&error) }
    }
}

impl IntoResponse for RegistrationError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code(), "error_description": self.to_string() });
        let mut response = quiet((self.status(), Json(body)).into_response());
        if let Self::SlowDown { retry_after } = self {
            let secs = HeaderValue::from(retry_after.as_secs().saturating_add(1));
            response.headers_mut().insert(header::RETRY_AFTER, secs);
        }
        response
    }
}

/// Keeps an answer out of every cache.
pub(super) fn quiet(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
