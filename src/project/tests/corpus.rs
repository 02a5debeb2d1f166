//! Reading files: a corpus of ways out of a project and to its secrets, also while somebody swaps
//! links under the reader's feet. None leads anywhere.
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::*;
use super::lab::Lab;

/// In every file that must not be shown.
const SECRET: &str = "MUST NOT BE SHOWN";
/// In every file that may be shown.
const OPEN: &str = "may be shown";
/// How often the racer changes something.
const SWAPS: usize = 30_000;

const LINES: Lines = Lines { first: 1, last: None, bytes_max: 10_000 };

/// Names of secrets, in spellings that some file system takes for the same.
const SECRETS: &[&str] = &[
    ".git/config",
    ".git/HEAD",
    ".GIT/config",
    ".git./config",
    ".git /config",
    ".g\u{200c}it/config",
    ".env",
    ".env.local",
    ".ENV",
    ".env.",
    ".envrc",
    "keys/id_rsa",
    "keys/ID_ED25519",
    "keys/server.pem",
    "keys/tls.key",
    "keys/store.p12",
    ".ssh/config",
    ".aws/credentials",
    "credentials.json",
    "deep/secrets.yml",
    ".netrc",
    ".npmrc",
    "infra/terraform.tfstate",
];

/// What symbolic links of the project point at; `OUT` is the folder around it.
const TARGETS: &[&str] = &[
    "OUT/outside/secret",
    "OUT/outside",
    "OUT/outside/.",
    "OUT/outside/deep/../secret",
    "../outside/secret",
    "../outside",
    "../../OUTNAME/outside/secret",
    "a/../../outside/secret",
    "a/b/../../../outside/secret",
    "./.././outside/secret",
    "..//outside//secret",
    "..",
    ".",
    "a/..",
    "/",
    "/etc/passwd",
    "/etc",
    "/proc/self/environ",
    "/proc/self/root",
    "/proc/self/cwd",
    "/proc/self/fd/0",
    "/dev/stdin",
    "/dev/zero",
    "/dev/tty",
    "OUT/project/../outside/secret",
    "OUT/project/.env",
    "OUT/project/.git/config",
    ".env",
    "./.env",
    ".git/config",
    ".git",
    "a/../.git",
    "keys/id_rsa",
    "nowhere",
    "self",
    "link0",
    "link1",
    "link9",
    "OUT/project-twin/secret",
];

/// Ways to reach up from a place in the project.
const UPS: &[&str] = &[
    "..",
    "../..",
    "../../..",
    "./..",
    "a/..",
    "a/../..",
    "a/b/../../..",
    ".././..",
    "..//..",
    "a/./../..",
    "into/..",
    "into/../..",
    "a/b/c/../../../..",
    "public.txt/..",
    "nowhere/../..",
];

fn project() -> Lab {
    let lab = Lab::at("project");
    let root = &lab.owner;
    let write = |path: &Path, text: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for path in ["public.txt", "a/file", "a/b/file", "a/b/c/file", "keys/id_rsa.pub", "secret.rs"] {
        write(&root.join(path), OPEN);
    }
    for path in SECRETS {
        write(&root.join(path), SECRET);
    }
    for path in
        ["outside/secret", "outside/deep/secret", "outside/public.txt", "project-twin/secret"]
    {
        write(&lab.dir.path().join(path), SECRET);
    }
    let out = lab.dir.path().canonicalize().unwrap();
    let name = out.file_name().unwrap().to_str().unwrap();
    for (number, target) in TARGETS.iter().enumerate() {
        let target = target.replace("OUTNAME", name).replace("OUT", out.to_str().unwrap());
        symlink(target, root.join(format!("link{number}"))).unwrap();
    }
    symlink("a/b", root.join("into")).unwrap();
    symlink("self", root.join("self")).unwrap();
    lab
}

