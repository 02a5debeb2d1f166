//! Repositories and agents that mean harm: nothing runs, nothing escapes, nothing of the owner's
//! changes.
use std::fs;
use std::path::Path;

use super::super::*;
use super::lab::Lab;

/// Configuration that runs a command at every chance git has.
const TRAP: &str = "printf '#!/bin/sh\necho \"$0 $*\" >> \"%s\"\ncat\n' \"$CANARY\" > \"$TRAPS/run\"
    chmod +x \"$TRAPS/run\"; R=\"$TRAPS/run\"; mkdir -p \"$TRAPS/hooks\"
    for h in pre-commit post-commit post-checkout pre-auto-gc reference-transaction post-index-change \
        update pre-receive post-receive post-update fsmonitor-watchman pre-push post-merge \
        proc-receive post-rewrite prepare-commit-msg commit-msg sendemail-validate; do
        cp \"$R\" \"$TRAPS/hooks/$h\"; done
    c() { git config \"$1\" \"$2\"; }
    c core.hooksPath \"$TRAPS/hooks\"; c core.fsmonitor \"$R\"; c core.sshCommand \"$R\"
    c core.pager \"$R\"; c core.editor \"$R\"; c core.askPass \"$R\"; c core.gitProxy \"$R\"
    c core.alternateRefsCommand \"$R\"; c uploadpack.packObjectsHook \"$R\"; c pager.diff \"$R\"
    c diff.external \"$R\"; c diff.evil.command \"$R\"; c diff.evil.textconv \"$R\"
    c filter.evil.clean \"$R\"; c filter.evil.smudge \"$R\"; c filter.evil.process \"$R\"
    c filter.evil.required true; c merge.evil.driver \"$R\"; c credential.helper \"!$R\"
    c gpg.program \"$R\"; c commit.gpgSign true; c log.showSignature true; c gc.auto 1
    c alias.status \"!$R\"; c remote.origin.url \"ext::$R\"; c remote.origin.promisor true
    c extensions.partialClone origin; c protocol.ext.allow always; c protocol.allow always
    c interactive.diffFilter \"$R\"; c sequence.editor \"$R\"; c trailer.x.command \"$R\"
    c tar.x.command \"$R\"; c browser.x.cmd \"$R\"; c include.path \"$TRAPS/included\"
    printf '[core]\nfsmonitor = %s\n' \"$R\" > \"$TRAPS/included\"
    mkdir -p .git/hooks; cp \"$TRAPS\"/hooks/* .git/hooks/
    git config core.repositoryformatversion 1";

fn trap(lab: &Lab, dir: &Path) {
    let traps = lab.dir.path().join("traps");
    fs::create_dir_all(&traps).unwrap();
    let script = TRAP.replace("$TRAPS", &traps.to_string_lossy());
    lab.sh(dir, &script);
    // Proves that the trap is armed, so that silence means something.
    lab.sh(dir, "git status >/dev/null 2>&1 || true; test -s \"$CANARY\"; rm -f \"$CANARY\"");
}

#[tokio::test]
async fn nothing_that_the_owner_s_repository_holds_is_run() {
    let lab = Lab::repository();
    lab.in_owner(
        "printf '* filter=evil diff=evil merge=evil\n' > .gitattributes; git add .
         git commit -qm attributes",
    );
    trap(&lab, &lab.owner);
    lab.in_owner("echo dirty >> a.txt; echo u > untracked");
    let before = lab.photo();
    lab.spaces.inspect(&lab.project).await.unwrap();
    let space = lab.prepare().await;
    fs::write(space.dir.join("new"), "x").unwrap();
    let settled = lab.settle(&space).await;
    lab.diff(&space).await;
    lab.publish(&space).await;
    let options = DiffOptions::default();
    let head = settled.head.unwrap();
    let diff = lab.spaces.diff_published(&lab.project, &space.base, &head, &options).await.unwrap();
    assert_eq!(diff.stat.files, 1);
    lab.spaces.remove(&space, Some(&lab.project), Removal::Safe).await.unwrap();
    lab.assert_nothing_ran();
    lab.assert_untouched(&before);
}

#[tokio::test]
async fn nothing_that_the_agent_left_in_its_git_is_run_and_its_commits_still_count() {
    let lab = Lab::repository();
    lab.in_owner("echo kept >> a.txt; git stash -q; echo staged > staged; git add staged");
    let before = lab.photo();
    let space = lab.prepare().await;
    lab.sh(
        &space.dir,
        "echo c > c; git add c; git commit -qm c; echo s >> a.txt; git stash -q; git stash pop -q
         git push \"$OWNER\" HEAD:refs/heads/gateway/none --dry-run >/dev/null 2>&1 || true
         printf '* filter=evil diff=evil merge=evil\n' > .gitattributes; echo l > left",
    );
    trap(&lab, &space.dir);
    let running = lab.spaces.diff_running(&space, &DiffOptions::default()).await.unwrap();
    let settled = lab.settle(&space).await;
    assert_eq!((settled.commits_total, settled.stat.files, running.stat.files), (2, 4, 4));
    lab.publish(&space).await;
    lab.assert_nothing_ran();
    lab.assert_untouched(&before);
    assert_eq!(lab.in_owner("git show gateway/t1-fix-it:c"), "c");
}

#[tokio::test]
async fn a_git_directory_that_is_gone_a_link_or_a_file_costs_only_the_commits() {
    for script in [
        "rm -rf .git",
        "mv .git ../away; ln -s ../away .git",
        "mv .git ../away; echo 'gitdir: ../away' > .git",
        "rm -rf .git; ln -s \"$OWNER/.git\" .git",
        "rm -rf .git; echo \"gitdir: $OWNER/.git\" > .git",
        "rm -rf .git; mkfifo .git",
        "rm .git/HEAD; mkfifo .git/HEAD",
        "rm -rf .git/refs; ln -s \"$OWNER/.git/refs\" .git/refs",
        "echo garbage > .git/HEAD",
        "head -c 100000 /dev/zero > .git/HEAD",
    ] {
        let lab = Lab::repository();
        let before = lab.photo();
        let space = lab.prepare().await;
        lab.sh(&space.dir, &format!("echo n > new; echo t >> a.txt; {script}"));
        let settled = lab.settle(&space).await;
        let unusable = |note: &Note| matches!(note, Note::AgentGitUnusable { .. });
        assert!(settled.notes.iter().any(unusable), "{script}: {:?}", settled.notes);
        let names: Vec<_> = settled.files.iter().map(|file| file.path.to_string()).collect();
        assert_eq!(names, ["a.txt", "new"], "{script}");
        lab.publish(&space).await;
        lab.assert_untouched(&before);
        lab.spaces.remove(&space, Some(&lab.project), Removal::Safe).await.unwrap();
    }
}

#[tokio::test]
async fn objects_behind_alternates_or_links_are_not_taken() {
    for script in [
        "echo ../../../secret/.git/objects > .git/objects/info/alternates",
        "echo \"$PWD/../secret/.git/objects\" > .git/objects/info/alternates",
        "for d in ../secret/.git/objects/??; do ln -s \"$PWD/$d\" .git/objects/ || true; done",
        "for d in ../secret/.git/objects/??; do mkdir -p .git/objects/${d##*/}
            for f in $d/*; do ln -s \"$PWD/$f\" .git/objects/${d##*/}/ || true; done; done",
    ] {
        let lab = Lab::repository();
        let space = lab.prepare().await;
        lab.sh(
            &space.work_dir,
            "mkdir secret; cd secret; git init -q; echo hidden > hidden; git add .; git commit -qm s",
        );
        lab.sh(
            &space.dir,
            &format!(
                "{script}; mkdir -p .git/refs/heads/gateway
                 git -C ../secret rev-parse HEAD > .git/refs/heads/gateway/t1-fix-it
                 echo n > new"
            ),
        );
        let settled = lab.settle(&space).await;
        let refused = |note: &Note| matches!(note, Note::CommitsRefused { .. });
        assert!(settled.notes.iter().any(refused), "{script}: {:?}", settled.notes);
        let names: Vec<_> = settled.files.iter().map(|file| file.path.to_string()).collect();
        assert_eq!(names, ["new"]);
        lab.publish(&space).await;
        lab.in_owner("git fsck --strict --no-dangling");
    }
}

