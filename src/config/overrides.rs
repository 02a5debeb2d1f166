//! What the flags of a command set.
use std::path::{Path, PathBuf};

use super::env::set_text;
use super::key::{Key, Origin};
use super::layers::Layers;
use super::value::ProjectName;

/// Settings from the command line; they win over everything else.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    cwd: Option<PathBuf>,
    values: Vec<(String, String, String)>,
    projects: Vec<PathBuf>,
}

impl Overrides {
    /// No flags; `cwd` is the folder that relative paths of flags and environment start from.
    #[must_use]
    pub fn new(cwd: impl Into<PathBuf>) -> Self {
        Self { cwd: Some(cwd.into()), ..Self::default() }
    }

    /// Sets `key` (dotted) to `text`, as `flag` (with its dashes) asked.
    #[must_use]
    pub fn set(mut self, flag: &str, key: &str, text: impl Into<String>) -> Self {
        self.values.push((flag.to_owned(), key.to_owned(), text.into()));
        self
    }

    /// Adds the folder of a `--project` flag, named after itself.
    #[must_use]
    pub fn project(mut self, path: impl Into<PathBuf>) -> Self {
        self.projects.push(path.into());
        self
    }

    pub(super) fn cwd(&self) -> Option<&Path> {
        self.cwd.as_deref()
    }

    pub(super) fn apply(&self, layers: &mut Layers) {
        for (flag, key, text) in &self.values {
            set_text(&Key::dotted(key), text, Origin::Flag { name: flag.clone() }, layers);
        }
        for path in &self.projects {
            let key = free_name(path, layers);
            let origin = Origin::Flag { name: "--project".to_owned() };
            set_text(&key.child("path"), &path.to_string_lossy(), origin, layers);
        }
    }
}

/// The key of a project that does not exist yet, named after its folder.
fn free_name(path: &Path, layers: &Layers) -> Key {
    let name = ProjectName::for_folder(path);
    let projects = Key::dotted("projects");
    let first = projects.child(name.as_str());
    let is_same = |key: &Key| {
        let set = layers.values.get(&key.child("path")).and_then(|(value, _)| value.as_str());
        set.is_some_and(|set| Path::new(set) == path)
    };
    let numbered = (2..).map(|n| {
        let suffix = format!("-{n}");
        let stem = &name.as_str()[..name.as_str().len().min(64 - suffix.len())];
        projects.child(&format!("{stem}{suffix}"))
    });
    std::iter::once(first)
        .chain(numbered)
        .find(|key| !layers.entries.contains_key(key) || is_same(key))
        .unwrap_or(projects)
}
