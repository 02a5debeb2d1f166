//! `gateway doctor`: looks at everything the gateway needs, and names the cure of what is wrong.
//!
//! A [`Check`] looks at a [`World`] and makes a [`Finding`]; [`CHECKS`] is the one table of them,
//! in the order they are shown. A new check is a new file and a line in the table; its id is stable
//! from then on. Every check has its own time limit, and none can stop another: they run side by
//! side, and a panic in one is that one's failure. Nothing here changes anything or prints a secret.
mod claude_folder;
mod claude_login;
mod clients;
mod clock;
mod config;
mod database;
pub(in crate::cli) mod deep;
mod disk;
mod environment;
mod executor_claude;
mod finding;
mod folders;
mod git;
mod limits;
mod listen_port;
mod machine;
mod memory;
mod projects;
pub(in crate::cli) mod public;
mod public_url;
mod report;
mod running;
mod secrets;
mod service;
mod service_inside;
mod state_lock;
mod terminal;
#[cfg(test)]
mod tests;
mod tunnel_cloudflared;
mod tunnel_ngrok;
mod tunnel_provider;
mod version;
mod visitor;
mod walk;
mod world;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};

pub(in crate::cli) use self::finding::{Finding, Skipped, Status, Verdict};
pub(in crate::cli) use self::report::{Line, Report};
pub(in crate::cli) use self::world::World;

/// One thing to look at.
pub(in crate::cli) trait Check: Sync {
    /// Its name in output and after `--only`; never changes.
    fn id(&self) -> &'static str;

    /// What it looks at, to end the sentence "looking at …".
    fn title(&self) -> &'static str;

    /// How long it may take.
    fn limit(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// Looks. Dropping the future ends the look.
    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict>;
}

/// The checks in the order they are shown: what others rest on first.
const CHECKS: &[&dyn Check] = &[
    &version::Version,
    &environment::Environment,
    &config::Configuration,
    &folders::Places,
    &disk::Disk,
    &clock::WallClock,
    &limits::Limits,
    &memory::Memory,
    &state_lock::StateLock,
    &database::Database,
    &secrets::Vault,
    &clients::Clients,
    &running::Running,
    &listen_port::ListenPort,
    &git::GitProgram,
    &projects::Projects,
    &executor_claude::ClaudeProgram,
    &claude_login::ClaudeLogin,
    &claude_folder::ClaudeFolder,
    &tunnel_provider::TunnelChoice,
    &tunnel_ngrok::Ngrok,
    &tunnel_cloudflared::Cloudflared,
    &public_url::PublicAddress,
    &service::Service,
    &service_inside::ServiceInside,
    &terminal::Screen,
];

/// A name after `--only` that no check has.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no check {asked:?}; did you mean `{nearest}`?")]
pub(in crate::cli) struct UnknownCheck {
    asked: String,
    nearest: &'static str,
}

impl UnknownCheck {
    /// What to do about it.
    #[expect(clippy::unused_self, reason = "errors have a hint; here it is the same for all")]
    pub(in crate::cli) fn hint(&self) -> String {
        let ids: Vec<_> = CHECKS.iter().map(|check| check.id()).collect();
        format!("the checks are {}", ids.join(", "))
    }
}

/// The checks that `only` names, each once, in the table's order; all when it names none.
///
/// # Errors
///
/// The first name that no check has.
pub(in crate::cli) fn select(only: &[String]) -> Result<Vec<&'static dyn Check>, UnknownCheck> {
    for asked in only {
        if !CHECKS.iter().any(|check| check.id() == asked) {
            let nearest = CHECKS
                .iter()
                .map(|check| (strsim::jaro_winkler(asked, check.id()), check.id()))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .map_or("config", |(_, id)| id);
            let asked = asked.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(UnknownCheck { asked, nearest });
        }
    }
    let wanted = |check: &&&dyn Check| only.is_empty() || only.iter().any(|id| id == check.id());
    Ok(CHECKS.iter().filter(wanted).copied().collect())
}

/// Runs `checks` side by side; the lines come in the order of the checks.
pub(in crate::cli) async fn run(checks: &[&dyn Check], world: &World) -> Vec<Line> {
    join_all(checks.iter().map(|check| run_one(*check, world))).await
}

async fn run_one(check: &dyn Check, world: &World) -> Line {
    let limit = check.limit();
    let look = AssertUnwindSafe(async { check.run(world).await }).catch_unwind();
    let verdict = match tokio::time::timeout(limit, look).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(_)) => Ok(Finding::fail(
            format!("looking at {} failed", check.title()),
            "the check itself broke: a fault of this program",
            format!("run `gateway -vv doctor --only {}` and report what it prints", check.id()),
        )),
        Err(_) => Ok(Finding::fail(
            format!("looking at {} took longer than {} s", check.title(), limit.as_secs()),
            "something that it asked does not answer: a network folder, a keyring's prompt, a program",
            format!("run `gateway doctor --only {}` again when the machine is idle", check.id()),
        )),
    };
    Line::new(check.id(), verdict)
}
