//! Starts the agent, or finds it again; an agent is never started twice for one run.
//!
//! The folder of the run decides: the shim that creates its state there owns the run, so when a
//! lost gateway has left nothing behind, starting is safe even if its shim is only late.
use super::argv::{Invocation, Session};
use super::settings::ClaudeSettings;
use super::verdict::Exit;
use super::{environment, locate, message, probe, resumed};
use crate::executor::shim::{
    Attachment, ExitRecord, ShimError, ShimHandle, ShimSpec, StdinLine, attach, launch,
};
use crate::executor::{Job, Start};

/// Where the run stands when it is taken up.
#[derive(Debug)]
pub(super) enum Opened {
    /// The agent runs.
    Live(ShimHandle),
    /// It ran.
    Over(Box<ExitRecord>),
    /// Its shim died, and what is left of the run is to be ended.
    Orphaned,
    /// There is no agent and there will be none.
    Failed(Exit),
}

/// Takes the run up.
pub(super) async fn open(settings: &ClaudeSettings, job: &Job) -> Opened {
    match job.start {
        Start::Fresh => fresh(settings, job).await,
        Start::Attach { .. } => again(settings, job).await,
    }
}

async fn fresh(settings: &ClaudeSettings, job: &Job) -> Opened {
    let spec = match spec(settings, job) {
        Ok(spec) => spec,
        Err(error) => return Opened::Failed(Exit::NotStarted { error }),
    };
    if let Err(error) = resumed::look_up(job, &spec.env).await {
        return Opened::Failed(Exit::NotStarted { error });
    }
    match launch(&job.run_dir, &spec, &settings.gateway).await {
        Ok(handle) => Opened::Live(handle),
        // A shim of an earlier try was late and owns the run, or this one is slow: look again.
        Err(ShimError::AlreadyLaunched | ShimError::Unresponsive) => found(job).await,
        Err(error) => Opened::Failed(Exit::NotStarted { error: error.to_string() }),
    }
}

async fn again(settings: &ClaudeSettings, job: &Job) -> Opened {
    match attach(&job.run_dir).await {
        Ok(Attachment::NotStarted) => fresh(settings, job).await,
        other => of_attachment(other),
    }
}

async fn found(job: &Job) -> Opened {
    of_attachment(attach(&job.run_dir).await)
}

fn of_attachment(attachment: Result<Attachment, ShimError>) -> Opened {
    match attachment {
        Ok(Attachment::Alive(handle)) => Opened::Live(handle),
        Ok(Attachment::Ended(record)) => Opened::Over(record),
        Ok(Attachment::NotStarted) => {
            let error = "the supervising process did not come up in time".to_owned();
            Opened::Failed(Exit::NotStarted { error })
        }
        Err(error @ ShimError::Refused { .. }) => {
            Opened::Failed(Exit::NotStarted { error: error.to_string() })
        }
        // Its shim died; or it lives and does not answer, or its files cannot be read now: whoever
        // waits for the end goes on trying.
        Ok(Attachment::Gone { .. }) | Err(_) => Opened::Orphaned,
    }
}

/// What the shim is to run. The error says what to do about it.
fn spec(settings: &ClaudeSettings, job: &Job) -> Result<ShimSpec, String> {
    let environment = environment::of_agent(&settings.environment, &settings.env_pass);
    let program = locate::program(&settings.command, &environment)
        .map_err(|cause| format!("{cause}; {}", probe::INSTALL))?;
    let program = program.to_str().ok_or("the program's path is not UTF-8")?.to_owned();
    let mcp_config = job.work_dir.join(".mcp.json");
    let session = match &job.resume {
        None => Session::New(job.session_id),
        Some(resume) if resume.session_id == job.session_id => Session::Resumed(job.session_id),
        Some(resume) => Session::Copied { from: resume.session_id, to: job.session_id },
    };
    let invocation = Invocation {
        session,
        model: job.model.clone().or_else(|| settings.model.clone()),
        plan_only: job.plan_only,
        allowed_tools: job.allowed_tools.clone(),
        project_settings: job.trust_project_config,
        mcp_config: Some(mcp_config).filter(|path| job.trust_project_config && path.is_file()),
        owner_settings: settings.owner_settings,
        budget_usd: job.budget_usd,
        turns_max: job.turns_max,
    };
    let mut argv = vec![program];
    argv.extend(invocation.argv().map_err(|error| error.to_string())?);
    let mut spec = ShimSpec::new(argv, job.work_dir.clone(), job.task_id.to_string());
    let prompt = message::prompt(&job.task_id, &job.prompt);
    spec.stdin = vec![StdinLine { id: prompt.id, line: prompt.line }];
    spec.env = environment;
    spec.output_bytes_max = job.output_bytes_max;
    Ok(spec)
}
