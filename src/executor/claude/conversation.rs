//! What the agent's output adds up to: a state machine over the lines of a session.
//!
//! It is pure, so that a gateway that lost its memory reads the file again from the start and has
//! the same state as before. Each line gives the news for the engine and the answers that the
//! agent gets without anybody being asked.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use serde_json::Value;
use uuid::Uuid;

use super::event::{Block, Event, Line, SessionState, parse};
use super::message::{self, END_SESSION, Message};
use super::turn::TurnResult;
use super::{preview, questions};
use crate::executor::Item;
use crate::model::{Cost, Decision};

/// Longest text of one item, in bytes; the file keeps all of it.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// How many stray lines are remembered, for the case that the run ends without a result.
const NOISE_LINES_MAX: usize = 20;
/// How many kinds of unknown events are counted by name.
const UNKNOWN_KINDS_MAX: usize = 50;
/// Largest input of a tool that an owner is asked about; it has to fit in a line to the agent.
const INPUT_BYTES_MAX: usize = 2 << 20;
/// The tool by which the program asks leave to carry out its plan.
const EXIT_PLAN_MODE: &str = "ExitPlanMode";
/// How many background tasks and open questions are kept track of.
const OPEN_MAX: usize = 1000;

/// What a session's lines are read by.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    work_dir: PathBuf,
    /// For a run that only plans: whether it still does, or its owner let it carry out its plan.
    planning: Option<bool>,
    /// The plan, where the program told it before it asked.
    plan: Option<String>,
    baseline: Cost,
    started: bool,
    rest: Rest,
    background: BTreeSet<String>,
    open: BTreeMap<String, Question>,
    /// Messages to the agent that it has not taken up.
    said: BTreeSet<String>,
    ending: bool,
    last_message: String,
    turns: u64,
    cost: Cost,
    words: Option<String>,
    result: Option<TurnResult>,
    refusals: u32,
    unknown: BTreeMap<String, u64>,
    noise: VecDeque<String>,
}

/// A permission question that waits.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    /// The tool.
    pub(super) tool: String,
    /// Its input, to be given back when allowed.
    pub(super) input: Value,
}

/// Whether the agent has something left to do. A `result` is not the end (trap 2 of the notes): a
/// background task that ends starts another turn, at once when it ended during the last one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Rest {
    /// A turn is under way.
    Busy,
    /// The turn is over, and the session has not yet said that nothing follows.
    Settling,
    /// Nothing is under way.
    Idle,
}

/// What one line gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Taken {
    /// News for the engine.
    pub(super) items: Vec<Item>,
    /// Answers for the agent that need nobody.
    pub(super) replies: Vec<Message>,
}

impl Conversation {
    /// A session whose cost so far is `baseline`, working in `work_dir`.
    pub(super) fn new(work_dir: &Path, plan_only: bool, baseline: Cost) -> Self {
        Self {
            work_dir: work_dir.to_owned(),
            planning: plan_only.then_some(true),
            plan: None,
            baseline,
            started: false,
            rest: Rest::Busy,
            background: BTreeSet::new(),
            open: BTreeMap::new(),
            said: BTreeSet::new(),
            ending: false,
            last_message: String::new(),
            turns: 0,
            cost: Cost::default(),
            words: None,
            result: None,
            refusals: 0,
            unknown: BTreeMap::new(),
            noise: VecDeque::new(),
        }
    }

    /// Takes one line of output.
    pub(super) fn take(&mut self, line: &[u8]) -> Taken {
        let mut taken = Taken::default();
        match parse(line) {
            Line::Blank => {}
            Line::Event(event) => self.take_event(event, &mut taken),
            Line::Unknown(kind) => {
                if self.unknown.len() < UNKNOWN_KINDS_MAX || self.unknown.contains_key(&kind) {
                    *self.unknown.entry(kind).or_default() += 1;
                }
            }
            Line::Noise(text) => {
                let line = preview::clean(&text);
                taken.items.push(Item::Note(format!("output that is no event: {line}")));
                if self.noise.len() == NOISE_LINES_MAX {
                    self.noise.pop_front();
                }
                self.noise.push_back(line);
            }
        }
        taken
    }

