//! How a command fails: a sentence, a hint that works, and an exit code.
use std::fmt;

/// Exit codes (DESIGN §4.1; those above 2 are those of `sysexits.h`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Exit {
    /// It failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Something needed is not there now.
    Unavailable = 69,
    /// It is not allowed.
    Permission = 77,
    /// The configuration is wrong.
    Config = 78,
}

/// A failed command.
#[derive(Debug)]
pub(super) struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl CliError {
    /// Ends with `exit` and tells `message`.
    pub(super) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string(), hint: None }
    }

    /// Ends with 1 and tells `message`.
    pub(super) fn failed(message: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// Tells what to do about it.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }
}

/// `error: …`, then `hint: …`.
impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CliError {}

impl From<crate::config::ConfigError> for CliError {
    fn from(error: crate::config::ConfigError) -> Self {
        let hint = error.hint();
        let exit = if error.is_usage() { Exit::Usage } else { Exit::Config };
        Self::new(exit, error).hint(hint)
    }
}

impl From<gateway_os::folders::FoldersError> for CliError {
    fn from(error: gateway_os::folders::FoldersError) -> Self {
        Self::new(Exit::Config, error).hint("set HOME, or GATEWAY_CONFIG and GATEWAY_STATE_DIR")
    }
}

impl From<crate::store::StoreError> for CliError {
    fn from(error: crate::store::StoreError) -> Self {
        let hint = error.hint();
        Self::failed(error).hint(hint)
    }
}

impl From<crate::secret::SecretError> for CliError {
    fn from(error: crate::secret::SecretError) -> Self {
        let hint = error.hint();
        let exit = if error.is_refusal() { Exit::Permission } else { Exit::Failed };
        Self::new(exit, error).hint(hint)
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error).hint("run `gateway doctor`")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Config, Overrides};

    #[test]
    fn a_flag_that_makes_no_sense_is_wrong_usage_and_a_wrong_setting_is_not() {
        let env = BTreeMap::from([("HOME".to_owned(), "/home/o".to_owned())]);
        let exit = |text: &str, flags: &[(&str, &str, &str)]| {
            let flags = flags
                .iter()
                .fold(Overrides::new("/"), |all, (flag, key, value)| all.set(flag, key, *value));
            CliError::from(Config::load(None, Some(text), &env, &flags).unwrap_err()).exit
        };
        let tunnel = ("--tunnel", "tunnel.provider", "bogus");
        assert_eq!(exit("", &[tunnel]), Exit::Usage);
        assert_eq!(exit("", &[("--listen", "server.listen", "here")]), Exit::Usage);
        assert_eq!(exit("[log]\nlevel = \"loud\"\n", &[tunnel]), Exit::Config);
        assert_eq!(exit("[tunnel]\nprovider = \"bogus\"\n", &[]), Exit::Config);
        // The address is one; what forbids it is `server.allow_lan`.
        assert_eq!(exit("", &[("--listen", "server.listen", "0.0.0.0:0")]), Exit::Config);
        let error =
            Config::load(None, None, &env, &Overrides::new("/").set(tunnel.0, tunnel.1, tunnel.2));
        insta::assert_snapshot!(CliError::from(error.unwrap_err()));
    }
}
