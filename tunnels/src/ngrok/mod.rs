//! The provider `ngrok`: the agent runs inside this process, without a local TCP hop.
//!
//! The `ngrok` crate alone is no daemon: its reconnects back off to hours, a dead link stays
//! "connected", closing sends nothing, and a permanent refusal during a reconnect is retried for
//! ever. Everything that cures this sits in the connector it is given ([`connector`]) and in the
//! stream that connector returns ([`stream`]), which can be cut and which reads the answer to the
//! rebind off the wire.
mod connector;
mod error;
mod proxy;
mod rebind;
mod session;
mod stream;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use url::Url;

pub use self::error::NgrokError;
#[cfg(feature = "testing")]
pub(crate) use self::stream::CutStream;
use crate::backoff::Law;
use crate::error::TunnelError;
use crate::provider::{Policy, Provider, SessionLink};
use crate::settings::Authtoken;

/// Whose certificates are believed on the way to ngrok.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Ca {
    /// ngrok's own authority, compiled in.
    #[default]
    Ngrok,
    /// The authorities the operating system trusts, for networks that intercept TLS.
    System,
    /// The authorities in a PEM file, read at every new session.
    File(PathBuf),
    /// The authorities in this PEM text.
    Pem(String),
}

/// How an ngrok tunnel is opened.
#[derive(Clone)]
pub struct NgrokSettings {
    /// The account's authtoken.
    pub authtoken: Authtoken,
    /// The account's domain to serve, such as `name.ngrok-free.dev`; a random one when `None`.
    pub domain: Option<String>,
    /// Another agent endpoint than ngrok's own, as `host:port`.
    pub server_addr: Option<String>,
    /// Whose certificates are believed.
    pub ca: Ca,
    /// An `http:` or `socks5:` proxy to go through, with its credentials if it wants any.
    pub proxy_url: Option<Url>,
    /// How often the link is probed.
    pub heartbeat_interval: Duration,
    /// How long an answer may be late before the link counts as dead and is cut.
    pub heartbeat_tolerance: Duration,
}

impl NgrokSettings {
    /// The settings of an ordinary account: ngrok's own servers, a random or dashboard-given domain.
    #[must_use]
    pub fn new(authtoken: Authtoken) -> Self {
        Self {
            authtoken,
            domain: None,
            server_addr: None,
            ca: Ca::Ngrok,
            proxy_url: None,
            heartbeat_interval: Duration::from_secs(10),
            heartbeat_tolerance: Duration::from_secs(10),
        }
    }
}

impl fmt::Debug for NgrokSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A proxy's URL may hold a password.
        let proxy = self.proxy_url.as_ref().map(|url| url.host_str().unwrap_or_default());
        f.debug_struct("NgrokSettings")
            .field("authtoken", &self.authtoken)
            .field("domain", &self.domain)
            .field("server_addr", &self.server_addr)
            .field("ca", &self.ca)
            .field("proxy_host", &proxy)
            .field("heartbeat_interval", &self.heartbeat_interval)
            .field("heartbeat_tolerance", &self.heartbeat_tolerance)
            .finish()
    }
}

/// Opens ngrok sessions.
#[derive(Clone, Debug)]
pub struct NgrokProvider {
    settings: NgrokSettings,
}

impl NgrokProvider {
    /// A provider with these settings.
    #[must_use]
    pub const fn new(settings: NgrokSettings) -> Self {
        Self { settings }
    }
}

impl Provider for NgrokProvider {
    fn name(&self) -> &'static str {
        "ngrok"
    }

    fn policy(&self) -> Policy {
        Policy {
            law: Law::default(),
            openings_max: None,
            close_within: Duration::from_secs(5),
            reopen_when_not_served: true,
        }
    }

    fn run(&self, link: SessionLink) -> BoxFuture<'static, Result<(), TunnelError>> {
        let settings = self.settings.clone();
        async move { session::run(settings, link).await.map_err(TunnelError::from) }.boxed()
    }
}
