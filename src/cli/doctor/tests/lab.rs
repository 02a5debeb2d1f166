//! A set-up in which nothing is wrong, to be broken in one place. Folders, programs, repositories,
//! sockets and the database are real; what root cannot break and the network are injected.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use gateway_os::disk::Space;
use gateway_os::facts::{self, PathFacts};
use gateway_os::folders::{self, Folders};
use gateway_os::limits::Limit;
use gateway_os::program::make_script;
use gateway_os::socket::AsyncListener;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::auth::{AuthSettings, AuthorizationServer, NewClient};
use crate::cli::args::Cli;
use crate::cli::doctor::machine::{Machine, Page, ServiceFacts};
use crate::cli::doctor::world::ConfigFault;
use crate::cli::doctor::{self, Line, Report, Status, World};
use crate::cli::service::{ServiceError, State};
use crate::clock::{ManualClock, SeededEntropy, Timestamp};
use crate::config::{Config, Overrides};
use crate::gateway::admin::{serve_admin, socket_path};
use crate::model::{Client, Scopes};
use crate::secret::{EnvOverlay, MemoryVault, Secret, SecretName, Secrets, Vault};
use crate::store::Store;

/// 2026-11-20, noon.
pub(super) const NOON: Timestamp = Timestamp::from_millis(1_795_176_000_000);
/// A text that must never be shown.
pub(super) const PLANTED: &str = "2planted_Zm9yYmlkZGVuIHRvIHNob3cgdGhpcw";
/// The authtoken of the healthy set-up.
const AUTHTOKEN: &str = "2abcDEFghiJKLmnoPQRstuVWXyz_0123456789ABCDEFGHIJ";

/// What the machine is made to say.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) paths: BTreeMap<PathBuf, PathFacts>,
    pub(super) space: Space,
    pub(super) open_files: Limit,
    pub(super) watches: u64,
    pub(super) memory: u64,
    pub(super) columns: Option<usize>,
    pub(super) pages: BTreeMap<String, Result<Page, String>>,
    pub(super) resolves: bool,
    pub(super) service: ServiceFacts,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) control_group: String,
}

impl Default for Facts {
    fn default() -> Self {
        let state = State { unit: "/home/u/gateway.service".into(), ..State::default() };
        Self {
            paths: BTreeMap::new(),
            space: Space { free: 50_000_000_000, total: 90_000_000_000 },
            open_files: Limit { soft: Some(16_384), hard: Some(524_288) },
            watches: 65_536,
            memory: 8_000_000_000,
            columns: Some(120),
            pages: BTreeMap::new(),
            resolves: true,
            service: ServiceFacts { state, kill_mode: Some("process".to_owned()) },
            variables: BTreeMap::new(),
            control_group: "0::/user.slice/session-1.scope".to_owned(),
        }
    }
}

#[derive(Debug, Default)]
struct Injected(Mutex<Facts>);

impl Machine for Injected {
    fn path(&self, path: &Path) -> std::io::Result<PathFacts> {
        match self.0.lock().unwrap().paths.get(path) {
            Some(facts) => Ok(*facts),
            None => facts::of(path),
        }
    }
    fn space(&self, _path: &Path) -> std::io::Result<Space> {
        Ok(self.0.lock().unwrap().space)
    }
    fn open_files(&self) -> std::io::Result<Limit> {
        Ok(self.0.lock().unwrap().open_files)
    }
    fn watches(&self) -> std::io::Result<u64> {
        Ok(self.0.lock().unwrap().watches)
    }
    fn memory(&self) -> std::io::Result<u64> {
        Ok(self.0.lock().unwrap().memory)
    }
    fn columns(&self) -> Option<usize> {
        self.0.lock().unwrap().columns
    }
    fn variable_of(&self, _pid: u32, name: &str) -> std::io::Result<Option<String>> {
        Ok(self.0.lock().unwrap().variables.get(name).cloned())
    }
    fn control_group(&self, _pid: u32) -> std::io::Result<String> {
        Ok(self.0.lock().unwrap().control_group.clone())
    }
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Page, String>> {
        let page = self.0.lock().unwrap().pages.get(url).cloned();
        ready(page.unwrap_or_else(|| Err("connection refused".to_owned()))).boxed()
    }
    fn resolve<'a>(&'a self, _host: &'a str) -> BoxFuture<'a, Result<(), String>> {
        let resolves = self.0.lock().unwrap().resolves;
        ready(if resolves { Ok(()) } else { Err("no such name".to_owned()) }).boxed()
    }
    fn service<'a>(
        &'a self,
        _env: &'a BTreeMap<String, String>,
    ) -> BoxFuture<'a, Result<ServiceFacts, ServiceError>> {
        ready(Ok(self.0.lock().unwrap().service.clone())).boxed()
    }
}

