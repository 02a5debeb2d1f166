//! `gateway push-session`: the command of a hook of Claude Code.
//!
//! A hook must never hold the session up nor fail it: whatever keeps the session from being handed over
//! is said on stderr, and the exit code is 0. Only an input that no hook gives is an error.
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::reach;
use crate::cli::render::clean;
use crate::executor::claude::{Gist, gist};
use crate::gateway::admin::Call;
use crate::model::LinkedSession;

/// Longest time that a hook takes of its session.
const LIMIT: Duration = Duration::from_secs(3);
/// Most that a hook gives, in bytes.
const INPUT_BYTES_MAX: u64 = 1 << 20;
/// Longest summary that is handed over, in bytes.
const SUMMARY_BYTES_MAX: usize = 8_000;
/// Longest other text, in bytes.
const TEXT_BYTES_MAX: usize = 500;
const HOOK: &str = "let a `SessionEnd` hook of Claude Code run it: the README has the lines";

/// What Claude Code tells its hooks; more than this is passed over.
#[derive(Debug, Deserialize)]
struct Hook {
    session_id: String,
    cwd: PathBuf,
    transcript_path: Option<PathBuf>,
    last_assistant_message: Option<String>,
}

/// Runs the command.
pub(in crate::cli) async fn run(context: &Context) -> Result<(), CliError> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let message = "this command reads what Claude Code tells a hook, not what you type";
        return Err(CliError::new(Exit::Usage, message).hint(HOOK));
    }
    let mut input = Vec::new();
    stdin.lock().take(INPUT_BYTES_MAX).read_to_end(&mut input)?;
    let (session, folder) = session_of(&input)?;
    match tokio::time::timeout(LIMIT, push(context, session, folder)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => eprintln!("the session was not handed over\n{error}"),
        Err(_) => eprintln!("the session was not handed over: the gateway did not answer in time"),
    }
    Ok(())
}

async fn push(context: &Context, session: LinkedSession, folder: PathBuf) -> Result<(), CliError> {
    let call = Call::PushSession { session, folder };
    let Some(data) = reach::call_running(context, &call).await? else {
        eprintln!("the session was not handed over: no gateway is running");
        return Ok(());
    };
    context.print(&data, || handed_over(&data))
}

fn handed_over(data: &Value) -> String {
    let text = |key: &str| clean(data[key].as_str().unwrap_or_default());
    format!("session {} is handed over in {}", text("session_id"), text("project"))
}

fn session_of(input: &[u8]) -> Result<(LinkedSession, PathBuf), CliError> {
    let hook: Hook = serde_json::from_slice(input).map_err(|error| {
        CliError::failed(format!("stdin is no hook's input: {error}")).hint(HOOK)
    })?;
    let session_id: Option<Uuid> =
        Some(&hook.session_id).filter(|id| id.len() == 36).and_then(|id| id.parse().ok());
    let session_id = session_id
        .ok_or_else(|| CliError::failed("`session_id` on stdin is no UUID").hint(HOOK))?;
    // A session without a record has said nothing yet; it is handed over all the same.
    let Gist { words, asked, git_branch } =
        hook.transcript_path.as_deref().and_then(|path| gist(path).ok()).unwrap_or_default();
    let words = hook.last_assistant_message.filter(|words| !words.trim().is_empty()).or(words);
    let summary = words.or_else(|| asked.clone()).unwrap_or_else(|| named_after(&hook.cwd));
    let session = LinkedSession {
        session_id,
        summary: cut(summary, SUMMARY_BYTES_MAX),
        current_task: asked.map(|text| cut(text, TEXT_BYTES_MAX)),
        git_branch: git_branch.map(|text| cut(text, TEXT_BYTES_MAX)),
        turns: None,
        files_modified: Vec::new(),
    };
    Ok((session, hook.cwd))
}

fn named_after(folder: &Path) -> String {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    format!("A session in {}", name.unwrap_or_else(|| folder.display().to_string()))
}

fn cut(mut text: String, bytes_max: usize) -> String {
    let end = (0..=bytes_max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or(0));
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "3f2a9c1e-5b7d-4e8f-9a0b-1c2d3e4f5a6b";

    fn of(input: &Value) -> (LinkedSession, PathBuf) {
        session_of(input.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_hooks_input_and_the_sessions_record_make_what_is_handed_over() {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("record.jsonl");
        let said = json!({"type": "assistant", "gitBranch": "topic",
            "message": {"content": [{"type": "text", "text": "Done with it."}]}});
        let asked = json!({"type": "user", "message": {"content": "do it"}});
        std::fs::write(&record, format!("{asked}\n{said}\n")).unwrap();
        let input = json!({"session_id": ID, "cwd": "/home/o/src", "transcript_path": record,
            "hook_event_name": "SessionEnd", "reason": "exit"});
        let (session, cwd) = of(&input);
        assert_eq!(cwd, Path::new("/home/o/src"));
        assert_eq!(session.session_id.to_string(), ID);
        assert_eq!(session.summary, "Done with it.");
        assert_eq!(session.current_task.as_deref(), Some("do it"));
        assert_eq!(session.git_branch.as_deref(), Some("topic"));
        // What the hook itself tells is newer than the record.
        let mut stop = input.clone();
        stop["last_assistant_message"] = json!("Just said.");
        assert_eq!(of(&stop).0.summary, "Just said.");
    }

    #[test]
    fn a_session_without_a_record_is_named_after_its_folder() {
        let (session, _) = of(&json!({"session_id": ID, "cwd": "/home/o/src"}));
        assert_eq!(session.summary, "A session in src");
    }

    #[test]
    fn a_long_summary_is_cut_between_characters() {
        let words = "€".repeat(5_000);
        let input = json!({"session_id": ID, "cwd": "/x", "last_assistant_message": words});
        assert_eq!(of(&input).0.summary.len(), 7_998);
    }

    #[test]
    fn what_no_hook_gives_is_refused() {
        for input in ["", "{}", "[]", r#"{"session_id":"--help","cwd":"/"}"#] {
            assert!(session_of(input.as_bytes()).is_err(), "{input}");
        }
    }
}
