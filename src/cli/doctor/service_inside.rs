//! `service-inside`: what the gateway sees where it runs. A service has another environment than the
//! shell that this was typed into: a shorter `PATH`, perhaps no keyring.
//!
//! From within the service the own environment counts; from elsewhere that of the running gateway,
//! which the system remembers. The programs and the keyring are then looked for with it.
use std::collections::BTreeMap;
use std::ffi::OsStr;

use futures::future::BoxFuture;
use gateway_os::lock::Holding;

use super::{Check, Finding, Skipped, Verdict, World};
use crate::executor::{Availability, Executor};
use crate::gateway::{executors, vault};
use crate::project::{Git, OwnerFolders};

/// What is asked of another process's environment.
const VARIABLES: [&str; 9] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "CLAUDE_CONFIG_DIR",
    // systemd gives one to every process of a unit.
    "INVOCATION_ID",
];
/// The unit's name as it stands in the control group of its processes.
const UNIT: &str = "gateway.service";

pub(super) struct ServiceInside;

impl Check for ServiceInside {
    fn id(&self) -> &'static str {
        "service-inside"
    }

    fn title(&self) -> &'static str {
        "the service from within"
    }

    fn limit(&self) -> std::time::Duration {
        // A keyring has 10 s to answer.
        std::time::Duration::from_secs(25)
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let (pid, env) = inside(world)?;
    let config = world.config()?;
    let mut findings = vec![git(&env), secrets(world, &env).await];
    let own = gateway_os::launch::Executable::current()
        .map_err(|error| Skipped::because(format!("this program cannot find itself: {error}")))?;
    for (name, section) in &config.executors {
        if let Ok(claude) = executors::claude(name, section, &env, &own, &world.clock) {
            findings.push(agent(name.as_str(), claude.probe().await, &env));
        }
    }
    let well = format!("the service (pid {pid}) has git, its agents and its secrets");
    Ok(Finding::of_all(findings.into_iter().flatten(), well))
}

/// The gateway's process in the service and its environment.
fn inside(world: &World) -> Result<(u32, BTreeMap<String, String>), Skipped> {
    let own = std::process::id();
    if world.variable("INVOCATION_ID").is_some() && is_service(world, own) {
        return Ok((own, world.env.clone()));
    }
    let pid = match world.holder() {
        Ok(Some(Holding::Held(Some(holder)))) if holder.command == "gateway serve" => holder.pid,
        _ => return Err(Skipped::because("no gateway runs as a service")),
    };
    if !is_service(world, pid) {
        return Err(Skipped::because("the running gateway was started in a terminal"));
    }
    let mut env = BTreeMap::new();
    for name in VARIABLES {
        let value = world.machine.variable_of(pid, name).map_err(|error| {
            Skipped::because(format!("the environment of pid {pid} cannot be read: {error}"))
        })?;
        env.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok((pid, env))
}

fn is_service(world: &World, pid: u32) -> bool {
    let group = world.machine.control_group(pid).unwrap_or_default();
    group.lines().any(|line| line.split('/').any(|part| part == UNIT))
}

fn path(env: &BTreeMap<String, String>) -> &str {
    env.get("PATH").map_or("", String::as_str)
}

fn git(env: &BTreeMap<String, String>) -> Option<Finding> {
    let error = Git::find(OsStr::new(path(env)), OwnerFolders::default()).err()?;
    Some(Finding::fail(
        "the service does not find git",
        format!("{error}: its PATH is {}", path(env)),
        "run `gateway service install` in a shell that finds it: the service takes over its PATH",
    ))
}

fn agent(name: &str, found: Availability, env: &BTreeMap<String, String>) -> Option<Finding> {
    let Availability::Unavailable { cause, .. } = found else { return None };
    Some(Finding::fail(
        format!("the service cannot start {name}"),
        format!("{cause}; its PATH is {}", path(env)),
        format!(
            "run `gateway service install` in a shell that finds it (the service takes over its PATH), \
             or set `executors.{name}.command` to the whole path"
        ),
    ))
}

async fn secrets(world: &World, env: &BTreeMap<String, String>) -> Option<Finding> {
    let config = world.config().ok()?;
    let secrets = vault::secrets(config, &world.folders, env).ok()?;
    let error = secrets.vault().status().await.err()?;
    Some(Finding::fail(
        "the service does not reach its secrets",
        error.to_string(),
        format!(
            "log in to the desktop so that the keyring is unlocked, then: systemctl --user restart \
             gateway; or {}",
            error.hint()
        ),
    ))
}
