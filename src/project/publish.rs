//! Publishing: the one branch of a task becomes a new ref in the owner's repository.
//!
//! The objects that the owner lacks are packed and checked in the gateway's own folder, then the
//! pack is put into the owner's store (pack first, index last, both under their final names at
//! once), then the ref is created, expected not to exist. Nothing else of the owner's is written:
//! no `FETCH_HEAD`, no reflog, no index, no gc.
use std::fs;
use std::path::{Path, PathBuf};

use super::branch::BranchName;
use super::error::{Doing, ProjectError};
use super::git::{Call, GitError, Stdin};
use super::import::pack;
use super::oid::{self, Oid};
use super::owner::OwnerRepository;
use super::platform;
use super::prepare::blocked;
use super::registry::Project;
use super::view::View;
use super::workspace::{Workspace, Workspaces, blocking};

/// What publishing came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Published {
    /// The branch is in the owner's repository.
    Branch {
        /// Its name.
        branch: BranchName,
        /// Its commit.
        head: Oid,
    },
    /// The task changed nothing, so there is no branch.
    Nothing,
    /// The project has no repository, or the task worked in place; the result is where it is.
    Kept,
}

impl Workspaces {
    /// Puts the settled branch into the owner's repository. May be repeated.
    ///
    /// When the future is dropped, the owner's store may hold a pack that no ref needs, which
    /// `git gc` removes; the ref is created last.
    ///
    /// # Errors
    ///
    /// [`ProjectError::NotSettled`]; [`ProjectError::BranchExists`] when a branch of that name
    /// holds something else; [`ProjectError::BranchBlocked`]; or what kept git from doing it.
    pub async fn publish(
        &self,
        workspace: &Workspace,
        project: &Project,
    ) -> Result<Published, ProjectError> {
        let settled = self.settled(workspace)?;
        workspace.renew_config()?;
        if !workspace.publishable {
            return Ok(Published::Kept);
        }
        let Some(head) = settled.head.filter(|_| settled.changed) else {
            return Ok(Published::Nothing);
        };
        let Some((repository, view)) = self.view(project).await? else {
            return Err(ProjectError::BadRepository {
                path: project.path.clone(),
                why: "it was one when the task began and is none now",
            });
        };
        let branch = workspace.branch.clone();
        let name = branch.reference();
        let refs = view.refs(&self.git).await?;
        let published = Published::Branch { branch: branch.clone(), head: head.clone() };
        if refs.iter().any(|(oid, existing)| *existing == name && *oid == head) {
            return Ok(published);
        }
        blocked(&branch, &refs)?;
        let tips: Vec<Oid> = refs.into_iter().map(|(oid, _)| oid).collect();
        self.hand_over(workspace, &repository, &view, &head, tips).await?;
        if let Err(error) = view.create(&self.git, &name, &head).await {
            // Somebody may have been faster; then that is the better message.
            blocked(&branch, &view.refs(&self.git).await?)?;
            return Err(error);
        }
        Ok(published)
    }

    /// Puts the objects that the owner lacks into the owner's store.
    pub(super) async fn hand_over(
        &self,
        workspace: &Workspace,
        repository: &OwnerRepository,
        view: &View,
        head: &Oid,
        mut tips: Vec<Oid>,
    ) -> Result<(), ProjectError> {
        tips.extend(view.head(&self.git).await?.commit);
        tips.sort();
        tips.dedup();
        let known = self.known(workspace, &tips).await?;
        let scratch = workspace.scratch();
        platform::private_dir(&scratch).doing("making", &scratch)?;
        let dir = tempfile::Builder::new()
            .prefix("outgoing-")
            .tempdir_in(&scratch)
            .doing("making a folder in", &scratch)?;
        let range = oid::range(head, &known);
        let calls = (workspace.call("pack-objects"), workspace.call("index-pack"));
        self.deliver(calls, range, dir.path(), repository).await?;
        // The owner's own store must now hold everything, whatever its `gc` did meanwhile.
        let whole = view
            .call("rev-list")
            .args(["--objects", "--quiet", "--stdin"])
            .stdin(Stdin::Bytes(oid::range(head, &known).into()))
            .timeout(self.limits.git_timeout);
        self.git.run(whole).await?;
        Ok(())
    }

    /// Packs what `range` selects with the first call, checks it with the second, and puts it into
    /// the owner's store.
    pub(super) async fn deliver(
        &self,
        (pack_objects, index_pack): (Call, Call),
        range: String,
        dir: &Path,
        repository: &OwnerRepository,
    ) -> Result<(), ProjectError> {
        let stem = dir.join("pack");
        let packed = pack(&self.git, pack_objects, range, &stem, self.limits).await?;
        let Some(file) = packed else { return Ok(()) };
        let check = index_pack
            .args(["--strict".into(), "-o".into(), dir.join("check.idx").into_os_string()])
            .arg(file.as_os_str())
            .timeout(self.limits.git_timeout);
        self.git.run(check).await.map_err(|error| match error {
            GitError::Failed { message, .. } => ProjectError::Unsound(message),
            other => other.into(),
        })?;
        let store = repository.objects().join("pack");
        blocking(move || install(&file, &store)).await
    }

    /// Those of `tips` that the gateway's own git directory has too.
    async fn known(&self, workspace: &Workspace, tips: &[Oid]) -> Result<Vec<Oid>, ProjectError> {
        let list: Vec<&str> = tips
            .iter()
            .flat_map(|oid| {
                [
                    oid.as_str(),
                    "
",
                ]
            })
            .collect();
        let call = workspace
            .call("cat-file")
            .arg("--batch-check=%(objectname) %(objecttype)")
            .stdin(Stdin::Bytes(list.concat().into()));
        let answer = self.git.run(call).await.map_err(|error| match error {
            GitError::OutputTooLarge { .. } => {
                GitError::Unexpected { command: "cat-file", what: "too many refs" }
            }
            other => other,
        })?;
        let text = answer.text();
        let there = text.lines().filter_map(|line| line.split_once(' '));
        Ok(there
            .filter(|(_, kind)| matches!(*kind, "commit" | "tag"))
            .filter_map(|(oid, _)| Oid::parse(oid.as_bytes()))
            .collect())
    }
}

/// Puts a pack and its index into a store.
fn install(pack: &Path, store: &Path) -> Result<(), ProjectError> {
    if !store.is_dir() {
        fs::create_dir_all(store).doing("making", store)?;
    }
    for file in [pack.to_owned(), pack.with_extension("idx")] {
        let target: PathBuf = store.join(file.file_name().unwrap_or_default());
        fs::File::open(&file).and_then(|file| file.sync_all()).doing("syncing", &file)?;
        if target.exists() || fs::hard_link(&file, &target).is_ok() {
            continue;
        }
        let mut fresh = tempfile::Builder::new()
            .prefix("tmp_gateway_")
            .tempfile_in(store)
            .doing("writing into", store)?;
        let mut from = fs::File::open(&file).doing("reading", &file)?;
        std::io::copy(&mut from, fresh.as_file_mut()).doing("writing into", store)?;
        fresh.as_file().sync_all().doing("writing into", store)?;
        let mode = from.metadata().doing("reading", &file)?.permissions();
        fresh.as_file().set_permissions(mode).doing("writing into", store)?;
        fresh.persist(&target).map_err(|error| error.error).doing("writing", &target)?;
    }
    Ok(())
}
