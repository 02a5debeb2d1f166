//! The fakes, and ways to talk to them.
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, ManualClock, SeededEntropy, Timestamp};
use crate::executor::shim::StderrEnd;
use crate::http::{
    ConnectionFacts, ConnectionLimits, Guard, GuardParts, Hosts, IngressKind, Peer, RateLimit,
    Routes, Server, Way, with_common_routes,
};
use crate::mcp::{
    Admitted, AnswerError, ApplyError, Authenticate, CancelError, Diff, DiffError, DiffOptions,
    Endpoint, FileLines, LogQuery, McpParts, NewTask, NewsPage, NewsQuery, Place, Principal,
    ProjectView, ReadError, StartError, TaskChange, TaskPage, TaskQuery, Tasks, Unavailable,
    WantedFile,
};
use crate::model::{
    Answer as AnsweredBy, Answerer, Applied, Apply, Caller, CancelReason, ChangedFile, Choice,
    Class, Cost, Decision, DiffStat, Event, EventKind, Failure, FailureKind, LinkedSession,
    Outcome, Phase, Priority, Progress, Question, Reply as AnswerGiven, Request as Asked,
    RequestId, RequestKind, RequestState, Scope, Scopes, Task, TaskId, TaskSpec, TaskState,
    Workspace,
};
use crate::policy::{self, ChatMay};
use crate::store::{OpenTask, Store};
use crate::trace::{GrantTrace, Trace};

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_795_153_266_120);
pub(super) const LOCAL: &str = "127.0.0.1:8765";

/// An engine in memory that notes what it was asked.
#[derive(Debug)]
pub(super) struct FakeTasks {
    pub(super) tasks: Mutex<BTreeMap<TaskId, Task>>,
    pub(super) log: Mutex<Vec<String>>,
    pub(super) diff: Mutex<String>,
    /// What tasks ask besides the one request that all of them have.
    pub(super) asked: Mutex<BTreeMap<TaskId, Vec<RequestKind>>>,
    pub(super) news: Mutex<NewsPage>,
    changes: watch::Sender<u64>,
    told: tokio::sync::broadcast::Sender<TaskChange>,
    /// Calls under way in `wait`.
    pub(super) waiting: watch::Sender<usize>,
}

/// The `n`th task id.
pub(super) fn id(n: u64) -> TaskId {
    format!("{n:026}").parse().unwrap()
}

pub(super) fn task(n: u64, project: &str, state: TaskState) -> Task {
    Task {
        id: id(n),
        spec: TaskSpec {
            prompt: format!("do thing {n}\nand more"),
            project: project.into(),
            executor: "claude".into(),
            model: None,
            plan_only: false,
            timeout_secs: 1800,
            idempotency_key: None,
            base_branch: None,
            caller: Caller::Owner,
            priority: Priority::Normal,
            budget_usd: None,
            turns_max: None,
            estimate: None,
            resume: None,
        },
        created_at: NOW,
        updated_at: NOW,
        cursor: 10 * n,
        waited_ms: 0,
        state,
        progress: Progress {
            text: "reading\u{1b}[1m the code".into(),
            activity: "Bash: cargo test".into(),
            turns: 3,
        },
        cost: Cost { usd: Some(0.25), input_tokens: 1000, output_tokens: 50 },
        workspace: Some(Workspace {
            dir: "/secret/absolute/work".into(),
            base_commit: Some("b".repeat(40)),
            base_branch: None,
            branch: Some(format!("gateway/{n}-do-thing")),
            isolated: true,
        }),
        run: None,
    }
}

/// The id of the `n`th request that a test lets a task ask.
pub(super) fn request_id(task: u64, n: u64) -> RequestId {
    RequestId::random(&SeededEntropy::new(100 + 10 * task + n))
}

/// One question with two choices.
pub(super) fn question() -> RequestKind {
    let choice = |label: &str, about: &str| Choice { label: label.into(), about: about.into() };
    let choices = vec![choice("Red", "a warm one"), choice("Blue\u{202e}", "")];
    let text = "Which color?".into();
    let questions = vec![Question { text, header: "Color".into(), several: true, choices }];
    RequestKind::Question { questions, preview: "Which color? [Red | Blue]".into() }
}