/// The set-up.
pub(super) struct Lab {
    pub(super) env: BTreeMap<String, String>,
    pub(super) config: String,
    pub(super) clock: Arc<ManualClock>,
    pub(super) vault: Arc<MemoryVault>,
    /// Whether secrets are in the real file below the state folder.
    pub(super) file_vault: bool,
    machine: Arc<Injected>,
    stop: CancellationToken,
    root: TempDir,
}

impl Lab {
    /// Nothing is wrong here.
    pub(super) async fn healthy() -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for name in ["home", "bin", "project"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        folders::private_dir(&at("state")).unwrap();
        folders::private_dir(&at("run")).unwrap();
        folders::private_dir(&at("home/.config/gateway")).unwrap();
        let env = BTreeMap::from([
            ("HOME".to_owned(), at("home").display().to_string()),
            ("PATH".to_owned(), at("bin").display().to_string()),
        ]);
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[tunnel]\nprovider = \"ngrok\"\n\
             [projects.api]\npath = {:?}\n",
            at("project").display().to_string()
        );
        let lab = Self {
            env,
            config,
            clock: Arc::new(ManualClock::new(NOON)),
            vault: Arc::new(MemoryVault::default()),
            file_vault: false,
            machine: Arc::default(),
            stop: CancellationToken::new(),
            root,
        };
        lab.program("git", &format!("exec {} \"$@\"", real_git()));
        lab.claude("2.1.328", r#"{"loggedIn": true, "authMethod": "api_key"}"#);
        lab.git(&["init", "-q", "-b", "main"]);
        std::fs::write(lab.at("project/file"), "text").unwrap();
        lab.commit();
        lab.keep(SecretName::NGROK_AUTHTOKEN, AUTHTOKEN).await;
        lab.mint("claude").await;
        lab
    }

