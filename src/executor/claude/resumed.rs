//! A session of before: whether it is there and of the right place, and what it had cost.
//!
//! The program counts a resumed session's cost on, so what it had cost is noted beside the run before
//! the agent starts: a gateway that takes the run up later still knows where the task's own part begins.
use std::collections::BTreeMap;
use std::path::PathBuf;

use gateway_os::folders::{private_dir, write_private};

use super::transcript;
use crate::executor::Job;
use crate::model::Cost;

/// The note, in the run's folder.
const FILE: &str = "before.json";

/// Looks the session up that the job goes on with, when it does. The error is a sentence.
pub(super) async fn look_up(
    job: &Job,
    environment: &BTreeMap<String, String>,
) -> Result<(), String> {
    let Some(resume) = job.resume.clone() else { return Ok(()) };
    let (environment, folder) = (environment.clone(), job.run_dir.clone());
    let looked = move || {
        let records = transcript::find(&environment, resume.session_id);
        let Some(first) = records.first() else {
            return Err(format!(
                "Claude Code has no record of session {} any more; start a task without session_id",
                resume.session_id
            ));
        };
        let is_elsewhere =
            |folder: &PathBuf| records.iter().any(|record| !transcript::begun_in(record, folder));
        if resume.begun_in.as_ref().is_some_and(is_elsewhere) {
            return Err(format!(
                "session {} did not begin in this project's folder; resume it from its own project",
                resume.session_id
            ));
        }
        let cost = serde_json::to_vec(&transcript::cost(first));
        let cost = cost.map_err(|error| error.to_string())?;
        private_dir(&folder).map_err(|error| error.to_string())?;
        write_private(&folder.join(FILE), &cost).map_err(|error| error.to_string())
    };
    tokio::task::spawn_blocking(looked).await.unwrap_or_else(|error| Err(error.to_string()))
}

/// What the session had cost when the job's run began.
pub(super) async fn cost_before(job: &Job) -> Cost {
    if job.resume.is_none() {
        return Cost::default();
    }
    let bytes = tokio::fs::read(job.run_dir.join(FILE)).await.unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
