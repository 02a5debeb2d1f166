//! Steps that change the system, as data, and the one place that carries them out.
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::ServiceError;

/// How long a service manager may take: it waits for the gateway's own 10 s of shutdown, and then
/// for systemd's 20.
const COMMAND_SECS: u64 = 60;

/// How much of a command's output is read.
const OUTPUT_BYTES_MAX: u64 = 64 * 1024;

/// The variables that a service manager's tools need to find it; nothing else reaches them.
const PASSED: [&str; 6] =
    ["PATH", "HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/// One change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::cli) enum Step {
    /// Write a file, all at once, and the folders above it.
    Write {
        /// The file.
        path: PathBuf,
        /// Its text.
        text: String,
    },
    /// Remove a file; one that is gone is fine.
    Remove {
        /// The file.
        path: PathBuf,
    },
    /// Run a command that must succeed.
    Run(Invocation),
    /// Run a command that may fail, because there may be nothing left to do.
    Try(Invocation),
}

/// The step as a line for a shell.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path, .. } => {
                write!(f, "gateway service install --print > {}", quoted(path))
            }
            Self::Remove { path } => write!(f, "rm -f {}", quoted(path)),
            Self::Run(invocation) => write!(f, "{invocation}"),
            Self::Try(invocation) => write!(f, "{invocation} || true"),
        }
    }
}

/// A path for a shell, quoted when it has to be.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%,:=".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// A command line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::cli) struct Invocation {
    /// The program, found in `PATH`.
    pub(in crate::cli) program: &'static str,
    /// Its arguments.
    pub(in crate::cli) args: Vec<String>,
}

impl Invocation {
    /// A command line of words.
    pub(super) fn new(program: &'static str, args: &[&str]) -> Self {
        Self { program, args: args.iter().map(|&arg| arg.to_owned()).collect() }
    }
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(Path::new(arg))))
    }
}

/// How a command ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::cli) struct Output {
    /// With exit code 0.
    pub(in crate::cli) success: bool,
    /// What it printed.
    pub(in crate::cli) stdout: String,
    /// What it complained of.
    pub(in crate::cli) stderr: String,
}

impl Output {
    /// Its complaint in one line.
    pub(super) fn said(&self) -> String {
        let lines = self.stderr.lines().chain(self.stdout.lines());
        let line = lines.map(str::trim).find(|line| !line.is_empty());
        line.unwrap_or("it did not say why").chars().take(300).collect()
    }
}

/// Why a command could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum RunError {
    /// It is not installed.
    #[error("it is not installed")]
    Missing,
    /// It hung.
    #[error("it did not end within {COMMAND_SECS} s")]
    TimedOut,
    /// The system refused.
    #[error("{0}")]
    Io(io::Error),
}

/// Runs commands; a stand-in in tests.
pub(in crate::cli) trait Runner {
    /// Runs one to its end.
    ///
    /// # Errors
    ///
    /// [`RunError`] when it cannot be started or does not end.
    fn run(&mut self, invocation: &Invocation) -> Result<Output, RunError>;
}