    /// A path below the set-up.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Changes what the machine says.
    pub(super) fn machine(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.machine.0.lock().unwrap());
    }

    /// Makes the machine say something else of a path.
    pub(super) fn path(&self, path: &Path, change: impl FnOnce(&mut PathFacts)) {
        let mut said = facts::of(path).unwrap();
        change(&mut said);
        self.machine(|facts| {
            facts.paths.insert(path.to_path_buf(), said);
        });
    }

    /// Puts a shell script into the `PATH`, in place of an earlier one.
    pub(super) fn program(&self, name: &str, body: &str) {
        let path = self.at("bin").join(name);
        let _ = std::fs::remove_file(&path);
        make_script(&path, &format!("#!/bin/sh\n{body}\n")).unwrap();
    }

    pub(super) fn remove_program(&self, name: &str) {
        std::fs::remove_file(self.at("bin").join(name)).unwrap();
    }

    pub(super) fn claude(&self, version: &str, login: &str) {
        let body = format!(
            "case \"$1\" in --version) echo '{version} (Claude Code)';; auth) echo '{login}';; esac"
        );
        self.program("claude", &body);
    }

    pub(super) fn cloudflared(&self, version: &str) {
        self.program("cloudflared", &format!("echo 'cloudflared version {version} (built x)'"));
    }

    /// Runs git in the project.
    pub(super) fn git(&self, args: &[&str]) {
        let done = std::process::Command::new(real_git())
            .args(["-c", "user.name=o", "-c", "user.email=o@localhost"])
            .args(args)
            .current_dir(self.at("project"))
            .env_clear()
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", self.at("home"))
            .status();
        assert!(done.unwrap().success(), "git {args:?}");
    }

    pub(super) fn commit(&self) {
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "-m", "first"]);
    }

    /// Runs a command of a cure as a person would.
    pub(super) fn follow(&self, command: &str) {
        let path = format!("{}:/usr/bin:/bin", self.env["PATH"]);
        let done = std::process::Command::new("/bin/sh")
            .args(["-ec", command])
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.at("home"))
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "o")))
            .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "o@localhost")))
            .output()
            .unwrap();
        assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// Keeps a secret in the vault.
    pub(super) async fn keep(&self, name: SecretName, text: &str) {
        self.vault.set(&name, &Secret::parse(text.to_owned()).unwrap()).await.unwrap();
    }

    /// Makes a client with its secret in the vault.
    pub(super) async fn mint(&self, name: &str) -> Client {
        let path = self.at("state/gateway.db");
        if !path.exists() {
            drop(folders::create_private(&path).unwrap());
        }
        let store = Store::open(&path, self.clock.clone()).unwrap();
        // Another stream for each, so that no two get one id.
        let entropy = Arc::new(SeededEntropy::new(name.bytes().map(u64::from).sum()));
        let server = AuthorizationServer::new(
            store.clone(),
            self.clock.clone(),
            entropy,
            AuthSettings::default(),
        );
        let new = NewClient {
            name: name.to_owned(),
            scopes: Scopes::all(),
            projects: Vec::new(),
            public: false,
        };
        let minted = server.unwrap().mint(new).await.unwrap();
        store.close();
        let secret = minted.secret.unwrap();
        self.keep(SecretName::client(minted.client.id.as_str()).unwrap(), secret.expose()).await;
        minted.client
    }

    /// Lets something answer `status` on the admin socket.
    pub(super) fn running(&self, status: Value) {
        let socket = AsyncListener::bind(&socket_path(&self.at("run"))).unwrap();
        let answer = move |_call| {
            let status = status.clone();
            async move { Ok(status) }
        };
        tokio::spawn(serve_admin(socket, answer, self.stop.clone()));
    }

    /// The status of a gateway of this version and process.
    pub(super) fn status() -> Value {
        json!({
            "schema": 1,
            "state": "running",
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "local_url": "http://127.0.0.1:8765",
            "public_url": "https://gateway.example",
            "tunnel": { "provider": "ngrok", "state": "up", "detail": null, "hint": null },
            "problems": [],
        })
    }

    /// The world as it is now.
    pub(super) fn world(&self) -> World {
        let file = self.at("home/.config/gateway/config.toml");
        folders::write_private(&file, self.config.as_bytes()).unwrap();
        let folders =
            Folders { config_file: file.clone(), state: self.at("state"), runtime: self.at("run") };
        let flags = Overrides::new(self.at("home"));
        let config = Config::load(Some(&file), Some(&self.config), &self.env, &flags)
            .map_err(ConfigFault::Wrong);
        let mut world =
            World::of(self.env.clone(), folders, config, self.clock.clone(), self.machine.clone());
        if !self.file_vault
            && let Some(Ok(_)) = &world.secrets
        {
            let overlay = EnvOverlay::read(|name| self.env.get(name).cloned()).unwrap();
            world.secrets = Some(Ok(Secrets::new(overlay, self.vault.clone())));
        }
        world
    }

    /// What one check finds.
    pub(super) async fn look(&self, id: &str) -> Line {
        let checks = doctor::select(&[id.to_owned()]).unwrap();
        doctor::run(&checks, &self.world()).await.remove(0)
    }

    /// What all checks find.
    pub(super) async fn report(&self) -> Report {
        let checks = doctor::select(&[]).unwrap();
        Report { lines: doctor::run(&checks, &self.world()).await, strict: false }
    }

    /// The set-up's folder, as it must be left out of snapshots.
    pub(super) fn anonymous(&self, text: &str) -> String {
        text.replace(&self.root.path().display().to_string(), "[lab]")
    }

    /// Proves that a check finds `status`, says `cause`, and names `cure`.
    pub(super) async fn finds(&self, id: &str, status: Status, cause: &str, cure: &str) -> Line {
        let line = self.look(id).await;
        let finding = &line.finding;
        let (detail, fix) = (finding.detail.as_deref(), finding.fix.as_deref());
        assert_eq!(finding.status, status, "{finding:#?}");
        assert!(detail.is_some_and(|text| text.contains(cause)), "{cause}: {finding:#?}");
        let fix = fix.expect("what is not well has a cure");
        assert!(fix.contains(cure), "{cure}: {finding:#?}");
        assert_commands_exist(fix);
        line
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Every `gateway …` that a cure tells to run is a command that this program takes.
fn assert_commands_exist(fix: &str) {
    use clap::CommandFactory;
    let program = Cli::command();
    for lead in ["`gateway ", "\ngateway ", ": gateway ", "; gateway "] {
        let text = format!("\n{fix}");
        for (at, _) in text.match_indices(lead) {
            let words =
                text[at + lead.len()..].split(|c: char| !c.is_ascii_lowercase() && c != '-');
            let words: Vec<&str> = words.take(2).collect();
            let command = program.get_subcommands().find(|known| known.get_name() == words[0]);
            let command = command.unwrap_or_else(|| panic!("no command {words:?}: {fix}"));
            if command.has_subcommands() {
                let known = command.get_subcommands().any(|known| known.get_name() == words[1]);
                assert!(known, "no command {words:?}: {fix}");
            }
        }
    }
}

/// The machine's git. A test that needs it fails without it.
fn real_git() -> String {
    let path = std::env::var_os("PATH").expect("tests run with a PATH");
    let git = std::env::split_paths(&path).map(|folder| folder.join("git"));
    let found = git.into_iter().find(|file| file.is_file());
    found.expect("the tests need git").display().to_string()
}

/// Long enough for a check that is to hang.
pub(super) const LONG: Duration = Duration::from_hours(1);
