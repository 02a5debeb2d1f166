//! How a run ended (contract C8): the last result decides, then what the shim recorded, then
//! whatever words are left. The exit code decides nothing alone: after SIGINT it is 0.
use super::conversation::{Conversation, cut};
use super::preview;
use super::turn::TurnResult;
use crate::executor::Ended;
use crate::model::{Failure, FailureKind, Verdict};

/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What is known about the end of the processes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Exit {
    /// The agent ended.
    Recorded {
        /// Its exit code, unless a signal ended it.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
    },
    /// The program could not be started.
    NotStarted {
        /// Why.
        error: String,
    },
    /// It wrote more than it may and was ended.
    OutputLimit,
    /// Everything is gone and nobody wrote down how.
    Unrecorded,
    /// The supervising process was killed, and everything else of the run after it.
    SupervisorKilled,
}

/// Why this executor ended the run itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum EndedByUs {
    /// The engine asked for it.
    Cancelled,
    /// The credentials are refused again and again.
    Refused,
    /// The agent did not go after its last result.
    Lingering,
}

/// Everything the verdict is made of.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// What the output added up to.
    pub(super) conversation: &'a Conversation,
    /// How the processes ended.
    pub(super) exit: Exit,
    /// Whether and why we ended them.
    pub(super) ended_by_us: Option<EndedByUs>,
    /// The end of the agent's stderr.
    pub(super) stderr: String,
    /// What else the reader should know.
    pub(super) notes: Vec<String>,
}

/// Judges a run.
pub(super) fn of(evidence: Evidence<'_>) -> Ended {
    let conversation = evidence.conversation;
    let verdict = verdict(&evidence);
    let answer = conversation.result().and_then(|result| result.text.clone());
    let answer = answer.filter(|text| !text.is_empty()).or(conversation.words().map(str::to_owned));
    let mut notes = evidence.notes;
    notes.extend(conversation.unknown_note());
    Ended { verdict, answer: answer.map(|text| cut(text, ANSWER_BYTES_MAX)), notes }
}

fn verdict(evidence: &Evidence<'_>) -> Verdict {
    if evidence.ended_by_us == Some(EndedByUs::Refused) {
        return failed(FailureKind::Authentication, AUTHENTICATION.to_owned());
    }
    if evidence.exit == Exit::OutputLimit {
        let message = "the agent wrote more output than tasks.output_bytes_max allows";
        return failed(FailureKind::OutputLimit, message.to_owned());
    }
    if evidence.exit == Exit::SupervisorKilled {
        // Whatever the agent said last: it may be what did this.
        return Verdict::Unknown(SUPERVISOR_KILLED.to_owned());
    }
    match evidence.conversation.result() {
        Some(result) if !result.is_success() => of_failure(result),
        Some(_) if crashed_in_a_later_turn(evidence) => failed(
            FailureKind::Crashed,
            format!("the agent {} in a turn after its last answer", how(&evidence.exit)),
        ),
        Some(_) => Verdict::Completed,
        None => without_result(evidence),
    }
}

/// A turn that a background task started was under way when the agent fell.
fn crashed_in_a_later_turn(evidence: &Evidence<'_>) -> bool {
    let busy = !evidence.conversation.is_over() && !evidence.conversation.waits_for_background();
    let fell = matches!(
        evidence.exit,
        Exit::Recorded { signal: Some(_), .. } | Exit::Unrecorded | Exit::SupervisorKilled
    );
    busy && fell && evidence.ended_by_us.is_none()
}

const AUTHENTICATION: &str = "the model's service refused the credentials: run `claude` on the \
    workstation and sign in, or check the key that executors.claude.env_pass hands on";

const SUPERVISOR_KILLED: &str = "the process that supervises the agent was killed, by the agent or by \
    another of your programs, and everything left of the run was ended; what it did so far is kept";

