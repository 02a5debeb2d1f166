//! What a client says about itself when it registers (RFC 7591 §2), judged without IO.
//!
//! Nothing of it is believed: the name is shown as unverified, and the redirect URIs must be of the
//! shapes that [`super::redirect`] knows. What is not understood is passed over (RFC 7591 §2).
use serde_json::{Map, Value, json};

use super::clients::NAME_CHARS_MAX;
use super::digest::OpaqueToken;
use super::error::RegistrationError;
use super::redirect::{RedirectUri, is_plain};
use super::settings::{AuthSettings, is_custom_scheme};
use crate::model::{Client, Scope, Scopes, steers};

/// Largest registration that is read, in bytes.
pub const REGISTRATION_BYTES_MAX: usize = 16 * 1024;
/// Most redirect URIs of one client.
pub(super) const REDIRECT_URIS_MAX: usize = 16;
/// The name of a client that says none.
const NAMELESS: &str = "an app without a name";
/// The grant types that there are here.
const GRANT_TYPES: [&str; 2] = ["authorization_code", "refresh_token"];
/// Members that are told back as they came: they describe the client and decide nothing.
const DESCRIPTIVE: [&str; 7] = [
    "client_uri",
    "logo_uri",
    "tos_uri",
    "policy_uri",
    "contacts",
    "software_id",
    "software_version",
];

/// How a client proves itself at `/token` (RFC 7591 §2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum AuthMethod {
    None,
    Basic,
    Post,
}

impl AuthMethod {
    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
        }
    }
}

/// A registration that may be stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RegistrationRequest {
    pub(super) name: String,
    pub(super) redirect_uris: Vec<String>,
    pub(super) scopes: Scopes,
    method: AuthMethod,
    grant_types: Vec<&'static str>,
    application_type: &'static str,
    descriptive: Map<String, Value>,
}

impl RegistrationRequest {
    /// Reads a registration's body.
    ///
    /// # Errors
    ///
    /// The first thing about it that cannot be.
    pub(super) fn read(body: &[u8], settings: &AuthSettings) -> Result<Self, RegistrationError> {
        let metadata: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|_| RegistrationError::metadata("the body must be one JSON object"))?;
        let redirect_uris = redirect_uris(&metadata, settings)?;
        response_types(&metadata)?;
        Ok(Self {
            name: text(&metadata, "client_name")?
                .and_then(shown_name)
                .unwrap_or_else(|| NAMELESS.to_owned()),
            scopes: scopes(text(&metadata, "scope")?),
            method: method(&metadata)?,
            grant_types: grant_types(&metadata)?,
            application_type: application_type(&metadata, &redirect_uris)?,
            descriptive: DESCRIPTIVE
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), metadata.get(*name)?.clone())))
                .collect(),
            redirect_uris,
        })
    }

    /// Whether the client asks for a secret. Without a method it gets none: native clients, which
    /// most of them are, cannot keep one (RFC 8252 §8.5).
    pub(super) fn wants_secret(&self) -> bool {
        self.method != AuthMethod::None
    }

    /// The answer's body: everything as it was registered, defaults included (RFC 7591 §3.2.1). A
    /// secret without its `token_endpoint_auth_method` is not sent back by some clients.
    pub(super) fn answer(mut self, client: &Client, secret: Option<&OpaqueToken>) -> Value {
        let mut answer = std::mem::take(&mut self.descriptive);
        let mut put = |name: &str, value: Value| answer.insert(name.to_owned(), value);
        put("client_id", json!(client.id));
        put("client_id_issued_at", json!(client.created_at.as_millis().div_euclid(1000)));
        if let Some(secret) = secret {
            put("client_secret", json!(secret.expose()));
            // It does not end by itself (RFC 7591 §3.2.1).
            put("client_secret_expires_at", json!(0));
        }
        put("client_name", json!(client.name));
        put("redirect_uris", json!(client.redirect_uris));
        put("token_endpoint_auth_method", json!(self.method.name()));
        put("grant_types", json!(self.grant_types));
        put("response_types", json!(["code"]));
        put("application_type", json!(self.application_type));
        put("scope", json!(client.scopes.to_string()));
        Value::Object(answer)
    }
}