/// Leave for a tool of this class.
pub(super) fn permission(tool: &str, class: Class) -> RequestKind {
    let (tool, preview) = (tool.into(), format!("{tool} something"));
    RequestKind::Permission { tool, input: json!({}), preview, class }
}

pub(super) fn running() -> TaskState {
    TaskState::Running { started_at: NOW, phase: Phase::Agent }
}

pub(super) fn completed(answer: &str) -> TaskState {
    TaskState::Completed {
        at: NOW,
        outcome: Outcome {
            answer: Some(answer.into()),
            head_commit: Some("c".repeat(40)),
            changed: vec![ChangedFile { status: 'A', path: "src/new.rs".into() }],
            diff_stat: DiffStat { files: 1, insertions: 5, deletions: 0 },
            notes: vec!["a note".into()],
        },
    }
}

/// What happened to some of the tasks, and what is open.
fn news() -> NewsPage {
    let event = |seq, n, kind| Event { seq, at: NOW, task_id: id(n), kind };
    let ended = |state: &str, summary: &str| EventKind::Ended {
        state: state.into(),
        summary: summary.into(),
    };
    let entropy = SeededEntropy::new(5);
    let asks = EventKind::RequestOpened {
        request_id: RequestId::random(&entropy),
        preview: "rm -r build".into(),
    };
    let open = |n, state: &str, project: &str| OpenTask {
        id: id(n),
        state: state.into(),
        project: project.into(),
    };
    NewsPage {
        events: vec![
            event(11, 1, EventKind::Queued),
            event(12, 2, ended("completed", "All done.")),
            event(13, 3, ended("failed", "the agent crashed")),
            event(14, 4, asks),
        ],
        cursor: 20,
        more: false,
        open: vec![
            open(1, "running", "alpha"),
            open(4, "needs_input", "alpha"),
            open(6, "queued", "beta"),
        ],
    }
}

impl FakeTasks {
    pub(super) fn new() -> Arc<Self> {
        let failed = TaskState::Failed {
            at: NOW,
            failure: Failure { kind: FailureKind::Crashed, message: "the agent crashed".into() },
            outcome: Outcome::default(),
        };
        let entropy = SeededEntropy::new(5);
        let request_id = RequestId::random(&entropy);
        let asks = TaskState::NeedsInput { started_at: NOW, request_id };
        let cancelled = TaskState::Cancelled {
            at: NOW,
            reason: CancelReason::Deadline,
            outcome: Outcome::default(),
        };
        let tasks = [
            task(1, "alpha", running()),
            task(2, "beta", completed("All done.\nSee the diff.")),
            task(3, "beta", failed),
            task(4, "alpha", asks),
            task(5, "beta", cancelled),
            task(6, "beta", TaskState::Queued),
        ];
        Arc::new(Self {
            tasks: Mutex::new(tasks.into_iter().map(|task| (task.id.clone(), task)).collect()),
            log: Mutex::default(),
            asked: Mutex::new(BTreeMap::from([
                (id(2), vec![permission("Write", Class::Write), permission("Edit", Class::Write)]),
                (id(6), vec![question()]),
            ])),
            diff: Mutex::new("diff --git a/src/new.rs b/src/new.rs\n+fn new() {}\n".into()),
            news: Mutex::new(news()),
            changes: watch::Sender::new(0),
            told: tokio::sync::broadcast::Sender::new(64),
            waiting: watch::Sender::new(0),
        })
    }

    pub(super) fn change(&self, n: u64, state: TaskState) {
        let mut tasks = self.tasks.lock().unwrap();
        let task = tasks.get_mut(&id(n)).unwrap();
        task.state = state;
        task.cursor += 1;
        drop(tasks);
        self.changes.send_modify(|count| *count += 1);
        let _ = self.told.send(TaskChange { task_id: id(n), is_new: false });
    }

    /// As if a task were accepted just now.
    pub(super) fn announce(&self, n: u64) {
        let _ = self.told.send(TaskChange { task_id: id(n), is_new: true });
    }

    /// Clients that follow the changes.
    pub(super) fn followers(&self) -> usize {
        self.told.receiver_count()
    }

    pub(super) fn get(&self, id: &TaskId) -> Option<Task> {
        self.tasks.lock().unwrap().get(id).cloned()
    }

