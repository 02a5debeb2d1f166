//! The projects as the engine, the tools and the owner see them: configuration turned into a
//! registry, and tasks turned into calls of [`crate::project`].
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use gateway_os::folders::Folders;
use serde_json::{Value, json};

use crate::clock::{Clock, Timestamp};
use crate::config::{self, Config, ProjectBudgetSection, ProjectSection, Usd};
use crate::model::{ChangedFile, Class, DiffStat, ProjectBudget, Task, Workspace};
use crate::policy::ChatMay;
use crate::project::{
    self, BaseSpec, BranchName, BranchPrefix, Diff, DiffOptions, Git, Limits, Oid, Order,
    OwnerFolders, Project, ProjectError, Published, Registry,
};
use crate::task::{NoProject, Prepared, ProjectRules, Settled, WorkspaceError, Workspaces};

/// Longest diff that the owner's terminal gets in one piece, in bytes.
const WHOLE_DIFF_BYTES: usize = 8 << 20;

/// The projects and the workspaces of their tasks. Clones are cheap; a reload makes a new one.
#[derive(Clone, Debug)]
pub struct ProjectWorkspaces {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    registry: Registry,
    faults: Vec<String>,
    /// None, and why, when there is no git.
    git: Result<project::Workspaces, String>,
    work: PathBuf,
    tasks: PathBuf,
    clock: Arc<dyn Clock>,
}

impl ProjectWorkspaces {
    /// The projects of `config`. One with a fault is left out and told by [`Self::faults`].
    #[must_use]
    pub fn new(
        config: &Config,
        folders: &Folders,
        env: &BTreeMap<String, String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut faults = Vec::new();
        let projects = config.projects.iter().filter_map(|(name, section)| {
            project_of(name, section).map_err(|fault| faults.push(fault)).ok()
        });
        let projects: Vec<Project> = projects.collect();
        let (registry, refused) = Registry::new(projects, &folders.state);
        faults.extend(refused.iter().map(ToString::to_string));
        let owner = OwnerFolders {
            home: env.get("HOME").map(PathBuf::from),
            xdg_config_home: env.get("XDG_CONFIG_HOME").map(PathBuf::from),
        };
        let path = env.get("PATH").map_or("", String::as_str);
        let scratch = folders.state.join("scratch");
        let git = Git::find(OsStr::new(path), owner)
            .map(|git| project::Workspaces::new(git, scratch, Limits::default()))
            .map_err(|error| format!("{error}: install git and start the gateway again"));
        let (work, tasks) = (folders.state.join("work"), folders.state.join("tasks"));
        Self { inner: Arc::new(Inner { registry, faults, git, work, tasks, clock }) }
    }

