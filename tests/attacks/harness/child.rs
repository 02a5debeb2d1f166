//! The real program as a process: what it writes into its log, takes of memory, and hands to agents.
use std::path::{Path, PathBuf};
use std::process::Stdio;

use gateway::gateway::admin::{AdminClient, Call};
use gateway_os::folders::{private_dir, write_private};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::LONG;

/// `gateway serve` in a home of its own; it ends when this is dropped.
pub(crate) struct Program {
    child: Child,
    admin: AdminClient,
    log: PathBuf,
}

impl Program {
    /// Starts it and waits until it says that it is ready; also answers with what it says.
    pub(crate) async fn start(home: &Path, settings: &str) -> (Self, Value) {
        let (config, runtime) = (home.join(".config/gateway"), home.join("run"));
        private_dir(&config).unwrap();
        private_dir(&runtime).unwrap();
        write_private(&config.join("config.toml"), settings.as_bytes()).unwrap();
        let log = home.join("log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_gateway"))
            .args(["--json", "-vv", "serve", "--no-open"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", home)
            .env("GATEWAY_RUNTIME_DIR", &runtime)
            .env("NGROK_AUTHTOKEN", "2planted_authtoken")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = async {
            loop {
                let line = lines.next_line().await.unwrap();
                let line =
                    line.unwrap_or_else(|| panic!("{}", std::fs::read_to_string(&log).unwrap()));
                let event: Value = serde_json::from_str(&line).unwrap();
                if event["event"] == "ready" {
                    break event;
                }
            }
        };
        let ready = tokio::time::timeout(LONG, ready).await.expect("the gateway gets ready");
        (Self { child, admin: AdminClient::new(&runtime), log }, ready)
    }

    /// A call of the owner, over the admin socket as her commands make it.
    pub(crate) async fn call(&self, call: &Call) -> Value {
        self.admin.call(call).await.unwrap()
    }

    /// Its log so far, at the loudest level.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Its memory in bytes, as the kernel counts it.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id().expect("it runs"));
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Ends it in order.
    pub(crate) async fn end(&mut self) {
        let pid = i32::try_from(self.child.id().expect("it runs")).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        tokio::time::timeout(LONG, self.child.wait()).await.expect("it ends").unwrap();
    }
}
