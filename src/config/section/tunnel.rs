//! `[tunnel]`: the providers and what each needs.
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{HostName, ProxyUrl, ServerAddr, blank, blank_path, choice};

choice! {
    /// Who opens the tunnel.
    TunnelProvider {
        /// ngrok when an authtoken is found, else cloudflared when installed, else none.
        Auto = "auto",
        /// No tunnel: this machine only, or your own proxy.
        None = "none",
        /// ngrok, in this process.
        Ngrok = "ngrok",
        /// A quick tunnel of a supervised `cloudflared`; its URL changes with every start.
        CloudflareQuick = "cloudflare-quick",
    }
    later ["cloudflare-named", "command"]
}

/// How the internet reaches gateway.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TunnelSection {
    /// Who opens the tunnel: `auto`, `none`, `ngrok` or `cloudflare-quick`. `auto` opens one only
    /// on a terminal.
    pub provider: TunnelProvider,
    /// For the provider `ngrok`. Its authtoken is a secret: `gateway secrets set` or `NGROK_AUTHTOKEN`.
    pub ngrok: NgrokSection,
    /// For the provider `cloudflare-quick`.
    pub cloudflared: CloudflaredSection,
}

impl Default for TunnelSection {
    fn default() -> Self {
        Self {
            provider: TunnelProvider::Auto,
            ngrok: NgrokSection::default(),
            cloudflared: CloudflaredSection::default(),
        }
    }
}

/// `[tunnel.ngrok]`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NgrokSection {
    /// The domain to open, such as your account's static one; empty lets ngrok choose.
    #[serde(with = "blank")]
    #[schemars(with = "HostName")]
    pub domain: Option<HostName>,
    /// The ngrok server to connect to, host and port; empty is ngrok's own.
    #[serde(with = "blank")]
    #[schemars(with = "ServerAddr")]
    pub server_addr: Option<ServerAddr>,
    /// A PEM file with the certificates to trust for that server instead of ngrok's own.
    #[serde(with = "blank_path")]
    #[schemars(with = "String", extend("x-kind" = "path"))]
    pub ca_file: Option<PathBuf>,
    /// A proxy (`http`, `https` or `socks5`) to reach that server through; without a password.
    #[serde(with = "blank")]
    #[schemars(with = "ProxyUrl")]
    pub proxy_url: Option<ProxyUrl>,
}

/// `[tunnel.cloudflared]`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CloudflaredSection {
    /// The `cloudflared` program; empty looks it up in `PATH`.
    #[serde(with = "blank_path")]
    #[schemars(with = "String", extend("x-kind" = "program"))]
    pub path: Option<PathBuf>,
}
