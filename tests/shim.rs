//! Whole-process tests of the shim: real processes, real signals, shells as agents.
#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gateway::executor::shim::{
    AgentSignal, Attachment, EndCause, ExitRecord, InputState, Loss, OutputLine, OutputStream,
    OutputTail, Phase, ShimError, ShimHandle, ShimSpec, StdinLine, attach, end_leftovers, launch,
    written_ids,
};
use gateway_os::launch::Executable;
use gateway_os::process::{self, ProcessId, Signal, processes_with_marker, signal};
use gateway_os::watch::AsyncWatch;
use tempfile::TempDir;
use tokio::time::timeout;

/// Far longer than anything here takes, so that a hang is a failure and a slow machine is not.
const PATIENCE: Duration = Duration::from_secs(60);

/// One run in a folder of its own.
struct Run {
    root: TempDir,
    marker: String,
}

impl Run {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let name = root.path().file_name().unwrap().to_string_lossy();
        let marker = format!("test-{}-{name}", std::process::id());
        Self { root, marker }
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("run")
    }

    /// A spec whose agent is a shell script.
    fn shell(&self, script: &str) -> ShimSpec {
        let argv = vec!["/bin/sh".into(), "-c".into(), script.into()];
        let mut spec = ShimSpec::new(argv, self.root.path().to_owned(), self.marker.clone());
        spec.env.insert("PATH".into(), std::env::var("PATH").unwrap());
        spec
    }

    async fn launch(&self, spec: &ShimSpec) -> ShimHandle {
        let program = program();
        timeout(PATIENCE, launch(&self.folder(), spec, &program)).await.unwrap().unwrap()
    }

    async fn start(&self, script: &str) -> ShimHandle {
        self.launch(&self.shell(script)).await
    }

    fn tail(&self) -> OutputTail {
        OutputTail::open(&self.folder(), OutputStream::Stdout, 0).unwrap()
    }

    fn left(&self) -> Vec<ProcessId> {
        processes_with_marker("GATEWAY_TASK", &self.marker).unwrap()
    }

    fn output(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join(name)).unwrap()
    }
}

/// A failed test leaves nothing running either.
impl Drop for Run {
    fn drop(&mut self) {
        for id in self.left() {
            let _ = signal(&id, Signal::Kill);
        }
    }
}

fn program() -> Executable {
    Executable::at(Path::new(env!("CARGO_BIN_EXE_gateway")))
}

async fn line(tail: &mut OutputTail) -> OutputLine {
    timeout(PATIENCE, tail.next()).await.unwrap().unwrap().expect("the agent writes a line")
}

async fn ended(handle: &ShimHandle) -> ExitRecord {
    timeout(PATIENCE, handle.wait()).await.unwrap().unwrap()
}

/// Waits until the shim has written a file of the run.
async fn appears(run: &Run, name: &str) {
    let mut watch = AsyncWatch::folder(&run.folder()).unwrap();
    while !run.folder().join(name).is_file() {
        timeout(PATIENCE, watch.changed()).await.unwrap().unwrap();
    }
}

/// Waits until a process is gone.
async fn gone(id: &ProcessId) {
    timeout(PATIENCE, process::gone(id)).await.unwrap().unwrap();
}

/// Lets a script go on that waits at its fifo.
async fn open_gate(run: &Run) {
    let gate = run.root.path().join("gate");
    // Opening waits for the reader.
    tokio::task::spawn_blocking(move || fs::write(gate, "go\n").unwrap()).await.unwrap();
}

#[tokio::test]
async fn output_goes_to_files_and_input_comes_by_the_socket() {
    let run = Run::new();
    let handle = run.start("read a; echo \"got $a\"; echo warn >&2; exit 7").await;
    handle.write("m1", "hello \u{2028} there").await.unwrap();
    let record = ended(&handle).await;
    assert_eq!((record.code, record.signal, record.cause), (Some(7), None, EndCause::Exited));
    assert_eq!(run.output("stdout"), "got hello \u{2028} there\n");
    assert_eq!(run.output("stderr"), "warn\n");
    assert_eq!(record.stdout_bytes, run.output("stdout").len() as u64);
    assert_eq!(record.stderr_bytes, 5);
    assert_eq!((record.swept_count, record.survivors.len()), (0, 0));
    assert!(record.started_at <= record.ended_at);
    let Attachment::Ended(again) = attach(&run.folder()).await.unwrap() else {
        panic!("the run has ended")
    };
    assert_eq!(*again, record);
    gone(handle.shim().unwrap()).await;
    assert!(!run.folder().join("shim.sock").exists());
}