    fn take_event(&mut self, event: Event, taken: &mut Taken) {
        match event {
            Event::Init { version } => self.take_init(version.as_deref(), taken),
            Event::Assistant { message_id, subagent, synthetic, blocks } => {
                self.rest = Rest::Busy;
                if !subagent && !synthetic {
                    self.count_turn(message_id, taken);
                }
                for block in blocks {
                    self.take_block(block, subagent, synthetic, taken);
                }
            }
            Event::Wrote(path) => {
                taken.items.push(Item::FileTouched(self.work_dir.join(path)));
            }
            Event::Retry { attempt, attempts_max, status, error } => {
                if error == "authentication_failed" {
                    self.refusals = self.refusals.saturating_add(1);
                }
                let cause = status.map_or_else(|| "no connection".to_owned(), |s| s.to_string());
                taken.items.push(Item::Waiting(format!(
                    "the model's service does not answer ({}, {cause}), attempt {attempt} of \
                     {attempts_max}",
                    preview::clean(&error)
                )));
            }
            Event::RateLimit { rejected, resets_at } => {
                if rejected {
                    let until = resets_at.map_or_else(String::new, |at| {
                        let at = crate::clock::Timestamp::from_millis(at.saturating_mul(1000));
                        format!(" until {at}")
                    });
                    let reason = format!("the account's limit is reached{until}");
                    taken.items.push(Item::Waiting(reason));
                }
            }
            Event::BackgroundTasks(ids) => {
                self.background = ids.into_iter().take(OPEN_MAX).collect();
                self.await_another_turn();
            }
            Event::BackgroundStarted(id) => {
                if self.background.len() < OPEN_MAX {
                    self.background.insert(id);
                }
            }
            Event::BackgroundEnded(id) => {
                self.background.remove(&id);
                self.await_another_turn();
            }
            Event::State(state) => self.take_state(state),
            // The program tells it after an approved plan, and nothing else of ours leads there.
            Event::Mode { plans } => self.planning = self.planning.map(|_| plans),
            Event::Refused { tool, reason } => taken.items.push(Item::Note(format!(
                "{} was refused without a question: {}",
                preview::clean(&tool),
                preview::clean(&reason)
            ))),
            Event::Permission { request_id, tool, input } => {
                self.take_question(request_id, tool, input, taken);
            }
            Event::RequestWithdrawn { request_id } => {
                if self.open.remove(&request_id).is_some() {
                    taken.items.push(Item::PermissionWithdrawn { agent_ref: request_id });
                }
            }
            Event::OtherRequest { request_id, subtype } => {
                taken.items.push(Item::Note(format!("the agent asked for {subtype}: refused")));
                taken.replies.push(message::unsupported(&request_id, &subtype));
            }
            Event::Response { request_id } => self.ending |= request_id == END_SESSION,
            Event::MessageTaken(uuid) => {
                self.said.remove(&uuid);
            }
            Event::Result(result) => self.take_result(*result, taken),
            Event::Ignored => {}
        }
    }

    fn take_init(&mut self, version: Option<&str>, taken: &mut Taken) {
        self.rest = Rest::Busy;
        if self.started {
            return;
        }
        self.started = true;
        taken.items.push(Item::Started);
        if let Some(version) = version {
            taken.items.push(Item::Note(format!("Claude Code {}", preview::clean(version))));
        }
    }

    fn take_state(&mut self, state: SessionState) {
        self.rest = match state {
            SessionState::Idle => Rest::Idle,
            SessionState::Running | SessionState::RequiresAction => Rest::Busy,
        };
    }

    /// The end of a background task starts another turn a moment later.
    fn await_another_turn(&mut self) {
        if self.rest == Rest::Idle {
            self.rest = Rest::Settling;
        }
    }

