//! Making a workspace: the clone, the gateway's own git directory, and the record of the base.
use std::fs;
use std::path::{Path, PathBuf};

use futures::future::try_join3;

use super::author;
use super::bare::{self, Identity};
use super::branch::BranchName;
use super::error::{Doing, ProjectError};
use super::git::Call;
use super::leftovers::{Scope, copy_index};
use super::note::Note;
use super::objects;
use super::oid::Oid;
use super::owner::{OwnerRepository, Settings, small_file};
use super::platform;
use super::registry::{Isolation, Project};
use super::view::{HeadState, View, copy_if_there};
use super::workspace::{Base, Limits, Workspace, Workspaces, blocking};
use crate::clock::Timestamp;

/// What a workspace is made for.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The task's id: 1 to 64 letters, digits and dashes, not beginning with a dash.
    pub task_id: &'a str,
    /// The task's title, of which a few words enter the branch's name.
    pub title: &'a str,
    /// The task's folder, `<state>/work/<id>`; absolute, made here.
    pub work_dir: &'a Path,
    /// What the task begins from.
    pub base: BaseSpec<'a>,
    /// The present moment, for commits that the gateway makes.
    pub now: Timestamp,
}

/// What a task begins from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum BaseSpec<'a> {
    /// Where the owner's HEAD stands.
    #[default]
    Head,
    /// A branch of the owner's repository, by its name.
    Branch(&'a str),
}

/// What stands still while a workspace is made.
struct Plan {
    workspace: Workspace,
    settings: Settings,
    identity: Identity,
    excludes: String,
    refs: Vec<(Oid, String)>,
    objects: Option<PathBuf>,
    common_dir: Option<PathBuf>,
}

impl Workspaces {
    /// Makes the workspace of a task.
    ///
    /// A folder without git is copied into a repository of its own (bounded by [`Limits`]). With
    /// [`Isolation::None`] nothing is copied; the folder's content is recorded as the base. The
    /// owner's repository is only read.
    ///
    /// When the future is dropped, or the gateway dies, the unfinished folder counts as none and
    /// the next call begins anew.
    ///
    /// # Errors
    ///
    /// [`ProjectError::WorkDirInUse`] when the task has a workspace already;
    /// [`ProjectError::UnknownBase`], [`ProjectError::BranchBlocked`],
    /// [`ProjectError::FolderTooLarge`], or what kept git or the disk from doing it.
    pub async fn prepare(
        &self,
        project: &Project,
        order: &Order<'_>,
    ) -> Result<Workspace, ProjectError> {
        let branch = task_branch(project, order)?;
        clear_unfinished(order.work_dir)?;
        let in_place = project.isolation == Isolation::None;
        let opened = self.view(project).await?;
        let plan = match &opened {
            Some((repository, view)) => {
                self.plan_git(project, order, branch, repository, view).await?
            }
            None => self.plan_folder(project, order, branch).await?,
        };
        drop(opened);
        let plan = blocking(move || plan.lay_out()).await?;
        if in_place {
            self.record_in_place(&plan, order).await
        } else if plan.workspace.publishable {
            self.check_out(&plan).await
        } else {
            self.copy_folder(&plan, project, order).await
        }
    }

    async fn plan_git(
        &self,
        project: &Project,
        order: &Order<'_>,
        branch: BranchName,
        repository: &OwnerRepository,
        view: &View,
    ) -> Result<Plan, ProjectError> {
        let in_place = project.isolation == Isolation::None;
        let root = match (&repository.work_tree, in_place) {
            (Some(root), true) => root.clone(),
            (None, true) => return Err(ProjectError::BareInPlace),
            (_, false) => order.work_dir.join("tree"),
        };
        // Each of them starts processes of its own, and the agent waits for all.
        let (head, refs, author) = try_join3(
            view.head(&self.git),
            view.refs(&self.git),
            author::read(&self.git, Some(repository)),
        )
        .await?;
        if !in_place {
            blocked(&branch, &refs)?;
        }
        let base = self.base(order, view, &head).await?;
        let notes = self.notes(repository, view, in_place, &base).await?;
        Ok(Plan {
            workspace: Workspace {
                task_id: order.task_id.to_owned(),
                dir: root.join(&repository.prefix),
                tree: root,
                work_dir: order.work_dir.to_owned(),
                isolation: project.isolation,
                publishable: !in_place,
                base,
                branch,
                format: repository.settings.format,
                comparing: repository.settings.record(),
                title: order.title.to_owned(),
                notes,
            },
            settings: repository.settings.clone(),
            identity: author.identity,
            excludes: author.excludes,
            refs,
            objects: Some(repository.objects()),
            common_dir: Some(repository.common_dir.clone()),
        })
    }

