//! Why a vault does not answer, and what the user can do about it. No text here holds a secret.
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway_os::folders::PrivateDirError;
use gateway_os::lock::LockError;
use gateway_os::private_file::PrivateFileError;

use super::InvalidSecret;

/// Why a secret could not be read, kept or deleted.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The OS keyring is missing, shut or broken.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The secrets file cannot be used.
    #[error(transparent)]
    File(#[from] FileVaultError),
    /// An environment variable holds something that is no secret.
    #[error("{variable}: {source}")]
    Environment {
        /// The variable.
        variable: &'static str,
        /// What is wrong with its value.
        source: InvalidSecret,
    },
}

impl SecretError {
    /// Whether it is a matter of leave: a vault that is shut, or open to others. A full disk is not.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::File(FileVaultError::Io { source, .. })
            if source.kind() != std::io::ErrorKind::PermissionDenied)
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Keyring(error) => error.hint().to_owned(),
            Self::File(error) => error.hint(),
            Self::Environment { variable, .. } => format!("correct or unset {variable}"),
        }
    }
}

/// What keeps the OS keyring from answering.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// There is no keyring.
    #[error("there is no keyring here: {0}")]
    Absent(Absence),
    /// There is one, and nobody unlocked it.
    #[error("the keyring is locked{0}")]
    Locked(Lock),
    /// It waited for something, most likely for somebody to answer its prompt.
    #[error("the keyring did not answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// Its program ended during the call, and did so again when it was asked again.
    #[error("the keyring's program ended during the call")]
    Ended,
    /// It answered with an error of its own.
    #[error("the keyring failed: {0}")]
    Failed(String),
    /// The process that talks to the keyring could not be started.
    #[error("cannot start the process that talks to the keyring: {0}")]
    HelperStart(#[source] io::Error),
}

/// Why there is no keyring.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Absence {
    /// A login by ssh, a container, cron, a service started before anybody logged in.
    #[error("this session has no message bus")]
    NoSessionBus,
    /// The bus runs and no program on it offers the Secret Service.
    #[error("no program on the session bus keeps secrets")]
    NoDaemon,
}

/// Why a keyring does not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lock {
    /// It needs its password, and its prompt was dismissed or could not be shown.
    Closed,
    /// It has no default collection yet, which the first login with a password makes.
    NeverMade,
}

impl std::fmt::Display for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => Ok(()),
            Self::NeverMade => f.write_str(": it was never set up"),
        }
    }
}

impl KeyringError {
    /// What the user can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Absent(Absence::NoSessionBus) => {
                "log in to a desktop session, run under `dbus-run-session`, or set \
                 `secrets.backend = \"file\"`"
            }
            Self::Absent(Absence::NoDaemon) => {
                "install gnome-keyring, kwallet or keepassxc and log in again, or set \
                 `secrets.backend = \"file\"`"
            }
            Self::Locked(Lock::Closed) => {
                "unlock it and run `gateway doctor`, or set `secrets.backend = \"file\"`"
            }
            Self::Locked(Lock::NeverMade) => {
                "log in to a desktop session with your password once and run `gateway doctor`, or \
                 set `secrets.backend = \"file\"`"
            }
            Self::TimedOut(_) => {
                "answer its prompt on the desktop and try again, or set \
                 `secrets.backend = \"file\"`"
            }
            Self::Ended | Self::Failed(_) | Self::HelperStart(_) => {
                "run `gateway doctor`, or set `secrets.backend = \"file\"`"
            }
        }
    }
}

/// What keeps the secrets file from being used.
#[derive(Debug, thiserror::Error)]
pub enum FileVaultError {
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is not the owner's alone.
    #[error(transparent)]
    Folder(#[from] PrivateDirError),
    /// The file's mode lets others in.
    #[error("{} is open to other users (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else, who can read it and put anything there.
    #[error("{} belongs to user {owner}, not to you", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The numeric id of its owner.
        owner: u32,
    },
    /// Something else has its name: a link, a folder, a device.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// What stands there.
        path: PathBuf,
    },
    /// It is not what we write.
    #[error("{} is damaged at line {line}, column {column}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Line of the first fault, from 1.
        line: usize,
        /// Column of the first fault, from 1.
        column: usize,
    },
    /// A later version of the program wrote it.
    #[error("{} has schema {schema}, which is newer than this gateway", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema it claims.
        schema: u32,
    },
    /// It would hold, or holds, more than we ever write.
    #[error("{} is full: it holds at most {bytes_max} bytes", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// The limit.
        bytes_max: usize,
    },
    /// Another process has been writing all the while.
    #[error("{} cannot be changed: {source}", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// Who holds its lock.
        source: LockError,
    },
}

