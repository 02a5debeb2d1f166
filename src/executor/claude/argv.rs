//! The command line (contract C2): a fixed order, one argument per value, no shell, no prompt.
//!
//! Whatever comes from outside stands behind `=` in the argument of its flag, so that no text can
//! become a flag or be taken for the value of another one.
use std::path::PathBuf;

use uuid::Uuid;

/// Tools that change something or leave the machine. With the owner's settings in force each of
/// them asks, so that an allow rule in those settings does not answer in the owner's place.
const ASKING_TOOLS: [&str; 18] = [
    "Bash",
    "PowerShell",
    "Monitor",
    "Edit",
    "MultiEdit",
    "Write",
    "NotebookEdit",
    "WebFetch",
    "WebSearch",
    "EnterWorktree",
    "ExitWorktree",
    "CronCreate",
    "CronDelete",
    "ScheduleWakeup",
    "SendMessage",
    "Skill",
    "Workflow",
    "mcp__*",
];
const MODEL_CHARS_MAX: usize = 200;
const RULE_CHARS_MAX: usize = 1000;

/// What an argument list is made from.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    /// The session, chosen before the start.
    pub(super) session: Session,
    /// The model, where one was chosen.
    pub(super) model: Option<String>,
    /// Plan mode; then no rule allows anything.
    pub(super) plan_only: bool,
    /// Rules that need no question.
    pub(super) allowed_tools: Vec<String>,
    /// Whether the project's own settings count.
    pub(super) project_settings: bool,
    /// The project's own list of MCP servers, where it has one and is trusted.
    pub(super) mcp_config: Option<PathBuf>,
    /// Whether the owner's own settings count.
    pub(super) owner_settings: bool,
    /// US dollars after which it ends by itself.
    pub(super) budget_usd: Option<f64>,
    /// Turns after which it ends by itself.
    pub(super) turns_max: Option<u64>,
}

/// Which conversation a process works on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Session {
    /// A new one of this name.
    New(Uuid),
    /// One of before, under its own name.
    Resumed(Uuid),
    /// A copy of one of before, which stays as it is.
    Copied {
        /// The one of before.
        from: Uuid,
        /// The copy's name.
        to: Uuid,
    },
}

/// A value that cannot go on the command line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum InvalidArgument {
    /// Not a model's name.
    #[error(
        "{0:?} is no model name: up to 200 letters, digits and any of . _ - : / @ [ ], \
         not beginning with -"
    )]
    Model(String),
    /// Not a permission rule.
    #[error("{0:?} is no tool rule: write Tool or Tool(pattern), such as Bash(git diff *)")]
    Rule(String),
    /// A path that is not UTF-8.
    #[error("the path {0:?} is not UTF-8")]
    Path(PathBuf),
}

impl Invocation {
    /// The arguments after the program's name.
    pub(super) fn argv(&self) -> Result<Vec<String>, InvalidArgument> {
        let mut argv: Vec<String> =
            ["-p", "--output-format=stream-json", "--input-format=stream-json", "--verbose"]
                .map(str::to_owned)
                .into();
        match self.session {
            Session::New(id) => argv.push(format!("--session-id={id}")),
            Session::Resumed(id) => argv.push(format!("--resume={id}")),
            Session::Copied { from, to } => {
                argv.push(format!("--resume={from}"));
                argv.push("--fork-session".to_owned());
                argv.push(format!("--session-id={to}"));
            }
        }
        argv.push("--permission-prompt-tool=stdio".to_owned());
        argv.push(format!("--permission-mode={}", if self.plan_only { "plan" } else { "default" }));
        argv.push(format!("--setting-sources={}", self.sources()));
        argv.push("--strict-mcp-config".to_owned());
        if let Some(path) = &self.mcp_config {
            let text = path.to_str().ok_or_else(|| InvalidArgument::Path(path.clone()))?;
            argv.push(format!("--mcp-config={text}"));
        }
        for rule in self.rules() {
            argv.push(format!("--allowedTools={}", checked_rule(rule)?));
        }
        if self.owner_settings {
            argv.push(format!("--settings={}", self.ask_rules()));
        }
        // The inner brake: the program tells its cost only at the end of a turn.
        if let Some(usd) = self.budget_usd {
            argv.push(format!("--max-budget-usd={usd:.4}"));
        }
        if let Some(turns) = self.turns_max {
            argv.push(format!("--max-turns={turns}"));
        }
        if let Some(model) = &self.model {
            argv.push(format!("--model={}", checked_model(model)?));
        }
        Ok(argv)
    }

