//! What the user should know about a service that was installed, since it does not see the shell
//! it was installed from.
use std::collections::BTreeMap;

use super::{Invocation, Runner, SearchPath};
use crate::config::{Config, TunnelProvider};

/// Secrets that the gateway reads from the environment and what stores them for good.
const SECRETS: [(&str, &str); 2] =
    [("NGROK_AUTHTOKEN", "ngrok-authtoken"), ("HERMES_API_KEY", "hermes-api-key")];

/// Variables that move the gateway's files, beside `GATEWAY_CONFIG`, which the service is told.
const PLACES: [&str; 4] =
    ["GATEWAY_STATE_DIR", "GATEWAY_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME"];

/// Sentences about `env` (of the shell), `config` and `path` (of the service).
pub(in crate::cli) fn notes(
    env: &BTreeMap<String, String>,
    config: &Config,
    path: &SearchPath,
    runner: &mut dyn Runner,
) -> Vec<String> {
    let mut notes = Vec::new();
    let set = |name: &str| env.get(name).is_some_and(|value| !value.is_empty());
    if config.tunnel.provider == TunnelProvider::Auto {
        notes.push(
            "a service opens no tunnel by itself: name one in the configuration, such as \
             [tunnel] provider = \"ngrok\""
                .to_owned(),
        );
    }
    for (variable, secret) in SECRETS {
        if set(variable) {
            notes.push(format!(
                "the service does not see {variable}: store it with `gateway secrets set {secret}`"
            ));
        }
    }
    for variable in PLACES {
        if set(variable) {
            notes.push(format!(
                "the service sees {variable} only when it is in ~/.config/environment.d/ too"
            ));
        }
    }
    let settings: Vec<&str> =
        env.keys().filter(|name| is_setting(name)).map(String::as_str).collect();
    if !settings.is_empty() {
        notes.push(format!(
            "the service does not see {}: write them into the configuration file",
            settings.join(", ")
        ));
    }
    for folder in path.refused() {
        notes.push(format!(
            "{folder} is not in the service's PATH: other users may put programs there"
        ));
    }
    if lingers(env, runner) == Some(false) {
        notes.push(
            "it ends when you log out, and every task with it; `loginctl enable-linger` lets it \
             run from boot on"
                .to_owned(),
        );
    }
    notes
}

/// Whether a variable sets a key of the configuration.
fn is_setting(name: &str) -> bool {
    name == "HERMES_API_URL" || name.strip_prefix("GATEWAY_").is_some_and(|key| key.contains("__"))
}

/// Whether the user's services outlive the login session; none when nobody knows.
fn lingers(env: &BTreeMap<String, String>, runner: &mut dyn Runner) -> Option<bool> {
    let user = env.get("USER").or_else(|| env.get("LOGNAME"))?;
    let args = ["show-user", user, "--property=Linger", "--value"];
    let output = runner.run(&Invocation::new("loginctl", &args)).ok()?;
    match output.stdout.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::service::{Output, RunError, Verdict};
    use crate::config::Overrides;

    /// A login manager that knows whether the user lingers, or nothing.
    struct Login(Option<&'static str>);

    impl Runner for Login {
        fn run(&mut self, invocation: &Invocation) -> Result<Output, RunError> {
            assert_eq!(invocation.to_string(), "loginctl show-user u --property=Linger --value");
            let stdout = self.0.ok_or(RunError::Missing)?.to_owned();
            Ok(Output { success: true, stdout, ..Output::default() })
        }
    }

    fn told(
        env: &[(&str, &str)],
        provider: TunnelProvider,
        linger: Option<&'static str>,
    ) -> String {
        let env = env.iter().chain(&[("USER", "u")]);
        let env = env.map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut config = Config::load(None, None, &BTreeMap::new(), &Overrides::default()).unwrap();
        config.config.tunnel.provider = provider;
        let path = SearchPath::of("/srv/all", Path::new("/home/u"), |folder| {
            if folder == Path::new("/srv/all") { Verdict::Writable } else { Verdict::Trusted }
        });
        notes(&env, &config.config, &path, &mut Login(linger)).join("\n")
    }

    #[test]
    fn what_the_service_does_not_see_is_named_with_its_cure_and_no_value() {
        let env = [
            ("NGROK_AUTHTOKEN", "value-1"),
            ("HERMES_API_KEY", ""),
            ("GATEWAY_STATE_DIR", "/value-2"),
            ("GATEWAY_TASKS__MAX_CONCURRENT", "value-3"),
            ("GATEWAY_CONFIG", "/value-4"),
        ];
        let told = told(&env, TunnelProvider::None, Some("yes\n"));
        assert!(told.contains("`gateway secrets set ngrok-authtoken`"), "{told}");
        assert!(told.contains("GATEWAY_STATE_DIR only when"), "{told}");
        assert!(told.contains("does not see GATEWAY_TASKS__MAX_CONCURRENT:"), "{told}");
        assert!(told.contains("/srv/all is not in the service's PATH"), "{told}");
        for absent in ["HERMES_API_KEY", "GATEWAY_CONFIG", "value-", "log out", "tunnel"] {
            assert!(!told.contains(absent), "{absent}: {told}");
        }
    }

    #[test]
    fn a_service_without_a_tunnel_or_without_lingering_is_told_of() {
        let told_of = told(&[], TunnelProvider::Auto, Some("no\n"));
        assert!(told_of.contains("provider = \"ngrok\""), "{told_of}");
        assert!(told_of.contains("loginctl enable-linger"), "{told_of}");
        assert!(!told(&[], TunnelProvider::Ngrok, None).contains("log"), "nobody knows");
    }
}
