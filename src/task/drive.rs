//! One task on its way: workspace, agent, collection. Tells the engine, decides nothing.
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::budget::Allowance;
use super::engine::Message;
use super::news::{News, NewsKind, Verdict};
use super::settings::{ProjectRules, Surroundings};
use crate::clock::Clock;
use crate::executor::{Command, Ended, Executor, Job, Link, Report, Resume, RunEnd, Start};
use crate::model::{self, Failure, FailureKind, Task};

/// Reports that may wait for the engine.
const REPORTS: usize = 16;
/// Longest wait before a step that the database refused is tried again.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// All that a driver needs.
pub(super) struct Driver {
    pub(super) engine: mpsc::Sender<Message>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) surroundings: Surroundings,
    pub(super) rules: ProjectRules,
    pub(super) output_bytes_max: u64,
    pub(super) allowance: Allowance,
    pub(super) commands: mpsc::Receiver<Command>,
    /// Cancelled when the task is: ends the making of its workspace.
    pub(super) cancel: CancellationToken,
    /// Cancelled when the gateway leaves: ends the driver, not the agent.
    pub(super) detach: CancellationToken,
}

impl Driver {
    /// Drives `task` to its end, or until the gateway leaves. `start` tells whether an agent may
    /// exist already.
    pub(super) async fn drive(mut self, task: Task, start: Start) {
        let detach = self.detach.clone();
        // The run itself hears of `detach` through its link and lets go of the agent in order;
        // every other step is simply dropped and done again by the next gateway.
        let task = tokio::select! {
            task = self.prepare(task) => task,
            () = detach.cancelled() => return,
        };
        let Some(task) = task else { return };
        let Some(ended) = self.run(&task, start).await else { return };
        tokio::select! {
            () = self.settle(&task, ended) => {}
            () = detach.cancelled() => {}
        }
    }

    /// The task with a workspace and a run; none when it is over.
    async fn prepare(&mut self, task: Task) -> Option<Task> {
        if task.run.is_some() && task.workspace.is_some() {
            return Some(task);
        }
        let cancel = self.cancel.clone();
        let prepared = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            prepared = self.surroundings.workspaces.prepare(&task) => Some(prepared),
        };
        let Some(prepared) = prepared else {
            let settled = Ok(super::Settled::default());
            self.tell(&task, NewsKind::Settled { ended: None, settled }).await?;
            return None;
        };
        match self.tell(&task, NewsKind::Prepared(prepared)).await? {
            Verdict::GoOn(task) => Some(*task),
            Verdict::Stop => None,
        }
    }

    /// How the agent ended; none when the gateway leaves it running.
    async fn run(&mut self, task: &Task, start: Start) -> Option<Ended> {
        let Some(executor) = self.surroundings.executors.get(&task.spec.executor).cloned() else {
            return Some(unavailable(format!(
                "executor `{}` is no longer configured",
                task.spec.executor
            )));
        };
        let (Some(run), Some(workspace)) = (&task.run, &task.workspace) else {
            return Some(unavailable("the task has no workspace".to_owned()));
        };
        let job = Job {
            task_id: task.id.clone(),
            start,
            run_dir: run.dir.clone(),
            work_dir: workspace.dir.clone(),
            session_id: run.session_id,
            prompt: task.spec.prompt.clone(),
            model: task.spec.model.clone(),
            plan_only: task.spec.plan_only,
            allowed_tools: self.rules.allowed_tools.clone(),
            trust_project_config: self.rules.trust_project_config,
            output_bytes_max: self.output_bytes_max,
            budget_usd: self.allowance.usd,
            turns_max: self.allowance.turns,
            resume: task.spec.resume.map(|resume| Resume {
                session_id: resume.session_id,
                begun_in: resume.copy.then(|| self.rules.folder.clone()),
            }),
        };
        let end = self.follow(&*executor, job, task).await;
        match end {
            RunEnd::Detached => None,
            RunEnd::Ended(ended) => Some(ended),
        }
    }

    async fn follow(&mut self, executor: &dyn Executor, job: Job, task: &Task) -> RunEnd {
        let (reports, mut received) = mpsc::channel::<Report>(REPORTS);
        let (_unused, empty) = mpsc::channel(1);
        let commands = std::mem::replace(&mut self.commands, empty);
        let link = Link { reports, commands, detach: self.detach.clone() };
        let mut run = executor.run(job, link);
        // The run and the storing of its reports take turns in one future, so that dropping the
        // driver drops both.
        let end = loop {
            let report = tokio::select! {
                end = &mut run => break end,
                Some(report) = received.recv() => report,
            };
            let told = self.tell(task, NewsKind::Report(report));
            tokio::pin!(told);
            let early = tokio::select! {
                answered = &mut told => match answered {
                    Some(_) => continue,
                    None => return RunEnd::Detached,
                },
                end = &mut run => end,
            };
            if told.await.is_none() {
                return RunEnd::Detached;
            }
            break early;
        };
        if end == RunEnd::Detached {
            return end;
        }
        // What the run sent before it ended is in the channel by now.
        while let Ok(report) = received.try_recv() {
            if self.tell(task, NewsKind::Report(report)).await.is_none() {
                return RunEnd::Detached;
            }
        }
        end
    }

    async fn settle(&mut self, task: &Task, ended: Ended) {
        let Some(Verdict::GoOn(task)) = self.tell(task, NewsKind::RunEnded).await else { return };
        let settled = self.surroundings.workspaces.settle(&task).await;
        self.tell(&task, NewsKind::Settled { ended: Some(ended), settled }).await;
    }

    /// Tells the engine until it is stored; none when the engine is gone.
    async fn tell(&self, task: &Task, kind: NewsKind) -> Option<Verdict> {
        let mut pause = Duration::from_millis(500);
        loop {
            let (stored, answer) = oneshot::channel();
            let news = News { task_id: task.id.clone(), kind: kind.clone(), stored };
            self.engine.send(Message::News(Box::new(news))).await.ok()?;
            match answer.await.ok()? {
                Ok(verdict) => return Some(verdict),
                Err(error) => {
                    tracing::warn!(task = %task.id, %error, "will try again to store a step");
                }
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }
}

fn unavailable(message: String) -> Ended {
    let failure = Failure { kind: FailureKind::ExecutorUnavailable, message };
    Ended { verdict: model::Verdict::Failed(failure), answer: None, notes: Vec::new() }
}
