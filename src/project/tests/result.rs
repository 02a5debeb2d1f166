//! What a task's work becomes: commits, diffs, a branch, and what is never lost.
use std::fs;

use super::super::*;
use super::lab::{Lab, now};
use crate::clock::Timestamp;

#[tokio::test]
async fn the_agent_s_commits_and_its_leftovers_become_one_branch_of_the_owner() {
    let lab = Lab::repository();
    let before = lab.photo();
    let space = lab.prepare().await;
    assert_eq!(space.branch.as_str(), "gateway/t1-fix-it");
    assert_eq!(space.base.commit().unwrap().as_str(), lab.in_owner("git rev-parse HEAD"));
    lab.sh(
        &space.dir,
        "test \"$(git branch --show-current)\" = gateway/t1-fix-it; test -z \"$(git remote)\"
         test -z \"$(git status --porcelain)\"; test ! -e .git/objects/info/alternates
         ! grep -r \"$OWNER\" .git/config .git/HEAD .git/packed-refs
         test \"$(git describe --tags)\" = v1; git diff --quiet owner/main
         echo three >> a.txt; git commit -qam 'Add three'; echo new > new.txt; rm src/main.rs
         echo x > 'ünï cödé'; printf 'ignored\n' > .gitignore; echo i > ignored",
    );
    let settled = lab.settle(&space).await;
    assert!(settled.changed && settled.leftovers_committed);
    assert_eq!(settled.notes, []);
    assert_eq!(settled.commits_total, 2);
    assert_eq!(settled.commits[0].author, "gateway");
    assert_eq!(settled.commits[1].author, "Ada \"L\" Lovelace");
    assert_eq!(settled.commits[1].subject, "Add three");
    let files: Vec<_> = settled.files.iter().map(|f| (f.status, f.path.to_string())).collect();
    let wanted = [('A', ".gitignore"), ('M', "a.txt"), ('A', "new.txt"), ('D', "src/main.rs")];
    assert_eq!(files[..4], wanted.map(|(status, path)| (status, path.to_owned())));
    assert_eq!(files[4], ('A', "ünï cödé".to_owned()));
    let head = settled.head.clone().unwrap();
    let branch = space.branch.clone();
    assert_eq!(lab.publish(&space).await, Published::Branch { branch, head: head.clone() });
    lab.assert_untouched(&before);
    assert_eq!(lab.in_owner("git rev-parse gateway/t1-fix-it"), head.as_str());
    assert_eq!(lab.in_owner("git show gateway/t1-fix-it:new.txt"), "new");
    lab.in_owner("git fsck --strict --no-dangling; test ! -e .git/FETCH_HEAD");
    let author = lab.in_owner("git log -1 --format='%an <%ae> %cn %at%n%B' gateway/t1-fix-it");
    assert!(author.starts_with("gateway <gateway@localhost> gateway 1795153266\n"), "{author}");
    assert!(author.contains("Task: t1"), "{author}");
    // Again, and later, changes nothing.
    let later = Timestamp::from_millis(now().as_millis() + 60_000);
    assert_eq!(lab.spaces.settle(&space, later).await.unwrap(), settled);
    lab.publish(&space).await;
    lab.assert_untouched(&before);
}

#[tokio::test]
async fn a_task_that_changed_nothing_publishes_nothing_and_can_be_removed() {
    let lab = Lab::repository();
    let before = lab.photo();
    let space = lab.prepare().await;
    let refused = lab.spaces.remove(&space, Some(&lab.project), Removal::Safe).await;
    assert!(matches!(refused, Err(ProjectError::NotSettled)));
    let settled = lab.settle(&space).await;
    assert!(!settled.changed);
    assert_eq!(lab.publish(&space).await, Published::Nothing);
    lab.spaces.remove(&space, Some(&lab.project), Removal::Safe).await.unwrap();
    assert!(!space.work_dir.exists());
    assert!(matches!(lab.spaces.load(&space.work_dir), Err(ProjectError::NoWorkspace(_))));
    lab.assert_untouched(&before);
}

#[tokio::test]
async fn unmerged_work_is_not_removed_but_by_discarding() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    fs::write(space.dir.join("new"), "x").unwrap();
    lab.settle(&space).await;
    let refused = lab.spaces.remove(&space, Some(&lab.project), Removal::Safe).await;
    assert!(matches!(refused, Err(ProjectError::WouldLoseWork(_))));
    lab.publish(&space).await;
    lab.in_owner("git branch -D gateway/t1-fix-it");
    let refused = lab.spaces.remove(&space, Some(&lab.project), Removal::Safe).await;
    assert!(matches!(refused, Err(ProjectError::WouldLoseWork(_))));
    lab.publish(&space).await;
    lab.in_owner("git merge -q gateway/t1-fix-it; git branch -d gateway/t1-fix-it");
    lab.spaces.remove(&space, Some(&lab.project), Removal::Safe).await.unwrap();
    let other = lab.prepare().await;
    fs::write(other.dir.join("other"), "x").unwrap();
    lab.settle(&other).await;
    lab.spaces.remove(&other, None, Removal::Discard).await.unwrap();
    assert!(!other.work_dir.exists());
}

