mod budget;
mod queue;
mod relay;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::{ManualClock, SeededEntropy, Timestamp};
use crate::executor::{
    Availability, Capabilities, Command, Ended, Executor, Item, Job, Link, Pace, Registry, Report,
    RunEnd, Start,
};
use crate::model::{
    Answerer, Caller, Cost, Decision, EventKind, Priority, ProjectBudget, Reply, RequestState,
    Task, TaskId, Verdict, Workspace,
};
use crate::policy::ChatMay;
use crate::store::Store;

mod sessions;

/// An agent whose every step the test takes itself.
#[derive(Debug)]
struct FakeRun {
    job: Job,
    reports: mpsc::Sender<Report>,
    commands: mpsc::Receiver<Command>,
    finish: oneshot::Sender<Ended>,
}

impl FakeRun {
    async fn report(&self, offset: u64, items: Vec<Item>) {
        self.reports.send(Report { offset, items }).await.unwrap();
    }

    fn complete(self, answer: &str) {
        let answer = Some(answer.to_owned());
        let ended = Ended { verdict: Verdict::Completed, answer, notes: Vec::new() };
        self.finish.send(ended).unwrap();
    }
}

#[derive(Debug)]
struct FakeExecutor {
    runs: mpsc::UnboundedSender<FakeRun>,
}

impl Executor for FakeExecutor {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            model: true,
            plan_only: true,
            permissions: true,
            survives_restart: true,
            cost: true,
            resume: true,
            follow_up: true,
        }
    }

    fn probe(&self) -> BoxFuture<'_, Availability> {
        async { Availability::Ready { version: "1".into(), warning: None } }.boxed()
    }

    fn run(&self, job: Job, link: Link) -> BoxFuture<'static, RunEnd> {
        let (finish, finished) = oneshot::channel();
        let Link { reports, commands, detach } = link;
        // A test that no longer looks at its runs has nothing to say about them.
        let _ = self.runs.send(FakeRun { job, reports, commands, finish });
        async move {
            tokio::select! {
                () = detach.cancelled() => RunEnd::Detached,
                ended = finished => ended.map_or(RunEnd::Detached, RunEnd::Ended),
            }
        }
        .boxed()
    }
}

#[derive(Debug, Default)]
struct FakeWorkspaces {
    /// While it is set, making a workspace takes for ever.
    never_ready: Mutex<bool>,
    settle_fails: Mutex<Option<WorkspaceError>>,
    /// That of the project `demo`.
    budget: Mutex<ProjectBudget>,
    chat_may: Mutex<ChatMay>,
}

impl Workspaces for FakeWorkspaces {
    fn rules(&self, name: Option<&str>) -> Result<ProjectRules, NoProject> {
        let name = name.unwrap_or("demo");
        if !["demo", "other"].contains(&name) {
            return Err(NoProject::Unknown(name.into()));
        }
        Ok(ProjectRules {
            name: name.into(),
            folder: PathBuf::from("/home/owner").join(name),
            executor: "fake".into(),
            max_concurrent: 1,
            allowed_tools: vec!["Read".into()],
            trust_project_config: false,
            budget: match name {
                "demo" => self.budget.lock().unwrap().clone(),
                _ => ProjectBudget::default(),
            },
            chat_may_approve: self.chat_may.lock().unwrap().clone(),
        })
    }

    fn prepare(&self, task: &Task) -> BoxFuture<'static, Result<Prepared, WorkspaceError>> {
        if *self.never_ready.lock().unwrap() {
            return futures::future::pending().boxed();
        }
        let workspace = Workspace {
            dir: PathBuf::from("/work").join(task.id.as_str()),
            base_commit: Some("base".into()),
            base_branch: None,
            branch: Some("gateway/x".into()),
            isolated: true,
        };
        async { Ok(Prepared { workspace, notes: Vec::new() }) }.boxed()
    }

    fn settle(&self, _: &Task) -> BoxFuture<'static, Result<Settled, WorkspaceError>> {
        let fails = self.settle_fails.lock().unwrap().clone();
        async move {
            if let Some(error) = fails {
                return Err(error);
            }
            Ok(Settled { head_commit: Some("head".into()), ..Settled::default() })
        }
        .boxed()
    }
}

