//! What the shim is to run.
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::protocol::{INPUT_BYTES_MAX, INPUT_LINES_MAX, LineError, check_id, check_line};

/// The version of [`ShimSpec`] that this program writes; a shim refuses any other, which cannot
/// happen: it is started by the program that wrote the file.
const SPEC_VERSION: u32 = 1;

/// One line for the agent's standard input.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct StdinLine {
    /// Names the line, so that writing it again does nothing: 1 to 128 visible ASCII characters.
    pub id: String,
    /// The line without its end.
    pub line: String,
}

/// What the shim is to run, written to `spec.json` before it starts.
#[derive(Clone, Eq, PartialEq, Serialize, Deserialize)]
pub struct ShimSpec {
    version: u32,
    /// The program and its arguments; the program is looked up in the `PATH` of `env`.
    pub argv: Vec<String>,
    /// The agent's whole environment; the marker is added to it.
    pub env: BTreeMap<String, String>,
    /// The agent's working folder.
    pub cwd: PathBuf,
    /// Names the run, no other run ever has it: the value of `GATEWAY_TASK` for every process.
    pub marker: String,
    /// Lines written to standard input first.
    pub stdin: Vec<StdinLine>,
    /// Close standard input after those lines.
    pub close_stdin: bool,
    /// Most bytes in the files of both streams together; past it the run is ended.
    pub output_bytes_max: u64,
    /// Ends the run after so long, in seconds of the machine being awake, whatever else happens;
    /// a last resort, the engine has its own limits.
    pub deadline_secs: Option<u64>,
}

/// Why a spec cannot be run.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidSpec {
    /// Nothing to run.
    #[error("the command line is empty")]
    NoProgram,
    /// A NUL byte cannot be passed on.
    #[error("{what} contains a NUL byte")]
    Nul {
        /// Which part.
        what: &'static str,
    },
    /// A name that no environment can hold.
    #[error("an environment variable has an empty name or `=` in it")]
    EnvName,
    /// The marker is empty, too long or not visible ASCII.
    #[error("the marker must be 1 to 128 visible ASCII characters")]
    Marker,
    /// A relative working folder means another place to the shim.
    #[error("the working folder must be an absolute path")]
    RelativeFolder,
    /// More input than the shim holds.
    #[error("more than {INPUT_LINES_MAX} first lines or {INPUT_BYTES_MAX} bytes of them")]
    TooMuchInput,
    /// A first line that cannot be written.
    #[error("a first line is unusable: {0}")]
    Line(#[from] LineError),
    /// Written by another version.
    #[error("spec version {0} is not known here")]
    Version(u32),
}

impl ShimSpec {
    /// A spec with an empty environment, no input and 256 MB of output.
    #[must_use]
    pub fn new(argv: Vec<String>, cwd: PathBuf, marker: String) -> Self {
        Self {
            version: SPEC_VERSION,
            argv,
            env: BTreeMap::new(),
            cwd,
            marker,
            stdin: Vec::new(),
            close_stdin: false,
            output_bytes_max: 256_000_000,
            deadline_secs: None,
        }
    }

    /// Checks everything that can be checked before the start.
    ///
    /// # Errors
    ///
    /// [`InvalidSpec`].
    pub fn check(&self) -> Result<(), InvalidSpec> {
        if self.version != SPEC_VERSION {
            return Err(InvalidSpec::Version(self.version));
        }
        if self.argv.first().is_none_or(String::is_empty) {
            return Err(InvalidSpec::NoProgram);
        }
        if self.argv.iter().any(|arg| arg.contains('\0')) {
            return Err(InvalidSpec::Nul { what: "the command line" });
        }
        if self.env.keys().any(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return Err(InvalidSpec::EnvName);
        }
        if self.env.values().any(|value| value.contains('\0')) {
            return Err(InvalidSpec::Nul { what: "an environment variable" });
        }
        check_id(&self.marker).map_err(|_| InvalidSpec::Marker)?;
        if !self.cwd.is_absolute() {
            return Err(InvalidSpec::RelativeFolder);
        }
        let bytes: usize = self.stdin.iter().map(|line| line.line.len() + 1).sum();
        if self.stdin.len() > INPUT_LINES_MAX || bytes > INPUT_BYTES_MAX {
            return Err(InvalidSpec::TooMuchInput);
        }
        for line in &self.stdin {
            check_id(&line.id)?;
            check_line(&line.line)?;
        }
        Ok(())
    }

    /// The same without what must not stay on disk.
    pub(super) fn scrubbed(&self) -> Self {
        let mut copy = self.clone();
        copy.env.values_mut().for_each(String::clear);
        copy
    }
}

/// Values of the environment may be secrets, and the input is the caller's: neither is shown.
impl fmt::Debug for ShimSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShimSpec")
            .field("argv", &self.argv)
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("cwd", &self.cwd)
            .field("marker", &self.marker)
            .field("stdin", &self.stdin.iter().map(|line| &line.id).collect::<Vec<_>>())
            .field("close_stdin", &self.close_stdin)
            .field("output_bytes_max", &self.output_bytes_max)
            .field("deadline_secs", &self.deadline_secs)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> ShimSpec {
        ShimSpec::new(vec!["/bin/true".into()], "/".into(), "run-1".into())
    }

    #[test]
    fn what_cannot_be_run_is_refused_by_name() {
        assert_eq!(spec().check(), Ok(()));
        let broken = |change: fn(&mut ShimSpec)| {
            let mut spec = spec();
            change(&mut spec);
            spec.check().unwrap_err()
        };
        assert_eq!(broken(|s| s.argv.clear()), InvalidSpec::NoProgram);
        assert_eq!(broken(|s| s.marker.clear()), InvalidSpec::Marker);
        assert_eq!(broken(|s| s.cwd = "here".into()), InvalidSpec::RelativeFolder);
        assert_eq!(broken(|s| s.version = 2), InvalidSpec::Version(2));
        let name = broken(|s| drop(s.env.insert("A=B".into(), String::new())));
        assert_eq!(name, InvalidSpec::EnvName);
        let two_lines = StdinLine { id: "1".into(), line: "a\nb".into() };
        let mut with_line = spec();
        with_line.stdin.push(two_lines);
        assert_eq!(with_line.check(), Err(InvalidSpec::Line(LineError::Newline)));
    }

    #[test]
    fn neither_debug_nor_the_scrubbed_form_tells_a_value() {
        let mut spec = spec();
        spec.env.insert("API_KEY".into(), "s3cret".into());
        let debug = format!("{spec:?}");
        assert!(debug.contains("API_KEY") && !debug.contains("s3cret"), "{debug}");
        let json = serde_json::to_string(&spec.scrubbed()).unwrap();
        assert!(json.contains("API_KEY") && !json.contains("s3cret"), "{json}");
    }
}
