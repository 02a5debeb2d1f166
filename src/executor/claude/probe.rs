//! Whether a task could start now: finds the program and asks its version (contract C1).
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::ask::ask;
use super::locate;
use super::preview;
use crate::executor::Availability;

/// How long the program may take to tell its version.
const WAIT: Duration = Duration::from_secs(5);
/// The oldest version whose permission relay is known to work.
const SUPPORTED: [u64; 3] = [2, 1, 76];
pub(super) const INSTALL: &str = "install Claude Code with `npm install -g @anthropic-ai/claude-code` or \
    `curl -fsSL https://claude.ai/install.sh | bash`, or set executors.claude.command to its path";

/// Looks for the program and asks its version.
pub(super) async fn availability(
    command: &str,
    environment: &BTreeMap<String, String>,
) -> Availability {
    let program = match locate::program(command, environment) {
        Ok(program) => program,
        Err(cause) => {
            return Availability::Unavailable {
                cause: cause.to_string(),
                hint: INSTALL.to_owned(),
            };
        }
    };
    let cause = match version(&program, environment).await {
        Ok(version) => {
            let warning = warning(&version);
            return Availability::Ready { version, warning };
        }
        Err(cause) => cause,
    };
    Availability::Unavailable {
        cause: format!("{} --version: {cause}", program.display()),
        hint: format!("run `{} --version` in a terminal; {INSTALL}", program.display()),
    }
}

/// The version that the program tells, without its name.
async fn version(program: &Path, environment: &BTreeMap<String, String>) -> Result<String, String> {
    let (status, text) = ask(program, &["--version"], environment, WAIT).await?;
    let word = text.split_whitespace().next().unwrap_or_default();
    if !status.success() {
        return Err(format!("ended with {status}"));
    }
    if numbers(word).is_none() {
        return Err(format!("answered {:?}, which is no version", preview::clean(&text)));
    }
    Ok(word.to_owned())
}

/// The first three numbers of a version.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let core = version.split(['-', '+']).next()?;
    let mut parts = core.split('.').map(str::parse);
    let numbers = [parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?];
    Some(numbers)
}

fn warning(version: &str) -> Option<String> {
    let found = numbers(version)?;
    if found >= SUPPORTED {
        return None;
    }
    let [major, minor, patch] = SUPPORTED;
    Some(format!(
        "Claude Code {version} is older than {major}.{minor}.{patch}, the oldest version that \
         permission questions are known to work with; update it with `claude update`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shells are given a file to run, so that no file needs to be made executable.
    fn environment(home: &Path) -> BTreeMap<String, String> {
        [("PATH".to_owned(), home.display().to_string())].into()
    }

    #[tokio::test]
    async fn a_missing_program_is_unavailable_with_the_way_to_install_it() {
        let root = tempfile::tempdir().unwrap();
        let Availability::Unavailable { cause, hint } =
            availability("claude", &environment(root.path())).await
        else {
            panic!("there is no program");
        };
        assert!(cause.contains("\"claude\" is neither in PATH"), "{cause}");
        assert!(hint.contains("npm install -g @anthropic-ai/claude-code"), "{hint}");
    }

    #[tokio::test]
    async fn a_program_that_is_not_claude_is_unavailable() {
        let root = tempfile::tempdir().unwrap();
        for (command, expected) in [("/bin/false", "exit status: 1"), ("/bin/true", "no version")] {
            let found = availability(command, &environment(root.path())).await;
            let Availability::Unavailable { cause, .. } = found else { panic!("{found:?}") };
            assert!(cause.contains(expected), "{cause}");
        }
    }

    #[test]
    fn only_an_old_version_gives_a_warning() {
        assert_eq!(warning("2.1.328"), None);
        assert_eq!(warning("2.1.76"), None);
        assert_eq!(warning("2.2.0-beta.1"), None);
        assert_eq!(warning("3.0.0"), None);
        let old = warning("2.0.30").unwrap();
        assert!(old.contains("2.0.30") && old.contains("2.1.76"), "{old}");
        assert!(warning("1.0.100").is_some());
        assert_eq!(numbers("2.1"), None);
    }
}
