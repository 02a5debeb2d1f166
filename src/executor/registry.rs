//! Executors by name.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::contract::Executor;

/// The executors that the configuration names.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    by_name: BTreeMap<String, Arc<dyn Executor>>,
}

impl Registry {
    /// Adds an executor; a second one of the same name takes its place.
    pub fn insert(&mut self, name: impl Into<String>, executor: Arc<dyn Executor>) {
        self.by_name.insert(name.into(), executor);
    }

    /// The executor called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Executor>> {
        self.by_name.get(name)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}
