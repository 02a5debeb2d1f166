//! The sections of the config file, one file each; [`Config`] is all of them.
mod auth;
mod budget;
mod executors;
mod limits;
mod log;
mod projects;
mod secrets;
mod server;
mod tasks;
mod tunnel;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::auth::{AuthSection, ConsentMode, Registration};
pub use self::budget::{BudgetSection, ProjectBudgetSection};
pub use self::executors::{ClaudeExecutor, ExecutorKind};
pub use self::limits::LimitsSection;
pub use self::log::{LogLevel, LogSection};
pub use self::projects::{Isolation, ProjectSection, RequestClass};
pub use self::secrets::{SecretsBackend, SecretsSection};
pub use self::server::ServerSection;
pub use self::tasks::{OnShutdown, TasksSection};
pub use self::tunnel::{CloudflaredSection, NgrokSection, TunnelProvider, TunnelSection};
use super::value::ProjectName;

/// The settings of gateway.
///
/// Every key is optional. Each can be set by an environment variable as well: `tasks.max_concurrent`
/// by `GATEWAY_TASKS__MAX_CONCURRENT`, which wins over the file; flags win over both.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where gateway listens and under which names it answers.
    pub server: ServerSection,
    /// How the internet reaches gateway.
    pub tunnel: TunnelSection,
    /// Who may connect and for how long.
    pub auth: AuthSection,
    /// How many tasks run, how long, and how much they may write.
    pub tasks: TasksSection,
    /// What tasks may cost, over all projects. A task that reaches a limit is ended.
    pub budget: BudgetSection,
    /// How many requests a client may send.
    pub limits: LimitsSection,
    /// What is logged and where.
    pub log: LogSection,
    /// Where secrets are kept; they are never in this file.
    pub secrets: SecretsSection,
    /// The agents that can do tasks, by name. `claude` is always there.
    pub executors: BTreeMap<ProjectName, ClaudeExecutor>,
    /// The folders that tasks may work in, by name.
    pub projects: BTreeMap<ProjectName, ProjectSection>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: ServerSection::default(),
            tunnel: TunnelSection::default(),
            auth: AuthSection::default(),
            tasks: TasksSection::default(),
            budget: BudgetSection::default(),
            limits: LimitsSection::default(),
            log: LogSection::default(),
            secrets: SecretsSection::default(),
            executors: executors::default_executors(),
            projects: BTreeMap::new(),
        }
    }
}

impl Config {
    /// The project of a task that names none: the one marked `default`, else the only one.
    #[must_use]
    pub fn default_project(&self) -> Option<(&ProjectName, &ProjectSection)> {
        self.projects.iter().find(|(_, project)| project.default).or_else(|| {
            let mut all = self.projects.iter();
            all.next().filter(|_| all.next().is_none())
        })
    }
}
