//! What the gateway keeps of a settled task's diff, so that it can be shown when the task's folder
//! is gone and the owner's repository has forgotten the commits: the objects that differ, in one
//! pack, and the names of the two trees.
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::bare::{self, Identity};
use super::diff::{self, Diff, DiffOptions};
use super::error::{Doing, ProjectError};
use super::git::{Call, Stdin};
use super::oid::{ObjectFormat, Oid};
use super::owner::{Settings, small_file};
use super::platform;
use super::workspace::{Workspace, Workspaces, blocking};

/// The largest pack that is kept, in bytes; the diff of a larger change lives as long as the task's
/// folder or its branch.
const PACK_BYTES_MAX: u64 = 64 << 20;

/// The mode of a submodule, whose commit is no object of this repository.
const SUBMODULE: &[u8] = b"160000";

/// `kept.json`.
#[derive(Debug, Deserialize, Serialize)]
struct Kept {
    format: ObjectFormat,
    comparing: Vec<(String, String)>,
    base: Oid,
    head: Oid,
}

impl Workspaces {
    /// Keeps what [`Workspaces::diff_kept`] needs in the folder `dir`, instead of what was there.
    /// A change that is too large is not kept.
    ///
    /// # Errors
    ///
    /// [`ProjectError::NotSettled`], or what kept git or the disk from doing it.
    pub async fn keep_diff(&self, workspace: &Workspace, dir: &Path) -> Result<(), ProjectError> {
        let empty = workspace.format.empty_tree();
        let head = self.settled(workspace)?.head.unwrap_or_else(|| empty.clone());
        let base = workspace.tree_of(&self.git, &workspace.base_tree()).await?;
        let head = workspace.tree_of(&self.git, &head).await?;
        let parent = dir.parent().unwrap_or(dir);
        platform::private_dir(parent).doing("making", parent)?;
        let fresh = tempfile::Builder::new()
            .prefix("diff-")
            .tempdir_in(parent)
            .doing("making a folder in", parent)?;
        let pack = fresh.path().join("objects/pack");
        platform::private_dir(&pack).doing("making", &pack)?;
        let mut objects = self.differing(workspace, &base, &head).await?;
        objects.extend([&base, &head].into_iter().filter(|tree| **tree != empty).cloned());
        let mut list = String::new();
        for oid in &objects {
            // Writing to a String cannot fail.
            let _ = writeln!(list, "{oid}");
        }
        let call = workspace.call("pack-objects").args(["--quiet", "--non-empty"]);
        let call = call.arg(pack.join("pack").as_os_str()).stdin(Stdin::Bytes(list.into()));
        self.git.run(call.timeout(self.limits.git_timeout)).await?;
        let kept =
            Kept { format: workspace.format, comparing: workspace.comparing.clone(), base, head };
        let dir = dir.to_owned();
        blocking(move || {
            let entries = fs::read_dir(&pack).doing("reading", &pack)?.flatten();
            let bytes: u64 =
                entries.filter_map(|entry| entry.metadata().ok()).map(|m| m.len()).sum();
            if dir.exists() {
                fs::remove_dir_all(&dir).doing("removing", &dir)?;
            }
            if bytes > PACK_BYTES_MAX {
                tracing::warn!(bytes, "the change is too large for its diff to be kept apart");
                return Ok(());
            }
            let record = fresh.path().join("kept.json");
            let text = serde_json::to_vec(&kept).map_err(std::io::Error::other);
            text.and_then(|text| platform::write_file(&record, &text)).doing("writing", &record)?;
            fs::rename(fresh.keep(), &dir).doing("making", &dir)
        })
        .await
    }

    /// The difference that [`Workspaces::keep_diff`] kept in `dir`.
    ///
    /// # Errors
    ///
    /// [`ProjectError::Gone`] when there is nothing, or what kept git from answering.
    pub async fn diff_kept(&self, dir: &Path, options: &DiffOptions) -> Result<Diff, ProjectError> {
        let text = small_file(&dir.join("kept.json")).map_err(|_| ProjectError::Gone)?;
        let kept: Kept = serde_json::from_slice(&text).map_err(|_| ProjectError::Gone)?;
        platform::private_dir(&self.scratch).doing("making", &self.scratch)?;
        let git_dir = tempfile::Builder::new()
            .prefix("kept-")
            .tempdir_in(&self.scratch)
            .doing("making a folder in", &self.scratch)?;
        // Nothing in `dir` but objects counts: the rest of a git directory is written here.
        let settings = Settings::recorded(kept.format, &kept.comparing);
        bare::write(git_dir.path(), "none", true, &settings, &Identity::default())?;
        let objects = dir.join("objects");
        let call = || Call::new("diff-tree").own_dir(git_dir.path()).alternate(&objects);
        diff::page(&self.git, &call, &kept.base, &kept.head, options).await
    }

    /// The blobs and trees that a diff between two trees looks at, but for the two themselves.
    async fn differing(
        &self,
        workspace: &Workspace,
        base: &Oid,
        head: &Oid,
    ) -> Result<BTreeSet<Oid>, ProjectError> {
        let call = workspace.call("diff-tree").args(["-r", "-t", "-z", "--raw", "--no-renames"]);
        let call = call.revision(base.as_str()).revision(head.as_str()).no_paths();
        let listing = self.git.run(call.keep(64 << 20)).await?;
        let mut objects = BTreeSet::new();
        // A record of both modes, both objects and a letter, then the path.
        for meta in listing.records().step_by(2).filter(|record| !record.is_empty()) {
            let parts: Vec<&[u8]> = meta[1..].split(|byte| *byte == b' ').collect();
            let [old_mode, new_mode, old, new, ..] = parts.as_slice() else { continue };
            for (mode, oid) in [(old_mode, old), (new_mode, new)] {
                // All zeros, where there is nothing, is no name.
                objects.extend(Oid::parse(oid).filter(|_| *mode != SUBMODULE));
            }
        }
        Ok(objects)
    }
}
