//! What changed between two configs, and whether a running gateway can take it up.
use std::collections::BTreeMap;

use super::key::Key;
use super::section::Config;
use super::show::flatten;

/// A key whose value changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyChange {
    /// The key; a project that came or went shows as its keys.
    pub key: Key,
    /// Whether it takes effect only after a restart.
    pub needs_restart: bool,
}

/// Which keys a running gateway takes up. Everything below a key counts with it; a key that is
/// under no row would be a bug, and a test looks for one.
const TABLE: [(&str, bool); 19] = [
    ("server.listen", RESTART),
    ("server.public_url", RESTART),
    ("server.allow_lan", RESTART),
    ("server.allowed_hosts", RESTART),
    ("server.trusted_proxies", RESTART),
    ("tunnel", RESTART),
    ("auth", LIVE),
    ("tasks.max_concurrent", LIVE),
    ("tasks.default_timeout", LIVE),
    ("tasks.max_timeout", LIVE),
    ("tasks.output_bytes_max", LIVE),
    ("tasks.on_shutdown", LIVE),
    ("budget", LIVE),
    ("limits", RESTART),
    ("log.level", LIVE),
    ("log", RESTART),
    ("secrets", RESTART),
    ("executors", LIVE),
    ("projects", LIVE),
];
const RESTART: bool = true;
const LIVE: bool = false;

/// The row of `key`: the first whose key it is or lies under.
fn row(key: &str) -> Option<(&'static str, bool)> {
    TABLE.into_iter().find(|(row, _)| {
        key.strip_prefix(row).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Every key whose value differs between `old` and `new`, in order.
#[must_use]
pub fn changes(old: &Config, new: &Config) -> Vec<KeyChange> {
    let mut old: BTreeMap<_, _> = flatten(old).into_iter().collect();
    let mut changed = Vec::new();
    for (key, value) in flatten(new) {
        if old.remove(&key).as_ref() != Some(&value) {
            changed.push(key);
        }
    }
    changed.extend(old.into_keys());
    changed.sort();
    let needs_restart = |key: &Key| row(&key.to_string()).is_none_or(|(_, restart)| restart);
    changed.into_iter().map(|key| KeyChange { needs_restart: needs_restart(&key), key }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;

    #[test]
    fn every_key_has_a_row_and_every_row_has_a_key() {
        let mut used = Vec::new();
        for (key, _) in schema::leaves() {
            let (row, _) = row(&key.to_string()).unwrap_or_else(|| panic!("no row for {key}"));
            used.push(row);
        }
        for (row, _) in TABLE {
            assert!(used.contains(&row), "no key for {row}");
        }
    }

    #[test]
    fn a_change_names_its_key_and_whether_it_needs_a_restart() {
        let old = Config::default();
        let mut new = old.clone();
        new.limits.burst = 7;
        new.log.keep = 9;
        new.log.level = crate::config::LogLevel::Debug;
        let changes: Vec<_> =
            changes(&old, &new).into_iter().map(|c| (c.key.to_string(), c.needs_restart)).collect();
        let expected = [("limits.burst", true), ("log.keep", true), ("log.level", false)];
        assert_eq!(changes, expected.map(|(key, restart)| (key.to_owned(), restart)));
    }
}
