//! A walk of several steps, each resting on the one before: a line for each, also for those that were
//! not reached.
use std::time::Duration;

use super::{Finding, Line, Skipped, Verdict};
use crate::mcp::client::ClientError;
use crate::telemetry::root_cause;

/// How long one step may take.
const STEP_LIMIT: Duration = Duration::from_secs(60);

/// Why a step failed.
#[derive(Debug)]
pub(super) struct Trouble {
    /// The cause.
    pub(super) cause: String,
    /// The cure, where there is more to say than of every step.
    pub(super) fix: Option<String>,
}

impl Trouble {
    pub(super) fn new(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), fix: None }
    }

    pub(super) fn with_fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("the temporary folder: {error}"))
            .with_fix("gateway doctor --only disk; or set TMPDIR to a folder that you may write")
    }
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        Self::new(root_cause(&error))
    }
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        Self::new(error.to_string())
    }
}

/// What a step comes to: a line about it, and what the next one needs.
pub(super) type Step<T> = Result<(String, T), Trouble>;

/// A step: its id, and what it means when it fails.
pub(super) type Named = (&'static str, &'static str);

/// The steps of a walk, and the lines so far.
#[derive(Debug)]
pub(super) struct Walk {
    steps: &'static [Named],
    /// The cure of a failure that knows none of its own.
    cure: &'static str,
    lines: Vec<Line>,
}

impl Walk {
    /// A walk at its beginning.
    pub(super) fn new(steps: &'static [Named], cure: &'static str) -> Self {
        Self { steps, cure, lines: Vec::new() }
    }

    /// Takes the next step; nothing comes of one that failed.
    pub(super) async fn step<T>(&mut self, step: impl Future<Output = Step<T>>) -> Option<T> {
        let done = tokio::time::timeout(STEP_LIMIT, step).await;
        let done = done.unwrap_or_else(|_| {
            Err(Trouble::new(format!("it took longer than {} s", STEP_LIMIT.as_secs())))
        });
        let (id, what) = self.next();
        let (verdict, value): (Verdict, _) = match done {
            Ok((summary, value)) => (Ok(Finding::ok(summary)), Some(value)),
            Err(Trouble { cause, fix }) => {
                let fix = fix.unwrap_or_else(|| self.cure.to_owned());
                (Ok(Finding::fail(what, cause, fix)), None)
            }
        };
        self.lines.push(Line::new(id, verdict));
        value
    }

    fn next(&self) -> Named {
        self.steps[self.lines.len().min(self.steps.len() - 1)]
    }

    /// Passes over the steps before `id`; they tell which one was in their way.
    pub(super) fn skip_to(&mut self, id: &str) {
        let last = self.lines.last().map_or(self.steps[0].0, |line| line.id);
        for (step, _) in
            self.steps.iter().skip(self.lines.len()).take_while(|(step, _)| *step != id)
        {
            self.lines.push(Line::new(step, Err(Skipped::because(format!("needs `{last}`")))));
        }
    }

    /// All steps.
    pub(super) fn finish(mut self) -> Vec<Line> {
        self.skip_to("");
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Status;

    const STEPS: &[Named] = &[
        ("trial-start", "it does not start"),
        ("trial-way", "there is no way in"),
        ("trial-end", "it does not end"),
    ];

    #[tokio::test]
    async fn a_failed_step_names_its_cause_and_the_later_ones_name_it() {
        let mut walk = Walk::new(STEPS, "report it");
        let ok = async { Ok(("started".to_owned(), 7)) };
        assert_eq!(walk.step(ok).await, Some(7));
        let bad = async { Err::<(String, ()), _>(Trouble::new("HTTP 500")) };
        assert_eq!(walk.step(bad).await, None);
        let lines = walk.finish();
        assert_eq!(
            lines.iter().map(|line| line.id).collect::<Vec<_>>(),
            ["trial-start", "trial-way", "trial-end"]
        );
        assert_eq!(lines[1].finding.status, Status::Fail);
        assert_eq!(lines[1].finding.summary, "there is no way in");
        assert_eq!(lines[1].finding.detail.as_deref(), Some("HTTP 500"));
        assert_eq!(lines[1].finding.fix.as_deref(), Some("report it"));
        assert_eq!(lines[2].finding.summary, "needs `trial-way`");
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_hangs_ends_with_its_limit() {
        let mut walk = Walk::new(STEPS, "report it");
        let hung = std::future::pending::<Step<()>>();
        assert_eq!(walk.step(hung).await, None);
        let cause = walk.finish().remove(0).finding.detail.unwrap();
        assert_eq!(cause, "it took longer than 60 s");
    }
}
