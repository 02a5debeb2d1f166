//! Waits for the last process of a run, whoever keeps the record of it.
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::verdict::Exit;
use crate::clock::Clock;
use crate::executor::shim::{
    Attachment, EndCause, ExitRecord, Loss, ShimHandle, SweptProcess, attach, end_leftovers,
};

/// How often to look after a run that cannot be looked at now.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many processes a note names.
const NAMED_MAX: usize = 8;

/// Every process is gone.
#[derive(Debug)]
pub(super) struct Gone {
    /// How the agent ended.
    pub(super) exit: Exit,
    /// What the reader should know about it.
    pub(super) notes: Vec<String>,
}

impl Gone {
    /// From the shim's record.
    pub(super) fn recorded(record: &ExitRecord) -> Self {
        let exit = match record.cause {
            EndCause::OutputLimit => Exit::OutputLimit,
            EndCause::NotStarted => {
                let error = record.error.clone().unwrap_or_else(|| "no reason given".to_owned());
                Exit::NotStarted { error }
            }
            EndCause::Exited
            | EndCause::EndTree
            | EndCause::Deadline
            | EndCause::ShimSignalled
            | EndCause::FolderLost
            | EndCause::Unknown => Exit::Recorded { code: record.code, signal: record.signal },
        };
        let mut notes = Vec::new();
        if record.cause == EndCause::ShimSignalled {
            notes.push("the supervising process was told to end and took the agent along".into());
        }
        if record.cause == EndCause::FolderLost {
            notes.push("the folder of the run was removed, and the agent was ended".into());
        }
        notes.extend(swept_note(&record.swept, u64::from(record.swept_count)));
        notes.extend(survivors_note(&record.survivors));
        Self { exit, notes }
    }

    fn unrecorded(exit: Exit, swept: &[SweptProcess], survivors: &[SweptProcess]) -> Self {
        let mut notes = vec!["the supervising process ended before the agent did".to_owned()];
        notes.extend(swept_note(swept, swept.len() as u64));
        notes.extend(survivors_note(survivors));
        Self { exit, notes }
    }
}

fn swept_note(swept: &[SweptProcess], count: u64) -> Option<String> {
    let was = if count == 1 { "process was" } else { "processes were" };
    (count > 0).then(|| format!("{count} {was} left behind and ended: {}", names(swept)))
}

fn survivors_note(survivors: &[SweptProcess]) -> Option<String> {
    let names = names(survivors);
    (!survivors.is_empty()).then(|| format!("processes that even SIGKILL did not end: {names}"))
}

fn names(processes: &[SweptProcess]) -> String {
    let mut names: Vec<String> = processes
        .iter()
        .take(NAMED_MAX)
        .map(|process| format!("{} ({})", process.name, process.pid))
        .collect();
    if processes.len() > NAMED_MAX {
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// Waits until no process of the run is left. `handle` is the shim, where there is one; without one
/// the rest of the run is ended.
pub(super) async fn until_gone(
    handle: Option<ShimHandle>,
    run_dir: PathBuf,
    clock: Arc<dyn Clock>,
) -> Gone {
    let mut handle = handle;
    loop {
        if let Some(handle) = handle.take()
            && let Ok(record) = handle.wait().await
        {
            return Gone::recorded(&record);
        }
        match attach(&run_dir).await {
            Ok(Attachment::Ended(record)) => return Gone::recorded(&record),
            Ok(Attachment::Alive(again)) => handle = Some(again),
            Ok(Attachment::NotStarted) => return Gone::unrecorded(Exit::Unrecorded, &[], &[]),
            Ok(Attachment::Gone { loss, .. }) => {
                let exit = match loss {
                    Loss::Killed => Exit::SupervisorKilled,
                    Loss::Restart => Exit::Unrecorded,
                };
                match end_leftovers(&run_dir).await {
                    Ok((swept, survivors)) => return Gone::unrecorded(exit, &swept, &survivors),
                    Err(_) => clock.sleep(LOOK_EVERY).await,
                }
            }
            Err(_) => clock.sleep(LOOK_EVERY).await,
        }
    }
}