#[tokio::test]
async fn forged_and_broken_objects_are_refused_and_the_files_kept() {
    for script in [
        // An object whose content is not what its name says.
        "o=$(git rev-parse HEAD); f=.git/objects/$(echo $o | cut -c1-2)/$(echo $o | cut -c3-)
         g=.git/objects/$(git rev-parse HEAD^ | cut -c1-2)/$(git rev-parse HEAD^ | cut -c3-)
         chmod u+w $f; rm $f; cp $g $f",
        // A tree that holds `.git`.
        "b=$(echo x | git hash-object -w --stdin)
         t=$(printf \"100644 .git\\0$(echo $b | sed 's/../\\\\x&/g')\" | sed 's/x/x/g' > /dev/null
             printf '100644 blob %s\\t.git\\n' $b | git mktree)
         git update-ref HEAD $(echo evil | git commit-tree $t -p HEAD)",
        // A .gitmodules that is an option to git.
        "printf '[submodule \"x\"]\\n\\tpath = x\\n\\turl = --upload-pack=evil\\n' > .gitmodules
         git add .gitmodules; git commit -qm evil; rm .gitmodules",
        // A commit whose blob is missing.
        "b=$(git rev-parse HEAD:own); f=.git/objects/$(echo $b | cut -c1-2)/$(echo $b | cut -c3-)
         rm -f $f",
    ] {
        let lab = Lab::repository();
        let before = lab.photo();
        let space = lab.prepare().await;
        lab.sh(&space.dir, &format!("echo o > own; git add own; git commit -qm own; {script}"));
        let settled = lab.settle(&space).await;
        let refused = |note: &Note| matches!(note, Note::CommitsRefused { .. });
        assert!(settled.notes.iter().any(refused), "{script}: {:?}", settled.notes);
        let names: Vec<_> = settled.files.iter().map(|file| file.path.to_string()).collect();
        assert_eq!(names, ["own"], "{script}");
        lab.publish(&space).await;
        lab.in_owner("git fsck --strict --no-dangling");
        lab.assert_untouched(&before);
    }
}

