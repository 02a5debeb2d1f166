//! What can be wrong with a config, said so that the line can be corrected.
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::key::{Key, Origin};

/// Why a config could not be loaded.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// There is a file, and its text cannot be had.
    #[error("cannot read {}: {message}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What kind of failure it is.
        kind: ErrorKind,
        /// What the system says.
        message: String,
    },
    /// The file is not TOML.
    #[error("{}:{line}:{column}: not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// Keys or values are wrong: all of them, at least one.
    #[error("{}", Listed(.0))]
    Invalid(Vec<Problem>),
}

impl ConfigError {
    /// That the text of `path` could not be had because of `error`.
    #[must_use]
    pub fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), kind: error.kind(), message: error.to_string() }
    }

    /// The same of a text that is in no file yet.
    #[must_use]
    pub fn without_lines(&self) -> String {
        match self {
            Self::Invalid(problems) => {
                let nowhere = |problem: &Problem| Problem {
                    origin: match &problem.origin {
                        Origin::File { .. } => Origin::Default,
                        other => other.clone(),
                    },
                    ..problem.clone()
                };
                Self::Invalid(problems.iter().map(nowhere).collect()).to_string()
            }
            other => other.to_string(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { kind, .. } => match kind {
                ErrorKind::InvalidData => "save it as UTF-8",
                ErrorKind::NotFound => "check the path after --config, or leave it out",
                ErrorKind::IsADirectory => "name a file, not a folder",
                _ => "check its owner and permissions",
            }
            .to_owned(),
            Self::Syntax { .. } => {
                "texts stand in double quotes and sections in square brackets; correct the line, \
                 then run `gateway config check`"
                    .to_owned()
            }
            Self::Invalid(problems) => match problems.as_slice() {
                [one] => one.hint(),
                _ => "correct these, then run `gateway config check`; `gateway config schema` \
                      lists every key"
                    .to_owned(),
            },
        }
    }

    /// Whether the command line alone is wrong: everything that is told here is a flag whose value is
    /// none. A flag that contradicts another setting is a matter of the configuration.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        let is_usage = |problem: &Problem| {
            matches!(problem.origin, Origin::Flag { .. })
                && !matches!(problem.cause, Cause::Conflict { .. })
        };
        !self.problems().is_empty() && self.problems().iter().all(is_usage)
    }

    /// Every single problem; none when the file is not TOML at all, or cannot be read.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Unreadable { .. } | Self::Syntax { .. } => &[],
            Self::Invalid(problems) => problems,
        }
    }
}

struct Listed<'a>(&'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => one.fmt(f),
            many => {
                write!(f, "the configuration has {} problems", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The key it is about.
    pub key: Key,
    /// Where it was set.
    pub origin: Origin,
    /// What is wrong.
    pub cause: Cause,
}

/// What is wrong with a key or its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Cause {
    /// There is no such key.
    UnknownKey {
        /// The key that was probably meant.
        nearest: Option<Key>,
        /// The keys that its table has.
        allowed: Vec<String>,
    },
    /// The name of a project or executor cannot be used.
    BadName {
        /// Why.
        reason: String,
    },
    /// A secret where no secret belongs.
    Secret,
    /// The value is not one of those allowed.
    BadValue {
        /// The value in short, already safe to print.
        found: String,
        /// Why it is refused, when there is more to say than what is allowed.
        reason: Option<String>,
        /// What is allowed.
        allowed: String,
    },
    /// A key that must be set is not.
    Missing {
        /// What is allowed.
        allowed: String,
    },
    /// The value does not fit another key's, or its own bounds.
    Conflict {
        /// What does not fit.
        reason: String,
        /// What to do.
        hint: String,
    },
}

impl Problem {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match &self.cause {
            Cause::UnknownKey { nearest: Some(nearest), .. } => {
                format!("write `{nearest}`, or remove the key")
            }
            Cause::UnknownKey { nearest: None, allowed } => {
                format!("remove it; the keys here are {}", allowed.join(", "))
            }
            Cause::BadName { .. } => "choose another name".to_owned(),
            Cause::Secret => {
                "remove it; secrets are kept by `gateway secrets set`, and `NGROK_AUTHTOKEN` is read when set"
                    .to_owned()
            }
            Cause::BadValue { allowed, .. } => match &self.origin {
                Origin::Flag { name } => format!("{name} takes {allowed}"),
                _ => format!("set `{}` to {allowed}", self.key),
            },
            Cause::Missing { allowed } => format!("add `{}`: {allowed}", self.key),
            Cause::Conflict { hint, .. } => hint.clone(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.origin != Origin::Default {
            write!(f, "{}: ", self.origin)?;
        }
        let key = &self.key;
        match &self.cause {
            Cause::UnknownKey { nearest: Some(nearest), .. } => {
                write!(f, "unknown key `{key}`; did you mean `{nearest}`?")
            }
            Cause::UnknownKey { nearest: None, allowed } => {
                write!(f, "unknown key `{key}`; known here: {}", allowed.join(", "))
            }
            Cause::BadName { reason } => write!(f, "`{key}`: {reason}"),
            Cause::Secret => write!(f, "`{key}` is a secret, and secrets are not in the config"),
            Cause::BadValue { found, reason: Some(reason), allowed } => {
                write!(f, "`{key}` is {found}: {reason}; allowed: {allowed}")
            }
            Cause::BadValue { found, reason: None, allowed } => {
                write!(f, "`{key}` is {found}; allowed: {allowed}")
            }
            Cause::Missing { allowed } => write!(f, "`{key}` is missing; allowed: {allowed}"),
            Cause::Conflict { reason, .. } => write!(f, "{reason}"),
        }
    }
}

/// A value in one short line, with control characters escaped.
pub(super) fn in_short(value: &Value) -> String {
    const MAX_CHARS: usize = 60;
    let text = match value {
        // A user name and password may stand in what should have been a plain address.
        Value::String(text) if text.contains('@') && text.contains("://") => {
            return "a URL with a user name".to_owned();
        }
        Value::String(text) => format!("{text:?}"),
        Value::Object(_) => return "a table".to_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(MAX_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
