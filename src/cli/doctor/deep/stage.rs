//! The trial's own gateway: folders, configuration, project and client that nobody else uses and
//! that are gone afterwards.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use gateway_os::folders::Folders;
use gateway_os::program::make_script;
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::doctor::walk::Trouble;
use crate::cli::standin;
use crate::clock::{Clock, OsEntropy, SystemClock};
use crate::config::{Config, Overrides};
use crate::gateway::admin::Call;
use crate::gateway::{Gateway, Setup};
use crate::secret::Secret;

/// The project's name in the trial.
pub(super) const PROJECT: &str = "trial";
/// What the trial's gateway gets of the owner's environment.
const PASSED: [&str; 4] = ["PATH", "LANG", "TMPDIR", "TERM"];

/// A gateway ends within 10 s; that is its promise.
const END_LIMIT: Duration = Duration::from_secs(15);

/// A running gateway to try out.
pub(super) struct Stage {
    gateway: Gateway,
    /// Where it answers, without a slash at the end.
    pub(super) base: String,
    /// The client's id.
    pub(super) client_id: String,
    /// The client's secret.
    pub(super) client_secret: Secret,
    /// The project's folder.
    pub(super) project: PathBuf,
    /// Where programs are found.
    pub(super) path: String,
    /// Removed when dropped.
    folder: TempDir,
}

impl Stage {
    /// Makes everything and starts.
    pub(super) async fn start(env: &BTreeMap<String, String>) -> Result<(String, Self), Trouble> {
        let folder = tempfile::Builder::new().prefix("gateway-doctor-").tempdir()?;
        let root = folder.path().canonicalize()?;
        let project = make_project(&root, env).await?;
        let env = environment(env, &root)?;
        let path = env.get("PATH").cloned().unwrap_or_default();
        let text = config_text(&project, &make_agent(&root)?);
        let gateway = start_gateway(&root, env, &text).await?;
        let base = gateway.status()["local_url"].as_str().unwrap_or_default().to_owned();
        let mint = Call::MintClient {
            name: "doctor".to_owned(),
            scopes: Vec::new(),
            projects: Vec::new(),
            public: false,
            rotate: false,
        };
        let client = call(&gateway, mint).await?;
        let text = |key: &str| client[key].as_str().unwrap_or_default().to_owned();
        let client_secret = Secret::parse(text("client_secret"))
            .map_err(|error| Trouble::new(format!("the minted client has no secret: {error}")))?;
        let (client_id, summary) =
            (text("client_id"), format!("a gateway for the trial is at {base}"));
        Ok((summary, Self { gateway, base, client_id, client_secret, project, path, folder }))
    }

    /// A fresh consent code, as the terminal shows it.
    pub(super) async fn consent_code(&self) -> Result<String, Trouble> {
        let pairing = call(&self.gateway, Call::Pair).await?;
        let code = pairing["code"].as_str();
        code.map(str::to_owned).ok_or_else(|| Trouble::new("the pairing has no code"))
    }

    /// Stops the gateway and removes everything.
    pub(super) async fn end(self) -> Result<(String, ()), Trouble> {
        let ended = tokio::time::timeout(END_LIMIT, self.gateway.shut_down()).await;
        // What cannot be removed is in the temporary folder, which the system empties.
        let _ = tokio::task::spawn_blocking(move || self.folder.close()).await;
        ended.map_err(|_| {
            Trouble::new(format!("it did not end within {} s", END_LIMIT.as_secs()))
        })?;
        Ok(("the gateway ended in order and left nothing behind".to_owned(), ()))
    }
}

async fn call(gateway: &Gateway, call: Call) -> Result<Value, Trouble> {
    gateway
        .owner()
        .call(call)
        .await
        .map_err(|error| Trouble::new(error.message).with_fix(error.hint))
}

fn environment(
    env: &BTreeMap<String, String>,
    root: &Path,
) -> Result<BTreeMap<String, String>, Trouble> {
    let home = root.join("home");
    std::fs::create_dir(&home)?;
    let passed = PASSED.iter().filter_map(|&name| Some((name.to_owned(), env.get(name)?.clone())));
    let mut env: BTreeMap<String, String> = passed.collect();
    env.insert("HOME".to_owned(), home.display().to_string());
    Ok(env)
}

/// A script that is the stand-in agent: the executor starts one program, without words before its own.
fn make_agent(root: &Path) -> Result<PathBuf, Trouble> {
    let own = std::env::current_exe().ok().filter(|path| path.is_file());
    // After an upgrade the running build has no name of its own any more.
    let own = own.unwrap_or_else(|| format!("/proc/{}/exe", std::process::id()).into());
    let quoted = format!("'{}'", own.display().to_string().replace('\'', r"'\''"));
    let agent = root.join("agent");
    make_script(&agent, &format!("#!/bin/sh\nexec {quoted} {} \"$@\"\n", standin::COMMAND))?;
    Ok(agent)
}

fn config_text(project: &Path, agent: &Path) -> String {
    let quoted = |path: &Path| toml::Value::String(path.display().to_string()).to_string();
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[tunnel]\nprovider = \"none\"\n[secrets]\nbackend = \"file\"\n\
         [executors.claude]\ncommand = {}\n[projects.{PROJECT}]\npath = {}\n",
        quoted(agent),
        quoted(project),
    )
}

async fn start_gateway(
    root: &Path,
    env: BTreeMap<String, String>,
    text: &str,
) -> Result<Gateway, Trouble> {
    let config_file = root.join("config.toml");
    let load = {
        let (file, text, env) = (config_file.clone(), text.to_owned(), env.clone());
        let cwd = root.to_path_buf();
        move || Config::load(Some(&file), Some(&text), &env, &Overrides::new(cwd.clone()))
    };
    let loaded = load().map_err(|error| Trouble::new(error.to_string()).with_fix(error.hint()))?;
    let folders = Folders { config_file, state: root.join("state"), runtime: root.join("run") };
    let setup = Setup {
        loaded,
        load_config: Arc::new(load),
        set_log_level: Arc::new(|_| ()),
        folders,
        env,
        on_terminal: false,
        clock: Arc::new(SystemClock) as Arc<dyn Clock>,
        entropy: Arc::new(OsEntropy),
    };
    Gateway::start(setup)
        .await
        .map_err(|error| Trouble::new(error.to_string()).with_fix(error.hint()))
}

/// A repository with one commit.
async fn make_project(root: &Path, env: &BTreeMap<String, String>) -> Result<PathBuf, Trouble> {
    let project = root.join("project");
    std::fs::create_dir(&project)?;
    std::fs::write(project.join("README.md"), "A project for a trial.\n")?;
    let path = env.get("PATH").map_or("", String::as_str);
    let author = ["-c", "user.name=doctor", "-c", "user.email=doctor@localhost"];
    let commit = [&author[..], &["commit", "-q", "--no-gpg-sign", "-m", "a first commit"]].concat();
    for args in [&["init", "-q"][..], &["add", "."], &commit] {
        git(&project, path, args).await?;
    }
    Ok(project)
}

/// Runs git on the trial's own repository, without the owner's configuration.
pub(super) async fn git(project: &Path, path: &str, args: &[&str]) -> Result<String, Trouble> {
    let output = tokio::process::Command::new("git")
        .args(args)
        .current_dir(project)
        .env_clear()
        .env("PATH", path)
        .env("HOME", project)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| {
            Trouble::new(format!("git cannot be started: {error}"))
                .with_fix("gateway doctor --only git")
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or_default();
    Err(Trouble::new(format!("`git {}` failed: {said}", args.join(" "))))
}
