//! What goes into a service file, checked, and what is in the one on disk.
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::{SearchPath, ServiceError};

/// The most that is read of a service file; ours are a tenth of it.
const UNIT_BYTES_MAX: u64 = 64 * 1024;

/// What differs between one installation's service file and another's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::cli) struct Spec {
    program: String,
    config: Option<String>,
    search_path: SearchPath,
}

impl Spec {
    /// The service that runs `program`, with `config` when it is not the usual file.
    ///
    /// # Errors
    ///
    /// [`ServiceError::Unwritable`] for paths that some service manager would misread, and
    /// [`ServiceError::Moved`] when the program's file is gone.
    pub(in crate::cli) fn new(
        program: &Path,
        config: Option<&Path>,
        search_path: SearchPath,
    ) -> Result<Self, ServiceError> {
        // Linux reports an unlinked program under its old name with this behind it.
        if program.to_string_lossy().ends_with(" (deleted)") {
            return Err(ServiceError::Moved { path: program.to_owned() });
        }
        let config = config.map(text).transpose()?;
        Ok(Self { program: text(program)?, config, search_path })
    }

    /// The absolute path of the program.
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    /// The command line, program first.
    pub(super) fn arguments(&self) -> Vec<&str> {
        let config = self.config.iter().flat_map(|file| ["--config", file.as_str()]);
        config.chain(["serve", "--no-open"]).collect()
    }

    /// The value of `PATH`.
    pub(super) fn search_path(&self) -> &str {
        self.search_path.as_str()
    }
}

/// A path as text that every service manager takes: absolute, and without what systemd refuses in
/// the path of a program however it is quoted.
fn text(path: &Path) -> Result<String, ServiceError> {
    let lossy = path.to_string_lossy().into_owned();
    let unwritable = |what| ServiceError::Unwritable { path: lossy.clone(), what };
    let text = path.to_str().ok_or_else(|| unwritable("bytes that are not UTF-8"))?;
    if !path.is_absolute() {
        return Err(unwritable("no root"));
    }
    if text.chars().any(char::is_control) {
        return Err(unwritable("a control character"));
    }
    if text.contains(['"', '\'', '\\', '$']) {
        return Err(unwritable("a quote, a backslash or a dollar sign"));
    }
    Ok(text.to_owned())
}

/// What is where the service file belongs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::cli) enum UnitText {
    /// Nothing.
    Missing,
    /// A symbolic link, so it is somebody else's; systemd makes one to `/dev/null` to mask a unit.
    Link,
    /// A file with this text.
    Text(String),
}

impl UnitText {
    /// Looks at `path`.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is too long to be a service file.
    pub(super) fn read(path: &Path) -> Result<Self, ServiceError> {
        let error = |source| ServiceError::File { action: "read", path: path.to_owned(), source };
        match path.symlink_metadata() {
            Err(source) if source.kind() == ErrorKind::NotFound => return Ok(Self::Missing),
            Err(source) => return Err(error(source)),
            Ok(metadata) if metadata.is_symlink() => return Ok(Self::Link),
            Ok(metadata) if !metadata.is_file() => {
                return Err(error(std::io::Error::other("it is not a file")));
            }
            Ok(_) => {}
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(error)?;
        file.take(UNIT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(error)?;
        if bytes.len() as u64 > UNIT_BYTES_MAX {
            return Err(error(std::io::Error::other("it is too long for a service file")));
        }
        Ok(Self::Text(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(program: &str) -> Result<Spec, ServiceError> {
        Spec::new(Path::new(program), None, SearchPath::default())
    }

    #[test]
    fn paths_that_a_service_manager_would_misread_are_refused() {
        for program in ["/a\"b", "/a'b", "/a\\b", "/a$HOME", "/a\nExecStartPre=/bin/x", "relative"]
        {
            let error = spec(program).unwrap_err();
            assert!(matches!(error, ServiceError::Unwritable { .. }), "{program:?}: {error}");
        }
        spec("/home/Zoë Quinn/100%/gateway").unwrap();
    }

    #[test]
    fn a_program_that_was_replaced_while_running_is_refused() {
        let error = spec("/home/u/.local/bin/gateway (deleted)").unwrap_err();
        assert!(matches!(error, ServiceError::Moved { .. }), "{error}");
    }

    #[test]
    fn a_named_configuration_is_part_of_the_command_line() {
        let file = Path::new("/etc/g.toml");
        let spec = Spec::new(Path::new("/bin/gateway"), Some(file), SearchPath::default()).unwrap();
        assert_eq!(spec.arguments(), ["--config", "/etc/g.toml", "serve", "--no-open"]);
    }
}