#[tokio::test]
async fn a_diff_is_the_same_while_running_settled_without_the_tree_and_from_the_owner() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    lab.sh(
        &space.dir,
        "echo three >> a.txt; git commit -qam c; echo n > new.txt; git mv src/main.rs src/lib.rs
         printf '\\0\\1' > bin",
    );
    let before = lab.sh(
        &space.dir,
        "git --no-optional-locks status --porcelain; stat -c %y .git/index; find .git | sort",
    );
    let options = DiffOptions::default();
    let running = lab.spaces.diff_running(&space, &options).await.unwrap();
    let after = lab.sh(
        &space.dir,
        "git --no-optional-locks status --porcelain; stat -c %y .git/index; find .git | sort",
    );
    assert_eq!(before, after);
    let settled = lab.settle(&space).await;
    assert_eq!(lab.diff(&space).await, running);
    assert!(
        running.text.contains("+++ b/new.txt") && running.text.contains("rename to src/lib.rs")
    );
    assert!(running.text.contains("Binary files /dev/null and b/bin differ"), "{}", running.text);
    assert_eq!((running.stat.files, running.stat.insertions), (4, 2));
    lab.publish(&space).await;
    lab.spaces.remove_tree(&space).await.unwrap();
    assert!(!space.tree.exists());
    assert_eq!(lab.diff(&space).await, running);
    lab.spaces.remove(&space, Some(&lab.project), Removal::Safe).await.unwrap();
    let head = settled.head.unwrap();
    let late = lab.spaces.diff_published(&lab.project, &space.base, &head, &options).await;
    assert_eq!(late.unwrap(), running);
    let gone = Oid::parse(&[b'a'; 40]).unwrap();
    let late = lab.spaces.diff_published(&lab.project, &space.base, &gone, &options).await;
    assert!(matches!(late, Err(ProjectError::Gone)));
}

#[tokio::test]
async fn pages_of_a_diff_put_together_are_the_whole_and_cut_no_character() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    fs::write(space.dir.join("long"), "é".repeat(5000) + "\nä\n".repeat(500).as_str()).unwrap();
    fs::write(space.dir.join("other"), "o\n").unwrap();
    lab.settle(&space).await;
    let whole = lab.diff(&space).await;
    assert_eq!(whole.next, None);
    let (mut text, mut offset, mut pages) = (String::new(), Some(0), 0);
    while let Some(at) = offset {
        let options = DiffOptions { max_bytes: 1001, offset: at, ..DiffOptions::default() };
        let page = lab.spaces.diff_settled(&space, &options).await.unwrap();
        assert!(page.text.len() <= 1001);
        assert_eq!(page.stat, whole.stat);
        text += &page.text;
        offset = page.next;
        pages += 1;
    }
    assert!(pages > 10);
    assert_eq!(text, whole.text);
    let options = DiffOptions { path: Some("other".into()), ..DiffOptions::default() };
    let one = lab.spaces.diff_settled(&space, &options).await.unwrap();
    assert_eq!((one.files.len(), one.text.contains("long")), (1, false));
    let options = DiffOptions { stat_only: true, ..DiffOptions::default() };
    let stat = lab.spaces.diff_settled(&space, &options).await.unwrap();
    assert_eq!((stat.text.as_str(), stat.stat), ("", whole.stat));
    let options = DiffOptions { path: Some("../x".into()), ..DiffOptions::default() };
    let outside = lab.spaces.diff_settled(&space, &options).await;
    assert!(matches!(outside, Err(ProjectError::BadPath)));
}

#[tokio::test]
async fn work_on_another_branch_is_the_result_and_other_commits_are_kept_aside() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    lab.sh(
        &space.dir,
        "git checkout -qb feature; echo f > f; git add f; git commit -qm feature
         git checkout -qb aside HEAD~1; echo s > s; git add s; git commit -qm aside
         git checkout -q feature; echo stashed > a.txt; git stash -q; echo left > left",
    );
    let settled = lab.settle(&space).await;
    let names: Vec<_> = settled.files.iter().map(|file| file.path.to_string()).collect();
    assert_eq!(names, ["f", "left"]);
    assert!(settled.notes.contains(&Note::EndedElsewhere { branch: Some("feature".into()) }));
    let aside = Note::KeptAside { name: "aside".into(), commits: 1 };
    assert!(settled.notes.contains(&aside), "{:?}", settled.notes);
    assert!(
        settled
            .notes
            .iter()
            .any(|note| matches!(note, Note::KeptAside { name, .. } if name == "refs/stash"))
    );
    lab.publish(&space).await;
    let refused = lab.spaces.remove(&space, Some(&lab.project), Removal::Safe).await;
    assert!(matches!(refused, Err(ProjectError::WouldLoseWork(_))));
    lab.spaces.remove_tree(&space).await.unwrap();
}

