//! What a tunnel's owner sees: its state now, and what happened to it.
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use crate::error::TunnelError;

/// Where a tunnel stands. The supervisor is its only writer.
#[derive(Clone, Debug)]
pub enum TunnelState {
    /// No tunnel is wanted.
    Off,
    /// A session is being opened, and the tunnel was never up before.
    Connecting {
        /// 1 for the first try.
        attempt: u32,
    },
    /// The session is open and carries connections; the public address is being checked.
    Verifying {
        /// The address under check.
        url: Url,
        /// Why the last check failed.
        problem: Option<String>,
    },
    /// The public address leads here.
    Up {
        /// The public address.
        url: Url,
        /// Since when.
        since: Instant,
    },
    /// The session is gone, and another try is under way or waiting.
    Reconnecting {
        /// Why it is gone.
        cause: Arc<TunnelError>,
        /// The address until now, if there was one. It stays the tunnel's address until another one
        /// takes its place.
        url: Option<Url>,
        /// When the next try begins; `None` while one is running.
        retry_at: Option<Instant>,
    },
    /// Trying again cannot help until somebody changes something.
    Failed {
        /// Why.
        cause: Arc<TunnelError>,
        /// What to tell the owner.
        told: String,
        /// What the owner can do.
        hint: Option<String>,
    },
    /// Closed as asked.
    Closed,
}

impl TunnelState {
    /// One word for status output and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Connecting { .. } => "connecting",
            Self::Verifying { .. } => "verifying",
            Self::Up { .. } => "up",
            Self::Reconnecting { .. } => "reconnecting",
            Self::Failed { .. } => "failed",
            Self::Closed => "closed",
        }
    }

    /// The public address to serve under: one that leads here, is being checked, or will do so again
    /// unless another one takes its place.
    #[must_use]
    pub const fn url(&self) -> Option<&Url> {
        match self {
            Self::Verifying { url, .. } | Self::Up { url, .. } => Some(url),
            Self::Reconnecting { url, .. } => url.as_ref(),
            Self::Off | Self::Connecting { .. } | Self::Failed { .. } | Self::Closed => None,
        }
    }

    /// What is wrong, when anything is; the cure is apart, in [`TunnelState::hint`].
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Verifying { problem, .. } => problem.clone(),
            Self::Reconnecting { cause, .. } => Some(cause.to_string()),
            Self::Failed { told, .. } => Some(told.clone()),
            Self::Off | Self::Connecting { .. } | Self::Up { .. } | Self::Closed => None,
        }
    }

    /// What the owner can do about it, when there is anything to do but wait.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Reconnecting { cause, .. } => cause.hint(),
            Self::Failed { hint, .. } => hint.clone(),
            Self::Off
            | Self::Connecting { .. }
            | Self::Verifying { .. }
            | Self::Up { .. }
            | Self::Closed => None,
        }
    }

    /// Whether the tunnel is up.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Closed)
    }
}

/// Something that happened to a tunnel. `Display` is a sentence for its owner.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TunnelEvent {
    /// A session is being opened.
    Connecting {
        /// 1 for the first try.
        attempt: u32,
    },
    /// A session is open under this address; it is not checked yet.
    Opened {
        /// The public address.
        url: Url,
    },
    /// A check of the public address failed; it is repeated.
    NotVerified {
        /// The address.
        url: Url,
        /// What went wrong.
        problem: String,
    },
    /// The public address leads here.
    Up {
        /// The public address.
        url: Url,
        /// How long the tunnel was away, when it was up before.
        outage: Option<Duration>,
    },
    /// The public address is another one than before.
    UrlChanged {
        /// The address until now.
        old: Url,
        /// The address from now on.
        new: Url,
    },
    /// The session is gone.
    Lost {
        /// Why.
        cause: Arc<TunnelError>,
    },
    /// Another try begins after a wait.
    Retrying {
        /// Why it is needed.
        cause: Arc<TunnelError>,
        /// The wait.
        after: Duration,
    },
    /// Trying again cannot help.
    Failed {
        /// Why.
        cause: Arc<TunnelError>,
    },
    /// Something worth knowing that changes no state.
    Note(Note),
    /// Closed as asked.
    Closed,
}

impl TunnelEvent {
    /// What the owner can do, when the event asks for anything.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Lost { cause } | Self::Retrying { cause, .. } | Self::Failed { cause } => {
                cause.hint()
            }
            Self::UrlChanged { new, .. } => Some(format!(
                "edit the connector to {}; for a lasting address use ngrok's free dev domain or a \
                 named Cloudflare tunnel",
                new.join("mcp").as_ref().map_or(new.as_str(), Url::as_str)
            )),
            _ => None,
        }
    }
}

