//! Whether the program is signed in (contract C15), asked in the agent's environment: a key in the
//! owner's shell that does not reach the agent does not count.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::ask::ask;
use super::environment;
use super::locate;
use super::{Claude, preview};

/// How long the program may take.
const WAIT: Duration = Duration::from_secs(8);

/// What the program says about its account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Login {
    /// It can ask its model.
    SignedIn {
        /// Its word for how, such as `api_key`.
        method: String,
    },
    /// It cannot.
    SignedOut,
    /// It did not say.
    Unknown {
        /// Why not.
        cause: String,
    },
    /// There is no program to ask.
    NotInstalled,
}

/// As much of `claude auth status` as every version prints.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    logged_in: bool,
    #[serde(default)]
    auth_method: Option<String>,
}

impl Claude {
    /// Asks the program whether it is signed in; takes at most 8 s. Dropping the future ends it.
    pub async fn login(&self) -> Login {
        let environment = self.agent_environment();
        let Ok(program) = locate::program(&self.settings.command, &environment) else {
            return Login::NotInstalled;
        };
        match ask(&program, &["auth", "status"], &environment, WAIT).await {
            Ok((_, text)) => judge(&text),
            Err(cause) => Login::Unknown { cause },
        }
    }

    /// Where the program keeps its sign-in and its sessions.
    #[must_use]
    pub fn config_folder(&self) -> Option<PathBuf> {
        let environment = self.agent_environment();
        let named = environment.get("CLAUDE_CONFIG_DIR").filter(|folder| !folder.is_empty());
        match named {
            Some(folder) => Some(PathBuf::from(folder)),
            None => environment.get("HOME").map(|home| Path::new(home).join(".claude")),
        }
    }

    /// The variables that its agents get.
    #[must_use]
    pub fn agent_environment(&self) -> BTreeMap<String, String> {
        environment::of_agent(&self.settings.environment, &self.settings.env_pass)
    }
}

fn judge(text: &str) -> Login {
    // A derived struct would also be read from a list of its fields.
    let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
    match object.and_then(|object| serde_json::from_value::<Status>(object.into())) {
        Ok(Status { logged_in: true, auth_method }) => {
            let method = auth_method.map_or_else(String::new, |method| preview::clean(&method));
            Login::SignedIn { method }
        }
        Ok(Status { logged_in: false, .. }) => Login::SignedOut,
        Err(_) => {
            let said: String = preview::clean(text.trim()).chars().take(80).collect();
            Login::Unknown { cause: format!("`claude auth status` said {said:?}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_of_two_versions_are_understood() {
        let newer = r#"{"loggedIn": false, "authMethod": "none", "loginExpiresAt": null}"#;
        assert_eq!(judge(newer), Login::SignedOut);
        let older = r#"{"loggedIn": true, "authMethod": "api_key", "apiProvider": "firstParty"}"#;
        assert_eq!(judge(older), Login::SignedIn { method: "api_key".to_owned() });
    }

    #[test]
    fn anything_else_is_no_answer() {
        for text in ["", "Unknown command: auth", "{}", "[true]"] {
            assert!(matches!(judge(text), Login::Unknown { .. }), "{text}");
        }
    }
}
