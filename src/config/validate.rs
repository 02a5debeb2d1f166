//! What must hold between keys, and bounds of values that have no bounds of their own.
use super::error::Cause;
use super::key::Key;
use super::section::{Config, ProjectSection};
use super::value::{Size, Span};

/// A description goes to the chat with every list of projects.
const DESCRIPTION_CHARS_MAX: usize = 500;
const MINUTE: Span = Span::of_secs(60);
const MONTH: Span = Span::of_secs(30 * 86_400);
const WEEK: Span = Span::of_secs(7 * 86_400);
const YEAR: Span = Span::of_secs(365 * 86_400);

/// Something that does not hold, with the keys that take part; the first is the one to change.
pub(super) struct Contradiction {
    pub(super) keys: Vec<Key>,
    pub(super) cause: Cause,
}

/// Everything in `config` that contradicts itself.
pub(super) fn contradictions(config: &Config) -> Vec<Contradiction> {
    let mut found = Vec::new();
    server(config, &mut found);
    auth(config, &mut found);
    tasks(config, &mut found);
    log(config, &mut found);
    executors(config, &mut found);
    projects(config, &mut found);
    found
}

type Found = Vec<Contradiction>;

fn add(found: &mut Found, keys: &[&str], reason: String, hint: impl Into<String>) {
    let cause = Cause::Conflict { reason, hint: hint.into() };
    found.push(Contradiction { keys: keys.iter().map(|key| Key::dotted(key)).collect(), cause });
}

/// Notes a span outside of its bounds.
fn bounded(found: &mut Found, key: &str, span: Span, (min, max): (Span, Span)) {
    if span < min || span > max {
        let reason = format!("`{key}` is \"{span}\"; allowed: from \"{min}\" to \"{max}\"");
        add(found, &[key], reason, format!("set `{key}` between \"{min}\" and \"{max}\""));
    }
}

fn server(config: &Config, found: &mut Found) {
    let server = &config.server;
    if !server.listen.is_loopback() && !server.allow_lan {
        let reason = format!(
            "`server.listen` is \"{}\", which other machines can reach, and `server.allow_lan` is false",
            server.listen
        );
        let hint = "listen on \"127.0.0.1:8765\", or set `server.allow_lan = true` if you mean it";
        add(found, &["server.listen", "server.allow_lan"], reason, hint);
    }
}

fn auth(config: &Config, found: &mut Found) {
    let auth = &config.auth;
    bounded(found, "auth.access_ttl", auth.access_ttl, (MINUTE, MONTH));
    bounded(found, "auth.refresh_ttl", auth.refresh_ttl, (MINUTE, YEAR));
    if auth.refresh_ttl < auth.access_ttl {
        let reason = format!(
            "`auth.refresh_ttl` is \"{}\", shorter than `auth.access_ttl`, \"{}\"",
            auth.refresh_ttl, auth.access_ttl
        );
        add(
            found,
            &["auth.refresh_ttl", "auth.access_ttl"],
            reason,
            "make `auth.refresh_ttl` at least `auth.access_ttl`",
        );
    }
    if auth.registration.is_empty() {
        let reason = "`auth.registration` is empty, so no client could ever connect".to_owned();
        add(
            found,
            &["auth.registration"],
            reason,
            "leave `auth.registration` out to allow every way",
        );
    }
    for uri in &auth.redirect_uris {
        let Some(scheme) = uri.private_scheme() else {
            continue;
        };
        if !auth.redirect_schemes.contains(&scheme) {
            let reason = format!(
                "`auth.redirect_uris` has \"{uri}\", whose scheme is not in `auth.redirect_schemes`"
            );
            let hint = format!("add \"{scheme}\" to `auth.redirect_schemes`");
            add(found, &["auth.redirect_uris", "auth.redirect_schemes"], reason, hint);
        }
    }
}

fn tasks(config: &Config, found: &mut Found) {
    let tasks = &config.tasks;
    bounded(found, "tasks.max_timeout", tasks.max_timeout, (MINUTE, WEEK));
    bounded(found, "tasks.default_timeout", tasks.default_timeout, (MINUTE, WEEK));
    if tasks.default_timeout > tasks.max_timeout && tasks.max_timeout >= MINUTE {
        let reason = format!(
            "`tasks.default_timeout` is \"{}\", longer than `tasks.max_timeout`, \"{}\"",
            tasks.default_timeout, tasks.max_timeout
        );
        let hint = "lower `tasks.default_timeout` or raise `tasks.max_timeout`";
        add(found, &["tasks.default_timeout", "tasks.max_timeout"], reason, hint);
    }
}

fn log(config: &Config, found: &mut Found) {
    const MIN: Size = Size::of_bytes(64_000);
    if config.log.max_bytes < MIN {
        let reason =
            format!("`log.max_bytes` is \"{}\"; allowed: at least \"{MIN}\"", config.log.max_bytes);
        add(found, &["log.max_bytes"], reason, format!("set `log.max_bytes` to \"{MIN}\" or more"));
    }
}

fn executors(config: &Config, found: &mut Found) {
    for (name, executor) in &config.executors {
        if executor.command.as_os_str().is_empty() {
            let key = format!("executors.{name}.command");
            let reason = format!("`{key}` is empty");
            add(found, &[&key], reason, "name a program, such as \"claude\", or remove the key");
        }
        if let Some(model) = executor.model() {
            argument(found, &format!("executors.{name}.model"), model);
        }
        let key = format!("executors.{name}.env_pass");
        for variable in &executor.env_pass {
            if let Some(reason) = not_passable(variable) {
                let reason = format!("`{key}` has {:?}: {reason}", name_of(variable));
                add(found, &[&key], reason, format!("remove it from `{key}`"));
            }
        }
    }
}

