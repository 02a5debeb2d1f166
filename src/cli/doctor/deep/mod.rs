//! `gateway doctor --deep`: a whole sign-in and a one-turn task through a front door of its own.
//!
//! It starts a second gateway with a folder, clients, secrets and a project of its own, no tunnel, and
//! a stand-in for the agent; then it does what a client does: discovery, consent with the code of the
//! terminal, tokens, tools, a task, its diff, revocation. The owner's own gateway, account and projects
//! are not touched. Every step is a line; the first that fails names the cause, the rest are skipped.
mod stage;
mod trial;

use self::stage::Stage;
use super::Line;
use super::visitor::{self, Credentials, Visitor};
use super::walk::{Named, Step, Trouble, Walk};
use crate::cli::context::Context;

/// The steps, in their order.
const STEPS: &[Named] = &[
    ("deep-start", "a gateway for the trial does not start"),
    ("deep-discovery", "a client cannot find out how to sign in"),
    ("deep-sign-in", "a client cannot sign in"),
    ("deep-refresh", "a client cannot stay signed in"),
    ("deep-tools", "the tools cannot be listed"),
    ("deep-task", "a task does not run to its end"),
    ("deep-diff", "a task's changes do not come back"),
    ("deep-revoke", "a client's tokens cannot be revoked"),
    ("deep-stop", "the trial's gateway does not end"),
];
const CURE: &str = "run `gateway doctor` and cure what it names first; if nothing is left, this is a \
    fault of the program: report these lines";

/// Goes the whole way once; a line for each step.
pub(in crate::cli) async fn run(context: &Context) -> Vec<Line> {
    let mut walk = Walk::new(STEPS, CURE);
    let started = walk.step(Stage::start(&context.env)).await;
    let Some(stage) = started else { return walk.finish() };
    if let Some(visitor) = walk.step(discover(&stage)).await {
        go(&mut walk, &stage, visitor).await;
    }
    // Whatever happened before, the gateway ends.
    walk.skip_to("deep-stop");
    walk.step(stage.end()).await;
    walk.finish()
}

async fn discover(stage: &Stage) -> Step<Visitor> {
    let http = visitor::http("gateway-doctor").no_proxy().build().map_err(Trouble::from)?;
    let credentials = Credentials {
        client_id: stage.client_id.clone(),
        secret: Some(stage.client_secret.clone()),
    };
    Visitor::discover(http, &stage.base, credentials).await
}

async fn go(walk: &mut Walk, stage: &Stage, mut visitor: Visitor) -> Option<()> {
    walk.step(visitor.sign_in(stage.consent_code())).await?;
    walk.step(visitor.refresh()).await?;
    walk.step(visitor.tools()).await?;
    let task = walk.step(trial::task(&visitor)).await?;
    walk.step(trial::diff(&visitor, stage, &task)).await?;
    walk.step(visitor.revoke()).await
}
