//! `[projects.NAME]`: the folders that tasks may work in.
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::budget::ProjectBudgetSection;
use crate::config::value::{RefPrefix, choice};

choice! {
    /// Where a task works.
    Isolation {
        /// In a clone of its own; the folder itself is not written.
        Clone = "clone",
        /// In the folder itself.
        None = "none",
    }
}

choice! {
    /// How much a request of an agent can do.
    RequestClass {
        /// Looks at files of the task.
        Read = "read",
        /// Changes files of the task.
        Write = "write",
        /// Runs a program.
        Exec = "exec",
        /// Talks to other machines.
        Network = "network",
        /// Deletes, overwrites, or reaches outside of the task's folder.
        Destructive = "destructive",
    }
}

/// A folder that tasks may work in.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectSection {
    /// The folder; `~` is your home.
    #[schemars(extend("x-kind" = "path", "examples" = ["~/src/my-api"]))]
    pub path: PathBuf,
    /// What it is, in a few words for the chat.
    #[serde(default)]
    pub description: String,
    /// Makes it the project of tasks that name none; at most one.
    #[serde(default)]
    pub default: bool,
    /// The executor of tasks that name none.
    #[serde(default = "claude")]
    pub executor: String,
    /// Tools the agent may use without asking, as Claude Code writes them: `Bash(git status)`.
    #[serde(default)]
    pub allowed_tools: Vec<String>,
    /// How many tasks run in it at once.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub max_concurrent: u32,
    /// `clone` (each task works in a clone of its own) or `none` (in the folder itself).
    #[serde(default = "clone")]
    pub isolation: Isolation,
    /// What the names of the tasks' branches begin with.
    #[serde(default)]
    pub branch_prefix: RefPrefix,
    /// Lets the agent read the settings, hooks and servers that the project itself brings.
    #[serde(default)]
    pub trust_project_config: bool,
    /// What its tasks may use up.
    #[serde(default)]
    pub budget: ProjectBudgetSection,
    /// What the chat may approve: any of `read`, `write`, `exec`, `network`, `destructive`. The
    /// rest needs you.
    #[serde(default = "read_and_write")]
    pub chat_may_approve: Vec<RequestClass>,
}

impl ProjectSection {
    /// The folder with everything else at its default.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            description: String::new(),
            default: false,
            executor: claude(),
            allowed_tools: Vec::new(),
            max_concurrent: one(),
            isolation: clone(),
            branch_prefix: RefPrefix::default(),
            trust_project_config: false,
            budget: ProjectBudgetSection::default(),
            chat_may_approve: read_and_write(),
        }
    }
}

fn claude() -> String {
    "claude".to_owned()
}

fn read_and_write() -> Vec<RequestClass> {
    vec![RequestClass::Read, RequestClass::Write]
}

const fn one() -> u32 {
    1
}

const fn clone() -> Isolation {
    Isolation::Clone
}
