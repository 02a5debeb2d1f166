//! Where the program is (contract C1): the configured path, else `PATH`, else the places where its
//! installers put it.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The installers' places, below the home folder.
const HOME_PLACES: [&str; 2] = [".local/bin/claude", ".claude/local/claude"];

/// The program is nowhere.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum NotFound {
    /// The configuration names a file that is not there.
    #[error("executors.claude.command names {}, which is not there", .0.display())]
    Configured(PathBuf),
    /// It is not in any of the usual places.
    #[error("{0:?} is neither in PATH nor where Claude Code's installers put it")]
    Anywhere(String),
}

/// Finds the program that `command` names. `environment` is the agent's.
pub(super) fn program(
    command: &str,
    environment: &BTreeMap<String, String>,
) -> Result<PathBuf, NotFound> {
    let home = environment.get("HOME").map(Path::new).filter(|home| home.is_absolute());
    if command.contains('/') || Path::new(command).is_absolute() {
        let path = match (command.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(command),
        };
        return if is_file(&path) { Ok(path) } else { Err(NotFound::Configured(path)) };
    }
    let path = environment.get("PATH").map(String::as_str).unwrap_or_default();
    let in_path = std::env::split_paths(path)
        // A relative entry means another place in every project.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(command));
    let in_home = home.into_iter().flat_map(|home| HOME_PLACES.map(|place| home.join(place)));
    let in_home = in_home.filter(|_| command == "claude");
    in_path
        .chain(in_home)
        .find(|path| is_file(path))
        .ok_or_else(|| NotFound::Anywhere(command.to_owned()))
}

fn is_file(path: &Path) -> bool {
    path.is_absolute() && path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }

    #[test]
    fn the_path_comes_before_the_installers_places_and_the_configured_file_before_both() {
        let root = tempfile::tempdir().unwrap();
        let (bin, home) = (root.path().join("bin"), root.path().join("home"));
        let environment: BTreeMap<String, String> = [
            ("PATH".to_owned(), format!("relative:{}", bin.display())),
            ("HOME".to_owned(), home.display().to_string()),
        ]
        .into();
        let find = |command: &str| program(command, &environment);
        assert_eq!(find("claude"), Err(NotFound::Anywhere("claude".into())));
        put(&home.join(".claude/local/claude"));
        assert_eq!(find("claude"), Ok(home.join(".claude/local/claude")));
        put(&home.join(".local/bin/claude"));
        assert_eq!(find("claude"), Ok(home.join(".local/bin/claude")));
        put(&bin.join("claude"));
        assert_eq!(find("claude"), Ok(bin.join("claude")));
        put(&home.join("mine"));
        assert_eq!(find("~/mine"), Ok(home.join("mine")));
        assert_eq!(find("other"), Err(NotFound::Anywhere("other".into())));
        let missing = root.path().join("missing");
        assert_eq!(find(missing.to_str().unwrap()), Err(NotFound::Configured(missing)));
    }
}