    async fn plan_folder(
        &self,
        project: &Project,
        order: &Order<'_>,
        branch: BranchName,
    ) -> Result<Plan, ProjectError> {
        let in_place = project.isolation == Isolation::None;
        let root = if in_place { project.path.clone() } else { order.work_dir.join("tree") };
        let author = author::read(&self.git, None).await?;
        Ok(Plan {
            workspace: Workspace {
                task_id: order.task_id.to_owned(),
                dir: root.clone(),
                tree: root,
                work_dir: order.work_dir.to_owned(),
                isolation: project.isolation,
                publishable: false,
                base: Base::Empty,
                branch,
                format: super::oid::ObjectFormat::Sha1,
                comparing: Vec::new(),
                title: order.title.to_owned(),
                notes: vec![if in_place { Note::InPlace } else { Note::CopyOfFolder }],
            },
            settings: Settings::default(),
            identity: author.identity,
            excludes: author.excludes,
            refs: Vec::new(),
            objects: None,
            common_dir: None,
        })
    }

    async fn base(
        &self,
        order: &Order<'_>,
        view: &View,
        head: &HeadState,
    ) -> Result<Base, ProjectError> {
        let BaseSpec::Branch(name) = order.base else {
            return Ok(head.commit.clone().map_or(Base::Empty, Base::Commit));
        };
        let unknown = || ProjectError::UnknownBase(name.chars().take(200).collect());
        let branch: BranchName = name.parse().map_err(|_| unknown())?;
        let commit = view.commit(&self.git, &branch.reference()).await?;
        commit.map(Base::Commit).ok_or_else(unknown)
    }

    async fn notes(
        &self,
        repository: &OwnerRepository,
        view: &View,
        in_place: bool,
        base: &Base,
    ) -> Result<Vec<Note>, ProjectError> {
        let mut notes = Vec::new();
        if in_place {
            notes.push(Note::InPlace);
        } else {
            // Counting is a courtesy: a tree that git cannot read in time must not stop the task.
            let files = self.changes(repository, view).await.map_or(0, |changes| changes.total());
            if files > 0 {
                notes.push(Note::UncommittedLeftOut { files });
            }
        }
        if *base == Base::Empty {
            notes.push(Note::NoCommitYet);
        }
        if repository.shallow {
            notes.push(Note::Shallow);
        }
        if repository.settings.partial {
            notes.push(Note::Partial);
        }
        Ok(notes)
    }

    /// Fills the tree with the base and remembers what the disk says of each file.
    async fn check_out(&self, plan: &Plan) -> Result<Workspace, ProjectError> {
        let mut workspace = plan.workspace.clone();
        let dot_git = workspace.tree.join(".git");
        let call = |name| {
            Call::new(name)
                .git_dir(&dot_git)
                .work_tree(&workspace.tree)
                .timeout(self.limits.git_timeout)
        };
        if let Some(base) = workspace.base.commit() {
            self.git
                .run(
                    call("read-tree")
                        .setting("checkout.workers=2")
                        .args(["--reset", "-u"])
                        .revision(base.as_str()),
                )
                .await?;
        } else {
            self.git.run(call("read-tree").arg("--empty")).await?;
        }
        copy_index(&dot_git.join("index"), &workspace.base_index())?;
        let mut notes = self.content_notes(&workspace).await?;
        workspace.notes.append(&mut notes);
        if let Some(base) = workspace.base.commit() {
            workspace.set_refs(&self.git, &[("refs/gateway/base", base)]).await?;
        }
        // A project below the repository's root that the base does not have yet.
        platform::private_dir(&workspace.dir).doing("making", &workspace.dir)?;
        workspace.save()?;
        Ok(workspace)
    }

