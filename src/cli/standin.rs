//! The stand-in agent of `gateway doctor --deep`: a hidden subcommand that speaks enough of Claude
//! Code's stream of JSON lines (contract C2, C5, C7, C8) to do one task. It writes one file in the
//! folder it was started in, asks nobody, reaches nothing, and costs nothing.
use std::ffi::OsString;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

/// The hidden subcommand.
pub(in crate::cli) const COMMAND: &str = "__standin";
/// The file that it writes, and what it writes.
pub(in crate::cli) const FILE: &str = "written-by-the-stand-in.txt";
/// See [`FILE`].
pub(in crate::cli) const CONTENT: &str = "The way from a client to an agent and back works.\n";
/// Its final answer.
pub(in crate::cli) const ANSWER: &str = "Done: the stand-in agent wrote one file.";

/// The version it claims; old enough and new enough for the executor.
const VERSION: &str = "2.1.328 (stand-in of gateway doctor)";
/// Longest line that is read, in bytes.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Runs the stand-in with the arguments after the subcommand.
pub(in crate::cli) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<String> =
        arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
    let (stdin, stdout) = (io::stdin().lock(), io::stdout().lock());
    match run(&arguments, stdin, stdout, Path::new(".")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(
    arguments: &[String],
    input: impl BufRead,
    mut output: impl Write,
    folder: &Path,
) -> io::Result<()> {
    match arguments.first().map(String::as_str) {
        Some("--version") => writeln!(output, "{VERSION}"),
        Some("auth") => writeln!(output, r#"{{"loggedIn": true, "authMethod": "stand-in"}}"#),
        _ => converse(&session(arguments)?, input, output, folder),
    }
}

/// The session that the caller chose.
fn session(arguments: &[String]) -> io::Result<String> {
    let id = arguments.iter().find_map(|argument| argument.strip_prefix("--session-id="));
    id.map(str::to_owned).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "this subcommand is internal to `doctor --deep`",
        )
    })
}

/// Answers until it is told to end, or its input does.
fn converse(
    session: &str,
    mut input: impl BufRead,
    mut output: impl Write,
    folder: &Path,
) -> io::Result<()> {
    loop {
        let mut line = String::new();
        if input.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)? == 0 {
            return Ok(());
        }
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        match message["type"].as_str() {
            Some("user") => {
                for event in turn(session, folder)? {
                    writeln!(output, "{event}")?;
                }
            }
            Some("control_request") => {
                let id = &message["request_id"];
                let response = json!({ "subtype": "success", "request_id": id });
                writeln!(
                    output,
                    "{}",
                    json!({ "type": "control_response", "response": response })
                )?;
                if message["request"]["subtype"] == "end_session" {
                    return output.flush();
                }
            }
            _ => {}
        }
        output.flush()?;
    }
}

/// Does the work and tells of it.
fn turn(session: &str, folder: &Path) -> io::Result<Vec<Value>> {
    std::fs::write(folder.join(FILE), CONTENT)?;
    let state = |state: &str| json!({ "type": "system", "subtype": "session_state_changed", "state": state, "session_id": session });
    let assistant = |id: &str, block: Value| {
        json!({
            "type": "assistant",
            "session_id": session,
            "parent_tool_use_id": null,
            "message": { "id": id, "role": "assistant", "model": "stand-in", "content": [block] },
        })
    };
    let input = json!({ "file_path": FILE, "content": CONTENT });
    Ok(vec![
        state("running"),
        json!({
            "type": "system",
            "subtype": "init",
            "session_id": session,
            "model": "stand-in",
            "tools": ["Write"],
            "mcp_servers": [],
            "permissionMode": "default",
            "claude_code_version": VERSION.split(' ').next(),
        }),
        assistant(
            "message-1",
            json!({ "type": "tool_use", "id": "tool-1", "name": "Write", "input": input }),
        ),
        json!({
            "type": "user",
            "session_id": session,
            "message": { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "tool-1", "content": "File created" },
            ] },
            "tool_use_result": {
                "type": "create", "filePath": FILE, "content": CONTENT, "structuredPatch": [],
            },
        }),
        assistant("message-2", json!({ "type": "text", "text": ANSWER })),
        json!({
            "type": "result",
            "subtype": "success",
            "is_error": false,
            "terminal_reason": "completed",
            "result": ANSWER,
            "session_id": session,
            "num_turns": 1,
            "total_cost_usd": 0,
            "modelUsage": {},
            "queued_turn_count": 0,
        }),
        state("idle"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(arguments: &[&str], input: &str, folder: &Path) -> Vec<Value> {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        let mut output = Vec::new();
        run(&arguments, input.as_bytes(), &mut output, folder).unwrap();
        let text = String::from_utf8(output).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_prompt_gives_one_file_and_one_result_and_the_farewell_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let input = concat!(
            r#"{"type":"user","message":{"role":"user","content":"go"}}"#,
            "\n\nno json\n",
            r#"{"type":"control_request","request_id":"bye","request":{"subtype":"end_session"}}"#,
            "\n",
            r#"{"type":"user","message":{"role":"user","content":"too late"}}"#,
            "\n",
        );
        let events = lines(&["-p", "--session-id=s"], input, folder.path());
        let kind = |event: &Value| event["type"].as_str().unwrap().to_owned();
        let kinds: Vec<String> = events.iter().map(kind).collect();
        assert_eq!(
            kinds,
            [
                "system",
                "system",
                "assistant",
                "user",
                "assistant",
                "result",
                "system",
                "control_response"
            ]
        );
        assert_eq!(events[5]["result"], ANSWER);
        assert_eq!(std::fs::read_to_string(folder.path().join(FILE)).unwrap(), CONTENT);
    }

    #[test]
    fn without_a_session_it_does_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let ended = run(&[], io::empty(), io::sink(), folder.path());
        assert!(ended.unwrap_err().to_string().contains("internal"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