#[tokio::test]
async fn nested_repositories_special_files_and_strange_names_are_told_or_kept_as_they_are() {
    let lab = Lab::repository();
    let mut lab = lab;
    lab.spaces.limits.file_bytes_max = 1 << 20;
    let space = lab.prepare().await;
    lab.sh(
        &space.dir,
        "mkdir nested; (cd nested; git init -q; echo n > n; git add n; git commit -qm n)
         mkdir empty-nested; git -C empty-nested init -q
         mkfifo pipe; rm a.txt; mkfifo a.txt; truncate -s 5G huge; ln -s /etc/passwd link
         ln -s \"$OWNER\" ownerlink; rm -r src; ln -s \"$OWNER/src\" src
         touch -- -rf --help 'new\nline' 'back\\slash' \"$(printf 'bad\\377')\" ' ' ':(glob)x'
         mkdir -p x/.GIT y; touch x/.GIT/config 'y/git~1'",
    );
    let settled = lab.settle(&space).await;
    let path = |text: &str| RepoPath::from_bytes(text.as_bytes());
    for note in [
        Note::NestedRepository { path: path("nested") },
        Note::NestedRepository { path: path("empty-nested") },
        Note::SpecialFile { path: path("a.txt") },
        Note::TooLarge { path: path("huge"), bytes: 5 << 30 },
        Note::ForbiddenPath { path: path("y/git~1") },
        Note::ForbiddenPath { path: path("x/.GIT/config") },
    ] {
        assert!(settled.notes.contains(&note), "{note:?} not in {:?}", settled.notes);
    }
    let mut names: Vec<_> = settled.files.iter().map(|file| file.path.to_string()).collect();
    names.sort();
    let mut wanted = [
        "--help",
        "-rf",
        " ",
        "\"bad\\377\"",
        "link",
        "\"new\\nline\"",
        "back\\slash",
        "ownerlink",
        "src",
        "src/main.rs",
        ":(glob)x",
    ];
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    lab.publish(&space).await;
    lab.in_owner("git fsck --strict --no-dangling");
    assert_eq!(lab.in_owner("git show gateway/t1-fix-it:link"), "/etc/passwd");
    // What is nowhere else is not removed.
    let refused = lab.spaces.remove(&space, Some(&lab.project), Removal::Safe).await;
    assert!(matches!(refused, Err(ProjectError::WouldLoseWork(_))));
    lab.spaces.remove(&space, None, Removal::Discard).await.unwrap();
    assert!(lab.owner.join("src/main.rs").exists());
}

