//! Where this installation keeps its secrets.
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::Arc;

use gateway_os::folders::Folders;

use crate::clock::SystemClock;
use crate::config::{Config, SecretsBackend};
use crate::secret::{
    EnvOverlay, FileVault, HelperCommand, KeyringVault, SecretError, Secrets, Vault,
};

/// The vault that the configuration names, behind the variables of `env`.
///
/// # Errors
///
/// When a variable holds something that is no secret.
pub fn secrets(
    config: &Config,
    folders: &Folders,
    env: &BTreeMap<String, String>,
) -> Result<Secrets, SecretError> {
    let overlay = EnvOverlay::read(|name| env.get(name).cloned())?;
    let clock = Arc::new(SystemClock);
    let vault: Arc<dyn Vault> = match config.secrets.backend {
        SecretsBackend::File => Arc::new(FileVault::new(folders.state.join("secrets"), clock)),
        SecretsBackend::Keyring => {
            let environment =
                env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
            let helper = HelperCommand::own_binary(own_program());
            Arc::new(KeyringVault::new(helper, environment, clock))
        }
    };
    Ok(Secrets::new(overlay, vault))
}

/// The running build of this program, also after an upgrade has replaced its file.
fn own_program() -> std::path::PathBuf {
    gateway_os::launch::own_program()
}
