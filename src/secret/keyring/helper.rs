//! The process that talks to the keyring: one request, one reply, then the end.
use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use super::super::{KeyringError, SECRET_BYTES_MAX, Secret};
use super::store::{OsEntries, perform};
use super::wire::{REPLY_BYTES_MAX, Reply, Request};

/// How long the keyring has to answer when the caller sets no limit.
pub(super) const LIMIT_DEFAULT: Duration = Duration::from_secs(10);
/// Exit status for arguments that are no request.
const USAGE: u8 = 2;

/// Runs the hidden subcommand [`HELPER_COMMAND`](super::HELPER_COMMAND) with the arguments after it.
///
/// Answers on stdout, which has to be a pipe or file, and exits 0 whatever the keyring said; 2 for
/// arguments it does not understand, 1 when it could not write its answer. Ends by itself when the keyring
/// does not answer in time, so it never outlives its caller for long.
pub fn helper_main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let (request, limit) = match Request::from_args(&args) {
        Ok(read) => read,
        Err(error) => return refuse(&error.to_string()),
    };
    if io::stdout().is_terminal() {
        return refuse("this command answers the gateway itself; use `gateway secrets`");
    }
    let reply = answer_within(limit.unwrap_or(LIMIT_DEFAULT), move || {
        let secret = match &request {
            Request::Set(_) => Some(read_secret()?),
            _ => None,
        };
        perform(&OsEntries::open()?, &request, secret.as_ref())
    });
    match write_reply(&reply) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn refuse(text: &str) -> ExitCode {
    // Nobody is left to tell when even this fails.
    let _ = writeln!(io::stderr(), "error: {text}");
    ExitCode::from(USAGE)
}

/// Runs `work` on a thread of its own; the thread is abandoned when the limit passes.
fn answer_within(
    limit: Duration,
    work: impl FnOnce() -> Result<Reply, KeyringError> + Send + 'static,
) -> Reply {
    let (sender, receiver) = mpsc::sync_channel(1);
    let spawned = thread::Builder::new().name("keyring".into()).spawn(move || {
        // Nobody receives it when the limit has passed.
        let _ = sender.send(work());
    });
    if let Err(error) = spawned {
        return KeyringError::HelperStart(error).into();
    }
    match receiver.recv_timeout(limit) {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => error.into(),
        Err(RecvTimeoutError::Timeout) => Reply::TimedOut,
        Err(RecvTimeoutError::Disconnected) => {
            Reply::Failed { text: "the library that talks to it crashed".into() }
        }
    }
}

fn read_secret() -> Result<Secret, KeyringError> {
    let failed = |why: String| KeyringError::Failed(format!("no secret arrived: {why}"));
    let mut text = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 1));
    let mut bounded = io::stdin().lock().take(SECRET_BYTES_MAX as u64 + 1);
    bounded.read_to_end(&mut text).map_err(|error| failed(error.to_string()))?;
    let text = std::str::from_utf8(&text).map_err(|_| failed("it is not UTF-8".into()))?;
    Secret::parse(text.to_owned()).map_err(|error| failed(error.to_string()))
}

fn write_reply(reply: &Reply) -> io::Result<()> {
    let mut text = Zeroizing::new(Vec::with_capacity(REPLY_BYTES_MAX));
    serde_json::to_writer(&mut *text, reply)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&text)?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyring_that_never_answers_times_out() {
        let (never, waits) = mpsc::channel::<()>();
        let reply = answer_within(Duration::ZERO, move || {
            let _ = waits.recv();
            Ok(Reply::Done)
        });
        assert_eq!(reply, Reply::TimedOut);
        drop(never);
    }

    #[test]
    fn a_crash_in_the_library_is_an_answer() {
        let reply = answer_within(LIMIT_DEFAULT, || panic!("as libraries do"));
        let Reply::Failed { text } = reply else { panic!("{reply:?}") };
        assert_eq!(text, "the library that talks to it crashed");
    }
}