    fn count_turn(&mut self, message_id: String, taken: &mut Taken) {
        // The parts of one message come one by one and share its id.
        if message_id == self.last_message && !message_id.is_empty() {
            return;
        }
        self.last_message = message_id;
        self.turns += 1;
        taken.items.push(self.usage());
    }

    fn take_block(&mut self, block: Block, subagent: bool, synthetic: bool, taken: &mut Taken) {
        match block {
            Block::Text(text) if synthetic => {
                taken.items.push(Item::Note(format!("Claude Code: {}", preview::clean(&text))));
            }
            // What a subagent says is for the agent, which tells the owner what matters.
            Block::Text(text) if subagent || text.trim().is_empty() => {}
            Block::Text(text) => {
                let text = cut(text, TEXT_BYTES_MAX);
                self.words = Some(text.clone());
                taken.items.push(Item::Text(text));
            }
            Block::ToolUse { tool, input } => {
                if let (EXIT_PLAN_MODE, Some(plan)) = (&*tool, plan(&input)) {
                    self.plan = Some(cut(plan.to_owned(), TEXT_BYTES_MAX));
                }
                let detail = preview::of_use(&tool, &input, &self.work_dir);
                let detail = if subagent { format!("subagent: {detail}") } else { detail };
                taken.items.push(Item::Activity { tool: preview::clean(&tool), detail });
            }
        }
    }

    fn take_question(&mut self, request_id: String, tool: String, input: Value, taken: &mut Taken) {
        self.rest = Rest::Busy;
        if let Some(refusal) = self.refusal_while_planning(&tool) {
            let tool = preview::clean(&tool);
            taken.items.push(Item::Note(format!("{tool} was refused: the task only plans")));
            let decision = Decision::Deny { message: refusal.to_owned() };
            taken.replies.push(message::answer(&request_id, &decision, &input));
            return;
        }
        let bytes = input.to_string().len();
        if self.open.len() >= OPEN_MAX || bytes > INPUT_BYTES_MAX {
            taken.items.push(Item::Note(format!(
                "{} was refused: nobody can judge {bytes} bytes, or too many questions are open",
                preview::clean(&tool)
            )));
            let message = "This is too much to be approved at once: do it in smaller steps.";
            let decision = Decision::Deny { message: message.to_owned() };
            taken.replies.push(message::answer(&request_id, &decision, &input));
            return;
        }
        taken.items.push(self.asked(request_id.clone(), &tool, &input));
        self.open.insert(request_id, Question { tool, input });
    }

    fn asked(&mut self, agent_ref: String, tool: &str, input: &Value) -> Item {
        let preview = preview::of_use(tool, input, &self.work_dir);
        if let (questions::TOOL, Some(questions)) = (tool, questions::of(input)) {
            return Item::QuestionAsked { agent_ref, questions, preview };
        }
        if tool == EXIT_PLAN_MODE {
            let told = plan(input).map(|plan| cut(plan.to_owned(), TEXT_BYTES_MAX));
            let plan = told.or_else(|| self.plan.take()).or_else(|| self.words.clone());
            let plan = plan.unwrap_or_else(|| "(the agent gave no plan)".to_owned());
            self.words = Some(plan.clone());
            return Item::PlanAsked { agent_ref, preview: preview::clean(&plan), plan };
        }
        let (tool, input) = (preview::clean(tool), input.clone());
        Item::PermissionAsked { agent_ref, tool, input, preview }
    }

