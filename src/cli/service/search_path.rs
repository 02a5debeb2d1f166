//! The `PATH` of the service: the owner's own, without what would let somebody else choose the
//! programs that agents run.
use std::path::{Path, PathBuf};

/// How many folders a `PATH` in a service file may have; more is an accident of a shell's start-up.
const FOLDERS_MAX: usize = 100;

/// How long it may be, in bytes; systemd's own limit for a line is a megabyte.
const BYTES_MAX: usize = 16 * 1024;

/// Where every system has its tools; searched last.
const STANDARD: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// What a look at a folder says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::cli) enum Verdict {
    /// Only the owner and the system put programs there.
    Trusted,
    /// Others may put programs there.
    Writable,
    /// It does not exist.
    Missing,
}

/// A `PATH` for the service, and what was left out of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::cli) struct SearchPath {
    folders: String,
    refused: Vec<String>,
}

impl SearchPath {
    /// Makes one of the caller's `PATH`: absolute folders once each, in their order, without those
    /// that others may write and without missing ones outside `home`; then the standard ones.
    /// `look` says how a folder is.
    pub(in crate::cli) fn of(path: &str, home: &Path, look: impl Fn(&Path) -> Verdict) -> Self {
        let mut made = Self::default();
        let mut seen: Vec<PathBuf> = Vec::new();
        let standard = STANDARD.map(PathBuf::from);
        let split = std::env::split_paths(path);
        for folder in split.take(FOLDERS_MAX).chain(standard) {
            let Some(text) = folder.to_str() else { continue };
            // A relative folder, the empty one too, would mean another place in every task.
            let ordinary = folder.is_absolute() && !text.chars().any(char::is_control);
            if !ordinary || seen.contains(&folder) {
                continue;
            }
            let keep = match look(&folder) {
                Verdict::Trusted => true,
                // Such as ~/.local/bin before the first tool is installed there.
                Verdict::Missing => folder.starts_with(home),
                Verdict::Writable => {
                    made.refused.push(text.to_owned());
                    false
                }
            };
            if keep && made.folders.len() + text.len() < BYTES_MAX {
                if !made.folders.is_empty() {
                    made.folders.push(':');
                }
                made.folders.push_str(text);
            }
            seen.push(folder);
        }
        made
    }

    /// The value of the variable.
    pub(super) fn as_str(&self) -> &str {
        &self.folders
    }

    /// The folders left out because others may put programs there.
    pub(in crate::cli) fn refused(&self) -> &[String] {
        &self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(folder: &Path) -> Verdict {
        match folder.to_str().unwrap() {
            "/tmp/evil" | "/srv/shared" => Verdict::Writable,
            "/gone" | "/home/u/.cargo/bin" => Verdict::Missing,
            _ => Verdict::Trusted,
        }
    }

    fn of(path: &str) -> SearchPath {
        SearchPath::of(path, Path::new("/home/u"), look)
    }

    #[test]
    fn the_owners_folders_come_in_their_order_and_the_standard_ones_last() {
        let path = of("/home/u/.local/bin:/usr/bin:/opt/node/bin:/usr/bin");
        assert_eq!(path.as_str(), "/home/u/.local/bin:/usr/bin:/opt/node/bin:/usr/local/bin:/bin");
    }

    #[test]
    fn folders_that_others_may_write_are_left_out_and_named() {
        let path = of("/tmp/evil:/usr/bin:/srv/shared");
        assert_eq!(path.as_str(), "/usr/bin:/usr/local/bin:/bin");
        assert_eq!(path.refused(), ["/tmp/evil", "/srv/shared"]);
    }

    #[test]
    fn relative_empty_and_odd_folders_are_left_out() {
        assert_eq!(of(":.:node_modules/.bin:/a\nb::").as_str(), "/usr/local/bin:/usr/bin:/bin");
    }

    #[test]
    fn missing_folders_stay_only_below_home() {
        let path = of("/gone:/home/u/.cargo/bin");
        assert_eq!(path.as_str(), "/home/u/.cargo/bin:/usr/local/bin:/usr/bin:/bin");
    }

    #[test]
    fn a_path_without_end_is_cut() {
        let long: Vec<String> = (0..5_000).map(|n| format!("/opt/folder-{n}/bin")).collect();
        let path = of(&long.join(":"));
        assert!(path.as_str().len() <= BYTES_MAX);
        assert!(path.as_str().split(':').count() <= FOLDERS_MAX + STANDARD.len());
    }
}
