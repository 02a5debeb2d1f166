//! How long a fetched document is taken for good: pure (RFC 9111 §4.2).
use std::time::Duration;

use http::{HeaderMap, header};

/// Longest that any document is kept.
const MAX: Duration = Duration::from_secs(24 * 3600);
/// How long one is kept whose server says nothing.
const UNSAID: Duration = Duration::from_secs(300);

/// How long an answer is fresh, by `Cache-Control` and `Age`. `Expires` alone counts as nothing said.
pub(super) fn freshness(headers: &HeaderMap) -> Duration {
    let values = headers.get_all(header::CACHE_CONTROL).iter();
    let text: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    if text.is_empty() {
        return UNSAID;
    }
    let mut max_age = None;
    for directive in text.iter().flat_map(|line| line.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Duration::ZERO,
            "max-age" => max_age = value.trim().trim_matches('"').parse().ok().or(Some(0)),
            _ => {}
        }
    }
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    max_age.map_or(UNSAID, |max_age: u64| {
        Duration::from_secs(max_age.saturating_sub(age.unwrap_or(0))).min(MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_decide_up_to_a_day() {
        for (pairs, secs) in [
            (&[][..], 300),
            (&[("expires", "Thu, 01 Dec 2033 16:00:00 GMT")], 300),
            (&[("cache-control", "public")], 300),
            (&[("cache-control", "public, max-age=600")], 600),
            (&[("cache-control", "Max-Age=\"600\"")], 600),
            (&[("cache-control", "max-age=600"), ("age", "100")], 500),
            (&[("cache-control", "max-age=600"), ("age", "1000")], 0),
            (&[("cache-control", "max-age=31536000")], 86_400),
            (&[("cache-control", "max-age=99999999999999999999")], 0),
            (&[("cache-control", "max-age=-1")], 0),
            (&[("cache-control", "max-age=600, no-store")], 0),
            (&[("cache-control", "max-age=600"), ("cache-control", "no-cache")], 0),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            assert_eq!(freshness(&headers), Duration::from_secs(secs), "{pairs:?}");
        }
    }
}