#[tokio::test]
async fn a_line_is_written_once_for_each_id() {
    let run = Run::new();
    let mut spec = run.shell("while read a; do echo \"$a\"; done; echo end");
    spec.stdin.push(StdinLine { id: "first".into(), line: "zero".into() });
    let handle = run.launch(&spec).await;
    for _ in 0..3 {
        handle.write("first", "zero").await.unwrap();
        handle.write("a", "one").await.unwrap();
    }
    drop(handle);
    let Attachment::Alive(again) = attach(&run.folder()).await.unwrap() else {
        panic!("the agent still reads")
    };
    again.write("a", "one").await.unwrap();
    again.write("b", "two").await.unwrap();
    again.close_stdin().await.unwrap();
    ended(&again).await;
    assert_eq!(run.output("stdout"), "zero\none\ntwo\nend\n");
    let ids: Vec<_> = written_ids(&run.folder()).unwrap().into_iter().collect();
    assert_eq!(ids, ["a", "b", "first"]);
}

#[tokio::test]
async fn a_command_with_all_its_input_in_the_spec_needs_nobody() {
    let run = Run::new();
    let mut spec = run.shell("cat");
    spec.stdin = (0..3).map(|n| StdinLine { id: n.to_string(), line: n.to_string() }).collect();
    spec.close_stdin = true;
    let record = ended(&run.launch(&spec).await).await;
    assert_eq!((record.code, run.output("stdout").as_str()), (Some(0), "0\n1\n2\n"));
}

/// A plain background child, one in a session of its own, one that ignores TERM, and one that has
/// neither parent nor marker in sight.
const FAMILY: &str = "
    (while :; do sleep 600; done) &
    setsid sh -c 'while :; do sleep 600; done' &
    sh -c 'trap \"\" TERM; while :; do sleep 600; done' &
    (env -i /usr/bin/setsid /bin/sh -c 'echo away; while :; do /bin/sleep 600; done' &)
    echo started
";

async fn family_is_up(run: &Run) {
    let mut tail = run.tail();
    let mut lines = [line(&mut tail).await.text, line(&mut tail).await.text];
    lines.sort();
    assert_eq!(lines, ["away", "started"]);
}

#[tokio::test]
async fn ending_the_tree_leaves_no_process_however_it_hides() {
    let run = Run::new();
    let handle = run.start(&format!("{FAMILY} while :; do sleep 600; done")).await;
    family_is_up(&run).await;
    let shim = handle.shim().unwrap().clone();
    let below = || process::descendants(shim.pid).unwrap();
    assert!(below().len() >= 5, "{:?}", below());
    let all = below();
    let record = timeout(PATIENCE, handle.end_tree(Duration::from_millis(300))).await.unwrap();
    let record = record.unwrap();
    assert!(all.iter().all(|id| !id.is_alive()), "somebody is left");
    assert!(run.left().is_empty());
    assert_eq!((record.cause, record.signal), (EndCause::EndTree, Some(15)));
    assert!(record.swept_count >= 4 && record.survivors.is_empty(), "{record:?}");
    // Asking again is answered by the same record.
    assert_eq!(handle.end_tree(Duration::ZERO).await.unwrap(), record);
}

#[tokio::test]
async fn a_good_end_leaves_no_background_process_either() {
    let run = Run::new();
    let handle = run.start(&format!("{FAMILY} read go; exit 0")).await;
    family_is_up(&run).await;
    let all = process::descendants(handle.shim().unwrap().pid).unwrap();
    handle.write("go", "").await.unwrap();
    let record = ended(&handle).await;
    assert!(all.iter().all(|id| !id.is_alive()) && run.left().is_empty(), "somebody is left");
    assert_eq!((record.code, record.cause), (Some(0), EndCause::Exited));
    assert!(record.swept_count >= 4, "{record:?}");
    assert!(record.swept.iter().any(|swept| swept.name == "sleep"), "{record:?}");
}