struct Bench {
    store: Store,
    clock: Arc<ManualClock>,
    workspaces: Arc<FakeWorkspaces>,
    engine: EngineHandle,
    runs: mpsc::UnboundedReceiver<FakeRun>,
    settings: Settings,
}

fn settings() -> Settings {
    Settings {
        max_concurrent: 2,
        queued_max: 10,
        default_timeout: Duration::from_secs(600),
        max_timeout: Duration::from_secs(3600),
        budget: Budget { per_task_usd: 5.0, per_day_usd: 25.0 },
        prompt_bytes_max: 1000,
        output_bytes_max: 1 << 20,
        request_timeout: Duration::from_secs(3600),
        tasks_dir: PathBuf::from("/tasks"),
        on_shutdown: OnShutdown::Detach,
    }
}

impl Bench {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)));
        let store = Store::in_memory(clock.clone()).unwrap();
        Self::on(store, clock, settings)
    }

    fn on(store: Store, clock: Arc<ManualClock>, settings: Settings) -> Self {
        let (sender, runs) = mpsc::unbounded_channel();
        let workspaces = Arc::new(FakeWorkspaces::default());
        let mut executors = Registry::default();
        executors.insert("fake", Arc::new(FakeExecutor { runs: sender }));
        let surroundings = Surroundings { executors, workspaces: workspaces.clone() };
        let entropy = Arc::new(SeededEntropy::new(7));
        let engine =
            Engine::start(store.clone(), clock.clone(), entropy, settings.clone(), surroundings)
                .unwrap();
        Self { store, clock, workspaces, engine, runs, settings }
    }

    /// The next gateway on the same database, after this one was killed.
    fn killed_and_restarted(self) -> Self {
        let Self { store, clock, settings, .. } = self;
        Self::on(store, clock, settings)
    }

    async fn start(&self, prompt: &str) -> Task {
        self.engine.start(new_task(prompt)).await.unwrap().task
    }

    async fn reaches(&self, id: &TaskId, state: &str) -> Task {
        let mut cursor = 0;
        loop {
            let task =
                self.engine.wait(id, cursor, Duration::from_secs(600)).await.unwrap().unwrap();
            if task.state.name() == state {
                return Arc::unwrap_or_clone(task);
            }
            assert!(!task.state.is_final(), "is {:?}, was to become {state}", task.state);
            cursor = task.cursor;
        }
    }

    async fn next_run(&mut self) -> FakeRun {
        self.runs.recv().await.unwrap()
    }
}

fn new_task(prompt: &str) -> NewTask {
    NewTask {
        prompt: prompt.into(),
        project: None,
        executor: None,
        model: None,
        plan_only: false,
        timeout: None,
        priority: Priority::Normal,
        budget_usd: None,
        idempotency_key: None,
        base_branch: None,
        caller: Caller::Owner,
        session_id: None,
    }
}

fn asks(agent_ref: &str) -> Item {
    Item::PermissionAsked {
        agent_ref: agent_ref.into(),
        tool: "Bash".into(),
        input: json!({"command": "make"}),
        preview: "Bash: make".into(),
    }
}

#[tokio::test]
async fn a_task_runs_to_completion_with_its_answer_and_its_commit() {
    let mut bench = Bench::new();
    let task = bench.start("do it").await;
    let run = bench.next_run().await;
    assert_eq!(run.job.prompt, "do it");
    assert_eq!(run.job.start, Start::Fresh);
    run.report(10, vec![Item::Text("working".into())]).await;
    run.complete("all done");
    let task = bench.reaches(&task.id, "completed").await;
    let outcome = task.state.outcome().unwrap();
    assert_eq!(outcome.answer.as_deref(), Some("all done"));
    assert_eq!(outcome.head_commit.as_deref(), Some("head"));
    assert_eq!(task.progress.text, "working");
    assert_eq!(task.run.unwrap().offset, 10);
}

