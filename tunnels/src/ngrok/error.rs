//! Why ngrok does not work, sorted by what helps.
use std::path::PathBuf;
use std::time::Duration;

use ngrok::Error as _;
use ngrok::session::{ConnectError, RpcError};
use ngrok::tunnel::AcceptError;

use crate::backoff::{Retry, RetryRule};
use crate::error::chain;

/// Why an ngrok session ended or could not begin.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NgrokError {
    /// No authtoken is configured.
    #[error("no ngrok authtoken is configured")]
    AuthtokenMissing,
    /// ngrok does not accept the authtoken (105, 107, 4018).
    #[error("ngrok rejected the authtoken ({code}): {message}")]
    AuthtokenRejected {
        /// ngrok's code.
        code: String,
        /// ngrok's words.
        message: String,
    },
    /// This agent is too old for ngrok (120).
    #[error("ngrok no longer supports this version of the gateway: {message}")]
    AgentTooOld {
        /// ngrok's words.
        message: String,
    },
    /// The account's other agents use up its sessions (108).
    #[error("another ngrok agent is running on this account: {message}")]
    SessionLimit {
        /// ngrok's words.
        message: String,
    },
    /// Somebody serves the domain already (334).
    #[error("the ngrok domain is in use, maybe by another gateway or a stale session: {message}")]
    DomainInUse {
        /// ngrok's words.
        message: String,
    },
    /// The plan's monthly traffic is used up (725, 727).
    #[error("this month's ngrok traffic is used up ({code}): {message}")]
    QuotaUsedUp {
        /// ngrok's code.
        code: String,
        /// ngrok's words.
        message: String,
    },
    /// ngrok refused for another reason.
    #[error("ngrok refused{}: {message}", in_brackets(code.as_deref()))]
    Refused {
        /// ngrok's code, when it gave one.
        code: Option<String>,
        /// ngrok's words.
        message: String,
    },
    /// The tunnel was stopped from ngrok's dashboard or by ngrok itself.
    #[error("ngrok stopped the tunnel{}: {message}", in_brackets(code.as_deref()))]
    Stopped {
        /// ngrok's code, when it gave one.
        code: Option<String>,
        /// The reason given.
        message: String,
    },
    /// No TCP connection to ngrok's server.
    #[error("no connection to {address}: {reason}")]
    Unreachable {
        /// The server, or the proxy in front of it.
        address: String,
        /// The system's reason.
        reason: String,
    },
    /// The server's certificate is not from the expected authority.
    #[error("something intercepts TLS on the way to {address}: {reason}")]
    UntrustedTls {
        /// The server.
        address: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The TLS handshake did not come about.
    #[error("no TLS connection to {address}: {reason}")]
    Tls {
        /// The server.
        address: String,
        /// Why.
        reason: String,
    },
    /// The proxy did not let the connection through.
    #[error("the proxy {address} refused the connection: {reason}")]
    Proxy {
        /// The proxy, without its credentials.
        address: String,
        /// Why.
        reason: String,
    },
    /// The configured proxy is of a kind that is not supported.
    #[error("a proxy of kind `{scheme}:` is not supported")]
    ProxyKind {
        /// The scheme of its URL.
        scheme: String,
    },
    /// The configured server address cannot be used.
    #[error("`{address}` is not a usable ngrok server address")]
    ServerAddress {
        /// The address.
        address: String,
    },
    /// The configured CA file cannot be used.
    #[error("the CA file {} cannot be used: {reason}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// ngrok gave an address that is none.
    #[error("ngrok gave an unusable public address: {0}")]
    PublicUrl(String),
    /// ngrok did not answer in time.
    #[error("ngrok did not answer {what} within {} s", within.as_secs())]
    Late {
        /// What was asked.
        what: &'static str,
        /// How long was waited.
        within: Duration,
    },
    /// Heartbeats stayed unanswered, so the link was cut.
    #[error("ngrok stopped answering heartbeats")]
    HeartbeatLost,
    /// The connection ended.
    #[error("the connection to ngrok ended: {0}")]
    ConnectionLost(String),
    /// A reconnect was asked for from the dashboard.
    #[error("a restart was asked for from ngrok's dashboard")]
    RestartAsked,
    /// After a reconnect ngrok serves the tunnel under another id, which the crate cannot follow.
    #[error("ngrok gave the tunnel a new identity")]
    Moved,
}

