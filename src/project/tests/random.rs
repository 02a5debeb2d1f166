//! Random sequences of what owners and agents do; seeded, so that a failure comes again.
use crate::clock::{Entropy, SeededEntropy};

use super::super::*;
use super::lab::Lab;

/// What an owner may have done before a task begins.
const OWNER: &[&str] = &[
    "echo o >> a.txt",
    "echo o > o$N; git add o$N",
    "echo o > u$N",
    "git mv -f a.txt moved$N 2>/dev/null || true",
    "echo o >> a.txt; git stash -q || true",
    "git commit -qam o$N || true",
    "git checkout -q --detach",
    "git checkout -q -B side$N",
    "rm -f a.txt",
    "git rebase -q HEAD~1 --exec false >/dev/null 2>&1 || true",
    "git gc -q",
    "git pack-refs --all",
    "mkdir -p d$N; echo d > d$N/f",
    "chmod +x a.txt 2>/dev/null || true",
    "git update-index --assume-unchanged src/main.rs 2>/dev/null || true",
];

/// What an agent may do in its clone.
const AGENT: &[&str] = &[
    "echo a >> a.txt",
    "echo a > new$N",
    "git add -A; git commit -qm a$N --allow-empty",
    "rm -rf src",
    "mkdir -p src; echo s > src/s$N",
    "git stash -q || true",
    // Only the agent's own environment has CANARY; wherever else it runs, it tells.
    "git config core.fsmonitor \"test -n \\\"\\$CANARY\\\" || echo ran > '$CANARY'; false\"",
    "git checkout -q -B other$N",
    "git reset -q --hard HEAD~1 || true",
    "git commit -q --amend --allow-empty -m amended || true",
    "git push -q \"$OWNER\" HEAD:refs/heads/main --dry-run 2>/dev/null || true",
    "git gc -q",
    "git init -q sub$N; echo x > sub$N/x",
    "ln -sfn \"$OWNER\" link$N",
    "rm -rf a.txt; mkdir a.txt; echo f > a.txt/f",
    "echo '*.log' > .gitignore; echo l > x$N.log",
    "printf 'a\\0b' > bin$N",
];

#[tokio::test]
async fn random_lives_of_a_task_change_nothing_of_the_owner_s() {
    lives(0..25).await;
}

#[tokio::test]
async fn more_random_lives_of_a_task_change_nothing_of_the_owner_s() {
    lives(25..50).await;
}

async fn lives(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let entropy: &dyn Entropy = &SeededEntropy::new(seed);
        let mut counter = 0;
        let mut pick = |from: &[&'static str], most: u8| {
            let [count] = entropy.bytes::<1>();
            let mut script = String::new();
            for _ in 0..=count % most {
                counter += 1;
                let [at] = entropy.bytes::<1>();
                let step = from[usize::from(at) % from.len()];
                let number = counter.to_string();
                script.extend(["N=", &number, "; ( ", step, " ) 2>/dev/null || true\n"]);
            }
            script
        };
        let lab = Lab::repository();
        let owner = pick(OWNER, 5);
        lab.in_owner(&owner);
        let before = lab.photo();
        let space = lab.prepare().await;
        let agent = pick(AGENT, 8);
        lab.sh(&space.dir, &agent);
        let what = format!("seed {seed}\nowner:\n{owner}\nagent:\n{agent}");
        let options = DiffOptions::default();
        lab.spaces.diff_running(&space, &options).await.expect(&what);
        let settled = lab.spaces.settle(&space, super::lab::now()).await.expect(&what);
        lab.spaces.publish(&space, &lab.project).await.expect(&what);
        lab.assert_untouched(&before);
        lab.assert_nothing_ran();
        if settled.changed {
            let head = settled.head.as_ref().unwrap();
            assert_eq!(lab.in_owner("git rev-parse gateway/t1-fix-it"), head.as_str(), "{what}");
            lab.in_owner("git fsck --strict --no-dangling");
            let owners = lab.spaces.diff_published(&lab.project, &space.base, head, &options).await;
            assert_eq!(owners.expect(&what), lab.diff(&space).await, "{what}");
        }
        merge(&lab, &space, settled.head.as_ref(), &what).await;
    }
}

/// Merges into whatever the owner's life has become: whole, or not at all.
async fn merge(lab: &Lab, space: &Workspace, head: Option<&Oid>, what: &str) {
    let work = Work {
        task_id: &space.task_id,
        title: "Fix it",
        workspace: Some(space),
        branch: &space.branch,
        base: &space.base,
        base_branch: space.base_branch.as_ref(),
        head,
        now: super::lab::now(),
    };
    let unknown = lab.in_owner("git ls-files -z --others | tr '\\0' '\\n'");
    let mut before = lab.photo();
    let merged = lab.spaces.merge(&lab.project, &work).await;
    let mut after = lab.photo();
    // Its time moves when git's lock is taken.
    before.remove(std::path::Path::new(".git"));
    after.remove(std::path::Path::new(".git"));
    match merged {
        Err(ProjectError::Apply(_)) => assert_eq!(after, before, "{what}"),
        Err(other) => panic!("{other}\n{what}"),
        Ok(merged) if merged.from.as_ref() == Some(&merged.to) => {
            assert_eq!(after, before, "{what}");
        }
        Ok(merged) => {
            assert_eq!(lab.in_owner("git status --porcelain -uno"), "", "{what}");
            let at = lab.in_owner(&format!("git rev-parse {}", merged.into));
            assert_eq!(at, merged.to.as_str(), "{what}");
            for path in unknown.lines().map(std::path::Path::new) {
                assert_eq!(after.get(path), before.get(path), "{} {what}", path.display());
            }
        }
    }
    lab.assert_nothing_ran();
}
