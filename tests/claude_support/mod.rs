//! Drives the Claude executor as the engine does, in a temporary folder.
#![allow(dead_code, reason = "each test binary uses a part of it")]
pub(crate) mod whole;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gateway::clock::{OsEntropy, SystemClock};
use gateway::executor::claude::{Claude, ClaudeSettings, EnvPass, Patience};
use gateway::executor::{Command, Ended, Executor, Item, Job, Link, Pace, Report, RunEnd, Start};
use gateway::model::{Decision, FollowUp, TaskId};
use gateway_os::launch::Executable;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Nothing in a test takes as long as this.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A place to run an agent in.
pub(crate) struct Bench {
    pub(crate) root: PathBuf,
    pub(crate) settings: ClaudeSettings,
    pub(crate) task_id: TaskId,
}

impl Bench {
    /// `command` is the agent; `environment` the gateway's own.
    pub(crate) fn new(root: &Path, command: &str, environment: BTreeMap<String, String>) -> Self {
        for folder in ["work", "home"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        gateway_os::folders::private_dir(&root.join("run")).unwrap();
        let gateway = Executable::at(Path::new(env!("CARGO_BIN_EXE_gateway")));
        Self {
            root: root.to_owned(),
            settings: ClaudeSettings {
                command: command.to_owned(),
                owner_settings: false,
                env_pass: EnvPass::new([
                    "ANTHROPIC_*".to_owned(),
                    "CLAUDE_CODE_*".to_owned(),
                    "DISABLE_*".to_owned(),
                    "FAKE_*".to_owned(),
                ])
                .unwrap(),
                model: None,
                environment,
                gateway: Arc::new(gateway),
                clock: Arc::new(SystemClock),
                patience: Patience::default(),
            },
            task_id: TaskId::random(&OsEntropy),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn work(&self, name: &str) -> PathBuf {
        self.root.join("work").join(name)
    }

    pub(crate) fn job(&self, prompt: &str, start: Start) -> Job {
        Job {
            task_id: self.task_id.clone(),
            start,
            run_dir: self.path("run"),
            work_dir: self.path("work"),
            session_id: self.session_id(),
            prompt: prompt.to_owned(),
            model: None,
            plan_only: false,
            allowed_tools: Vec::new(),
            trust_project_config: false,
            output_bytes_max: 64 << 20,
            budget_usd: None,
            turns_max: None,
            resume: None,
        }
    }

    /// One session for each task.
    pub(crate) fn session_id(&self) -> Uuid {
        let bytes = self.task_id.as_str().as_bytes();
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[..16]);
        uuid::Builder::from_random_bytes(id).into_uuid()
    }

    pub(crate) fn run(&self, job: Job) -> Running {
        let (reports_in, reports) = mpsc::channel(4);
        let (commands, commands_out) = mpsc::channel(4);
        let detach = CancellationToken::new();
        let link = Link { reports: reports_in, commands: commands_out, detach: detach.clone() };
        let end = tokio::spawn(Claude::new(self.settings.clone()).run(job, link));
        Running { reports, commands, detach, end, taken: Vec::new() }
    }

    pub(crate) fn fresh(&self, prompt: &str) -> Running {
        self.run(self.job(prompt, Start::Fresh))
    }

    pub(crate) fn attach(&self, prompt: &str, offset: u64) -> Running {
        self.run(self.job(prompt, Start::Attach { offset }))
    }

    /// Processes that carry the task's marker.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let marked =
            gateway_os::process::processes_with_marker("GATEWAY_TASK", self.task_id.as_str());
        marked.unwrap().into_iter().map(|id| id.pid).collect()
    }
}

/// A run under way, seen from the engine.
pub(crate) struct Running {
    reports: mpsc::Receiver<Report>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) detach: CancellationToken,
    pub(crate) end: JoinHandle<RunEnd>,
    pub(crate) taken: Vec<Report>,
}

impl Running {
    /// Takes reports until one holds an item that fits.
    pub(crate) async fn until(&mut self, fits: impl Fn(&Item) -> bool) -> Item {
        let found = tokio::time::timeout(LONG, async {
            while let Some(report) = self.reports.recv().await {
                let item = report.items.iter().find(|item| fits(item)).cloned();
                self.taken.push(report);
                if let Some(item) = item {
                    return item;
                }
            }
            panic!("the run ended before: {:#?}", self.taken)
        });
        found.await.unwrap_or_else(|_| panic!("nothing of the kind came"))
    }

    /// Takes reports until the agent asks; gives its name for the question.
    pub(crate) async fn question(&mut self) -> String {
        let name = |item: &Item| match item {
            Item::PermissionAsked { agent_ref, .. }
            | Item::QuestionAsked { agent_ref, .. }
            | Item::PlanAsked { agent_ref, .. } => Some(agent_ref.clone()),
            _ => None,
        };
        let asked = self.until(|item| name(item).is_some()).await;
        name(&asked).unwrap()
    }

    pub(crate) async fn answer(&self, agent_ref: &str, decision: Decision) {
        let command = Command::Answer { agent_ref: agent_ref.to_owned(), decision };
        self.commands.send(command).await.unwrap();
    }

    pub(crate) async fn say(&self, message: &FollowUp) {
        self.commands.send(Command::Say(message.clone())).await.unwrap();
    }

    pub(crate) async fn cancel(&self, pace: Pace) {
        self.commands.send(Command::Cancel(pace)).await.unwrap();
    }

    /// Takes everything to the end.
    pub(crate) async fn ended(mut self) -> (Ended, Vec<Report>) {
        let rest = async {
            while let Some(report) = self.reports.recv().await {
                self.taken.push(report);
            }
            self.end.await.unwrap()
        };
        let end = tokio::time::timeout(LONG, rest).await.expect("the run ends in time");
        match end {
            RunEnd::Ended(ended) => (ended, self.taken),
            RunEnd::Detached => panic!("nobody detached"),
        }
    }

    /// Lets the agent go on alone; gives what was taken.
    pub(crate) async fn detached(mut self) -> Vec<Report> {
        self.detach.cancel();
        let end = tokio::time::timeout(LONG, self.end).await.unwrap().unwrap();
        assert_eq!(end, RunEnd::Detached);
        // What was sent before the detaching still arrives, as at a real engine.
        while let Ok(report) = self.reports.try_recv() {
            self.taken.push(report);
        }
        self.taken
    }
}

pub(crate) fn items(reports: &[Report]) -> Vec<Item> {
    reports.iter().flat_map(|report| report.items.clone()).collect()
}

pub(crate) fn offset(reports: &[Report]) -> u64 {
    reports.last().map_or(0, |report| report.offset)
}

/// Waits for a file without counting time: whoever makes it is under way.
pub(crate) async fn appears(path: &Path) {
    let wait = async {
        while !path.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(LONG, wait).await;
    waited.unwrap_or_else(|_| panic!("{} did not appear", path.display()));
}
