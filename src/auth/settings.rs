//! What the owner set about authorization, checked.
use std::time::Duration;

use crate::model::Registration;

/// Schemes that a redirect may never use: they run or read something in the browser itself.
const FORBIDDEN_SCHEMES: [&str; 12] = [
    "javascript",
    "data",
    "file",
    "vbscript",
    "blob",
    "about",
    "http",
    "https",
    "ws",
    "wss",
    "ftp",
    "view-source",
];

/// The owner's settings for authorization; the section `[auth]` of the config, validated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthSettings {
    /// How long an access token lasts.
    pub access_ttl: Duration,
    /// How long a refresh token lasts after its last rotation.
    pub refresh_ttl: Duration,
    /// The ways to register that are open.
    pub registration: Vec<Registration>,
    /// Redirect URIs beyond the built-in ones; compared byte by byte.
    pub redirect_uris: Vec<String>,
    /// Custom schemes, such as `cursor`, that redirect URIs may have.
    pub redirect_schemes: Vec<String>,
    /// The name that clients show for this gateway.
    pub resource_name: String,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_secs(24 * 3600),
            refresh_ttl: Duration::from_secs(90 * 24 * 3600),
            registration: vec![Registration::Static, Registration::Document, Registration::Dynamic],
            redirect_uris: Vec::new(),
            redirect_schemes: Vec::new(),
            resource_name: "gateway".into(),
        }
    }
}

/// A setting that cannot be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidSetting {
    /// A lifetime too short for clients to live with.
    #[error("auth.{0} must be at least {1} seconds: clients refresh in time only above that")]
    TooShort(&'static str, u64),
    /// A scheme that may never be redirected to.
    #[error("auth.redirect_schemes must not contain {0:?}: it is not a custom scheme")]
    Scheme(String),
    /// A redirect URI that no client could use safely.
    #[error(
        "auth.redirect_uris must hold absolute https, loopback or custom-scheme URIs of plain ASCII without fragment: {0:?}"
    )]
    RedirectUri(String),
}

impl AuthSettings {
    /// Shortest lifetime of an access token; some clients refresh again and again when little is
    /// left of one.
    pub const ACCESS_TTL_MIN: Duration = Duration::from_secs(60);

    /// Whether clients may come by `way`. Closing one stops new grants; those there are live on.
    #[must_use]
    pub fn admits(&self, way: Registration) -> bool {
        self.registration.contains(&way)
    }

    /// Checks the settings against each other and against what may never be.
    ///
    /// # Errors
    ///
    /// The first setting that is wrong.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        if self.access_ttl < Self::ACCESS_TTL_MIN {
            return Err(InvalidSetting::TooShort("access_ttl", Self::ACCESS_TTL_MIN.as_secs()));
        }
        if self.refresh_ttl < self.access_ttl {
            return Err(InvalidSetting::TooShort("refresh_ttl", self.access_ttl.as_secs()));
        }
        if let Some(scheme) = self.redirect_schemes.iter().find(|it| !is_custom_scheme(it)) {
            return Err(InvalidSetting::Scheme(scheme.clone()));
        }
        if let Some(uri) = self.redirect_uris.iter().find(|uri| !is_sound_uri(uri)) {
            return Err(InvalidSetting::RedirectUri(uri.clone()));
        }
        Ok(())
    }
}

/// Whether `scheme` is spelt as RFC 3986 §3.1 wants, in lower case, and is harmless.
pub(super) fn is_custom_scheme(scheme: &str) -> bool {
    let mut bytes = scheme.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || b"+-.".contains(&it))
        && !FORBIDDEN_SCHEMES.contains(&scheme)
}

fn is_sound_uri(uri: &str) -> bool {
    let Ok(url) = url::Url::parse(uri) else { return false };
    let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let transport = match url.scheme() {
        "https" => true,
        "http" => loopback,
        scheme => is_custom_scheme(scheme) && uri.contains("://"),
    };
    super::redirect::is_plain(uri)
        && transport
        && url.username().is_empty()
        && url.password().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(AuthSettings::default().check(), Ok(()));
    }

    #[test]
    fn schemes_that_run_or_read_something_are_never_accepted() {
        for scheme in ["javascript", "data", "file", "JavaScript", "http", "", "1x", "a:b", "a b"] {
            let redirect_schemes = vec![scheme.to_owned()];
            let settings = AuthSettings { redirect_schemes, ..AuthSettings::default() };
            assert!(settings.check().is_err(), "{scheme:?}");
        }
        let redirect_schemes = vec!["cursor".into(), "vscode-insiders".into()];
        assert_eq!(AuthSettings { redirect_schemes, ..AuthSettings::default() }.check(), Ok(()));
    }

    #[test]
    fn redirect_uris_of_the_owner_are_https_loopback_or_of_a_custom_scheme() {
        let check = |uri: &str| {
            AuthSettings { redirect_uris: vec![uri.into()], ..AuthSettings::default() }.check()
        };
        assert_eq!(check("https://app.example/cb?x=1"), Ok(()));
        assert_eq!(check("http://localhost:9/special"), Ok(()));
        assert_eq!(check("cursor://anysphere.cursor-mcp/oauth/callback"), Ok(()));
        for uri in [
            "http://app.example/cb",
            "https://a@app.example/",
            "https://app.example/#f",
            "x",
            "data:x",
        ] {
            assert!(check(uri).is_err(), "{uri}");
        }
    }
}