#[tokio::test]
async fn a_signal_to_the_agent_shows_in_the_record() {
    let run = Run::new();
    let handle =
        run.start("trap 'echo int' INT; echo up; while :; do sleep 600 & wait; done").await;
    let mut tail = run.tail();
    assert_eq!(line(&mut tail).await.text, "up");
    handle.signal(AgentSignal::Interrupt).await.unwrap();
    assert_eq!(line(&mut tail).await.text, "int");
    handle.signal(AgentSignal::Kill).await.unwrap();
    let record = ended(&handle).await;
    assert_eq!((record.code, record.signal, record.cause), (None, Some(9), EndCause::Exited));
    let after = handle.signal(AgentSignal::Kill).await;
    assert!(matches!(after, Err(ShimError::Ended | ShimError::AgentGone)), "{after:?}");
}

#[tokio::test]
async fn output_over_its_limit_ends_the_tree_and_the_record_says_so() {
    let run = Run::new();
    let mut spec = run.shell("yes & yes >&2 & wait");
    spec.output_bytes_max = 1_000_000;
    let record = ended(&run.launch(&spec).await).await;
    assert_eq!(record.cause, EndCause::OutputLimit);
    assert!(record.stdout_bytes + record.stderr_bytes > 1_000_000);
    assert!(run.left().is_empty());
}

#[tokio::test]
async fn the_last_resort_deadline_ends_the_tree() {
    let run = Run::new();
    let mut spec = run.shell("while :; do sleep 600; done");
    spec.deadline_secs = Some(0);
    let record = ended(&run.launch(&spec).await).await;
    assert_eq!(record.cause, EndCause::Deadline);
    assert!(run.left().is_empty());
}

#[tokio::test]
async fn a_shim_told_to_end_takes_its_tree_with_it() {
    for told in [Signal::Terminate, Signal::Hangup] {
        let run = Run::new();
        let handle = run.start("echo up; while :; do sleep 600; done").await;
        line(&mut run.tail()).await;
        signal(handle.shim().unwrap(), told).unwrap();
        let record = ended(&handle).await;
        assert_eq!(record.cause, EndCause::ShimSignalled);
        assert!(run.left().is_empty());
    }
}

#[tokio::test]
async fn an_agent_that_does_not_read_holds_nobody_up() {
    let run = Run::new();
    let script = "mkfifo gate; echo up; read go < gate; cat | wc -c";
    let handle = run.start(script).await;
    line(&mut run.tail()).await;
    let long = "x".repeat(300_000);
    let within = Duration::from_millis(50);
    // The pipe takes a part of the first; nothing of the second.
    let first = handle.write_within("long", &long, within).await;
    assert!(matches!(first, Err(ShimError::WritePending)), "{first:?}");
    let second = handle.write_within("next", "y", within).await;
    assert!(matches!(second, Err(ShimError::NotWritten)), "{second:?}");
    let status = handle.status().await.unwrap();
    assert_eq!((status.phase, status.input), (Phase::Running, InputState::Open));
    assert_eq!(status.input_waiting, 1, "what was refused is forgotten");
    let waiting = {
        let (handle, long) = (handle.clone(), long.clone());
        tokio::spawn(async move { handle.write_within("long", &long, PATIENCE).await })
    };
    open_gate(&run).await;
    timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();
    handle.write("next", "y").await.unwrap();
    handle.close_stdin().await.unwrap();
    ended(&handle).await;
    assert_eq!(run.output("stdout").trim(), "up\n300003");
}

#[tokio::test]
async fn an_agent_that_closed_its_input_is_told_apart() {
    let run = Run::new();
    let handle = run.start("exec 0<&-; mkfifo gate; echo up; read go < gate").await;
    line(&mut run.tail()).await;
    let refused = handle.write("a", "b").await;
    assert!(matches!(refused, Err(ShimError::StdinClosed)), "{refused:?}");
    assert_eq!(handle.status().await.unwrap().input, InputState::Closed);
    open_gate(&run).await;
    assert_eq!(ended(&handle).await.code, Some(0));
}

