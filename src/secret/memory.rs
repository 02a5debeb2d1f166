//! [`MemoryVault`]: forgets everything at the end of the process.
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};

use super::{Listed, Secret, SecretError, SecretName, Source, Vault};

/// A vault in memory, for tests; it can be told to fail like a real one.
#[derive(Debug, Default)]
pub struct MemoryVault {
    secrets: Mutex<BTreeMap<SecretName, Secret>>,
    fault: Mutex<Option<fn() -> SecretError>>,
}

impl MemoryVault {
    /// From now on every call fails with what `fault` makes, or works again.
    pub fn fail_with(&self, fault: Option<fn() -> SecretError>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    fn open(&self) -> Result<MutexGuard<'_, BTreeMap<SecretName, Secret>>, SecretError> {
        if let Some(fault) = *self.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(fault());
        }
        Ok(self.secrets.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Vault for MemoryVault {
    fn source(&self) -> Source {
        Source::Memory
    }

    fn get<'a>(
        &'a self,
        name: &'a SecretName,
    ) -> BoxFuture<'a, Result<Option<Secret>, SecretError>> {
        ready(self.open().map(|secrets| secrets.get(name).cloned())).boxed()
    }

    fn set<'a>(
        &'a self,
        name: &'a SecretName,
        secret: &'a Secret,
    ) -> BoxFuture<'a, Result<(), SecretError>> {
        let set = self.open().map(|mut secrets| {
            secrets.insert(name.clone(), secret.clone());
        });
        ready(set).boxed()
    }

    fn delete<'a>(&'a self, name: &'a SecretName) -> BoxFuture<'a, Result<bool, SecretError>> {
        ready(self.open().map(|mut secrets| secrets.remove(name).is_some())).boxed()
    }

    fn list<'a>(
        &'a self,
        known: &'a [SecretName],
    ) -> BoxFuture<'a, Result<Vec<Listed>, SecretError>> {
        let listed = self.open().map(|secrets| {
            let present = |name: &SecretName| secrets.contains_key(name);
            known.iter().map(|n| Listed { name: n.clone(), present: present(n) }).collect()
        });
        ready(listed).boxed()
    }

    fn status(&self) -> BoxFuture<'_, Result<(), SecretError>> {
        ready(self.open().map(drop)).boxed()
    }
}
