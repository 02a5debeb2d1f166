//! Why the service cannot be installed, removed or asked after.
use std::io;
use std::path::PathBuf;

/// What kind of failure it is; the command line makes its exit code of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::cli) enum Cause {
    /// What runs services is not there, or not here.
    Unavailable,
    /// The file system does not allow it.
    Permission,
    /// Anything else.
    Failed,
}

/// Why a `gateway service` command failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ServiceError {
    /// There is no such thing as a gateway service on this system.
    #[error("running as a service is not supported on {system}")]
    Unsupported {
        /// The system.
        system: String,
        /// What the user can do there.
        instead: String,
    },
    /// The program that talks to the service manager is not installed.
    #[error("{program} is not installed, so nothing here runs services of a user")]
    NoTool {
        /// Its name.
        program: &'static str,
        /// What the user can do.
        instead: &'static str,
    },
    /// The service manager of this user does not answer.
    #[error("the service manager of this user cannot be reached: {said}")]
    Unreachable {
        /// What the tool said.
        said: String,
        /// What the user can do.
        cure: &'static str,
    },
    /// The service file belongs to something else.
    #[error("{} was put there by something else", unit.display())]
    Foreign {
        /// The file.
        unit: PathBuf,
    },
    /// A path cannot be written in a service file.
    #[error("{path:?} cannot stand in a service file: it contains {what}")]
    Unwritable {
        /// The path.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The running program is not where it was started from.
    #[error("the program at {} was replaced or removed while it runs", path.display())]
    Moved {
        /// Where it was.
        path: PathBuf,
    },
    /// The service file cannot be read, written or removed.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A command failed.
    #[error("`{command}` failed: {said}")]
    Command {
        /// The command line.
        command: String,
        /// What it said.
        said: String,
    },
}

impl ServiceError {
    /// What kind of failure it is.
    pub(in crate::cli) fn cause(&self) -> Cause {
        match self {
            Self::Unsupported { .. } | Self::NoTool { .. } | Self::Unreachable { .. } => {
                Cause::Unavailable
            }
            Self::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Cause::Permission
            }
            Self::Foreign { .. }
            | Self::Unwritable { .. }
            | Self::Moved { .. }
            | Self::File { .. }
            | Self::Command { .. } => Cause::Failed,
        }
    }

    /// What the user can do about it.
    pub(in crate::cli) fn hint(&self) -> String {
        match self {
            Self::Unsupported { instead, .. } => instead.clone(),
            Self::NoTool { instead, .. } => (*instead).to_owned(),
            Self::Unreachable { cure, .. } => (*cure).to_owned(),
            Self::Foreign { unit } => {
                format!("change or remove {} with what installed it", unit.display())
            }
            Self::Unwritable { .. } => {
                "move it to a path of ordinary characters and run this again".to_owned()
            }
            Self::Moved { .. } => "run the installed `gateway` again".to_owned(),
            Self::File { path, .. } => {
                format!("check the owner and permissions of {}", path.display())
            }
            Self::Command { command, .. } => {
                format!("run `{command}` yourself to see more; `gateway serve` works without it")
            }
        }
    }
}