#[tokio::test]
async fn the_agent_has_exactly_the_environment_of_its_spec() {
    let run = Run::new();
    let mut spec = run.shell("");
    spec.argv = vec!["/usr/bin/env".into()];
    spec.env = BTreeMap::from([("B".into(), "two words".into()), ("A".into(), "geheim".into())]);
    ended(&run.launch(&spec).await).await;
    let output = run.output("stdout");
    let mut lines: Vec<_> = output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["A=geheim", "B=two words", &format!("GATEWAY_TASK={}", run.marker)]);
    let on_disk = run.output("spec.json");
    assert!(on_disk.contains("\"A\"") && !on_disk.contains("geheim"), "{on_disk}");
}

#[tokio::test]
async fn the_shim_itself_has_no_environment_and_its_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let run = Run::new();
    let handle = run.start("read x").await;
    let shim = handle.shim().unwrap().pid;
    assert_eq!(fs::read(format!("/proc/{shim}/environ")).unwrap(), b"");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&run.folder()), 0o700);
    for entry in fs::read_dir(run.folder()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    handle.end_tree(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_five_megabyte_line_stays_whole_in_the_file_and_the_next_is_intact() {
    let run = Run::new();
    let handle = run.start("head -c 5000000 /dev/zero | tr '\\0' x; echo; echo next").await;
    let mut tail = run.tail();
    let long = line(&mut tail).await;
    assert_eq!((long.bytes, long.end, long.is_cut()), (5_000_000, 5_000_001, true));
    assert_eq!(line(&mut tail).await.text, "next");
    assert_eq!(timeout(PATIENCE, tail.next()).await.unwrap().unwrap(), None);
    assert_eq!(ended(&handle).await.stdout_bytes, 5_000_006);
}

#[tokio::test]
async fn a_program_that_cannot_start_is_told_at_once_and_on_record() {
    let run = Run::new();
    let mut spec = run.shell("");
    spec.argv = vec!["/nonexistent/agent".into()];
    let error = launch(&run.folder(), &spec, &program()).await.unwrap_err();
    assert!(matches!(&error, ShimError::Spawn { message } if message.contains("/nonexistent")));
    let Attachment::Ended(record) = attach(&run.folder()).await.unwrap() else {
        panic!("a run that never began has ended")
    };
    assert_eq!((record.cause, record.agent.clone()), (EndCause::NotStarted, None));
    assert!(record.error.unwrap().contains("/nonexistent/agent"));
    let run = Run::new();
    let mut spec = run.shell("");
    spec.cwd = "/nonexistent/folder".into();
    let error = launch(&run.folder(), &spec, &program()).await.unwrap_err();
    assert!(error.to_string().contains("/nonexistent/folder"), "{error}");
}

#[tokio::test]
async fn one_folder_gets_one_agent() {
    let run = Run::new();
    assert!(matches!(attach(run.root.path()).await.unwrap(), Attachment::NotStarted));
    let spec = run.shell("echo once; read x");
    let folder = run.folder();
    let program = program();
    let both = tokio::join!(launch(&folder, &spec, &program), launch(&folder, &spec, &program));
    let (mut handles, mut errors) = (Vec::new(), Vec::new());
    for result in [both.0, both.1] {
        match result {
            Ok(handle) => handles.push(handle),
            Err(error) => errors.push(error),
        }
    }
    assert_eq!(handles.len(), 1);
    assert!(matches!(errors[..], [ShimError::AlreadyLaunched]), "{errors:?}");
    handles[0].end_tree(Duration::ZERO).await.unwrap();
    assert_eq!(run.output("stdout"), "once\n");
}

/// Runs one of the ignored functions below as a process of its own.
fn other_process(role: &str, run: &Run) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", role, "--ignored", "--nocapture"])
        .env("SHIM_TEST_ROOT", run.root.path())
        .env("SHIM_TEST_MARKER", &run.marker)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Reads the output of such a process up to a line.
fn read_until(child: &mut Child, wanted: &str) {
    let mut output = BufReader::new(child.stdout.as_mut().unwrap());
    let mut line = String::new();
    while !line.trim_end().ends_with(wanted) {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended before saying {wanted}");
    }
}

/// The gateway of the test below: starts a run, says so and waits to be killed.
#[tokio::test]
#[ignore = "a process of another test"]
async fn launcher_process() {
    let folder = PathBuf::from(std::env::var_os("SHIM_TEST_ROOT").unwrap());
    let script = "echo up; read a; echo \"got $a\"; exit 3";
    let argv = vec!["/bin/sh".into(), "-c".into(), script.into()];
    let marker = std::env::var("SHIM_TEST_MARKER").unwrap();
    let spec = ShimSpec::new(argv, folder.clone(), marker);
    let _handle = launch(&folder.join("run"), &spec, &program()).await.unwrap();
    println!("launched");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn an_agent_outlives_a_killed_gateway_and_the_next_one_gets_its_record() {
    let run = Run::new();
    let mut gateway = other_process("launcher_process", &run).spawn().unwrap();
    read_until(&mut gateway, "launched");
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    let Attachment::Alive(handle) = attach(&run.folder()).await.unwrap() else {
        panic!("the agent goes on")
    };
    assert!(handle.agent().unwrap().is_alive());
    handle.write("later", "a word").await.unwrap();
    let record = ended(&handle).await;
    assert_eq!((record.code, record.cause), (Some(3), EndCause::Exited));
    assert_eq!(run.output("stdout"), "up\ngot a word\n");
}

#[tokio::test]
async fn an_agent_that_ends_while_no_gateway_runs_leaves_its_record() {
    let run = Run::new();
    let mut gateway = other_process("launcher_process", &run).spawn().unwrap();
    read_until(&mut gateway, "launched");
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    let agent = run.left();
    signal(&agent[0], Signal::Kill).unwrap();
    appears(&run, "exit.json").await;
    let Attachment::Ended(record) = attach(&run.folder()).await.unwrap() else {
        panic!("the run has ended")
    };
    assert_eq!((record.code, record.signal), (None, Some(9)));
}

#[tokio::test]
async fn a_shim_that_was_killed_takes_its_agent_along_and_is_told_from_one_that_ended() {
    let run = Run::new();
    // A child of the agent's is no child of the shim's: it stays until somebody looks for it.
    let script =
        "trap '' TERM; (while :; do sleep 600; done) & echo $!; while :; do sleep 600; done";
    let handle = run.start(script).await;
    let child = line(&mut run.tail()).await.text.parse().unwrap();
    let child = ProcessId::of(child).unwrap();
    signal(handle.shim().unwrap(), Signal::Kill).unwrap();
    gone(handle.agent().unwrap()).await;
    let lost = timeout(PATIENCE, handle.wait()).await.unwrap();
    assert!(matches!(lost, Err(ShimError::Gone)), "{lost:?}");
    let write = handle.write("a", "b").await;
    assert!(matches!(write, Err(ShimError::Gone)), "{write:?}");
    let found = attach(&run.folder()).await.unwrap();
    let Attachment::Gone { loss: Loss::Killed, left } = found else { panic!("{found:?}") };
    assert!(left.contains(&child), "{left:?}");
    let (ended, survivors) = end_leftovers(&run.folder()).await.unwrap();
    assert!(!ended.is_empty() && survivors.is_empty());
    assert!(!child.is_alive() && run.left().is_empty());
    let found = attach(&run.folder()).await.unwrap();
    assert!(matches!(&found, Attachment::Gone { left, .. } if left.is_empty()), "{found:?}");
}

#[tokio::test]
async fn a_shim_of_an_earlier_boot_is_not_taken_for_killed() {
    let run = Run::new();
    let handle = run.start("read x").await;
    handle.end_tree(Duration::ZERO).await.unwrap();
    gone(handle.shim().unwrap()).await;
    fs::remove_file(run.folder().join("exit.json")).unwrap();
    let state = run.output("shim.json").replace(&process::boot_id().unwrap(), "an-earlier-boot");
    fs::write(run.folder().join("shim.json"), state).unwrap();
    let found = attach(&run.folder()).await.unwrap();
    assert!(matches!(found, Attachment::Gone { loss: Loss::Restart, .. }), "{found:?}");
}

/// The gateway of the test below: adopts what its killed shim leaves.
#[tokio::test]
#[ignore = "a process of another test"]
async fn adopting_process() {
    process::become_subreaper().unwrap();
    let folder = PathBuf::from(std::env::var_os("SHIM_TEST_ROOT").unwrap()).join("run");
    let marker = std::env::var("SHIM_TEST_MARKER").unwrap();
    // The last one kills the shim from a session of its own, without a marker, and stays.
    let script = format!(
        "{FAMILY} env -i /bin/sh -c 'echo bare; while :; do /bin/sleep 600; done' &
         env -i SHIM=$PPID /usr/bin/setsid /bin/sh -c \
         'read go <gate; kill -9 $SHIM; echo killed; while :; do /bin/sleep 600; done' & sleep 600"
    );
    let argv = vec!["/bin/sh".into(), "-c".into(), script];
    let root = folder.parent().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(root.join("gate")).status().unwrap().success());
    let mut spec = ShimSpec::new(argv, root.clone(), marker);
    spec.env.insert("PATH".into(), std::env::var("PATH").unwrap());
    let handle = launch(&folder, &spec, &program()).await.unwrap();
    let mut tail = OutputTail::open(&folder, OutputStream::Stdout, 0).unwrap();
    for _ in 0..3 {
        line(&mut tail).await;
    }
    let shim = handle.shim().unwrap().pid;
    // All of them below the shim, each with its sleep; the last one waits at the gate.
    let below = process::descendants(shim).unwrap();
    assert!(below.len() >= 7, "{below:?}");
    tokio::task::spawn_blocking(move || fs::write(root.join("gate"), "go\n"))
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(timeout(PATIENCE, handle.wait()).await.unwrap(), Err(ShimError::Gone)));
    assert_eq!(line(&mut tail).await.text, "killed");
    let Attachment::Gone { left, .. } = attach(&folder).await.unwrap() else {
        panic!("it is dead")
    };
    assert!(left.len() >= 5, "{left:?}");
    let (_, survivors) = end_leftovers(&folder).await.unwrap();
    assert!(survivors.is_empty());
    let alive = |id: &&ProcessId| id.is_alive();
    assert_eq!(below.iter().chain(&left).filter(alive).count(), 0);
    while process::has_ended_child().unwrap() {
        gateway_os::children::reap_adopted().unwrap();
        // The shim is tokio's to reap.
        tokio::task::yield_now().await;
    }
    assert!(process::descendants(std::process::id()).unwrap().is_empty());
    println!("nobody is left");
}

#[tokio::test]
async fn the_gateway_that_started_a_killed_shim_ends_all_of_its_run_however_it_hides() {
    let run = Run::new();
    let gateway = other_process("adopting_process", &run).stderr(Stdio::piped()).spawn().unwrap();
    let output = gateway.wait_with_output().unwrap();
    let (said, why) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("nobody is left"), "{said}{why}");
}