/// A name as the owner may see it: characters that steer are left out, runs of white space become
/// one space, and what is too long is cut. `None` when nothing is left.
pub(super) fn shown_name(name: &str) -> Option<String> {
    let visible: String =
        name.chars().map(|it| if it.is_whitespace() { ' ' } else { it }).collect();
    let visible: String = visible.chars().filter(|it| !steers(*it)).collect();
    let words: Vec<&str> = visible.split(' ').filter(|word| !word.is_empty()).collect();
    let name: String = words.join(" ").chars().take(NAME_CHARS_MAX).collect();
    let name = name.trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

fn redirect_uris(
    metadata: &Map<String, Value>,
    settings: &AuthSettings,
) -> Result<Vec<String>, RegistrationError> {
    let invalid = |why: String| RegistrationError::InvalidRedirectUri(why);
    let uris = list(metadata, "redirect_uris")?
        .filter(|uris| !uris.is_empty())
        .ok_or_else(|| invalid("redirect_uris must name at least one URI".into()))?;
    if uris.len() > REDIRECT_URIS_MAX {
        return Err(invalid(format!("redirect_uris may name at most {REDIRECT_URIS_MAX} URIs")));
    }
    let mut registered = Vec::new();
    for (at, uri) in uris.iter().enumerate() {
        if RedirectUri::accept(uri, settings).is_some() {
            registered.push((*uri).to_owned());
        } else if !is_private_use(uri) {
            return Err(invalid(format!(
                "redirect_uris[{at}] is not allowed here: it must be the callback of a known hosted \
                 client, or http on localhost, 127.0.0.1 or [::1] with the path /callback, \
                 /callback/<id>, /oauth/callback or /; the owner allows others in auth.redirect_uris"
            )));
        }
    }
    if registered.is_empty() {
        return Err(invalid(
            "redirect_uris have only schemes that the owner has not opened in auth.redirect_schemes"
                .into(),
        ));
    }
    Ok(registered)
}

/// Whether a URI has a scheme of an app's own (RFC 8252 §7.1). Some clients name one beside a loopback
/// URI and use either; where the owner has not opened it, it is left out, and the answer says so.
fn is_private_use(uri: &str) -> bool {
    is_plain(uri) && uri.split_once("://").is_some_and(|(scheme, _)| is_custom_scheme(scheme))
}

fn method(metadata: &Map<String, Value>) -> Result<AuthMethod, RegistrationError> {
    match text(metadata, "token_endpoint_auth_method")? {
        None | Some("none") => Ok(AuthMethod::None),
        Some("client_secret_basic") => Ok(AuthMethod::Basic),
        Some("client_secret_post") => Ok(AuthMethod::Post),
        Some(_) => Err(RegistrationError::metadata(
            "token_endpoint_auth_method must be none, client_secret_basic or client_secret_post",
        )),
    }
}

/// Those of the grant types that there are here; others are passed over, as some clients name all
/// they know.
fn grant_types(metadata: &Map<String, Value>) -> Result<Vec<&'static str>, RegistrationError> {
    let Some(named) = list(metadata, "grant_types")? else { return Ok(GRANT_TYPES.to_vec()) };
    if !named.contains(&GRANT_TYPES[0]) {
        return Err(RegistrationError::metadata("grant_types must contain authorization_code"));
    }
    Ok(GRANT_TYPES.into_iter().filter(|known| named.contains(known)).collect())
}

fn response_types(metadata: &Map<String, Value>) -> Result<(), RegistrationError> {
    match list(metadata, "response_types")? {
        Some(named) if !named.contains(&"code") => {
            Err(RegistrationError::metadata("response_types must contain code"))
        }
        _ => Ok(()),
    }
}

