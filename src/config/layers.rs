//! Settings collected from all sources, each with its origin; later sources win key by key.
use std::collections::BTreeMap;

use serde_json::{Map, Value};
use strsim::damerau_levenshtein;

use super::error::{Cause, Problem, in_short};
use super::key::{Key, Origin};
use super::schema::{self, Place};
use super::value::ProjectName;

/// What was set so far and what was wrong with it.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) values: BTreeMap<Key, (Value, Origin)>,
    /// Entries of `projects` and `executors`, also those without any key.
    pub(super) entries: BTreeMap<Key, Origin>,
    pub(super) problems: Vec<Problem>,
}

impl Layers {
    /// Takes a value in, or notes why it cannot be.
    pub(super) fn set(&mut self, key: &Key, value: Value, origin: Origin) {
        if !self.check_path(key, &origin) {
            return;
        }
        let cause = match schema::place(key) {
            Place::Leaf(leaf) => match schema::check(leaf, &value) {
                Ok(()) => {
                    self.values.insert(key.clone(), (value, origin));
                    return;
                }
                Err(cause) => cause,
            },
            Place::Table(_) => Cause::BadValue {
                found: in_short(&value),
                reason: None,
                allowed: format!("a table, written as `[{key}]`"),
            },
            Place::Unknown(_) => return,
        };
        self.problem(key, origin, cause);
    }

    /// Notes that the table `key` exists; false when it cannot.
    pub(super) fn open(&mut self, key: &Key, origin: Origin) -> bool {
        if !self.check_path(key, &origin) {
            return false;
        }
        match schema::place(key) {
            Place::Leaf(leaf) => {
                let allowed = schema::allowed(leaf);
                let cause = Cause::BadValue { found: "a table".to_owned(), reason: None, allowed };
                self.problem(key, origin, cause);
                false
            }
            Place::Table(_) | Place::Unknown(_) => {
                if is_entry(key) {
                    self.entries.entry(key.clone()).or_insert(origin);
                }
                true
            }
        }
    }

    pub(super) fn problem(&mut self, key: &Key, origin: Origin, cause: Cause) {
        self.problems.push(Problem { key: key.clone(), origin, cause });
    }

    /// Whether every part of `key` exists; notes the first that does not.
    fn check_path(&mut self, key: &Key, origin: &Origin) -> bool {
        let mut at = Key::default();
        for part in key.parts() {
            let next = at.child(part);
            if let Place::Unknown(table) = schema::place(&next) {
                let cause = unknown(&next, table);
                self.problem(&next, origin.clone(), cause);
                return false;
            }
            if is_entry(&next) {
                if let Err(reason) = part.parse::<ProjectName>() {
                    let cause = Cause::BadName { reason: reason.to_string() };
                    self.problem(&next, origin.clone(), cause);
                    return false;
                }
                if next != *key {
                    self.entries.entry(next.clone()).or_insert_with(|| origin.clone());
                }
            }
            at = next;
        }
        true
    }

    /// All values as one JSON object.
    pub(super) fn tree(&self) -> Value {
        let mut root = Value::Object(Map::new());
        for key in self.entries.keys() {
            descend(&mut root, key);
        }
        for (key, (value, _)) in &self.values {
            *descend(&mut root, key) = value.clone();
        }
        root
    }
}

/// The place of `key` in a tree of objects, made when missing.
pub(super) fn descend<'a>(root: &'a mut Value, key: &Key) -> &'a mut Value {
    let mut at = root;
    for part in key.parts() {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[part.as_str()];
    }
    if at.is_null() {
        *at = Value::Object(Map::new());
    }
    at
}

/// Whether `key` names one entry of a table whose names the owner chooses.
pub(super) fn is_entry(key: &Key) -> bool {
    matches!(schema::place(&key.parent()), Place::Table(table) if schema::entry(table).is_some())
        && !key.parts().is_empty()
}

/// The cause for a key that `table` does not have.
fn unknown(key: &Key, table: &'static Value) -> Cause {
    const SECRETS: [&str; 8] = [
        "authtoken",
        "auth_token",
        "api_key",
        "client_secret",
        "password",
        "secret",
        "token",
        "basic_auth",
    ];
    if SECRETS.contains(&key.last()) {
        return Cause::Secret;
    }
    let nearest = nearest_key(key, table);
    let allowed = schema::keys_of(table).into_iter().map(str::to_owned).collect();
    Cause::UnknownKey { nearest, allowed }
}

/// The key that was probably meant: one of the same table, else one of the same name elsewhere.
fn nearest_key(key: &Key, table: &'static Value) -> Option<Key> {
    let meant = key.last();
    let near = |name: &str| {
        let distance = damerau_levenshtein(name, meant);
        (distance <= 1 + meant.chars().count() / 4).then_some(distance)
    };
    let sibling = schema::keys_of(table)
        .into_iter()
        .filter_map(|name| Some((near(name)?, name)))
        .min()
        .map(|(_, name)| key.parent().child(name));
    sibling.or_else(|| {
        let leaves = schema::leaves().into_iter().map(|(leaf, _)| leaf);
        leaves
            .into_iter()
            .find(|leaf| leaf.last() == meant && !leaf.parts().iter().any(|p| p == "*"))
    })
}
