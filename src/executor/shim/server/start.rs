//! From a folder with a spec to a running agent.
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use gateway_os::folders::{
    Durability, FolderIdentity, claim_private, create_private, replace_private,
};
use gateway_os::launch::{Executable, close_stdout, lead_group, spawn_bound};
use gateway_os::peer::{PeerPolicy, TASK_MARKER};
use gateway_os::process::{self, ProcessId};
use gateway_os::signals::Signals;
use gateway_os::socket::{InputPipe, Listener};

use super::super::file;
use super::super::protocol::{PROTOCOL, line_of};
use super::super::record::{EndCause, ExitRecord, ShimState};
use super::super::spec::ShimSpec;
use super::StartReport;
use super::input::Input;
use super::output::Output;
use crate::clock::{Clock, SystemClock};

/// Everything the loop works with.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) folder: PathBuf,
    /// Which folder that was; a later one of its name is somebody else's.
    pub(super) identity: FolderIdentity,
    pub(super) state: ShimState,
    pub(super) agent: ProcessId,
    pub(super) listener: Listener,
    pub(super) peers: PeerPolicy,
    pub(super) termination: Signals,
    pub(super) children: Signals,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) deadline_secs: Option<u64>,
}

/// A spec is bounded by what it may hold; anything longer is not one.
const SPEC_BYTES_MAX: u64 = 64 << 20;

/// Takes the run and starts its agent. After the claim every failure leaves a record.
pub(super) fn start(folder: &Path) -> Result<Parts, StartReport> {
    // A session of its own: no terminal's or group's signal reaches it, the gateway's end neither.
    process::new_session().map_err(failed("starting a session"))?;
    process::run_tag("gateway-shim");
    process::become_subreaper().map_err(failed("adopting orphans"))?;
    let termination = Signals::termination().map_err(failed("catching signals"))?;
    let children = Signals::children().map_err(failed("catching signals"))?;
    let identity = FolderIdentity::of(folder).map_err(failed("looking at the folder"))?;
    let spec = read_spec(folder)?;
    let mut state = claim(folder, &spec)?;
    let started = Launch::prepare(folder).and_then(|launch| launch.agent(folder, &spec));
    let Launched { agent, input, stdout, stderr, listener } = match started {
        Ok(launched) => launched,
        Err(failure) => {
            leave_record(folder, &state, &failure);
            return Err(failure);
        }
    };
    state.agent = Some(agent.clone());
    // The claim holds without this; a full disk costs only the pid after a crash of the shim,
    // and the marker finds the agent then.
    let _ = write_json(&folder.join(file::STATE), &state, Durability::Cached);
    let _ = write_json(&folder.join(file::SPEC), &spec.scrubbed(), Durability::Cached);
    let output = Output::new(folder, stdout, stderr, spec.output_bytes_max);
    Ok(Parts {
        folder: folder.to_owned(),
        identity,
        state,
        agent,
        listener,
        peers: PeerPolicy::for_this_process(),
        termination,
        children,
        input,
        output,
        deadline_secs: spec.deadline_secs,
    })
}

