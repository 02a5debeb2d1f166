//! `executor-claude`: whether Claude Code is there, and new enough.
use futures::future::{BoxFuture, join_all};

use super::{Check, Finding, Verdict, World};
use crate::executor::{Availability, Executor};

pub(super) struct ClaudeProgram;

impl Check for ClaudeProgram {
    fn id(&self) -> &'static str {
        "executor-claude"
    }

    fn title(&self) -> &'static str {
        "Claude Code"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let probes = world.claudes()?.into_iter().map(|(name, claude)| async move {
        match claude {
            Ok(claude) => judge(&name, claude.probe().await),
            Err(fault) => Finding::fail(
                format!("the executor {name} cannot be used"),
                fault,
                format!("correct `[executors.{name}]` in the configuration"),
            ),
        }
    });
    let findings = join_all(probes).await;
    let well: Vec<&str> = findings.iter().map(|finding| finding.summary.as_str()).collect();
    let well = well.join("; ");
    Ok(Finding::of_all(findings, well))
}

fn judge(name: &str, availability: Availability) -> Finding {
    match availability {
        Availability::Ready { version, warning: None } => {
            Finding::ok(format!("{name}: Claude Code {version}"))
        }
        Availability::Ready { version, warning: Some(cause) } => Finding::warn(
            format!("{name}: Claude Code {version} is too old"),
            cause,
            "claude update",
        ),
        Availability::Unavailable { cause, hint } => {
            Finding::fail(format!("{name}: Claude Code cannot be started"), cause, hint)
        }
    }
}
