//! Stands in for Claude Code in tests: plays the steps that its prompt lists, in its wire format.
//!
//! The prompt is a JSON list of steps, each a list that begins with a word:
//!
//! - `["text", T]`: an assistant message
//! - `["emit", OBJECT]`: any event; `["raw", LINE]`: any line
//! - `["state", S]`: `session_state_changed`
//! - `["result", {…}]`: a result; the fields given replace those of a good one
//! - `["ask", ID, TOOL, INPUT]`: a permission question; waits, then tells the answer as a message
//! - `["hear"]`: waits for another message, and repeats it
//! - `["meet", PATH]`: makes PATH and waits until PATH.go is there
//! - `["spawn", COMMAND]`: a shell command in a session of its own, left running
//! - `["deaf"]`: from now on ignores stdin, SIGINT and SIGTERM
//! - `["mute", WHAT]`: ignores only `interrupt` or `end_session`
//! - `["stderr", T]`, `["exit", CODE]`, `["die", SIGNAL]`, `["hang"]`
//! - `["stay"]`: serves stdin until told to end or it is closed
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the tests: it speaks on stdout, and whatever it does not expect is a bug"
)]
use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::{Value, json};

const LONG: Duration = Duration::from_mins(1);

fn main() {
    if std::env::args().any(|argument| argument == "--version") {
        let version = std::env::var("FAKE_CLAUDE_VERSION").unwrap_or_else(|_| "9.9.9".to_owned());
        println!("{version} (Claude Code)");
        return;
    }
    let mut first = String::new();
    std::io::stdin().read_line(&mut first).unwrap();
    let first: Value = serde_json::from_str(&first).unwrap();
    assert!(first["type"] == "user" && first["uuid"].is_string(), "{first}");
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let environment: BTreeSet<_> = std::env::vars().map(|(name, _)| name).collect();
    emit(&json!({
        "type": "system", "subtype": "init", "claude_code_version": "9.9.9",
        "cwd": std::env::current_dir().unwrap(), "arguments": arguments,
        "environment": environment,
    }));
    let mut agent =
        Agent { lines: lines(), muted: BTreeSet::new(), unheard: VecDeque::new(), signals: None };
    let prompt = first["message"]["content"][0]["text"].as_str().unwrap();
    let steps: Vec<Vec<Value>> = serde_json::from_str(prompt).unwrap();
    let interrupted = steps.iter().try_for_each(|step| agent.play(step)).is_err();
    if interrupted {
        result(&json!({
            "subtype": "error_during_execution", "is_error": true,
            "terminal_reason": "aborted_tools",
        }));
    }
    for last in [json!(["state", "idle"]), json!(["stay"])] {
        // A second interruption finds nothing to interrupt.
        let _ = agent.play(last.as_array().unwrap());
    }
}

/// What the host writes, line by line, until it closes.
fn lines() -> Receiver<Value> {
    let (lines, read) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line["type"] == "user" {
                lifecycle(&line, "queued");
            }
            let _ = lines.send(line);
        }
    });
    read
}

/// Tells what becomes of a message.
fn lifecycle(message: &Value, state: &str) {
    emit(&json!({ "type": "command_lifecycle", "command_uuid": message["uuid"], "state": state }));
}

fn emit(event: &Value) {
    say(&event.to_string());
}

fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    // As with any program, nobody reading is the end.
    if writeln!(stdout, "{line}").and_then(|()| stdout.flush()).is_err() {
        std::process::exit(1);
    }
}

fn text(id: &str, text: &str) {
    let content = json!([{ "type": "text", "text": text }]);
    emit(&json!({ "type": "assistant", "message": { "id": id, "content": content } }));
}

fn result(fields: &Value) {
    let mut event = json!({
        "type": "result", "subtype": "success", "is_error": false, "num_turns": 1,
        "terminal_reason": "completed", "result": "done", "total_cost_usd": 0.5,
        "modelUsage": { "m": { "inputTokens": 10, "outputTokens": 5 } }, "queued_turn_count": 0,
    });
    event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    emit(&event);
}

/// The host asked to interrupt the turn.
struct Interrupted;

struct Agent {
    lines: Receiver<Value>,
    muted: BTreeSet<String>,
    /// Messages that came before anybody listened.
    unheard: VecDeque<Value>,
    /// Catches the signals that a deaf agent ignores.
    signals: Option<tokio::runtime::Runtime>,
}

