//! What a token is good for (RFC 8707).

/// Where a token may be used. What the owner's consent made is bound to the origin it was made at;
/// what the owner made at the terminal belongs to none, and stays good when the tunnel's name changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Audience {
    /// This origin, in one spelling: [`Audience::of`].
    Origin(String),
    /// Programs on this machine, whatever name they use for it.
    Local,
    /// Every way in.
    Anywhere,
}

impl Audience {
    /// The audience of an origin such as `https://h.example` or `http://127.0.0.1:8765`. All loopback
    /// names of one port are one audience, because a client may spell them as it likes.
    #[must_use]
    pub fn of(origin: &str) -> Self {
        let origin = origin.to_ascii_lowercase();
        for name in ["127.0.0.1", "localhost", "[::1]"] {
            let Some(rest) = origin.strip_prefix("http://").and_then(|it| it.strip_prefix(name))
            else {
                continue;
            };
            if rest.is_empty() || rest.starts_with(':') {
                let port = if rest == ":80" { "" } else { rest };
                return Self::Origin(format!("http://loopback{port}"));
            }
        }
        Self::Origin(origin)
    }

    /// An audience as it was stored.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        match text {
            "local" => Self::Local,
            "anywhere" => Self::Anywhere,
            origin => Self::Origin(origin.to_owned()),
        }
    }

    /// The form to store: an origin, or a word, which is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Origin(origin) => origin,
            Self::Local => "local",
            Self::Anywhere => "anywhere",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_loopback_names_of_one_port_are_one_audience_and_no_other_name_is() {
        let loopback = Audience::of("http://127.0.0.1:8765");
        assert_eq!(loopback, Audience::of("http://localhost:8765"));
        assert_eq!(loopback, Audience::of("http://[::1]:8765"));
        for other in [
            "http://127.0.0.1:8766",
            "https://localhost:8765",
            "http://localhost.evil.example:8765",
            "http://127.0.0.11:8765",
            "http://loopback.example:8765",
        ] {
            assert_ne!(loopback, Audience::of(other), "{other}");
        }
        assert_eq!(Audience::of("https://H.example"), Audience::of("https://h.example"));
    }

    #[test]
    fn no_origin_is_stored_as_what_is_good_in_more_places() {
        for audience in [Audience::Local, Audience::Anywhere, Audience::of("https://h.example")] {
            assert_eq!(Audience::from_stored(audience.as_str()), audience);
        }
        for origin in ["http://local", "https://anywhere", "http://localhost"] {
            let stored = Audience::from_stored(Audience::of(origin).as_str());
            assert!(matches!(stored, Audience::Origin(_)), "{origin}");
        }
    }
}