#[tokio::test]
async fn a_pipe_in_the_way_of_ignore_rules_is_timed_out_and_cleared_when_settling() {
    let mut lab = Lab::repository();
    lab.spaces.limits.git_timeout = std::time::Duration::from_millis(700);
    let space = lab.prepare().await;
    lab.sh(&space.dir, "mkfifo .gitignore src/.gitattributes; echo n > src/new");
    let blocked = lab.spaces.diff_running(&space, &DiffOptions::default()).await.unwrap_err();
    assert!(matches!(blocked, ProjectError::Git(GitError::TimedOut { .. })));
    let settled = lab.settle(&space).await;
    let cleared = settled.notes.iter().filter(|note| matches!(note, Note::Unblocked { .. }));
    assert_eq!(cleared.count(), 2);
    assert_eq!(settled.files[0].path.to_string(), "src/new");
}

#[tokio::test]
async fn a_tree_replaced_by_a_link_is_refused_and_what_it_points_at_stays() {
    let lab = Lab::repository();
    let before = lab.photo();
    let space = lab.prepare().await;
    lab.sh(&space.work_dir, "mv tree away; ln -s \"$OWNER\" tree");
    let refused = lab.spaces.settle(&space, super::lab::now()).await.unwrap_err();
    assert!(matches!(refused, ProjectError::TreeReplaced(_)));
    let refused = lab.spaces.diff_running(&space, &DiffOptions::default()).await.unwrap_err();
    assert!(matches!(refused, ProjectError::TreeReplaced(_)));
    lab.spaces.remove(&space, None, Removal::Discard).await.unwrap();
    lab.assert_untouched(&before);
}

#[tokio::test]
async fn a_tree_that_was_deleted_is_told_as_such_and_can_be_removed() {
    let lab = Lab::repository();
    let before = lab.photo();
    let space = lab.prepare().await;
    lab.sh(&space.work_dir, "rm -rf tree");
    let refused = lab.spaces.settle(&space, super::lab::now()).await.unwrap_err();
    assert!(matches!(refused, ProjectError::TreeDeleted(_)), "{refused}");
    lab.spaces.remove(&space, None, Removal::Discard).await.unwrap();
    lab.assert_untouched(&before);
}

#[tokio::test]
async fn folders_without_permissions_do_not_stop_removing() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    lab.sh(&space.dir, "mkdir -p cache/mod; touch cache/mod/f; chmod 555 cache/mod; chmod 0 cache");
    lab.settle(&space).await;
    lab.spaces.remove(&space, None, Removal::Discard).await.unwrap();
    assert!(!space.work_dir.exists());
}

#[tokio::test]
async fn too_many_leftovers_are_refused_and_nothing_is_lost() {
    let mut lab = Lab::repository();
    let space = lab.prepare().await;
    lab.sh(&space.dir, "for i in 1 2 3 4 5; do echo $i > f$i; done");
    lab.spaces.limits.files_max = 4;
    let refused = lab.spaces.settle(&space, super::lab::now()).await.unwrap_err();
    assert!(matches!(refused, ProjectError::ChangesTooLarge { .. }));
    assert!(space.dir.join("f5").exists());
    lab.spaces.limits.files_max = 5;
    assert_eq!(lab.settle(&space).await.stat.files, 5);
}

