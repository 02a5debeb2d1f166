//! Why `cloudflared` does not work, sorted by what helps.
use std::path::PathBuf;
use std::time::Duration;

use super::executable::Version;
use crate::backoff::{Retry, RetryRule};

/// Why a `cloudflared` session ended or could not begin.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CloudflaredError {
    /// There is no executable.
    #[error("cloudflared is not installed (looked in {})", list(searched))]
    Missing {
        /// Where it was looked for.
        searched: Vec<PathBuf>,
    },
    /// The executable cannot be run.
    #[error("{} cannot be run: {reason}", path.display())]
    NotRunnable {
        /// The executable.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The executable does not say which version it is.
    #[error("{} does not look like cloudflared: `--version` said `{said}`", path.display())]
    NotCloudflared {
        /// The executable.
        path: PathBuf,
        /// What it said instead.
        said: String,
    },
    /// The version lacks what is needed.
    #[error("cloudflared {found} at {} is too old: {needed} or newer is needed", path.display())]
    TooOld {
        /// The executable.
        path: PathBuf,
        /// Its version.
        found: Version,
        /// The oldest version that will do.
        needed: Version,
    },
    /// The private folder or its socket cannot be made.
    #[error("no private folder for cloudflared in {}: {reason}", path.display())]
    Folder {
        /// The folder it should be in.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Cloudflare's service cannot be reached at all.
    #[error("no internet connection: {0}")]
    NoInternet(String),
    /// Too many quick tunnels were asked for.
    #[error("Cloudflare limits quick tunnels now: {0}")]
    RateLimited(String),
    /// The quick-tunnel service is broken.
    #[error("Cloudflare's quick-tunnel service failed: {0}")]
    ServiceFailed(String),
    /// The quick-tunnel service gave no tunnel.
    #[error("Cloudflare refused a quick tunnel: {0}")]
    Refused(String),
    /// The edge's names cannot be resolved.
    #[error("DNS cannot resolve argotunnel.com: {0}")]
    EdgeLookup(String),
    /// The edge does not believe the tunnel's secret.
    #[error("Cloudflare's edge rejected the tunnel's secret: {0}")]
    Unauthorized(String),
    /// The edge refused the first connection.
    #[error("Cloudflare's edge refused the tunnel: {0}")]
    EdgeRefused(String),
    /// The executable does not know a flag it was given; it then prints help and exits with 0.
    #[error("cloudflared does not know the flag {0}")]
    UnknownFlag(String),
    /// The executable refused its command line or configuration: a bug of the gateway.
    #[error("cloudflared refused its configuration: {0}")]
    Usage(String),
    /// The process ended by itself.
    #[error("cloudflared ended with exit code {code}: {}", last_words(last))]
    Exited {
        /// Its exit code.
        code: i32,
        /// What it wrote last.
        last: Vec<String>,
    },
    /// The process was killed.
    #[error("cloudflared was killed ({how}): {}", last_words(last))]
    Killed {
        /// The system's words for how.
        how: String,
        /// What it wrote last.
        last: Vec<String>,
    },
    /// No public address appeared.
    #[error("cloudflared gave no public address within {} s: {}", within.as_secs(), last_words(last))]
    UrlLate {
        /// How long was waited.
        within: Duration,
        /// What it wrote last.
        last: Vec<String>,
    },
    /// It has no connection to the edge at the moment.
    #[error("cloudflared lost its connection to Cloudflare's edge")]
    EdgeDisconnected,
    /// It had no connection to the edge for so long that a restart may help.
    #[error("cloudflared had no connection to Cloudflare's edge for {} min", after.as_secs() / 60)]
    EdgeLost {
        /// How long.
        after: Duration,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn last_words(lines: &[String]) -> String {
    let from = lines.len().saturating_sub(5);
    match &lines[from..] {
        [] => "it wrote nothing".to_owned(),
        last => last.join(" | "),
    }
}

impl CloudflaredError {
    /// A stable name of the cause.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "cloudflared.missing",
            Self::NotRunnable { .. } => "cloudflared.not_runnable",
            Self::NotCloudflared { .. } => "cloudflared.not_cloudflared",
            Self::TooOld { .. } => "cloudflared.too_old",
            Self::Folder { .. } => "cloudflared.folder",
            Self::NoInternet(_) => "cloudflared.no_internet",
            Self::RateLimited(_) => "cloudflared.rate_limited",
            Self::ServiceFailed(_) => "cloudflared.service_failed",
            Self::Refused(_) => "cloudflared.refused",
            Self::EdgeLookup(_) => "cloudflared.edge_lookup",
            Self::Unauthorized(_) => "cloudflared.unauthorized",
            Self::EdgeRefused(_) => "cloudflared.edge_refused",
            Self::UnknownFlag(_) => "cloudflared.unknown_flag",
            Self::Usage(_) => "cloudflared.usage",
            Self::Exited { .. } => "cloudflared.exited",
            Self::Killed { .. } => "cloudflared.killed",
            Self::UrlLate { .. } => "cloudflared.url_late",
            Self::EdgeDisconnected => "cloudflared.edge_disconnected",
            Self::EdgeLost { .. } => "cloudflared.edge_lost",
        }
    }

    /// What the owner can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { .. } => {
                return Some(format!(
                    "install it: {}; or set `tunnel.cloudflared.path`, or use ngrok",
                    install_line(std::env::consts::OS)
                ));
            }
            Self::TooOld { .. } | Self::UnknownFlag(_) => {
                return Some(format!("update it: {}", install_line(std::env::consts::OS)));
            }
            Self::NotRunnable { .. } | Self::NotCloudflared { .. } => {
                "set `tunnel.cloudflared.path` to the cloudflared executable"
            }
            Self::Folder { .. } => "set GATEWAY_RUNTIME_DIR to a short path that only you can use",
            Self::NoInternet(_) => {
                "check the internet connection; the tunnel comes up by itself once it is back"
            }
            Self::RateLimited(_) => {
                "wait; for a lasting address use ngrok's free dev domain or a named tunnel"
            }
            Self::ServiceFailed(_) | Self::Refused(_) => {
                "see https://www.cloudflarestatus.com, or use ngrok"
            }
            Self::EdgeLookup(_) => "use a DNS server that answers SRV queries, such as 1.1.1.1",
            Self::Unauthorized(_) => "create the tunnel's token or credentials again",
            Self::EdgeRefused(_) => "check the tunnel in Cloudflare's dashboard",
            Self::Usage(_) => "please report it with the log",
            Self::UrlLate { .. } => "check that outgoing connections to Cloudflare are allowed",
            Self::EdgeDisconnected | Self::EdgeLost { .. } => {
                "check that outgoing connections to port 7844 are allowed"
            }
            Self::Exited { .. } | Self::Killed { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether and how trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Missing { .. }
            | Self::NotRunnable { .. }
            | Self::NotCloudflared { .. }
            | Self::TooOld { .. }
            | Self::Folder { .. }
            | Self::Unauthorized(_)
            | Self::UnknownFlag(_)
            | Self::Usage(_) => Retry::Never,
            Self::RateLimited(_) => Retry::Rule(RetryRule::at_least(Duration::from_secs(300))),
            Self::ServiceFailed(_) => Retry::Rule(RetryRule {
                floor: Duration::from_secs(30),
                cap: Duration::from_secs(300),
                ..RetryRule::default()
            }),
            Self::Refused(_) => Retry::Rule(RetryRule::tries(3)),
            Self::NoInternet(_)
            | Self::EdgeLookup(_)
            | Self::EdgeRefused(_)
            | Self::Exited { .. }
            | Self::Killed { .. }
            | Self::UrlLate { .. }
            | Self::EdgeDisconnected
            | Self::EdgeLost { .. } => Retry::Law,
        }
    }

    /// Whether the failed try may have cost a quick-tunnel creation.
    pub(crate) const fn reached_service(&self) -> bool {
        !matches!(
            self,
            Self::Missing { .. }
                | Self::NotRunnable { .. }
                | Self::NotCloudflared { .. }
                | Self::TooOld { .. }
                | Self::Folder { .. }
                | Self::NoInternet(_)
                | Self::UnknownFlag(_)
                | Self::Usage(_)
        )
    }
}