fn of_failure(result: &TurnResult) -> Verdict {
    let words = result.text.clone().filter(|text| !text.trim().is_empty());
    let words = words.unwrap_or_else(|| result.errors.join("; "));
    let said = preview::clean(&words);
    let reason = result.terminal_reason.as_str();
    let is_api = reason == "api_error" || (result.subtype == "success" && result.is_error);
    if matches!(result.api_error_status, Some(401 | 403)) || (is_api && is_sign_in(&words)) {
        return failed(FailureKind::Authentication, format!("{AUTHENTICATION} ({said})"));
    }
    if reason == "prompt_too_long" || (is_api && words.starts_with("Prompt is too long")) {
        return failed(FailureKind::PromptTooLong, or(said, "the prompt is too long"));
    }
    match (result.subtype.as_str(), reason) {
        ("error_max_turns", _) | (_, "max_turns") => {
            failed(FailureKind::BudgetExhausted, exhausted("turns", &said))
        }
        ("error_max_budget_usd", _) | (_, "budget_exhausted") => {
            failed(FailureKind::BudgetExhausted, exhausted("money", &said))
        }
        _ if is_api => failed(FailureKind::Api, or(said, "the model's service failed")),
        _ if result.is_interrupted() => {
            failed(FailureKind::Agent, format!("the agent was interrupted ({})", or(said, reason)))
        }
        (subtype, _) => failed(FailureKind::Agent, or(said, subtype)),
    }
}

/// The program's own brake, set by us, was faster than the engine's.
fn exhausted(what: &str, said: &str) -> String {
    let said = if said.is_empty() { String::new() } else { format!(" ({said})") };
    format!(
        "the {what} that the task may use up are used up{said}; hint: give the rest to a new task, or \
         let the owner raise the limit (`[budget]`, or `budget` of the project)"
    )
}

/// The program's words for not being signed in; they come with no status.
fn is_sign_in(words: &str) -> bool {
    [
        "Not logged in",
        "Please run /login",
        "Invalid API key",
        "OAuth token",
        "Failed to authenticate",
    ]
    .iter()
    .any(|known| words.contains(known))
}

fn without_result(evidence: &Evidence<'_>) -> Verdict {
    let last_words = last_words(evidence);
    match &evidence.exit {
        Exit::NotStarted { error } => failed(
            FailureKind::ExecutorUnavailable,
            format!("Claude Code could not be started: {error}"),
        ),
        Exit::SupervisorKilled => Verdict::Unknown(SUPERVISOR_KILLED.to_owned()),
        Exit::Unrecorded => Verdict::Unknown(format!(
            "the agent is gone and nobody saw how it ended{last_words}; what it did so far is kept"
        )),
        exit => failed(
            FailureKind::Crashed,
            format!("the agent {} without a result{last_words}", how(exit)),
        ),
    }
}

fn how(exit: &Exit) -> String {
    match exit {
        Exit::Recorded { signal: Some(signal), .. } => format!("was ended by signal {signal}"),
        Exit::Recorded { code: Some(code), .. } => format!("ended with exit code {code}"),
        Exit::Recorded { .. } | Exit::Unrecorded | Exit::SupervisorKilled => "vanished".to_owned(),
        Exit::NotStarted { .. } => "could not be started".to_owned(),
        Exit::OutputLimit => "wrote too much".to_owned(),
    }
}

/// What stderr, or stray output, says about it.
fn last_words(evidence: &Evidence<'_>) -> String {
    let stderr = evidence.stderr.trim();
    let stray: Vec<&str> = evidence.conversation.noise().collect();
    let words = if stderr.is_empty() { stray.join(" ") } else { stderr.to_owned() };
    if words.is_empty() { String::new() } else { format!(": {}", tail(&words)) }
}

/// The end of a text is where the cause stands.
fn tail(text: &str) -> String {
    let skip = text.chars().count().saturating_sub(230);
    preview::clean(&text.chars().skip(skip).collect::<String>())
}

fn or(said: String, otherwise: &str) -> String {
    if said.is_empty() { otherwise.to_owned() } else { said }
}

fn failed(kind: FailureKind, message: String) -> Verdict {
    Verdict::Failed(Failure { kind, message })
}
