//! What keeps a client that has a token from the tools.
use std::fmt;

/// Why a call was turned away. What explains more comes first: of several that were seen, the least
/// is the likely cause.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Obstacle {
    /// The token was issued at another address of this gateway.
    OtherAddress,
    /// The token counts on this machine alone, and came from elsewhere.
    OnlyHere,
    /// The token's grant was revoked or has run out.
    Ended,
    /// The same of a token that the owner made.
    MadeEnded,
    /// The access token has run out or was replaced; its grant lives.
    Outdated,
    /// The call was authenticated and refused with this status.
    Status(u16),
    /// The request named a host that is none of ours.
    Host,
    /// The request came from a web page of another origin.
    Origin,
    /// Too many requests.
    TooMany,
    /// It asked at this path, where people who leave out a part of the URL end.
    Path(&'static str),
    /// A token that was never issued here.
    UnknownToken,
    /// No token at all.
    NoToken,
}

/// What may explain a silence. What was seen of the grant itself comes first, whatever was seen near it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    /// It stood in the way of the grant's own request.
    Own(Obstacle),
    /// It stood in the way of a request from the network of the grant's token request.
    Near(Obstacle),
}

impl Cause {
    /// What stood in the way.
    #[must_use]
    pub const fn obstacle(self) -> Obstacle {
        match self {
            Self::Own(obstacle) | Self::Near(obstacle) => obstacle,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(obstacle) => write!(f, "likely cause: {obstacle}"),
            Self::Near(obstacle) => write!(f, "likely cause, seen from its network: {obstacle}"),
        }
    }
}

/// Paths that are taken for the connector's.
const MISTAKEN: [&str; 5] = ["/", "/sse", "/mcp/", "/mcp/sse", "/message"];

impl Obstacle {
    /// The obstacle of a request for `path`, when it is one that is mistaken for `/mcp`.
    #[must_use]
    pub fn mistaken(path: &str) -> Option<Self> {
        MISTAKEN.into_iter().find(|mistaken| *mistaken == path).map(Self::Path)
    }

    /// What to do about it.
    #[must_use]
    pub const fn cure(self) -> &'static str {
        match self {
            Self::OtherAddress => {
                "the gateway's address has changed: remove the connector in the app, and add it with \
                 the URL that `gateway status` shows"
            }
            Self::OnlyHere => {
                "use it on this machine, at the local address that `gateway status` shows, or make \
                 one with `gateway mint-token --allow-tunnel`"
            }
            Self::Ended => "connect again from the app",
            Self::MadeEnded => "make another with `gateway mint-token`",
            Self::Outdated => "go on in the app: it renews its access token by itself",
            Self::Status(_) => {
                "update the app: it must speak MCP over Streamable HTTP, unchanged by anything between"
            }
            Self::Host => {
                "use the URL that `gateway status` shows, or add the name to `server.allowed_hosts`"
            }
            Self::Origin => "use an app that is not a web page, or Claude or ChatGPT on the web",
            Self::TooMany => "raise `limits.requests_per_minute` and `limits.burst`",
            Self::Path(_) => {
                "the connector's URL must end in /mcp: remove it in the app, and add the one that \
                 `gateway status` shows"
            }
            Self::UnknownToken => {
                "the app kept a token of another time or gateway: remove the connector in the app, \
                 and add it again"
            }
            Self::NoToken => {
                "something between the app and the gateway takes the Authorization header away: look \
                 at the rules of the tunnel or proxy"
            }
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::OtherAddress => "its token was issued at another address of this gateway (401)",
            Self::OnlyHere => "its token counts on the gateway's own machine alone (401)",
            Self::Ended => "its grant was revoked or has run out (401)",
            Self::MadeEnded => "its token was revoked or has run out (401)",
            Self::Outdated => "its access token is too old (401)",
            Self::Status(status) => return write!(f, "its call was refused with status {status}"),
            Self::Host => "it named a host that this gateway does not answer to (421)",
            Self::Origin => "it asked from a web page of another origin (403)",
            Self::TooMany => "it sent too many requests (429)",
            Self::Path(path) => return write!(f, "it asked at {path} instead of /mcp (404)"),
            Self::UnknownToken => "it brought a token that this gateway does not know (401)",
            Self::NoToken => "it asked at /mcp without its token (401)",
        };
        f.write_str(text)
    }
}
