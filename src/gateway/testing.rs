//! The engine's part of a gateway in memory, for tests and fuzz targets.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use gateway_os::folders::Folders;
use tokio::sync::watch;

use super::address::PublicAddress;
use super::settings;
use super::tools::{EngineTasks, Shown};
use super::workspaces::ProjectWorkspaces;
use crate::clock::{Clock, SeededEntropy};
use crate::config::{Config, Overrides};
use crate::executor::Registry;
use crate::store::Store;
use crate::task::{Engine, Surroundings};

/// The tools' view of a fresh engine over `store`, without projects and executors, by the default
/// configuration. What it would write goes below `folder`.
pub(super) fn tasks_in(folder: &Path, store: &Store, clock: &Arc<dyn Clock>) -> EngineTasks {
    let env = BTreeMap::from([("HOME".to_owned(), folder.display().to_string())]);
    let loaded = Config::load(None, None, &env, &Overrides::new(folder));
    let config = loaded.expect("the defaults are valid").config;
    let folders = Folders {
        config_file: folder.join("config.toml"),
        state: folder.join("state"),
        runtime: folder.join("run"),
    };
    let workspaces = ProjectWorkspaces::new(&config, &folders, &env, clock.clone());
    tools_over(store, workspaces, &config, &folders, clock)
}

/// The same over the projects and the store of `owner`.
#[cfg(test)]
pub(super) fn tools_of(
    owner: &super::Owner,
    config: &Config,
    folders: &Folders,
    clock: &Arc<dyn Clock>,
) -> EngineTasks {
    let workspaces = owner.shown.borrow().workspaces.clone();
    tools_over(&owner.store, workspaces, config, folders, clock)
}

fn tools_over(
    store: &Store,
    workspaces: ProjectWorkspaces,
    config: &Config,
    folders: &Folders,
    clock: &Arc<dyn Clock>,
) -> EngineTasks {
    let surroundings =
        Surroundings { executors: Registry::default(), workspaces: Arc::new(workspaces.clone()) };
    let settings = settings::of_engine(config, folders);
    let entropy = Arc::new(SeededEntropy::new(1));
    let engine = Engine::start(store.clone(), clock.clone(), entropy, settings, surroundings);
    let engine = engine.expect("an empty store can be read");
    let shown = watch::channel(Shown::of(config, workspaces)).1;
    let address = PublicAddress::new(watch::channel(None).1, None);
    EngineTasks::new(engine, store.clone(), shown, address)
}