    pub(super) fn calls(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn note(&self, line: String) {
        self.log.lock().unwrap().push(line);
    }
}

impl Tasks for FakeTasks {
    fn start(&self, new: NewTask) -> BoxFuture<'_, Result<Admitted, StartError>> {
        self.note(format!("start {new:?}"));
        async move {
            match new.prompt.as_str() {
                "panic" => panic!("on purpose"),
                "broken" => return Err(Unavailable("sql: no rows in /secret/path".into()).into()),
                "refuse" => {
                    return Err(StartError::Refused {
                        message: "paused".into(),
                        hint: "resume".into(),
                    });
                }
                _ => {}
            }
            let project = new.project.unwrap_or_else(|| "alpha".into());
            if !["alpha", "beta"].contains(&project.as_str()) {
                return Err(StartError::UnknownProject(project));
            }
            let executor = new.executor.unwrap_or_else(|| "claude".into());
            if !["claude", "hermes"].contains(&executor.as_str()) {
                let known = vec!["claude".into(), "hermes".into()];
                return Err(StartError::UnknownExecutor { name: executor, known });
            }
            let existing = new.idempotency_key.as_deref() == Some("known");
            let mut started = task(if existing { 1 } else { 9 }, &project, TaskState::Queued);
            if existing {
                started = self.get(&id(1)).unwrap();
            }
            started.spec.executor = executor;
            self.tasks.lock().unwrap().insert(started.id.clone(), started.clone());
            Ok(Admitted { task: started, existing, notes: vec!["second in the queue".into()] })
        }
        .boxed()
    }

    fn task<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<Option<Arc<Task>>, Unavailable>> {
        async move { Ok(self.get(id).map(Arc::new)) }.boxed()
    }

    fn place(&self, _: &TaskId) -> Option<Place> {
        Some(Place { number: 2, of: 3, holding: vec![id(1), id(2)], held_back: None })
    }