    /// Plan mode asks before it changes something, and an answer would let it: so nobody is asked.
    /// Leaving it is the owner's to allow, once the plan is there.
    fn refusal_while_planning(&self, tool: &str) -> Option<&'static str> {
        let asked = [
            questions::TOOL,
            EXIT_PLAN_MODE,
            "Read",
            "Grep",
            "Glob",
            "WebFetch",
            "WebSearch",
            "ToolSearch",
        ];
        (self.planning == Some(true) && !asked.contains(&tool)).then_some(
            "This task only plans: nothing may be changed and no such command run. Go on without \
             it and give the whole plan as your final answer.",
        )
    }

    fn take_result(&mut self, result: TurnResult, taken: &mut Taken) {
        for uuid in &result.messages {
            self.said.remove(uuid);
        }
        self.cost = difference(result.cost, self.baseline);
        taken.items.push(self.usage());
        let more = result.queued_turns > 0;
        // Older versions do not tell their state, so silence has to do.
        self.rest = if more { Rest::Busy } else { Rest::Settling };
        // A turn that our own farewell cut short takes nothing back from the one before it.
        let is_farewell = self.ending && result.is_interrupted();
        let keeps = is_farewell && self.result.as_ref().is_some_and(TurnResult::is_success);
        if !keeps {
            self.result = Some(result);
        }
    }

    fn usage(&self) -> Item {
        Item::Usage { turns: self.turns, cost: self.cost }
    }

    /// A message goes to the agent.
    pub(super) fn say(&mut self, uuid: Uuid) {
        self.said.insert(uuid.to_string());
    }

    /// Whether the agent has yet to take up a message, which begins a turn when none is under way.
    pub(super) fn has_unheard(&self) -> bool {
        !self.said.is_empty()
    }

    /// A question has its answer.
    pub(super) fn close(&mut self, request_id: &str) {
        self.open.remove(request_id);
    }

    /// A question that waits.
    pub(super) fn question(&self, request_id: &str) -> Option<&Question> {
        self.open.get(request_id)
    }

    /// Whether the agent has something left to do.
    pub(super) fn rest(&self) -> Rest {
        self.rest
    }

    /// Whether nothing is left to wait for but silence: a result is there, no background task.
    pub(super) fn is_over(&self) -> bool {
        self.result.is_some() && self.rest != Rest::Busy && self.background.is_empty()
    }

    /// Whether a result is there and only background tasks are left.
    pub(super) fn waits_for_background(&self) -> bool {
        self.result.is_some() && self.rest != Rest::Busy && !self.background.is_empty()
    }

    /// Whether the model's service has refused the credentials for good.
    pub(super) fn is_refused(&self) -> bool {
        self.refusals >= 2
    }

    /// The last turn's result.
    pub(super) fn result(&self) -> Option<&TurnResult> {
        self.result.as_ref()
    }

    /// The agent's last words.
    pub(super) fn words(&self) -> Option<&str> {
        self.words.as_deref()
    }

    /// Lines that were no events.
    pub(super) fn noise(&self) -> impl Iterator<Item = &str> {
        self.noise.iter().map(String::as_str)
    }

    /// One line about events of unknown kinds, when there were any.
    pub(super) fn unknown_note(&self) -> Option<String> {
        if self.unknown.is_empty() {
            return None;
        }
        let kinds: Vec<String> =
            self.unknown.iter().take(10).map(|(kind, count)| format!("{kind} ({count})")).collect();
        Some(format!("events of kinds that this gateway does not know: {}", kinds.join(", ")))
    }
}

fn plan(input: &Value) -> Option<&str> {
    input.get("plan").and_then(Value::as_str).filter(|plan| !plan.trim().is_empty())
}

/// The part of a cumulative cost that came after `baseline`.
fn difference(total: Cost, baseline: Cost) -> Cost {
    Cost {
        usd: total.usd.map(|usd| (usd - baseline.usd.unwrap_or(0.0)).max(0.0)),
        input_tokens: total.input_tokens.saturating_sub(baseline.input_tokens),
        output_tokens: total.output_tokens.saturating_sub(baseline.output_tokens),
    }
}

/// The beginning of a text, cut between characters, and how much is missing.
pub(super) fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text;
    }
    let end = (0..=bytes_max).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let missing = text.len() - end;
    text.truncate(end);
    text.push_str(&format!("\n… (+{missing} bytes)"));
    text
}