    fn sources(&self) -> &'static str {
        match (self.owner_settings, self.project_settings) {
            (false, false) => "",
            (false, true) => "project",
            (true, false) => "user",
            (true, true) => "user,project",
        }
    }

    fn rules(&self) -> &[String] {
        // A rule such as `Bash(cargo *)` would change files in a run that may change nothing.
        if self.plan_only { &[] } else { &self.allowed_tools }
    }

    /// An ask rule beats every allow rule, also ours; a tool that the project allows as a whole is
    /// therefore left out, while a rule with a pattern has no effect beside the owner's settings.
    fn ask_rules(&self) -> String {
        let asking: Vec<&str> = ASKING_TOOLS
            .into_iter()
            .filter(|tool| !self.rules().iter().any(|rule| rule == tool))
            .collect();
        serde_json::json!({"permissions": {"ask": asking}}).to_string()
    }
}

/// Checks a model's name.
fn checked_model(model: &str) -> Result<&str, InvalidArgument> {
    let known = |c: char| c.is_ascii_alphanumeric() || "._-:/@[]".contains(c);
    let fits = !model.is_empty() && model.len() <= MODEL_CHARS_MAX && !model.starts_with('-');
    if fits && model.chars().all(known) {
        return Ok(model);
    }
    Err(InvalidArgument::Model(model.to_owned()))
}

/// Checks a rule: `Tool` or `Tool(pattern)`. The program splits its list at commas and blanks
/// outside of parentheses, so nothing else may stand there.
fn checked_rule(rule: &str) -> Result<&str, InvalidArgument> {
    let invalid = || InvalidArgument::Rule(rule.to_owned());
    let (name, pattern) = match rule.split_once('(') {
        None => (rule, None),
        Some((name, rest)) => (name, Some(rest.strip_suffix(')').ok_or_else(invalid)?)),
    };
    let name_fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-*".contains(c));
    let pattern_fits = pattern.is_none_or(|pattern| {
        !pattern.is_empty() && !pattern.chars().any(char::is_control) && is_balanced(pattern)
    });
    if name_fits && pattern_fits && rule.len() <= RULE_CHARS_MAX {
        return Ok(rule);
    }
    Err(invalid())
}

