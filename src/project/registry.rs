//! [`Registry`]: the closed list of folders that a task may work in.
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::branch::BranchPrefix;
use super::name::ProjectName;
use crate::model::ProjectBudget;
use crate::policy::ChatMay;

/// Where a task works.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// In a clone of its own.
    #[default]
    Clone,
    /// In the owner's folder itself, by the owner's choice.
    None,
}

/// A folder that the owner lets tasks work in.
#[derive(Clone, Debug)]
pub struct Project {
    /// What the chat calls it.
    pub name: ProjectName,
    /// The folder; absolute and without symbolic links once it is in a [`Registry`].
    pub path: PathBuf,
    /// What it is, in a few words for the chat.
    pub description: String,
    /// Whether tasks that name no project work here.
    pub default: bool,
    /// The executor of tasks that name none.
    pub executor: String,
    /// Where its tasks work.
    pub isolation: Isolation,
    /// What the names of its tasks' branches begin with.
    pub branch_prefix: BranchPrefix,
    /// Tools that the agent may use without asking, as Claude Code writes them.
    pub allowed_tools: Vec<String>,
    /// How many of its tasks run at once.
    pub max_concurrent: u32,
    /// Whether the agent reads the settings, hooks and servers that the project itself brings.
    pub trust_project_config: bool,
    /// What its tasks may use up.
    pub budget: ProjectBudget,
    /// What a chat may approve in its tasks.
    pub chat_may_approve: ChatMay,
}

impl Project {
    /// The folder `path` with everything else at its default.
    #[must_use]
    pub fn new(name: ProjectName, path: PathBuf) -> Self {
        Self {
            name,
            path,
            description: String::new(),
            default: false,
            executor: "claude".to_owned(),
            isolation: Isolation::Clone,
            branch_prefix: BranchPrefix::default(),
            allowed_tools: Vec::new(),
            max_concurrent: 1,
            trust_project_config: false,
            budget: ProjectBudget::default(),
            chat_may_approve: ChatMay::default(),
        }
    }
}

/// Why a list of projects, or a name looked up in one, is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The path is not absolute.
    #[error("project {name}: the path {} is not absolute", path.display())]
    Relative {
        /// The project.
        name: ProjectName,
        /// Its path.
        path: PathBuf,
    },
    /// The path cannot be reached.
    #[error("project {name}: {} cannot be opened: {source}", path.display())]
    Unreachable {
        /// The project.
        name: ProjectName,
        /// Its path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The path is no folder.
    #[error("project {name}: {} is not a folder", path.display())]
    NotAFolder {
        /// The project.
        name: ProjectName,
        /// Its path.
        path: PathBuf,
    },
    /// The folder holds the gateway's state, or lies in it.
    #[error("project {name}: {} overlaps the gateway's own state folder", path.display())]
    OverlapsState {
        /// The project.
        name: ProjectName,
        /// Its path.
        path: PathBuf,
    },
    /// Two projects have one name.
    #[error("two projects are called {0}")]
    Duplicate(ProjectName),
    /// Two projects are the default.
    #[error("{0} and {1} are both the default project")]
    TwoDefaults(ProjectName, ProjectName),
    /// No project has the name.
    #[error("no project is called {asked:?}{}", nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean {near}?")))]
    Unknown {
        /// The name that was asked for, shortened.
        asked: String,
        /// The nearest name there is.
        nearest: Option<ProjectName>,
    },
    /// No project was named, and none is the default.
    #[error("no project was named, and none of {known} is the default")]
    NoDefault {
        /// How many projects there are.
        known: usize,
    },
}

impl RegistryError {
    /// What can be done about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Relative { .. } => "write the whole path, or one that begins with `~/`",
            Self::Unreachable { .. } | Self::NotAFolder { .. } => {
                "correct `path`, or take the project out with `gateway projects remove`"
            }
            Self::OverlapsState { .. } => "choose a folder apart from the gateway's state folder",
            Self::Duplicate(_) => "rename one of them",
            Self::TwoDefaults(..) => "leave `default = true` at one of them",
            Self::Unknown { .. } => "`list_projects` or `gateway projects list` shows the names",
            Self::NoDefault { .. } => "name a project, or give one `default = true`",
        }
    }
}

/// The closed list of projects; never changes once made (a reload makes a new one).
#[derive(Clone, Debug, Default)]
pub struct Registry {
    projects: BTreeMap<ProjectName, Project>,
    default: Option<ProjectName>,
}

impl Registry {
    /// Checks the projects and keeps those that are sound; the rest come back as errors.
    ///
    /// Paths become canonical. A project with a fault costs only itself, so that one vanished
    /// folder does not stop the others. The only project is the default when none says so.
    #[must_use]
    pub fn new(
        projects: impl IntoIterator<Item = Project>,
        state_dir: &Path,
    ) -> (Self, Vec<RegistryError>) {
        let state = state_dir.canonicalize().unwrap_or_else(|_| state_dir.to_owned());
        let mut registry = Self::default();
        let mut faults = Vec::new();
        for project in projects {
            if let Err(fault) = registry.add(project, &state) {
                faults.push(fault);
            }
        }
        if registry.default.is_none() && registry.projects.len() == 1 {
            registry.default = registry.projects.keys().next().cloned();
        }
        (registry, faults)
    }

