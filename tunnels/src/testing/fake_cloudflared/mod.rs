//! The fake `cloudflared`: a scenario, its installation under the real name, and its runs.
//!
//! The child's environment is cleaned, so the scenario lies in a file beside the executable, named
//! by the path the executable was started under. A running fake reports to the installer over a
//! loopback connection and takes orders over it; the connection's end is the process's end.
mod program;
mod proxy;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

pub use self::program::main;

/// How a fake ends by itself.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Exit {
    /// Its exit code.
    pub code: u8,
    /// Its last lines on stderr.
    pub stderr: Vec<String>,
    /// Its last lines on stdout.
    pub stdout: Vec<String>,
}

/// What a fake does. The default is a good start.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a test scenario")]
pub struct Scenario {
    /// The version it claims.
    pub version: String,
    /// What `--version` prints instead, for garbage.
    pub version_text: Option<String>,
    /// The host name of its tunnel.
    pub hostname: String,
    /// It ends like this instead of opening a tunnel.
    pub exit: Option<Exit>,
    /// It never gets an address.
    pub url_never: bool,
    /// It gets its address only when told `url`.
    pub url_on_order: bool,
    /// It does not say where its metrics server is.
    pub no_metrics_line: bool,
    /// The edge refuses its secret, again and again.
    pub unauthorized: bool,
    /// UDP is blocked: without `--protocol http2` it never connects.
    pub quic_blocked: bool,
    /// It does not react to SIGTERM.
    pub ignore_sigterm: bool,
    /// It starts a grandchild that holds its pipes open.
    pub grandchild: bool,
    /// It writes one line of a megabyte and one that is not UTF-8 before anything else.
    pub odd_lines: bool,
    /// It writes a line with these words before anything else.
    pub say: Option<String>,
    /// Event streams answered to GET are held back until they end.
    pub buffer_get_sse: bool,
    /// Requests of `Claude-User` are answered by the edge with a bare 403.
    pub block_claude_user: bool,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            version: "2026.8.2".to_owned(),
            version_text: None,
            hostname: "fake-words-for-tests.trycloudflare.com".to_owned(),
            exit: None,
            url_never: false,
            url_on_order: false,
            no_metrics_line: false,
            unauthorized: false,
            quic_blocked: false,
            ignore_sigterm: false,
            grandchild: false,
            odd_lines: false,
            say: None,
            buffer_get_sse: false,
            block_claude_user: false,
        }
    }
}

impl Scenario {
    /// One that ends at once with these lines on stderr.
    #[must_use]
    pub fn exits(code: u8, stderr: &[&str]) -> Self {
        let stderr = stderr.iter().map(|line| (*line).to_owned()).collect();
        Self { exit: Some(Exit { code, stderr, stdout: Vec::new() }), ..Self::default() }
    }
}

/// The file beside the executable.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Sidecar {
    #[serde(flatten)]
    scenario: Scenario,
    /// Whom to report to; `None` when a script started the fake.
    report_to: Option<SocketAddr>,
}

fn sidecar_of(executable: &Path) -> PathBuf {
    executable.with_extension("scenario.json")
}

/// What a run reports of itself; also written beside the executable as `cloudflared.run.json`.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Report {
    pid: u32,
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    cwd: String,
    public_addr: SocketAddr,
    config: String,
}

/// A fake installed in a folder under the name `cloudflared`.
#[derive(Debug)]
pub struct FakeCloudflared {
    path: PathBuf,
    listener: TcpListener,
}

impl FakeCloudflared {
    /// Installs the binary `exe` (`target/debug/fake-cloudflared`) in `folder`.
    ///
    /// # Errors
    ///
    /// When `exe` does not exist, or the folder cannot be written.
    pub async fn install(exe: &Path, folder: &Path, scenario: Scenario) -> io::Result<Self> {
        let exe = exe.canonicalize().map_err(|error| {
            io::Error::new(error.kind(), format!("no fake cloudflared at {}", exe.display()))
        })?;
        let path = folder.join(format!("cloudflared{}", std::env::consts::EXE_SUFFIX));
        crate::process::link_or_copy(&exe, &path)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let fake = Self { path, listener };
        fake.set_scenario(scenario)?;
        Ok(fake)
    }

    /// Where the fake lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Changes the scenario of every later start.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn set_scenario(&self, scenario: Scenario) -> io::Result<()> {
        let sidecar = Sidecar { scenario, report_to: Some(self.listener.local_addr()?) };
        std::fs::write(sidecar_of(&self.path), serde_json::to_vec(&sidecar)?)
    }

    /// Waits for the next start of a tunnel. Cancel-safe.
    ///
    /// # Errors
    ///
    /// When the fake ends before it has reported.
    pub async fn next_run(&self) -> io::Result<Run> {
        let (stream, _) = self.listener.accept().await?;
        let (reader, writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        Ok(Run { report: serde_json::from_str(&line)?, reader, writer })
    }
}

/// One running fake.
#[derive(Debug)]
pub struct Run {
    report: Report,
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Run {
    /// Its process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.report.pid
    }

    /// Its command line.
    #[must_use]
    pub fn argv(&self) -> &[String] {
        &self.report.argv
    }

    /// Its whole environment.
    #[must_use]
    pub const fn env(&self) -> &BTreeMap<String, String> {
        &self.report.env
    }

    /// Its working folder.
    #[must_use]
    pub fn cwd(&self) -> &Path {
        Path::new(&self.report.cwd)
    }

    /// The text of the configuration file it was given.
    #[must_use]
    pub fn config(&self) -> &str {
        &self.report.config
    }

    /// Where visitors of its tunnel connect, by plain HTTP.
    #[must_use]
    pub const fn public_addr(&self) -> SocketAddr {
        self.report.public_addr
    }

    /// Gives an order: `edge down`, `edge up`, `url`, `flood LINES`, `say TEXT`, `exit CODE`, `kill`.
    ///
    /// # Errors
    ///
    /// When the process is gone.
    pub async fn order(&mut self, order: &str) -> io::Result<()> {
        self.writer.write_all(format!("{order}\n").as_bytes()).await
    }

    /// Waits until the process is gone.
    pub async fn gone(mut self) {
        // Either an end of file or a reset: both are the end.
        let _ = self.reader.read_to_end(&mut Vec::new()).await;
    }
}
