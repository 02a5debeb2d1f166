//! Projects of every shape: unborn, detached, dirty, shallow, partial, linked, nested, not git.
use std::fs;

use super::super::*;
use super::lab::{Lab, now};

async fn git_state(lab: &Lab) -> GitState {
    match lab.spaces.inspect(&lab.project).await.unwrap().kind {
        ProjectKind::Git(state) => state,
        ProjectKind::NotGit => panic!("not git"),
    }
}

/// Adds a file as the agent, settles, publishes, and returns the published commit's file list.
async fn round_trip(lab: &Lab) -> (Workspace, Settled) {
    let before = lab.photo();
    let space = lab.prepare().await;
    lab.sh(
        &space.dir,
        "echo agent > agent.txt; git add agent.txt; git commit -qm agent; echo l > left",
    );
    let settled = lab.settle(&space).await;
    let published = lab.publish(&space).await;
    assert!(matches!(published, Published::Branch { .. }), "{published:?}");
    lab.assert_untouched(&before);
    lab.in_owner(&format!("git cat-file -e {}:left", settled.head.as_ref().unwrap()));
    (space, settled)
}

#[tokio::test]
async fn a_dirty_project_is_told_and_its_changes_stay_where_they_are() {
    let lab = Lab::repository();
    lab.in_owner(
        "echo s >> a.txt; git stash -q; echo staged > staged; git add staged; echo dirty >> a.txt
         echo new > untracked; rm src/main.rs",
    );
    let state = git_state(&lab).await;
    let commit = Oid::parse(lab.in_owner("git rev-parse HEAD").as_bytes()).unwrap();
    assert_eq!(state.head, Head::Branch { name: "main".into(), commit });
    let changes = state.changes.unwrap();
    assert_eq!((changes.staged, changes.unstaged, changes.untracked), (1, 2, 1));
    let (space, settled) = round_trip(&lab).await;
    assert!(space.notes.contains(&Note::UncommittedLeftOut { files: 4 }));
    assert_eq!(settled.stat.files, 2);
}

#[tokio::test]
async fn inspecting_a_project_writes_nothing_in_it() {
    let lab = Lab::repository();
    lab.in_owner(
        "touch a.txt; git config core.untrackedCache true; git update-index --split-index",
    );
    let before = lab.photo();
    assert!(git_state(&lab).await.changes.unwrap().is_clean());
    lab.assert_untouched(&before);
}

#[tokio::test]
async fn an_unborn_branch_begins_from_nothing() {
    let lab = Lab::empty();
    lab.in_owner("git init -q; echo owner > owner.txt");
    assert_eq!(git_state(&lab).await.head, Head::Unborn { name: "main".into() });
    let (space, settled) = round_trip(&lab).await;
    assert_eq!(space.base, Base::Empty);
    assert!(space.notes.contains(&Note::NoCommitYet));
    assert_eq!((settled.commits_total, settled.stat.files), (2, 2));
    let other = lab.prepare().await;
    assert!(!lab.settle(&other).await.changed);
    assert_eq!(lab.diff(&other).await.text, "");
}

#[tokio::test]
async fn a_detached_head_is_named_and_is_the_base() {
    let lab = Lab::repository();
    lab.in_owner("git checkout -q --detach HEAD~1");
    let commit = Oid::parse(lab.in_owner("git rev-parse HEAD").as_bytes()).unwrap();
    assert_eq!(git_state(&lab).await.head, Head::Detached { commit: commit.clone() });
    let (space, _) = round_trip(&lab).await;
    assert_eq!(space.base, Base::Commit(commit));
}

#[tokio::test]
async fn a_shallow_clone_works_and_is_told() {
    let lab = Lab::repository();
    let project = lab.dir.path().join("shallow");
    lab.sh(lab.dir.path(), "git clone -q --depth 1 file://$OWNER shallow");
    let mut lab = lab;
    lab.owner = project.canonicalize().unwrap();
    lab.project.path = lab.owner.clone();
    assert!(git_state(&lab).await.shallow);
    let (space, _) = round_trip(&lab).await;
    assert!(space.notes.contains(&Note::Shallow));
    lab.in_owner("git fsck --strict --no-dangling");
}

