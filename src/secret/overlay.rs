//! Environment variables in front of a vault: what users of other programs already have set.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Secret, SecretError, SecretName, Source, Vault};

/// The variables that are read, and the secret each of them stands for.
const VARIABLES: [(&str, SecretName); 2] = [
    ("NGROK_AUTHTOKEN", SecretName::NGROK_AUTHTOKEN),
    ("HERMES_API_KEY", SecretName::HERMES_API_KEY),
];

/// A secret and where it came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// The secret.
    pub secret: Secret,
    /// Where it came from.
    pub source: Source,
}

/// The secrets of an environment, read once.
#[derive(Clone, Debug, Default)]
pub struct EnvOverlay {
    found: BTreeMap<SecretName, Found>,
}

impl EnvOverlay {
    /// Reads the variables from `lookup`, which answers like `std::env::var(NAME).ok()`.
    ///
    /// An empty variable counts as unset; space around a value is dropped.
    ///
    /// # Errors
    ///
    /// Returns [`SecretError::Environment`], naming the variable, for a value that is no secret.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SecretError> {
        let mut found = BTreeMap::new();
        for (variable, name) in VARIABLES {
            let Some(value) = lookup(variable).map(zeroize::Zeroizing::new) else { continue };
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            let secret = Secret::parse(value.to_owned())
                .map_err(|source| SecretError::Environment { variable, source })?;
            found.insert(name, Found { secret, source: Source::Environment(variable) });
        }
        Ok(Self { found })
    }

    /// The secret of this name, when a variable holds it.
    #[must_use]
    pub fn get(&self, name: &SecretName) -> Option<&Found> {
        self.found.get(name)
    }
}

/// A vault behind the environment's variables: where the program looks for a secret.
#[derive(Clone, Debug)]
pub struct Secrets {
    overlay: EnvOverlay,
    vault: Arc<dyn Vault>,
}

impl Secrets {
    /// Looks into `overlay` first, then into `vault`.
    #[must_use]
    pub fn new(overlay: EnvOverlay, vault: Arc<dyn Vault>) -> Self {
        Self { overlay, vault }
    }

    /// The secret of this name and where it came from.
    ///
    /// A variable answers without the vault being asked, so it also helps when the vault is shut.
    ///
    /// # Errors
    ///
    /// Returns the vault's error when it has to be asked and cannot answer.
    pub async fn find(&self, name: &SecretName) -> Result<Option<Found>, SecretError> {
        if let Some(found) = self.overlay.get(name) {
            return Ok(Some(found.clone()));
        }
        let secret = self.vault.get(name).await?;
        Ok(secret.map(|secret| Found { secret, source: self.vault.source() }))
    }

    /// The variables that were read.
    #[must_use]
    pub const fn overlay(&self) -> &EnvOverlay {
        &self.overlay
    }

    /// The vault, for setting, deleting and listing.
    #[must_use]
    pub fn vault(&self) -> &dyn Vault {
        &*self.vault
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{KeyringError, Lock, MemoryVault};

    fn overlay(variables: &[(&str, &str)]) -> Result<EnvOverlay, SecretError> {
        EnvOverlay::read(|name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[tokio::test]
    async fn a_variable_wins_over_the_vault_and_its_name_is_told() {
        let vault = Arc::new(MemoryVault::default());
        let kept = Secret::parse("kept".to_owned()).unwrap();
        vault.set(&SecretName::NGROK_AUTHTOKEN, &kept).await.unwrap();
        vault.set(&SecretName::HERMES_API_KEY, &kept).await.unwrap();
        let overlay = overlay(&[("NGROK_AUTHTOKEN", " set \n"), ("HERMES_API_KEY", "")]).unwrap();
        let secrets = Secrets::new(overlay, vault);

        let ngrok = secrets.find(&SecretName::NGROK_AUTHTOKEN).await.unwrap().unwrap();
        assert_eq!(ngrok.secret.expose(), "set");
        assert_eq!(ngrok.source.to_string(), "environment variable NGROK_AUTHTOKEN");
        let hermes = secrets.find(&SecretName::HERMES_API_KEY).await.unwrap().unwrap();
        assert_eq!((hermes.secret, hermes.source), (kept, Source::Memory));
        assert_eq!(secrets.find(&SecretName::CLOUDFLARED_TOKEN).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_variable_answers_while_the_vault_is_locked() {
        let vault = Arc::new(MemoryVault::default());
        vault.fail_with(Some(|| KeyringError::Locked(Lock::Closed).into()));
        let secrets = Secrets::new(overlay(&[("NGROK_AUTHTOKEN", "set")]).unwrap(), vault);
        assert!(secrets.find(&SecretName::NGROK_AUTHTOKEN).await.unwrap().is_some());
        let error = secrets.find(&SecretName::HERMES_API_KEY).await.unwrap_err();
        assert_eq!(error.to_string(), "the keyring is locked");
    }

    #[test]
    fn a_variable_that_holds_no_secret_is_named_and_not_quoted() {
        let error = overlay(&[("HERMES_API_KEY", "one\ntwo")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "HERMES_API_KEY: a secret cannot hold control characters such as line ends"
        );
    }
}
