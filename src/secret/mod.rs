//! Secrets: their types, and the vaults that keep them outside of the config file.
//!
//! A [`Secret`] shows its text only through [`Secret::expose`]; what the store keeps of a secret
//! that somebody else presents is a [`SecretDigest`]. A [`Vault`] keeps secrets by [`SecretName`]:
//! [`KeyringVault`] in the OS keyring, [`FileVault`] in a file for the owner alone. [`Secrets`] puts
//! the variables of [`EnvOverlay`] in front of a vault. Only this module uses the `keyring` crate,
//! and only inside the process that [`helper_main`] runs. A new back end is a new [`Vault`].
mod digest;
mod error;
mod file;
mod keyring;
mod memory;
mod name;
mod overlay;
mod value;
mod vault;
pub use self::digest::SecretDigest;
pub use self::error::{Absence, FileVaultError, KeyringError, Lock, SecretError};
pub use self::file::FileVault;
pub use self::keyring::{HELPER_COMMAND, HelperCommand, KeyringVault, helper_main};
pub use self::memory::MemoryVault;
pub use self::name::{InvalidSecretName, SecretName};
pub use self::overlay::{EnvOverlay, Found, Secrets};
pub use self::value::{InvalidSecret, SECRET_BYTES_MAX, Secret};
pub use self::vault::{Listed, Source, Vault};
