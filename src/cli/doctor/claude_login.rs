//! `claude-login`: whether Claude Code is signed in, in the environment that its agents get.
use futures::future::{BoxFuture, join_all};

use super::{Check, Finding, Skipped, Verdict, World};
use crate::executor::claude::{Claude, Login};

/// Variables that sign an agent in, when they reach it.
const KEYS: [&str; 3] = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];

pub(super) struct ClaudeLogin;

impl Check for ClaudeLogin {
    fn id(&self) -> &'static str {
        "claude-login"
    }

    fn title(&self) -> &'static str {
        "the sign-in of Claude Code"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let claudes = world.claudes()?.into_iter();
    let asked = claudes.filter_map(|(name, claude)| claude.ok().map(|claude| (name, claude)));
    let asked = asked.map(|(name, claude)| async move {
        let login = claude.login().await;
        judge(world, &name, &claude, login)
    });
    let findings: Vec<Finding> = join_all(asked).await.into_iter().flatten().collect();
    if findings.is_empty() {
        return Err(Skipped::because("Claude Code is not installed: see `executor-claude`"));
    }
    let well: Vec<&str> = findings.iter().map(|finding| finding.summary.as_str()).collect();
    let well = well.join("; ");
    Ok(Finding::of_all(findings, well))
}

fn judge(world: &World, name: &str, claude: &Claude, login: Login) -> Option<Finding> {
    Some(match login {
        Login::NotInstalled => return None,
        Login::SignedIn { method } => Finding::ok(format!("{name}: signed in ({method})")),
        Login::SignedOut => signed_out(world, name, claude),
        Login::Unknown { cause } => Finding::warn(
            format!("{name}: nobody can tell whether Claude Code is signed in"),
            cause,
            "claude update; then `claude auth status` in a terminal",
        ),
    })
}

fn signed_out(world: &World, name: &str, claude: &Claude) -> Finding {
    let passed = claude.agent_environment();
    let held_back: Vec<&str> = KEYS
        .into_iter()
        .filter(|key| world.variable(key).is_some() && !passed.contains_key(*key))
        .collect();
    let mut cause = "every task would fail: Claude Code has no account to work with".to_owned();
    let mut fix = "claude auth login (or start `claude` and type /login)".to_owned();
    if let Some(key) = held_back.first() {
        cause += &format!("; {key} is set here, but it is not passed to agents");
        fix += &format!(", or pass the key: `[executors.{name}] env_pass = [\"{key}\"]`");
    }
    Finding::warn(format!("{name}: Claude Code is not signed in"), cause, fix)
}