/// The paths to try; far more than 500.
fn corpus(lab: &Lab) -> Vec<String> {
    let out = lab.dir.path().canonicalize().unwrap().to_str().unwrap().to_owned();
    let mut paths: Vec<String> = SECRETS.iter().map(ToString::to_string).collect();
    for secret in SECRETS {
        paths.extend(["./", "a/../", "into/../../", ".//"].map(|way| format!("{way}{secret}")));
        paths.extend(["/", "/.", "//", "::$DATA"].map(|end| format!("{secret}{end}")));
    }
    for up in UPS {
        for down in
            ["outside/secret", "project-twin/secret", "outside/../outside/secret", "etc/passwd"]
        {
            paths.push(format!("{up}/{down}"));
            paths.push(format!("{up}//{down}/"));
            paths.push(format!("{up}/{down}").replace('/', "\\"));
            paths.push(format!("{up}/{down}").replace("..", "%2e%2e"));
            paths.push(format!("{up}/{down}\0.txt"));
        }
    }
    for number in 0..TARGETS.len() {
        for below in [
            "",
            "/secret",
            "/deep/secret",
            "/outside/secret",
            "/../outside/secret",
            "/.env",
            "/.git/config",
            "/etc/passwd",
            "/../../outside/secret",
            "/config",
            "/public.txt",
        ] {
            paths.push(format!("link{number}{below}"));
        }
    }
    for absolute in ["/etc/passwd", "//etc/passwd", "/proc/self/environ", "/dev/zero", "/"] {
        paths.push(absolute.to_owned());
    }
    paths.extend(
        ["/outside/secret", "/project/.env", "/project/../outside/secret"]
            .map(|path| format!("{out}{path}")),
    );
    paths.extend(
        ["", ".", "..", "a", "a/", "a/b/..", "~/secret", "-", "--", "$HOME/secret"]
            .map(str::to_owned),
    );
    paths.push("a/".repeat(5000) + "file");
    paths.push("x".repeat(100_000));
    paths
}

#[tokio::test]
async fn no_path_of_a_large_corpus_leads_out_of_the_project_or_to_a_secret() {
    let lab = project();
    let paths = corpus(&lab);
    assert!(paths.len() >= 500, "{}", paths.len());
    let (mut potent, mut shown) = (0, 0);
    for path in &paths {
        // What a reader would get that only joins the two.
        let joined = fs::metadata(lab.owner.join(path)).is_ok_and(|meta| meta.is_file());
        potent += usize::from(
            joined && fs::read(lab.owner.join(path)).is_ok_and(|it| it != OPEN.as_bytes()),
        );
        match lab.spaces.read_file(&lab.project, path, LINES).await {
            Ok(read) => {
                assert_eq!(read.text, OPEN, "{path}");
                shown += 1;
            }
            Err(error) => assert!(
                matches!(
                    error,
                    ProjectError::BadPath
                        | ProjectError::Sensitive
                        | ProjectError::NoSuchFile
                        | ProjectError::NotAFile(_)
                        | ProjectError::Io { .. }
                ),
                "{path}: {error}"
            ),
        }
    }
    assert!(potent > 100, "only {potent} paths would lead somewhere");
    assert!(shown > 0, "links inside the project count");
    for path in ["public.txt", "a/b/c/file", "into/file", "keys/id_rsa.pub", "secret.rs"] {
        assert_eq!(lab.spaces.read_file(&lab.project, path, LINES).await.unwrap().text, OPEN);
    }
}