#[tokio::test]
async fn a_record_that_cannot_be_written_is_told_and_written_later() {
    let run = Run::new();
    let handle = run.start("read x; exit 5").await;
    // Something that no record can replace.
    let exit = run.folder().join("exit.json");
    fs::create_dir_all(exit.join("in the way")).unwrap();
    handle.write("x", "").await.unwrap();
    assert_eq!(ended(&handle).await.code, Some(5));
    fs::remove_dir_all(&exit).unwrap();
    appears(&run, "exit.json").await;
    let Attachment::Ended(record) = attach(&run.folder()).await.unwrap() else {
        panic!("the record is there")
    };
    assert_eq!(record.code, Some(5));
}

#[tokio::test]
async fn processes_that_keep_starting_others_are_all_ended() {
    let run = Run::new();
    let script = "trap '' TERM; echo up; while :; do setsid sleep 600 & setsid sleep 600 & done";
    let mut spec = run.shell(script);
    // It must not drown the machine that runs the tests.
    spec.argv[2].insert_str(0, "ulimit -u 4000; n=0; ");
    spec.argv[2] = spec.argv[2].replace("do setsid", "do n=$((n+1)); [ $n -lt 150 ] && setsid");
    let handle = run.launch(&spec).await;
    line(&mut run.tail()).await;
    let record = timeout(PATIENCE, handle.end_tree(Duration::from_millis(50))).await.unwrap();
    let record = record.unwrap();
    assert_eq!((record.signal, record.survivors.len()), (Some(9), 0));
    assert!(run.left().is_empty());
}