#[tokio::test]
async fn a_partial_clone_works_without_fetching_and_is_told() {
    let lab = Lab::repository();
    lab.in_owner("git config uploadpack.allowFilter true");
    lab.sh(
        lab.dir.path(),
        "git clone -q --filter=blob:none file://$OWNER partial; rm -rf \"$OWNER\"",
    );
    let mut lab = lab;
    lab.owner = lab.dir.path().join("partial").canonicalize().unwrap();
    lab.project.path = lab.owner.clone();
    assert!(git_state(&lab).await.partial);
    let (space, settled) = round_trip(&lab).await;
    assert!(space.notes.contains(&Note::Partial));
    assert_eq!(settled.stat.files, 2);
}

#[tokio::test]
async fn a_linked_worktree_publishes_into_the_repository_it_belongs_to() {
    let lab = Lab::repository();
    lab.in_owner("git worktree add -q -b side ../linked HEAD~1");
    let mut project = lab.project.clone();
    project.path = lab.dir.path().join("linked").canonicalize().unwrap();
    let before = lab.photo();
    let state = lab.spaces.inspect(&project).await.unwrap();
    let ProjectKind::Git(state) = state.kind else { panic!("not git") };
    assert_eq!(state.work_tree, WorkTree::Linked);
    assert!(matches!(state.head, Head::Branch { name, .. } if name == "side"));
    let work_dir = lab.work_dir("linked");
    let order =
        Order { task_id: "w1", title: "", work_dir: &work_dir, base: BaseSpec::Head, now: now() };
    let space = lab.spaces.prepare(&project, &order).await.unwrap();
    assert_eq!(space.base.commit().unwrap().as_str(), lab.in_owner("git rev-parse side"));
    fs::write(space.dir.join("new"), "x").unwrap();
    lab.settle(&space).await;
    lab.spaces.publish(&space, &project).await.unwrap();
    lab.assert_untouched(&before);
    assert_eq!(lab.in_owner("git show gateway/w1:new"), "x");
}

#[tokio::test]
async fn submodules_stay_empty_and_their_pointers_stay() {
    let lab = Lab::repository();
    lab.sh(
        lab.dir.path(),
        "mkdir sub; cd sub; git init -q; echo s > s; git add s; git commit -qm s",
    );
    lab.in_owner("git submodule -q add ../sub lib; git commit -qm sub");
    lab.in_owner(
        "printf '#!/bin/sh\necho ran > \"%s\"\n' \"$CANARY\" > ../fs.sh; chmod +x ../fs.sh
        git -C lib config core.fsmonitor \"$PWD/../fs.sh\"; echo dirty > lib/dirty",
    );
    let (space, settled) = round_trip(&lab).await;
    lab.assert_nothing_ran();
    assert!(space.notes.contains(&Note::SubmodulesEmpty));
    assert_eq!(settled.stat.files, 2);
    // The agent fills one and leaves it elsewhere without committing: told, not followed.
    let other = lab.prepare().await;
    lab.sh(&other.dir, "cd lib; git init -q; echo x > x; git add x; git commit -qm x");
    let settled = lab.settle(&other).await;
    assert!(!settled.changed);
    let path = RepoPath::from_bytes(b"lib");
    assert_eq!(settled.notes, [Note::SubmoduleMoved { path }]);
}

#[tokio::test]
async fn a_submodule_of_the_owner_is_a_project_like_any_other() {
    let lab = Lab::repository();
    lab.in_owner("git submodule -q add \"$PWD/.\" lib; git commit -qm sub");
    let mut project = lab.project.clone();
    project.path = lab.owner.join("lib");
    let work_dir = lab.work_dir("sub");
    let order =
        Order { task_id: "s1", title: "", work_dir: &work_dir, base: BaseSpec::Head, now: now() };
    let space = lab.spaces.prepare(&project, &order).await.unwrap();
    fs::write(space.dir.join("new"), "x").unwrap();
    lab.settle(&space).await;
    lab.spaces.publish(&space, &project).await.unwrap();
    assert_eq!(lab.in_owner("git -C lib show gateway/s1:new"), "x");
}

#[tokio::test]
async fn a_folder_of_a_larger_repository_is_worked_in_at_its_place() {
    let mut lab = Lab::repository();
    lab.project.path = lab.owner.join("src");
    fs::write(lab.owner.join("outside"), "x").unwrap();
    assert!(git_state(&lab).await.changes.unwrap().is_clean());
    let before = lab.photo();
    let space = lab.prepare().await;
    assert_eq!(space.dir, space.tree.join("src"));
    fs::write(space.dir.join("new.rs"), "x").unwrap();
    let settled = lab.settle(&space).await;
    assert_eq!(settled.files[0].path.to_string(), "src/new.rs");
    lab.publish(&space).await;
    lab.assert_untouched(&before);
    // A folder that the outer repository does not track is a project of its own.
    fs::create_dir(lab.owner.join("scratch")).unwrap();
    lab.project.path = lab.owner.join("scratch");
    let state = lab.spaces.inspect(&lab.project).await.unwrap();
    assert_eq!(state.kind, ProjectKind::NotGit);
}

