//! [`Lab`]: an owner's home with a repository, and the means to act as owner and as agent.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::super::*;
use crate::clock::Timestamp;

/// What stands at a path: kind or content, and when it was written.
pub(super) type Photo = BTreeMap<PathBuf, (Vec<u8>, Option<SystemTime>)>;

pub(super) struct Lab {
    pub(super) dir: tempfile::TempDir,
    pub(super) owner: PathBuf,
    pub(super) project: Project,
    pub(super) spaces: Workspaces,
    tasks: std::cell::Cell<u32>,
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(1_795_153_266_120)
}

impl Lab {
    /// An empty folder as the project, in a home with a git identity.
    pub(super) fn empty() -> Self {
        Self::at("owner")
    }

    /// A project folder of this name.
    pub(super) fn at(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let owner = dir.path().join(name);
        fs::create_dir_all(&owner).unwrap();
        let home = dir.path().join("home");
        fs::create_dir(&home).unwrap();
        let config = "[user]\nname = Ada \"L\" Lovelace\nemail = ada@example.org\n\
            [init]\ndefaultBranch = main\n[protocol \"file\"]\nallow = always\n";
        fs::write(
            home.join(".gitconfig"),
            config.replace('"', "\\\"").replace("[protocol \\\"file\\\"]", "[protocol \"file\"]"),
        )
        .unwrap();
        let folders = OwnerFolders { home: Some(home), xdg_config_home: None };
        let git = Git::find(&std::env::var_os("PATH").unwrap(), folders).unwrap();
        let limits = Limits { git_timeout: Duration::from_secs(30), ..Limits::default() };
        let spaces = Workspaces::new(git, dir.path().join("state/tmp"), limits);
        let owner = owner.canonicalize().unwrap();
        let project = Project::new("p".parse().unwrap(), owner.clone());
        Self { dir, owner, project, spaces, tasks: std::cell::Cell::new(0) }
    }

    /// A repository with two commits.
    pub(super) fn repository() -> Self {
        let lab = Self::empty();
        lab.in_owner(
            "git init -q; echo one > a.txt; mkdir src; echo 'fn main() {}' > src/main.rs
             git add .; git commit -qm first; echo two >> a.txt; git commit -qam second; git tag v1",
        );
        lab
    }

    /// Runs a shell script in a folder with the owner's environment.
    pub(super) fn sh(&self, dir: &Path, script: &str) -> String {
        let out = Command::new("sh")
            .args(["-ec", script])
            .current_dir(dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path().join("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("CANARY", self.canary())
            .env("OWNER", &self.owner)
            .output()
            .unwrap();
        let err = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{script}\n{err}");
        String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
    }

    pub(super) fn in_owner(&self, script: &str) -> String {
        self.sh(&self.owner, script)
    }

    /// Appears when something ran that must not run.
    pub(super) fn canary(&self) -> PathBuf {
        self.dir.path().join("canary")
    }

    pub(super) fn assert_nothing_ran(&self) {
        let text = fs::read_to_string(self.canary()).unwrap_or_default();
        assert!(!self.canary().exists(), "something of the repository ran: {text}");
    }

    pub(super) fn work_dir(&self, id: &str) -> PathBuf {
        self.dir.path().join("state/work").join(id)
    }

    /// A workspace for the next task, `t1`, `t2`, …
    pub(super) async fn prepare(&self) -> Workspace {
        self.try_prepare(BaseSpec::Head).await.unwrap()
    }

    pub(super) async fn try_prepare(&self, base: BaseSpec<'_>) -> Result<Workspace, ProjectError> {
        self.tasks.set(self.tasks.get() + 1);
        let id = format!("t{}", self.tasks.get());
        let work_dir = self.work_dir(&id);
        let order = Order { task_id: &id, title: "Fix it", work_dir: &work_dir, base, now: now() };
        self.spaces.prepare(&self.project, &order).await
    }

    pub(super) async fn settle(&self, workspace: &Workspace) -> Settled {
        self.spaces.settle(workspace, now()).await.unwrap()
    }

    pub(super) async fn publish(&self, workspace: &Workspace) -> Published {
        self.spaces.publish(workspace, &self.project).await.unwrap()
    }

    pub(super) async fn diff(&self, workspace: &Workspace) -> Diff {
        self.spaces.diff_settled(workspace, &DiffOptions::default()).await.unwrap()
    }

    /// Everything in the owner's folder but the objects, with contents and times.
    pub(super) fn photo(&self) -> Photo {
        let mut photo = Photo::new();
        take(&self.owner, &self.owner, &mut photo);
        photo
    }

    /// Asserts that nothing but the branches of tasks changed since `before`.
    pub(super) fn assert_untouched(&self, before: &Photo) {
        let mut after = self.photo();
        after.retain(|path, _| {
            before.contains_key(path) || !path.starts_with(".git/refs/heads/gateway")
        });
        for (path, was) in before {
            // The folder's time moves when the first task's branch is made in it.
            let is = after.get(path);
            if path == Path::new(".git/refs/heads") {
                continue;
            }
            assert_eq!(is, Some(was), "{} changed", path.display());
        }
        let new: Vec<_> = after.keys().filter(|path| !before.contains_key(*path)).collect();
        assert!(new.is_empty(), "new in the owner's folder: {new:?}");
    }
}

fn take(root: &Path, folder: &Path, photo: &mut Photo) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let below = path.strip_prefix(root).unwrap().to_owned();
        if below.starts_with(".git/objects") {
            continue;
        }
        let meta = path.symlink_metadata().unwrap();
        let time = meta.modified().ok();
        if meta.is_symlink() {
            let target = fs::read_link(&path).unwrap();
            photo.insert(below, (target.to_string_lossy().into_owned().into(), time));
        } else if meta.is_dir() {
            photo.insert(below, (b"folder".to_vec(), time));
            take(root, &path, photo);
        } else if meta.is_file() {
            photo.insert(below, (fs::read(&path).unwrap(), time));
        } else {
            photo.insert(below, (b"special".to_vec(), time));
        }
    }
}
