//! Where a path leads, as seen from the task's folder; as text, since nothing here looks at disks.
use std::path::Path;

use crate::model::steers;

/// Names that steer git, agents, editors or shells: writing there is more than writing a file.
const STEERING: [&str; 29] = [
    ".git",
    ".gitmodules",
    ".gitattributes",
    ".gitconfig",
    ".githooks",
    ".husky",
    ".pre-commit-config.yaml",
    "lefthook.yml",
    ".claude",
    ".claude.json",
    ".mcp.json",
    "claude.md",
    "claude.local.md",
    "agents.md",
    "agents.override.md",
    "gemini.md",
    ".codex",
    ".gemini",
    ".opencode",
    "opencode.json",
    ".hermes",
    ".cursor",
    ".cursorrules",
    ".vscode",
    ".idea",
    ".envrc",
    ".bashrc",
    ".profile",
    ".ssh",
];

/// Where a path leads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// A file or folder of the task.
    Inside,
    /// Below the task's folder, and it steers what runs later.
    Steering,
    /// Somewhere else, or nobody can tell.
    Outside,
}

/// Where `path` leads from `tree`. Nothing that climbs counts as inside, wherever it would end.
pub(super) fn place_of(path: &str, tree: &Path) -> Place {
    let below = match tree.to_str().and_then(|tree| path.strip_prefix(tree)) {
        Some("") => return Place::Inside,
        Some(rest) if rest.starts_with('/') => rest.trim_start_matches('/'),
        _ => path,
    };
    let absolute = below.starts_with(['/', '\\', '~']) || below.as_bytes().get(1) == Some(&b':');
    if below.is_empty() || absolute || below.chars().any(steers) {
        return Place::Outside;
    }
    let names = || below.split(['/', '\\']);
    if names().any(|name| name == "..") {
        return Place::Outside;
    }
    if names().any(is_steering) { Place::Steering } else { Place::Inside }
}

/// Whether a name steers, under any of the spellings that file systems take for the same.
pub(super) fn is_steering(name: &str) -> bool {
    // NTFS passes over dots and blanks at the end, and reads a stream's name after a colon.
    let name = name.split(':').next().unwrap_or(name).trim_end_matches(['.', ' ']);
    let name = name.to_lowercase();
    STEERING.contains(&&*name) || name.contains("git~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_inside_only_when_nothing_about_it_is_strange() {
        let of = |path: &str| place_of(path, Path::new("/w/tree"));
        for path in ["a", "/w/tree/a b/ü.rs", "./a", "/w/tree", "src/hooks/use.ts", "...", "a~"] {
            assert_eq!(of(path), Place::Inside, "{path}");
        }
        for path in [
            "",
            "/",
            "/w/treehouse/a",
            "/w/tree/../x",
            "a/..",
            "..\\x",
            "~/x",
            "C:/x",
            "c:x",
            "\\\\host\\x",
            "a\u{202e}b",
            "a\0b",
            "a\nb",
            "/W/tree/a",
        ] {
            assert_eq!(of(path), Place::Outside, "{path:?}");
        }
        for path in [
            ".git/config",
            "/w/tree/.git/hooks/pre-commit",
            "sub/.GIT/config",
            ".git./config",
            ".git /config",
            ".git::$INDEX_ALLOCATION/config",
            "git~1/config",
            ".claude/settings.json",
            "CLAUDE.md",
            "docs/Agents.md",
            ".mcp.json",
            ".husky\\pre-push",
        ] {
            assert_eq!(of(path), Place::Steering, "{path}");
        }
    }
}