    fn wait<'a>(
        &'a self,
        id: &'a TaskId,
        after: u64,
        at_most: Duration,
    ) -> BoxFuture<'a, Result<Option<Arc<Task>>, Unavailable>> {
        self.note(format!("wait {id} after {after} at most {at_most:?}"));
        async move {
            struct Left<'a>(&'a watch::Sender<usize>);
            impl Drop for Left<'_> {
                fn drop(&mut self) {
                    self.0.send_modify(|count| *count -= 1);
                }
            }
            let mut changes = self.changes.subscribe();
            self.waiting.send_modify(|count| *count += 1);
            let _left = Left(&self.waiting);
            loop {
                let task = self.get(id);
                let news = |task: &Task| task.cursor > after || task.state.is_final();
                if task.as_ref().is_none_or(news) {
                    return Ok(task.map(Arc::new));
                }
                changes.changed().await.unwrap();
            }
        }
        .boxed()
    }

    fn cancel<'a>(
        &'a self,
        id: &'a TaskId,
        by: String,
    ) -> BoxFuture<'a, Result<Task, CancelError>> {
        self.note(format!("cancel {id} by {by}"));
        async move {
            let mut tasks = self.tasks.lock().unwrap();
            let task = tasks.get_mut(id).ok_or(CancelError::Unknown)?;
            let state = task.state.clone().cancel(CancelReason::Requested { by }, NOW);
            task.state = state.map_err(|_| CancelError::AlreadyOver)?;
            Ok(task.clone())
        }
        .boxed()
    }

    fn cancel_all(
        &self,
        by: String,
        projects: Option<Vec<String>>,
    ) -> BoxFuture<'_, Result<Vec<Task>, Unavailable>> {
        self.note(format!("cancel all of {projects:?} by {by}"));
        async move {
            let tasks = self.tasks.lock().unwrap();
            Ok(tasks.values().filter(|task| !task.state.is_final()).cloned().collect())
        }
        .boxed()
    }

    fn list(&self, query: TaskQuery) -> BoxFuture<'_, Result<TaskPage, Unavailable>> {
        self.note(format!("list {query:?}"));
        async move {
            let tasks = self.tasks.lock().unwrap();
            Ok(TaskPage { tasks: tasks.values().rev().cloned().collect(), next: Some(7) })
        }
        .boxed()
    }

    fn events<'a>(
        &'a self,
        id: &'a TaskId,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Event>, Unavailable>> {
        self.note(format!("events {id} after {after} limit {limit}"));
        let kind = EventKind::Activity { tool: "Bash".into(), detail: "cargo\ntest".into() };
        let event = Event { seq: after + 1, at: NOW, task_id: id.clone(), kind };
        async move { Ok(vec![event]) }.boxed()
    }

    fn output_tail<'a>(
        &'a self,
        _: &'a TaskId,
        lines: usize,
    ) -> BoxFuture<'a, Result<Vec<String>, Unavailable>> {
        self.note(format!("output {lines}"));
        async move { Ok((0..lines).map(|n| format!("line {n}")).collect()) }.boxed()
    }

    fn diff<'a>(
        &'a self,
        id: &'a TaskId,
        options: DiffOptions,
    ) -> BoxFuture<'a, Result<Diff, DiffError>> {
        self.note(format!("diff {id} {options:?}"));
        async move {
            if options.path.as_deref() == Some("unknown") {
                return Err(DiffError::UnknownPath("unknown".into()));
            }
            let text = self.diff.lock().unwrap().clone();
            let from = usize::try_from(options.offset).unwrap().min(text.len());
            let to = text.len().min(from + options.bytes_max);
            Ok(Diff {
                stat: DiffStat { files: 1, insertions: 1, deletions: 0 },
                files: vec![ChangedFile { status: 'A', path: "src/new.rs".into() }],
                next_offset: (to < text.len()).then_some(to as u64),
                text: if options.stat_only { String::new() } else { text[from..to].to_owned() },
                base: Some("b".repeat(40)),
            })
        }
        .boxed()
    }

    fn apply<'a>(
        &'a self,
        id: &'a TaskId,
        action: Apply,
        by: String,
    ) -> BoxFuture<'a, Result<Applied, ApplyError>> {
        self.note(format!("apply {id} {} by {by}", action.name()));
        async move {
            if action != Apply::Branch {
                let command = format!("gateway tasks apply {id} {}", action.name());
                return Err(ApplyError::NeedsOwner { action, command });
            }
            let branch = Some("gateway/x".to_owned());
            let to = Some("c".repeat(40));
            Ok(Applied { how: action, by, branch, from: None, to, files_moved: false })
        }
        .boxed()
    }

    fn read_file(&self, wanted: WantedFile) -> BoxFuture<'_, Result<FileLines, ReadError>> {
        self.note(format!("read {wanted:?}"));
        async move {
            let refused = |message: &str| ReadError::Refused {
                message: message.to_owned(),
                hint: "look elsewhere".to_owned(),
            };
            let project = wanted.project.clone().unwrap_or_else(|| "alpha".into());
            if !["alpha", "beta"].contains(&project.as_str()) {
                return Err(ReadError::UnknownProject(project));
            }
            match wanted.path.as_str() {
                "missing" => return Err(refused("there is no such file")),
                "odd.bin" => {
                    return Ok(FileLines {
                        project,
                        first: 1,
                        bytes: 5,
                        lines: 1,
                        binary: true,
                        ..FileLines::default()
                    });
                }
                _ => {}
            }
            Ok(FileLines {
                project,
                text: "fn\u{1b} main() {}\n".into(),
                first: wanted.first,
                last: wanted.first,
                lines: 9,
                bytes: 100,
                binary: false,
                lossy: true,
                cut: true,
                next: Some(wanted.first + 1),
            })
        }
        .boxed()
    }

    fn project_names(&self) -> BoxFuture<'_, Result<Vec<String>, Unavailable>> {
        async { Ok(vec!["alpha".to_owned(), "beta".to_owned()]) }.boxed()
    }

    fn projects(&self) -> BoxFuture<'_, Result<Vec<ProjectView>, Unavailable>> {
        self.note("projects".into());
        let project = |name: &str, default| ProjectView {
            name: name.into(),
            description: format!("The {name} project"),
            default,
            branch: Some("main".into()),
            dirty: Some(!default),
            executors: vec!["claude".into(), "hermes".into()],
            max_concurrent: 1,
            timeout_minutes_max: 120,
            budget_usd_max: 5.0,
        };
        async move { Ok(vec![project("alpha", true), project("beta", false)]) }.boxed()
    }

    fn news(&self, query: NewsQuery) -> BoxFuture<'_, Result<NewsPage, Unavailable>> {
        self.note(format!("news {query:?}"));
        let page = self.news.lock().unwrap().clone();
        async move { Ok(page) }.boxed()
    }

    fn log(&self, query: LogQuery) -> BoxFuture<'_, Result<Vec<Event>, Unavailable>> {
        self.note(format!("log {query:?}"));
        let events = self.news.lock().unwrap().events.clone();
        let events = events.into_iter().rev().filter(move |event| event.seq < query.before);
        let events = events.take(query.limit).collect();
        async move { Ok(events) }.boxed()
    }

    fn stderr_end<'a>(
        &'a self,
        id: &'a TaskId,
        bytes_max: u64,
    ) -> BoxFuture<'a, Result<Option<StderrEnd>, Unavailable>> {
        self.note(format!("stderr of {id}, {bytes_max} bytes"));
        let text = "warning: Authorization: Bearer abcdef\u{1b}[1m\n".to_owned();
        async move { Ok(Some(StderrEnd { text, dropped: 7 })) }.boxed()
    }

    fn link(
        &self,
        session: LinkedSession,
        project: Option<String>,
        caller: Caller,
    ) -> BoxFuture<'_, Result<(Task, bool), StartError>> {
        self.note(format!("link {session:?} in {project:?} by {caller:?}"));
        async move {
            let project = project.unwrap_or_else(|| "alpha".into());
            if !["alpha", "beta"].contains(&project.as_str()) {
                return Err(StartError::UnknownProject(project));
            }
            let state = TaskState::Linked { at: NOW, session: Box::new(session) };
            let linked = task(8, &project, state);
            self.tasks.lock().unwrap().insert(linked.id.clone(), linked.clone());
            Ok((linked, false))
        }
        .boxed()
    }

    fn changes(&self) -> BoxStream<'static, TaskChange> {
        let changes = self.told.subscribe();
        futures::stream::unfold(changes, |mut changes| async {
            Some((changes.recv().await.ok()?, changes))
        })
        .boxed()
    }

    fn requests<'a>(&'a self, id: &'a TaskId) -> BoxFuture<'a, Result<Vec<Asked>, Unavailable>> {
        let asked = Asked {
            id: RequestId::random(&SeededEntropy::new(5)),
            task_id: id.clone(),
            agent_ref: "r".into(),
            kind: RequestKind::Permission {
                tool: "Bash".into(),
                input: json!({ "command": "rm -r build" }),
                preview: "rm -r build".into(),
                class: Class::Destructive,
            },
            asked_at: NOW,
            expires_at: NOW.after(Duration::from_secs(600)),
            state: RequestState::Open,
        };
        let mut open = vec![asked];
        let script = self.asked.lock().unwrap().get(id).cloned();
        let number: u64 = id.as_str().parse().unwrap();
        for (n, kind) in (0..).zip(script.into_iter().flatten()) {
            open.push(Asked { id: request_id(number, n), kind, ..open[0].clone() });
        }
        // What a test asks for stands alone.
        if open.len() > 1 {
            open.remove(0);
        }
        async move { Ok(open) }.boxed()
    }

    fn chat_may(&self, _: &str) -> ChatMay {
        ChatMay::default()
    }

    fn page_of(&self, id: &RequestId) -> Option<String> {
        Some(format!("https://h.example/requests/{id}"))
    }

    fn answer<'a>(
        &'a self,
        id: &'a RequestId,
        reply: AnswerGiven,
        by: Answerer,
    ) -> BoxFuture<'a, Result<Asked, AnswerError>> {
        self.note(format!("answer {id} {reply:?} by {by:?}"));
        async move {
            let tasks: Vec<TaskId> = self.tasks.lock().unwrap().keys().cloned().collect();
            for task in tasks {
                let found = self.requests(&task).await?.into_iter().find(|it| it.id == *id);
                let Some(mut request) = found else { continue };
                policy::check(&by, &request.kind, &reply, &ChatMay::default())
                    .map_err(|error| AnswerError::OwnersOnly(error.to_string()))?;
                let decision = match reply {
                    AnswerGiven::Deny { message } => {
                        Decision::Deny { message: message.unwrap_or_default() }
                    }
                    AnswerGiven::Answers { .. } => Decision::Answers { answers: BTreeMap::new() },
                    _ => Decision::Allow,
                };
                let answer = AnsweredBy { decision, by };
                request.state = RequestState::Answered { answer, at: NOW, delivered: false };
                return Ok(request);
            }
            Err(AnswerError::Refused {
                message: "there is no such request".into(),
                hint: "x".into(),
            })
        }
        .boxed()
    }
}

