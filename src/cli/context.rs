//! What a command knows of the world it was started in: environment, folders, configuration,
//! terminal. The only place of the program that reads the process's environment.
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use gateway_os::folders::Folders;

use super::args::Global;
use super::error::{CliError, Exit};
use crate::config::{Config, ConfigError, Loaded, Overrides};

/// The world of one command.
#[derive(Debug)]
pub(super) struct Context {
    /// The environment, as far as it is text.
    pub env: BTreeMap<String, String>,
    /// Where things are.
    pub folders: Folders,
    /// The flags of every command.
    pub global: Global,
    cwd: PathBuf,
}

impl Context {
    /// Looks around.
    ///
    /// # Errors
    ///
    /// When the folders cannot be told.
    pub(super) fn new(global: Global) -> Result<Self, CliError> {
        let os_env: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let mut folders =
            Folders::from_environment(|name| os_env.get(std::ffi::OsStr::new(name)).cloned())?;
        let cwd = std::env::current_dir()
            .map_err(|error| CliError::failed(format!("the current folder is gone: {error}")))?;
        if let Some(file) = &global.config {
            folders.config_file = cwd.join(file);
        }
        let text = |text: OsString| text.into_string().ok();
        let env = os_env
            .into_iter()
            .filter_map(|(name, value)| Some((text(name)?, text(value)?)))
            .collect();
        Ok(Self { env, folders, global, cwd })
    }

    /// No settings from flags yet; relative paths in them begin at the current folder.
    #[must_use]
    pub(super) fn no_overrides(&self) -> Overrides {
        Overrides::new(self.cwd.clone())
    }

    /// The text of the configuration file, when there is one.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or was named and is missing.
    pub(super) fn config_text(&self) -> Result<Option<String>, CliError> {
        let path = &self.folders.config_file;
        let text = read_config(path)?;
        if text.is_none() && self.global.config.is_some() {
            let message = format!("there is no configuration file {}", path.display());
            return Err(CliError::new(Exit::Config, message)
                .hint("check the path after --config, or leave it out"));
        }
        Ok(text)
    }

    /// The configuration.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is wrong.
    pub(super) fn config(&self) -> Result<Loaded, CliError> {
        self.config_with(&self.no_overrides())
    }

    /// The configuration under the flags of a command.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is wrong.
    pub(super) fn config_with(&self, overrides: &Overrides) -> Result<Loaded, CliError> {
        let text = self.config_text()?;
        let path = Some(self.folders.config_file.as_path());
        Ok(Config::load(path, text.as_deref(), &self.env, overrides)?)
    }

    /// Whether stdout may be coloured.
    #[must_use]
    pub(super) fn colors(&self) -> bool {
        let set = |name: &str| self.env.get(name).is_some_and(|value| !value.is_empty());
        let dumb = self.env.get("TERM").is_some_and(|term| term == "dumb");
        !set("NO_COLOR") && !dumb && std::io::stdout().is_terminal()
    }

    /// Prints data as JSON, or as `text` makes it.
    ///
    /// # Errors
    ///
    /// When stdout cannot be written.
    pub(super) fn print(
        &self,
        data: &serde_json::Value,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        let text = if self.global.json {
            format!("{data:#}\n")
        } else {
            let mut text = text();
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text
        };
        print_text(&text)
    }
}

/// The text of a configuration file; none when there is no such file.
///
/// # Errors
///
/// When there is one and its text cannot be had.
pub(super) fn read_config(path: &Path) -> Result<Option<String>, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ConfigError::unreadable(path, &error)),
    }
}

/// Writes to stdout; a reader that has gone away is no error.
///
/// # Errors
///
/// When stdout cannot be written.
pub(super) fn print_text(text: &str) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_that_cannot_be_read_is_told_with_what_cures_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        std::fs::write(&file, b"# caf\xe9\n").unwrap();
        assert_eq!(read_config(&file).unwrap_err().hint(), "save it as UTF-8");
        assert_eq!(read_config(folder.path()).unwrap_err().hint(), "name a file, not a folder");
        assert_eq!(read_config(&folder.path().join("none")), Ok(None));
    }
}