    /// What is wrong with projects that were left out.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.inner.faults
    }

    /// What a chat may approve in a project; nothing in one that is not there.
    #[must_use]
    pub fn chat_may(&self, name: &str) -> ChatMay {
        let project = self.inner.registry.find(Some(name));
        project.map_or_else(|_| ChatMay::nothing(), |project| project.chat_may_approve.clone())
    }

    /// The projects.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// What state a project is in.
    ///
    /// # Errors
    ///
    /// A sentence for the chat, without paths.
    pub async fn inspect(&self, project: &Project) -> Result<project::ProjectState, String> {
        let git = self.inner.git.clone()?;
        git.inspect(project).await.map_err(|error| error.for_chat())
    }

    /// A page of a task's changes, at any time.
    ///
    /// # Errors
    ///
    /// A sentence.
    pub async fn diff(&self, task: &Task, options: &DiffOptions) -> Result<Diff, WorkspaceError> {
        let workspaces = self.git().map_err(WorkspaceError::Failed)?;
        if task.workspace.is_none() {
            return Err(WorkspaceError::Failed(format!(
                "task {} has no workspace: it is {}",
                task.id,
                task.state.name()
            )));
        }
        let over = task.state.outcome().is_some();
        let diff = match workspaces.load(&self.work_dir(task)) {
            Ok(workspace) if over => match workspaces.diff_settled(&workspace, options).await {
                // Work that could not be collected is still there to be looked at.
                Err(ProjectError::NotSettled) => workspaces.diff_running(&workspace, options).await,
                other => other,
            },
            Ok(workspace) => workspaces.diff_running(&workspace, options).await,
            Err(_) => Err(ProjectError::Gone),
        };
        match diff {
            Err(error) if over => {
                self.late_diff(&workspaces, task, options).await.map_err(|_| sentence(error))
            }
            other => other.map_err(sentence),
        }
    }

    /// A diff without the task's folder: what was kept apart, or else the owner's own commits.
    async fn late_diff(
        &self,
        workspaces: &project::Workspaces,
        task: &Task,
        options: &DiffOptions,
    ) -> Result<Diff, ProjectError> {
        match workspaces.diff_kept(&self.kept_dir(task), options).await {
            Err(ProjectError::Gone) => self.diff_published(workspaces, task, options).await,
            other => other,
        }
    }

    async fn diff_published(
        &self,
        workspaces: &project::Workspaces,
        task: &Task,
        options: &DiffOptions,
    ) -> Result<Diff, ProjectError> {
        let found = self.inner.registry.find(Some(&task.spec.project));
        let project = found.map_err(|_| ProjectError::Gone)?;
        let head = task.state.outcome().and_then(|outcome| outcome.head_commit.as_deref());
        let head = head.and_then(|head| Oid::parse(head.as_bytes())).ok_or(ProjectError::Gone)?;
        let base = task.workspace.as_ref().and_then(|workspace| workspace.base_commit.as_deref());
        let base = match base {
            Some(base) => {
                project::Base::Commit(Oid::parse(base.as_bytes()).ok_or(ProjectError::Gone)?)
            }
            None => project::Base::Empty,
        };
        workspaces.diff_published(project, &base, &head, options).await
    }

    /// All of a task's changes for a terminal, up to 8 MiB: `{text, files, stat, truncated}`.
    ///
    /// # Errors
    ///
    /// A sentence.
    pub async fn whole_diff(
        &self,
        task: &Task,
        path: Option<String>,
        stat_only: bool,
    ) -> Result<Value, WorkspaceError> {
        let options = DiffOptions { path, stat_only, max_bytes: WHOLE_DIFF_BYTES, offset: 0 };
        let diff = self.diff(task, &options).await?;
        let text = if stat_only { stat_text(&diff) } else { diff.text };
        Ok(json!({
            "text": text,
            "files": diff.files,
            "stat": diff.stat,
            "truncated": diff.next.is_some(),
        }))
    }

    pub(super) fn work_dir(&self, task: &Task) -> PathBuf {
        self.inner.work.join(task.id.as_str())
    }

    /// Where a finished task's diff is kept apart from its folder.
    fn kept_dir(&self, task: &Task) -> PathBuf {
        self.inner.tasks.join(task.id.as_str()).join("diff")
    }

    /// The calls of git, or why there are none.
    pub(super) fn git(&self) -> Result<project::Workspaces, String> {
        self.inner.git.clone()
    }

    /// The present moment.
    pub(super) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Whether a task of a project, or of the default one, can begin from a branch.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do, for the chat. No error for a project that does not exist:
    /// that is told when the task is started.
    pub(super) async fn check_base(
        &self,
        project: Option<&str>,
        branch: &BranchName,
    ) -> Result<(), (String, &'static str)> {
        let Ok(project) = self.inner.registry.find(project) else { return Ok(()) };
        let git = self.git().map_err(|why| (why, "the owner runs `gateway doctor`"))?;
        let checked = git.check_base(project, branch.as_str()).await;
        checked.map_err(|error| (error.for_chat(), error.hint()))
    }
}

/// The changed files with their lines, one each.
#[must_use]
pub(super) fn stat_text(diff: &Diff) -> String {
    let count = |lines: Option<u64>| lines.map_or("-".to_owned(), |lines| lines.to_string());
    let line = |file: &project::FileChange| {
        format!("{:>6} {:>6}  {}\n", count(file.insertions), count(file.deletions), file.path)
    };
    diff.files.iter().map(line).collect()
}

impl Workspaces for ProjectWorkspaces {
    fn rules(&self, name: Option<&str>) -> Result<ProjectRules, NoProject> {
        let project = self.inner.registry.find(name).map_err(|_| {
            name.map_or(NoProject::NoDefault, |name| NoProject::Unknown(name.to_owned()))
        })?;
        Ok(ProjectRules {
            name: project.name.to_string(),
            folder: project.path.clone(),
            executor: project.executor.clone(),
            max_concurrent: usize::try_from(project.max_concurrent).unwrap_or(1),
            allowed_tools: project.allowed_tools.clone(),
            trust_project_config: project.trust_project_config,
            budget: project.budget.clone(),
            chat_may_approve: project.chat_may_approve.clone(),
        })
    }