/// Five tokens: `all`, `other` (another grant), `observer`, `runner` (by their scopes), `held` (to the
/// project alpha).
#[derive(Debug)]
pub(super) struct FakeAuth {
    /// Cancelled when all grants end.
    ended: CancellationToken,
}

impl Authenticate for FakeAuth {
    fn authenticate(&self, parts: &Parts) -> Result<Principal, Box<Response<Body>>> {
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer "));
        let everything = Scopes::of_tools();
        let (scopes, projects) = match token {
            Some("all" | "other") => (everything, None),
            Some("observer") => (Scopes::from_iter([Scope::Observe]), None),
            Some("runner") => (Scopes::from_iter([Scope::Run]), None),
            Some("held") => (everything, Some(BTreeSet::from(["alpha".to_owned()]))),
            _ => {
                let challenge = Response::builder()
                    .status(StatusCode::UNAUTHORIZED)
                    .header(header::WWW_AUTHENTICATE, "Bearer resource_metadata=\"x\"");
                return Err(Box::new(challenge.body(Body::from("{}")).unwrap()));
            }
        };
        let key = token.unwrap_or_default();
        let caller = Caller::Client { client_id: key.parse().unwrap() };
        Ok(Principal { key: key.into(), caller, scopes, projects, trace: GrantTrace::default() })
    }

