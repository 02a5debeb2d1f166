//! From sources to a checked [`Config`].
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::env;
use super::error::{Cause, ConfigError, Problem, in_short};
use super::file;
use super::key::{Key, Origin};
use super::layers::{Layers, descend};
use super::overrides::Overrides;
use super::paths::{self, Bases};
use super::schema::{self, Place};
use super::section::Config;
use super::validate::{self, Contradiction};

/// A checked config and where each of its values came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The file they were read from, when there was one.
    pub file: Option<PathBuf>,
    origins: BTreeMap<Key, Origin>,
}

impl Loaded {
    /// Where the value of `key` came from.
    #[must_use]
    pub fn origin(&self, key: &Key) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }
}

impl Config {
    /// Loads a config: defaults, then the file, then `GATEWAY_SECTION__KEY` of `env`, then `flags`;
    /// later ones win key by key.
    ///
    /// `path` names the file in errors and is where its relative paths start, so it should be
    /// absolute; `file_text` is none when there is no file. `env` is the environment: `HOME` (on
    /// Windows `USERPROFILE`) of it is what `~` means. Lists in variables are written as
    /// TOML or JSON, or as words between commas. Pure: whether paths exist is for others to check.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Syntax`] when the file is not TOML, else [`ConfigError::Invalid`] with every
    /// unknown key, wrong value and contradiction that was found.
    pub fn load(
        path: Option<&Path>,
        file_text: Option<&str>,
        env: &BTreeMap<String, String>,
        flags: &Overrides,
    ) -> Result<Loaded, ConfigError> {
        let mut layers = Layers::default();
        seed_claude(&mut layers);
        if let Some(text) = file_text {
            file::read(path.unwrap_or(Path::new("config.toml")), text, &mut layers)?;
        }
        env::read(env, &mut layers);
        flags.apply(&mut layers);
        let home = env.get("HOME").or_else(|| env.get("USERPROFILE")).map(String::as_str);
        paths::resolve(Bases { home, cwd: flags.cwd() }, &mut layers);
        check_values(&mut layers);
        check_required(&mut layers);
        let config = whole(&mut layers);
        match config {
            Some(config) if layers.problems.is_empty() => {
                let origins = layers.values.into_iter().map(|(key, (_, origin))| (key, origin));
                let file = file_text.and(path).map(Path::to_owned);
                Ok(Loaded { config, file, origins: origins.collect() })
            }
            _ => Err(ConfigError::Invalid(in_reading_order(layers.problems))),
        }
    }
}

/// The file from top to bottom, then the environment, then the flags.
fn in_reading_order(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| match &problem.origin {
        Origin::Default => (0, 0),
        Origin::File { line, .. } => (1, *line),
        Origin::Env { .. } => (2, 0),
        Origin::Flag { .. } => (3, 0),
    });
    problems
}

/// The executor `claude` is always there and is of the kind `claude` unless the file says otherwise.
fn seed_claude(layers: &mut Layers) {
    let kind = Key::dotted("executors.claude.kind");
    layers.set(&kind, Value::String("claude".to_owned()), Origin::Default);
}

/// Makes each value alone, so that every wrong one is found and not only the first.
fn check_values(layers: &mut Layers) {
    let mut wrong = Vec::new();
    for (key, (value, origin)) in &layers.values {
        let Place::Leaf(leaf) = schema::place(key) else {
            continue;
        };
        let mut alone = Value::Object(serde_json::Map::new());
        // The rest of an entry's required keys, as their examples.
        let mut table = key.parent();
        while !table.parts().is_empty() {
            for (sibling, example) in required_of(&table) {
                *descend(&mut alone, &table.child(sibling)) = example;
            }
            table = table.parent();
        }
        *descend(&mut alone, key) = value.clone();
        if let Err(err) = Config::deserialize(alone) {
            let (found, reason, allowed) =
                (in_short(value), Some(err.to_string()), schema::allowed(leaf));
            wrong.push((key.clone(), origin.clone(), Cause::BadValue { found, reason, allowed }));
        }
    }
    for (key, origin, cause) in wrong {
        layers.values.remove(&key);
        layers.problem(&key, origin, cause);
    }
}

/// The keys that the table at `key` must have, each with an example.
fn required_of(key: &Key) -> Vec<(&'static str, Value)> {
    let Place::Table(table) = schema::place(key) else {
        return Vec::new();
    };
    let names = table.get("required").and_then(Value::as_array).into_iter().flatten();
    names
        .filter_map(Value::as_str)
        .map(|name| {
            let example = table["properties"][name]["examples"][0].clone();
            (name, example)
        })
        .collect()
}

fn check_required(layers: &mut Layers) {
    let mut missing = Vec::new();
    for (entry, origin) in &layers.entries {
        let schema_says = required_of(entry).into_iter().map(|(name, _)| name);
        // The kind of an executor is its name unless it says otherwise, and only `claude` is the
        // name of a kind; a schema cannot say that.
        let kind = (entry.parent() == Key::dotted("executors")).then_some("kind");
        for name in schema_says.chain(kind) {
            let key = entry.child(name);
            let known_wrong = layers.problems.iter().any(|problem| problem.key == key);
            if !layers.values.contains_key(&key) && !known_wrong {
                let Place::Leaf(leaf) = schema::place(&key) else {
                    continue;
                };
                let cause = Cause::Missing { allowed: schema::allowed(leaf) };
                missing.push(Problem { key, origin: origin.clone(), cause });
            }
        }
    }
    layers.problems.extend(missing);
}

/// The whole config, with what contradicts itself noted; none when single values were wrong.
fn whole(layers: &mut Layers) -> Option<Config> {
    if !layers.problems.is_empty() {
        return None;
    }
    let config = match Config::deserialize(layers.tree()) {
        Ok(config) => config,
        Err(err) => {
            let cause = Cause::Conflict {
                reason: err.to_string(),
                hint: "compare the file with `gateway config schema`".to_owned(),
            };
            layers.problem(&Key::default(), Origin::Default, cause);
            return None;
        }
    };
    for Contradiction { keys, cause } in validate::contradictions(&config) {
        // The line to show is that of a key somebody set; a default is never to blame.
        let set = keys.iter().find_map(|key| {
            let (_, origin) = layers.values.get(key)?;
            (*origin != Origin::Default).then(|| (key.clone(), origin.clone()))
        });
        let (key, origin) = set.unwrap_or_else(|| (keys[0].clone(), Origin::Default));
        layers.problem(&key, origin, cause);
    }
    Some(config)
}
