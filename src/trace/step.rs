//! The steps of a sign-in, and the words for them.
use std::fmt;

use super::obstacle::{Cause, Obstacle};
use crate::model::{Client, ClientId, steers};

/// Longest text of others that is kept, in characters.
const CHARS_MAX: usize = 200;

/// A text for people, cut to a line, with nothing in it that steers a terminal or a page.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Words(Box<str>);

impl Words {
    /// What of `text` may be shown.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let harmless = text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c });
        Self(harmless.take(CHARS_MAX).collect())
    }

    /// The text.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A client, as far as the trace needs it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Who {
    /// Its id.
    pub id: ClientId,
    /// The owner's name for it, or what it calls itself.
    pub name: Words,
}

impl Who {
    /// The part of `client` that is shown.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        Self { id: client.id.clone(), name: Words::of(&client.name) }
    }
}

/// Whose step it is, and who says so.
#[derive(Clone, Debug)]
pub enum Party {
    /// Nobody that is known.
    Stranger,
    /// A client that anybody could name.
    Claimed(Who),
    /// A client behind which the owner stands: his device, his consent, a secret or token given by it.
    Owners(Who),
}

/// One step of a client on its way to the tools.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// It came without a token and was told where to sign in.
    Challenged,
    /// It read the protected resource's metadata (RFC 9728).
    ResourceMetadataRead,
    /// It read the authorization server's metadata (RFC 8414).
    ServerMetadataRead,
    /// It registered itself (RFC 7591).
    Registered,
    /// It could not register itself.
    RegistrationRefused {
        /// Why.
        why: Words,
    },
    /// The document that is its id was read.
    DocumentRead,
    /// Its consent page was opened.
    ConsentAsked {
        /// Where the answer goes.
        host: Words,
    },
    /// Its authorization request, or the answer to it, was refused.
    AuthorizationRefused {
        /// Why.
        why: Words,
    },
    /// The owner allowed it.
    ConsentAllowed,
    /// It was denied.
    ConsentDenied,
    /// It redeemed a code for its first token.
    TokenIssued,
    /// It refreshed its token.
    TokenRenewed,
    /// It got no token.
    TokenRefused {
        /// The error's code (RFC 6749 §5.2).
        error: &'static str,
        /// Why.
        why: Words,
    },
    /// A call did not reach the protocol.
    CallRefused(Obstacle),
    /// The first call with its token was answered.
    FirstCall,
    /// A call was answered after one was refused.
    CalledAgain,
    /// It listed the tools.
    ToolsListed {
        /// How many there are.
        count: usize,
    },
    /// It did not call in time.
    NoCall {
        /// What was seen of it meanwhile.
        met: Option<Cause>,
        /// Whether its token went through the tunnel.
        tunnelled: bool,
    },
}

impl Step {
    /// A stable word for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Challenged => "challenged",
            Self::ResourceMetadataRead => "resource_metadata_read",
            Self::ServerMetadataRead => "server_metadata_read",
            Self::Registered => "registered",
            Self::RegistrationRefused { .. } => "registration_refused",
            Self::DocumentRead => "document_read",
            Self::ConsentAsked { .. } => "consent_asked",
            Self::AuthorizationRefused { .. } => "authorization_refused",
            Self::ConsentAllowed => "consent_allowed",
            Self::ConsentDenied => "consent_denied",
            Self::TokenIssued => "token_issued",
            Self::TokenRenewed => "token_renewed",
            Self::TokenRefused { .. } => "token_refused",
            Self::CallRefused(_) => "call_refused",
            Self::FirstCall => "first_call",
            Self::CalledAgain => "called_again",
            Self::ToolsListed { .. } => "tools_listed",
            Self::NoCall { .. } => "no_call",
        }
    }

    /// Whether it comes before the owner's answer.
    pub(super) const fn introduces(&self) -> bool {
        matches!(self, Self::Registered | Self::DocumentRead | Self::ConsentAsked { .. })
    }

    /// What to do about it, where something is wrong that has a cure.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::CallRefused(obstacle) => Some(obstacle.cure()),
            Self::NoCall { met: Some(cause), .. } => Some(cause.obstacle().cure()),
            Self::NoCall { met: None, tunnelled: true } => Some(
                "use the connector in a chat; if it fails there, look for bot or firewall rules at \
                 the tunnel's edge: `gateway doctor --public` asks as each known app calls itself",
            ),
            Self::NoCall { met: None, tunnelled: false } => {
                Some("use the connector in the app; its URL must end in /mcp")
            }
            _ => None,
        }
    }

    /// One or two words, for a row of steps.
    #[must_use]
    pub fn brief(&self) -> String {
        let brief = match self {
            Self::Registered => "registered",
            Self::DocumentRead => "document read",
            Self::ConsentAsked { .. } => "asked",
            Self::ConsentAllowed => "allowed",
            Self::ConsentDenied => "denied",
            Self::TokenIssued => "token issued",
            Self::FirstCall | Self::CalledAgain => "called",
            Self::ToolsListed { count } => return format!("listed {count} tools"),
            Self::NoCall { .. } => "no call",
            other => return other.name().replace('_', " "),
        };
        brief.to_owned()
    }
}

/// What happened, to be read after the client's name.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Challenged => "came to /mcp without a token and was told where to sign in",
            Self::ResourceMetadataRead => "read where to sign in",
            Self::ServerMetadataRead => "read how to sign in",
            Self::Registered => "registered itself",
            Self::RegistrationRefused { why } => return write!(f, "was not registered: {why}"),
            Self::DocumentRead => "is known by its document",
            Self::ConsentAsked { host } => {
                return write!(f, "asks to be allowed; the answer goes to {host}");
            }
            Self::AuthorizationRefused { why } => return write!(f, "was refused: {why}"),
            Self::ConsentAllowed => "was allowed",
            Self::ConsentDenied => "was denied",
            Self::TokenIssued => "got its token",
            Self::TokenRenewed => "renewed its token",
            Self::TokenRefused { error, why } => return write!(f, "got no token: {error}: {why}"),
            Self::CallRefused(obstacle) => return write!(f, "was turned away: {obstacle}"),
            Self::FirstCall => "made its first call",
            Self::CalledAgain => "is answered again",
            Self::ToolsListed { count } => return write!(f, "listed {count} tools"),
            Self::NoCall { met: Some(cause), .. } => {
                return write!(f, "made no call within 60 s of its token; {cause}");
            }
            Self::NoCall { met: None, tunnelled: true } => {
                "made no call within 60 s of its token; likely cause: the app waits for you, or the \
                 tunnel's edge keeps its calls back"
            }
            Self::NoCall { met: None, tunnelled: false } => {
                "made no call within 60 s of its token; likely cause: the app waits for you"
            }
        };
        f.write_str(text)
    }
}