/// The name in what may be a name with a value, which is not for printing.
fn name_of(variable: &str) -> &str {
    variable.split('=').next().unwrap_or_default()
}

/// Notes a text that would not arrive as what it is on an agent's command line; answers whether it
/// would.
fn argument(found: &mut Found, key: &str, text: &str) -> bool {
    let reason = if text.starts_with('-') {
        "an entry cannot begin with `-`: the agent would take it for an option"
    } else if text.trim().is_empty() {
        "an entry is empty"
    } else if text.chars().any(char::is_control) {
        "an entry holds control characters"
    } else {
        return true;
    };
    add(
        found,
        &[key],
        format!("`{key}`: {reason}"),
        format!("correct or remove that entry of `{key}`"),
    );
    false
}

/// Why an environment variable cannot be passed on to an agent.
fn not_passable(variable: &str) -> Option<&'static str> {
    /// Keys to gateway itself, or pointers to the owner's keyring and to the admin socket's folder.
    const NEVER: [&str; 5] = [
        "NGROK_AUTHTOKEN",
        "HERMES_API_KEY",
        "DBUS_SESSION_BUS_ADDRESS",
        "XDG_RUNTIME_DIR",
        "GNOME_KEYRING_CONTROL",
    ];
    let shaped = !variable.is_empty()
        && !variable.as_bytes()[0].is_ascii_digit()
        && variable.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !shaped {
        return Some("a name of letters, digits and `_` is needed");
    }
    let upper = variable.to_ascii_uppercase();
    (NEVER.contains(&upper.as_str()) || upper.starts_with("GATEWAY_"))
        .then_some("an agent never gets it, because it leads to gateway's own secrets")
}

/// Whether a text is a permission rule as Claude Code writes them. One that is none would allow
/// nothing, or in a list of rules something else.
fn is_rule(text: &str) -> bool {
    let (tool, rest) = match text.split_once('(') {
        Some((tool, what)) => (tool, what.strip_suffix(')').filter(|what| !what.is_empty())),
        None => (text, Some("")),
    };
    let named = |c: char| c.is_alphanumeric() || "_-*".contains(c);
    rest.is_some() && !tool.is_empty() && tool.chars().all(named)
}

/// A limit of a project that lies beyond the general one would never be reached.
fn project_budget(config: &Config, name: &str, project: &ProjectSection, found: &mut Found) {
    let (own, general) = (&project.budget, &config.budget);
    let mut beyond = |key: &str, own: String, limit: &str, general: String| {
        let key = format!("projects.{name}.budget.{key}");
        let reason = format!("`{key}` is {own}, more than `{limit}`, {general}");
        add(found, &[&key, limit], reason, format!("lower it, or raise `{limit}`"));
    };
    for (key, own, general) in [
        ("per_task_usd", own.per_task_usd, general.per_task_usd),
        ("per_day_usd", own.per_day_usd, general.per_day_usd),
    ] {
        if let Some(own) = own.filter(|own| *own > general) {
            beyond(key, own.to_string(), &format!("budget.{key}"), general.to_string());
        }
    }
    let timeout = config.tasks.max_timeout;
    if let Some(minutes) = own.minutes.filter(|own| u64::from(*own) * 60 > timeout.as_secs()) {
        let own = format!("{minutes} minutes");
        beyond("minutes", own, "tasks.max_timeout", format!("\"{timeout}\""));
    }
}

fn projects(config: &Config, found: &mut Found) {
    let mut default = None;
    for (name, project) in &config.projects {
        if project.default
            && let Some(first) = default.replace(name)
        {
            let key = format!("projects.{name}.default");
            let reason = format!("`{key}` and `projects.{first}.default` are both true");
            add(found, &[&key], reason, "leave `default = true` at one project");
        }
        let key = format!("projects.{name}.path");
        if project.path.as_os_str().is_empty() {
            add(found, &[&key], format!("`{key}` is empty"), "set it to the project's folder");
        }
        project_budget(config, name.as_str(), project, found);
        let key = format!("projects.{name}.allowed_tools");
        for tool in &project.allowed_tools {
            if argument(found, &key, tool) && !is_rule(tool) {
                let reason = format!("`{key}` has {tool:?}, which is no rule");
                let hint = "write `Tool` or `Tool(what)`, such as \"Read\" or \"Bash(git status)\"";
                add(found, &[&key], reason, hint);
            }
        }
        let key = format!("projects.{name}.description");
        let chars = project.description.chars().count();
        if chars > DESCRIPTION_CHARS_MAX || project.description.chars().any(char::is_control) {
            let reason = format!(
                "`{key}` has {chars} characters; allowed: at most {DESCRIPTION_CHARS_MAX} on one \
                 line, without control characters"
            );
            add(found, &[&key], reason, "shorten it to one line");
        }
        let key = format!("projects.{name}.executor");
        if !config.executors.contains_key(project.executor.as_str()) {
            let known: Vec<_> =
                config.executors.keys().map(|name| format!("{:?}", name.as_str())).collect();
            let known = known.join(", ");
            let reason = format!("`{key}` is {:?}; the executors are {known}", project.executor);
            add(
                found,
                &[&key],
                reason,
                format!("set it to one of {known}, or add `[executors.NAME]`"),
            );
        }
    }
}
