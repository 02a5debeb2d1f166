//! The base of a task that works in the owner's own folder: the folder as it was before.
//!
//! Nothing is copied. A folder that is as HEAD has it needs no record but HEAD; what differs is
//! committed into the gateway's own git directory, from a copy of the owner's index, which knows
//! what the disk said of each file.
use std::path::PathBuf;

use futures::future::{try_join, try_join3};
use gateway_os::folders::Durability;

use super::author;
use super::bare;
use super::branch::BranchName;
use super::error::{Doing, ProjectError};
use super::git::{GitError, Output};
use super::index::Index;
use super::leftovers::{LISTING_MAX, Listing, Scope, State, copy_index, push};
use super::note::Note;
use super::objects;
use super::oid::Oid;
use super::owner::OwnerRepository;
use super::prepare::{BASE_REF, BaseSpec, Order, Plan, notes};
use super::registry::Isolation;
use super::view::View;
use super::workspace::{Base, Workspace, Workspaces, blocking};
use crate::clock::Timestamp;

/// What `git status` says of the owner's folder.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Where HEAD stands.
    head: Option<Oid>,
    /// Whether the index differs from HEAD.
    staged: bool,
    /// What differs from the index.
    listing: Listing,
    /// A copy of the index; `None` when there is none.
    index: Option<PathBuf>,
    /// The owner's objects.
    objects: PathBuf,
}

/// So many paths reach the disk sooner when git gathers them.
const MANY: usize = 64;

impl Workspaces {
    /// A workspace that is the owner's folder.
    pub(super) async fn work_in_place(
        &self,
        order: &Order<'_>,
        branch: BranchName,
        repository: &OwnerRepository,
        view: &View,
    ) -> Result<Workspace, ProjectError> {
        let root = repository.work_tree.clone().ok_or(ProjectError::BareInPlace)?;
        let mut plan = Plan::of(order, branch, repository, root);
        // Git looks with the ignore rules of the last time while it tells which they are now.
        plan.excludes = self.known.excludes.get(&repository.git_dir).unwrap_or_default();
        view.exclude(&plan.excludes)?;
        let author = author::read(&self.git, Some(repository));
        let look = self.look(order, repository, view);
        let laid_out = blocking(move || plan.lay_out());
        let (author, mut seen, mut plan) = try_join3(author, look, laid_out).await?;
        if author.excludes != plan.excludes {
            plan.excludes = author.excludes;
            plan.write_excludes()?;
            view.exclude(&plan.excludes)?;
            seen = self.look(order, repository, view).await?;
            self.known.excludes.put(repository.git_dir.clone(), plan.excludes.clone());
        }
        let mut workspace = plan.workspace;
        workspace.base = match &seen {
            Some(Seen { head: Some(head), .. }) => Base::Commit(head.clone()),
            Some(_) => Base::Empty,
            None => self.base(order.base, view, None).await?,
        };
        workspace.notes =
            [Note::InPlace].into_iter().chain(notes(repository, &workspace.base)).collect();
        self.record_folder(workspace, order, seen).await
    }

