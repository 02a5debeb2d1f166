//! `gateway projects`: what is added is there, whoever else adds, and wherever the file lies.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test")]
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(home.config_folder()).unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config_folder(&self) -> PathBuf {
        self.path("home/.config/gateway")
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.path(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.args(words).env_clear().env("HOME", self.path("home")).stdin(Stdio::null());
        command
    }

    fn add(&self, folder: &Path, more: &[&str]) -> Output {
        let mut words = vec!["projects", "add", folder.to_str().unwrap()];
        words.extend(more);
        let done = self.command(&words).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        done
    }

    fn listed(&self) -> Vec<Value> {
        let done = self.command(&["--json", "projects", "list"]).output().unwrap();
        let listed: Value = serde_json::from_slice(&done.stdout).unwrap();
        listed["projects"].as_array().unwrap().clone()
    }
}

#[test]
fn projects_that_are_added_at_the_same_time_are_all_there() {
    let home = Home::new();
    let start = |n: usize| {
        let folder = home.folder(&format!("c{n}"));
        let words = ["projects", "add", folder.to_str().unwrap()];
        home.command(&words).stdout(Stdio::null()).spawn().unwrap()
    };
    let adding: Vec<_> = (0..8).map(start).collect();
    for mut child in adding {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(home.listed().len(), 8);
}

#[test]
fn a_configuration_file_that_is_a_link_stays_one() {
    let home = Home::new();
    let dotfile = home.folder("dotfiles").join("gateway.toml");
    std::fs::write(&dotfile, "# mine\n").unwrap();
    let link = home.config_folder().join("config.toml");
    std::os::unix::fs::symlink(&dotfile, &link).unwrap();
    home.add(&home.folder("plain"), &[]);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    let text = std::fs::read_to_string(&dotfile).unwrap();
    assert!(text.contains("# mine") && text.contains("[projects.plain]"), "{text}");
}

#[test]
fn the_default_moves_to_the_project_that_is_added_as_such() {
    let home = Home::new();
    home.add(&home.folder("one"), &["--default"]);
    home.add(&home.folder("two"), &["--default"]);
    let default = |name: &str| {
        let listed = home.listed();
        listed.iter().find(|it| it["name"] == name).unwrap()["default"].clone()
    };
    assert_eq!((default("one"), default("two")), (false.into(), true.into()));
}

#[test]
fn a_folder_that_is_a_project_already_is_told() {
    let home = Home::new();
    let folder = home.folder("one");
    home.add(&folder, &[]);
    let again = home.add(&folder, &["--name", "again"]);
    let told = String::from_utf8(again.stdout).unwrap();
    assert!(told.contains("the same folder is project one too"), "{told}");
}