#[tokio::test]
async fn a_launch_that_got_no_further_than_its_spec_can_be_repeated() {
    let run = Run::new();
    gateway_os::folders::private_dir(&run.folder()).unwrap();
    fs::write(run.folder().join("spec.json"), "half").unwrap();
    fs::write(run.folder().join("shim.log"), "").unwrap();
    assert!(matches!(attach(&run.folder()).await.unwrap(), Attachment::NotStarted));
    assert_eq!(ended(&run.start("exit 4").await).await.code, Some(4));
}

#[tokio::test]
async fn a_line_of_megabytes_arrives_whole() {
    let run = Run::new();
    let handle = run.start("cksum; echo done").await;
    let long = "\"ab\\c\u{7f}é".repeat(500_000);
    handle.write_within("long", &long, Duration::from_secs(30)).await.unwrap();
    handle.close_stdin().await.unwrap();
    ended(&handle).await;
    let mut by_hand = Command::new("cksum");
    let mut by_hand = by_hand.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = by_hand.stdin.take().unwrap();
    stdin.write_all(long.as_bytes()).unwrap();
    stdin.write_all(b"\n").unwrap();
    drop(stdin);
    let expected = String::from_utf8(by_hand.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(run.output("stdout"), format!("{expected}done\n"));
}

#[tokio::test]
async fn the_agent_gets_no_descriptor_but_its_three_streams() {
    let run = Run::new();
    let handle = run.start("ls -l /proc/$$/fd | sed 's/.* \\([0-9]*\\) -> /\\1 /'").await;
    ended(&handle).await;
    let output = run.output("stdout");
    let ours = |line: &&str| line.contains(run.root.path().to_str().unwrap());
    let found: Vec<_> = output.lines().filter(ours).collect();
    assert_eq!(found.len(), 2, "only stdout and stderr: {output}");
    assert!(!output.contains("socket:") && !output.contains("inotify"), "{output}");
}

#[tokio::test]
async fn a_shim_leaves_when_its_run_is_over_whether_or_not_its_folder_is_still_there() {
    for removed in [false, true] {
        let run = Run::new();
        let handle = run.start("read x").await;
        let shim = handle.shim().unwrap().clone();
        let agent = handle.agent().unwrap().clone();
        drop(handle);
        if removed {
            fs::remove_dir_all(run.folder()).unwrap();
        }
        signal(&agent, Signal::Kill).unwrap();
        gone(&shim).await;
    }
}

#[tokio::test]
async fn a_shim_whose_folder_has_vanished_ends_its_agent_and_leaves() {
    for moved in [false, true] {
        let run = Run::new();
        let handle = run.start("trap '' TERM; echo up; while :; do sleep 600; done").await;
        line(&mut run.tail()).await;
        let shim = handle.shim().unwrap().clone();
        if moved {
            // Another folder of its name is not the run's.
            fs::rename(run.folder(), run.root.path().join("elsewhere")).unwrap();
            fs::create_dir(run.folder()).unwrap();
        } else {
            fs::remove_dir_all(run.folder()).unwrap();
        }
        // Whoever is connected is told all the same.
        assert_eq!(ended(&handle).await.cause, EndCause::FolderLost);
        gone(&shim).await;
        assert!(run.left().is_empty());
        assert!(!run.folder().join("exit.json").exists(), "that folder is somebody else's");
    }
}

/// An agent that calls the shim's socket itself.
#[tokio::test]
#[ignore = "a process of another test"]
async fn agent_that_calls_its_own_shim() {
    let folder = PathBuf::from(std::env::var_os("SHIM_TEST_ROOT").unwrap()).join("run");
    let mut socket = std::os::unix::net::UnixStream::connect(folder.join("shim.sock")).unwrap();
    let end = b"{\"seq\":1,\"op\":\"end_tree\",\"term_grace_ms\":0}\n";
    let _ = socket.write_all(end);
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer);
    let attached = attach(&folder).await.map(drop).unwrap_err();
    println!("answer: {}", answer.trim_end());
    println!("attach: {attached}");
}

