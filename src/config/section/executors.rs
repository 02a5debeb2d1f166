//! `[executors.NAME]`: the agents that can do tasks.
use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{ProjectName, choice};

choice! {
    /// What an executor is.
    ExecutorKind {
        /// Claude Code.
        Claude = "claude",
    }
    later ["hermes", "acp", "command"]
}

/// An agent of the kind `claude`: Claude Code, run as a program.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClaudeExecutor {
    /// What it is: `claude`. Only the executor that is named `claude` need not say.
    #[serde(default = "claude_kind")]
    pub kind: ExecutorKind,
    /// The program, by name or path.
    #[serde(default = "claude_program")]
    #[schemars(extend("x-kind" = "program"))]
    pub command: PathBuf,
    /// Lets the agent read your own Claude Code settings, whose allow rules then answer permission
    /// requests before you are asked.
    #[serde(default)]
    pub owner_settings: bool,
    /// Names of environment variables that are passed on to the agent.
    #[serde(default)]
    pub env_pass: Vec<String>,
    /// The model for tasks that name none; empty is the agent's own choice.
    #[serde(default)]
    pub model: String,
}

impl Default for ClaudeExecutor {
    fn default() -> Self {
        Self {
            kind: claude_kind(),
            command: claude_program(),
            owner_settings: false,
            env_pass: Vec::new(),
            model: String::new(),
        }
    }
}

impl ClaudeExecutor {
    /// The model for tasks that name none, when one is set.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        (!self.model.is_empty()).then_some(self.model.as_str())
    }
}

const fn claude_kind() -> ExecutorKind {
    ExecutorKind::Claude
}

fn claude_program() -> PathBuf {
    PathBuf::from("claude")
}

/// The executors of an empty config.
pub(super) fn default_executors() -> BTreeMap<ProjectName, ClaudeExecutor> {
    "claude".parse().map(|name| (name, ClaudeExecutor::default())).into_iter().collect()
}