    /// What the base's content asks to be told.
    async fn content_notes(&self, workspace: &Workspace) -> Result<Vec<Note>, ProjectError> {
        let mut notes = Vec::new();
        if workspace.tree.join(".gitmodules").is_file() {
            notes.push(Note::SubmodulesEmpty);
        }
        let call = workspace
            .call("ls-files")
            .index(&workspace.base_index())
            .setting("core.bare=false")
            .work_tree(&workspace.tree)
            .arg("-z")
            .globs();
        let call = call.path(":(top,glob)**/.gitattributes").window(0, 1 << 20);
        let listing = self.git.run(call).await?;
        let lfs = listing.records().take(500).any(|record| {
            let file = platform::path_from_bytes(record.to_vec());
            let file = file.map(|file| workspace.tree.join(file));
            let real = file.filter(|file| file.symlink_metadata().is_ok_and(|m| m.is_file()));
            let bytes = real.and_then(|file| small_file(&file).ok()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains("filter=lfs")
        });
        if lfs {
            notes.push(Note::LfsPointers);
        }
        Ok(notes)
    }

    /// Copies a folder without git into the tree and commits it as the base.
    async fn copy_folder(
        &self,
        plan: &Plan,
        project: &Project,
        order: &Order<'_>,
    ) -> Result<Workspace, ProjectError> {
        let mut workspace = plan.workspace.clone();
        let copy = Copy {
            from: project.path.clone(),
            to: workspace.tree.clone(),
            not: vec![workspace.work_dir.clone(), self.scratch.clone()],
            limits: self.limits,
        };
        blocking(move || copy.run()).await?;
        let base = self.record(&workspace, None, order.now, false).await?;
        // The clone gets what the record wrote: the same objects, the same index.
        let (from, to) = (workspace.git_dir().join("objects"), workspace.tree.join(".git"));
        let index = workspace.base_index();
        let (branch, tip) = (workspace.branch.reference(), base.clone());
        blocking(move || {
            objects::take_all(&from, &to.join("objects"))?;
            copy_index(&index, &to.join("index"))?;
            let file = to.join(branch);
            let folder = file.parent().unwrap_or(&to);
            platform::private_dir(folder).doing("making", folder)?;
            platform::write_file(&file, format!("{tip}\n").as_bytes()).doing("writing", &file)
        })
        .await?;
        workspace.base = Base::Commit(base);
        workspace.save()?;
        Ok(workspace)
    }

    /// Records the content of the owner's own folder as the base.
    async fn record_in_place(
        &self,
        plan: &Plan,
        order: &Order<'_>,
    ) -> Result<Workspace, ProjectError> {
        let mut workspace = plan.workspace.clone();
        let parent = workspace.base.commit().cloned();
        let base = self.record(&workspace, parent.as_ref(), order.now, true).await;
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

    /// Commits the present content of the tree into the gateway's git directory as the base.
    async fn record(
        &self,
        workspace: &Workspace,
        parent: Option<&Oid>,
        now: Timestamp,
        in_place: bool,
    ) -> Result<Oid, ProjectError> {
        let scope = Scope {
            git_dir: workspace.git_dir(),
            work_tree: workspace.tree.clone(),
            index: workspace.base_index(),
            objects: None,
            unblock: !in_place,
            lfs: false,
            limits: self.limits,
        };
        let call = workspace.call("read-tree").index(&scope.index);
        self.git
            .run(match parent {
                Some(parent) => call.revision(parent.as_str()),
                None => call.arg("--empty"),
            })
            .await?;
        let state = scope.state(&self.git).await?;
        let commit = match parent {
            Some(parent) if workspace.tree_of(&self.git, parent).await? == state.tree => {
                parent.clone()
            }
            _ => {
                let message = format!("The folder before task {}\n", workspace.task_id);
                self.commit(workspace, &state.tree, parent, &message, now).await?
            }
        };
        workspace.set_refs(&self.git, &[("refs/gateway/base", &commit)]).await?;
        Ok(commit)
    }
}

impl Plan {
    /// Writes the git directories and links the objects.
    fn lay_out(self) -> Result<Self, ProjectError> {
        let workspace = &self.workspace;
        let work_dir = &workspace.work_dir;
        platform::private_dir(work_dir).doing("making", work_dir)?;
        let own = workspace.git_dir();
        let nobody = Identity::default();
        bare::write(&own, workspace.branch.as_str(), true, &self.settings, &nobody)?;
        self.fill(&own, self.objects.as_deref())?;
        if workspace.isolation == Isolation::Clone {
            let dot_git = workspace.tree.join(".git");
            let (branch, settings) = (workspace.branch.as_str(), &self.settings);
            bare::write(&dot_git, branch, false, settings, &self.identity)?;
            self.fill(&dot_git, Some(&own.join("objects")))?;
            self.write_refs(&dot_git)?;
        }
        Ok(self)
    }

    fn fill(&self, git_dir: &Path, store: Option<&Path>) -> Result<(), ProjectError> {
        let exclude = git_dir.join("info/exclude");
        platform::write_file(&exclude, self.excludes.as_bytes()).doing("writing", &exclude)?;
        if let Some(common) = &self.common_dir {
            copy_if_there(&common.join("shallow"), &git_dir.join("shallow"))?;
            copy_if_there(&common.join("info/attributes"), &git_dir.join("info/attributes"))?;
        }
        match store {
            Some(store) => objects::take_all(store, &git_dir.join("objects")),
            None => Ok(()),
        }
    }

    /// The clone's refs: the task's branch at the base, the owner's tags, and the owner's branches
    /// as `owner/<name>`, so that versions can be described and branches compared.
    fn write_refs(&self, dot_git: &Path) -> Result<(), ProjectError> {
        let mut refs: Vec<(String, &Oid)> = Vec::new();
        if let Some(base) = self.workspace.base.commit() {
            refs.push((self.workspace.branch.reference(), base));
        }
        for (oid, name) in &self.refs {
            if let Some(branch) = name.strip_prefix("refs/heads/") {
                refs.push((format!("refs/remotes/owner/{branch}"), oid));
            } else if name.starts_with("refs/tags/") {
                refs.push((name.clone(), oid));
            }
        }
        refs.sort();
        let text: Vec<&str> = refs
            .iter()
            .flat_map(|(name, oid)| {
                [
                    oid.as_str(),
                    " ",
                    name,
                    "
",
                ]
            })
            .collect();
        let file = dot_git.join("packed-refs");
        platform::write_file(&file, text.concat().as_bytes()).doing("writing", &file)
    }
}

fn task_branch(project: &Project, order: &Order<'_>) -> Result<BranchName, ProjectError> {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let id = order.task_id;
    if id.is_empty() || id.len() > 64 || id.starts_with('-') || !id.bytes().all(inner) {
        return Err(ProjectError::BadTaskId);
    }
    Ok(BranchName::of_task(&project.branch_prefix, id, order.title)?)
}

/// Refuses a branch that cannot be created later beside those there are.
pub(super) fn blocked(branch: &BranchName, refs: &[(Oid, String)]) -> Result<(), ProjectError> {
    let wanted = branch.reference();
    for (_, name) in refs {
        if *name == wanted {
            return Err(ProjectError::BranchExists(branch.clone()));
        }
        let (short, long) =
            if name.len() < wanted.len() { (name, &wanted) } else { (&wanted, name) };
        if long.strip_prefix(short.as_str()).is_some_and(|rest| rest.starts_with('/')) {
            let existing = name.strip_prefix("refs/heads/").unwrap_or(name).to_owned();
            return Err(ProjectError::BranchBlocked { wanted: branch.clone(), existing });
        }
    }
    Ok(())
}

/// Removes what an interrupted `prepare` left; no agent has worked there.
fn clear_unfinished(work_dir: &Path) -> Result<(), ProjectError> {
    if work_dir.join("workspace.json").symlink_metadata().is_ok() {
        return Err(ProjectError::WorkDirInUse(work_dir.to_owned()));
    }
    for name in ["tree", "gateway.git", "tmp"] {
        let folder = work_dir.join(name);
        if folder.symlink_metadata().is_ok() {
            fs::remove_dir_all(&folder).doing("removing", &folder)?;
        }
    }
    Ok(())
}

/// Copying a folder without git.
struct Copy {
    from: PathBuf,
    to: PathBuf,
    not: Vec<PathBuf>,
    limits: Limits,
}

impl Copy {
    /// Copies files, folders and symbolic links (as they are); no `.git`, pipes, sockets, devices.
    fn run(&self) -> Result<(), ProjectError> {
        let (mut files, mut bytes) = (0_usize, 0_u64);
        let mut folders = vec![PathBuf::new()];
        while let Some(below) = folders.pop() {
            let folder = self.from.join(&below);
            for entry in fs::read_dir(&folder).doing("reading", &folder)? {
                let entry = entry.doing("reading", &folder)?;
                let (path, below) = (entry.path(), below.join(entry.file_name()));
                let kind = entry.file_type().doing("reading", &path)?;
                if entry.file_name() == ".git" || self.not.contains(&path) {
                    continue;
                }
                let to = self.to.join(&below);
                if kind.is_dir() {
                    platform::private_dir(&to).doing("making", &to)?;
                    folders.push(below);
                    continue;
                }
                if !kind.is_file() && !kind.is_symlink() {
                    continue;
                }
                files += 1;
                bytes += entry.metadata().doing("reading", &path)?.len();
                if files > self.limits.files_max || bytes > self.limits.bytes_max {
                    let Limits { files_max, bytes_max, .. } = self.limits;
                    let path = self.from.clone();
                    return Err(ProjectError::FolderTooLarge { path, files_max, bytes_max });
                }
                if kind.is_symlink() {
                    let target = fs::read_link(&path).doing("reading", &path)?;
                    platform::symlink(&target, &to).doing("linking", &to)?;
                } else {
                    fs::copy(&path, &to).doing("copying", &path)?;
                }
            }
        }
        Ok(())
    }
}
