//! `secrets`: whether secrets can be kept and read.
use futures::future::BoxFuture;

use super::{Check, Finding, Skipped, Verdict, World};
use crate::secret::{FileVaultError, KeyringError, SecretError};

pub(super) struct Vault;

impl Check for Vault {
    fn id(&self) -> &'static str {
        "secrets"
    }

    fn title(&self) -> &'static str {
        "the place of secrets"
    }

    fn limit(&self) -> std::time::Duration {
        // A keyring has 10 s to answer, and may have a call before this one.
        std::time::Duration::from_secs(25)
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    world.config()?;
    let secrets = match &world.secrets {
        Some(Ok(secrets)) => secrets,
        Some(Err((message, hint))) => {
            return Ok(Finding::fail("a secret in the environment is none", message, hint));
        }
        None => return Err(Skipped::because("the configuration is not valid: see `config`")),
    };
    let vault = secrets.vault();
    Ok(match vault.status().await {
        Ok(()) => Finding::ok(format!("the {} keeps and gives secrets", vault.source())),
        Err(error) => shut(world, &error),
    })
}

fn shut(world: &World, error: &SecretError) -> Finding {
    let summary = match error {
        SecretError::Keyring(KeyringError::Absent(_)) => "there is no keyring",
        SecretError::Keyring(KeyringError::Locked(_)) => "the keyring is locked",
        SecretError::Keyring(KeyringError::TimedOut(_)) => "the keyring does not answer",
        SecretError::Keyring(_) => "the keyring does not work",
        SecretError::File(FileVaultError::Exposed { .. } | FileVaultError::Folder(_)) => {
            "the secrets file is open to others"
        }
        SecretError::File(_) => "the secrets file does not work",
        SecretError::Environment { .. } => "a secret in the environment is none",
    };
    let mut fix = error.hint();
    if fix.contains("secrets.backend") {
        fix += &format!(
            " (in {}: `[secrets]`, below it `backend = \"file\"`)",
            world.folders.config_file.display()
        );
    }
    Finding::fail(summary, error.to_string(), fix)
}
