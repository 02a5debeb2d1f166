//! `projects`: whether tasks have folders to work in.
use std::time::Duration;

use futures::future::{BoxFuture, join_all};

use super::finding::word;
use super::git;
use super::{Check, Finding, Skipped, Verdict, World};
use crate::config::{ProjectName, ProjectSection};
use crate::project::{
    Head, Limits, Project, ProjectError, ProjectKind, Registry, RegistryError, WorkTree, Workspaces,
};

/// How long one project may take.
const LIMIT: Duration = Duration::from_secs(6);
/// Most projects that are looked at.
const PROJECTS_MAX: usize = 100;

pub(super) struct Projects;

impl Check for Projects {
    fn id(&self) -> &'static str {
        "projects"
    }

    fn title(&self) -> &'static str {
        "the projects"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let config = world.config()?;
    if config.projects.is_empty() {
        return Ok(Finding::warn(
            "there is no project",
            "tasks have no folder that they may work in",
            "gateway projects add PATH",
        ));
    }
    // Without git a folder can still be there or not.
    let workspaces = workspaces(world).await;
    let looked = config.projects.iter().take(PROJECTS_MAX).map(|(name, section)| {
        look_at(world, name, section, workspaces.as_ref().ok().map(|(made, _)| made))
    });
    let findings = join_all(looked).await;
    let bad = findings.iter().any(|finding| finding.status > super::Status::Ok);
    if let (Err(skipped), false) = (&workspaces, bad) {
        return Err(skipped.clone());
    }
    let names: Vec<&str> = config.projects.keys().map(ProjectName::as_str).collect();
    Ok(Finding::of_all(findings, names.join(", ")))
}

/// The tools to look into repositories, with a folder for what they need meanwhile.
async fn workspaces(world: &World) -> Result<(Workspaces, tempfile::TempDir), Skipped> {
    let unusable = || Skipped::because("no usable git: see `git`");
    let git = git::find(world).map_err(|_| unusable())?;
    git.version().await.map_err(|_| unusable())?;
    let scratch = tempfile::tempdir()
        .map_err(|error| Skipped::because(format!("no temporary folder: {error}")))?;
    Ok((Workspaces::new(git, scratch.path().to_path_buf(), Limits::default()), scratch))
}

async fn look_at(
    world: &World,
    name: &ProjectName,
    section: &ProjectSection,
    workspaces: Option<&Workspaces>,
) -> Finding {
    let Ok(known) = name.as_str().parse() else {
        return Finding::fail(
            format!("project {name} cannot be used"),
            "its name is none that tasks could use",
            "choose another name of letters, digits, `-` and `_`",
        );
    };
    let project = Project::new(known, section.path.clone());
    let (registry, mut faults) = Registry::new([project], &world.folders.state);
    if let Some(fault) = faults.pop() {
        return unusable(name, &fault);
    }
    let (Some(project), Some(workspaces)) = (registry.iter().next(), workspaces) else {
        return Finding::ok(name.as_str());
    };
    match tokio::time::timeout(LIMIT, workspaces.inspect(project)).await {
        Ok(Ok(state)) => judge(name, section, &state.kind),
        Ok(Err(error)) => broken(name, section, &error),
        Err(_) => Finding::warn(
            format!("project {name} answers slowly"),
            format!("git needed more than {} s in {}", LIMIT.as_secs(), section.path.display()),
            format!("git -C {} gc; a network folder stays slow", word(&section.path)),
        ),
    }
}

fn unusable(name: &ProjectName, fault: &RegistryError) -> Finding {
    let again = format!("gateway projects remove {name}; gateway projects add PATH --name {name}");
    let (summary, fix) = match fault {
        RegistryError::Unreachable { .. } => (
            format!("the folder of project {name} is missing"),
            format!("put the folder back, or name another one: {again}"),
        ),
        RegistryError::NotAFolder { .. } => {
            (format!("project {name} is a file"), format!("name its folder: {again}"))
        }
        RegistryError::OverlapsState { .. } => (
            format!("project {name} lies in the gateway's own folder"),
            format!("name a folder apart from it: {again}"),
        ),
        other => (format!("project {name} cannot be used"), format!("{}: {again}", other.hint())),
    };
    Finding::fail(summary, fault.to_string(), fix)
}

fn broken(name: &ProjectName, section: &ProjectSection, error: &ProjectError) -> Finding {
    Finding::fail(
        format!("the repository of project {name} cannot be used"),
        error.to_string(),
        format!("git -C {} fsck", word(&section.path)),
    )
}

fn judge(name: &ProjectName, section: &ProjectSection, kind: &ProjectKind) -> Finding {
    let path = word(&section.path);
    let state = match kind {
        ProjectKind::NotGit => {
            return Finding::warn(
                format!("project {name} is not a git repository"),
                format!(
                    "{} has no .git: tasks work on a copy, and their work cannot be merged as a \
                     branch",
                    section.path.display()
                ),
                format!(
                    "git -C {path} init && git -C {path} add -A && git -C {path} commit -m 'first commit'"
                ),
            );
        }
        ProjectKind::Git(state) => state,
    };
    match &state.head {
        Head::Unborn { name: branch } => Finding::warn(
            format!("project {name} has no commit"),
            format!("its branch {branch} is empty, so tasks begin with an empty folder"),
            match state.work_tree {
                WorkTree::None => format!("push a first commit to it: git push {path} HEAD"),
                WorkTree::Main | WorkTree::Linked => format!(
                    "git -C {path} add -A && git -C {path} commit --allow-empty -m 'first commit'"
                ),
            },
        ),
        Head::Detached { commit } => Finding::warn(
            format!("project {name} is on no branch"),
            format!("its HEAD is detached at {commit}; tasks begin there"),
            format!("git -C {path} switch -; or git -C {path} switch BRANCH"),
        ),
        Head::Branch { .. } => Finding::ok(name.as_str()),
    }
}