    fn ended(&self, _: &Principal) -> BoxFuture<'static, ()> {
        self.ended.clone().cancelled_owned().boxed()
    }

    fn insufficient_scope(&self, _: &Parts, _: &Principal, needed: Scope) -> Response<Body> {
        let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", needed.name());
        let response = Response::builder().status(StatusCode::FORBIDDEN);
        response.header(header::WWW_AUTHENTICATE, challenge).body(Body::empty()).unwrap()
    }

    fn connect_page(&self, _: &Parts) -> Response<Body> {
        let response = Response::builder().status(StatusCode::UNAUTHORIZED);
        response.header(header::CONTENT_TYPE, "text/html").body(Body::from("<p>connect")).unwrap()
    }
}

/// The whole stack, without a socket.
pub(super) struct Stack {
    pub(super) tasks: Arc<FakeTasks>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) endpoint: Endpoint,
    pub(super) limit: Arc<RateLimit>,
    pub(super) draining: CancellationToken,
    /// Cancelled when all grants end.
    pub(super) ended: CancellationToken,
    pub(super) store: Store,
    guard: Option<Guard>,
    facts: ConnectionFacts,
}

impl Stack {
    pub(super) fn new() -> Self {
        Self::limited(1_000_000, 1_000_000)
    }

    pub(super) fn limited(per_minute: u32, burst: u32) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let store = Store::in_memory(clock.clone()).unwrap();
        Self::over(store, clock, per_minute, burst)
    }

    /// The gateway that is started after this one.
    pub(super) fn restarted(&self) -> Self {
        Self::over(self.store.clone(), self.clock.clone(), 1_000_000, 1_000_000)
    }

    fn over(store: Store, clock: Arc<ManualClock>, per_minute: u32, burst: u32) -> Self {
        let local: SocketAddr = LOCAL.parse().unwrap();
        let tasks = FakeTasks::new();
        let (draining, ended) = (CancellationToken::new(), CancellationToken::new());
        let endpoint = Endpoint::new(McpParts {
            tasks: tasks.clone(),
            auth: Arc::new(FakeAuth { ended: ended.clone() }),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            store: store.clone(),
            draining: draining.clone(),
        });
        let limit = Arc::new(RateLimit::new(per_minute, burst, clock.clone() as Arc<dyn Clock>));
        let guard = Guard::new(GuardParts {
            routes: Routes::new(
                ("/mcp", Arc::new(endpoint.clone())),
                with_common_routes(Router::new()),
            ),
            hosts: Hosts::new(watch::channel(None).1, Vec::new()),
            limit: limit.clone(),
            trusted_proxies: Vec::new(),
            trace: Trace::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(2)),
            draining: draining.clone(),
        });
        let way = Way { kind: IngressKind::Local, local: Some(local) };
        let facts = ConnectionFacts { way, peer: Peer::Address(local.ip()) };
        let guard = Some(guard);
        Self { tasks, clock, endpoint, limit, draining, ended, store, guard, facts }
    }

    /// Moves the stack behind a real listener; answers with the server and the endpoint's URL.
    pub(super) async fn serve(&mut self) -> (Server, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let guard = self.guard.take().unwrap();
        let server = Server::new(guard, ConnectionLimits::default(), self.draining.clone());
        server.accept_from(listener, IngressKind::Local);
        (server, format!("http://{address}/mcp"))
    }

    pub(super) async fn send(&self, mut request: Request<Body>) -> Response<Body> {
        request.headers_mut().entry(header::HOST).or_insert(LOCAL.parse().unwrap());
        self.guard.as_ref().unwrap().respond(&self.facts, request).await
    }

    /// A modern request, authenticated by `token`.
    pub(super) async fn rpc(&self, token: &str, method: &str, params: Value) -> Reply {
        self.reply(modern(token, method, params)).await
    }

    pub(super) async fn reply(&self, request: Request<Body>) -> Reply {
        Reply::read(self.send(request).await).await
    }

    /// Calls a tool; answers with its result.
    pub(super) async fn call(&self, token: &str, tool: &str, arguments: Value) -> Value {
        let reply =
            self.rpc(token, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert_eq!(reply.status, 200, "{tool} {arguments}: {reply:?}");
        assert!(reply.json["result"].is_object(), "{tool} {arguments}: {reply:?}");
        reply.json["result"].clone()
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) text: String,
    pub(super) json: Value,
}

