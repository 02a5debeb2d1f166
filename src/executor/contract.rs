//! The executor contract.
use std::fmt;
use std::path::PathBuf;

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::model::{Cost, Decision, FollowUp, Question, TaskId, Verdict};

/// Something that can do a task.
pub trait Executor: fmt::Debug + Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Whether it could start now: looks for the program and asks its version. Cheap enough for
    /// every `list_projects`; bounded to a few seconds.
    fn probe(&self) -> BoxFuture<'_, Availability>;

    /// Does one run, from start or re-attachment to the agent's end.
    ///
    /// The future ends only when every process of the run is gone, or with [`RunEnd::Detached`]
    /// after `link.detach` was cancelled: then the agent goes on without the gateway. Dropping the
    /// future is the same as detaching.
    fn run(&self, job: Job, link: Link) -> BoxFuture<'static, RunEnd>;
}

/// What an executor can do; the tools show it and refuse what is missing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a capability of its own")]
pub struct Capabilities {
    /// Takes a model's name.
    pub model: bool,
    /// Can plan without changing anything.
    pub plan_only: bool,
    /// Asks for permission and takes the answer.
    pub permissions: bool,
    /// Its agents outlive the gateway and can be found again.
    pub survives_restart: bool,
    /// Its agents tell what they cost.
    pub cost: bool,
    /// Can go on with a session of before.
    pub resume: bool,
    /// Takes messages while it works.
    pub follow_up: bool,
}

/// Whether an executor could start a task now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Availability {
    /// It could.
    Ready {
        /// The program's version.
        version: String,
        /// What the owner should know all the same, such as an old version.
        warning: Option<String>,
    },
    /// It could not.
    Unavailable {
        /// Why.
        cause: String,
        /// What to do about it.
        hint: String,
    },
}

/// One run to do.
#[derive(Clone, Debug)]
pub struct Job {
    /// The task.
    pub task_id: TaskId,
    /// From the start, or where a lost gateway left off.
    pub start: Start,
    /// Private folder for the run's files (`tasks/<id>/run`); exists.
    pub run_dir: PathBuf,
    /// The folder to work in.
    pub work_dir: PathBuf,
    /// The agent's session, chosen and stored before the start.
    pub session_id: Uuid,
    /// The caller's words, byte for byte.
    pub prompt: String,
    /// The model, where one was chosen.
    pub model: Option<String>,
    /// Change nothing before the owner has approved a plan.
    pub plan_only: bool,
    /// Tools that need no question.
    pub allowed_tools: Vec<String>,
    /// Whether the project's own agent configuration counts.
    pub trust_project_config: bool,
    /// Most bytes the agent may write to stdout and stderr together.
    pub output_bytes_max: u64,
    /// US dollars that the run may cost; an executor whose agent can watch that itself tells it.
    pub budget_usd: Option<f64>,
    /// Model turns that the run may take; likewise.
    pub turns_max: Option<u64>,
    /// The session to go on with; none for a new one.
    pub resume: Option<Resume>,
}

/// A session to go on with. A [`Job::session_id`] of the same name goes on with the session itself, any
/// other with a copy of that name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Resume {
    /// The session.
    pub session_id: Uuid,
    /// Where it must have begun, itself or below, when only somebody's word says where it belongs.
    pub begun_in: Option<PathBuf>,
}

/// Where a run begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Start {
    /// Starts the agent.
    Fresh,
    /// Finds the agent of this run again, or what it left; reports begin after `offset`.
    Attach {
        /// [`Report::offset`] of the last report that was stored.
        offset: u64,
    },
}

/// The engine's end of a run.
#[derive(Debug)]
pub struct Link {
    /// What the agent does; bounded, so a slow engine slows the reading, not the agent.
    pub reports: mpsc::Sender<Report>,
    /// What the engine wants.
    pub commands: mpsc::Receiver<Command>,
    /// Cancelled when the gateway leaves and the agent is to go on.
    pub detach: CancellationToken,
}

/// News of a run. The engine stores the offset in the same transaction as what came of the items,
/// so that after a crash nothing is lost and nothing is taken twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Bytes of the agent's output that this report and all before it cover.
    pub offset: u64,
    /// What happened, in order.
    pub items: Vec<Item>,
}

/// One piece of news.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// The agent is up.
    Started,
    /// The agent said something.
    Text(String),
    /// The agent uses a tool.
    Activity {
        /// Its name.
        tool: String,
        /// One line about the use.
        detail: String,
    },
    /// The agent wrote a file.
    FileTouched(PathBuf),
    /// The agent asks for leave.
    PermissionAsked {
        /// The agent's name for the question.
        agent_ref: String,
        /// The tool.
        tool: String,
        /// Its whole input.
        input: Value,
        /// One line for people, cleaned.
        preview: String,
    },
    /// The agent asks its owner something.
    QuestionAsked {
        /// The agent's name for the request.
        agent_ref: String,
        /// The questions, in order; none twice.
        questions: Vec<Question>,
        /// One line for people, cleaned.
        preview: String,
    },
    /// The agent asks leave to carry out its plan.
    PlanAsked {
        /// The agent's name for the request.
        agent_ref: String,
        /// The plan, in its words.
        plan: String,
        /// One line for people, cleaned.
        preview: String,
    },
    /// The agent no longer asks.
    PermissionWithdrawn {
        /// The agent's name for the question.
        agent_ref: String,
    },
    /// An answer has reached the agent.
    AnswerDelivered {
        /// The agent's name for the question.
        agent_ref: String,
    },
    /// The agent has a message.
    FollowUpDelivered {
        /// Which.
        id: Uuid,
    },
    /// The agent will never have a message.
    FollowUpLost {
        /// Which.
        id: Uuid,
        /// Why.
        why: String,
    },
    /// Turns and cost of this run so far: totals, not differences.
    Usage {
        /// Model turns.
        turns: u64,
        /// Cost.
        cost: Cost,
    },
    /// The agent waits for its model.
    Waiting(String),
    /// Something for the log.
    Note(String),
}

/// What the engine wants of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Answers a question; may be repeated after a crash, counts once.
    Answer {
        /// The agent's name for the question.
        agent_ref: String,
        /// The answer.
        decision: Decision,
    },
    /// Says something to the agent; may be repeated after a crash, counts once.
    Say(FollowUp),
    /// Ends the run and everything it started. Repeating it is harmless.
    Cancel(Pace),
}

/// How fast a run is ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pace {
    /// With time for the agent to write down where it was; 8 s at most.
    Orderly,
    /// As fast as possible: below a second.
    Emergency,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEnd {
    /// It did not: the gateway left it running.
    Detached,
    /// It is over, and no process of it is left.
    Ended(Ended),
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Good, bad or unknown.
    pub verdict: Verdict,
    /// The agent's final answer, or its last words.
    pub answer: Option<String>,
    /// What the reader should know: swept processes, cut output, the step a cancellation took.
    pub notes: Vec<String>,
}
