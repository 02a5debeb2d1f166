//! One run: follows the agent's output, brings it answers, says farewell, ends it when told to.
//!
//! Everything that takes time is a future beside the others, so that neither a slow engine nor an
//! agent that does not read its input holds anything else up. Dropping the whole is harmless at
//! any moment: what was not reported is read again.
use std::sync::Arc;

use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt, OptionFuture};
use futures::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::conversation::{Conversation, Rest, Taken};
use super::delivery::{Delivered, deliver};
use super::ending::{Gone, until_gone};
use super::ladder::{Ladder, Step, farewell};
use super::lines;
use super::message;
use super::resumed;
use super::settings::ClaudeSettings;
use super::start::{Opened, open};
use super::verdict::{self, EndedByUs, Evidence, Exit};
use crate::executor::shim::{OutputLine, OutputStream, OutputTail, ShimHandle, end_of_stderr};
use crate::executor::{Command, Ended, Item, Job, Link, Pace, Report, RunEnd, Start};
use crate::model::{Cost, Decision, FollowUp};

/// News that may wait for the engine before reading stops.
const PENDING_ITEMS_MAX: usize = 64;

/// How much of stderr an error text is made from.
const STDERR_BYTES_MAX: u64 = 4 << 10;

/// Answers that may wait for their question.
const EARLY_MAX: usize = 1000;

/// Does the run.
pub(super) async fn run(settings: Arc<ClaudeSettings>, job: Job, link: Link) -> RunEnd {
    let Link { reports, commands, detach } = link;
    let whole = async {
        let opened = open(&settings, &job).await;
        let before = resumed::cost_before(&job).await;
        match Session::new(&settings, job, opened, before, (reports, commands)) {
            Ok(mut session) => session.follow().await,
            Err(ended) => RunEnd::Ended(ended),
        }
    };
    tokio::select! {
        biased;
        () = detach.cancelled() => RunEnd::Detached,
        end = whole => end,
    }
}

/// Why there is something to do after a while of silence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Due {
    /// Nothing follows the result: say farewell.
    Farewell,
    /// Background tasks go on and on.
    Background,
    /// The agent does not go.
    Lingering,
}

/// A line that was brought to the agent, or not.
#[derive(Debug)]
struct Sent {
    what: What,
    delivered: Delivered,
}

/// What a line is, for those who wait for it.
#[derive(Debug)]
enum What {
    /// A person's answer to this question.
    Answer(String),
    /// A person's message.
    FollowUp(Uuid),
    /// Our own business.
    Own,
}

/// What happened next.
#[derive(Debug)]
enum News {
    Reported,
    /// The engine is gone: the same as being told to leave the agent alone.
    NobodyListens,
    Command(Command),
    NobodyCommands,
    Sent(Sent),
    LadderEnded,
    Gone(Gone),
    Line(OutputLine),
    AllRead,
    Unreadable(String),
    Due(Due),
}

