//! [`World`]: all that a check may look at.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gateway_os::folders::Folders;
use gateway_os::launch::Executable;
use gateway_os::lock::Holding;
use gateway_tunnels::cloudflared;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::Skipped;
use super::machine::{Machine, ThisMachine};
use crate::cli::context::{Context, read_config};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ConfigError, Loaded};
use crate::executor::claude::Claude;
use crate::gateway::admin::{AdminClient, AdminClientError, Call};
use crate::gateway::{executors, vault};
use crate::secret::Secrets;

/// An executor of the kind `claude`, or why it cannot be one.
pub(super) type NamedClaude = (String, Result<Claude, String>);

/// All that a check may look at. A test builds broken ones.
#[derive(Debug)]
pub(in crate::cli) struct World {
    /// The environment.
    pub(super) env: BTreeMap<String, String>,
    /// Where things are.
    pub(super) folders: Folders,
    /// The configuration, or why there is none.
    pub(super) config: Result<Loaded, ConfigFault>,
    /// Where secrets are, or a sentence and a hint why nobody can tell; none without configuration.
    pub(super) secrets: Option<Result<Secrets, (String, String)>>,
    /// The time.
    pub(super) clock: Arc<dyn Clock>,
    /// The machine.
    pub(super) machine: Arc<dyn Machine>,
    running: OnceCell<Running>,
}

/// Why there is no configuration.
#[derive(Debug)]
pub(super) enum ConfigFault {
    /// The file that was named is missing.
    Missing(PathBuf),
    /// The file cannot be read, or what it says is wrong.
    Wrong(ConfigError),
}

/// Whether a gateway runs.
#[derive(Debug)]
pub(super) enum Running {
    /// None does.
    No,
    /// One does, and this is its status.
    Yes(Value),
    /// Something answers, and not as a gateway of this version does.
    Broken(String),
}

impl World {
    /// The world of a command.
    pub(in crate::cli) fn new(context: &Context) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let config = load(context);
        Self::of(context.env.clone(), context.folders.clone(), config, clock, Arc::new(ThisMachine))
    }

    /// The world that these make.
    pub(super) fn of(
        env: BTreeMap<String, String>,
        folders: Folders,
        config: Result<Loaded, ConfigFault>,
        clock: Arc<dyn Clock>,
        machine: Arc<dyn Machine>,
    ) -> Self {
        let secrets = config.as_ref().ok().map(|loaded| {
            vault::secrets(&loaded.config, &folders, &env)
                .map_err(|error| (error.to_string(), error.hint()))
        });
        Self { env, folders, config, secrets, clock, machine, running: OnceCell::new() }
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The configuration.
    pub(super) fn config(&self) -> Result<&Config, Skipped> {
        let why = "the configuration is not valid: see `config`";
        self.config.as_ref().map(|loaded| &loaded.config).map_err(|_| Skipped::because(why))
    }

    /// Where secrets are.
    pub(super) fn secrets(&self) -> Result<&Secrets, Skipped> {
        self.config()?;
        let why = "nobody can tell where secrets are: see `secrets`";
        self.secrets
            .as_ref()
            .and_then(|made| made.as_ref().ok())
            .ok_or_else(|| Skipped::because(why))
    }

    /// Whether a gateway runs; asked once for all checks.
    pub(super) async fn running(&self) -> &Running {
        self.running
            .get_or_init(async || {
                let client = AdminClient::new(&self.folders.runtime);
                match client.call(&Call::Status).await {
                    Ok(status) => Running::Yes(status),
                    Err(AdminClientError::NotRunning) => Running::No,
                    Err(error) => Running::Broken(error.to_string()),
                }
            })
            .await
    }

    /// The status of the running gateway.
    pub(super) async fn status(&self) -> Option<&Value> {
        match self.running().await {
            Running::Yes(status) => Some(status),
            Running::No | Running::Broken(_) => None,
        }
    }

    /// Where the database is.
    pub(super) fn database(&self) -> PathBuf {
        self.folders.state.join("gateway.db")
    }

    /// Who holds the state folder; none when nobody ever did.
    pub(super) fn holder(&self) -> std::io::Result<Option<Holding>> {
        match gateway_os::lock::look(&self.folders.state.join("gateway.lock")) {
            Ok(holding) => Ok(Some(holding)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The executors of the kind `claude` by their names.
    pub(super) fn claudes(&self) -> Result<Vec<NamedClaude>, Skipped> {
        let config = self.config()?;
        let own = Executable::current().map_err(|error| {
            Skipped::because(format!("this program cannot find itself: {error}"))
        })?;
        let made = config.executors.iter().map(|(name, section)| {
            let claude = executors::claude(name, section, &self.env, &own, &self.clock);
            (name.to_string(), claude)
        });
        Ok(made.collect())
    }

    /// The environment as programs get it.
    pub(super) fn os_env(&self) -> BTreeMap<std::ffi::OsString, std::ffi::OsString> {
        self.env.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    /// Where `cloudflared` is.
    pub(super) fn cloudflared(&self) -> Result<PathBuf, cloudflared::CloudflaredError> {
        let configured = self.config.as_ref().ok();
        let configured =
            configured.and_then(|loaded| loaded.config.tunnel.cloudflared.path.as_deref());
        cloudflared::find(configured, &self.os_env())
    }

    /// The nearest folder above `path`, or itself, that is there.
    pub(super) fn existing(&self, path: &Path) -> Option<PathBuf> {
        path.ancestors().find(|folder| self.machine.path(folder).is_ok()).map(Path::to_path_buf)
    }
}

fn load(context: &Context) -> Result<Loaded, ConfigFault> {
    let path = &context.folders.config_file;
    let text = read_config(path).map_err(ConfigFault::Wrong)?;
    if text.is_none() && context.global.config.is_some() {
        return Err(ConfigFault::Missing(path.clone()));
    }
    Config::load(Some(path), text.as_deref(), &context.env, &context.no_overrides())
        .map_err(ConfigFault::Wrong)
}