#[tokio::test]
async fn a_folder_without_git_is_copied_and_its_result_stays_with_the_gateway() {
    let lab = Lab::empty();
    lab.in_owner(
        "mkdir d nested; echo one > d/f; ln -s d/f link; mkfifo pipe; printf 'skip\n' > .gitignore
         echo s > skip; cd nested; git init -q; echo n > n",
    );
    let before = lab.photo();
    let space = lab.prepare().await;
    assert_eq!(space.notes, [Note::CopyOfFolder]);
    lab.sh(
        &space.dir,
        "test -z \"$(git status --porcelain)\"; test -L link; test -f skip; test -f nested/n
         test ! -e pipe; test ! -e nested/.git
         echo two >> d/f; echo new > new; git add new; git commit -qm new",
    );
    let settled = lab.settle(&space).await;
    assert_eq!((settled.stat.files, settled.stat.insertions), (2, 2));
    assert!(lab.diff(&space).await.text.contains("+two"));
    assert_eq!(lab.publish(&space).await, Published::Kept);
    lab.assert_untouched(&before);
    let refused = lab.spaces.remove(&space, Some(&lab.project), Removal::Safe).await;
    assert!(matches!(refused, Err(ProjectError::WouldLoseWork(_))));
}

#[tokio::test]
async fn a_folder_too_large_to_copy_is_refused_with_the_cure() {
    let mut lab = Lab::empty();
    lab.in_owner("for i in 1 2 3 4 5; do echo $i > f$i; done");
    lab.spaces.limits.files_max = 4;
    let refused = lab.try_prepare(BaseSpec::Head).await.unwrap_err();
    assert!(matches!(refused, ProjectError::FolderTooLarge { files_max: 4, .. }));
    assert!(refused.hint().contains("git init"));
}

#[tokio::test]
async fn in_place_the_diff_shows_only_the_task_s_changes_and_nothing_is_committed() {
    for git in [true, false] {
        let mut lab = if git { Lab::repository() } else { Lab::empty() };
        lab.project.isolation = Isolation::None;
        lab.in_owner("echo before >> a.txt; echo old > old-untracked");
        let before = lab.photo();
        let space = lab.prepare().await;
        assert_eq!(space.dir, lab.owner);
        lab.assert_untouched(&before);
        lab.in_owner("echo task >> a.txt; echo new > new; rm old-untracked");
        let during = lab.photo();
        let options = DiffOptions::default();
        let running = lab.spaces.diff_running(&space, &options).await.unwrap();
        let settled = lab.settle(&space).await;
        lab.assert_untouched(&during);
        assert_eq!(lab.diff(&space).await, running);
        let files: Vec<_> = settled.files.iter().map(|f| (f.status, f.path.to_string())).collect();
        let wanted = [('M', "a.txt"), ('A', "new"), ('D', "old-untracked")];
        assert_eq!(files, wanted.map(|(status, path)| (status, path.to_owned())));
        assert!(!running.text.contains("+before"));
        assert_eq!(lab.publish(&space).await, Published::Kept);
        lab.in_owner("echo later > later");
        assert_eq!(lab.diff(&space).await, running);
        lab.spaces.remove(&space, None, Removal::Safe).await.unwrap();
        assert!(lab.owner.join("new").exists());
    }
}