struct Session {
    settings: Arc<ClaudeSettings>,
    job: Job,
    conversation: Conversation,
    handle: Option<ShimHandle>,
    tail: OutputTail,
    reading: bool,
    /// The end of the last line read.
    position: u64,
    /// Up to here the engine knows everything.
    known: u64,
    reports: mpsc::Sender<Report>,
    pending: Vec<Item>,
    commands: mpsc::Receiver<Command>,
    commanded: bool,
    /// Answers to questions that have not been read again yet.
    early: Vec<(String, Decision)>,
    sends: FuturesUnordered<BoxFuture<'static, Sent>>,
    timer: Option<(Due, BoxFuture<'static, ()>)>,
    farewell_said: bool,
    ladder: Option<BoxFuture<'static, ()>>,
    pace: Option<Pace>,
    ended_by_us: Option<EndedByUs>,
    step: watch::Sender<Option<Step>>,
    busy: watch::Sender<bool>,
    gone: Option<BoxFuture<'static, Gone>>,
    exit: Option<Exit>,
    notes: Vec<String>,
}

impl Session {
    fn new(
        settings: &Arc<ClaudeSettings>,
        job: Job,
        opened: Opened,
        before: Cost,
        (reports, commands): (mpsc::Sender<Report>, mpsc::Receiver<Command>),
    ) -> Result<Self, Ended> {
        let conversation = Conversation::new(&job.work_dir, job.plan_only, before);
        let failed = |exit| Evidence {
            conversation: &conversation,
            exit,
            stderr: String::new(),
            ended_by_us: None,
            notes: Vec::new(),
        };
        let opened = match opened {
            Opened::Failed(exit) => return Err(verdict::of(failed(exit))),
            opened => opened,
        };
        let tail = OutputTail::open(&job.run_dir, OutputStream::Stdout, 0)
            .map_err(|error| verdict::of(failed(Exit::NotStarted { error: error.to_string() })))?;
        let (handle, gone) = match opened {
            Opened::Over(record) => {
                let gone = Gone::recorded(&record);
                (None, futures::future::ready(gone).boxed())
            }
            Opened::Live(handle) => {
                (Some(handle.clone()), Self::watch(settings, &job, Some(handle)))
            }
            Opened::Orphaned | Opened::Failed(_) => (None, Self::watch(settings, &job, None)),
        };
        let known = match job.start {
            Start::Fresh => 0,
            Start::Attach { offset } => offset,
        };
        Ok(Self {
            settings: settings.clone(),
            job,
            conversation,
            handle,
            tail,
            reading: true,
            position: 0,
            known,
            reports,
            pending: Vec::new(),
            commands,
            commanded: true,
            early: Vec::new(),
            sends: FuturesUnordered::new(),
            timer: None,
            farewell_said: false,
            ladder: None,
            pace: None,
            ended_by_us: None,
            step: watch::Sender::new(None),
            busy: watch::Sender::new(true),
            gone: Some(gone),
            exit: None,
            notes: Vec::new(),
        })
    }

    fn watch(
        settings: &ClaudeSettings,
        job: &Job,
        handle: Option<ShimHandle>,
    ) -> BoxFuture<'static, Gone> {
        until_gone(handle, job.run_dir.clone(), settings.clock.clone()).boxed()
    }

    /// Follows the run to its end.
    async fn follow(&mut self) -> RunEnd {
        while self.reading || self.exit.is_none() || !self.pending.is_empty() {
            match self.next().await {
                News::Reported | News::NobodyCommands => {}
                News::NobodyListens => return RunEnd::Detached,
                News::Command(command) => self.obey(command),
                News::Sent(sent) => self.note_sent(sent),
                News::LadderEnded => self.ladder = None,
                News::Gone(gone) => self.note_gone(gone),
                News::Line(line) => self.take_line(&line).await,
                News::AllRead => self.reading = false,
                News::Unreadable(why) => self.note_unreadable(why).await,
                News::Due(due) => {
                    self.timer = None;
                    self.act(due);
                }
            }
            self.look_for_the_end();
        }
        RunEnd::Ended(self.judge().await)
    }

    /// Whatever happens first; what the engine waits for comes before what it does not know yet.
    async fn next(&mut self) -> News {
        let may_read = self.reading && self.pending.len() < PENDING_ITEMS_MAX;
        let timer = self.timer.as_mut().map(|(due, timer)| {
            let due = *due;
            timer.map(move |()| due)
        });
        tokio::select! {
            biased;
            room = self.reports.reserve(), if !self.pending.is_empty() => match room {
                Ok(room) => {
                    let offset = self.position.max(self.known);
                    room.send(Report { offset, items: std::mem::take(&mut self.pending) });
                    News::Reported
                }
                Err(_) => News::NobodyListens,
            },
            command = self.commands.recv(), if self.commanded => {
                self.commanded = command.is_some();
                command.map_or(News::NobodyCommands, News::Command)
            }
            Some(sent) = self.sends.next(), if !self.sends.is_empty() => News::Sent(sent),
            Some(()) = OptionFuture::from(self.ladder.as_mut()) => News::LadderEnded,
            Some(gone) = OptionFuture::from(self.gone.as_mut()) => News::Gone(gone),
            line = self.tail.next(), if may_read => match line {
                Ok(Some(line)) => News::Line(line),
                Ok(None) => News::AllRead,
                Err(error) => News::Unreadable(error.to_string()),
            },
            Some(due) = OptionFuture::from(timer) => News::Due(due),
        }
    }