#[tokio::test]
async fn tasks_over_the_limit_wait_and_start_in_order() {
    let mut bench = Bench::new();
    let first = bench.start("one").await;
    let second = bench.start("two").await;
    let mut other = new_task("three");
    other.project = Some("other".into());
    bench.engine.start(other).await.unwrap();
    let run = bench.next_run().await;
    // The second of the same project waits, the one of the other project does not.
    assert_eq!(bench.next_run().await.job.prompt, "three");
    assert_eq!(bench.engine.task(&second.id).unwrap().unwrap().state.name(), "queued");
    run.complete("");
    bench.reaches(&first.id, "completed").await;
    assert_eq!(bench.next_run().await.job.prompt, "two");
}

#[tokio::test]
async fn a_full_queue_refuses_and_accepts_nothing() {
    let bench = Bench::with(Settings { max_concurrent: 0, queued_max: 2, ..settings() });
    bench.start("one").await;
    bench.start("two").await;
    let refused = bench.engine.start(new_task("three")).await.unwrap_err();
    assert_eq!(refused, StartError::QueueFull(2));
    let counts = bench.store.read(|tx| tx.task_counts()).unwrap();
    assert_eq!(counts, [("queued".to_owned(), 2)]);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_with_the_reason() {
    let bench = Bench::new();
    let refusal = async |change: fn(&mut NewTask)| {
        let mut new = new_task("x");
        change(&mut new);
        bench.engine.start(new).await.unwrap_err()
    };
    assert_eq!(refusal(|new| new.prompt = " \n".into()).await, StartError::PromptEmpty);
    assert_eq!(
        refusal(|new| new.prompt = "x".repeat(1001)).await,
        StartError::PromptTooLong { bytes: 1001, max: 1000 }
    );
    let unknown = refusal(|new| new.executor = Some("nobody".into())).await;
    assert_eq!(unknown.to_string(), "there is no executor `nobody`; there is `fake`");
    assert!(matches!(
        refusal(|new| new.project = Some("nowhere".into())).await,
        StartError::NoProject(NoProject::Unknown(_))
    ));
    assert!(matches!(
        refusal(|new| new.model = Some("--dangerously-skip-permissions".into())).await,
        StartError::BadModel
    ));
    assert_eq!(
        refusal(|new| new.timeout = Some(Duration::from_secs(1))).await,
        StartError::TimeoutTooShort
    );
}

#[tokio::test]
async fn a_time_limit_over_the_maximum_is_cut_and_told() {
    let bench = Bench::new();
    let mut new = new_task("x");
    new.timeout = Some(Duration::from_secs(100_000));
    let admitted = bench.engine.start(new).await.unwrap();
    assert_eq!(admitted.task.spec.timeout_secs, 3600);
    assert_eq!(admitted.notes, ["the time limit was cut to the maximum of 60 minutes"]);
    let events = bench.store.read(|tx| tx.last_events(&admitted.task.id, 0, 10)).unwrap();
    let note = EventKind::Note { text: admitted.notes[0].clone() };
    assert!(events.iter().any(|event| event.kind == note), "{events:?}");
}

#[tokio::test]
async fn one_idempotency_key_starts_one_task() {
    let bench = Bench::new();
    let keyed = |prompt: &str| NewTask { idempotency_key: Some("k".into()), ..new_task(prompt) };
    let first = bench.engine.start(keyed("x")).await.unwrap();
    let second = bench.engine.start(keyed("x")).await.unwrap();
    assert!(second.existing && !first.existing);
    assert_eq!(first.task.id, second.task.id);
    let other = bench.engine.start(keyed("y")).await.unwrap_err();
    assert_eq!(other, StartError::KeyReused(first.task.id));
}

#[tokio::test]
async fn a_permission_request_waits_for_its_answer_and_is_answered_once() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let mut run = bench.next_run().await;
    run.report(5, vec![asks("r1")]).await;
    bench.reaches(&task.id, "needs_input").await;
    let request = bench.store.read(|tx| tx.requests_of(&task.id)).unwrap().remove(0);
    bench.engine.answer(&request.id, Reply::Approve, Answerer::Terminal).await.unwrap();
    let again =
        bench.engine.answer(&request.id, Reply::Approve, Answerer::Terminal).await.unwrap_err();
    assert_eq!(again, AnswerError::Closed("allowed"));
    let command = run.commands.recv().await.unwrap();
    assert_eq!(command, Command::Answer { agent_ref: "r1".into(), decision: Decision::Allow });
    bench.reaches(&task.id, "running").await;
    run.report(9, vec![Item::AnswerDelivered { agent_ref: "r1".into() }]).await;
    run.complete("");
    bench.reaches(&task.id, "completed").await;
    let request = bench.store.read(|tx| tx.request(&request.id)).unwrap().unwrap();
    assert!(matches!(request.state, RequestState::Answered { delivered: true, .. }));
}