#[tokio::test]
async fn links_that_are_swapped_while_they_are_read_never_lead_out() {
    let lab = project();
    let (root, out) = (lab.owner.clone(), lab.dir.path().canonicalize().unwrap());
    let over = Arc::new(AtomicBool::new(false));
    let stop = over.clone();
    let racer = std::thread::spawn(move || {
        let place = |name: &str| root.join(name);
        let parked = |name: &str| out.join(name);
        fs::create_dir_all(parked("inside")).unwrap();
        fs::write(parked("inside/file"), OPEN).unwrap();
        fs::write(parked("file"), OPEN).unwrap();
        symlink(out.join("outside"), parked("to-outside")).unwrap();
        symlink(out.join("outside/secret"), parked("to-secret")).unwrap();
        symlink(".env", parked("to-env")).unwrap();
        fs::write(parked("inside/secret"), OPEN).unwrap();
        for turn in 0..SWAPS {
            // A folder, then a link to another one, at the same place; and so with a file.
            let (folder, file) = match turn % 4 {
                0 => ("inside", "file"),
                1 => ("to-outside", "to-secret"),
                2 => ("inside", "to-env"),
                _ => ("to-outside", "file"),
            };
            for (what, at) in [(folder, "swap"), (file, "swapped")] {
                fs::rename(parked(what), place(at)).unwrap();
                fs::rename(place(at), parked(what)).unwrap();
            }
            // And one that is there all the time.
            let fresh = parked("fresh");
            let target = if turn % 2 == 0 { "a/b" } else { "../outside" };
            symlink(target, &fresh).unwrap();
            fs::rename(&fresh, place("turning")).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    let paths = ["swap/secret", "swap/file", "swapped", "turning/secret", "turning/file"];
    let (mut shown, mut refused) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        for path in paths {
            match lab.spaces.read_file(&lab.project, path, LINES).await {
                Ok(read) => {
                    assert_eq!(read.text, OPEN, "{path}");
                    shown += 1;
                }
                Err(ProjectError::BadPath | ProjectError::Sensitive) => refused += 1,
                Err(_) => {}
            }
        }
    }
    racer.join().unwrap();
    assert!(shown > 0 && refused > 0, "the race was none: {shown} shown, {refused} refused");
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_at_once() {
    let lab = Lab::empty();
    lab.in_owner("mkfifo pipe; mkdir folder; ln -s pipe to-pipe; truncate -s 5G huge");
    let _socket = std::os::unix::net::UnixListener::bind(lab.owner.join("socket")).unwrap();
    for (path, word) in [
        ("pipe", "a pipe"),
        ("to-pipe", "a pipe"),
        ("folder", "a folder"),
        ("socket", "a socket"),
        ("huge", "5368709120 bytes"),
    ] {
        let refused = lab.spaces.read_file(&lab.project, path, LINES).await.unwrap_err();
        assert!(refused.to_string().contains(word), "{path}: {refused}");
    }
    // Nothing of a bare repository is a file of the project.
    lab.in_owner("git init -q --bare");
    let refused = lab.spaces.read_file(&lab.project, "config", LINES).await.unwrap_err();
    assert!(refused.to_string().contains("bare repository"), "{refused}");
}

#[tokio::test]
async fn a_file_is_read_as_the_task_left_it_and_no_link_of_the_task_is_followed() {
    let mut lab = Lab::repository();
    lab.project.path = lab.owner.join("src");
    let space = lab.prepare().await;
    lab.sh(
        &space.dir,
        "echo changed > main.rs; echo s > .env; ln -s main.rs link; ln -s /etc etc; mkdir d
         echo f > d/f; echo up > ../up; touch ':(top)x'",
    );
    lab.settle(&space).await;
    lab.sh(&space.dir, "echo later > main.rs");
    let read = async |path: &str| lab.spaces.read_settled(&space, path, LINES).await;
    assert_eq!(read("main.rs").await.unwrap().text, "changed\n");
    assert_eq!(read("./d//f").await.unwrap().text, "f\n");
    assert_eq!(
        lab.spaces.read_file(&lab.project, "main.rs", LINES).await.unwrap().text,
        "fn main() {}\n"
    );
    for (path, word) in [
        ("link", "a symbolic link"),
        ("etc/passwd", "no such file"),
        ("d", "a folder"),
        ("d/", "a folder"),
        (".", "a folder"),
        (".env", "secrets"),
        ("../up", "leads out"),
        ("d/../../up", "leads out"),
        ("/etc/passwd", "leads out"),
        ("none", "no such file"),
        (":(top)up", "no such file"),
        (":/", "no such file"),
        ("*", "no such file"),
        ("d\0", "leads out"),
    ] {
        let refused = read(path).await.unwrap_err();
        assert!(refused.to_string().contains(word), "{path}: {refused}");
    }
}
