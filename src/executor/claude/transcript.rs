//! Claude Code's own records of its sessions: where one began, what it has cost, what it said last.
//!
//! They lie in `projects/FOLDER/SESSION.jsonl` of its configuration folder, FOLDER being named after
//! the one the session began in. The program finds a session from any folder and goes on in the same
//! file, so nothing has to be moved for a clone; the conversation is told of its new folder. The format
//! is the program's own business: what is not understood is passed over.
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

use gateway_os::disk::read_at;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::event::string;
use super::turn::tokens;
use crate::model::Cost;

/// Folders of records that are looked through.
const FOLDERS_MAX: usize = 10_000;
/// How much is read of a record's beginning.
const BEGINNING_BYTES: usize = 1 << 20;
/// How much is read of a record's end.
const END_BYTES: u64 = 4 << 20;

/// The records of a session; more than one when somebody copied them.
pub(super) fn find(environment: &BTreeMap<String, String>, session_id: Uuid) -> Vec<PathBuf> {
    let path = |name: &str| environment.get(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let config = path("CLAUDE_CONFIG_DIR").or_else(|| path("HOME").map(|it| it.join(".claude")));
    let Some(folders) = config.and_then(|it| std::fs::read_dir(it.join("projects")).ok()) else {
        return Vec::new();
    };
    let name = format!("{session_id}.jsonl");
    let records = folders.take(FOLDERS_MAX).flatten().map(|folder| folder.path().join(&name));
    records.filter(|record| is_plain(record)).collect()
}

/// Whether the session of a record began in `folder` or below it.
pub(super) fn begun_in(record: &Path, folder: &Path) -> bool {
    let begun = || {
        let bytes = read_at(&File::open(record).ok()?, 0, BEGINNING_BYTES).ok()?;
        let first = lines(&bytes).find_map(|line| string(&line, "cwd").map(PathBuf::from))?;
        Some(first.canonicalize().unwrap_or(first))
    };
    let is_plain = |path: &PathBuf| !path.components().any(|it| it == Component::ParentDir);
    begun().filter(is_plain).is_some_and(|begun| begun.starts_with(folder))
}

/// What the session has cost: the program counts on from there when it goes on.
pub(super) fn cost(record: &Path) -> Cost {
    let Ok(bytes) = end_of(record) else { return Cost::default() };
    let states = lines(&bytes).filter(|line| string(line, "type") == Some("cost-state"));
    let last = states.last();
    last.map_or_else(Cost::default, |state| Cost {
        usd: state.get("totalCostUSD").and_then(Value::as_f64),
        ..tokens(&state)
    })
}

/// What a session was about, as far as its record tells.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Gist {
    /// The agent's last words.
    pub words: Option<String>,
    /// The last words to the agent.
    pub asked: Option<String>,
    /// The branch it worked on.
    pub git_branch: Option<String>,
}

/// Reads the end of a record. Blocking; a few megabytes at most.
///
/// # Errors
///
/// When it is not a plain file or cannot be read.
pub fn gist(record: &Path) -> io::Result<Gist> {
    if !is_plain(record) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut gist = Gist::default();
    for line in lines(&end_of(record)?) {
        if line.get("isSidechain") == Some(&Value::Bool(true)) {
            continue;
        }
        if let Some(branch) = string(&line, "gitBranch").filter(|it| !matches!(*it, "" | "HEAD")) {
            gist.git_branch = Some(branch.to_owned());
        }
        let words = line.get("message").and_then(words);
        match string(&line, "type") {
            Some("assistant") => gist.words = words.or(gist.words),
            Some("user") if line.get("isMeta") != Some(&Value::Bool(true)) => {
                gist.asked = words.or(gist.asked);
            }
            _ => {}
        }
    }
    Ok(gist)
}

