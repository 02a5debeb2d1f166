//! The head of a request whose answer is a stream: the protocol layer keeps it for as long as that is open.
use http::request::Parts;
use http::{HeaderName, HeaderValue, Uri};

/// Lets go of the buffer that the head was read into, 8 KB of which its values are slices.
pub(super) fn let_go(parts: &mut Parts) {
    let copied = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.clone(), HeaderValue::from_bytes(value.as_bytes()).ok()?))
    };
    parts.headers = parts.headers.iter().filter_map(copied).collect();
    // One path leads here, and nobody behind it asks.
    parts.uri = Uri::default();
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::*;

    #[test]
    fn nothing_of_the_buffer_is_held_and_every_header_is_there() {
        let buffer = Bytes::from(b"/mcp?x one two".to_vec());
        let value = |range| HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap();
        let request = Request::builder()
            .uri(Uri::from_maybe_shared(buffer.slice(..6)).unwrap())
            .header("mcp-name", value(7..10))
            .header("mcp-name", value(11..14));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        assert!(!buffer.is_unique());
        let_go(&mut parts);
        assert!(buffer.is_unique());
        let names: Vec<_> = parts.headers.get_all("mcp-name").iter().collect();
        assert_eq!(names, ["one", "two"]);
    }
}
