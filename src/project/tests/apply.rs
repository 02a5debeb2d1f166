//! Applying work: merged with a compare-and-swap, kept, discarded; and whatever is in the way is
//! left alone.
use std::fs;

use super::super::*;
use super::lab::{Lab, now};

/// A finished task whose agent ran `script`, published.
struct Done {
    space: Workspace,
    head: Option<Oid>,
}

impl Done {
    async fn new(lab: &Lab, script: &str) -> Self {
        Self::of(lab, lab.prepare().await, script).await
    }

    async fn of(lab: &Lab, space: Workspace, script: &str) -> Self {
        lab.sh(&space.dir, script);
        let head = lab.settle(&space).await.head;
        lab.publish(&space).await;
        Self { space, head }
    }

    fn work(&self) -> Work<'_> {
        Work {
            task_id: &self.space.task_id,
            title: "Fix it",
            workspace: Some(&self.space),
            branch: &self.space.branch,
            base: &self.space.base,
            base_branch: self.space.base_branch.as_ref(),
            head: self.head.as_ref(),
            now: now(),
        }
    }

    async fn merge(&self, lab: &Lab) -> Result<Merged, ProjectError> {
        lab.spaces.merge(&lab.project, &self.work()).await
    }

    /// The refusal of merging, which must change nothing of the owner's.
    async fn refused(&self, lab: &Lab) -> ApplyRefusal {
        let before = lab.photo();
        let refs = lab.in_owner("git for-each-ref; git status --porcelain --ignored");
        let refused = refusal(self.merge(lab).await);
        assert_eq!(lab.in_owner("git for-each-ref; git status --porcelain --ignored"), refs);
        let after = lab.photo();
        // `git status` itself refreshes the index.
        for (path, was) in before.iter().filter(|(path, _)| !path.starts_with(".git")) {
            assert_eq!(after.get(path), Some(was), "{} changed", path.display());
        }
        assert!(!lab.owner.join(".git/index.lock").exists());
        refused
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, ProjectError>) -> ApplyRefusal {
    match result {
        Err(ProjectError::Apply(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn branch(name: &str) -> BranchName {
    name.parse().unwrap()
}

/// Everything that a person looks at after a merge, clean.
fn assert_clean(lab: &Lab) {
    assert_eq!(lab.in_owner("git status --porcelain"), "");
    lab.in_owner("git fsck --strict --no-dangling; git diff-index --quiet HEAD");
}

#[tokio::test]
async fn a_branch_that_is_not_checked_out_moves_and_nothing_else_of_the_owner_s() {
    let lab = Lab::repository();
    lab.in_owner("git checkout -q -b side");
    lab.in_owner("git checkout -q main; git checkout -q -b elsewhere; echo dirty >> a.txt");
    let space = lab.try_prepare(BaseSpec::Branch("main")).await.unwrap();
    assert_eq!(space.base_branch, Some(branch("main")));
    let done = Done::of(&lab, space, "echo new > new; git add .; git commit -qm new").await;
    let mut before = lab.photo();
    let old = lab.in_owner("git rev-parse main");
    let merged = done.merge(&lab).await.unwrap();
    assert_eq!((merged.into, merged.files_moved), (branch("main"), false));
    assert_eq!(merged.from.unwrap().as_str(), old);
    assert_eq!(lab.in_owner("git rev-parse main"), done.head.as_ref().unwrap().as_str());
    before.remove(std::path::Path::new(".git/refs/heads/main"));
    let mut after = lab.photo();
    after.remove(std::path::Path::new(".git/refs/heads/main"));
    before.remove(std::path::Path::new(".git/refs/heads"));
    after.remove(std::path::Path::new(".git/refs/heads"));
    assert_eq!(after, before);
    // Again: nothing to do.
    let again = done.merge(&lab).await.unwrap();
    assert_eq!(again.from.as_ref(), Some(&again.to));
}

#[tokio::test]
async fn both_sides_are_joined_by_a_commit_with_a_clear_author_line() {
    let lab = Lab::repository();
    let done = Done::new(&lab, "echo theirs > new; git add .; git commit -qm theirs").await;
    lab.in_owner("echo ours > ours; git add .; git commit -qm ours");
    let tip = lab.in_owner("git rev-parse main");
    lab.in_owner("git checkout -q --detach");
    let merged = done.merge(&lab).await.unwrap();
    let head = done.head.as_ref().unwrap();
    assert_eq!(lab.in_owner("git log -1 --format='%P' main"), format!("{tip} {head}"));
    assert_eq!(lab.in_owner("git rev-parse main"), merged.to.as_str());
    let said = lab.in_owner("git log -1 --format='%an <%ae>%n%cn%n%B' main");
    let wanted =
        "gateway <gateway@localhost>\ngateway\nMerge the work of task t1\n\nFix it\n\nTask: t1";
    assert_eq!(said, wanted);
    assert_eq!(lab.in_owner("git show main:new main:ours"), "theirs\nours");
    lab.in_owner("git fsck --strict --no-dangling");
}

#[tokio::test]
async fn a_clean_checked_out_branch_takes_its_files_along() {
    let lab = Lab::repository();
    lab.in_owner("echo '*.log' > .gitignore; git add .; git commit -qm ignore; echo l > x.log");
    lab.in_owner("echo untracked > untracked; touch a.txt");
    let script = "echo three >> a.txt; echo new > src/new.rs; git rm -q src/main.rs; chmod +x a.txt
        ln -s a.txt link; git add .; git commit -qm work";
    let done = Done::new(&lab, script).await;
    let merged = done.merge(&lab).await.unwrap();
    assert!(merged.files_moved);
    assert_eq!(lab.in_owner("git status --porcelain"), "?? untracked");
    assert_eq!(lab.in_owner("git rev-parse main"), merged.to.as_str());
    assert_eq!(fs::read_to_string(lab.owner.join("a.txt")).unwrap(), "one\ntwo\nthree\n");
    assert!(!lab.owner.join("src/main.rs").exists());
    assert_eq!(fs::read_to_string(lab.owner.join("x.log")).unwrap(), "l\n");
    lab.in_owner("test -x a.txt; test -L link; test ! -e .git/index.lock; git fsck --strict");
    // And with commits on both sides.
    let done = Done::new(&lab, "echo x > x; git add .; git commit -qm x").await;
    lab.in_owner("echo y > y; git add y; git commit -qm y");
    assert!(done.merge(&lab).await.unwrap().files_moved);
    lab.in_owner("test -e x; test -e y; rm untracked");
    assert_clean(&lab);
}

#[tokio::test]
async fn a_dirty_tree_is_never_touched_whatever_is_dirty_in_it() {
    for dirty in [
        "echo dirty >> a.txt",
        "echo staged > staged; git add staged",
        "rm src/main.rs",
        "git rm -q --cached a.txt",
        "chmod +x a.txt",
        "echo unrelated >> src/main.rs",
    ] {
        let lab = Lab::repository();
        let done = Done::new(&lab, "echo three >> a.txt").await;
        lab.in_owner(dirty);
        assert_eq!(done.refused(&lab).await, ApplyRefusal::Dirty(branch("main")), "{dirty}");
    }
}

#[tokio::test]
async fn files_that_git_does_not_know_are_never_overwritten() {
    for (script, named) in [
        ("echo mine > new", "new"),
        ("echo new > .git/info/exclude; echo mine > new", "new"),
        ("mkdir new; echo mine > new/file", "new"),
        ("ln -s nowhere new", "new"),
    ] {
        let lab = Lab::repository();
        let done = Done::new(&lab, "echo theirs > new").await;
        lab.in_owner(script);
        let ApplyRefusal::InTheWay { files, .. } = done.refused(&lab).await else {
            panic!("{script}");
        };
        assert_eq!(files[0].to_string(), named, "{script}");
    }
    // A file where a folder has to be.
    let lab = Lab::repository();
    let done = Done::new(&lab, "mkdir d; echo theirs > d/new").await;
    lab.in_owner("echo mine > d");
    assert!(matches!(done.refused(&lab).await, ApplyRefusal::InTheWay { .. }));
}

#[tokio::test]
async fn conflicts_are_refused_with_the_names_of_the_files() {
    let lab = Lab::repository();
    let done = Done::new(&lab, "echo theirs >> a.txt; echo o > other").await;
    lab.in_owner("echo ours >> a.txt; git commit -qam ours");
    let refused = done.refused(&lab).await;
    assert_eq!(refused.to_string(), "main and the task changed the same: a.txt");
}

#[tokio::test]
async fn a_tree_in_the_middle_of_something_or_of_another_kind_is_not_written() {
    for (script, said) in [
        ("git rebase -q HEAD~1 --exec false || true; git checkout -q main || true", "main"),
        (
            "git checkout -qb x HEAD~1; git commit -q --allow-empty -m x; git checkout -q main
          git merge -q --no-ff --no-commit x",
            "under way",
        ),
        ("touch .git/index.lock", "at work"),
        ("git update-index --split-index", "split"),
        ("git update-index --assume-unchanged a.txt", "hides"),
        ("git sparse-checkout set --no-cone '/*' '!src'", "sparse"),
        ("echo '*.bin filter=lfs' > .gitattributes; git add .; git commit -qm lfs", "LFS"),
        ("echo '*.bin filter=lfs' > .git/info/attributes", "LFS"),
    ] {
        let lab = Lab::repository();
        let done = Done::new(&lab, "echo new > new").await;
        lab.in_owner(script);
        let before = lab.in_owner("git for-each-ref");
        let refused = refusal(done.merge(&lab).await);
        assert!(refused.to_string().contains(said), "{script}: {refused}");
        assert_eq!(lab.in_owner("git for-each-ref"), before, "{script}");
        assert!(!lab.owner.join("new").exists());
    }
}

#[tokio::test]
async fn a_branch_of_another_working_tree_is_left_to_it() {
    let lab = Lab::repository();
    let done = Done::new(&lab, "echo new > new").await;
    lab.in_owner("git checkout -q -b side; git worktree add -q ../linked main");
    let refused = refusal(done.merge(&lab).await);
    assert_eq!(refused, ApplyRefusal::ElsewhereCheckedOut(branch("main")));
    // From the linked one it is its own.
    let mut project = lab.project.clone();
    project.path = lab.dir.path().join("linked").canonicalize().unwrap();
    let merged = lab.spaces.merge(&project, &done.work()).await.unwrap();
    assert!(merged.files_moved);
    assert_eq!(lab.sh(&project.path, "git status --porcelain; cat new"), "new");
    assert!(!lab.owner.join("new").exists());
}

#[tokio::test]
async fn a_base_that_was_left_gone_or_never_was_a_branch_is_told() {
    let lab = Lab::repository();
    let done = Done::new(&lab, "echo new > new").await;
    lab.in_owner("git commit -q --amend -m other");
    assert_eq!(done.refused(&lab).await, ApplyRefusal::BaseLeft(branch("main")));
    lab.in_owner("git branch -m main renamed");
    assert_eq!(done.refused(&lab).await, ApplyRefusal::TargetGone(branch("main")));
    lab.in_owner("git checkout -q --detach");
    let done = Done::new(&lab, "echo new > new").await;
    assert_eq!(done.space.base_branch, None);
    assert_eq!(done.refused(&lab).await, ApplyRefusal::NoTarget);
    // A task that does not know its branch goes where the project is.
    lab.in_owner("git checkout -q renamed");
    assert_eq!(done.merge(&lab).await.unwrap().into, branch("renamed"));
    assert_clean(&lab);
}

#[tokio::test]
async fn an_unborn_branch_is_born_with_its_files_and_a_born_one_is_not_replaced() {
    let lab = Lab::empty();
    lab.in_owner("git init -q; echo owner > owner.txt");
    let done = Done::new(&lab, "echo new > new").await;
    let other = Done::new(&lab, "echo other > other").await;
    let merged = done.merge(&lab).await.unwrap();
    assert_eq!((merged.into, merged.from), (branch("main"), None));
    assert_eq!(lab.in_owner("git status --porcelain; cat new"), "?? owner.txt\nnew");
    assert_eq!(other.refused(&lab).await, ApplyRefusal::BaseLeft(branch("main")));
}

#[tokio::test]
async fn a_bare_repository_has_only_its_branch_to_move() {
    let mut lab = Lab::repository();
    lab.sh(lab.dir.path(), "git clone -q --bare \"$OWNER\" bare.git");
    lab.owner = lab.dir.path().join("bare.git").canonicalize().unwrap();
    lab.project.path = lab.owner.clone();
    let done = Done::new(&lab, "echo new > new").await;
    let merged = done.merge(&lab).await.unwrap();
    assert!(!merged.files_moved);
    assert_eq!(lab.in_owner("git show main:new"), "new");
}

#[tokio::test]
async fn submodules_move_as_their_commits_say_and_are_not_entered() {
    let lab = Lab::repository();
    lab.sh(lab.dir.path(), "mkdir sub; cd sub; git init -q; git commit -q --allow-empty -m s");
    lab.in_owner("git submodule -q add ../sub lib; git commit -qm sub; echo local > lib/local");
    let done = Done::new(&lab, "echo new > new").await;
    assert!(done.merge(&lab).await.unwrap().files_moved);
    assert_eq!(lab.in_owner("git status --porcelain --ignore-submodules=dirty; cat new"), "new");
    assert!(lab.owner.join("lib/local").exists());
}

#[tokio::test]
async fn work_without_a_repository_or_in_place_is_told_where_it_is() {
    let mut lab = Lab::empty();
    fs::write(lab.owner.join("file"), "x").unwrap();
    let done = Done::new(&lab, "echo new > new").await;
    assert_eq!(refusal(done.merge(&lab).await), ApplyRefusal::NoGit);
    assert_eq!(
        refusal(lab.spaces.keep_branch(&lab.project, &done.work()).await),
        ApplyRefusal::NoGit
    );
    assert_eq!(lab.spaces.discard(Some(&lab.project), &done.work()).await.unwrap(), None);
    assert!(!done.space.work_dir.exists() && lab.owner.join("file").exists());

    lab.project.isolation = Isolation::None;
    let space = lab.prepare().await;
    lab.sh(&lab.owner, "echo new > new");
    lab.settle(&space).await;
    let done = Done { head: lab.settle(&space).await.head, space };
    assert_eq!(refusal(done.merge(&lab).await), ApplyRefusal::InPlace);
    let refused = refusal(lab.spaces.discard(Some(&lab.project), &done.work()).await);
    assert_eq!(refused, ApplyRefusal::InPlace);
    assert!(lab.owner.join("new").exists());
}

#[tokio::test]
async fn what_changed_nothing_has_nothing_to_apply() {
    let lab = Lab::repository();
    let done = Done::new(&lab, "true").await;
    assert_eq!(done.refused(&lab).await, ApplyRefusal::Nothing);
}

#[tokio::test]
async fn discarding_deletes_branch_and_clone_and_only_what_the_task_made() {
    let lab = Lab::repository();
    let before = lab.photo();
    let done = Done::new(&lab, "echo new > new").await;
    let name = done.space.branch.to_string();
    // Commits of somebody else on its branch.
    lab.in_owner(&format!("git checkout -q {name}"));
    let refused = refusal(lab.spaces.discard(Some(&lab.project), &done.work()).await);
    assert_eq!(refused, ApplyRefusal::CheckedOut(done.space.branch.clone()));
    lab.in_owner("git commit -q --allow-empty -m mine; git checkout -q main");
    let refused = refusal(lab.spaces.discard(Some(&lab.project), &done.work()).await);
    assert_eq!(refused, ApplyRefusal::BranchHasOthers(done.space.branch.clone()));
    assert!(done.space.tree.exists());
    lab.in_owner(&format!("git branch -f {name} {name}~1; git pack-refs --all"));
    let was = lab.spaces.discard(Some(&lab.project), &done.work()).await.unwrap();
    assert_eq!(was, done.head);
    assert_eq!(lab.in_owner("git branch --format='%(refname:short)'"), "main");
    assert!(!done.space.work_dir.exists());
    assert_clean(&lab);
    assert_eq!(fs::read(lab.owner.join("a.txt")).unwrap(), before[std::path::Path::new("a.txt")].0);
    // Again, with nothing left.
    let work = Work { workspace: None, ..done.work() };
    assert_eq!(lab.spaces.discard(Some(&lab.project), &work).await.unwrap(), None);
}

#[tokio::test]
async fn kept_work_gets_its_branch_again_and_merges_without_it() {
    let lab = Lab::repository();
    let done = Done::new(&lab, "echo new > new").await;
    let name = done.space.branch.to_string();
    let forget = "git branch -D {}; git reflog expire --expire=now --all; git gc -q --prune=now";
    lab.in_owner(&forget.replace("{}", &name));
    let head = lab.spaces.keep_branch(&lab.project, &done.work()).await.unwrap();
    assert_eq!(lab.in_owner(&format!("git rev-parse {name}")), head.as_str());
    // Without the clone the owner's commits suffice; without both there is nothing.
    let alone = Work { workspace: None, ..done.work() };
    lab.spaces.keep_branch(&lab.project, &alone).await.unwrap();
    lab.in_owner(&forget.replace("{}", &name));
    let gone = lab.spaces.merge(&lab.project, &alone).await;
    assert!(matches!(gone, Err(ProjectError::Gone)), "{gone:?}");
    assert!(done.merge(&lab).await.unwrap().files_moved);
    assert_clean(&lab);
}

#[tokio::test]
async fn a_branch_that_stands_for_another_is_neither_moved_nor_deleted() {
    let lab = Lab::repository();
    lab.in_owner("git symbolic-ref refs/heads/alias refs/heads/main");
    let space = lab.try_prepare(BaseSpec::Branch("alias")).await.unwrap();
    let done = Done::of(&lab, space, "echo new > new").await;
    assert_eq!(done.refused(&lab).await, ApplyRefusal::Symbolic(branch("alias")));
    let name = done.space.branch.clone();
    lab.in_owner(&format!("git branch -f keep {name}; git branch -D {name}; git checkout -q keep"));
    lab.in_owner(&format!("git symbolic-ref refs/heads/{name} refs/heads/main"));
    lab.in_owner(&format!("git branch -f main {}", done.head.as_ref().unwrap()));
    let refused = refusal(lab.spaces.discard(Some(&lab.project), &done.work()).await);
    assert_eq!(refused, ApplyRefusal::Symbolic(name));
    lab.in_owner("git rev-parse main");
}

#[tokio::test]
async fn a_branch_that_moves_in_between_wins_and_the_files_go_back() {
    let lab = Lab::repository();
    let done = Done::new(&lab, "echo new > new").await;
    let (repository, view) = lab.spaces.view(&lab.project).await.unwrap().unwrap();
    let head = done.head.clone().unwrap();
    let old = Oid::parse(lab.in_owner("git rev-parse HEAD").as_bytes()).unwrap();
    let merged = Merged { into: branch("main"), from: Some(old), to: head, files_moved: true };
    // As when the owner commits, with other files, after the look and before the swap.
    fs::write(lab.owner.join(".git/refs/heads/main.lock"), "").unwrap();
    let lost = lab.spaces.advance_with_tree(&repository, &view, &lab.owner, &merged).await;
    assert_eq!(refusal(lost), ApplyRefusal::Moved(branch("main")));
    fs::remove_file(lab.owner.join(".git/refs/heads/main.lock")).unwrap();
    assert!(!lab.owner.join("new").exists());
    assert_clean(&lab);
    lab.in_owner("git commit -q --allow-empty -m faster");
    let lost = lab.spaces.advance(&view, &merged).await;
    assert_eq!(refusal(lost), ApplyRefusal::Moved(branch("main")));
}