/// Carries out `steps` in their order, up to the first that fails.
///
/// # Errors
///
/// [`ServiceError`] naming the step.
pub(in crate::cli) fn carry_out(
    steps: &[Step],
    runner: &mut dyn Runner,
) -> Result<(), ServiceError> {
    for step in steps {
        match step {
            Step::Write { path, text } => write(path, text)?,
            Step::Remove { path } => remove(path)?,
            Step::Run(invocation) => {
                let failed =
                    |said: String| ServiceError::Command { command: invocation.to_string(), said };
                let output = runner.run(invocation).map_err(|error| failed(error.to_string()))?;
                if !output.success {
                    return Err(failed(output.said()));
                }
            }
            Step::Try(invocation) => {
                let _ = runner.run(invocation);
            }
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), ServiceError> {
    let put = || {
        fs::create_dir_all(path.parent().ok_or(ErrorKind::InvalidInput)?)?;
        gateway_os::folders::write_private(path, text.as_bytes())
    };
    put().map_err(|source| ServiceError::File { action: "write", path: path.to_owned(), source })
}

fn remove(path: &Path) -> Result<(), ServiceError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(ServiceError::File { action: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Runs real commands, with no more of the environment than they need to find their service manager.
#[derive(Debug)]
pub(in crate::cli) struct Commands {
    env: BTreeMap<&'static str, String>,
    runtime: tokio::runtime::Runtime,
}

impl Commands {
    /// Takes what commands need from `env`.
    ///
    /// # Errors
    ///
    /// When the system has no resources for a runtime.
    pub(in crate::cli) fn new(env: &BTreeMap<String, String>) -> io::Result<Self> {
        let passed = PASSED.iter().filter_map(|&name| Some((name, env.get(name)?.clone())));
        // Their texts are read by programs here, so they come in English and without colours.
        let fixed = [("LC_ALL", "C"), ("SYSTEMD_COLORS", "0"), ("SYSTEMD_PAGER", "")];
        let fixed = fixed.into_iter().map(|(name, value)| (name, value.to_owned()));
        let env = passed.chain(fixed).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { env, runtime })
    }
}

impl Runner for Commands {
    fn run(&mut self, invocation: &Invocation) -> Result<Output, RunError> {
        let command = run_one(invocation, &self.env);
        self.runtime.block_on(async {
            match tokio::time::timeout(Duration::from_secs(COMMAND_SECS), command).await {
                Ok(Err(error)) if error.kind() == ErrorKind::NotFound => Err(RunError::Missing),
                Ok(ended) => ended.map_err(RunError::Io),
                // Dropping the command has killed it.
                Err(_) => Err(RunError::TimedOut),
            }
        })
    }
}

async fn run_one(
    invocation: &Invocation,
    env: &BTreeMap<&'static str, String>,
) -> io::Result<Output> {
    let mut command = tokio::process::Command::new(invocation.program);
    command.args(&invocation.args).env_clear().envs(env).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))?;
    Ok(Output { success: child.wait().await?.success(), stdout, stderr })
}

/// Reads all of it, and keeps the beginning.
async fn read(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        (&mut pipe).take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes).await?;
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_gets_no_more_of_the_environment_than_it_needs() {
        let env = [("PATH", "/usr/bin:/bin"), ("NGROK_AUTHTOKEN", "secret"), ("HOME", "/home/u")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut commands = Commands::new(&env.into()).unwrap();
        let output = commands.run(&Invocation::new("env", &[])).unwrap();
        assert!(output.success);
        let names: Vec<&str> =
            output.stdout.lines().filter_map(|line| line.split('=').next()).collect();
        assert!(names.contains(&"HOME") && names.contains(&"LC_ALL"), "{names:?}");
        assert!(!names.contains(&"NGROK_AUTHTOKEN"), "{names:?}");
    }

    #[test]
    fn a_missing_command_and_a_failing_one_are_told_apart() {
        let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        let mut commands = Commands::new(&env).unwrap();
        let missing = commands.run(&Invocation::new("no-such-command-here", &[])).unwrap_err();
        assert!(matches!(missing, RunError::Missing), "{missing}");
        let failing = Invocation::new("sh", &["-c", "echo; echo why >&2; exit 3"]);
        let output = commands.run(&failing).unwrap();
        assert_eq!((output.success, output.said().as_str()), (false, "why"));
        let steps = [Step::Try(failing.clone()), Step::Run(failing)];
        let error = carry_out(&steps, &mut commands).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c 'echo; echo why >&2; exit 3'` failed: why");
    }

    #[test]
    fn more_output_than_is_kept_does_not_block_the_command() {
        let env = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        let mut commands = Commands::new(&env).unwrap();
        let output =
            commands.run(&Invocation::new("head", &["-c", "1000000", "/dev/zero"])).unwrap();
        assert!(output.success);
        assert_eq!(output.stdout.len() as u64, OUTPUT_BYTES_MAX);
    }

    #[test]
    fn files_are_written_with_their_folders_and_removed_twice_without_complaint() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/gateway.service");
        let write = Step::Write { path: path.clone(), text: "[Unit]\n".to_owned() };
        let remove = Step::Remove { path: path.clone() };
        let mut commands = Commands::new(&BTreeMap::new()).unwrap();
        carry_out(std::slice::from_ref(&write), &mut commands).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "[Unit]\n");
        carry_out(&[remove.clone(), remove], &mut commands).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_step_reads_as_a_line_for_a_shell() {
        let step = Step::Remove { path: PathBuf::from("/home/it's me/gateway.service") };
        assert_eq!(step.to_string(), r"rm -f '/home/it'\''s me/gateway.service'");
        let step = Step::Run(Invocation::new("systemctl", &["--user", "daemon-reload"]));
        assert_eq!(step.to_string(), "systemctl --user daemon-reload");
    }
}
