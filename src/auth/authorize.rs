//! The authorization request (RFC 6749 §4.1.1 with PKCE and RFC 8707): judged without IO.
//!
//! Until client and redirect URI are known to be good, an error is a page; after that it goes back to
//! the client (RFC 6749 §4.1.2.1). Nobody is ever sent to an address that was not judged first.
use super::callback;
use super::document::DocumentError;
use super::params::{InvalidParams, Params};
use super::pkce::Challenge;
use super::redirect::RedirectUri;
use super::resource::names_us;
use super::settings::AuthSettings;
use crate::http::Origin;
use crate::model::{Client, ClientId, Scopes};

/// Longest accepted query, in bytes.
pub const QUERY_BYTES_MAX: usize = 8 * 1024;
/// Longest accepted `state`, in bytes.
pub const STATE_BYTES_MAX: usize = 2 * 1024;

/// Why a person sees a page instead of being sent on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PageError {
    /// The request is not one that any client sends.
    #[error("The link to this page is malformed: {0}.")]
    Malformed(String),
    /// Unknown, revoked or expired client.
    #[error("This gateway does not know the client that asks for access.")]
    UnknownClient,
    /// The client came by a way that the owner has closed.
    #[error("This gateway does not take clients that register this way.")]
    WayClosed,
    /// The document that describes the client cannot be had.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A redirect URI outside of the rules.
    #[error("The client wants the answer sent to an address that this gateway does not allow.")]
    RedirectNotAllowed {
        /// The address, for the owner to judge; cut to a line.
        shown: String,
    },
    /// The consent page is too old.
    #[error("This page has expired.")]
    Expired,
    /// The consent page is not of this process, or was changed.
    #[error("This page is not valid any more.")]
    Stale,
    /// The form came from elsewhere.
    #[error("This form was not sent from this gateway's own page.")]
    CrossSite,
    /// The device that saw the page is paired no more.
    #[error("This device is not paired any more.")]
    DeviceGone,
    /// The request was answered before.
    #[error("This request was answered already.")]
    Answered,
    /// The request was denied before.
    #[error("This request was denied, which is final.")]
    Denied,
    /// Three wrong codes.
    #[error("Three wrong codes were entered, so this request has ended.")]
    WrongCodes,
    /// Something failed here.
    #[error("The gateway cannot answer at the moment (log id {id}).")]
    Unavailable {
        /// Finds the log line.
        id: String,
    },
}

impl PageError {
    /// What the person can do.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "Start again from the app that wants to connect.",
            Self::UnknownClient => {
                "Remove the connector from the app and add it again. A client id that was typed in is \
                 listed by `gateway clients list` if it is valid."
            }
            Self::WayClosed => {
                "The setting auth.registration on your machine names the ways that are open."
            }
            Self::Document(DocumentError::WindowClosed) => {
                "Run `gateway pair` on your machine, then connect again from the app."
            }
            Self::Document(DocumentError::Busy) => {
                "Wait a minute, then connect again from the app."
            }
            Self::Document(DocumentError::Unreachable { .. } | DocumentError::Invalid { .. }) => {
                "That is for the makers of the app to mend. Until then, connect it with the client id \
                 that `gateway mint-client` prints."
            }
            Self::RedirectNotAllowed { .. } => {
                "If you trust this address, add it to auth.redirect_uris in the gateway's config \
                 and start again."
            }
            Self::Expired | Self::Stale | Self::Answered | Self::Denied => {
                "Go back to the app and connect again; that opens a fresh page."
            }
            Self::CrossSite => {
                "Open the page from the app that wants to connect, and answer there."
            }
            Self::DeviceGone => {
                "Run `gateway pair` on your machine, pair this device again, then connect again."
            }
            Self::WrongCodes => {
                "Connect again from the app. The code in the terminal is still valid; \
                 `gateway pair` shows a fresh one."
            }
            Self::Unavailable { .. } => {
                "Try again in a minute; `gateway doctor` on your machine names the cause."
            }
        }
    }

    /// The status of the page.
    #[must_use]
    pub const fn status(&self) -> http::StatusCode {
        match self {
            Self::CrossSite | Self::WrongCodes | Self::DeviceGone | Self::Denied => {
                http::StatusCode::FORBIDDEN
            }
            Self::Unavailable { .. } | Self::Document(DocumentError::Busy) => {
                http::StatusCode::SERVICE_UNAVAILABLE
            }
            _ => http::StatusCode::BAD_REQUEST,
        }
    }
}

impl From<InvalidParams> for PageError {
    fn from(error: InvalidParams) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl From<crate::store::StoreError> for PageError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Unavailable { id: super::error::log_failure(&error) }
    }
}

/// How an authorization request is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// On a page.
    Page(PageError),
    /// By sending the browser back to the client.
    Redirect {
        /// Where it is sent.
        location: String,
        /// Why, for the owner.
        why: String,
    },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Page(error) => error.fmt(f),
            Self::Redirect { why, .. } => f.write_str(why),
        }
    }
}

impl<E: Into<PageError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Page(error.into())
    }
}

/// A valid request; only the owner's consent is missing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthorizationRequest {
    /// Where the answer goes.
    pub redirect_uri: RedirectUri,
    /// The client's `state`, byte for byte.
    pub state: Option<Vec<u8>>,
    /// What is asked for, held to what the client may have.
    pub scopes: Scopes,
    /// The PKCE challenge.
    pub code_challenge: Challenge,
}

