//! A finished task's work in a real project: merged, kept, discarded, shown later; by whose hand.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::super::admin::{Call, CallError};
use super::super::testing;
use super::super::tools::EngineTasks;
use super::*;
use crate::mcp::{ApplyError, DiffOptions, NewTask, ReadError, StartError, Tasks, WantedFile};
use crate::model::{Apply, Caller, EventKind, Outcome};

/// An owner with the project `alpha`, a git repository with one commit.
struct Bench {
    folder: TempDir,
    owner: Owner,
    tools: EngineTasks,
    _state: crate::gateway::State,
}

fn sh(dir: &Path, script: &str) -> String {
    let identity = "git() { command git -c user.name=A -c user.email=a@b -c init.defaultBranch=main \"$@\"; }\n";
    let done =
        Command::new("sh").args(["-ec", &format!("{identity}{script}")]).current_dir(dir).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{script}\n{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("alpha");
        std::fs::create_dir(&project).unwrap();
        sh(
            &project,
            "git init -q; echo one > a.txt; git add .; git commit -qm one; git branch side",
        );
        let mut setup = setup(folder.path());
        setup.env.insert("PATH".to_owned(), std::env::var("PATH").unwrap());
        let flags = Overrides::new(folder.path()).project(&project);
        let config = Config::load(None, Some(SETTINGS), &setup.env, &flags).unwrap().config;
        let (owner, state) =
            Owner::alone(&setup.folders, &config, &setup.env, setup.clock.clone()).unwrap();
        let tools = testing::tools_of(&owner, &config, &setup.folders, &setup.clock);
        Self { folder, owner, tools, _state: state }
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("alpha")
    }

    /// A finished task of the `n`th id whose agent ran `script`.
    async fn finished(&self, n: u64, script: &str) -> Task {
        let workspaces = self.owner.shown.borrow().workspaces.clone();
        let mut task = a_task(&SeededEntropy::new(2), "x");
        task.id = TaskId::random(&SeededEntropy::new(n));
        let prepared = workspaces.prepare(&task).await.unwrap();
        sh(&prepared.workspace.dir, script);
        task.workspace = Some(prepared.workspace);
        let settled = workspaces.settle(&task).await.unwrap();
        let outcome = Outcome { head_commit: settled.head_commit, ..Outcome::default() };
        task.state = TaskState::Completed { at: task.created_at, outcome };
        let mut row = task.clone();
        self.owner.store.write(move |tx| tx.insert_task(&mut row)).await.unwrap();
        task
    }

    async fn apply(&self, task: &Task, action: Apply) -> Result<Value, CallError> {
        self.owner.call(Call::Apply { task: task.id.to_string(), action }).await
    }

    async fn diff(&self, task: &Task) -> Result<String, CallError> {
        let call = Call::Diff { task: task.id.to_string(), path: None, stat_only: false };
        Ok(self.owner.call(call).await?["text"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn the_owner_merges_from_the_terminal_and_the_history_says_who_what_from_and_to() {
    let bench = Bench::new();
    let task = bench.finished(11, "echo two >> a.txt").await;
    let before = sh(&bench.project(), "git rev-parse main");
    let merged = bench.apply(&task, Apply::Merge).await.unwrap();
    let text = merged["text"].as_str().unwrap();
    assert!(text.starts_with("merged into main (") && text.contains("terminal"), "{text}");
    assert_eq!(sh(&bench.project(), "cat a.txt; git status --porcelain"), "one\ntwo");
    let events = bench.owner.store.read(|tx| tx.last_events(&task.id, 0, 9)).unwrap();
    let EventKind::Applied(applied) = &events.last().unwrap().kind else { panic!("{events:?}") };
    assert_eq!(applied.from.as_ref(), Some(&before));
    assert_eq!(applied.to, task.state.outcome().unwrap().head_commit);
    assert_eq!(applied.by, "the owner at the terminal");
    // Its history goes on, its duration does not.
    let shown = bench.owner.call(Call::ShowTask { task: task.id.to_string() }).await.unwrap();
    assert_eq!(shown["task"]["duration_ms"], 0);
    // Nothing is left to do, and that is no error.
    let again = bench.apply(&task, Apply::Merge).await.unwrap();
    assert!(again["text"].as_str().unwrap().starts_with("main had the work already"), "{again}");
}

#[tokio::test]
async fn a_chat_keeps_work_and_its_merge_and_discard_change_nothing() {
    let bench = Bench::new();
    let task = bench.finished(12, "echo two >> a.txt").await;
    let refs = || sh(&bench.project(), "git for-each-ref; git status --porcelain; cat a.txt");
    let before = refs();
    for action in [Apply::Merge, Apply::Discard] {
        let refused = bench.tools.apply(&task.id, action, "client x".into()).await.unwrap_err();
        let command = format!("gateway tasks apply {} {}", task.id, action.name());
        assert_eq!(refused, ApplyError::NeedsOwner { action, command });
        assert_eq!(refs(), before);
    }
    assert!(bench.folder.path().join("state/work").join(task.id.as_str()).exists());
    sh(&bench.project(), "git branch -D $(git branch --list 'gateway/*')");
    let kept = bench.tools.apply(&task.id, Apply::Branch, "client x".into()).await.unwrap();
    assert_eq!((kept.by.as_str(), refs()), ("client x", before));
}

#[tokio::test]
async fn a_diff_is_shown_after_clone_branch_and_commits_are_gone() {
    let bench = Bench::new();
    let task = bench.finished(13, "echo two >> a.txt; echo new > new").await;
    let whole = bench.diff(&task).await.unwrap();
    assert!(whole.contains("+two") && whole.contains("+++ b/new"), "{whole}");
    let text = bench.apply(&task, Apply::Discard).await.unwrap()["text"].clone();
    assert!(text.as_str().unwrap().starts_with("discarded, with the branch gateway/"), "{text}");
    sh(&bench.project(), "git reflog expire --expire=now --all; git gc -q --prune=now");
    assert_eq!(sh(&bench.project(), "git branch --format='%(refname:short)'"), "main\nside");
    assert_eq!(bench.diff(&task).await.unwrap(), whole);
    let options = DiffOptions { bytes_max: 100_000, ..DiffOptions::default() };
    assert_eq!(bench.tools.diff(&task.id, options).await.unwrap().text, whole);
    // What is discarded cannot be brought back, and says so.
    let gone = bench.apply(&task, Apply::Merge).await.unwrap_err();
    assert!(gone.message.contains("no longer stored"), "{gone}");
    let again = bench.apply(&task, Apply::Discard).await.unwrap();
    assert!(again["text"].as_str().unwrap().starts_with("discarded, by"), "{again}");
}

#[tokio::test]
async fn work_is_not_applied_before_the_task_is_over() {
    let bench = Bench::new();
    let mut task = a_task(&SeededEntropy::new(2), "x");
    task.id = TaskId::random(&SeededEntropy::new(14));
    let mut row = task.clone();
    bench.owner.store.write(move |tx| tx.insert_task(&mut row)).await.unwrap();
    for action in [Apply::Merge, Apply::Branch, Apply::Discard] {
        let refused = bench.apply(&task, action).await.unwrap_err();
        assert_eq!(refused.message, "the task is queued");
        assert!(refused.hint.contains("wait until it has ended"), "{}", refused.hint);
    }
}

#[tokio::test]
async fn a_base_branch_must_be_there_and_a_slip_is_told_the_nearest() {
    let bench = Bench::new();
    let start = |branch: &str| {
        bench.tools.start(NewTask {
            prompt: "x".into(),
            project: None,
            executor: None,
            model: None,
            plan_only: false,
            timeout: None,
            priority: crate::model::Priority::Normal,
            budget_usd: None,
            idempotency_key: None,
            base_branch: Some(branch.to_owned()),
            session_id: None,
            caller: Caller::Owner,
        })
    };
    let message = async |branch: &str| match start(branch).await.unwrap_err() {
        StartError::Refused { message, .. } => message,
        other => panic!("{other}"),
    };
    assert!(message("sied").await.ends_with("no branch \"sied\"; did you mean \"side\"?"));
    assert!(message("--upload-pack=x").await.contains("must not begin with a dash"));
    assert!(message("HEAD").await.contains("taken by git"));
    // One that is there gets as far as the executor, of which the bench has none.
    assert!(matches!(start("side").await.unwrap_err(), StartError::UnknownExecutor { .. }));
    let mut task = a_task(&SeededEntropy::new(2), "x");
    task.spec.base_branch = Some("side".to_owned());
    let side = sh(&bench.project(), "git rev-parse side; git commit -q --allow-empty -m two");
    let workspaces = bench.owner.shown.borrow().workspaces.clone();
    let prepared = workspaces.prepare(&task).await.unwrap().workspace;
    assert_eq!(prepared.base_commit, Some(side));
    assert_eq!(prepared.base_branch.as_deref(), Some("side"));
}

#[tokio::test]
async fn a_project_without_git_or_in_place_has_no_base_branch() {
    let bench = Bench::new();
    let plain = bench.folder.path().join("plain");
    std::fs::create_dir(&plain).unwrap();
    let text = format!(
        "{SETTINGS}\nprojects.plain.path = {plain:?}\nprojects.here.path = {:?}\n\
         projects.here.isolation = \"none\"\n",
        bench.project()
    );
    let env = BTreeMap::from([
        ("HOME".to_owned(), bench.folder.path().display().to_string()),
        ("PATH".to_owned(), std::env::var("PATH").unwrap()),
    ]);
    let config = Config::load(None, Some(&text), &env, &Overrides::new(bench.folder.path()));
    let folders = setup(bench.folder.path()).folders;
    let workspaces = crate::gateway::workspaces::ProjectWorkspaces::new(
        &config.unwrap().config,
        &folders,
        &env,
        Arc::new(SystemClock),
    );
    for (project, why) in [("plain", "has no git"), ("here", "own folder as it is")] {
        let refused = workspaces.check_base(Some(project), &"main".parse().unwrap()).await;
        assert!(refused.unwrap_err().0.contains(why), "{project}");
    }
}

#[tokio::test]
async fn a_file_is_read_from_the_project_or_as_a_task_left_it() {
    let bench = Bench::new();
    let task = bench.finished(15, "echo two >> a.txt; echo SECRET > .env").await;
    let wanted = |path: &str, task_id: Option<TaskId>| WantedFile {
        project: None,
        task_id,
        path: path.to_owned(),
        first: 1,
        last: None,
        bytes_max: 1000,
    };
    let now = bench.tools.read_file(wanted("a.txt", None)).await.unwrap();
    assert_eq!((now.text.as_str(), now.project.as_str()), ("one\n", "alpha"));
    let left = bench.tools.read_file(wanted("a.txt", Some(task.id.clone()))).await.unwrap();
    assert_eq!((left.text.as_str(), left.lines), ("one\ntwo\n", 2));
    for path in [".env", ".git/config", "../alpha/a.txt", "none"] {
        for id in [None, Some(task.id.clone())] {
            let refused = bench.tools.read_file(wanted(path, id)).await.unwrap_err();
            let ReadError::Refused { message, hint } = refused else { panic!("{refused}") };
            assert!(!message.contains(bench.folder.path().to_str().unwrap()), "{message}");
            assert!(!hint.is_empty());
        }
    }
}