#[tokio::test]
async fn a_call_that_is_dropped_or_too_slow_leaves_no_process() {
    use super::super::git::{Call, Stdin};
    let lab = Lab::repository();
    let space = lab.prepare().await;
    lab.sh(&space.dir, "mkfifo .gitignore");
    let marker = lab.dir.path().to_string_lossy().into_owned();
    let hang = || {
        Call::new("ls-files")
            .git_dir(&space.git_dir())
            .work_tree(&space.tree)
            .setting("core.bare=false")
            .args(["-o", "--exclude-standard"])
            .stdin(Stdin::Empty)
            .timeout(std::time::Duration::from_millis(300))
    };
    let slow = lab.spaces.git.run(hang()).await;
    assert!(matches!(slow, Err(GitError::TimedOut { .. })));
    let call = hang().timeout(std::time::Duration::from_secs(30));
    let dropped =
        tokio::time::timeout(std::time::Duration::from_millis(300), lab.spaces.git.run(call));
    assert!(dropped.await.is_err());
    // Killed processes vanish once reaped, which the runtime does on its own time.
    let alive = || {
        fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let env = fs::read(entry.path().join("environ")).unwrap_or_default();
            String::from_utf8_lossy(&env).contains(&format!("GIT_WORK_TREE={marker}"))
        })
    };
    while alive() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn leftovers_that_fail_git_s_checks_are_shown_but_not_published() {
    let lab = Lab::repository();
    let before = lab.photo();
    let space = lab.prepare().await;
    lab.sh(
        &space.dir,
        "printf '[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=evil\n' > .gitmodules",
    );
    lab.settle(&space).await;
    assert!(lab.diff(&space).await.text.contains("upload-pack"));
    let refused = lab.spaces.publish(&space, &lab.project).await.unwrap_err();
    assert!(matches!(refused, ProjectError::Unsound(_)), "{refused}");
    lab.assert_untouched(&before);
}

#[tokio::test]
async fn an_encoding_that_files_do_not_have_does_not_keep_the_work_from_being_taken() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    lab.sh(
        &space.dir,
        "echo '*.txt working-tree-encoding=UTF-16' > .gitattributes; echo odd > new.txt",
    );
    let settled = lab.settle(&space).await;
    assert!(settled.notes.contains(&Note::TakenAsIs), "{:?}", settled.notes);
    lab.publish(&space).await;
    assert_eq!(lab.in_owner("git cat-file -p gateway/t1-fix-it:new.txt"), "odd");
}

#[tokio::test]
async fn a_tree_that_changes_while_it_is_read_gives_a_diff_all_the_same() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    let (tree, stop) =
        (space.tree.clone(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let done = stop.clone();
    let racer = std::thread::spawn(move || {
        let mut round = 0_u32;
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            round += 1;
            for name in 0..20 {
                let path = tree.join(format!("race{name}"));
                let _ = fs::write(&path, round.to_string().repeat(100));
                let _ = fs::remove_file(&path);
            }
        }
    });
    for _ in 0..10 {
        lab.spaces.diff_running(&space, &DiffOptions::default()).await.unwrap();
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    racer.join().unwrap();
}

#[tokio::test]
async fn a_task_that_reached_the_gateway_s_own_git_directory_runs_nothing_through_it() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    lab.sh(
        &space.dir,
        "echo '* filter=evil diff=evil' > .gitattributes; echo n > new; cd ../gateway.git
         cp config ../wanted; mkdir -p ../evil/refs ../evil/objects
         printf '#!/bin/sh\necho ran > \"%s\"\ncat\n' \"$CANARY\" > ../run; chmod +x ../run
         for f in config ../evil/config; do
             printf '[core]\nfsmonitor = %s\n[filter \"evil\"]\nclean = %s\nrequired = true\n[diff]\nexternal = %s\n' \
                 \"$PWD/../run\" \"$PWD/../run\" \"$PWD/../run\" >> $f; done
         mkdir -p hooks; cp ../run hooks/reference-transaction; echo ../evil > commondir",
    );
    lab.spaces.diff_running(&space, &DiffOptions::default()).await.unwrap();
    let settled = lab.settle(&space).await;
    assert_eq!(settled.stat.files, 2);
    lab.publish(&space).await;
    lab.diff(&space).await;
    lab.assert_nothing_ran();
    let read = |name: &str| fs::read_to_string(space.work_dir.join(name)).unwrap();
    assert_eq!(read("gateway.git/config"), read("wanted"));
}

/// A finished task with one new file, as merging and discarding need it.
async fn finished(lab: &Lab, base: BaseSpec<'_>) -> (Workspace, Oid) {
    let space = lab.try_prepare(base).await.unwrap();
    fs::write(space.dir.join("new"), "x").unwrap();
    let head = lab.settle(&space).await.head.unwrap();
    lab.publish(&space).await;
    (space, head)
}