/// The client that a request is from.
///
/// # Errors
///
/// A page: without a client there is nobody to send anything to.
pub fn client_id(params: &Params) -> Result<ClientId, PageError> {
    let id = params.text("client_id")?;
    let id = id.ok_or_else(|| PageError::Malformed("client_id is missing".into()))?;
    id.parse().map_err(|_| PageError::UnknownClient)
}

/// Judges a request of `client` that came to `origin`.
///
/// # Errors
///
/// A page while the redirect URI is in doubt, afterwards an error redirect.
pub fn judge(
    params: &Params,
    client: &Client,
    settings: &AuthSettings,
    origin: &Origin,
) -> Result<AuthorizationRequest, Refusal> {
    let uri = params.text("redirect_uri")?;
    let uri = uri.ok_or_else(|| PageError::Malformed("redirect_uri is missing".into()))?;
    let Some(redirect_uri) = callback::accept(uri, client, settings) else {
        let shown = uri.chars().filter(|it| !it.is_control()).take(200).collect();
        return Err(PageError::RedirectNotAllowed { shown }.into());
    };
    let state = params.bytes("state");
    if matches!(state, Ok(Some(state)) if state.len() > STATE_BYTES_MAX) {
        return Err(PageError::Malformed("state is longer than 2 KiB".into()).into());
    }
    let echoed = state.ok().flatten();
    match judge_rest(params, client, origin) {
        Ok((scopes, code_challenge)) => Ok(AuthorizationRequest {
            state: echoed.map(<[u8]>::to_vec),
            redirect_uri,
            scopes,
            code_challenge,
        }),
        Err(error) => Err(Refusal::Redirect {
            location: error_redirect(&redirect_uri, &error, echoed, origin),
            why: error.description,
        }),
    }
}

/// An error that goes back to the client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct RedirectError {
    code: &'static str,
    description: String,
}

impl RedirectError {
    fn new(code: &'static str, description: &str) -> Self {
        Self { code, description: description.into() }
    }

    /// The owner said no.
    pub(super) fn access_denied() -> Self {
        Self::new("access_denied", "the owner denied the request")
    }
}

impl From<InvalidParams> for RedirectError {
    fn from(error: InvalidParams) -> Self {
        Self { code: "invalid_request", description: error.to_string() }
    }
}

fn judge_rest(
    params: &Params,
    client: &Client,
    origin: &Origin,
) -> Result<(Scopes, Challenge), RedirectError> {
    params.bytes("state")?;
    match params.text("response_type")? {
        Some("code") => {}
        None => return Err(RedirectError::new("invalid_request", "response_type is missing")),
        Some(_) => {
            let text = "response_type must be code";
            return Err(RedirectError::new("unsupported_response_type", text));
        }
    }
    if !matches!(params.text("response_mode")?, None | Some("query")) {
        return Err(RedirectError::new("invalid_request", "response_mode must be query"));
    }
    let challenge = params.text("code_challenge")?;
    if params.text("code_challenge_method")? != Some("S256") {
        let text = "PKCE is required: send code_challenge_method=S256";
        return Err(RedirectError::new("invalid_request", text));
    }
    let challenge = challenge.and_then(Challenge::accept).ok_or_else(|| {
        let text = "PKCE is required: send code_challenge, 43 characters of base64url";
        RedirectError::new("invalid_request", text)
    })?;
    for resource in params.all("resource").filter(|resource| !resource.is_empty()) {
        if !std::str::from_utf8(resource).is_ok_and(|resource| names_us(resource, origin)) {
            let text = format!("resource must be {}", origin.url("/mcp"));
            return Err(RedirectError::new("invalid_target", &text));
        }
    }
    let scopes = scopes_for(params.text("scope")?, client).ok_or_else(|| {
        let offered = client.scopes.and(Scopes::of_tools());
        let text = format!("none of these scopes can be given: ask for {offered}");
        RedirectError::new("invalid_scope", &text)
    })?;
    Ok((scopes, challenge))
}

/// The scopes that a request is about. Naming none means what the client may have (RFC 6749 §3.3);
/// otherwise it is what is named, as far as it is known here and the client may have it, and never
/// more: clients name what their SDK adds (`openid`, `profile`) beside what our challenge told them.
/// `None` when nothing is left.
fn scopes_for(scope: Option<&str>, client: &Client) -> Option<Scopes> {
    let named = scope.filter(|scope| !scope.trim_matches(' ').is_empty());
    let scopes = named.map_or(Scopes::all(), Scopes::from_text).and(client.scopes);
    (!scopes.is_empty()).then_some(scopes)
}

/// The address that tells a client of an error (RFC 6749 §4.1.2.1, RFC 9207).
pub(super) fn error_redirect(
    redirect_uri: &RedirectUri,
    error: &RedirectError,
    state: Option<&[u8]>,
    origin: &Origin,
) -> String {
    let mut parameters =
        vec![("error", error.code.as_bytes()), ("error_description", error.description.as_bytes())];
    parameters.extend(state.map(|state| ("state", state)));
    parameters.push(("iss", origin.as_str().as_bytes()));
    redirect_uri.with(&parameters)
}

/// The address that brings a client its code (RFC 6749 §4.1.2, RFC 9207).
pub(super) fn code_redirect(
    redirect_uri: &RedirectUri,
    code: &str,
    state: Option<&[u8]>,
    origin: &Origin,
) -> String {
    let mut parameters = vec![("code", code.as_bytes())];
    parameters.extend(state.map(|state| ("state", state)));
    parameters.push(("iss", origin.as_str().as_bytes()));
    redirect_uri.with(&parameters)
}