/// OpenID Connect's word for where a client runs; it decides nothing, the redirect URIs do.
fn application_type(
    metadata: &Map<String, Value>,
    redirect_uris: &[String],
) -> Result<&'static str, RegistrationError> {
    let hosted = redirect_uris.iter().any(|uri| uri.starts_with("https://"));
    match text(metadata, "application_type")? {
        Some("web") => Ok("web"),
        None if hosted => Ok("web"),
        Some("native") | None => Ok("native"),
        Some(_) => Err(RegistrationError::metadata("application_type must be native or web")),
    }
}

/// The most that the client can be granted: what it names and is known here, all of it when it names
/// nothing that is. Staying connected always goes along; the owner decides about each grant.
fn scopes(named: Option<&str>) -> Scopes {
    let known = Scopes::from_text(named.unwrap_or_default());
    if known.and(Scopes::of_tools()).is_empty() {
        return Scopes::all();
    }
    known.iter().chain([Scope::OfflineAccess]).collect()
}

pub(super) fn text<'a>(
    metadata: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a str>, RegistrationError> {
    match metadata.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(RegistrationError::metadata(format!("{name} must be a text"))),
    }
}

pub(super) fn list<'a>(
    metadata: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<Vec<&'a str>>, RegistrationError> {
    let wrong = || RegistrationError::metadata(format!("{name} must be a list of texts"));
    match metadata.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().ok_or_else(wrong))
            .collect::<Result<_, _>>()
            .map(Some),
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(metadata: &Value) -> Result<RegistrationRequest, RegistrationError> {
        RegistrationRequest::read(metadata.to_string().as_bytes(), &AuthSettings::default())
    }

    fn with(name: &str, value: Value) -> Value {
        let mut metadata = json!({ "redirect_uris": ["http://localhost/callback"] });
        metadata[name] = value;
        metadata
    }

    #[test]
    fn what_is_left_out_has_the_defaults_of_a_public_client() {
        let request = read(&json!({ "redirect_uris": ["http://localhost/callback"] })).unwrap();
        assert!(!request.wants_secret());
        assert_eq!(request.name, NAMELESS);
        assert_eq!(request.scopes, Scopes::all());
        assert_eq!(request.grant_types, GRANT_TYPES);
        assert_eq!(request.application_type, "native");
        let hosted = "https://claude.ai/api/mcp/auth_callback";
        assert_eq!(read(&json!({ "redirect_uris": [hosted] })).unwrap().application_type, "web");
    }

    #[test]
    fn every_member_that_cannot_be_is_refused_by_its_name() {
        for (name, value, code, part) in [
            ("redirect_uris", json!([]), "invalid_redirect_uri", "at least one"),
            ("redirect_uris", json!(null), "invalid_redirect_uri", "at least one"),
            (
                "redirect_uris",
                json!("http://localhost/callback"),
                "invalid_client_metadata",
                "a list",
            ),
            ("redirect_uris", json!([7]), "invalid_client_metadata", "a list of texts"),
            ("redirect_uris", json!(["https://evil.example/cb"]), "invalid_redirect_uri", "[0]"),
            (
                "redirect_uris",
                json!(["http://localhost/callback", "javascript:alert(1)"]),
                "invalid_redirect_uri",
                "redirect_uris[1]",
            ),
            (
                "redirect_uris",
                json!(vec!["http://localhost/callback"; 17]),
                "invalid_redirect_uri",
                "at most 16",
            ),
            (
                "token_endpoint_auth_method",
                json!("private_key_jwt"),
                "invalid_client_metadata",
                "token_endpoint_auth_method must be",
            ),
            ("grant_types", json!(["implicit"]), "invalid_client_metadata", "authorization_code"),
            ("grant_types", json!([]), "invalid_client_metadata", "authorization_code"),
            ("response_types", json!(["token"]), "invalid_client_metadata", "must contain code"),
            ("application_type", json!("toaster"), "invalid_client_metadata", "native or web"),
            ("client_name", json!(1), "invalid_client_metadata", "client_name must be a text"),
            ("scope", json!(["run"]), "invalid_client_metadata", "scope must be a text"),
        ] {
            let error = read(&with(name, value.clone())).unwrap_err();
            assert_eq!(error.code(), code, "{name} {value}");
            assert!(error.to_string().contains(part), "{name} {value}: {error}");
        }
        for body in [&b""[..], b"[]", b"null", b"{", b"\xff", b"redirect_uris=x"] {
            let error = RegistrationRequest::read(body, &AuthSettings::default()).unwrap_err();
            assert_eq!(error.to_string(), "the body must be one JSON object");
        }
    }

    #[test]
    fn a_scheme_of_an_app_is_left_out_until_the_owner_opens_it() {
        // As Cursor registers.
        let (own, web, local) = (
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://www.cursor.com/agents/mcp/oauth/callback",
            "http://localhost:8787/callback",
        );
        let metadata = json!({ "redirect_uris": [own, web, local] });
        assert_eq!(read(&metadata).unwrap().redirect_uris, [web, local]);
        let alone = read(&json!({ "redirect_uris": [own] })).unwrap_err();
        assert_eq!(alone.code(), "invalid_redirect_uri");
        assert!(alone.to_string().contains("auth.redirect_schemes"), "{alone}");
        let settings =
            AuthSettings { redirect_schemes: vec!["cursor".into()], ..AuthSettings::default() };
        let body = metadata.to_string();
        let opened = RegistrationRequest::read(body.as_bytes(), &settings).unwrap();
        assert_eq!(opened.redirect_uris, [own, web, local]);
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        let types = json!(["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]);
        assert_eq!(read(&with("grant_types", types)).unwrap().grant_types, ["authorization_code"]);
        assert!(read(&with("software_statement", json!("x.y.z"))).is_ok());
        let scopes = read(&with("scope", json!("openid observe"))).unwrap().scopes;
        assert_eq!(scopes.to_string(), "observe offline_access");
        assert_eq!(read(&with("scope", json!("openid"))).unwrap().scopes, Scopes::all());
    }

    #[test]
    fn a_name_shows_as_what_it_is() {
        assert_eq!(shown_name(" Claude\u{202e}\u{200b}\n Code\u{7} "), Some("Claude Code".into()));
        assert_eq!(shown_name("\u{2066}\n\t"), None);
        assert_eq!(shown_name(&"x".repeat(1000)).unwrap().len(), NAME_CHARS_MAX);
        let request = read(&with("client_name", json!("\u{200b}"))).unwrap();
        assert_eq!(request.name, NAMELESS);
    }

    proptest! {
        #[test]
        fn any_body_is_judged_without_panic(body in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = RegistrationRequest::read(&body, &AuthSettings::default());
        }

        #[test]
        fn no_name_steers(name in "\\PC{0,80}[\\u{200b}-\\u{202e}\n\r\\u{1b}]{0,4}\\PC{0,8}") {
            if let Some(shown) = shown_name(&name) {
                prop_assert!(super::super::clients::is_showable(&shown), "{shown:?}");
            }
        }

        #[test]
        fn whatever_is_registered_may_be_sent_to(
            uri in "(https?|javascript|cursor)://(localhost|claude\\.ai|evil\\.example)(:[0-9]{1,5})?(/callback|/api/mcp/auth_callback|/)[a-z?#/]{0,4}"
        ) {
            let metadata = json!({ "redirect_uris": [uri] });
            if let Ok(request) = read(&metadata) {
                let settings = AuthSettings::default();
                prop_assert!(RedirectUri::accept(&request.redirect_uris[0], &settings).is_some());
            }
        }
    }
}