impl fmt::Display for TunnelEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { attempt: 1 } => f.write_str("opening the tunnel"),
            Self::Connecting { attempt } => write!(f, "opening the tunnel, try {attempt}"),
            Self::Opened { url } => write!(f, "the tunnel is open at {url}, checking it"),
            Self::NotVerified { url, problem } => write!(f, "{url} does not answer yet: {problem}"),
            Self::Up { url, outage: None } => write!(f, "the tunnel is up at {url}"),
            Self::Up { url, outage: Some(outage) } => {
                write!(f, "the tunnel is back at {url} after {:.1} s", outage.as_secs_f64())
            }
            Self::UrlChanged { old, new } => {
                write!(f, "the public address changed from {old} to {new}")
            }
            Self::Lost { cause } => write!(f, "the tunnel is gone: {cause}"),
            Self::Retrying { cause, after } if after.is_zero() => {
                write!(f, "trying again now: {cause}")
            }
            Self::Retrying { cause, after } => {
                write!(f, "trying again in {}: {cause}", spoken(*after))
            }
            Self::Failed { cause } => write!(f, "the tunnel has failed: {cause}"),
            Self::Note(note) => note.fmt(f),
            Self::Closed => f.write_str("the tunnel is closed"),
        }
    }
}

/// A remark of a provider. `Display` is a sentence for the owner.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// Visitors were turned away because the tunnel was full.
    ConnectionsShed {
        /// How many since the last such note.
        count: u64,
    },
    /// Idle connections were closed to make room for new ones.
    ConnectionsEvicted {
        /// How many since the last such note.
        count: u64,
    },
    /// TLS to the provider is checked against another authority, or goes to another server, than the
    /// provider's own.
    CustomEdge {
        /// What is unusual.
        what: String,
    },
    /// The provider's dashboard asked for a restart, which is done.
    RestartAsked,
    /// The provider's dashboard asked for an update, which is refused.
    UpdateRefused {
        /// The version it asked for.
        version: String,
    },
    /// UDP seems blocked, so `cloudflared` was restarted with `http2`.
    Http2Fallback,
    /// The child process wrote more than is worth keeping.
    LinesSuppressed {
        /// How many lines since the last such note.
        count: u64,
    },
    /// The executable in use.
    Executable {
        /// Its path.
        path: String,
        /// Its version.
        version: String,
        /// Whether the version is more than a year older than the one this was made for.
        old: bool,
    },
    /// The address is assigned, but no connection to the edge is ready yet.
    WaitingForEdge {
        /// The address.
        url: Url,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionsShed { count } => {
                write!(f, "connection limit reached: {count} visitors turned away")
            }
            Self::ConnectionsEvicted { count } => {
                write!(f, "connection limit reached: {count} idle connections closed")
            }
            Self::CustomEdge { what } => write!(f, "unusual tunnel settings: {what}"),
            Self::RestartAsked => f.write_str("the dashboard asked for a restart: reconnecting"),
            Self::UpdateRefused { version } => {
                write!(f, "the dashboard asked for an update to {version}: refused")
            }
            Self::Http2Fallback => f.write_str("UDP 7844 seems blocked: switching to http2"),
            Self::LinesSuppressed { count } => {
                write!(f, "{count} lines of cloudflared's log suppressed")
            }
            Self::Executable { path, version, old: false } => {
                write!(f, "using cloudflared {version} at {path}")
            }
            Self::Executable { path, version, old: true } => write!(
                f,
                "using cloudflared {version} at {path}, which is more than a year old: update it"
            ),
            Self::WaitingForEdge { url } => {
                write!(f, "{url} is assigned, waiting for a connection to Cloudflare's edge")
            }
        }
    }
}

/// A wait in words: seconds below a minute and a half, minutes above.
fn spoken(span: Duration) -> String {
    match span.as_secs_f64() {
        seconds if seconds < 10.0 => format!("{seconds:.1} s"),
        seconds if seconds < 90.0 => format!("{seconds:.0} s"),
        seconds => format!("{:.0} min", seconds / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_spoken_in_the_unit_people_think_in() {
        assert_eq!(spoken(Duration::from_millis(420)), "0.4 s");
        assert_eq!(spoken(Duration::from_secs(30)), "30 s");
        assert_eq!(spoken(Duration::from_secs(300)), "5 min");
    }

    #[test]
    fn what_is_wrong_and_what_to_do_are_told_apart() {
        let cause = Arc::new(TunnelError::Panicked("it; broke".into()));
        let (told, hint) = (cause.to_string(), cause.hint());
        assert!(hint.is_some());
        let reconnecting =
            TunnelState::Reconnecting { cause: cause.clone(), url: None, retry_at: None };
        let failed = TunnelState::Failed { cause, told: told.clone(), hint: hint.clone() };
        for state in [reconnecting, failed] {
            assert_eq!((state.detail(), state.hint()), (Some(told.clone()), hint.clone()));
        }
        let calm = TunnelState::Connecting { attempt: 1 };
        assert_eq!((calm.detail(), calm.hint()), (None, None));
    }

    #[test]
    fn a_changed_address_tells_the_owner_what_to_edit() {
        let url = |text| Url::parse(text).unwrap();
        let event = TunnelEvent::UrlChanged {
            old: url("https://old.example"),
            new: url("https://new.example"),
        };
        assert!(event.hint().unwrap().contains("https://new.example/mcp"));
    }
}
