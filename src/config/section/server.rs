//! `[server]`: the local end of every connection.
use std::net::{Ipv4Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{HostName, ListenAddr, Network, PublicUrl, blank};

/// Where gateway listens and under which names it answers.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSection {
    /// The address and port for local clients; port 0 picks a free one. An address that other
    /// machines can reach also needs `allow_lan = true`.
    pub listen: ListenAddr,
    /// The origin under which the internet reaches gateway when you run your own proxy or tunnel,
    /// such as `https://gateway.example.org`; empty when gateway opens the tunnel itself.
    #[serde(with = "blank")]
    #[schemars(with = "PublicUrl")]
    pub public_url: Option<PublicUrl>,
    /// Allows `listen` to be an address that other machines on the network can reach.
    pub allow_lan: bool,
    /// Further host names under which gateway answers, besides its own origins.
    pub allowed_hosts: Vec<HostName>,
    /// Addresses of proxies on this machine or network whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: ListenAddr(SocketAddr::from((Ipv4Addr::LOCALHOST, 8765))),
            public_url: None,
            allow_lan: false,
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
        }
    }
}