#[tokio::test]
async fn in_place_the_base_is_the_folder_as_it_was_whatever_git_had_seen_of_it() {
    for script in [
        "true",
        "touch -d '2 days ago' a.txt",
        "echo staged >> a.txt; git add .; echo unstaged >> a.txt; echo fresh > fresh",
        "echo staged > b; git add b; rm b",
        "rm a.txt",
        "git rm -q --cached a.txt",
        "rm a.txt; ln -s src a.txt; chmod +x src/main.rs",
        "rm a.txt; mkdir a.txt; echo inside > a.txt/inside",
        "echo '*.log' > .gitignore; echo log > some.log; git add -f some.log",
        "git init -q nested; echo n > nested/n",
        "echo new > new; git add -N new",
        "echo hidden >> a.txt; git update-index --skip-worktree a.txt",
        "echo hidden >> a.txt; git update-index --assume-unchanged a.txt",
        "git update-index --split-index; echo more >> a.txt",
        "git update-index --index-version 4; echo more >> src/main.rs; git add .",
        "git checkout -q -b side HEAD~; echo side > a.txt; git commit -qam side; git merge main || true",
        "git checkout -q --orphan fresh; git rm -qrf .",
        "git checkout -q --orphan fresh; rm .git/index",
        "git checkout -q --detach HEAD~",
    ] {
        let mut lab = Lab::repository();
        lab.project.isolation = Isolation::None;
        lab.in_owner(script);
        let before = lab.photo();
        let space = lab.prepare().await;
        lab.assert_untouched(&before);
        let base = space.base.commit().unwrap();
        let own = space.git_dir().display().to_string();
        let git = format!("git -c core.bare=false --git-dir='{own}' --work-tree=.");
        assert_eq!(lab.in_owner(&format!("{git} rev-parse refs/gateway/base")), base.to_string());
        // With an index that knows nothing of what the owner told git to overlook.
        let differing = lab.in_owner(&format!(
            "export GIT_INDEX_FILE=../fresh.index; {git} read-tree {base}
             {git} diff --name-only; {git} ls-files -o | grep -v '^nested/' || true"
        ));
        assert_eq!(differing, "", "{script}");
        let options = DiffOptions::default();
        let running = lab.spaces.diff_running(&space, &options).await.unwrap();
        assert_eq!((running.stat.files, running.text.as_str()), (0, ""), "{script}");
    }
}

#[tokio::test]
async fn paths_with_spaces_unicode_colons_quotes_and_newlines_work() {
    for name in ["with space", "ünïcödé", "new\nline", "co:lon", "\"quoted\\", "-dash", "$(x)"]
    {
        let lab = Lab::at(name);
        lab.in_owner(
            "git init -q; echo a > a.txt; mkdir src; echo m > src/main.rs; git add .; git commit -qm a",
        );
        assert!(git_state(&lab).await.changes.unwrap().is_clean());
        round_trip(&lab).await;
    }
}

#[tokio::test]
async fn a_state_folder_with_colon_quote_and_newline_in_its_path_works() {
    let mut lab = Lab::repository();
    let odd = lab.dir.path().join("st:a\"te\n\\x");
    lab.spaces.scratch = odd.join("tmp");
    let work_dir = odd.join("work/t");
    let order =
        Order { task_id: "t", title: "", work_dir: &work_dir, base: BaseSpec::Head, now: now() };
    let space = lab.spaces.prepare(&lab.project, &order).await.unwrap();
    lab.sh(&space.dir, "echo c > c; git add c; git commit -qm c; echo l > l");
    let running = lab.spaces.diff_running(&space, &DiffOptions::default()).await.unwrap();
    let settled = lab.settle(&space).await;
    assert_eq!((settled.commits_total, running.stat.files, settled.notes.len()), (2, 2, 0));
    lab.publish(&space).await;
}

#[tokio::test]
async fn a_bare_repository_can_be_cloned_but_not_worked_in_in_place() {
    let lab = Lab::repository();
    lab.sh(lab.dir.path(), "git clone -q --bare \"$OWNER\" bare.git");
    let mut lab = lab;
    lab.owner = lab.dir.path().join("bare.git").canonicalize().unwrap();
    lab.project.path = lab.owner.clone();
    assert_eq!(git_state(&lab).await.changes, None);
    let space = lab.prepare().await;
    fs::write(space.dir.join("new"), "x").unwrap();
    lab.settle(&space).await;
    lab.publish(&space).await;
    assert_eq!(lab.in_owner("git show gateway/t1-fix-it:new"), "x");
    lab.project.isolation = Isolation::None;
    let refused = lab.try_prepare(BaseSpec::Head).await.unwrap_err();
    assert!(matches!(refused, ProjectError::BareInPlace));
}

#[tokio::test]
async fn sha256_repositories_work() {
    let lab = Lab::empty();
    lab.in_owner("git init -q --object-format=sha256; echo a > a; git add a; git commit -qm a");
    let (_, settled) = round_trip(&lab).await;
    assert_eq!(settled.head.unwrap().as_str().len(), 64);
}

