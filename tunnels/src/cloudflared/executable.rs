//! Finds `cloudflared` and asks for its version, because an unknown flag would exit with 0.
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use gateway_os::children;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

use super::child::clean_environment;
use super::error::CloudflaredError;
use crate::process;

/// The oldest version whose flags and metrics paths are used here without having been looked at.
const OLDEST: Version = Version { year: 2024, month: 1, patch: 0 };
/// The version all of this was observed on.
const OBSERVED: Version = Version { year: 2026, month: 8, patch: 2 };
/// The longest `--version` may take; the first start after an update can be slow.
const VERSION_WITHIN: Duration = Duration::from_secs(10);
/// How much of its answer is read.
const ANSWER_MAX: u64 = 16 * 1024;

/// A version of `cloudflared`: year, month, patch.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version {
    /// The year.
    pub year: u16,
    /// The month.
    pub month: u8,
    /// The count within the month.
    pub patch: u16,
}

impl Version {
    /// Whether it understands `--no-prechecks` (2026.5.0).
    pub(super) fn has_no_prechecks(self) -> bool {
        self >= Self { year: 2026, month: 5, patch: 0 }
    }

    /// Whether it is more than a year older than the version this was made for: Cloudflare supports
    /// a version for one year.
    #[must_use]
    pub fn is_old(self) -> bool {
        let months = |version: Self| u32::from(version.year) * 12 + u32::from(version.month);
        months(OBSERVED) > months(self) + 12
    }

    /// Reads `cloudflared version 2026.8.2 (built …)`.
    fn parse(text: &str) -> Option<Self> {
        let (_, after) = text.split_once("cloudflared version ")?;
        let mut numbers = after.split_whitespace().next()?.splitn(3, '.');
        let year = numbers.next()?.parse().ok().filter(|year| *year >= 2018)?;
        let month = numbers.next()?.parse().ok().filter(|month| (1..=12).contains(month))?;
        let patch = numbers.next()?;
        let digits = patch.find(|c: char| !c.is_ascii_digit()).unwrap_or(patch.len());
        Some(Self { year, month, patch: patch[..digits].parse().ok()? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.year, self.month, self.patch)
    }
}

/// Finds the executable: the configured path, else `PATH`, else the usual places.
///
/// # Errors
///
/// [`CloudflaredError::Missing`] with the folders that were looked in, or
/// [`CloudflaredError::NotRunnable`] when the configured path is not an executable file.
pub fn find(
    configured: Option<&Path>,
    environment: &BTreeMap<OsString, OsString>,
) -> Result<PathBuf, CloudflaredError> {
    if let Some(path) = configured {
        return if process::is_executable(path) {
            Ok(path.to_owned())
        } else {
            Err(CloudflaredError::NotRunnable {
                path: path.to_owned(),
                reason: "it is not an executable file".to_owned(),
            })
        };
    }
    let searched = folders(environment);
    let name = format!("cloudflared{}", std::env::consts::EXE_SUFFIX);
    searched
        .iter()
        .map(|folder| folder.join(&name))
        .find(|path| process::is_executable(path))
        .ok_or(CloudflaredError::Missing { searched })
}

fn folders(environment: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let variable = |name: &str| environment.get(OsStr::new(name));
    let mut folders = Vec::new();
    if let Some(path) = variable("PATH") {
        // An empty or relative entry would mean whatever folder the gateway was started in.
        folders.extend(std::env::split_paths(path).filter(|folder| folder.is_absolute()));
    }
    if std::env::consts::OS == "windows" {
        for name in ["ProgramFiles(x86)", "ProgramFiles"] {
            folders.extend(variable(name).map(|base| Path::new(base).join("cloudflared")));
        }
    } else {
        folders.extend(["/usr/local/bin", "/opt/homebrew/bin", "/usr/bin"].map(PathBuf::from));
    }
    let mut seen = std::collections::BTreeSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    folders
}

/// Asks the executable for its version.
///
/// # Errors
///
/// [`CloudflaredError::NotRunnable`], [`CloudflaredError::NotCloudflared`] or
/// [`CloudflaredError::TooOld`].
pub async fn version(
    path: &Path,
    environment: &BTreeMap<OsString, OsString>,
) -> Result<Version, CloudflaredError> {
    let not_runnable =
        |reason: String| CloudflaredError::NotRunnable { path: path.to_owned(), reason };
    let mut command = Command::new(path);
    command
        .arg("--version")
        .env_clear()
        .envs(clean_environment(environment))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    gateway_os::launch::lead_group(command.as_std_mut());
    let mut child =
        children::start(|| command.spawn()).map_err(|error| not_runnable(error.to_string()))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let answer = async {
        let (out, err) = tokio::join!(read_some(stdout), read_some(stderr));
        // What it still wants to write would block it; it has been heard.
        let _ = child.start_kill();
        let _ = child.wait().await;
        (out, err)
    };
    let (out, err) = timeout(VERSION_WITHIN, answer)
        .await
        .map_err(|_| not_runnable("`--version` did not answer within 10 s".to_owned()))?;
    let Some(found) = Version::parse(&out) else {
        let said = if out.trim().is_empty() { err } else { out };
        let said = said.trim().lines().next().unwrap_or_default().chars().take(120).collect();
        return Err(CloudflaredError::NotCloudflared { path: path.to_owned(), said });
    };
    if found < OLDEST {
        return Err(CloudflaredError::TooOld { path: path.to_owned(), found, needed: OLDEST });
    }
    Ok(found)
}

async fn read_some(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // A broken pipe leaves what was read before.
        let _ = pipe.take(ANSWER_MAX).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_by_date() {
        let parse = |text: &str| Version::parse(&format!("cloudflared version {text}"));
        assert_eq!(parse("2026.8.2 (built 2026-08-20-1102 UTC)"), Some(OBSERVED));
        assert_eq!(parse("2025.3.0"), Some(Version { year: 2025, month: 3, patch: 0 }));
        assert!(parse("2026.4.0") < parse("2026.10.0"));
        for garbage in ["", "DEV", "2026.8", "2026.13.1", "1.2.3", "2026.8.x"] {
            assert_eq!(parse(garbage), None, "{garbage}");
        }
        assert_eq!(Version::parse("curl 8.1"), None);
    }

    #[test]
    fn a_version_older_than_a_year_is_called_old() {
        let version = |year, month| Version { year, month, patch: 0 };
        assert!(!version(2025, 8).is_old() && version(2025, 7).is_old());
        assert!(!version(2027, 1).is_old());
    }

    #[test]
    fn relative_entries_of_path_are_not_looked_in() {
        let environment = BTreeMap::from([("PATH".into(), ".::bin:/opt/x".into())]);
        let folders = folders(&environment);
        assert!(folders.iter().all(|folder| folder.is_absolute()));
        assert!(folders.contains(&PathBuf::from("/opt/x")));
    }

    #[test]
    fn a_configured_path_that_is_no_executable_is_named() {
        let error =
            find(Some(Path::new("/nonexistent/cloudflared")), &BTreeMap::new()).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/cloudflared"));
        assert!(error.hint().unwrap().contains("tunnel.cloudflared.path"));
    }
}