impl Agent {
    fn play(&mut self, step: &[Value]) -> Result<(), Interrupted> {
        let word = step[0].as_str().unwrap();
        let argument = |n: usize| step[n].as_str().unwrap();
        match word {
            "text" => text(&format!("m-{}", argument(1)), argument(1)),
            "emit" => emit(&step[1]),
            "raw" => say(argument(1)),
            "state" => emit(&json!({
                "type": "system", "subtype": "session_state_changed", "state": argument(1),
            })),
            "result" => result(&step[1]),
            "ask" => return self.ask(argument(1), argument(2), &step[3]),
            "hear" => loop {
                let message = match self.unheard.pop_front() {
                    Some(message) => Some(message),
                    None => self.wait(LONG)?,
                };
                if let Some(message) = message.filter(|message| message["type"] == "user") {
                    lifecycle(&message, "started");
                    let words = &message["message"]["content"][0]["text"];
                    text("heard", &format!("heard: {}", words.as_str().unwrap()));
                    return Ok(());
                }
            },
            "meet" => {
                std::fs::write(argument(1), "").unwrap();
                let go = format!("{}.go", argument(1));
                while !Path::new(&go).exists() {
                    let message = self.wait(Duration::from_millis(10))?;
                    self.unheard.extend(message.filter(|message| message["type"] == "user"));
                }
            }
            "spawn" => {
                let mut shell = Command::new("setsid");
                shell.args(["sh", "-c", argument(1)]);
                shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
                drop(shell.spawn().expect("setsid is part of every Linux"));
            }
            "deaf" => self.go_deaf(),
            "mute" => drop(self.muted.insert(argument(1).to_owned())),
            "stderr" => eprintln!("{}", argument(1)),
            "exit" => std::process::exit(i32::try_from(step[1].as_i64().unwrap()).unwrap()),
            "die" => die(&step[1]),
            "hang" | "stay" => loop {
                self.wait(LONG)?;
            },
            other => panic!("there is no step {other:?}"),
        }
        Ok(())
    }

    fn ask(&mut self, id: &str, tool: &str, input: &Value) -> Result<(), Interrupted> {
        emit(&json!({
            "type": "control_request", "request_id": id,
            "request": { "subtype": "can_use_tool", "tool_name": tool, "input": input },
        }));
        loop {
            match self.wait(LONG) {
                Ok(Some(message)) if message["response"]["request_id"] == id => {
                    let answer = &message["response"]["response"];
                    text(&format!("a-{id}"), &format!("answered: {answer}"));
                    return Ok(());
                }
                Ok(_) => {}
                Err(interrupted) => {
                    emit(&json!({ "type": "control_cancel_request", "request_id": id }));
                    return Err(interrupted);
                }
            }
        }
    }

    /// The next message of the host that is for the steps; none after `limit`.
    fn wait(&mut self, limit: Duration) -> Result<Option<Value>, Interrupted> {
        let deaf = self.muted.contains("deaf");
        let message = match self.lines.recv_timeout(limit) {
            Ok(message) => message,
            Err(mpsc::RecvTimeoutError::Timeout) => return Ok(None),
            Err(mpsc::RecvTimeoutError::Disconnected) if deaf => {
                std::thread::park_timeout(limit);
                return Ok(None);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => std::process::exit(0),
        };
        let asked = message["request"]["subtype"].as_str().unwrap_or_default();
        if deaf || self.muted.contains(asked) {
            return Ok(None);
        }
        let answer = json!({ "subtype": "success", "request_id": message["request_id"] });
        match asked {
            "interrupt" => {
                emit(&json!({ "type": "control_response", "response": answer }));
                Err(Interrupted)
            }
            "end_session" => {
                emit(&json!({ "type": "control_response", "response": answer }));
                std::process::exit(0)
            }
            _ => Ok(Some(message)),
        }
    }

    fn go_deaf(&mut self) {
        use tokio::signal::unix::{SignalKind, signal};
        self.muted.insert("deaf".to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        {
            // A signal that is caught once is caught for good, whether or not anybody listens.
            let _entered = runtime.enter();
            for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
                drop(signal(kind).unwrap());
            }
        }
        self.signals = Some(runtime);
    }
}

fn die(signal: &Value) {
    let signal = i32::try_from(signal.as_i64().unwrap()).unwrap();
    let signal = rustix::process::Signal::from_named_raw(signal).unwrap();
    rustix::process::kill_process(rustix::process::getpid(), signal).unwrap();
}