fn in_brackets(code: Option<&str>) -> String {
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}

impl NgrokError {
    /// A stable name of the cause.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AuthtokenMissing => "ngrok.authtoken_missing",
            Self::AuthtokenRejected { .. } => "ngrok.authtoken_rejected",
            Self::AgentTooOld { .. } => "ngrok.agent_too_old",
            Self::SessionLimit { .. } => "ngrok.session_limit",
            Self::DomainInUse { .. } => "ngrok.domain_in_use",
            Self::QuotaUsedUp { .. } => "ngrok.quota_used_up",
            Self::Refused { .. } => "ngrok.refused",
            Self::Stopped { .. } => "ngrok.stopped",
            Self::Unreachable { .. } => "ngrok.unreachable",
            Self::UntrustedTls { .. } => "ngrok.untrusted_tls",
            Self::Tls { .. } => "ngrok.tls",
            Self::Proxy { .. } => "ngrok.proxy",
            Self::ProxyKind { .. } => "ngrok.proxy_kind",
            Self::ServerAddress { .. } => "ngrok.server_address",
            Self::CaFile { .. } => "ngrok.ca_file",
            Self::PublicUrl(_) => "ngrok.public_url",
            Self::Late { .. } => "ngrok.late",
            Self::HeartbeatLost => "ngrok.heartbeat_lost",
            Self::ConnectionLost(_) => "ngrok.connection_lost",
            Self::RestartAsked => "ngrok.restart_asked",
            Self::Moved => "ngrok.moved",
        }
    }

    /// What the owner can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::AuthtokenMissing | Self::AuthtokenRejected { .. } => {
                "copy the token from https://dashboard.ngrok.com/get-started/your-authtoken and \
                 store it with `gateway secrets set ngrok-authtoken`"
            }
            Self::AgentTooOld { .. } => "update the gateway",
            Self::SessionLimit { .. } => {
                "stop the other agent, or see https://dashboard.ngrok.com/agents"
            }
            Self::DomainInUse { .. } => {
                "stop the other gateway, or stop its session at https://dashboard.ngrok.com/agents"
            }
            Self::QuotaUsedUp { .. } => {
                "wait for the next month, choose a larger plan, or use another tunnel provider"
            }
            Self::Refused { .. } => "look the code up at https://ngrok.com/docs/errors",
            Self::Stopped { .. } => "start the gateway again to open the tunnel again",
            Self::Unreachable { .. } | Self::Late { .. } | Self::Tls { .. } => {
                "check the internet connection; the tunnel comes back by itself"
            }
            Self::UntrustedTls { .. } => {
                "set `tunnel.ngrok.ca_file` to the authority of the network that intercepts TLS"
            }
            Self::Proxy { .. } => "check `tunnel.ngrok.proxy_url`",
            Self::ProxyKind { .. } => "use an `http:` or `socks5:` URL as `tunnel.ngrok.proxy_url`",
            Self::ServerAddress { .. } => {
                "set `tunnel.ngrok.server_addr` to `host:port`, or leave it out"
            }
            Self::CaFile { .. } => "set `tunnel.ngrok.ca_file` to a PEM file with certificates",
            Self::PublicUrl(_)
            | Self::HeartbeatLost
            | Self::ConnectionLost(_)
            | Self::RestartAsked
            | Self::Moved => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether and how trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        /// For refusals that time may cure, or not.
        const FIVE_MINUTES: RetryRule = RetryRule {
            floor: Duration::from_secs(5),
            cap: Duration::from_secs(60),
            tries: None,
            within: Some(Duration::from_secs(300)),
        };
        match self {
            Self::AuthtokenMissing
            | Self::AuthtokenRejected { .. }
            | Self::AgentTooOld { .. }
            | Self::QuotaUsedUp { .. }
            | Self::Stopped { .. }
            | Self::ProxyKind { .. }
            | Self::ServerAddress { .. }
            | Self::CaFile { .. }
            | Self::PublicUrl(_) => Retry::Never,
            Self::SessionLimit { .. } => Retry::Rule(RetryRule::at_least(Duration::from_secs(60))),
            Self::DomainInUse { .. } | Self::Refused { .. } => Retry::Rule(FIVE_MINUTES),
            Self::UntrustedTls { .. } => Retry::Rule(RetryRule::tries(3)),
            Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::Proxy { .. }
            | Self::Late { .. }
            | Self::HeartbeatLost
            | Self::ConnectionLost(_)
            | Self::RestartAsked
            | Self::Moved => Retry::Law,
        }
    }

    /// Sorts a refusal by ngrok's code.
    pub(super) fn refusal(code: Option<&str>, message: String) -> Self {
        let number = code.and_then(|code| code.strip_prefix("ERR_NGROK_"));
        let owned = || code.unwrap_or_default().to_owned();
        match number {
            Some("105" | "107" | "4018") => Self::AuthtokenRejected { code: owned(), message },
            Some("108") => Self::SessionLimit { message },
            Some("120") => Self::AgentTooOld { message },
            Some("334") => Self::DomainInUse { message },
            Some("725" | "727") => Self::QuotaUsedUp { code: owned(), message },
            _ => Self::Refused { code: code.map(str::to_owned), message },
        }
    }

    pub(super) fn of_rpc(error: &RpcError) -> Self {
        match error {
            RpcError::Response(_) => Self::refusal(error.error_code(), one_line(&error.msg())),
            other => Self::ConnectionLost(chain(other)),
        }
    }

    /// The cause as the crate tells it. What the connector itself met is known better there.
    pub(super) fn of_connect(error: &ConnectError) -> Self {
        match error {
            ConnectError::Auth(rpc) | ConnectError::Rebind(rpc) => Self::of_rpc(rpc),
            other => Self::ConnectionLost(chain(other)),
        }
    }

    pub(super) fn of_accept(error: &AcceptError) -> Self {
        match error {
            AcceptError::Reconnect(cause) => Self::of_connect(cause),
            AcceptError::ListenerClosed { message, error_code } => {
                Self::Stopped { code: error_code.clone(), message: one_line(message) }
            }
            other => Self::ConnectionLost(chain(other)),
        }
    }
}

