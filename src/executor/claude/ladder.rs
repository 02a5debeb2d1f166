//! Ends a run, step by step (contract C10): first with time for the agent to write down where it
//! was, at last without.
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::message::{self, END_SESSION, INTERRUPT, Message};
use super::settings::Patience;
use crate::clock::Clock;
use crate::executor::Pace;
use crate::executor::shim::{AgentSignal, Attachment, ShimHandle, attach, end_leftovers};

/// How long the agent may take to read what ends it.
const WRITE_WAIT: Duration = Duration::from_millis(300);
/// Between two tries to end what could not be reached.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// The step that a cancellation has come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// The turn was asked to stop.
    Interrupt,
    /// The session was asked to end.
    EndSession,
    /// SIGINT to the agent.
    Int,
    /// SIGTERM to the agent.
    Term,
    /// Every process is being ended.
    Kill,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "the interrupt",
            Self::EndSession => "the end of its session",
            Self::Int => "SIGINT",
            Self::Term => "SIGTERM",
            Self::Kill => "SIGKILL to all that was left",
        })
    }
}

/// What a cancellation needs.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    /// The shim; none when it died.
    pub(super) handle: Option<ShimHandle>,
    /// The folder of the run.
    pub(super) run_dir: PathBuf,
    /// How long each step waits.
    pub(super) patience: Patience,
    /// Where time comes from.
    pub(super) clock: Arc<dyn Clock>,
    /// Where the step is told.
    pub(super) step: watch::Sender<Option<Step>>,
    /// Whether a turn is under way.
    pub(super) busy: watch::Receiver<bool>,
}

impl Ladder {
    /// Goes all the way up; whoever sees the end of the run earlier drops this.
    pub(super) async fn climb(mut self, pace: Pace) {
        if let Some(handle) = self.handle.clone() {
            match pace {
                Pace::Orderly => self.ask(&handle).await,
                Pace::Emergency => self.interrupt(&handle, self.patience.emergency).await,
            }
        }
        let grace = match pace {
            Pace::Orderly => self.patience.sweep,
            Pace::Emergency => Duration::ZERO,
        };
        self.reach(Step::Kill);
        self.end_all(grace).await;
    }

    async fn ask(&mut self, handle: &ShimHandle) {
        self.interrupt(handle, self.patience.interrupt).await;
        self.reach(Step::EndSession);
        farewell(handle).await;
        self.clock.sleep(self.patience.end_session).await;
        for (step, signal) in
            [(Step::Int, AgentSignal::Interrupt), (Step::Term, AgentSignal::Terminate)]
        {
            self.reach(step);
            // An agent that is gone needs no signal: the shim is sweeping behind it.
            let _ = handle.signal(signal).await;
            self.clock.sleep(self.patience.signal).await;
        }
    }

    /// Asks a turn to stop and waits until it has.
    async fn interrupt(&mut self, handle: &ShimHandle, patience: Duration) {
        if !*self.busy.borrow() {
            return;
        }
        self.reach(Step::Interrupt);
        let over = async {
            let _ = write(handle, &message::control(INTERRUPT)).await;
            // The sender lives as long as the run is followed.
            let _ = self.busy.wait_for(|busy| !busy).await;
        };
        tokio::select! {
            () = over => {}
            () = self.clock.sleep(patience) => {}
        }
    }

    fn reach(&self, step: Step) {
        self.step.send_replace(Some(step));
    }

    /// Ends every process, through the shim or, when that is lost, directly.
    async fn end_all(&self, grace: Duration) {
        let mut handle = self.handle.clone();
        loop {
            if let Some(handle) = handle.take()
                && handle.end_tree(grace).await.is_ok()
            {
                return;
            }
            match attach(&self.run_dir).await {
                Ok(Attachment::Alive(again)) => handle = Some(again),
                Ok(Attachment::NotStarted | Attachment::Ended(_)) => return,
                Ok(Attachment::Gone { .. }) => {
                    if end_leftovers(&self.run_dir).await.is_ok() {
                        return;
                    }
                }
                Err(_) => {}
            }
            self.clock.sleep(AGAIN_AFTER).await;
        }
    }
}

/// Ends the session and closes its input. An idle agent goes at once; one that has more to do
/// after all does it without us.
pub(super) async fn farewell(handle: &ShimHandle) {
    // What cannot be written any more is no loss: the closed input ends the agent as well.
    let _ = write(handle, &message::control(END_SESSION)).await;
    let _ = timeout(WRITE_WAIT * 2, handle.close_stdin()).await;
}

async fn write(handle: &ShimHandle, message: &Message) -> bool {
    let written = handle.write_within(&message.id, &message.line, WRITE_WAIT);
    matches!(timeout(WRITE_WAIT * 2, written).await, Ok(Ok(())))
}
