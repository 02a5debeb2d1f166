//! Diffs that outlive the clone, the branch and the owner's memory of the commits.
use super::super::*;
use super::lab::Lab;

#[tokio::test]
async fn a_kept_diff_is_the_same_without_the_clone_the_branch_and_the_owner_s_objects() {
    let lab = Lab::repository();
    lab.sh(lab.dir.path(), "mkdir sub; cd sub; git init -q; git commit -q --allow-empty -m s");
    lab.in_owner("git submodule -q add ../sub lib; git commit -qm sub");
    let space = lab.prepare().await;
    lab.sh(
        &space.dir,
        "echo three >> a.txt; git mv src/main.rs src/lib.rs; printf '\\0\\1' > bin
         mkdir -p deep/er; echo d > deep/er/f; touch ':100644 x'; ln -s a.txt link; rm -rf lib
         git rm -q lib; git add .; git commit -qm work",
    );
    lab.settle(&space).await;
    let whole = lab.diff(&space).await;
    assert!(whole.stat.files >= 6, "{:?}", whole.files);
    let kept = lab.dir.path().join("state/tasks/t1/diff");
    for _ in 0..2 {
        lab.spaces.keep_diff(&space, &kept).await.unwrap();
    }
    lab.publish(&space).await;
    lab.in_owner(
        "git branch -D gateway/t1-fix-it; git checkout -q --orphan fresh; git branch -D main
         git tag -d v1; git commit -qm fresh; git reflog expire --expire=now --all
         git gc -q --prune=now",
    );
    lab.spaces.remove(&space, None, Removal::Discard).await.unwrap();
    let options = DiffOptions::default();
    assert_eq!(lab.spaces.diff_kept(&kept, &options).await.unwrap(), whole);
    let path = Some("deep".to_owned());
    let part = lab.spaces.diff_kept(&kept, &DiffOptions { path, ..options.clone() }).await.unwrap();
    assert_eq!(part.files.len(), 1);
    let bytes = lab.sh(&kept, "du -sb . | cut -f1").parse::<u64>().unwrap();
    assert!(bytes < 20_000, "only what differs is kept: {bytes}");
    let none = lab.spaces.diff_kept(&lab.dir.path().join("none"), &options).await;
    assert!(matches!(none, Err(ProjectError::Gone)));
}

#[tokio::test]
async fn a_diff_of_nothing_and_one_from_nothing_are_kept_too() {
    let lab = Lab::empty();
    lab.in_owner("git init -q");
    for (script, files) in [("true", 0), ("echo new > new", 1)] {
        let space = lab.prepare().await;
        lab.sh(&space.dir, script);
        lab.settle(&space).await;
        let kept = lab.dir.path().join("kept").join(&space.task_id);
        lab.spaces.keep_diff(&space, &kept).await.unwrap();
        let diff = lab.spaces.diff_kept(&kept, &DiffOptions::default()).await.unwrap();
        assert_eq!(diff.stat.files, files);
        assert_eq!(diff, lab.diff(&space).await);
    }
}

#[tokio::test]
async fn configuration_left_beside_a_kept_diff_is_not_read() {
    let lab = Lab::repository();
    let space = lab.prepare().await;
    lab.sh(&space.dir, "echo '* diff=evil' > .gitattributes; echo t >> a.txt");
    lab.settle(&space).await;
    let kept = lab.dir.path().join("kept");
    lab.spaces.keep_diff(&space, &kept).await.unwrap();
    lab.sh(
        &kept,
        "printf '#!/bin/sh\\necho ran > \"%s\"\\n' \"$CANARY\" > run; chmod +x run
         printf '[core]\\nfsmonitor=%s\\n[diff]\\nexternal=%s\\n[diff \"evil\"]\\ncommand=%s\\n' \\
             \"$PWD/run\" \"$PWD/run\" \"$PWD/run\" | tee config objects/config > /dev/null
         echo ref: refs/heads/x > HEAD; mkdir refs",
    );
    lab.spaces.diff_kept(&kept, &DiffOptions::default()).await.unwrap();
    lab.assert_nothing_ran();
}
