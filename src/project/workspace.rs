//! [`Workspace`], where one task works, and [`Workspaces`], which makes, settles and removes them.
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::bare::{self, Identity};
use super::branch::BranchName;
use super::error::{Doing, ProjectError};
use super::git::{Call, Git, Stdin};
use super::note::Note;
use super::oid::{ObjectFormat, Oid};
use super::owner::{Known, OwnerRepository, Settings, small_file};
use super::platform;
use super::registry::{Isolation, Project};
use super::view::View;

/// What a task's changes are counted against.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Base {
    /// A commit; of the owner's repository, or one that recorded a folder.
    Commit(Oid),
    /// Nothing: the repository had no commit.
    Empty,
}

impl Base {
    /// The commit, when there is one.
    #[must_use]
    pub const fn commit(&self) -> Option<&Oid> {
        match self {
            Self::Commit(oid) => Some(oid),
            Self::Empty => None,
        }
    }
}

/// Where one task works. Kept as `workspace.json` in its folder, so that it outlives the gateway.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Workspace {
    /// The task's id.
    pub task_id: String,
    /// The folder that the agent starts in.
    pub dir: PathBuf,
    /// The root of the tree that `dir` lies in.
    pub tree: PathBuf,
    /// The task's folder below the state folder, which holds all of the following.
    pub work_dir: PathBuf,
    /// Where the task works.
    pub isolation: Isolation,
    /// Whether the project is a git repository, so that the result can be published.
    pub publishable: bool,
    /// What its changes are counted against.
    pub base: Base,
    /// The owner's branch that the base was taken from, when it was taken from one.
    #[serde(default)]
    pub base_branch: Option<BranchName>,
    /// The task's branch; in place it names only the gateway's own record.
    pub branch: BranchName,
    /// The hash of its objects.
    pub format: ObjectFormat,
    /// What the project's configuration says about comparing files, key and value of `core`.
    #[serde(default)]
    pub comparing: Vec<(String, String)>,
    /// The task's title, for the message of the gateway's own commit.
    pub title: String,
    /// What the owner should know.
    pub notes: Vec<Note>,
}

impl Workspace {
    /// The gateway's own git directory: base, imported commits and the result.
    #[must_use]
    pub fn git_dir(&self) -> PathBuf {
        self.work_dir.join("gateway.git")
    }

    /// The index of the base with what the disk said of each file then.
    pub(super) fn base_index(&self) -> PathBuf {
        self.work_dir.join("base.index")
    }

    /// Where calls keep what lives only as long as they do.
    pub(super) fn scratch(&self) -> PathBuf {
        self.work_dir.join("tmp")
    }

    /// The name of the base's tree or commit, for comparisons.
    pub(super) fn base_tree(&self) -> Oid {
        self.base.commit().cloned().unwrap_or_else(|| self.format.empty_tree())
    }

    /// A call of git on the gateway's own git directory.
    pub(super) fn call(&self, name: &'static str) -> Call {
        Call::new(name).own_dir(&self.git_dir())
    }

    /// Puts the configuration of the gateway's own git directory back to what the gateway wrote:
    /// it lies near the tree, where a task may have reached it.
    pub(super) fn renew_config(&self) -> Result<(), ProjectError> {
        let settings = Settings::recorded(self.format, &self.comparing);
        let text = bare::config(true, &settings, false, &Identity::default());
        let path = self.git_dir().join("config");
        if small_file(&path).is_ok_and(|found| found == text.as_bytes()) {
            return Ok(());
        }
        let mut fresh = tempfile::NamedTempFile::new_in(self.git_dir())
            .doing("writing into", &self.git_dir())?;
        std::io::Write::write_all(&mut fresh, text.as_bytes()).doing("writing", &path)?;
        fresh.persist(&path).map_err(|error| error.error).doing("writing", &path)?;
        Ok(())
    }

    /// Sets refs of the gateway's own git directory.
    pub(super) async fn set_refs(
        &self,
        git: &Git,
        refs: &[(&str, &Oid)],
    ) -> Result<(), ProjectError> {
        let commands: Vec<&str> = refs
            .iter()
            .flat_map(|(name, to)| ["update ", name, "\0", to.as_str(), "\0\0"])
            .collect();
        let call = self
            .call("update-ref")
            .args(["--stdin", "-z"])
            .stdin(Stdin::Bytes(commands.concat().into()));
        git.run(call.durable()).await?;
        Ok(())
    }

