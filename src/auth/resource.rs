//! The resource indicator (RFC 8707) that a client names: pure.
use crate::http::Origin;
use crate::model::Audience;

/// Whether `resource` names the MCP endpoint at `origin`. Clients differ by a trailing slash, some
/// name the bare origin, and loopback names stand for each other.
#[must_use]
pub fn names_us(resource: &str, origin: &Origin) -> bool {
    let Ok(url) = url::Url::parse(resource) else { return false };
    let plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
        && url.has_host();
    let path = matches!(url.path(), "" | "/" | "/mcp" | "/mcp/");
    let named = Audience::of(&url.origin().ascii_serialization());
    plain && path && named == audience(origin)
}

/// What a token issued at `origin` is good for.
#[must_use]
pub fn audience(origin: &Origin) -> Audience {
    let canonical = url::Url::parse(origin.as_str())
        .map_or_else(|_| origin.as_str().to_owned(), |url| url.origin().ascii_serialization());
    Audience::of(&canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slash_variants_and_the_bare_origin_are_us() {
        let origin = Origin::new("https", "h.example");
        for resource in [
            "https://h.example/mcp",
            "https://h.example/mcp/",
            "https://h.example",
            "https://h.example/",
            "HTTPS://H.example:443/mcp",
        ] {
            assert!(names_us(resource, &origin), "{resource}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        let origin = Origin::new("https", "h.example");
        for resource in [
            "",
            "mcp",
            "http://h.example/mcp",
            "https://other.example/mcp",
            "https://h.example:8443/mcp",
            "https://h.example/mcp2",
            "https://h.example/mcp?x=1",
            "https://h.example/mcp#x",
            "https://u@h.example/mcp",
            "https://h.example.evil.example/mcp",
        ] {
            assert!(!names_us(resource, &origin), "{resource}");
        }
    }

    #[test]
    fn loopback_names_of_one_listener_stand_for_each_other() {
        let origin = Origin::new("http", "127.0.0.1:8765");
        assert!(names_us("http://localhost:8765/mcp", &origin));
        assert!(!names_us("http://localhost:8766/mcp", &origin));
        assert_eq!(audience(&origin), audience(&Origin::new("http", "[::1]:8765")));
    }
}