/// How cloudflared is installed on a system, named as in [`std::env::consts::OS`].
fn install_line(os: &str) -> &'static str {
    match os {
        "macos" => "`brew install cloudflared`",
        "windows" => "`winget install --id Cloudflare.cloudflared`",
        "linux" => {
            "the .deb or .rpm from https://github.com/cloudflare/cloudflared/releases, \
             Cloudflare's package repository at https://pkg.cloudflare.com, or \
             `pacman -S cloudflared` on Arch"
        }
        _ => "see https://github.com/cloudflare/cloudflared/releases",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_executable_names_the_install_command_of_the_system() {
        assert!(install_line("macos").contains("brew install"));
        assert!(install_line("windows").contains("winget install"));
        assert!(install_line("linux").contains("pkg.cloudflare.com"));
        let missing = CloudflaredError::Missing { searched: vec!["/usr/bin".into()] };
        assert!(missing.to_string().contains("/usr/bin"));
        assert!(missing.hint().unwrap().contains("install"));
        assert_eq!(missing.retry(), Retry::Never);
    }

    #[test]
    fn a_rate_limit_waits_at_least_five_minutes() {
        let Retry::Rule(rule) = CloudflaredError::RateLimited(String::new()).retry() else {
            panic!("a rate limit passes")
        };
        assert!(rule.floor >= Duration::from_secs(300));
    }
}
