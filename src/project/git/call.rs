//! [`Call`]: one call of git before it is made.
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::platform;

/// What the process reads.
#[derive(Debug, Default)]
pub(in crate::project) enum Stdin {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// This file.
    File(PathBuf),
}

/// One call of git before it is made.
///
/// Arguments that come from outside go through [`Call::revision`] or [`Call::paths`], never
/// through [`Call::arg`], so that none can be read as an option.
#[derive(Debug)]
pub(in crate::project) struct Call {
    pub(super) name: &'static str,
    pub(super) settings: Vec<OsString>,
    pub(super) args: Vec<OsString>,
    pub(super) revisions: Vec<OsString>,
    pub(super) paths: Option<Vec<OsString>>,
    pub(super) globs: bool,
    pub(super) env: Vec<(&'static str, OsString)>,
    pub(super) unset: Vec<&'static str>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) stdin: Stdin,
    pub(super) skip: u64,
    pub(super) keep: usize,
    pub(super) cut: bool,
    pub(super) accept: &'static [i32],
    pub(super) timeout: Duration,
}

impl Call {
    /// A call of the subcommand `name`: at most 16 MiB of output (more is an error), 60 s.
    pub(in crate::project) fn new(name: &'static str) -> Self {
        Self {
            name,
            settings: Vec::new(),
            args: Vec::new(),
            revisions: Vec::new(),
            paths: None,
            globs: false,
            env: Vec::new(),
            unset: Vec::new(),
            cwd: None,
            stdin: Stdin::Empty,
            skip: 0,
            keep: 16 << 20,
            cut: false,
            accept: &[0],
            timeout: Duration::from_secs(60),
        }
    }

    /// Adds options written in this program.
    pub(in crate::project) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several options written in this program.
    pub(in crate::project) fn args<A: Into<OsString>>(
        mut self,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a revision, which stands after `--end-of-options`.
    pub(in crate::project) fn revision(mut self, revision: impl Into<OsString>) -> Self {
        self.revisions.push(revision.into());
        self
    }

    /// Adds a path, which stands after `--` and is taken literally.
    pub(in crate::project) fn path(mut self, path: impl Into<OsString>) -> Self {
        self.paths.get_or_insert_default().push(path.into());
        self
    }

    /// Takes paths as patterns of git; for patterns written in this program only.
    pub(in crate::project) const fn globs(mut self) -> Self {
        self.globs = true;
        self
    }

    /// Ends the revisions with `--` even when no path follows.
    pub(in crate::project) fn no_paths(mut self) -> Self {
        self.paths.get_or_insert_default();
        self
    }

    /// Adds `-c key=value`.
    pub(in crate::project) fn setting(mut self, setting: impl Into<OsString>) -> Self {
        self.settings.push(setting.into());
        self
    }

    /// Makes what the call writes survive a power cut: a result, not what can be made again.
    pub(in crate::project) fn durable(self) -> Self {
        self.setting("core.fsync=committed,loose-object,reference")
            .setting("core.fsyncMethod=batch")
    }

    /// Names the git directory.
    pub(in crate::project) fn git_dir(mut self, dir: &Path) -> Self {
        self.env.push(("GIT_DIR", dir.into()));
        self
    }

    /// Names a git directory of the gateway's own, which no file in it can turn into another.
    pub(in crate::project) fn own_dir(self, dir: &Path) -> Self {
        self.git_dir(dir).env("GIT_COMMON_DIR", dir)
    }

    /// Names the working tree and starts the process in it.
    pub(in crate::project) fn work_tree(mut self, dir: &Path) -> Self {
        self.env.push(("GIT_WORK_TREE", dir.into()));
        self.cwd = Some(dir.into());
        self
    }

    /// Names the index file.
    pub(in crate::project) fn index(mut self, file: &Path) -> Self {
        self.env.push(("GIT_INDEX_FILE", file.into()));
        self
    }

    /// Names the folder that new objects are written to.
    pub(in crate::project) fn objects(mut self, dir: &Path) -> Self {
        self.env.push(("GIT_OBJECT_DIRECTORY", dir.into()));
        self
    }

    /// Names a further folder that objects are read from.
    pub(in crate::project) fn alternate(mut self, dir: &Path) -> Self {
        self.env.push(("GIT_ALTERNATE_OBJECT_DIRECTORIES", quoted(dir)));
        self
    }

    /// Sets an environment variable.
    pub(in crate::project) fn env(
        mut self,
        name: &'static str,
        value: impl Into<OsString>,
    ) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Takes a variable out of the environment that every call has.
    pub(in crate::project) fn unset(mut self, name: &'static str) -> Self {
        self.unset.push(name);
        self
    }

    /// What the process reads.
    pub(in crate::project) fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// The most output that is kept, in bytes; more is an error.
    pub(in crate::project) const fn keep(mut self, bytes: usize) -> Self {
        self.keep = bytes;
        self
    }

    /// Skips `skip` bytes, keeps `keep` and cuts the rest off without an error.
    pub(in crate::project) const fn window(mut self, skip: u64, keep: usize) -> Self {
        self.skip = skip;
        self.keep = keep;
        self.cut = true;
        self
    }

    /// Exit statuses that are answers, not errors.
    pub(in crate::project) const fn accept(mut self, codes: &'static [i32]) -> Self {
        self.accept = codes;
        self
    }

    /// How long it may run.
    pub(in crate::project) const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// The form of a folder inside a colon-separated list, which git unquotes in the manner of C.
fn quoted(dir: &Path) -> OsString {
    let Some(bytes) = platform::path_bytes(dir) else {
        return dir.into();
    };
    if !bytes.contains(&b':') && bytes.first() != Some(&b'"') {
        return dir.into();
    }
    let mut out = vec![b'"'];
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    platform::path_from_bytes(out).map_or_else(|| dir.into(), PathBuf::into_os_string)
}
