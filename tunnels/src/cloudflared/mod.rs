//! The provider `cloudflare-quick`: a supervised `cloudflared` child with a quick tunnel.
//!
//! Everything about the child is decided here and nothing is inherited: its configuration, its
//! environment, its working folder, its metrics port and the private socket on which it reaches the
//! gateway. It is drained for life, watched through its metrics server, and never outlives its
//! session. A named tunnel will share all of it but the command line.
mod child;
mod error;
mod executable;
mod metrics;
mod origin;
mod outcome;
mod output;
mod quick;

use std::path::PathBuf;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

pub use self::error::CloudflaredError;
pub use self::executable::{Version, find, version};
use crate::backoff::Law;
use crate::error::TunnelError;
use crate::provider::{Policy, Provider, SessionLink};
use crate::settings::Surroundings;

/// How a quick tunnel is opened.
#[derive(Clone, Debug, Default)]
pub struct QuickSettings {
    /// The executable; looked for in `PATH` and the usual places when `None`.
    pub path: Option<PathBuf>,
    /// How patient to be.
    pub timings: Timings,
}

/// How patient to be with `cloudflared`. The defaults fit the real one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timings {
    /// How long the public address may take to appear.
    pub url_within: Duration,
    /// How long it may be without a connection to the edge before a restart, which costs the address.
    pub unready_for: Duration,
    /// How often it is asked about itself.
    pub poll_every: Duration,
    /// How long running requests may take to finish at the end (`--grace-period`).
    pub grace: Duration,
    /// How long after the request to end it is killed.
    pub kill_after: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            url_within: Duration::from_secs(30),
            unready_for: Duration::from_secs(600),
            poll_every: Duration::from_millis(500),
            grace: Duration::from_secs(5),
            kill_after: Duration::from_secs(8),
        }
    }
}

/// Opens quick tunnels.
#[derive(Clone, Debug)]
pub struct QuickTunnel {
    settings: QuickSettings,
    surroundings: Surroundings,
}

impl QuickTunnel {
    /// A provider with these settings.
    #[must_use]
    pub const fn new(settings: QuickSettings, surroundings: Surroundings) -> Self {
        Self { settings, surroundings }
    }
}

impl Provider for QuickTunnel {
    fn name(&self) -> &'static str {
        "cloudflare-quick"
    }

    fn policy(&self) -> Policy {
        Policy {
            // A process per try is dear, and each success spends one of few creations.
            law: Law {
                first: Duration::from_secs(1),
                fast_cap: Duration::from_secs(4),
                slow_cap: Duration::from_secs(60),
                stable_after: Duration::from_secs(600),
                ..Law::default()
            },
            openings_max: Some((5, Duration::from_secs(600))),
            close_within: self.settings.timings.kill_after + Duration::from_secs(4),
            // A new process has a new name; the old one may yet spread.
            reopen_when_not_served: false,
        }
    }

    fn run(&self, link: SessionLink) -> BoxFuture<'static, Result<(), TunnelError>> {
        let (settings, surroundings) = (self.settings.clone(), self.surroundings.clone());
        async move { quick::run(settings, surroundings, link).await.map_err(TunnelError::from) }
            .boxed()
    }
}