fn work<'a>(space: &'a Workspace, head: &'a Oid) -> Work<'a> {
    Work {
        task_id: &space.task_id,
        title: "Fix it",
        workspace: Some(space),
        branch: &space.branch,
        base: &space.base,
        base_branch: space.base_branch.as_ref(),
        head: Some(head),
        now: super::lab::now(),
    }
}

#[tokio::test]
async fn nothing_is_run_by_choosing_a_base_merging_or_discarding() {
    let lab = Lab::repository();
    lab.in_owner(
        "printf '* diff=evil merge=evil\n' > .gitattributes; git add .; git commit -qm attributes
         git branch side; git update-ref refs/heads/-x HEAD",
    );
    trap(&lab, &lab.owner);
    lab.spaces.check_base(&lab.project, "side").await.unwrap();
    lab.spaces.check_base(&lab.project, "-x").await.unwrap_err();
    let (one, first) = finished(&lab, BaseSpec::Head).await;
    let (two, second) = finished(&lab, BaseSpec::Branch("side")).await;
    let (three, third) = finished(&lab, BaseSpec::Branch("side")).await;
    // Both sides moved, so that a real merge is made; then the tree moves along.
    fs::write(three.dir.join("other"), "x").unwrap();
    let third = lab.spaces.settle(&three, super::lab::now()).await.unwrap().head.unwrap_or(third);
    let merged = lab.spaces.merge(&lab.project, &work(&two, &second)).await.unwrap();
    assert!(!merged.files_moved);
    lab.spaces.merge(&lab.project, &work(&three, &third)).await.unwrap();
    let merged = lab.spaces.merge(&lab.project, &work(&one, &first)).await.unwrap();
    assert!(merged.files_moved && lab.owner.join("new").exists());
    for (space, head) in [(&one, &first), (&two, &second)] {
        lab.spaces.discard(Some(&lab.project), &work(space, head)).await.unwrap();
    }
    lab.assert_nothing_ran();
}

#[tokio::test]
async fn a_branch_beginning_with_a_dash_is_no_base_and_no_target() {
    let lab = Lab::repository();
    lab.in_owner("git update-ref refs/heads/--exec=x HEAD");
    let refused = lab.try_prepare(BaseSpec::Branch("--exec=x")).await.unwrap_err();
    assert!(matches!(refused, ProjectError::UnknownBase { .. }), "{refused}");
    fs::write(lab.owner.join(".git/HEAD"), "ref: refs/heads/--exec=x\n").unwrap();
    let (space, head) = finished(&lab, BaseSpec::Head).await;
    assert_eq!(space.base_branch, None);
    let refused = lab.spaces.merge(&lab.project, &work(&space, &head)).await.unwrap_err();
    assert!(matches!(refused, ProjectError::Apply(ApplyRefusal::NoTarget)), "{refused}");
}

#[tokio::test]
async fn a_merge_writes_through_no_link_of_the_owner_s_tree() {
    let lab = Lab::repository();
    let outside = lab.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let space = lab.prepare().await;
    lab.sh(&space.dir, "mkdir d; echo x > d/new; mkdir -p deep/er; echo x > deep/er/new");
    let head = lab.settle(&space).await.head.unwrap();
    lab.publish(&space).await;
    for link in ["d", "deep"] {
        lab.in_owner(&format!("rm -rf d deep; ln -s ../outside {link}; mkdir -p ../outside/er"));
        let refused = lab.spaces.merge(&lab.project, &work(&space, &head)).await.unwrap_err();
        let in_the_way = matches!(refused, ProjectError::Apply(ApplyRefusal::InTheWay { .. }));
        assert!(in_the_way, "{link}: {refused}");
    }
    assert_eq!(lab.sh(&outside, "find . -type f"), "");
}

#[tokio::test]
async fn what_an_agent_put_into_git_s_own_folder_never_reaches_the_owner_s_by_merging() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    lab.sh(&space.dir, "mkdir -p x/.GIT y; touch x/.GIT/config 'y/git~1'; echo ok > ok");
    let head = lab.settle(&space).await.head.unwrap();
    lab.publish(&space).await;
    lab.spaces.merge(&lab.project, &work(&space, &head)).await.unwrap();
    assert_eq!(lab.in_owner("cat ok; ls; git status --porcelain"), "ok\na.txt\nok\nsrc");
}
