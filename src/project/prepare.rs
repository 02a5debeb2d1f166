//! Making a workspace: the clone, the gateway's own git directory, and the record of the base.
use std::fs;
use std::path::{Path, PathBuf};

use futures::future::try_join;
use gateway_os::folders::Durability;

use super::author;
use super::bare::{self, Identity};
use super::branch::BranchName;
use super::error::{Doing, ProjectError};
use super::git::Call;
use super::index::Index;
use super::leftovers::copy_index;
use super::note::Note;
use super::objects;
use super::oid::Oid;
use super::owner::{OwnerRepository, Settings, small_file};
use super::platform;
use super::registry::{Isolation, Project, nearest};
use super::view::{View, copy_if_there};
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

/// The ref that keeps the base in the gateway's own git directory.
pub(super) const BASE_REF: &str = "refs/gateway/base";

/// What stands still while a workspace is made.
pub(super) struct Plan {
    pub(super) workspace: Workspace,
    settings: Settings,
    identity: Identity,
    pub(super) excludes: String,
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
        match (self.view(project).await?, project.isolation) {
            (Some((repository, view)), Isolation::Clone) => {
                self.clone_owner(order, branch, &repository, &view).await
            }
            (Some((repository, view)), Isolation::None) => {
                self.work_in_place(order, branch, &repository, &view).await
            }
            (None, isolation) => {
                let plan = self.plan_folder(project, order, branch).await?;
                let plan = blocking(move || plan.lay_out()).await?;
                match isolation {
                    Isolation::Clone => self.copy_folder(&plan, project, order).await,
                    Isolation::None => self.record_folder(plan.workspace, order, None).await,
                }
            }
        }
    }

    /// A clone of the owner's repository with the base checked out.
    async fn clone_owner(
        &self,
        order: &Order<'_>,
        branch: BranchName,
        repository: &OwnerRepository,
        view: &View,
    ) -> Result<Workspace, ProjectError> {
        let mut plan = Plan::of(order, branch, repository, order.work_dir.join("tree"));
        plan.workspace.isolation = Isolation::Clone;
        plan.workspace.publishable = true;
        let made = async {
            let (author, (refs, head)) =
                try_join(author::read(&self.git, Some(repository)), view.refs_and_head(&self.git))
                    .await?;
            blocked(&plan.workspace.branch, &refs)?;
            plan.workspace.base = self.base(order.base, view, head).await?;
            plan.workspace.base_branch = match order.base {
                BaseSpec::Head => view.branch(),
                BaseSpec::Branch(name) => name.parse().ok(),
            };
            plan.workspace.notes = notes(repository, &plan.workspace.base);
            plan.identity = author.identity;
            plan.excludes = author.excludes;
            plan.refs = refs;
            let plan = blocking(move || plan.lay_out()).await?;
            let workspace = plan.workspace.clone();
            let linked = blocking(move || plan.link_objects());
            let (workspace, ()) = try_join(self.check_out(workspace), linked).await?;
            Ok(workspace)
        };
        // Counting is a courtesy: a tree that git cannot read in time must not stop the task. It
        // takes long, so it begins first.
        let counted = async {
            let changes = self.changes(repository, view).await;
            Ok::<_, ProjectError>(changes.map_or(0, |changes| changes.total()))
        };
        let (files, mut workspace) = try_join(counted, made).await?;
        if files > 0 {
            workspace.notes.insert(0, Note::UncommittedLeftOut { files });
        }
        // A project below the repository's root that the base does not have yet.
        platform::private_dir(&workspace.dir).doing("making", &workspace.dir)?;
        workspace.save()?;
        Ok(workspace)
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
                base_branch: None,
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

    /// What the task begins from; `head` is where HEAD stands, when that is known.
    pub(super) async fn base(
        &self,
        from: BaseSpec<'_>,
        view: &View,
        head: Option<Oid>,
    ) -> Result<Base, ProjectError> {
        let BaseSpec::Branch(name) = from else {
            let head = match head {
                Some(head) => Some(head),
                None => view.commit(&self.git, "HEAD").await?,
            };
            return Ok(head.map_or(Base::Empty, Base::Commit));
        };
        let unknown = |nearest| {
            let asked = name.chars().take(200).collect();
            ProjectError::UnknownBase { asked, nearest }
        };
        let branch: BranchName = name.parse().map_err(|_| unknown(None))?;
        if let Some(commit) = view.commit(&self.git, &branch.reference()).await? {
            return Ok(Base::Commit(commit));
        }
        let refs = view.refs(&self.git).await?;
        let branches = refs.iter().filter_map(|(_, name)| name.strip_prefix("refs/heads/"));
        Err(unknown(nearest(name, branches).map(str::to_owned)))
    }

    /// Whether a task of `project` can begin from the branch `name`.
    ///
    /// # Errors
    ///
    /// [`ProjectError::UnknownBase`] with the nearest branch, [`ProjectError::NoBaseHere`], or what
    /// kept git from telling.
    pub async fn check_base(&self, project: &Project, name: &str) -> Result<(), ProjectError> {
        if project.isolation == Isolation::None {
            let why = "its tasks work in the project's own folder as it is";
            return Err(ProjectError::NoBaseHere(why));
        }
        let Some((_, view)) = self.view(project).await? else {
            return Err(ProjectError::NoBaseHere("the project has no git"));
        };
        self.base(BaseSpec::Branch(name), &view, None).await.map(|_| ())
    }

    /// Fills the tree with the base and remembers what the disk says of each file. The clone's own
    /// objects may still be on their way.
    async fn check_out(&self, mut workspace: Workspace) -> Result<Workspace, ProjectError> {
        let dot_git = workspace.tree.join(".git");
        let call = Call::new("read-tree")
            .git_dir(&dot_git)
            .work_tree(&workspace.tree)
            .objects(&workspace.git_dir().join("objects"))
            .timeout(self.limits.git_timeout);
        let call = match workspace.base.commit() {
            Some(base) => {
                call.setting("checkout.workers=2").args(["--reset", "-u"]).revision(base.as_str())
            }
            None => call.arg("--empty"),
        };
        self.git.run(call).await?;
        copy_index(&dot_git.join("index"), &workspace.base_index())?;
        let mut notes = self.content_notes(&workspace).await?;
        workspace.notes.append(&mut notes);
        Ok(workspace)
    }

    /// What the base's content asks to be told.
    async fn content_notes(&self, workspace: &Workspace) -> Result<Vec<Note>, ProjectError> {
        let mut notes = Vec::new();
        if workspace.tree.join(".gitmodules").is_file() {
            notes.push(Note::SubmodulesEmpty);
        }
        let index = workspace.base_index();
        let index = fs::read(&index).doing("reading", &index)?;
        if !Index::read(&index, workspace.format).attributes {
            return Ok(notes);
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
        let base = self.record(&workspace, None, order.now).await?;
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
}

impl Plan {
    /// The plan for a task in `root`: in place until it is said otherwise, its base not yet known.
    pub(super) fn of(
        order: &Order<'_>,
        branch: BranchName,
        repository: &OwnerRepository,
        root: PathBuf,
    ) -> Self {
        Self {
            workspace: Workspace {
                task_id: order.task_id.to_owned(),
                dir: root.join(&repository.prefix),
                tree: root,
                work_dir: order.work_dir.to_owned(),
                isolation: Isolation::None,
                publishable: false,
                base: Base::Empty,
                base_branch: None,
                branch,
                format: repository.settings.format,
                comparing: repository.settings.record(),
                title: order.title.to_owned(),
                notes: Vec::new(),
            },
            settings: repository.settings.clone(),
            identity: Identity::default(),
            excludes: String::new(),
            refs: Vec::new(),
            objects: Some(repository.objects()),
            common_dir: Some(repository.common_dir.clone()),
        }
    }

    /// Writes the git directories and links the owner's objects into the gateway's own.
    pub(super) fn lay_out(self) -> Result<Self, ProjectError> {
        let workspace = &self.workspace;
        let work_dir = &workspace.work_dir;
        platform::private_dir(work_dir).doing("making", work_dir)?;
        let own = workspace.git_dir();
        let nobody = Identity::default();
        bare::write(&own, workspace.branch.as_str(), true, &self.settings, &nobody)?;
        self.fill(&own)?;
        if let Some(objects) = &self.objects {
            objects::take_all(objects, &own.join("objects"))?;
        }
        if let Some(base) = workspace.base.commit() {
            // The commit is the owner's, so this can be made again.
            bare::write_ref(&own, BASE_REF, base, Durability::Cached)?;
        }
        if workspace.isolation == Isolation::Clone {
            let dot_git = workspace.tree.join(".git");
            let (branch, settings) = (workspace.branch.as_str(), &self.settings);
            bare::write(&dot_git, branch, false, settings, &self.identity)?;
            self.fill(&dot_git)?;
            self.write_refs(&dot_git)?;
        }
        Ok(self)
    }

    /// Gives the clone the objects that the gateway's own git directory has.
    fn link_objects(&self) -> Result<(), ProjectError> {
        let Workspace { tree, .. } = &self.workspace;
        let own = self.workspace.git_dir().join("objects");
        objects::take_all(&own, &tree.join(".git/objects"))
    }

    /// Writes the ignore rules again, into the gateway's own git directory.
    pub(super) fn write_excludes(&self) -> Result<(), ProjectError> {
        let exclude = self.workspace.git_dir().join("info/exclude");
        platform::write_file(&exclude, self.excludes.as_bytes()).doing("writing", &exclude)
    }

    fn fill(&self, git_dir: &Path) -> Result<(), ProjectError> {
        let exclude = git_dir.join("info/exclude");
        platform::write_file(&exclude, self.excludes.as_bytes()).doing("writing", &exclude)?;
        if let Some(common) = &self.common_dir {
            copy_if_there(&common.join("shallow"), &git_dir.join("shallow"))?;
            copy_if_there(&common.join("info/attributes"), &git_dir.join("info/attributes"))?;
        }
        Ok(())
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

/// What the owner should know of the repository and the base.
pub(super) fn notes(repository: &OwnerRepository, base: &Base) -> Vec<Note> {
    let mut notes = Vec::new();
    if *base == Base::Empty {
        notes.push(Note::NoCommitYet);
    }
    if repository.shallow {
        notes.push(Note::Shallow);
    }
    if repository.settings.partial {
        notes.push(Note::Partial);
    }
    notes
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