fn is_balanced(pattern: &str) -> bool {
    let mut depth = 0_u32;
    for c in pattern.chars() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return false,
            ')' => depth -= 1,
            _ => {}
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: Uuid = Uuid::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef);

    fn plain() -> Invocation {
        Invocation {
            session: Session::New(ID),
            model: None,
            plan_only: false,
            allowed_tools: Vec::new(),
            project_settings: false,
            mcp_config: None,
            owner_settings: false,
            budget_usd: None,
            turns_max: None,
        }
    }

    #[test]
    fn a_session_of_before_is_named_behind_its_flag_and_a_copy_gets_a_name_of_its_own() {
        let of = |session| Invocation { session, plan_only: true, ..plain() }.argv().unwrap();
        let resumed = of(Session::Resumed(ID));
        assert!(resumed.contains(&format!("--resume={ID}")), "{resumed:?}");
        assert!(resumed.contains(&"--permission-mode=plan".to_owned()), "{resumed:?}");
        assert!(!resumed.iter().any(|it| it.starts_with("--session-id")), "{resumed:?}");
        let to = Uuid::from_u128(7);
        let copied = of(Session::Copied { from: ID, to });
        let at = copied.iter().position(|it| *it == format!("--resume={ID}")).unwrap();
        assert_eq!(
            copied[at + 1..at + 3],
            ["--fork-session".to_owned(), format!("--session-id={to}")]
        );
    }

    const FIRST: [&str; 6] = [
        "-p",
        "--output-format=stream-json",
        "--input-format=stream-json",
        "--verbose",
        "--session-id=12345678-9abc-4def-8123-456789abcdef",
        "--permission-prompt-tool=stdio",
    ];

    fn after_first(invocation: &Invocation) -> Vec<String> {
        let argv = invocation.argv().unwrap();
        assert_eq!(argv[..FIRST.len()], FIRST);
        argv[FIRST.len()..].to_vec()
    }

    #[test]
    fn the_plain_command_line_is_exactly_this() {
        assert_eq!(
            after_first(&plain()),
            ["--permission-mode=default", "--setting-sources=", "--strict-mcp-config"]
        );
    }

    #[test]
    fn the_fullest_command_line_is_exactly_this() {
        let full = Invocation {
            model: Some("claude-opus-5-5[1m]".into()),
            allowed_tools: vec!["Read".into(), "Bash(git diff *)".into()],
            project_settings: true,
            mcp_config: Some("/w/.mcp.json".into()),
            budget_usd: Some(2.5),
            turns_max: Some(40),
            ..plain()
        };
        assert_eq!(
            after_first(&full),
            [
                "--permission-mode=default",
                "--setting-sources=project",
                "--strict-mcp-config",
                "--mcp-config=/w/.mcp.json",
                "--allowedTools=Read",
                "--allowedTools=Bash(git diff *)",
                "--max-budget-usd=2.5000",
                "--max-turns=40",
                "--model=claude-opus-5-5[1m]",
            ]
        );
    }

    #[test]
    fn planning_allows_nothing() {
        let plan =
            Invocation { plan_only: true, allowed_tools: vec!["Bash(cargo *)".into()], ..plain() };
        assert_eq!(
            after_first(&plan),
            ["--permission-mode=plan", "--setting-sources=", "--strict-mcp-config"]
        );
    }

    #[test]
    fn the_owners_settings_come_with_a_question_for_every_tool_that_changes_something() {
        let owner = Invocation {
            owner_settings: true,
            allowed_tools: vec!["Edit".into(), "Bash(git status)".into()],
            ..plain()
        };
        let argv = after_first(&owner);
        assert_eq!(argv[1], "--setting-sources=user");
        let settings = argv.last().unwrap().strip_prefix("--settings=").unwrap();
        let settings: serde_json::Value = serde_json::from_str(settings).unwrap();
        let ask = settings["permissions"]["ask"].as_array().unwrap();
        assert!(ask.contains(&"Bash".into()) && ask.contains(&"Write".into()));
        assert!(!ask.contains(&"Edit".into()), "allowed as a whole by the project");
    }

    #[test]
    fn what_is_no_rule_and_no_model_is_refused() {
        for rule in [
            "",
            "-p",
            "--model",
            "Bash(",
            "Bash)",
            "a b",
            "a,b",
            "Bash(a) Write",
            "Bash()",
            "Bash(a),Write(b)",
            "Bash(a\nb)",
            "(x)",
        ] {
            assert_eq!(checked_rule(rule), Err(InvalidArgument::Rule(rule.into())), "{rule:?}");
        }
        for model in ["", "-x", "--help", "a b", "a\n", "ä"] {
            assert_eq!(checked_model(model), Err(InvalidArgument::Model(model.into())));
        }
        for rule in ["Read", "mcp__github__*", "Bash(git log --format=%h (x) *)"] {
            assert_eq!(checked_rule(rule), Ok(rule));
        }
    }

    proptest! {
        #[test]
        fn no_value_becomes_a_flag(model in ".*", rule in ".*", path in "/.*") {
            let with = Invocation {
                model: Some(model),
                allowed_tools: vec![rule],
                mcp_config: Some(path.into()),
                ..plain()
            };
            let Ok(argv) = with.argv() else { return Ok(()) };
            let flags: Vec<&str> =
                argv.iter().map(|arg| arg.split_once('=').map_or(&**arg, |(flag, _)| flag)).collect();
            prop_assert_eq!(
                flags,
                [
                    "-p", "--output-format", "--input-format", "--verbose", "--session-id",
                    "--permission-prompt-tool", "--permission-mode", "--setting-sources",
                    "--strict-mcp-config", "--mcp-config", "--allowedTools", "--model",
                ]
            );
        }
    }
}