#[tokio::test]
async fn looking_at_an_older_commit_does_not_lose_the_branch() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    lab.sh(&space.dir, "echo c > c; git add c; git commit -qm c; git checkout -q --detach HEAD~2");
    let settled = lab.settle(&space).await;
    let names: Vec<_> = settled.files.iter().map(|file| file.path.to_string()).collect();
    assert_eq!(names, ["c"]);
    assert!(!settled.leftovers_committed);
}

#[tokio::test]
async fn a_rewritten_history_and_a_garbage_collected_clone_are_taken_as_they_are() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    lab.sh(
        &space.dir,
        "echo r > r; git add r; git commit -q --amend -m rewritten; git reflog expire --expire=now --all
         git gc -q --prune=now; git pack-refs --all",
    );
    let settled = lab.settle(&space).await;
    assert!(settled.notes.contains(&Note::HistoryRewritten));
    assert_eq!(settled.commits[0].subject, "rewritten");
    lab.publish(&space).await;
    lab.in_owner("git fsck --strict --no-dangling");
    assert_eq!(lab.in_owner("git show gateway/t1-fix-it:r"), "r");
}

#[tokio::test]
async fn publishing_survives_an_owner_who_rewrote_and_pruned_the_base() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    fs::write(space.dir.join("new"), "x").unwrap();
    lab.settle(&space).await;
    lab.in_owner(
        "git tag -d v1; git checkout -q --orphan fresh; git rm -rfq --cached .
         git commit -q --allow-empty -m fresh
         git branch -D main; git reflog expire --expire=now --all; git gc -q --prune=now",
    );
    let base = space.base.commit().unwrap();
    lab.in_owner(&format!("! git cat-file -e {base}"));
    lab.publish(&space).await;
    lab.in_owner("git fsck --strict --no-dangling");
    assert_eq!(lab.in_owner("git show gateway/t1-fix-it:new"), "x");
}

#[tokio::test]
async fn a_branch_that_exists_or_blocks_is_refused_by_name() {
    let lab = Lab::repository();
    lab.in_owner("git branch gateway/t1-fix-it; git branch gateway/t3-fix-it/deep");
    let taken = lab.try_prepare(BaseSpec::Head).await.unwrap_err();
    assert!(matches!(taken, ProjectError::BranchExists(_)));
    let space = lab.prepare().await;
    fs::write(space.dir.join("new"), "x").unwrap();
    lab.settle(&space).await;
    lab.in_owner("git branch gateway/t2-fix-it");
    let before = lab.photo();
    let taken = lab.spaces.publish(&space, &lab.project).await.unwrap_err();
    assert!(matches!(taken, ProjectError::BranchExists(_)));
    lab.assert_untouched(&before);
    let blocked = lab.try_prepare(BaseSpec::Head).await.unwrap_err();
    assert!(matches!(blocked, ProjectError::BranchBlocked { .. }));
    lab.in_owner(
        "git branch -q -m gateway/t3-fix-it/deep x; git branch -q -m gateway/t1-fix-it y
        git branch -q -m gateway/t2-fix-it z; git branch gateway",
    );
    let blocked = lab.try_prepare(BaseSpec::Head).await.unwrap_err();
    assert!(
        matches!(blocked, ProjectError::BranchBlocked { existing, .. } if existing == "gateway")
    );
}

#[tokio::test]
async fn a_base_branch_can_be_chosen_and_must_exist() {
    let lab = Lab::repository();
    lab.in_owner("git branch old HEAD~1");
    let space = lab.try_prepare(BaseSpec::Branch("old")).await.unwrap();
    assert_eq!(space.base.commit().unwrap().as_str(), lab.in_owner("git rev-parse old"));
    assert_eq!(fs::read_to_string(space.dir.join("a.txt")).unwrap(), "one\n");
    for bad in ["none", "--upload-pack=x", "old^{commit}", "HEAD", ""] {
        let refused = lab.try_prepare(BaseSpec::Branch(bad)).await.unwrap_err();
        assert!(matches!(refused, ProjectError::UnknownBase { .. }), "{bad}");
    }
}

#[tokio::test]
async fn a_workspace_outlives_the_gateway_and_is_made_once() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    assert_eq!(lab.spaces.load(&space.work_dir).unwrap(), space);
    let order = Order {
        task_id: "t1",
        title: "again",
        work_dir: &space.work_dir,
        base: BaseSpec::Head,
        now: now(),
    };
    let refused = lab.spaces.prepare(&lab.project, &order).await.unwrap_err();
    assert!(matches!(refused, ProjectError::WorkDirInUse(_)));
    // A gateway that died while preparing left no record; the next one begins anew.
    fs::remove_file(space.work_dir.join("workspace.json")).unwrap();
    fs::write(space.tree.join("half"), "x").unwrap();
    let again = lab.spaces.prepare(&lab.project, &order).await.unwrap();
    assert!(!again.tree.join("half").exists());
    for bad in ["", "-x", "../x", "a/b", &"x".repeat(65)] {
        let order = Order { task_id: bad, ..order.clone() };
        let refused = lab.spaces.prepare(&lab.project, &order).await.unwrap_err();
        assert!(matches!(refused, ProjectError::BadTaskId), "{bad}");
    }
}