impl FileVaultError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "check that the state folder exists, is yours and has room".into(),
            Self::Folder(_) => {
                "give the folder back to yourself alone; if others could read it, renew the secrets \
                 in it"
                    .into()
            }
            Self::Exposed { path, .. } => format!(
                "others may have read it: run `chmod 600 {}` and renew the secrets in it",
                shell_word(path)
            ),
            Self::Foreign { path, .. } | Self::NotAFile { path } => {
                format!("find out who put it there, move {} away and try again", path.display())
            }
            Self::Damaged { path, .. } => format!(
                "restore {0} from a backup, or move it away and set the secrets again",
                path.display()
            ),
            Self::Newer { .. } => "run the newer gateway that wrote it".into(),
            Self::Full { .. } => "remove secrets that are no longer used".into(),
            Self::Busy { .. } => "wait until that process has ended, or end it, and try again".into(),
        }
    }
}

impl From<PrivateFileError> for FileVaultError {
    fn from(error: PrivateFileError) -> Self {
        match error {
            PrivateFileError::Io { action, path, source } => Self::Io { action, path, source },
            PrivateFileError::NotAFile { path } => Self::NotAFile { path },
            PrivateFileError::Foreign { path, owner } => Self::Foreign { path, owner },
            PrivateFileError::Exposed { path, mode } => Self::Exposed { path, mode },
        }
    }
}

/// A path as one word of a command that can be pasted.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use gateway_os::lock::Holder;

    use super::*;

    #[test]
    fn a_command_in_a_hint_can_be_pasted() {
        let path = PathBuf::from("/home/it's me/secrets.json");
        let hint = FileVaultError::Exposed { path, mode: 0o644 }.hint();
        assert!(hint.contains(r"`chmod 600 '/home/it'\''s me/secrets.json'`"), "{hint}");
    }

    #[test]
    fn every_error_reads_like_this() {
        let path = || PathBuf::from("/state/secrets/secrets.json");
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let held = || {
            let command = "gateway secrets set".into();
            LockError::Held { holder: Some(Holder { pid: 42, command, since_millis: 0 }) }
        };
        let errors: Vec<SecretError> = vec![
            KeyringError::Absent(Absence::NoSessionBus).into(),
            KeyringError::Absent(Absence::NoDaemon).into(),
            KeyringError::Locked(Lock::Closed).into(),
            KeyringError::Locked(Lock::NeverMade).into(),
            KeyringError::TimedOut(Duration::from_secs(10)).into(),
            KeyringError::Ended.into(),
            KeyringError::Failed("Crypto error".into()).into(),
            KeyringError::HelperStart(denied()).into(),
            FileVaultError::Io { action: "open", path: path(), source: denied() }.into(),
            FileVaultError::Folder(PrivateDirError::TooOpen {
                path: PathBuf::from("/state/secrets"),
                mode: 0o755,
            })
            .into(),
            FileVaultError::Exposed { path: path(), mode: 0o644 }.into(),
            FileVaultError::Foreign { path: path(), owner: 1000 }.into(),
            FileVaultError::NotAFile { path: path() }.into(),
            FileVaultError::Damaged { path: path(), line: 3, column: 14 }.into(),
            FileVaultError::Newer { path: path(), schema: 2 }.into(),
            FileVaultError::Full { path: path(), bytes_max: 1_048_576 }.into(),
            FileVaultError::Busy { path: path(), source: held() }.into(),
            SecretError::Environment {
                variable: "HERMES_API_KEY",
                source: InvalidSecret::ControlCharacter,
            },
        ];
        let shown: Vec<_> =
            errors.iter().map(|e| format!("error: {e}\nhint: {}\n", e.hint())).collect();
        insta::assert_snapshot!(shown.join("\n"));
    }
}
