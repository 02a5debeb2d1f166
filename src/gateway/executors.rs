//! The executors that the configuration names: the one table of them.
use std::collections::BTreeMap;
use std::sync::Arc;

use gateway_os::launch::Executable;

use crate::clock::Clock;
use crate::config::{ClaudeExecutor, Config, ExecutorKind, ProjectName};
use crate::executor::Registry;
use crate::executor::claude::{Claude, ClaudeSettings, EnvPass, Patience};

/// Builds the executors of `config`.
///
/// # Errors
///
/// A sentence, when one of them cannot be.
pub(super) fn registry(
    config: &Config,
    env: &BTreeMap<String, String>,
    gateway: &Executable,
    clock: &Arc<dyn Clock>,
) -> Result<Registry, String> {
    let mut registry = Registry::default();
    for (name, section) in &config.executors {
        let executor = match section.kind {
            ExecutorKind::Claude => claude(name, section, env, gateway, clock)?,
        };
        registry.insert(name.to_string(), Arc::new(executor));
    }
    Ok(registry)
}

/// The executor of kind `claude` that `section` describes.
///
/// # Errors
///
/// A sentence, when it cannot be.
pub(crate) fn claude(
    name: &ProjectName,
    section: &ClaudeExecutor,
    env: &BTreeMap<String, String>,
    gateway: &Executable,
    clock: &Arc<dyn Clock>,
) -> Result<Claude, String> {
    let env_pass = EnvPass::new(section.env_pass.iter().cloned())
        .map_err(|error| format!("executors.{name}.env_pass: {error}"))?;
    Ok(Claude::new(ClaudeSettings {
        command: section.command.to_string_lossy().into_owned(),
        owner_settings: section.owner_settings,
        env_pass,
        model: section.model().map(str::to_owned),
        environment: env.clone(),
        gateway: Arc::new(gateway.clone()),
        clock: clock.clone(),
        patience: Patience::default(),
    }))
}
