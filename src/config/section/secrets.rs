//! `[secrets]`: where secrets are kept.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::choice;

choice! {
    /// Where secrets are kept.
    SecretsBackend {
        /// The keyring of the operating system.
        Keyring = "keyring",
        /// A file of mode 0600 in the state folder.
        File = "file",
    }
}

/// Where secrets are kept; they are never in this file.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretsSection {
    /// `keyring` (of the operating system) or `file` (mode 0600, in the state folder).
    pub backend: SecretsBackend,
}

impl Default for SecretsSection {
    fn default() -> Self {
        Self { backend: SecretsBackend::Keyring }
    }
}