#[tokio::test]
async fn borrowed_objects_of_the_owner_are_taken_along() {
    let lab = Lab::repository();
    lab.sh(lab.dir.path(), "git clone -q --shared \"$OWNER\" borrower");
    let original = lab.owner.clone();
    let mut lab = lab;
    lab.owner = lab.dir.path().join("borrower").canonicalize().unwrap();
    lab.project.path = lab.owner.clone();
    let (space, _) = round_trip(&lab).await;
    fs::remove_dir_all(original).unwrap();
    lab.sh(&space.dir, "git fsck --strict --no-dangling");
}

#[tokio::test]
async fn lfs_files_stay_pointers_and_new_ones_are_told() {
    let lab = Lab::repository();
    // No filter is installed, as on a machine without Git LFS: the pointer is the content.
    lab.in_owner(
        "echo '*.psd filter=lfs diff=lfs merge=lfs -text' > .gitattributes
         printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n' > a.psd
         git add .; git commit -qm lfs
         git config filter.lfs.clean \"echo ran > '$CANARY'; cat\"
         git config filter.lfs.smudge \"echo ran > '$CANARY'; cat\"
         git config filter.lfs.required true",
    );
    let before = lab.photo();
    let space = lab.prepare().await;
    assert!(space.notes.contains(&Note::LfsPointers));
    let text = fs::read_to_string(space.dir.join("a.psd")).unwrap();
    assert!(text.starts_with("version https://git-lfs"));
    fs::write(space.dir.join("b.psd"), "raw").unwrap();
    let settled = lab.settle(&space).await;
    let path = RepoPath::from_bytes(b"b.psd");
    assert_eq!(settled.notes, [Note::LfsFileCommitted { path }]);
    lab.publish(&space).await;
    git_state(&lab).await;
    lab.assert_untouched(&before);
    lab.assert_nothing_ran();
}

#[tokio::test]
async fn the_owner_s_ignore_rules_outside_the_tree_hold_for_leftovers() {
    let lab = Lab::repository();
    lab.in_owner(
        "echo local-ignored >> .git/info/exclude; mkdir -p ../home/.config/git
         echo globally-ignored > ../home/.config/git/ignore",
    );
    let space = lab.prepare().await;
    lab.sh(&space.dir, "touch local-ignored globally-ignored kept");
    let settled = lab.settle(&space).await;
    let names: Vec<_> = settled.files.iter().map(|file| file.path.to_string()).collect();
    assert_eq!(names, ["kept"]);
}

#[tokio::test]
async fn a_broken_repository_is_named_not_passed_over() {
    let lab = Lab::repository();
    fs::rename(lab.owner.join(".git"), lab.dir.path().join("moved")).unwrap();
    fs::write(lab.owner.join(".git"), "gitdir: ../gone\n").unwrap();
    let refused = lab.spaces.inspect(&lab.project).await.unwrap_err();
    assert!(matches!(refused, ProjectError::BadRepository { .. }));
    fs::write(lab.owner.join(".git"), "gitdir: ../moved\n").unwrap();
    git_state(&lab).await;
    fs::write(lab.dir.path().join("moved/HEAD"), "b".repeat(40)).unwrap();
    let refused = lab.spaces.inspect(&lab.project).await.unwrap_err();
    assert!(matches!(refused, ProjectError::BadRepository { .. }));
}

#[cfg(unix)]
#[tokio::test]
async fn what_the_gateway_writes_into_a_workspace_only_its_user_can_read() {
    use std::os::unix::fs::PermissionsExt;
    const OWN: [&str; 7] = [
        "workspace.json",
        "settled.json",
        "config",
        "HEAD",
        "exclude",
        "attributes",
        "packed-refs",
    ];
    for lab in [Lab::repository(), Lab::at("plain")] {
        let space = lab.prepare().await;
        lab.settle(&space).await;
        let mut found = Vec::new();
        let mut open = vec![space.work_dir.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
                let meta = entry.symlink_metadata().unwrap();
                let in_logs = folder.components().any(|part| part.as_os_str() == "logs");
                if meta.is_dir() {
                    open.push(entry);
                } else if OWN.iter().any(|own| name == *own) && !in_logs {
                    let mode = meta.permissions().mode() & 0o777;
                    assert_eq!(mode, 0o600, "{}", entry.display());
                    found.push(entry);
                }
            }
        }
        assert!(found.len() >= 8, "{found:?}");
    }
}
