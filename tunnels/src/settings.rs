//! Which provider to use, with its settings, and what it may know of its surroundings.
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cloudflared::{QuickSettings, QuickTunnel};
use crate::ngrok::{NgrokProvider, NgrokSettings};
use crate::none::NoTunnel;
use crate::provider::Provider;

/// The tunnel the owner wants.
#[derive(Clone, Debug, Default)]
pub enum ProviderConfig {
    /// No tunnel.
    #[default]
    None,
    /// ngrok, in this process.
    Ngrok(NgrokSettings),
    /// A quick tunnel of `cloudflared`, without an account, under a new name each time.
    CloudflareQuick(QuickSettings),
}

impl ProviderConfig {
    /// The provider for these settings: the one table of providers.
    #[must_use]
    pub fn build(self, surroundings: &Surroundings) -> Arc<dyn Provider> {
        match self {
            Self::None => Arc::new(NoTunnel),
            Self::Ngrok(settings) => Arc::new(NgrokProvider::new(settings)),
            Self::CloudflareQuick(settings) => {
                Arc::new(QuickTunnel::new(settings, surroundings.clone()))
            }
        }
    }
}

/// What a provider that starts a program needs to know of this process.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The environment. Children get a short allow-list out of it, and executables are looked for in
    /// its `PATH`.
    pub environment: BTreeMap<OsString, OsString>,
    /// An existing folder of this user's alone (0700) for sockets and generated configuration. Its
    /// path must be short: a socket's path holds 107 bytes.
    pub runtime_dir: PathBuf,
    /// Words to put before a child's own command line, such as `/proc/self/exe __exec`, to make it
    /// die with this process. Whatever stands there must end up as the child itself (`exec`). Empty
    /// starts the child directly.
    pub launcher: Vec<OsString>,
}

/// An ngrok authtoken. `Debug` and `Display` never show it.
#[derive(Clone, Eq, PartialEq)]
pub struct Authtoken(String);

impl Authtoken {
    /// Takes a token, without the white space that pasting brings along.
    #[must_use]
    pub fn new(token: impl AsRef<str>) -> Self {
        Self(token.as_ref().trim().to_owned())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Authtoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authtoken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authtoken_is_not_in_its_debug_text() {
        let config = ProviderConfig::Ngrok(NgrokSettings::new(Authtoken::new(" 2abc_planted\n")));
        assert!(!format!("{config:?}").contains("planted"));
    }
}
