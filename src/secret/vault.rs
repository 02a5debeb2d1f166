//! The [`Vault`] trait.
use std::fmt;

use futures::future::BoxFuture;

use super::{Secret, SecretError, SecretName};

/// Where a secret came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// An environment variable of this name.
    Environment(&'static str),
    /// The OS keyring.
    Keyring,
    /// The file of [`FileVault`](super::FileVault).
    File,
    /// This process's memory, in tests.
    Memory,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::Keyring => f.write_str("OS keyring"),
            Self::File => f.write_str("secrets file"),
            Self::Memory => f.write_str("memory"),
        }
    }
}

/// Whether a vault has a secret of some name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// The name asked for, or found.
    pub name: SecretName,
    /// Whether the vault has a secret of that name.
    pub present: bool,
}

/// Keeps secrets by name, outside of the config file and the database.
///
/// Every call answers or fails within a bounded time. Dropping a future of `set` or `delete` leaves
/// open whether it happened.
pub trait Vault: fmt::Debug + Send + Sync + 'static {
    /// What to tell people about where this vault keeps its secrets.
    fn source(&self) -> Source;

    /// The secret of this name; `None` only when the vault is open and has none.
    fn get<'a>(
        &'a self,
        name: &'a SecretName,
    ) -> BoxFuture<'a, Result<Option<Secret>, SecretError>>;

    /// Keeps a secret, in place of an earlier one of this name.
    fn set<'a>(
        &'a self,
        name: &'a SecretName,
        secret: &'a Secret,
    ) -> BoxFuture<'a, Result<(), SecretError>>;

    /// Forgets a secret; tells whether there was one.
    fn delete<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<bool, SecretError>>;

    /// Tells which of the `known` names have a secret, in their order.
    ///
    /// A keyring cannot enumerate its entries, so names are remembered elsewhere. A vault that can
    /// adds what it has beyond the known names.
    fn list<'a>(
        &'a self,
        known: &'a [SecretName],
    ) -> BoxFuture<'a, Result<Vec<Listed>, SecretError>>;

    /// Whether secrets can be kept and read right now; the error is the reason why not.
    fn status(&self) -> BoxFuture<'_, Result<(), SecretError>>;
}
