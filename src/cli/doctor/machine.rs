//! What the machine and the network tell: the part of the world that a test cannot break for real,
//! because it runs as root, has no second disk, or must not touch the network.
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use gateway_os::disk::Space;
use gateway_os::facts::PathFacts;
use gateway_os::limits::Limit;
use gateway_os::listener::Listener;
use gateway_os::{disk, facts, limits, listener, process, terminal};
use tokio::io::AsyncReadExt;

use crate::cli::service::{self, Commands, ServiceError, State, User};
use crate::telemetry::root_cause;
use std::collections::BTreeMap;

/// How long a page may take.
const FETCH_LIMIT: Duration = Duration::from_secs(6);
/// Most bytes of a page or an answer that are read.
const BYTES_MAX: usize = 64 * 1024;
/// The variables that lead to the user's service manager.
const SERVICE_VARIABLES: [&str; 6] =
    ["PATH", "HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/// A page of the web.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// The HTTP status.
    pub(super) status: u16,
    /// The beginning of the body.
    pub(super) body: String,
}

/// What is known of the service.
#[derive(Clone, Debug)]
pub(super) struct ServiceFacts {
    /// What `gateway service status` tells.
    pub(super) state: State,
    /// systemd's `KillMode`, drop-ins counted; none where there is no such thing.
    pub(super) kill_mode: Option<String>,
}

/// The methods do the real thing; a test overrides some.
pub(super) trait Machine: fmt::Debug + Send + Sync {
    /// What a path is to this user.
    fn path(&self, path: &Path) -> io::Result<PathFacts> {
        facts::of(path)
    }

    /// The user of this process.
    fn user_id(&self) -> io::Result<u32> {
        process::user_id()
    }

    /// The room where `path` is.
    fn space(&self, path: &Path) -> io::Result<Space> {
        disk::free(path)
    }

    /// The limit of open files.
    fn open_files(&self) -> io::Result<Limit> {
        limits::open_files()
    }

    /// The limit of watched files.
    fn watches(&self) -> io::Result<u64> {
        limits::watches()
    }

    /// The memory that is to be had.
    fn memory(&self) -> io::Result<u64> {
        limits::memory_available()
    }

    /// Who listens on a port.
    fn listener(&self, port: u16) -> io::Result<Option<Listener>> {
        listener::on_port(port)
    }

    /// The value that a variable had when a process was started.
    fn variable_of(&self, pid: u32, name: &str) -> io::Result<Option<String>> {
        let values = process::environ_values(pid, name)?;
        Ok(values.into_iter().next().and_then(|value| String::from_utf8(value).ok()))
    }

    /// The control group of a process, in which a service manager's unit shows.
    fn control_group(&self, pid: u32) -> io::Result<String> {
        std::fs::read_to_string(format!("/proc/{pid}/cgroup"))
    }

    /// The width of the terminal on stdout, when there is one.
    fn columns(&self) -> Option<usize> {
        if !terminal::stdout_is_terminal() {
            return None;
        }
        terminal::size().map(|size| usize::from(size.columns))
    }

    /// The page at `url`; at most 6 s, no redirects.
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Page, String>> {
        fetch(url).boxed()
    }

    /// Whether a name has an address.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let mut found =
                tokio::net::lookup_host((host, 443)).await.map_err(|error| error.to_string())?;
            found.next().map(drop).ok_or_else(|| "the name has no address".to_owned())
        }
        .boxed()
    }

    /// The service of the user that `env` belongs to.
    fn service<'a>(
        &'a self,
        env: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<ServiceFacts, ServiceError>> {
        ask_service_manager(env).boxed()
    }
}

/// The machine that this runs on.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThisMachine;

impl Machine for ThisMachine {}

async fn fetch(url: &str) -> Result<Page, String> {
    crate::gateway::install_crypto();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(FETCH_LIMIT)
        .user_agent(concat!("gateway-doctor/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| root_cause(&error))?;
    let mut response = client.get(url).send().await.map_err(|error| root_cause(&error))?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| root_cause(&error))? {
        let room = BYTES_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == BYTES_MAX {
            break;
        }
    }
    Ok(Page { status, body: String::from_utf8_lossy(&body).into_owned() })
}

async fn ask_service_manager(env: &BTreeMap<String, String>) -> Result<ServiceFacts, ServiceError> {
    let folder = |name: &str| env.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let user = User {
        home: folder("HOME").or_else(|| folder("USERPROFILE")).unwrap_or_default(),
        config_home: folder("XDG_CONFIG_HOME"),
        uid: process::user_id().unwrap_or_default(),
    };
    let for_commands = env.clone();
    let failed = |source| ServiceError::File {
        action: "ask about",
        path: PathBuf::from("the service"),
        source,
    };
    // Its commands wait on a runtime of their own, which must not stand inside another.
    let state = tokio::task::spawn_blocking(move || {
        let supervisor = service::supervisor(std::env::consts::OS, &user)?;
        supervisor.state(&mut Commands::new(&for_commands).map_err(failed)?)
    });
    let state = state.await.unwrap_or_else(|error| Err(failed(error.into())))?;
    let kill_mode = if state.installed && std::env::consts::OS == "linux" {
        kill_mode(env).await
    } else {
        None
    };
    Ok(ServiceFacts { state, kill_mode })
}

/// What systemd has read, so that drop-ins count.
async fn kill_mode(env: &BTreeMap<String, String>) -> Option<String> {
    let passed = SERVICE_VARIABLES.iter().filter_map(|&name| Some((name, env.get(name)?)));
    let mut child = tokio::process::Command::new("systemctl")
        .args(["--user", "show", "gateway.service", "--property", "KillMode", "--value"])
        .env_clear()
        .envs(passed)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut text = String::new();
    child.stdout.take()?.take(BYTES_MAX as u64).read_to_string(&mut text).await.ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