impl Reply {
    pub(super) async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let events = text.lines().rev().filter_map(|line| line.strip_prefix("data: "));
        let mut events = events.filter(|data| data.starts_with('{'));
        let last = events.next().unwrap_or(&text);
        let json = serde_json::from_str(last).unwrap_or(Value::Null);
        Self { status: parts.status.as_u16(), headers: parts.headers, text, json }
    }
}

pub(super) fn modern(token: &str, method: &str, params: Value) -> Request<Body> {
    let mut params = params;
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    params["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({ "name": "t", "version": "1" });
    let name = params["name"].as_str().or(params["uri"].as_str()).map(str::to_owned);
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut request = post(token, body.to_string());
    let headers = request.headers_mut();
    headers.insert("mcp-protocol-version", "2026-07-28".parse().unwrap());
    headers.insert("mcp-method", method.parse().unwrap());
    if let Some(name) = name.and_then(|name| name.parse().ok()) {
        headers.insert("mcp-name", name);
    }
    request
}

pub(super) fn post(token: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri("/mcp")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, text/event-stream")
        .body(body.into())
        .unwrap()
}

pub(super) fn legacy(token: &str, session: Option<&str>, message: &Value) -> Request<Body> {
    let mut request = post(token, message.to_string());
    if let Some(session) = session {
        request.headers_mut().insert("mcp-session-id", session.parse().unwrap());
    }
    request
}

pub(super) fn initialize(version: &str) -> Value {
    let params = json!({
        "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" },
    });
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params })
}

/// Opens a session; answers with its id.
pub(super) async fn open_session(stack: &Stack, token: &str) -> String {
    let reply = stack.reply(legacy(token, None, &initialize("2025-06-18"))).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.headers["mcp-session-id"].to_str().unwrap().to_owned()
}

pub(super) fn arguments(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

/// The first text block of a tool's result.
pub(super) fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

/// The text of an error result.
pub(super) fn error(result: &Value) -> &str {
    assert_eq!(result["isError"], json!(true), "{result}");
    text(result)
}
