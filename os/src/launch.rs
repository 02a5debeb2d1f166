//! Starting our own binary again, and children that must not outlive us.
//!
//! `pre_exec` is unsafe, so what a child has to do before it becomes somebody else's program is
//! done by a hidden subcommand of our own: [`exec_command`] builds its command line and
//! [`exec_main`] is its body.
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::process::{Signal, die_with_parent, new_session, own_group};

/// The hidden subcommand that prepares itself and then becomes another program.
pub const EXEC_SUBCOMMAND: &str = "__exec";

/// A path that starts the running build of this program, on Linux also after its file was replaced.
#[must_use]
pub fn own_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return "/proc/self/exe".into();
    }
    std::env::current_exe().unwrap_or_else(|_| "gateway".into())
}

/// A program of ours to start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Executable {
    path: PathBuf,
}

impl Executable {
    /// The running program itself, also after an upgrade replaced or removed its file.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn current() -> io::Result<Self> {
        // This link leads to the file itself, not to its name, and a child that has not yet
        // become another program still has its parent's.
        #[cfg(target_os = "linux")]
        return Ok(Self { path: "/proc/self/exe".into() });
        #[cfg(not(target_os = "linux"))]
        Ok(Self { path: std::env::current_exe()? })
    }

    /// The program at `path`, whatever is there at the time of each start.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// A command that starts it, called `gateway` in its own argument list.
    #[must_use]
    pub fn command(&self) -> Command {
        let command = Command::new(&self.path);
        #[cfg(unix)]
        let command = {
            let mut command = command;
            std::os::unix::process::CommandExt::arg0(&mut command, "gateway");
            command
        };
        command
    }
}

/// What `__exec` does to itself before it becomes the program.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ExecOptions {
    /// Start a session of its own, so that a terminal's signals do not reach it.
    pub session: bool,
    /// Lead a process group of its own; not together with `session`, which does so too.
    pub group: bool,
    /// Be killed when the starting thread ends: start it through [`Spawner`].
    pub die_with_parent: bool,
}

/// The words to put before a program's own command line, so that it prepares itself first: what
/// [`exec_command`] starts, for callers that build their own command.
#[must_use]
pub fn exec_prefix(own: &Path, options: ExecOptions) -> Vec<OsString> {
    let mut words = vec![own.as_os_str().to_owned(), EXEC_SUBCOMMAND.into()];
    if options.session {
        words.push("--session".into());
    }
    if options.group {
        words.push("--group".into());
    }
    if options.die_with_parent {
        words.push(format!("--die-with={}", std::process::id()).into());
    }
    words.push("--".into());
    words
}

/// A command that becomes `program` after preparing itself. Add arguments of the program after it.
#[must_use]
pub fn exec_command(own: &Executable, options: ExecOptions, program: &OsStr) -> Command {
    let mut command = own.command();
    command.arg(EXEC_SUBCOMMAND);
    if options.session {
        command.arg("--session");
    }
    if options.group {
        command.arg("--group");
    }
    if options.die_with_parent {
        command.arg(format!("--die-with={}", std::process::id()));
    }
    command.arg("--").arg(program);
    command
}

/// The longest reason that is read of a program that could not be started.
const REASON_BYTES_MAX: u64 = 4096;

/// Starts `program` so that the kernel kills it when the calling *thread* ends, and answers once
/// it has become that program. `prepare` sets everything about it but its standard error, which is
/// appended to the file `stderr`.
///
/// The signal is lost where the kernel drops it: in a program that runs with another user's rights.
///
/// # Errors
///
/// Why it could not be started; then nothing is left of it.
pub fn spawn_bound(
    own: &Executable,
    program: &OsStr,
    stderr: &Path,
    prepare: impl FnOnce(&mut Command),
) -> io::Result<Child> {
    let mut command = own.command();
    command.arg(EXEC_SUBCOMMAND).arg(format!("--die-with={}", std::process::id()));
    command.arg("--stderr").arg(stderr).arg("--").arg(program);
    prepare(&mut command);
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let mut reason = String::new();
    if let Some(pipe) = child.stderr.take() {
        // Ends when the helper has become the program, or has said why not.
        pipe.take(REASON_BYTES_MAX).read_to_string(&mut reason)?;
    }
    if reason.is_empty() {
        return Ok(child);
    }
    child.wait()?;
    let reason = reason.trim_end();
    Err(io::Error::other(reason.strip_prefix("gateway: ").unwrap_or(reason)))
}

/// The body of `__exec`; `args` are those after the subcommand. Returns only on failure, with
/// standard error as it was.
pub fn exec_main(args: impl Iterator<Item = OsString>) -> io::Error {
    match prepare(args) {
        Ok((command, None)) => replace_with(command),
        Ok((command, Some(stderr))) => match appending_stderr_to(&stderr) {
            Ok(was) => {
                let error = replace_with(command);
                restore_stderr(&was);
                error
            }
            Err(error) => error,
        },
        Err(error) => error,
    }
}

