//! The private folder of one child: its configuration, and the socket it brings connections to.
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::error::CloudflaredError;
use crate::process::{self, LocalListener};
use crate::provider::SessionLink;

/// Begins the name of every folder made here.
const PREFIX: &str = "cfd-";
/// Pause after a failed accept: the system is out of descriptors, and asking again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A folder (0700) with configuration (0600) and socket (0600), removed when dropped.
#[derive(Debug)]
pub(super) struct Origin {
    folder: TempDir,
    config: PathBuf,
    accepting: JoinHandle<()>,
}

impl Origin {
    /// Makes the folder inside `runtime_dir` and accepts connections until dropped.
    pub(super) async fn open(
        runtime_dir: &Path,
        link: &SessionLink,
    ) -> Result<Self, CloudflaredError> {
        let fault = |error: &std::io::Error| CloudflaredError::Folder {
            path: runtime_dir.to_owned(),
            reason: match error.kind() {
                std::io::ErrorKind::InvalidFilename => {
                    "its path is too long for a socket".to_owned()
                }
                _ => error.to_string(),
            },
        };
        remove_abandoned(runtime_dir);
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).rand_bytes(6);
        process::private_folder(&mut builder);
        let folder = builder.tempdir_in(runtime_dir).map_err(|error| fault(&error))?;
        let (listener, service) =
            LocalListener::bind(folder.path()).await.map_err(|error| fault(&error))?;
        let config = folder.path().join("config.yml");
        write_config(&config, &service).map_err(|error| fault(&error))?;
        let accepting = tokio::spawn(accept(listener, link.clone()));
        Ok(Self { folder, config, accepting })
    }

    pub(super) fn config(&self) -> &Path {
        &self.config
    }

    /// The folder, which is also the child's home and working folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One rule: everything to our socket. A file with `ingress` replaces `--url`, which is why ours must
/// be named on the command line: the search for a user's `config.yml` then does not happen.
fn write_config(path: &Path, service: &str) -> std::io::Result<()> {
    // A JSON string is a YAML string.
    let service = serde_json::Value::from(service);
    let mut file = gateway_os::folders::create_private(path)?;
    write!(file, "no-autoupdate: true\ningress:\n  - service: {service}\n")
}

async fn accept(listener: LocalListener, link: SessionLink) {
    loop {
        match listener.accept().await {
            Ok((io, peer)) => link.deliver(io, peer),
            Err(error) => {
                tracing::warn!(%error, "cloudflared's connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Removes folders of gateways that were killed: ours by name, with a socket nobody answers on.
fn remove_abandoned(runtime_dir: &Path) {
    let Ok(entries) = std::fs::read_dir(runtime_dir) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let path = entry.path();
        if ours && path.join("config.yml").is_file() && !process::answers(&path) {
            // What cannot be removed is in nobody's way.
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}