#[tokio::test]
async fn a_process_of_a_task_may_not_use_the_socket() {
    // Plainly, and hidden from everything but its line of parents.
    for script in
        ["exec \"$0\" $ROLE", "exec env -i SHIM_TEST_ROOT=$SHIM_TEST_ROOT setsid -w \"$0\" $ROLE"]
    {
        let run = Run::new();
        let mut spec = run.shell(script);
        spec.argv.push(std::env::current_exe().unwrap().to_str().unwrap().into());
        let role = "--exact agent_that_calls_its_own_shim --ignored --nocapture";
        spec.env.insert("ROLE".into(), role.into());
        let root = run.root.path().to_str().unwrap();
        spec.env.insert("SHIM_TEST_ROOT".into(), root.into());
        let record = ended(&run.launch(&spec).await).await;
        let output = run.output("stdout");
        assert_eq!((record.code, record.cause), (Some(0), EndCause::Exited), "{output}");
        assert!(output.contains("answer: {\"type\":\"refused\""), "{output}");
        assert!(!output.contains("hello") && !output.contains("reply"), "{output}");
        assert!(output.contains("attach: the supervising process refuses"), "{output}");
    }
}

#[tokio::test]
async fn what_an_older_shim_does_not_know_is_an_error_and_no_end() {
    let run = Run::new();
    let handle = run.start("read x").await;
    let path = run.folder().join("shim.sock");
    let answers = tokio::task::spawn_blocking(move || {
        let mut socket = std::os::unix::net::UnixStream::connect(path).unwrap();
        socket.write_all(b"{\"seq\":5,\"op\":\"dance\"}\nnot json\n").unwrap();
        let lines = BufReader::new(socket).lines().take(3);
        lines.collect::<Result<Vec<_>, _>>().unwrap()
    });
    let answers = answers.await.unwrap();
    assert!(answers[0].contains("\"hello\""), "{answers:?}");
    assert!(answers[1].contains("\"seq\":5") && answers[1].contains("unknown_request"));
    assert!(answers[2].contains("\"seq\":0") && answers[2].contains("unknown_request"));
    handle.write("x", "").await.unwrap();
    assert_eq!(ended(&handle).await.code, Some(0));
}