    /// The tree of a commit or tree.
    pub(super) async fn tree_of(&self, git: &Git, of: &Oid) -> Result<Oid, ProjectError> {
        if *of == self.format.empty_tree() {
            return Ok(of.clone());
        }
        let call =
            self.call("rev-parse").args(["--verify", "-q"]).revision(format!("{of}^{{tree}}"));
        let answer = git.run(call).await.map_err(|_| ProjectError::Gone)?;
        Oid::parse(answer.text().as_bytes()).ok_or(ProjectError::Gone)
    }

    /// Writes `workspace.json`, whole or not at all.
    pub(super) fn save(&self) -> Result<(), ProjectError> {
        let path = self.work_dir.join("workspace.json");
        let text = serde_json::to_vec(self).map_err(std::io::Error::other);
        text.and_then(|text| platform::write_file(&path, &text)).doing("writing", &path)
    }
}

/// What a workspace may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most files of a folder without git, or of what a task leaves uncommitted.
    pub files_max: usize,
    /// The largest file that a task leaves uncommitted, in bytes; a larger one is left out.
    pub file_bytes_max: u64,
    /// The most bytes of a folder without git, of what a task leaves uncommitted, and of the
    /// objects that it made.
    pub bytes_max: u64,
    /// How long one call of git over a whole tree may take.
    pub git_timeout: std::time::Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            files_max: 100_000,
            file_bytes_max: 100 << 20,
            bytes_max: 2 << 30,
            git_timeout: std::time::Duration::from_secs(120),
        }
    }
}

/// Makes, settles, compares, publishes and removes workspaces.
///
/// Holds no state but folders (and what it has read before): every workspace lives on the disk. One task's workspace is changed
/// by one caller at a time (the engine); reading is free.
#[derive(Clone, Debug)]
pub struct Workspaces {
    pub(super) git: Git,
    pub(super) scratch: PathBuf,
    pub(super) limits: Limits,
    pub(super) known: Known,
}

impl Workspaces {
    /// Workspaces made with `git`; `scratch` is a folder of the gateway's own for short-lived files.
    #[must_use]
    pub fn new(git: Git, scratch: PathBuf, limits: Limits) -> Self {
        Self { git, scratch, limits, known: Known::default() }
    }

    /// Reads the workspace that [`Workspaces::prepare`] left in `work_dir`.
    ///
    /// # Errors
    ///
    /// [`ProjectError::NoWorkspace`] when there is none, or it was never finished.
    pub fn load(&self, work_dir: &Path) -> Result<Workspace, ProjectError> {
        let none = || ProjectError::NoWorkspace(work_dir.to_owned());
        let bytes = small_file(&work_dir.join("workspace.json")).map_err(|_| none())?;
        let workspace: Workspace = serde_json::from_slice(&bytes).map_err(|_| none())?;
        if workspace.work_dir == work_dir { Ok(workspace) } else { Err(none()) }
    }

    /// The owner's repository and a view of it; `None` for a folder without git.
    pub(super) async fn view(
        &self,
        project: &Project,
    ) -> Result<Option<(OwnerRepository, View)>, ProjectError> {
        // Without this a folder that is gone would be looked for in the repository around it.
        std::fs::read_dir(&project.path).doing("opening", &project.path)?;
        let opened = OwnerRepository::open(&self.git, &self.known, &project.path).await?;
        let Some(repository) = opened else {
            return Ok(None);
        };
        let view = View::new(&repository, &self.scratch)?;
        // A folder that an outer repository does not track is a project of its own.
        if !repository.prefix.is_empty() && !self.tracks(&view, &repository.prefix).await? {
            return Ok(None);
        }
        Ok(Some((repository, view)))
    }

    async fn tracks(&self, view: &View, prefix: &str) -> Result<bool, ProjectError> {
        if view.commit(&self.git, "HEAD").await?.is_none() {
            return Ok(false);
        }
        let call = view.call("ls-tree").arg("-d").arg("--name-only").revision("HEAD").path(prefix);
        Ok(!self.git.run(call).await?.stdout.is_empty())
    }
}

/// Runs file work on the blocking pool.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProjectError> + Send + 'static,
) -> Result<T, ProjectError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ProjectError::ShuttingDown)?
}