#[tokio::test]
async fn a_withdrawn_request_cannot_be_answered() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let run = bench.next_run().await;
    run.report(5, vec![asks("r1")]).await;
    bench.reaches(&task.id, "needs_input").await;
    let request = bench.store.read(|tx| tx.requests_of(&task.id)).unwrap().remove(0);
    run.report(6, vec![Item::PermissionWithdrawn { agent_ref: "r1".into() }]).await;
    bench.reaches(&task.id, "running").await;
    let late =
        bench.engine.answer(&request.id, Reply::Approve, Answerer::Terminal).await.unwrap_err();
    assert_eq!(late, AnswerError::Closed("withdrawn"));
}

#[tokio::test]
async fn silence_becomes_a_refusal_that_tells_the_agent_why() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let mut run = bench.next_run().await;
    run.report(5, vec![asks("r1")]).await;
    bench.reaches(&task.id, "needs_input").await;
    bench.clock.advance(Duration::from_secs(3600));
    let command = run.commands.recv().await.unwrap();
    let message = "no answer from the owner; continue without it or stop".to_owned();
    let decision = Decision::Deny { message };
    assert_eq!(command, Command::Answer { agent_ref: "r1".into(), decision });
    bench.reaches(&task.id, "running").await;
}

#[tokio::test]
async fn waiting_for_the_owner_does_not_use_up_the_time_limit() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let mut run = bench.next_run().await;
    run.report(5, vec![asks("r1")]).await;
    bench.reaches(&task.id, "needs_input").await;
    bench.clock.advance(Duration::from_secs(3000)); // five times the limit
    let request = bench.store.read(|tx| tx.requests_of(&task.id)).unwrap().remove(0);
    bench.engine.answer(&request.id, Reply::Approve, Answerer::Terminal).await.unwrap();
    run.commands.recv().await.unwrap();
    bench.reaches(&task.id, "running").await;
    bench.clock.advance(Duration::from_secs(599));
    run.report(6, vec![Item::Text("still here".into())]).await;
    bench.clock.advance(Duration::from_secs(2));
    assert_eq!(run.commands.recv().await.unwrap(), Command::Cancel(Pace::Orderly));
    run.complete("too late");
    let task = bench.reaches(&task.id, "cancelled").await;
    let summary = bench.store.read(|tx| tx.last_events(&task.id, 0, 1)).unwrap().remove(0).kind;
    assert_eq!(
        summary,
        EventKind::Ended {
            state: "cancelled".into(),
            summary: "the time limit was reached".into()
        }
    );
}

#[tokio::test]
async fn cancelling_tells_the_agent_and_ends_when_it_is_gone() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let mut run = bench.next_run().await;
    let state = bench.engine.cancel(&task.id, "test".into()).await.unwrap().state;
    assert_eq!(state.name(), "cancelling");
    // Twice is harmless.
    bench.engine.cancel(&task.id, "test".into()).await.unwrap();
    assert_eq!(run.commands.recv().await.unwrap(), Command::Cancel(Pace::Orderly));
    run.complete("I was done anyway");
    let task = bench.reaches(&task.id, "cancelled").await;
    assert_eq!(task.state.outcome().unwrap().head_commit.as_deref(), Some("head"));
    let over = bench.engine.cancel(&task.id, "test".into()).await.unwrap_err();
    assert!(matches!(over, CancelError::Over { state: "cancelled", .. }));
}

#[tokio::test]
async fn a_task_is_cancelled_while_its_workspace_is_made() {
    let bench = Bench::new();
    *bench.workspaces.never_ready.lock().unwrap() = true;
    let task = bench.start("x").await;
    bench.reaches(&task.id, "running").await;
    bench.engine.cancel(&task.id, "test".into()).await.unwrap();
    bench.reaches(&task.id, "cancelled").await;
}

