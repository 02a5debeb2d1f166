//! What the helper process is asked and what it answers.
//!
//! Both ends are the same build, so the form may change freely. A request is in argv (operation and
//! names) and, for `set`, the secret on stdin up to its end; the reply is one JSON object on stdout.
use std::ffi::OsString;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::value::ExposedSecret;
use super::super::{Absence, KeyringError, Lock, SecretName};

/// Most names in one `list`: keeps argv and the reply small.
pub(super) const NAMES_MAX: usize = 100;
/// Room for a reply that lists [`NAMES_MAX`] of the longest names, or holds the longest secret.
pub(super) const REPLY_BYTES_MAX: usize = 32 * 1024;
/// No caller waits longer than this for a prompt.
const LIMIT_MAX: Duration = Duration::from_secs(600);
/// Most characters of an error text that the keyring gave.
const TEXT_CHARS_MAX: usize = 300;

/// What to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Request {
    Get(SecretName),
    Set(SecretName),
    Delete(SecretName),
    List(Vec<SecretName>),
    Status,
}

impl Request {
    /// The arguments after the hidden subcommand. `limit` is when the helper itself gives up.
    pub(super) fn to_args(&self, limit: Duration) -> Vec<OsString> {
        let (operation, names): (_, &[SecretName]) = match self {
            Self::Get(name) => ("get", std::slice::from_ref(name)),
            Self::Set(name) => ("set", std::slice::from_ref(name)),
            Self::Delete(name) => ("delete", std::slice::from_ref(name)),
            Self::List(names) => ("list", names),
            Self::Status => ("status", &[]),
        };
        let mut args = vec!["--limit-ms".into(), limit.as_millis().to_string().into()];
        args.push(operation.into());
        args.extend(names.iter().map(|name| name.as_str().into()));
        args
    }

    /// Reads what [`to_args`](Self::to_args) wrote; the limit may be left out.
    pub(super) fn from_args(args: &[OsString]) -> Result<(Self, Option<Duration>), UsageError> {
        let args: Option<Vec<&str>> = args.iter().map(|arg| arg.to_str()).collect();
        let args = args.ok_or(UsageError::Form)?;
        let (limit, args) = match args.as_slice() {
            ["--limit-ms", millis, rest @ ..] => {
                let millis = millis.parse().map_err(|_| UsageError::Form)?;
                (Some(Duration::from_millis(millis).min(LIMIT_MAX)), rest)
            }
            rest => (None, rest),
        };
        let name = |text: &str| SecretName::parse(text).map_err(UsageError::Name);
        let request = match args {
            ["get", text] => Self::Get(name(text)?),
            ["set", text] => Self::Set(name(text)?),
            ["delete", text] => Self::Delete(name(text)?),
            ["list", texts @ ..] if texts.len() <= NAMES_MAX => {
                Self::List(texts.iter().copied().map(name).collect::<Result<_, _>>()?)
            }
            ["status"] => Self::Status,
            _ => return Err(UsageError::Form),
        };
        Ok((request, limit))
    }
}

/// Why the helper did not understand its arguments.
#[derive(Debug, thiserror::Error)]
pub(super) enum UsageError {
    #[error("usage: gateway __keyring [--limit-ms N] get|set|delete NAME | list [NAME]… | status")]
    Form,
    #[error(transparent)]
    Name(super::super::InvalidSecretName),
}

/// What came of it.
#[derive(Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "reply", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Reply {
    /// Set, deleted, or open for use.
    Done,
    /// The secret asked for.
    Secret { value: ExposedSecret },
    /// The keyring is open and has no such secret.
    Missing,
    /// Those of the names asked for that have a secret.
    Present { names: Vec<SecretName> },
    /// [`Absence::NoSessionBus`]
    NoSessionBus,
    /// [`Absence::NoDaemon`]
    NoDaemon,
    /// [`Lock::Closed`]
    Locked,
    /// [`Lock::NeverMade`]
    NeverMade,
    /// The limit passed.
    TimedOut,
    /// [`KeyringError::Ended`]
    Ended,
    /// Anything else, in words.
    Failed { text: String },
}

impl From<KeyringError> for Reply {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Absent(Absence::NoSessionBus) => Self::NoSessionBus,
            KeyringError::Absent(Absence::NoDaemon) => Self::NoDaemon,
            KeyringError::Locked(Lock::Closed) => Self::Locked,
            KeyringError::Locked(Lock::NeverMade) => Self::NeverMade,
            KeyringError::TimedOut(_) => Self::TimedOut,
            KeyringError::Ended => Self::Ended,
            KeyringError::Failed(text) => Self::Failed { text: readable(&text) },
            KeyringError::HelperStart(error) => Self::Failed { text: readable(&error.to_string()) },
        }
    }
}

/// One line of a bounded length, safe to print.
pub(super) fn readable(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_request_survives_the_way_through_argv() {
        let limit = Duration::from_secs(10);
        let name = || SecretName::client("gw-1").unwrap();
        for request in [
            Request::Get(name()),
            Request::Set(name()),
            Request::Delete(name()),
            Request::List(vec![name(), SecretName::NGROK_AUTHTOKEN]),
            Request::List(Vec::new()),
            Request::Status,
        ] {
            let read = Request::from_args(&request.to_args(limit)).unwrap();
            assert_eq!(read, (request, Some(limit)));
        }
    }

    #[test]
    fn arguments_that_are_no_request_are_refused() {
        let read = |args: &[&str]| {
            Request::from_args(&args.iter().map(OsString::from).collect::<Vec<_>>())
        };
        for args in
            [&[][..], &["get"], &["get", "a", "b"], &["set", "a", "secret"], &["status", "x"]]
        {
            assert!(matches!(read(args), Err(UsageError::Form)), "{args:?}");
        }
        assert!(matches!(read(&["--limit-ms", "-1", "status"]), Err(UsageError::Form)));
        assert!(matches!(read(&["get", "../x"]), Err(UsageError::Name(_))));
        assert!(read(&vec!["list"; NAMES_MAX + 2]).is_err());
        let (_, limit) = read(&["--limit-ms", "99999999999", "status"]).unwrap();
        assert_eq!(limit, Some(LIMIT_MAX));
    }

    #[test]
    fn the_longest_reply_fits_its_room() {
        let name = SecretName::parse(&"n".repeat(128)).unwrap();
        let list = Reply::Present { names: vec![name; NAMES_MAX] };
        let secret = Secret::parse("\"".repeat(crate::secret::SECRET_BYTES_MAX)).unwrap();
        for reply in [list, Reply::Secret { value: ExposedSecret(secret) }] {
            let text = serde_json::to_vec(&reply).unwrap();
            assert!(text.len() < REPLY_BYTES_MAX);
            assert_eq!(serde_json::from_slice::<Reply>(&text).unwrap(), reply);
        }
    }

    #[test]
    fn an_error_text_is_one_short_line() {
        let reply = Reply::from(KeyringError::Failed("a\n\x1b[2J".repeat(200)));
        let Reply::Failed { text } = reply else { panic!("{reply:?}") };
        assert_eq!(text.chars().count(), TEXT_CHARS_MAX);
        assert!(!text.contains(char::is_control));
    }
}