    fn add(&mut self, mut project: Project, state: &Path) -> Result<(), RegistryError> {
        project.path = checked_path(&project, state)?;
        if self.projects.contains_key(&project.name) {
            return Err(RegistryError::Duplicate(project.name));
        }
        if project.default {
            if let Some(other) = &self.default {
                return Err(RegistryError::TwoDefaults(other.clone(), project.name));
            }
            self.default = Some(project.name.clone());
        }
        self.projects.insert(project.name.clone(), project);
        Ok(())
    }

    /// The projects in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Project> {
        self.projects.values()
    }

    /// The default project, when there is one.
    #[must_use]
    pub fn default_project(&self) -> Option<&Project> {
        self.projects.get(self.default.as_ref()?)
    }

    /// The project of that name, or the default one when none was named.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Unknown`] with the nearest name, or [`RegistryError::NoDefault`].
    pub fn find(&self, name: Option<&str>) -> Result<&Project, RegistryError> {
        let Some(name) = name else {
            let known = self.projects.len();
            return self.default_project().ok_or(RegistryError::NoDefault { known });
        };
        let exact = name.parse::<ProjectName>().ok().and_then(|name| self.projects.get(&name));
        exact.ok_or_else(|| RegistryError::Unknown {
            asked: name.chars().filter(|c| !c.is_control()).take(64).collect(),
            nearest: nearest(name, self.projects.keys().map(ProjectName::as_str))
                .and_then(|near| near.parse().ok()),
        })
    }
}

/// The nearest of `known` to `name`, when one is near enough to be meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let asked: String = name.chars().take(64).collect::<String>().to_lowercase();
    let near = |known: &str| strsim::jaro_winkler(&asked, &known.to_lowercase());
    known
        .map(|known| (near(known), known))
        .filter(|(score, _)| *score > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

fn checked_path(project: &Project, state: &Path) -> Result<PathBuf, RegistryError> {
    let (name, path) = (project.name.clone(), project.path.clone());
    if !path.is_absolute() {
        return Err(RegistryError::Relative { name, path });
    }
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(source) => return Err(RegistryError::Unreachable { name, path, source }),
    };
    if !real.is_dir() {
        return Err(RegistryError::NotAFolder { name, path });
    }
    // Either way round: a task of a folder around the state would be handed its secrets.
    if real.starts_with(state) || state.starts_with(&real) {
        return Err(RegistryError::OverlapsState { name, path });
    }
    Ok(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(name: &str, path: &Path) -> Project {
        Project::new(name.parse().unwrap(), path.to_owned())
    }

    #[test]
    fn a_folder_around_the_state_or_inside_it_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let (inside, beside) = (state.join("work"), dir.path().join("project"));
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::create_dir_all(&beside).unwrap();
        for (path, faults) in [(dir.path(), 1), (&*state, 1), (&*inside, 1), (&*beside, 0)] {
            let (_, found) = Registry::new([project("it", path)], &state);
            assert_eq!(found.len(), faults, "{}: {found:?}", path.display());
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_one() {
        let dir = tempfile::tempdir().unwrap();
        let list = ["my-api", "website"].map(|name| project(name, dir.path()));
        let (registry, faults) = Registry::new(list, Path::new("/nonexistent"));
        assert!(faults.is_empty());
        assert_eq!(registry.find(Some("website")).unwrap().name.as_str(), "website");
        let text = registry.find(Some("My-Ap")).unwrap_err().to_string();
        assert_eq!(text, "no project is called \"My-Ap\"; did you mean my-api?");
        let text = registry.find(Some("../../etc\u{1b}[31m")).unwrap_err().to_string();
        assert_eq!(text, "no project is called \"../../etc[31m\"");
        assert!(matches!(registry.find(None), Err(RegistryError::NoDefault { known: 2 })));
    }

    #[test]
    fn one_bad_project_costs_only_itself() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        std::fs::create_dir_all(state.join("work")).unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        std::fs::create_dir(dir.path().join("good")).unwrap();
        let (registry, faults) = Registry::new(
            [
                project("gone", &dir.path().join("gone")),
                project("file", &dir.path().join("file")),
                project("state", &state.join("work")),
                project("relative", Path::new("good")),
                project("good", &dir.path().join("good")),
                project("good", &dir.path().join("good")),
            ],
            &state,
        );
        assert_eq!(registry.find(None).unwrap().name.as_str(), "good");
        let names: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 5, "{names:?}");
        assert!(matches!(faults[0], RegistryError::Unreachable { .. }));
        assert!(matches!(faults[1], RegistryError::NotAFolder { .. }));
        assert!(matches!(faults[2], RegistryError::OverlapsState { .. }));
        assert!(matches!(faults[3], RegistryError::Relative { .. }));
        assert!(matches!(faults[4], RegistryError::Duplicate(_)));
    }

    #[test]
    fn two_defaults_are_refused_and_one_is_found_without_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut list = ["a", "b", "c"].map(|name| project(name, dir.path()));
        list[1].default = true;
        list[2].default = true;
        let (registry, faults) = Registry::new(list, Path::new("/nonexistent"));
        assert_eq!(registry.find(None).unwrap().name.as_str(), "b");
        assert!(matches!(faults[0], RegistryError::TwoDefaults(..)));
    }
}
