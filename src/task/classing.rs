//! The class of a request, with a look at the disk: policy judges paths as text, and below a task's
//! folder a symbolic link may lead anywhere.
use std::path::Path;

use serde_json::Value;

use crate::model::Class;
use crate::policy;

/// Longest path that systems take, in bytes.
const PATH_BYTES_MAX: usize = 4096;

/// The class of using `tool` with `input` in `tree`, links as they are now.
pub(super) fn class_of(tool: &str, input: &Value, tree: &Path) -> Class {
    let class = policy::class_of(tool, input, tree);
    match (class, policy::file_of(tool, input)) {
        (Class::Read, Some(path)) if passes_a_link(path, tree) => Class::Exec,
        (Class::Write, Some(path)) if passes_a_link(path, tree) => Class::Destructive,
        _ => class,
    }
}

fn passes_a_link(path: &str, tree: &Path) -> bool {
    if path.len() > PATH_BYTES_MAX {
        return true;
    }
    let path = Path::new(path);
    let mut at = tree.to_owned();
    path.strip_prefix(tree).unwrap_or(path).components().any(|name| {
        at.push(name);
        at.symlink_metadata().is_ok_and(|found| found.is_symlink())
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_behind_a_link_is_none_of_the_tasks() {
        let root = tempfile::tempdir().unwrap();
        let tree = root.path().join("tree");
        std::fs::create_dir_all(tree.join("src")).unwrap();
        std::os::unix::fs::symlink(root.path(), tree.join("out")).unwrap();
        std::os::unix::fs::symlink("src", tree.join("near")).unwrap();
        let of = |tool: &str, path: &str| class_of(tool, &json!({ "file_path": path }), &tree);
        assert_eq!(of("Write", "src/new/a.rs"), Class::Write);
        assert_eq!(of("Read", "src/a.rs"), Class::Read);
        for path in ["out/x", "out", "near/a.rs", &*tree.join("out/x").to_string_lossy()] {
            assert_eq!(of("Write", path), Class::Destructive, "{path}");
            assert_eq!(of("Read", path), Class::Exec, "{path}");
        }
        assert_eq!(of("Write", &"a/".repeat(3_000)), Class::Destructive);
    }
}