#[tokio::test]
async fn stopping_everything_takes_the_waiting_ones_too() {
    let mut bench = Bench::new();
    let running = bench.start("one").await;
    let waiting = bench.start("two").await;
    let mut run = bench.next_run().await;
    let only = Some(vec!["other".to_owned()]);
    assert_eq!(bench.engine.cancel_all("test".into(), only).await.unwrap(), []);
    let tasks = bench.engine.cancel_all("test".into(), None).await.unwrap();
    let mut ids: Vec<TaskId> = tasks.into_iter().map(|task| task.id).collect();
    ids.sort();
    let mut expected = vec![running.id.clone(), waiting.id.clone()];
    expected.sort();
    assert_eq!(ids, expected);
    assert_eq!(run.commands.recv().await.unwrap(), Command::Cancel(Pace::Emergency));
    run.complete("");
    bench.reaches(&running.id, "cancelled").await;
    assert_eq!(bench.engine.task(&waiting.id).unwrap().unwrap().state.name(), "cancelled");
}

#[tokio::test]
async fn after_a_crash_the_run_is_attached_where_the_last_report_ended() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let run = bench.next_run().await;
    run.report(42, vec![Item::Text("halfway".into())]).await;
    let before = loop {
        let task = bench.engine.task(&task.id).unwrap().unwrap();
        if task.progress.text == "halfway" {
            break task;
        }
        bench.engine.wait(&task.id, task.cursor, Duration::from_secs(60)).await.unwrap();
    };
    let mut bench = bench.killed_and_restarted();
    let run = bench.next_run().await;
    assert_eq!(run.job.start, Start::Attach { offset: 42 });
    assert_eq!(Some(run.job.session_id), before.run.as_ref().map(|run| run.session_id));
    run.complete("finished later");
    let task = bench.reaches(&task.id, "completed").await;
    assert_eq!(task.state.outcome().unwrap().answer.as_deref(), Some("finished later"));
}

#[tokio::test]
async fn after_a_crash_an_answer_that_did_not_arrive_is_given_again() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let run = bench.next_run().await;
    run.report(5, vec![asks("r1"), asks("r2")]).await;
    bench.reaches(&task.id, "needs_input").await;
    let requests = bench.store.read(|tx| tx.requests_of(&task.id)).unwrap();
    bench.engine.answer(&requests[0].id, Reply::Approve, Answerer::Terminal).await.unwrap();
    let mut bench = bench.killed_and_restarted();
    let mut run = bench.next_run().await;
    let answer = Command::Answer { agent_ref: "r1".into(), decision: Decision::Allow };
    assert_eq!(run.commands.recv().await.unwrap(), answer);
    // The other question still stands and can still be answered.
    bench.reaches(&task.id, "needs_input").await;
    bench.engine.answer(&requests[1].id, Reply::Approve, Answerer::Terminal).await.unwrap();
    bench.reaches(&task.id, "running").await;
}

#[tokio::test]
async fn after_a_crash_a_queued_task_runs_and_a_cancelled_one_goes_on_being_cancelled() {
    let mut bench = Bench::with(Settings { max_concurrent: 1, ..settings() });
    let cancelled = bench.start("one").await;
    let queued = bench.start("two").await;
    bench.next_run().await;
    bench.engine.cancel(&cancelled.id, "test".into()).await.unwrap();
    let mut bench = bench.killed_and_restarted();
    let mut run = bench.next_run().await;
    assert_eq!(run.commands.recv().await.unwrap(), Command::Cancel(Pace::Orderly));
    run.complete("");
    bench.reaches(&cancelled.id, "cancelled").await;
    let run = bench.next_run().await;
    assert_eq!((run.job.task_id.clone(), run.job.start), (queued.id.clone(), Start::Fresh));
}

#[tokio::test]
async fn an_orderly_end_leaves_the_agent_running_and_the_task_as_it_is() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let run = bench.next_run().await;
    bench.engine.shut_down().await;
    assert!(run.reports.is_closed(), "the run was not let go");
    let kept = bench.store.read(|tx| tx.task(&task.id)).unwrap().unwrap();
    assert_eq!(kept.state.name(), "running");
    assert_eq!(bench.engine.start(new_task("y")).await.unwrap_err(), StartError::ShuttingDown);
}

