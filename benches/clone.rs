//! What a task's own clone costs, against `git clone --local` of the same repository.
//!
//! Ours is all that happens between a task's turn in the queue and its agent's start: reading the
//! owner's repository, the clone, the gateway's own git directory, the checked-out branch and its
//! record. Both are done in turns. `cargo bench --bench clone [-- ROUNDS]`.
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gateway::clock::{Clock, SystemClock};
use gateway::project::{BaseSpec, Git, Limits, Order, OwnerFolders, Project, Workspaces};
use serde_json::json;

/// The repositories: files, and commits that change one file each.
const SHAPES: [(usize, usize); 2] = [(20, 5), (2000, 200)];

fn main() {
    // `cargo bench` passes `--bench` too.
    let rounds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(15);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        for (files, commits) in SHAPES {
            compare(files, commits, rounds).await;
        }
    });
}

async fn compare(files: usize, commits: usize, rounds: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path().canonicalize().expect("a path without links");
    let owner = folder.join("owner");
    make_repository(&owner, files, commits);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let git = find_git(&path, &folder);
    let workspaces = Workspaces::new(git, folder.join("scratch"), Limits::default());
    let project = Project::new("bench".parse().expect("a name"), owner.clone());
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    // The first of each warms the caches and does not count.
    for round in 0..=rounds {
        let id = format!("t{round}");
        let work_dir = folder.join("work").join(&id);
        let order = Order {
            task_id: &id,
            title: "measure it",
            work_dir: &work_dir,
            base: BaseSpec::Head,
            now: SystemClock.now(),
        };
        let began = Instant::now();
        workspaces.prepare(&project, &order).await.expect("a workspace");
        ours.push(began.elapsed());

        let copy = folder.join("copies").join(&id);
        let began = Instant::now();
        git_in(&folder, &["clone", "--quiet", "--local", text(&owner), text(&copy)], None);
        plain.push(began.elapsed());
    }
    let (ours, plain) = (median_ms(&ours[1..]), median_ms(&plain[1..]));
    let figure = json!({
        "figure": format!("workspace of {files} files, {commits} commits, against git clone --local"),
        "unit": "ms", "median": ours, "git_clone_local_ms": plain, "n": rounds,
    });
    println!("{figure}");
    println!(
        "{files} files, {commits} commits: a task's workspace {ours:.1} ms, `git clone --local` \
         {plain:.1} ms, {:+.1} ms",
        ours - plain
    );
}

fn find_git(path: &OsStr, home: &Path) -> Git {
    let owner = OwnerFolders { home: Some(home.to_owned()), xdg_config_home: None };
    Git::find(path, owner).expect("git is installed")
}

/// One import instead of hundreds of commits by hand.
fn make_repository(folder: &PathBuf, files: usize, commits: usize) {
    std::fs::create_dir(folder).expect("a folder");
    git_in(folder, &["init", "--quiet", "--initial-branch=main"], None);
    let mut stream = String::new();
    for commit in 0..=commits {
        let who = "Bench <bench@example.invalid> 1700000000 +0000";
        let _ = write!(stream, "commit refs/heads/main\ncommitter {who}\ndata 4\nwork\n");
        let changed = if commit == 0 { 0..files } else { commit % files..commit % files + 1 };
        for file in changed {
            let content = format!("file {file} after {commit}\n").repeat(40);
            let name = format!("src/part{}/file{file}.txt", file % 40);
            let _ = write!(stream, "M 644 inline {name}\ndata {}\n{content}\n", content.len());
        }
    }
    git_in(folder, &["fast-import", "--quiet"], Some(&stream));
    git_in(folder, &["reset", "--quiet", "--hard"], None);
}

fn git_in(folder: &Path, arguments: &[&str], input: Option<&str>) {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(folder).env("HOME", folder).env("GIT_CONFIG_NOSYSTEM", "1");
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().expect("git is installed");
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        std::io::Write::write_all(&mut stdin, input.as_bytes()).expect("git reads");
    }
    assert!(child.wait().expect("git ends").success(), "git {arguments:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

fn median_ms(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}
