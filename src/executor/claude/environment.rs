//! The agent's environment (contract C3): an allow-list, because everything in it reaches every
//! command that the agent runs.
//!
//! Nothing of the gateway's own is in it, nor a pointer to the keyring or to the admin socket. What
//! else the agent needs, such as `ANTHROPIC_API_KEY` or `SSH_AUTH_SOCK`, the owner names.
use std::collections::BTreeMap;

const ALLOWED: [&str; 24] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TERM",
    "TZ",
    "TMPDIR",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_CODE_USE_*",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "TEMP",
    "TMP",
];
/// Never passed, also when the owner names it: keyring, session bus, our sockets, our secrets.
const FORBIDDEN: [&str; 7] = [
    "XDG_RUNTIME_DIR",
    "DBUS_*",
    "GATEWAY_*",
    "NGROK_*",
    "HERMES_API_*",
    "TUNNEL_TOKEN",
    "GNOME_KEYRING_*",
];
/// What we want of the program, unless the owner passes a value of their own.
const WANTED: [(&str, &str); 3] = [
    ("DISABLE_AUTOUPDATER", "1"),
    ("CLAUDE_CODE_MAX_RETRIES", "4"),
    ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1"),
];

/// An entry of `executors.claude.env_pass` that cannot be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidEnvPass {
    /// Not a variable's name.
    #[error("{0:?} is no variable name: letters, digits and _, with one * at the end if at all")]
    Name(String),
    /// Leads to the keyring, the gateway's sockets or its secrets.
    #[error("{0:?} is never passed to an agent: it leads to the keyring or to the gateway itself")]
    Forbidden(String),
}

/// Names of variables, or beginnings of names followed by `*`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EnvPass(Vec<String>);

impl EnvPass {
    /// Checks what the owner wrote.
    ///
    /// # Errors
    ///
    /// When an entry is no name, or names what never leaves the gateway.
    pub fn new(names: impl IntoIterator<Item = String>) -> Result<Self, InvalidEnvPass> {
        let names: Vec<String> = names.into_iter().collect();
        for name in &names {
            let stem = name.strip_suffix('*').unwrap_or(name);
            let known = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if stem.is_empty() || !stem.chars().all(known) {
                return Err(InvalidEnvPass::Name(name.clone()));
            }
            if FORBIDDEN.iter().any(|pattern| matches(pattern, stem)) {
                return Err(InvalidEnvPass::Forbidden(name.clone()));
            }
        }
        Ok(Self(names))
    }

    fn names(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern, name))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(stem) => name.starts_with(stem),
        None => pattern == name,
    }
}

/// The agent's environment, from the gateway's own. The shim adds the task's marker.
pub(super) fn of_agent(own: &BTreeMap<String, String>, pass: &EnvPass) -> BTreeMap<String, String> {
    let goes = |name: &str| {
        let wanted = ALLOWED.iter().any(|pattern| matches(pattern, name)) || pass.names(name);
        wanted && !FORBIDDEN.iter().any(|pattern| matches(pattern, name))
    };
    let mut environment: BTreeMap<String, String> = own
        .iter()
        .filter(|(name, _)| goes(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (name, value) in WANTED {
        environment.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(names: &[&str]) -> BTreeMap<String, String> {
        names.iter().map(|name| ((*name).to_owned(), format!("value of {name}"))).collect()
    }

    #[test]
    fn nothing_of_ours_and_no_way_to_the_keyring_passes() {
        let own = map(&[
            "PATH",
            "HOME",
            "LC_ALL",
            "XDG_RUNTIME_DIR",
            "DBUS_SESSION_BUS_ADDRESS",
            "GATEWAY_AUTH__X",
            "GATEWAY_STATE_DIR",
            "NGROK_AUTHTOKEN",
            "HERMES_API_KEY",
            "TUNNEL_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "SSH_AUTH_SOCK",
            "GATEWAY_TASK",
        ]);
        let environment = of_agent(&own, &EnvPass::default());
        let names: Vec<&str> = environment.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS",
                "CLAUDE_CODE_MAX_RETRIES",
                "DISABLE_AUTOUPDATER",
                "HOME",
                "LC_ALL",
                "PATH",
            ]
        );
    }

    #[test]
    fn a_gateway_started_inside_claude_code_hands_none_of_that_on() {
        let own = map(&[
            "CLAUDECODE",
            "CLAUDE_CODE_ENTRYPOINT",
            "CLAUDE_CODE_MAX_RETRIES",
            "ANTHROPIC_API_KEY",
            "CLAUDE_CONFIG_DIR",
            "CLAUDE_CODE_USE_BEDROCK",
        ]);
        let environment = of_agent(&own, &EnvPass::default());
        assert!(!environment.contains_key("CLAUDECODE"));
        assert!(!environment.contains_key("CLAUDE_CODE_ENTRYPOINT"));
        assert!(!environment.contains_key("ANTHROPIC_API_KEY"));
        assert_eq!(environment["CLAUDE_CODE_MAX_RETRIES"], "4");
        assert!(environment.contains_key("CLAUDE_CONFIG_DIR"));
        assert!(environment.contains_key("CLAUDE_CODE_USE_BEDROCK"));
    }

    #[test]
    fn an_inherited_key_is_not_used_unless_the_owner_passes_it() {
        let keys = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];
        let environment = of_agent(&map(&keys), &EnvPass::default());
        assert!(keys.iter().all(|key| !environment.contains_key(*key)), "{environment:?}");
        let passed = EnvPass::new([keys[0].to_owned()]).unwrap();
        let environment = of_agent(&map(&keys), &passed);
        assert_eq!(keys.map(|key| environment.contains_key(key)), [true, false, false]);
    }

    #[test]
    fn what_the_owner_names_passes() {
        let own = map(&["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "SSH_AUTH_SOCK", "SSH_AGENT"]);
        let pass = EnvPass::new(["ANTHROPIC_*".into(), "SSH_AUTH_SOCK".into()]).unwrap();
        let environment = of_agent(&own, &pass);
        assert!(environment.contains_key("ANTHROPIC_BASE_URL"));
        assert!(environment.contains_key("SSH_AUTH_SOCK"));
        assert!(!environment.contains_key("SSH_AGENT"));
    }

    #[test]
    fn the_owner_cannot_name_what_leads_back_to_the_gateway() {
        for name in ["XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "GATEWAY_TASK", "DBUS_*"] {
            let pass = EnvPass::new([name.to_owned()]);
            assert_eq!(pass, Err(InvalidEnvPass::Forbidden(name.to_owned())));
        }
        for name in ["", "*", "A=B", "A*B", "A B"] {
            assert_eq!(EnvPass::new([name.to_owned()]), Err(InvalidEnvPass::Name(name.to_owned())));
        }
        // A short beginning covers forbidden names too; they stay behind all the same.
        let pass = EnvPass::new(["D*".to_owned(), "X*".to_owned()]).unwrap();
        let own = map(&["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY"]);
        let environment = of_agent(&own, &pass);
        assert!(environment.contains_key("DISPLAY"));
        assert!(!environment.contains_key("DBUS_SESSION_BUS_ADDRESS"));
        assert!(!environment.contains_key("XDG_RUNTIME_DIR"));
    }
}