fn read_spec(folder: &Path) -> Result<ShimSpec, StartReport> {
    use std::io::Read;
    let path = folder.join(file::SPEC);
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(SPEC_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(failed("reading the spec"))?;
    let spec: ShimSpec =
        serde_json::from_slice(&bytes).map_err(|error| failed("reading the spec")(error.into()))?;
    spec.check().map_err(|error| StartReport::Failed { message: error.to_string() })?;
    Ok(spec)
}

/// The one act that decides which of several shims has the run.
fn claim(folder: &Path, spec: &ShimSpec) -> Result<ShimState, StartReport> {
    let shim = ProcessId::current().map_err(failed("telling who this process is"))?;
    let state = ShimState {
        protocol: PROTOCOL,
        shim,
        agent: None,
        marker: spec.marker.clone(),
        started_at: SystemClock.now(),
    };
    match claim_private(&folder.join(file::STATE), &line_of(&state)) {
        Ok(()) => Ok(state),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(StartReport::Claimed),
        Err(error) => Err(failed("claiming the run")(error)),
    }
}

/// What must work before the agent may run.
struct Launch {
    listener: Listener,
    stdout: File,
    stderr: File,
    written: File,
}

struct Launched {
    agent: ProcessId,
    listener: Listener,
    input: Input,
    stdout: File,
    stderr: File,
}

impl Launch {
    fn prepare(folder: &Path) -> Result<Self, StartReport> {
        let create = |name| create_private(&folder.join(name)).map_err(failed("creating a file"));
        Ok(Self {
            stdout: create(file::STDOUT)?,
            stderr: create(file::STDERR)?,
            written: create(file::WRITTEN)?,
            listener: Listener::bind(&folder.join(file::SOCKET))
                .map_err(failed("listening at the socket"))?,
        })
    }

    /// Starts the agent, which does not outlive this process: a shim that is killed takes it along.
    fn agent(self, folder: &Path, spec: &ShimSpec) -> Result<Launched, StartReport> {
        let (program, args) = spec.argv.split_first().ok_or_else(|| StartReport::Failed {
            message: "the command line is empty".to_owned(),
        })?;
        let own = Executable::current().map_err(failed("finding this program"))?;
        let stdout = self.stdout.try_clone().map_err(failed("passing on a file"))?;
        let started = spawn_bound(&own, program.as_ref(), &folder.join(file::STDERR), |command| {
            command
                .args(args)
                .env_clear()
                .envs(&spec.env)
                .env(TASK_MARKER, &spec.marker)
                .current_dir(&spec.cwd)
                .stdin(Stdio::piped())
                .stdout(stdout);
            lead_group(command);
        });
        let mut child = started.map_err(|error| spawn_failure(spec, program, &error))?;
        // Not reaped before the loop runs, so the pid is still this child's.
        let agent = ProcessId::of(child.id()).map_err(failed("telling who the agent is"))?;
        let pipe = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe.into());
        let pipe = pipe.and_then(InputPipe::new).map_err(failed("opening the agent's input"))?;
        let mut input = Input::new(pipe, self.written);
        for line in &spec.stdin {
            input.first(line.id.clone(), &line.line);
        }
        if spec.close_stdin {
            input.close();
        }
        let Self { listener, stdout, stderr, .. } = self;
        Ok(Launched { agent, listener, input, stdout, stderr })
    }
}

/// Starting fails alike for a missing program and a missing folder; say which.
fn spawn_failure(spec: &ShimSpec, program: &str, error: &io::Error) -> StartReport {
    let message = match fs::metadata(&spec.cwd) {
        Ok(meta) if meta.is_dir() => format!("{program}: {error}"),
        Ok(_) => format!("the working folder {} is not a folder", spec.cwd.display()),
        Err(cause) => format!("the working folder {}: {cause}", spec.cwd.display()),
    };
    StartReport::Spawn { message }
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> StartReport {
    move |error| StartReport::Failed { message: format!("{what}: {error}") }
}

/// A run that was claimed and never began has a record too, so nobody waits for it.
fn leave_record(folder: &Path, state: &ShimState, failure: &StartReport) {
    let error = match failure {
        StartReport::Spawn { message } | StartReport::Failed { message } => Some(message.clone()),
        StartReport::Ready | StartReport::Claimed => None,
    };
    let record = ExitRecord {
        agent: None,
        code: None,
        signal: None,
        cause: EndCause::NotStarted,
        error,
        swept_count: 0,
        swept: Vec::new(),
        survivors: Vec::new(),
        stdout_bytes: 0,
        stderr_bytes: 0,
        started_at: state.started_at,
        ended_at: SystemClock.now(),
    };
    // The gateway that waits has the report; one that comes later finds a shim that is gone.
    let _ = write_json(&folder.join(file::EXIT), &record, Durability::Synced);
    let _ = fs::remove_file(folder.join(file::SOCKET));
}

/// Writes one JSON object as a private file, all at once.
pub(super) fn write_json(
    path: &Path,
    value: &impl serde::Serialize,
    durability: Durability,
) -> io::Result<()> {
    replace_private(path, &line_of(value), durability)
}

/// Tells the gateway that waits how the start went, then lets go of its pipe.
pub(super) fn report(report: &StartReport) {
    // The gateway may be gone already; the run goes on all the same.
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(&line_of(report)).and_then(|()| stdout.flush());
    let _ = close_stdout();
}