    fn is_caught_up(&self) -> bool {
        self.position >= self.known || !self.reading
    }

    async fn take_line(&mut self, line: &OutputLine) {
        self.position = line.end;
        // Silence is counted from the last line, but an agent that was told to go may not stay by
        // talking on.
        self.timer.take_if(|(due, _)| *due != Due::Lingering);
        let Taken { items, replies } = match lines::whole(&self.job.run_dir, line).await {
            Ok(bytes) => self.conversation.take(&bytes),
            Err(why) => Taken { items: vec![Item::Note(why)], replies: Vec::new() },
        };
        if line.end > self.known {
            self.pending.extend(items);
        }
        for reply in replies {
            // Also for lines that were read before: whether the last gateway got so far is not
            // known, and the shim writes a line once.
            self.send(What::Own, reply);
        }
        for (agent_ref, decision) in std::mem::take(&mut self.early) {
            self.answer(agent_ref, decision);
        }
    }

    /// Told once, tried again as long as the agent runs: what it writes stays where it is.
    async fn note_unreadable(&mut self, why: String) {
        let note = format!("the agent's output could not be read: {why}");
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
        self.reading = self.exit.is_none();
        self.settings.clock.sleep(self.settings.patience.sweep).await;
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Cancel(pace) => self.end(pace, EndedByUs::Cancelled),
            Command::Answer { agent_ref, decision } => self.answer(agent_ref, decision),
            Command::Say(message) => self.say(&message),
        }
    }

    fn answer(&mut self, agent_ref: String, decision: Decision) {
        if let Some(question) = self.conversation.question(&agent_ref) {
            let answer = message::answer(&agent_ref, &decision, &question.input);
            self.send(What::Answer(agent_ref), answer);
        } else if self.early.len() < EARLY_MAX {
            // Not read again yet, or withdrawn: then it stays here for nothing.
            self.early.push((agent_ref, decision));
        }
    }

    fn say(&mut self, message: &FollowUp) {
        if self.farewell_said || self.pace.is_some() || self.exit.is_some() {
            let why = "the agent was on its way out".to_owned();
            self.pending.push(Item::FollowUpLost { id: message.id, why });
            return;
        }
        self.conversation.say(message.id);
        self.send(What::FollowUp(message.id), message::follow_up(message));
    }

    fn send(&mut self, what: What, message: message::Message) {
        let Some(handle) = self.handle.clone() else {
            let why = "its supervising process is gone".to_owned();
            self.note_sent(Sent { what, delivered: Delivered::Never(why) });
            return;
        };
        let clock = self.settings.clock.clone();
        let sent = async move { Sent { what, delivered: deliver(handle, message, clock).await } };
        self.sends.push(sent.boxed());
    }

    fn note_sent(&mut self, Sent { what, delivered }: Sent) {
        match (delivered, what) {
            (Delivered::Yes, What::Answer(agent_ref)) => {
                self.conversation.close(&agent_ref);
                self.pending.push(Item::AnswerDelivered { agent_ref });
            }
            (Delivered::Yes, What::FollowUp(id)) => {
                self.pending.push(Item::FollowUpDelivered { id });
            }
            (Delivered::Never(why), What::FollowUp(id)) => {
                self.pending.push(Item::FollowUpLost { id, why });
            }
            (Delivered::Never(why), What::Answer(_)) => {
                self.pending.push(Item::Note(format!("the answer did not reach the agent: {why}")));
            }
            (_, What::Own) => {}
        }
    }

    /// After every step: is there anything left to wait for?
    fn look_for_the_end(&mut self) {
        self.busy.send_if_modified(|busy| {
            let now = self.conversation.rest() == Rest::Busy;
            std::mem::replace(busy, now) != now
        });
        if self.exit.is_some() || self.pace.is_some() || !self.is_caught_up() {
            self.timer = None;
            return;
        }
        if self.conversation.is_refused() {
            self.end(Pace::Emergency, EndedByUs::Refused);
            return;
        }
        let patience = self.settings.patience;
        let is_idle = self.conversation.is_over() && self.conversation.rest() == Rest::Idle;
        let unheard = self.conversation.has_unheard();
        if is_idle && !unheard && !self.farewell_said {
            self.act(Due::Farewell);
        }
        let (due, wait) = if self.farewell_said {
            (Due::Lingering, patience.leave)
        } else if self.conversation.waits_for_background() {
            (Due::Background, patience.background)
        } else if !self.conversation.is_over() {
            self.timer = None;
            return;
        } else if unheard {
            // A turn for it begins at once; a version that does not tell is not waited for long.
            (Due::Farewell, patience.leave)
        } else {
            (Due::Farewell, patience.settle)
        };
        if self.timer.as_ref().is_none_or(|(armed, _)| *armed != due) {
            let clock = self.settings.clock.clone();
            self.timer = Some((due, async move { clock.sleep(wait).await }.boxed()));
        }
    }

    fn act(&mut self, due: Due) {
        match due {
            Due::Farewell => {
                self.farewell_said = true;
                if let Some(handle) = self.handle.clone() {
                    let bye = async move {
                        farewell(&handle).await;
                        Sent { what: What::Own, delivered: Delivered::Yes }
                    };
                    self.sends.push(bye.boxed());
                }
            }
            Due::Background => {
                let minutes = self.settings.patience.background.as_secs() / 60;
                self.notes.push(format!(
                    "background work was still running {minutes} minutes after the answer and was \
                     ended"
                ));
                self.end(Pace::Orderly, EndedByUs::Lingering);
            }
            Due::Lingering => {
                self.notes.push("the agent did not go after its answer and was ended".to_owned());
                self.end(Pace::Orderly, EndedByUs::Lingering);
            }
        }
    }

    /// Begins to end the run; a faster pace takes over from a slower one.
    fn end(&mut self, pace: Pace, why: EndedByUs) {
        let hurries = self.pace == Some(Pace::Orderly) && pace == Pace::Emergency;
        if self.exit.is_some() || (self.pace.is_some() && !hurries) {
            return;
        }
        self.pace = Some(pace);
        self.ended_by_us.get_or_insert(why);
        self.timer = None;
        let ladder = Ladder {
            handle: self.handle.clone(),
            run_dir: self.job.run_dir.clone(),
            patience: self.settings.patience,
            clock: self.settings.clock.clone(),
            step: self.step.clone(),
            busy: self.busy.subscribe(),
        };
        self.ladder = Some(ladder.climb(pace).boxed());
    }

    fn note_gone(&mut self, gone: Gone) {
        self.gone = None;
        self.ladder = None;
        self.exit = Some(gone.exit);
        self.notes.extend(gone.notes);
        // With no record the tail cannot know that nobody writes any more.
        self.tail.stopper().cancel();
    }

    async fn judge(&mut self) -> Ended {
        let mut notes = std::mem::take(&mut self.notes);
        if let Some(step) = *self.step.borrow() {
            let why = match self.ended_by_us {
                Some(EndedByUs::Refused) => "the credentials were refused",
                Some(EndedByUs::Lingering) => "it lingered",
                Some(EndedByUs::Cancelled) | None => "it was cancelled",
            };
            notes.insert(0, format!("the agent was ended because {why}; it went after {step}"));
        }
        verdict::of(Evidence {
            conversation: &self.conversation,
            exit: self.exit.take().unwrap_or(Exit::Unrecorded),
            ended_by_us: self.ended_by_us,
            stderr: end_of_stderr(&self.job.run_dir, STDERR_BYTES_MAX).await.text,
            notes,
        })
    }
}
