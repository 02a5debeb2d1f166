//! Why a tunnel is not up, in words for its owner, and whether trying again can help.
use std::sync::Arc;

use url::Url;

use crate::backoff::{Retry, RetryRule};
use crate::cloudflared::CloudflaredError;
use crate::ngrok::NgrokError;

/// Why a session ended, could not begin, or was given up.
///
/// `Display` states the cause, [`TunnelError::hint`] the cure. Neither ever holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TunnelError {
    /// ngrok said no, or could not be reached.
    #[error(transparent)]
    Ngrok(#[from] NgrokError),
    /// `cloudflared` is missing, refused, or ended.
    #[error(transparent)]
    Cloudflared(#[from] CloudflaredError),
    /// The public address answers, but not from here.
    #[error("{url} does not lead to this gateway: {reason}")]
    NotServed {
        /// The address that was checked.
        url: Url,
        /// What answered.
        reason: String,
    },
    /// The provider's own code failed: a bug.
    #[error("the tunnel provider failed: {0}")]
    Panicked(String),
    /// A passing failure that did not pass.
    #[error("given up after {tries} tries: {last}")]
    GivenUp {
        /// How often it was tried.
        tries: u32,
        /// The failure of the last try.
        last: Arc<TunnelError>,
    },
}

impl TunnelError {
    /// A stable name of the cause, such as `ngrok.authtoken_rejected`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ngrok(error) => error.code(),
            Self::Cloudflared(error) => error.code(),
            Self::NotServed { .. } => "tunnel.not_served",
            Self::Panicked(_) => "tunnel.bug",
            Self::GivenUp { last, .. } => last.code(),
        }
    }

    /// What the owner can do about it, when there is anything to do but wait.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Ngrok(error) => error.hint(),
            Self::Cloudflared(error) => error.hint(),
            Self::NotServed { .. } => Some("see what else uses this address".to_owned()),
            Self::Panicked(_) => Some("please report it with the log".to_owned()),
            Self::GivenUp { last, .. } => last.hint(),
        }
    }

    /// Whether and how trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Ngrok(error) => error.retry(),
            Self::Cloudflared(error) => error.retry(),
            Self::NotServed { .. } => Retry::Law,
            Self::Panicked(_) => Retry::Rule(RetryRule::tries(3)),
            Self::GivenUp { .. } => Retry::Never,
        }
    }

    /// Whether the failed attempt counts against [`crate::Policy::openings_max`]: it does unless the
    /// provider's service was never reached.
    #[must_use]
    pub(crate) fn reached_service(&self) -> bool {
        match self {
            Self::Ngrok(_) | Self::NotServed { .. } | Self::Panicked(_) | Self::GivenUp { .. } => {
                true
            }
            Self::Cloudflared(error) => error.reached_service(),
        }
    }
}

/// An error and everything that caused it, joined by `: `; many crates hide the cause in `source`.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