#[tokio::test]
async fn a_shutdown_that_cancels_waits_for_the_agents_to_be_gone() {
    let mut bench = Bench::with(Settings { on_shutdown: OnShutdown::Cancel, ..settings() });
    let task = bench.start("x").await;
    let mut run = bench.next_run().await;
    let engine = bench.engine.clone();
    let down = tokio::spawn(async move { engine.shut_down().await });
    assert_eq!(run.commands.recv().await.unwrap(), Command::Cancel(Pace::Orderly));
    assert!(!down.is_finished());
    run.complete("");
    down.await.unwrap();
    let task = bench.store.read(|tx| tx.task(&task.id)).unwrap().unwrap();
    assert_eq!(task.state.name(), "cancelled");
}

#[tokio::test]
async fn work_that_cannot_be_collected_fails_the_task_and_names_where_it_is_kept() {
    let mut bench = Bench::new();
    let error = WorkspaceError::Failed("no space".into());
    *bench.workspaces.settle_fails.lock().unwrap() = Some(error);
    let task = bench.start("x").await;
    bench.next_run().await.complete("done");
    let task = bench.reaches(&task.id, "failed").await;
    let outcome = task.state.outcome().unwrap();
    assert_eq!(outcome.answer.as_deref(), Some("done"));
    assert!(outcome.notes[0].contains("it is kept in /work/"), "{:?}", outcome.notes);
}

#[tokio::test]
async fn work_that_is_gone_is_not_said_to_be_kept() {
    let mut bench = Bench::new();
    let error = WorkspaceError::Gone("its folder was deleted".into());
    *bench.workspaces.settle_fails.lock().unwrap() = Some(error);
    let task = bench.start("x").await;
    bench.next_run().await.complete("done");
    let task = bench.reaches(&task.id, "failed").await;
    let said = "the work could not be collected: its folder was deleted";
    assert_eq!(task.state.reason().as_deref(), Some(said));
    assert_eq!(task.state.outcome().unwrap().notes, [said]);
}

#[tokio::test]
async fn cost_and_turns_are_taken_over_as_totals() {
    let mut bench = Bench::new();
    let task = bench.start("x").await;
    let run = bench.next_run().await;
    for turns in 1..=3 {
        let cost = Cost { usd: Some(0.5), input_tokens: 10, output_tokens: 5 };
        run.report(turns, vec![Item::Usage { turns, cost }]).await;
    }
    run.complete("");
    let task = bench.reaches(&task.id, "completed").await;
    assert_eq!((task.progress.turns, task.cost.input_tokens), (3, 10));
}

#[tokio::test]
async fn waiting_for_a_task_that_is_not_there_answers_at_once() {
    let bench = Bench::new();
    let nobody = TaskId::random(&SeededEntropy::new(99));
    assert_eq!(bench.engine.wait(&nobody, 0, Duration::MAX).await.unwrap(), None);
    let cancelled = bench.engine.cancel(&nobody, "test".into()).await.unwrap_err();
    assert_eq!(cancelled, CancelError::NotFound(nobody));
}

/// Unused in most tests, but the contract says that dropping a run detaches it.
#[tokio::test]
async fn dropping_a_run_detaches_it() {
    let (runs, mut started) = mpsc::unbounded_channel();
    let executor = FakeExecutor { runs };
    let (reports, _received) = mpsc::channel(1);
    let (_commands, commands) = mpsc::channel(1);
    let link = Link { reports, commands, detach: CancellationToken::new() };
    let job = Job {
        task_id: TaskId::random(&SeededEntropy::new(1)),
        start: Start::Fresh,
        run_dir: PathBuf::new(),
        work_dir: PathBuf::new(),
        session_id: uuid::Uuid::nil(),
        prompt: String::new(),
        model: None,
        plan_only: false,
        allowed_tools: Vec::new(),
        trust_project_config: false,
        output_bytes_max: 0,
        budget_usd: None,
        turns_max: None,
        resume: None,
    };
    drop(executor.run(job, link));
    assert!(started.recv().await.unwrap().finish.is_closed());
}