fn prepare(mut args: impl Iterator<Item = OsString>) -> io::Result<(Command, Option<PathBuf>)> {
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, "this subcommand is internal");
    let mut stderr = None;
    loop {
        let arg = args.next().ok_or_else(usage)?;
        match arg.to_str().ok_or_else(usage)? {
            "--" => break,
            "--session" => new_session()?,
            "--group" => own_group()?,
            "--stderr" => stderr = Some(args.next().ok_or_else(usage)?.into()),
            option => {
                let parent = option.strip_prefix("--die-with=").ok_or_else(usage)?;
                die_with_parent(Signal::Kill, parent.parse().map_err(|_| usage())?)?;
            }
        }
    }
    let mut command = Command::new(args.next().ok_or_else(usage)?);
    command.args(args);
    Ok((command, stderr))
}

/// Lets standard error go into a file; what it was before is closed when this process becomes
/// another program.
#[cfg(unix)]
fn appending_stderr_to(file: &Path) -> io::Result<std::os::fd::OwnedFd> {
    use std::os::fd::AsFd;
    let was = io::stderr().as_fd().try_clone_to_owned()?;
    let file = std::fs::OpenOptions::new().append(true).open(file)?;
    rustix::stdio::dup2_stderr(&file)?;
    Ok(was)
}

#[cfg(unix)]
fn restore_stderr(was: &std::os::fd::OwnedFd) {
    // Without it the reason is in the file, and whoever waits sees only the end.
    let _ = rustix::stdio::dup2_stderr(was);
}

#[cfg(not(unix))]
fn appending_stderr_to(_file: &Path) -> io::Result<()> {
    Err(crate::unsupported("redirecting standard error"))
}

#[cfg(not(unix))]
fn restore_stderr((): &()) {}

#[cfg(unix)]
fn replace_with(mut command: Command) -> io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

#[cfg(not(unix))]
fn replace_with(_command: Command) -> io::Error {
    crate::unsupported("becoming another program")
}

/// Makes a child lead a process group of its own (where there are any), so that `kill 0` in it
/// does not hit its parent.
pub fn lead_group(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Lets standard output go nowhere from now on, so that whoever read it sees the end.
///
/// # Errors
///
/// `Unsupported` on Windows.
pub fn close_stdout() -> io::Result<()> {
    #[cfg(unix)]
    {
        let null = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdout(&null)?;
        Ok(())
    }
    #[cfg(not(unix))]
    Err(crate::unsupported("redirecting standard output"))
}

type Work = Box<dyn FnOnce() + Send>;

/// A thread that starts children and lives as long as the value (and the last of its work).
///
/// The kernel ties "die with the parent" to the *thread* that started the child: a worker thread of
/// a runtime that goes idle and ends would take its children with it. Keep one for the process.
#[derive(Clone, Debug)]
pub struct Spawner {
    work: mpsc::SyncSender<Work>,
}

impl Spawner {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub fn start() -> io::Result<Self> {
        // Starting a child takes milliseconds; more than a few waiting means something is wrong
        // elsewhere, and callers may as well wait here.
        let (work, queue) = mpsc::sync_channel::<Work>(16);
        thread::Builder::new().name("spawner".into()).spawn(move || {
            for work in queue {
                work();
            }
        })?;
        Ok(Self { work })
    }

    /// Starts a child on this thread.
    ///
    /// # Errors
    ///
    /// When the child cannot be started.
    pub fn spawn(&self, mut command: Command) -> io::Result<Child> {
        self.run(move || command.spawn())?
    }

    /// Runs something on this thread and waits for it, such as spawning through tokio after
    /// entering a runtime's handle. It must not wait for long: all starts queue behind it.
    ///
    /// # Errors
    ///
    /// When the thread is gone because earlier work panicked, or this one does.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the spawner thread is gone");
        self.work
            .send(Box::new(move || {
                // The caller waits below, so the answer is always taken.
                let _ = answer.send(work());
            }))
            .map_err(|_| gone(mpsc::RecvError))?;
        answered.recv().map_err(gone)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    /// Removes its own file and starts itself again.
    #[test]
    #[ignore = "a process of another test"]
    fn upgraded_process() {
        std::fs::remove_file(std::env::current_exe().unwrap()).unwrap();
        let mut again = Executable::current().unwrap().command();
        assert!(again.arg("--list").status().unwrap().success());
    }

    #[test]
    fn a_program_starts_itself_after_its_file_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        // Written by another process: a child that some other test starts at this moment would hold
        // this one's descriptor for a while, and a file open for writing cannot be run.
        let own = std::env::current_exe().unwrap();
        assert!(Command::new("cp").args([&own, &copy]).status().unwrap().success());
        let mut old = Command::new(&copy);
        old.args(["--exact", "launch::tests::upgraded_process", "--ignored"]);
        let output = old.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        assert!(!copy.exists());
    }

    #[test]
    fn the_spawner_starts_children_on_one_thread() {
        let spawner = Spawner::start().unwrap();
        let name = || thread::current().name().map(str::to_owned);
        assert_eq!(spawner.run(name).unwrap().as_deref(), Some("spawner"));
        let mut child = spawner.spawn(Command::new("/bin/true")).unwrap();
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn an_unknown_option_of_the_hidden_subcommand_is_refused() {
        let args = ["--what", "--", "/bin/true"].map(OsString::from);
        assert!(prepare(args.into_iter()).is_err());
        assert!(prepare(std::iter::empty()).is_err());
    }
}
