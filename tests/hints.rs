//! Hints and documents name commands that exist: each `` `gateway …` `` in a text is looked up in the
//! program's own command line, with its flags.
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use gateway::cli::Cli;

/// Files whose texts people follow.
const PLACES: [&str; 6] = ["src", "tunnels/src", "os/src", "install", "README.md", "SECURITY.md"];

fn files(at: &Path, found: &mut Vec<PathBuf>) {
    if at.is_dir() {
        for entry in fs::read_dir(at).expect("the folder is part of the repository") {
            files(&entry.expect("the folder can be read").path(), found);
        }
    } else {
        found.push(at.to_owned());
    }
}

/// The words after `gateway` in every quoted command line of a text.
fn commands(text: &str) -> Vec<Vec<String>> {
    // A text that goes on in the next line of a Rust source.
    let lines: Vec<&str> = text.split("\\\n").collect();
    let text = lines.iter().enumerate().fold(String::new(), |text, (number, line)| {
        text + if number == 0 { line } else { line.trim_start() }
    });
    let quoted = text.split("`gateway ").skip(1);
    let ended = quoted.filter_map(|rest| rest.lines().next()?.split_once('`'));
    ended.map(|(words, _)| words.split_whitespace().map(str::to_owned).collect()).collect()
}

fn wrong(words: &[String]) -> Option<String> {
    let mut at = Cli::command();
    at.build();
    for word in words {
        // In a table of Markdown `list|show` is written with a backslash.
        let word = word.replace('\\', "");
        if !word.chars().all(|c| c.is_ascii_lowercase() || "-|=".contains(c)) {
            // A placeholder; what follows it is the reader's own.
            return None;
        }
        let next: Vec<Option<Command>> =
            word.split('|').map(|name| at.find_subcommand(name).cloned()).collect();
        if let Some(flag) = word.strip_prefix("--") {
            let name = flag.split('=').next().unwrap_or_default();
            if !at.get_arguments().any(|argument| argument.get_long() == Some(name)) {
                return Some(format!("`{}` has no --{name}", at.get_name()));
            }
        } else if at.has_subcommands() && !word.starts_with('-') {
            match next.into_iter().collect::<Option<Vec<_>>>().as_deref() {
                Some([.., last]) => at = last.clone(),
                _ => return Some(format!("`{}` has no command {word}", at.get_name())),
            }
        }
    }
    None
}

#[test]
fn every_command_that_a_text_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for place in PLACES {
        files(&root.join(place), &mut found);
    }
    let (mut seen, mut bad) = (0, Vec::new());
    for file in found {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for words in commands(&text) {
            seen += 1;
            if let Some(why) = wrong(&words) {
                bad.push(format!("{}: {words:?}: {why}", file.display()));
            }
        }
    }
    assert!(seen > 100, "only {seen} commands were found");
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    let text = "see `gateway nothing \\\n   list`, `gateway clients list`, `gateway doctor --wide`, \
                `gateway clients show\\|list`, `gateway secrets set NAME`";
    let wrong: Vec<bool> = commands(text).iter().map(|words| wrong(words).is_some()).collect();
    assert_eq!(wrong, [true, false, true, true, false]);
}
