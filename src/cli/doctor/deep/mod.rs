//! `gateway doctor --deep`: a whole sign-in and a one-turn task through a front door of its own.
//!
//! It starts a second gateway with a folder, clients, secrets and a project of its own, no tunnel, and
//! a stand-in for the agent; then it does what a client does: discovery, consent with the code of the
//! terminal, tokens, tools, a task, its diff, revocation. The owner's own gateway, account and projects
//! are not touched. Every step is a line; the first that fails names the cause, the rest are skipped.
mod flow;
mod stage;

use std::time::Duration;

use self::flow::{Flow, Trouble};
use self::stage::Stage;
use super::{Finding, Line, Skipped, Verdict};
use crate::cli::context::Context;

/// How long one step may take.
const STEP_LIMIT: Duration = Duration::from_secs(60);

/// The steps, in their order.
const STEPS: [&str; 9] = [
    "deep-start",
    "deep-discovery",
    "deep-sign-in",
    "deep-refresh",
    "deep-tools",
    "deep-task",
    "deep-diff",
    "deep-revoke",
    "deep-stop",
];

/// Goes the whole way once; a line for each step.
pub(in crate::cli) async fn run(context: &Context) -> Vec<Line> {
    let mut log = Log::default();
    let started = log.step(Stage::start(&context.env)).await;
    let Some(stage) = started else { return log.finish() };
    if let Some(flow) = log.step(Flow::discover(&stage)).await {
        walk(&mut log, &stage, flow).await;
    }
    // Whatever happened before, the gateway ends.
    log.skip_to("deep-stop");
    log.step(stage.end()).await;
    log.finish()
}

async fn walk(log: &mut Log, stage: &Stage, mut flow: Flow) -> Option<()> {
    log.step(flow.sign_in(stage)).await?;
    log.step(flow.refresh()).await?;
    log.step(flow.tools()).await?;
    let task = log.step(flow.task()).await?;
    log.step(flow.diff(stage, &task)).await?;
    log.step(flow.revoke()).await
}

/// The lines so far.
#[derive(Debug, Default)]
struct Log {
    lines: Vec<Line>,
}

impl Log {
    /// Takes the next step; nothing comes of one that failed.
    async fn step<T>(
        &mut self,
        step: impl Future<Output = Result<(String, T), Trouble>>,
    ) -> Option<T> {
        let done = tokio::time::timeout(STEP_LIMIT, step).await;
        let done = done.unwrap_or_else(|_| {
            Err(Trouble::new(format!("it took longer than {} s", STEP_LIMIT.as_secs())))
        });
        let (verdict, value) = match done {
            Ok((summary, value)) => (Ok(Finding::ok(summary)), Some(value)),
            Err(trouble) => (failed(self.next(), trouble), None),
        };
        self.lines.push(Line::new(self.next(), verdict));
        value
    }

    fn next(&self) -> &'static str {
        STEPS.get(self.lines.len()).copied().unwrap_or("deep-stop")
    }

    /// Passes over the steps before `id`; they tell which one was in their way.
    fn skip_to(&mut self, id: &str) {
        let last = self.lines.last().map_or("deep-start", |line| line.id);
        for step in STEPS.into_iter().skip(self.lines.len()).take_while(|step| *step != id) {
            self.lines.push(Line::new(step, Err(Skipped::because(format!("needs `{last}`")))));
        }
    }

    /// All steps.
    fn finish(mut self) -> Vec<Line> {
        self.skip_to("");
        self.lines
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a line's verdict")]
fn failed(id: &str, trouble: Trouble) -> Verdict {
    let what = match id {
        "deep-start" => "a gateway for the trial does not start",
        "deep-discovery" => "a client cannot find out how to sign in",
        "deep-sign-in" => "a client cannot sign in",
        "deep-refresh" => "a client cannot stay signed in",
        "deep-tools" => "the tools cannot be listed",
        "deep-task" => "a task does not run to its end",
        "deep-diff" => "a task's changes do not come back",
        "deep-revoke" => "a client's tokens cannot be revoked",
        _ => "the trial's gateway does not end",
    };
    let fix = trouble.fix.unwrap_or_else(|| {
        "run `gateway doctor` and cure what it names first; if nothing is left, this is a fault of the \
         program: report these lines"
            .to_owned()
    });
    Ok(Finding::fail(what, trouble.cause, fix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Status;

    #[tokio::test]
    async fn a_failed_step_names_its_cause_and_the_later_ones_name_it() {
        let mut log = Log::default();
        let ok = async { Ok(("started".to_owned(), 7)) };
        assert_eq!(log.step(ok).await, Some(7));
        let bad = async { Err::<(String, ()), _>(Trouble::new("HTTP 500")) };
        assert_eq!(log.step(bad).await, None);
        let lines = log.finish();
        assert_eq!(lines.iter().map(|line| line.id).collect::<Vec<_>>(), STEPS);
        assert_eq!(lines[1].finding.status, Status::Fail);
        assert_eq!(lines[1].finding.detail.as_deref(), Some("HTTP 500"));
        assert!(lines[2..].iter().all(|line| line.finding.summary == "needs `deep-discovery`"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_hangs_ends_with_its_limit() {
        let mut log = Log::default();
        let hung = std::future::pending::<Result<(String, ()), Trouble>>();
        assert_eq!(log.step(hung).await, None);
        let cause = log.finish().remove(0).finding.detail.unwrap();
        assert_eq!(cause, "it took longer than 60 s");
    }
}