/// Starts a child that shares its fate, says so and waits to be killed.
#[test]
#[ignore = "a process of another test"]
fn parent_process() {
    use gateway_os::launch::{ExecOptions, Spawner, exec_command};
    let options = ExecOptions { session: true, group: false, die_with_parent: true };
    let mut command = exec_command(&program(), options, "/bin/sh".as_ref());
    command.args(["-c", "echo $$; while :; do sleep 600; done"]);
    command.env("GATEWAY_TASK", std::env::var("SHIM_TEST_MARKER").unwrap());
    let spawner = Spawner::start().unwrap();
    // From a thread that ends at once: the child must not end with it.
    let starter = spawner.clone();
    let child = std::thread::spawn(move || starter.spawn(command).unwrap()).join();
    child.unwrap().wait().unwrap();
}

#[tokio::test]
async fn a_child_started_through_exec_dies_with_its_parent() {
    let run = Run::new();
    let mut parent = other_process("parent_process", &run).spawn().unwrap();
    let mut output = BufReader::new(parent.stdout.take().unwrap()).lines();
    // The test runner begins the line with words of its own.
    let last_word = |line: String| line.rsplit(' ').next().and_then(|word| word.parse().ok());
    let pid = output.find_map(|line| last_word(line.unwrap())).unwrap();
    let child = ProcessId::of(pid).unwrap();
    assert!(child.is_alive());
    parent.kill().unwrap();
    parent.wait().unwrap();
    gone(&child).await;
}

#[test]
fn exec_says_why_a_program_cannot_run() {
    let output = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .args(["__exec", "--group", "--", "/nonexistent/program"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(126));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No such file"));
}