    /// Looks at the owner's folder with a copy of its index; `None` when that cannot be relied on.
    async fn look(
        &self,
        order: &Order<'_>,
        repository: &OwnerRepository,
        view: &View,
    ) -> Result<Option<Seen>, ProjectError> {
        let (Some(root), BaseSpec::Head) = (&repository.work_tree, order.base) else {
            return Ok(None);
        };
        let index = view.take_index(repository).await?;
        let call = view
            .call("status")
            .work_tree(root)
            .index(&index)
            .args(["--porcelain=v2", "--branch", "-z", "--untracked-files=all"])
            .args(["--no-renames", "--ignore-submodules=all"])
            .keep(LISTING_MAX)
            .timeout(self.limits.git_timeout);
        let format = repository.settings.format;
        let found = blocking(move || {
            let bytes = match std::fs::read(&index) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Ok(Some(None));
                }
                Err(error) => return Err(error).doing("reading", &index),
            };
            Ok(Index::read(&bytes, format).plain.then_some(Some(index)))
        });
        let (status, index) = try_join(self.status(call), found).await?;
        let (Some(status), Some(index)) = (status, index) else { return Ok(None) };
        Ok(Seen::of(&status).map(|seen| Seen { index, objects: repository.objects(), ..seen }))
    }

    /// `None` when git does not understand what it finds there.
    async fn status(&self, call: super::git::Call) -> Result<Option<Output>, ProjectError> {
        match self.git.run(call).await {
            Ok(output) => Ok(Some(output)),
            Err(GitError::Failed { .. } | GitError::OutputTooLarge { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    /// Records the content of the owner's own folder as the base.
    pub(super) async fn record_folder(
        &self,
        mut workspace: Workspace,
        order: &Order<'_>,
        seen: Option<Seen>,
    ) -> Result<Workspace, ProjectError> {
        let parent = workspace.base.commit().cloned();
        let base = match seen {
            Some(seen) => self.record_seen(&workspace, seen, order.now).await,
            None => self.record(&workspace, parent.as_ref(), order.now).await,
        };
        let base = base.map_err(|error| match error {
            ProjectError::ChangesTooLarge { files_max, bytes_max } => {
                ProjectError::FolderTooLarge { path: workspace.tree.clone(), files_max, bytes_max }
            }
            other => other,
        })?;
        workspace.base = Base::Commit(base);
        workspace.save()?;
        Ok(workspace)
    }

    /// Records what git has told already.
    async fn record_seen(
        &self,
        workspace: &Workspace,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Oid, ProjectError> {
        let Seen { head, staged, listing, index, objects: known } = seen;
        if let Some(from) = index {
            let to = workspace.base_index();
            blocking(move || copy_index(&from, &to)).await?;
        }
        if let Some(head) = head.as_ref().filter(|_| !staged && listing.is_empty()) {
            bare::write_ref(&workspace.git_dir(), BASE_REF, head, Durability::Cached)?;
            return Ok(head.clone());
        }
        let few = listing.len() < MANY;
        let durability = if few { Durability::Cached } else { Durability::Synced };
        let scope = Scope { durability, ..self.scope(workspace) };
        match scope.write(&self.git, listing).await {
            Ok(State { tree, .. }) => {
                let head = head.as_ref();
                let base = self.keep_base(workspace, &tree, head, now, durability).await?;
                if few {
                    let own = workspace.git_dir().join("objects");
                    blocking(move || objects::sync_new(&own, &known)).await?;
                }
                Ok(base)
            }
            // Somebody works in the folder: what was told is not so any more.
            Err(ProjectError::Git(GitError::Failed { .. })) => {
                self.record(workspace, head.as_ref(), now).await
            }
            Err(other) => Err(other),
        }
    }

    /// Commits the present content of the tree into the gateway's git directory as the base.
    pub(super) async fn record(
        &self,
        workspace: &Workspace,
        parent: Option<&Oid>,
        now: Timestamp,
    ) -> Result<Oid, ProjectError> {
        let scope = self.scope(workspace);
        let call = workspace.call("read-tree").index(&scope.index);
        self.git
            .run(match parent {
                Some(parent) => call.revision(parent.as_str()),
                None => call.arg("--empty"),
            })
            .await?;
        let state = scope.state(&self.git).await?;
        match parent {
            Some(parent) if workspace.tree_of(&self.git, parent).await? == state.tree => {
                bare::write_ref(&workspace.git_dir(), BASE_REF, parent, Durability::Cached)?;
                Ok(parent.clone())
            }
            _ => self.keep_base(workspace, &state.tree, parent, now, Durability::Synced).await,
        }
    }

    fn scope(&self, workspace: &Workspace) -> Scope {
        Scope {
            git_dir: workspace.git_dir(),
            work_tree: workspace.tree.clone(),
            index: workspace.base_index(),
            objects: None,
            durability: Durability::Synced,
            unblock: workspace.isolation == Isolation::Clone,
            lfs: false,
            limits: self.limits,
        }
    }

    /// Commits a tree that nobody but the gateway has.
    async fn keep_base(
        &self,
        workspace: &Workspace,
        tree: &Oid,
        parent: Option<&Oid>,
        now: Timestamp,
        durability: Durability,
    ) -> Result<Oid, ProjectError> {
        let message = format!("The folder before task {}\n", workspace.task_id);
        let commit = self.commit(workspace, tree, parent, &message, now, durability).await?;
        bare::write_ref(&workspace.git_dir(), BASE_REF, &commit, durability)?;
        Ok(commit)
    }
}

impl Seen {
    /// Reads what `status --porcelain=v2 --branch -z` says; `None` for conflicts.
    fn of(status: &Output) -> Option<Self> {
        let mut seen = Self::default();
        for record in status.records() {
            match record {
                [b'#', b' ', header @ ..] => {
                    if let Some(oid) = header.strip_prefix(b"branch.oid ") {
                        seen.head = Oid::parse(oid);
                    }
                }
                [b'?', b' ', path @ ..] => push(&mut seen.listing.fresh, path),
                [b'1', b' ', index, tree, b' ', ..] => {
                    // Whether it is a submodule, three modes, two objects, then the path.
                    let path = record.splitn(9, |byte| *byte == b' ').nth(8)?;
                    seen.staged |= *index != b'.';
                    match tree {
                        b'.' => {}
                        b'D' => push(&mut seen.listing.gone, path),
                        _ => push(&mut seen.listing.changed, path),
                    }
                }
                _ => return None,
            }
        }
        Some(seen)
    }
}