/// The text of a message; none of one that only uses tools.
fn words(message: &Value) -> Option<String> {
    let text = match message.get("content")? {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let of_text = parts.iter().filter(|part| part["type"] == "text");
            let texts: Vec<&str> = of_text.filter_map(|part| part["text"].as_str()).collect();
            texts.join("\n")
        }
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

/// Whether it is a file and nothing that opening would wait for.
fn is_plain(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

fn end_of(record: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(record)?;
    let size = file.metadata()?.len();
    let bytes_max = usize::try_from(END_BYTES).unwrap_or(usize::MAX);
    read_at(&file, size.saturating_sub(END_BYTES), bytes_max)
}

/// The whole lines among the bytes that are objects.
fn lines(bytes: &[u8]) -> impl Iterator<Item = Map<String, Value>> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: Uuid = Uuid::from_u128(0x1111_2222_3333_4444_8555_6666_7777_8888);

    fn record(home: &Path, lines: &[Value]) -> PathBuf {
        let folder = home.join(".claude/projects/-x");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{ID}.jsonl"));
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_record_is_found_by_its_session_wherever_that_began() {
        let home = tempfile::tempdir().unwrap();
        let path = record(home.path(), &[]);
        let environment = BTreeMap::from([("HOME".into(), home.path().display().to_string())]);
        assert_eq!(find(&environment, ID), [path]);
        assert_eq!(find(&environment, Uuid::nil()), [""; 0].map(PathBuf::from));
        assert!(find(&BTreeMap::new(), ID).is_empty());
    }

    #[test]
    fn a_session_belongs_to_the_folder_it_began_in_and_no_other() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let (own, other) = (home.join("own"), home.join("other"));
        for folder in [&own, &other, &own.join("sub")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let of = |cwd: &Path| {
            let first = json!({"type": "queue-operation"});
            let later = json!({"type": "user", "cwd": other});
            record(&home, &[first, json!({"type": "user", "cwd": cwd}), later])
        };
        assert!(begun_in(&of(&own), &own));
        assert!(begun_in(&of(&own.join("sub")), &own));
        assert!(!begun_in(&of(&other), &own));
        assert!(!begun_in(&of(&home.join("own-not")), &own));
        assert!(!begun_in(&of(&home.join("own/gone/../../other")), &own));
        assert!(!begun_in(&record(&home, &[json!({"type": "user"})]), &own));
        assert!(!begun_in(&home.join("none"), &own));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&other, own.join("way-out")).unwrap();
            assert!(!begun_in(&of(&own.join("way-out")), &own));
        }
    }

    #[test]
    fn the_cost_so_far_is_the_last_one_noted() {
        let home = tempfile::tempdir().unwrap();
        let state = |usd: f64, tokens: u64| {
            json!({"type": "cost-state", "totalCostUSD": usd,
                "modelUsage": {"m": {"inputTokens": tokens, "outputTokens": 1}}})
        };
        let path = record(home.path(), &[state(0.1, 1), state(0.5, 9), json!({"type": "user"})]);
        assert_eq!(cost(&path), Cost { usd: Some(0.5), input_tokens: 9, output_tokens: 1 });
        assert_eq!(cost(&record(home.path(), &[])), Cost::default());
    }

    #[test]
    fn the_gist_is_what_was_said_last_by_both_and_not_by_a_subagent() {
        let home = tempfile::tempdir().unwrap();
        let text = |text: &str| json!({"content": [{"type": "text", "text": text}]});
        let path = record(
            home.path(),
            &[
                json!({"type": "user", "message": {"content": "fix it"}, "gitBranch": "HEAD"}),
                json!({"type": "assistant", "message": text("Fixed."), "gitBranch": "topic"}),
                json!({"type": "assistant", "message": text("inner"), "isSidechain": true}),
                json!({"type": "assistant", "message": {"content": [{"type": "tool_use"}]}}),
                json!({"type": "user", "message": {"content": "caveat"}, "isMeta": true}),
            ],
        );
        let expected = Gist {
            words: Some("Fixed.".into()),
            asked: Some("fix it".into()),
            git_branch: Some("topic".into()),
        };
        assert_eq!(gist(&path).unwrap(), expected);
        assert!(gist(home.path()).is_err(), "a folder was read");
    }
}