/// A stranger's text on one line, without control characters, and not endless.
fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    match line.char_indices().nth(300) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(number: u32) -> NgrokError {
        NgrokError::refusal(Some(&format!("ERR_NGROK_{number}")), "words".to_owned())
    }

    #[test]
    fn each_code_of_the_table_has_its_class() {
        for permanent in [105, 107, 120, 4018, 725, 727] {
            assert_eq!(refused(permanent).retry(), Retry::Never, "{permanent}");
            assert!(refused(permanent).hint().is_some(), "{permanent}");
        }
        let Retry::Rule(limit) = refused(108).retry() else { panic!("108 is retried slowly") };
        assert!(limit.floor >= Duration::from_secs(60) && limit.tries.is_none());
        let Retry::Rule(in_use) = refused(334).retry() else {
            panic!("334 is retried for a while")
        };
        assert_eq!((in_use.floor.as_secs(), in_use.cap.as_secs()), (5, 60));
        assert_eq!(in_use.within, Some(Duration::from_secs(300)));
    }

    #[test]
    fn a_strangers_text_stays_on_one_line() {
        assert_eq!(one_line("one\r\n\r\ntwo\x1b[2J"), "one two[2J");
        assert_eq!(one_line(&"x".repeat(900)).chars().count(), 301);
    }
}