    fn prepare(&self, task: &Task) -> BoxFuture<'static, Result<Prepared, WorkspaceError>> {
        let (this, task) = (self.clone(), task.clone());
        async move {
            let workspaces = this.inner.git.clone().map_err(WorkspaceError::Failed)?;
            let work_dir = this.work_dir(&task);
            // A crash between the making and the storing leaves a whole workspace behind.
            let workspace = match workspaces.load(&work_dir) {
                Ok(workspace) => workspace,
                Err(_) => this.make(&workspaces, &task, &work_dir).await?,
            };
            let isolated = workspace.isolation == project::Isolation::Clone;
            let notes = workspace.notes.iter().map(ToString::to_string).collect();
            let published = isolated && workspace.publishable;
            let workspace = Workspace {
                dir: workspace.dir,
                base_commit: workspace.base.commit().map(ToString::to_string),
                base_branch: workspace.base_branch.map(String::from),
                branch: published.then(|| workspace.branch.to_string()),
                isolated,
            };
            Ok(Prepared { workspace, notes })
        }
        .boxed()
    }

    fn settle(&self, task: &Task) -> BoxFuture<'static, Result<Settled, WorkspaceError>> {
        let (this, task) = (self.clone(), task.clone());
        async move {
            let workspaces = this.inner.git.clone().map_err(WorkspaceError::Failed)?;
            let workspace = workspaces.load(&this.work_dir(&task)).map_err(sentence)?;
            let now = this.inner.clock.now();
            let settled = workspaces.settle(&workspace, now).await.map_err(sentence)?;
            let told = workspace.notes.iter().chain(&settled.notes);
            let mut notes: Vec<String> = told.map(ToString::to_string).collect();
            notes.extend(this.publish(&workspaces, &workspace, &task).await);
            // Only for the time when the task's folder is gone.
            if let Err(error) = workspaces.keep_diff(&workspace, &this.kept_dir(&task)).await {
                tracing::warn!(task = %task.id, %error, "the diff could not be kept apart");
            }
            let changed = settled
                .files
                .iter()
                .map(|file| ChangedFile { status: file.status, path: file.path.to_string() });
            Ok(Settled {
                head_commit: settled.head.as_ref().map(ToString::to_string),
                changed: changed.collect(),
                diff_stat: DiffStat {
                    files: u64::try_from(settled.stat.files).unwrap_or(u64::MAX),
                    insertions: settled.stat.insertions,
                    deletions: settled.stat.deletions,
                },
                notes,
            })
        }
        .boxed()
    }
}

impl ProjectWorkspaces {
    async fn make(
        &self,
        workspaces: &project::Workspaces,
        task: &Task,
        work_dir: &Path,
    ) -> Result<project::Workspace, WorkspaceError> {
        let project = self.project(task)?;
        let title = task.spec.title();
        let order = Order {
            task_id: task.id.as_str(),
            title: &title,
            work_dir,
            base: task.spec.base_branch.as_deref().map_or(BaseSpec::Head, BaseSpec::Branch),
            now: self.inner.clock.now(),
        };
        workspaces.prepare(project, &order).await.map_err(sentence)
    }

    async fn publish(
        &self,
        workspaces: &project::Workspaces,
        workspace: &project::Workspace,
        task: &Task,
    ) -> Option<String> {
        let Ok(project) = self.project(task) else {
            let left = "the project left the configuration; its work stays with the gateway";
            return Some(left.to_owned());
        };
        match workspaces.publish(workspace, project).await {
            Ok(Published::Branch { branch, .. }) => {
                Some(format!("the work is on branch {branch} of the project's repository"))
            }
            Ok(Published::Nothing | Published::Kept) => None,
            // The result is safe with the gateway, and its diff can be had.
            Err(error) => Some(format!(
                "the branch could not be put into the project's repository: {}; the work stays \
                 with the gateway",
                sentence(error)
            )),
        }
    }

    fn project(&self, task: &Task) -> Result<&Project, WorkspaceError> {
        let found = self.inner.registry.find(Some(&task.spec.project));
        found.map_err(|error| WorkspaceError::Failed(error.to_string()))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn sentence(error: ProjectError) -> WorkspaceError {
    // These texts reach the chat: no absolute paths. The log has the whole of it.
    tracing::warn!(error = %error, hint = error.hint(), "workspace");
    match error {
        ProjectError::TreeReplaced(_) | ProjectError::TreeDeleted(_) => {
            WorkspaceError::Gone(error.for_chat())
        }
        _ => WorkspaceError::Failed(error.for_chat()),
    }
}

fn budget_of(section: &ProjectBudgetSection) -> ProjectBudget {
    ProjectBudget {
        per_task_usd: section.per_task_usd.map(Usd::as_dollars),
        per_day_usd: section.per_day_usd.map(Usd::as_dollars),
        turns: section.turns.map(u64::from),
        minutes: section.minutes.map(u64::from),
    }
}

fn project_of(name: &config::ProjectName, section: &ProjectSection) -> Result<Project, String> {
    let fault = |error: &dyn std::fmt::Display| format!("project {name}: {error}");
    let own_name = name.as_str().parse().map_err(|error| fault(&error))?;
    let prefix = BranchPrefix::try_from(section.branch_prefix.as_str().to_owned());
    let mut project = Project::new(own_name, section.path.clone());
    project.description.clone_from(&section.description);
    project.default = section.default;
    project.executor.clone_from(&section.executor);
    project.isolation = match section.isolation {
        config::Isolation::Clone => project::Isolation::Clone,
        config::Isolation::None => project::Isolation::None,
    };
    project.branch_prefix = prefix.map_err(|error| fault(&error))?;
    project.allowed_tools.clone_from(&section.allowed_tools);
    project.max_concurrent = section.max_concurrent;
    project.trust_project_config = section.trust_project_config;
    project.budget = budget_of(&section.budget);
    project.chat_may_approve = section.chat_may_approve.iter().copied().map(class_of).collect();
    Ok(project)
}

const fn class_of(class: config::RequestClass) -> Class {
    match class {
        config::RequestClass::Read => Class::Read,
        config::RequestClass::Write => Class::Write,
        config::RequestClass::Exec => Class::Exec,
        config::RequestClass::Network => Class::Network,
        config::RequestClass::Destructive => Class::Destructive,
    }
}
