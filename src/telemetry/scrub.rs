//! Masks what looks like a secret in a text that is about to be logged.
//!
//! The last line of defence: code does not log secrets in the first place. It looks for words that
//! stand before secrets (`Bearer`, `code=`, `"refresh_token":"`), in plain text, in JSON, in `Debug`
//! output, in quoted versions of those and in percent-encoded URLs, for URL fragments, and for the
//! gateway's own secrets wherever they stand, such as in a mistaken path. Masking too much is fine, so `exit_code=1` stays only because `_` makes it another word; name fields so.
use std::borrow::Cow;

/// What stands where a secret stood.
pub(super) const MASK: &str = "***";

/// Names whose value is a secret whatever stands between the two, also at the end of a longer name
/// (`NGROK_AUTHTOKEN`, `x-api-key`).
const STRONG: [&str; 23] = [
    "code_verifier",
    "codeverifier",
    "client_secret",
    "clientsecret",
    "refresh_token",
    "refreshtoken",
    "access_token",
    "accesstoken",
    "id_token",
    "idtoken",
    "authtoken",
    "auth_token",
    "oauth_token",
    "oauthtoken",
    "api_key",
    "api-key",
    "apikey",
    "private_key",
    "proxy-authorization",
    "__host-gateway_device",
    "pairing_token",
    "csrf_token",
    "consent_code",
];

/// Words that are also ordinary: their value counts after `=`, or when a quote marks it as data.
const WEAK: [&str; 9] = [
    "code",
    "token",
    "secret",
    "password",
    "authorization",
    "cookie",
    "set-cookie",
    "pairing",
    "csrf",
];

/// Authentication schemes; the credentials follow after a space.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

/// Fragments from this length on are taken for a pairing token (128 bits are 22 characters).
const FRAGMENT_CHARS_MIN: usize = 16;

/// How the gateway's own secrets begin: access and refresh tokens, codes, devices, client secrets,
/// tokens that the owner made.
const OWN: [&str; 6] = ["gwa_", "gwr_", "gwc_", "gwd_", "gws_", "gwt_"];
/// Their 256 bits are 43 characters; one that was cut is worth hiding too.
const OWN_CHARS_MIN: usize = 20;

/// `text` with everything that looks like a secret replaced by `***`.
///
/// Never panics; scrubbing twice changes nothing more.
#[must_use]
pub fn scrub(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < text.len() {
        match secret_after(text, at) {
            Some((start, end)) if start < end => {
                out.push_str(&text[copied..start]);
                out.push_str(MASK);
                (copied, at) = (end, end);
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The same for a line of JSON, which stays JSON: each text in it is scrubbed by itself.
pub(super) fn scrub_json(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find('"') {
        let (before, text) = rest.split_at(open + 1);
        let end = end_of_text(text);
        out.push_str(before);
        out.push_str(&scrub(&text[..end]));
        let close = (end + 1).min(text.len());
        out.push_str(&text[end..close]);
        rest = &text[close..];
    }
    out.push_str(rest);
    out
}

/// Where the JSON text ends whose opening quote stands just before `text`.
fn end_of_text(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return at,
            byte => escaped = byte == b'\\' && !escaped,
        }
    }
    text.len()
}

/// Where the secret lies that a marker at byte `at` announces.
fn secret_after(text: &str, at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    match bytes[at] {
        b'#' => return fragment(text, at, at + 1),
        b'%' if text[at..].starts_with("%23") => return fragment(text, at, at + 3),
        b'g' => return own_secret(bytes, at),
        first if !b"abcioprst_ABCIOPRST".contains(&first) => return None,
        _ => {}
    }
    let begins = begins_word(bytes, at);
    if !begins && !matches!(bytes[at - 1], b'_' | b'-') {
        return None;
    }
    let marker = |words: &[&str]| {
        words.iter().filter(|word| has_word(bytes, at, word)).map(|word| at + word.len()).max()
    };
    if let Some(end) = marker(&STRONG) {
        return value(bytes, at, end, true);
    }
    if !begins {
        return None;
    }
    if let Some(end) = marker(&SCHEMES) {
        return credentials(bytes, end);
    }
    value(bytes, at, marker(&WEAK)?, false)
}

/// One of the gateway's own, which needs nothing before it to be known.
fn own_secret(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let start = at + OWN.iter().find(|it| bytes[at..].starts_with(it.as_bytes()))?.len();
    let is_base64url = |b: &u8| b.is_ascii_alphanumeric() || b"-_".contains(b);
    let length = bytes[start..].iter().take_while(|byte| is_base64url(byte)).count();
    (length >= OWN_CHARS_MIN).then_some((start, start + length))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte >= 0x80
}

/// Whether a word begins at `at`: at the start, after a non-word, or after a percent-encoded byte.
fn begins_word(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1) else { return true };
    // `\n` and `\t` in an escaped text are letters that belong to no word.
    let escaped = at >= 2 && bytes[at - 2] == b'\\' && b"nrt".contains(&bytes[before]);
    let percent = at >= 3
        && bytes[at - 3] == b'%'
        && bytes[at - 2].is_ascii_hexdigit()
        && bytes[before].is_ascii_hexdigit();
    !is_word(bytes[before]) || escaped || percent
}

fn has_word(bytes: &[u8], at: usize, word: &str) -> bool {
    let end = at + word.len();
    end <= bytes.len()
        && bytes[at..end].eq_ignore_ascii_case(word.as_bytes())
        && bytes.get(end).is_none_or(|byte| !is_word(*byte))
}

/// Credentials after a scheme's name: spaces (also encoded), then the token (RFC 6750 §2.1).
fn credentials(bytes: &[u8], end_of_scheme: usize) -> Option<(usize, usize)> {
    let mut start = end_of_scheme;
    loop {
        match bytes.get(start)? {
            b' ' | b'\t' | b'+' => start += 1,
            b'%' if bytes[start..].starts_with(b"%20") => start += 3,
            _ => break,
        }
    }
    // Data in quotes, or hidden behind a Debug wrapper, follows other rules.
    if start == end_of_scheme {
        return None;
    }
    let is_token = |b: &u8| b.is_ascii_alphanumeric() || b"-._~+/=%".contains(b) || *b >= 0x80;
    let length = bytes[start..].iter().take_while(|byte| is_token(byte)).count();
    Some((start, start + length))
}

/// The value that belongs to the name from `name` to `end_of_name`.
fn value(bytes: &[u8], name: usize, end_of_name: usize, strong: bool) -> Option<(usize, usize)> {
    let mut at = end_of_name;
    let quoted_name = skip(bytes, &mut at, b"\"'\\") > 0;
    skip(bytes, &mut at, b" \t");
    let separator = match bytes.get(at)? {
        b'=' => b'=',
        b':' => b':',
        b',' if quoted_name && opens_pair(bytes, name) => b':',
        b'%' if bytes[at..].len() >= 3 && bytes[at..at + 3].eq_ignore_ascii_case(b"%3D") => {
            at += 2;
            b'='
        }
        _ => return None,
    };
    at += 1;
    skip(bytes, &mut at, b" \t>");
    let wrapped = skip_wrappers(bytes, &mut at);
    let quote_start = at;
    let slashes = skip(bytes, &mut at, b"\\");
    let quote = bytes.get(at).copied().filter(|byte| b"\"'".contains(byte));
    if let Some(quote) = quote {
        let start = at + 1;
        return Some((start, end_of_quoted(bytes, start, quote, slashes)));
    }
    if !strong && separator == b':' && !quoted_name && !wrapped {
        return None;
    }
    let start = quote_start;
    let ends =
        |b: &u8| b.is_ascii_whitespace() || b.is_ascii_control() || b"\"'&,;<>(){}[]\\".contains(b);
    let mut end = start;
    while end < bytes.len() && !ends(&bytes[end]) && !bytes[end..].starts_with(b"%26") {
        end += 1;
    }
    Some((start, end))
}

/// Whether the quoted name at `name` is the first of a pair as `Debug` prints it: `("token", "abc")`.
fn opens_pair(bytes: &[u8], name: usize) -> bool {
    let before = bytes[..name].strip_suffix(b"\"").unwrap_or_default();
    before.iter().rev().find(|byte| **byte != b'\\') == Some(&b'(')
}

/// Skips what `Debug` puts around a value: `Some(`, `[`, `b"`.
fn skip_wrappers(bytes: &[u8], at: &mut usize) -> bool {
    let start = *at;
    loop {
        let rest = &bytes[*at..];
        if rest.starts_with(b"Some(") {
            *at += 5;
        } else if rest.starts_with(b"[") || rest.starts_with(b"(") {
            *at += 1;
        } else if rest.starts_with(b"b\"") || rest.starts_with(b"b\\\"") {
            *at += 1;
            return true;
        } else {
            return *at > start;
        }
    }
}

/// The end of a value in quotes that were opened behind `slashes` backslashes: the same quote with
/// no more of them.
fn end_of_quoted(bytes: &[u8], start: usize, quote: u8, slashes: usize) -> usize {
    let mut run = 0;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'\\' => run += 1,
            byte if *byte == quote && run <= slashes => return at - run,
            _ => run = 0,
        }
    }
    bytes.len()
}

/// A URL's fragment that begins at `start`, when it is long enough or stands in a web address.
fn fragment(text: &str, hash: usize, start: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let is_fragment =
        |b: &u8| b.is_ascii_alphanumeric() || b"-_~.+/=%!$@:?".contains(b) || *b >= 0x80;
    let length = bytes[start..].iter().take_while(|byte| is_fragment(byte)).count();
    let ends_url =
        |b: &u8| b.is_ascii_whitespace() || b.is_ascii_control() || b"\"'<>()[]{}\\,;#".contains(b);
    let url = bytes[..hash].rsplit(ends_url).next().unwrap_or_default();
    let in_url =
        ["://", "%3A%2F%2F", "%3a%2f%2f"].iter().any(|mark| contains(url, mark.as_bytes()));
    (length >= FRAGMENT_CHARS_MIN || (in_url && length > 0)).then_some((start, start + length))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

fn skip(bytes: &[u8], at: &mut usize, set: &[u8]) -> usize {
    let count = bytes[*at..].iter().take_while(|byte| set.contains(byte)).count();
    *at += count;
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_masked_in_every_notation() {
        for (text, masked) in [
            ("Authorization: Bearer abc.DEF-123_~+/==", "Authorization: Bearer ***"),
            ("authorization: basic dXNlcjpwYXNz, next", "authorization: basic ***, next"),
            ("{\"authorization\":\"Bearer abc\"}", "{\"authorization\":\"***\"}"),
            ("GET /cb?code=abc123&state=x HTTP/1.1", "GET /cb?code=***&state=x HTTP/1.1"),
            ("code_verifier=v&client_secret=s", "code_verifier=***&client_secret=***"),
            ("{\"refresh_token\": \"abc\", \"n\": 1}", "{\"refresh_token\": \"***\", \"n\": 1}"),
            (r#"body={\"access_token\":\"a b\"}"#, r#"body={\"access_token\":\"***\"}"#),
            (r#"b"{\"AuthToken\":\"2abc_def\",\"x\":1}""#, r#"b"{\"AuthToken\":\"***\",\"x\":1}""#),
            ("Form { code: Some(\"abc\"), n: 1 }", "Form { code: Some(\"***\"), n: 1 }"),
            ("[(\"token\", \"abc\"), (\"b\", \"c\")]", "[(\"token\", \"***\"), (\"b\", \"c\")]"),
            ("authtoken: 2abc_def", "authtoken: ***"),
            (
                "next=https%3A%2F%2Fh%2F%3Fcode%3Dabc%26state%3Dx",
                "next=https%3A%2F%2Fh%2F%3Fcode%3D***%26state%3Dx",
            ),
            ("cookie: \"__Host-gateway_device=abc; a=b\"", "cookie: \"***\""),
            ("cookie: __Host-gateway_device=abc; a=b", "cookie: __Host-gateway_device=***; a=b"),
            ("open https://h.example.org/mcp#Zm9v now", "open https://h.example.org/mcp#*** now"),
            ("/mcp#ABCDEFGHIJKLMNOPQRSTUV", "/mcp#***"),
            ("x%23ABCDEFGHIJKLMNOPQRSTUV", "x%23***"),
            ("line\\ncode=abc", "line\\ncode=***"),
            ("CODE=abc Client_Secret = abc", "CODE=*** Client_Secret = ***"),
            ("NGROK_AUTHTOKEN=2abc HERMES_API_KEY: x", "NGROK_AUTHTOKEN=*** HERMES_API_KEY: ***"),
            ("x-api-key: abc", "x-api-key: ***"),
            ("{\"accessToken\":\"abc\"}", "{\"accessToken\":\"***\"}"),
            ("client_secret='it is'", "client_secret='***'"),
            ("/gws_9yQ86GLpTyMCw4HzrnxFgeQnvemCeYb4FvRMpvNqVvg/x", "/gws_***/x"),
            ("gwt_9yQ86GLpTyMCw4HzrnxFgeQnvemCeYb4FvRMpvNqVvg", "gwt_***"),
            ("a%2Fgwa_9yQ86GLpTyMCw4Hz-_nxFgeQnv b", "a%2Fgwa_*** b"),
        ] {
            assert_eq!(scrub(text), masked, "{text}");
        }
    }

    #[test]
    fn ordinary_words_stay() {
        for text in [
            "exit_code=1 status_code=401 error code: 5",
            "issue #2, see owner/repo#12",
            "unicode=yes decode=1 code_challenge_method=S256",
            "a bearer",
            "the token: expired",
            "colour #aabbcc",
            "gwa_short gateway_name_that_is_long_enough_to_be_one",
            "[\"code\",\"other\"]",
        ] {
            assert_eq!(scrub(text), text);
        }
    }

    /// Texts that are dense in what the scrubber looks for.
    fn dense() -> impl Strategy<Value = String> {
        let atom = prop_oneof![
            proptest::sample::select(vec![
                "Bearer",
                "basic",
                "code",
                "token",
                "client_secret",
                "authtoken",
                "https://h/",
                "#",
                "%23",
                "=",
                ":",
                "%3D",
                "\"",
                "'",
                "\\",
                "\\\"",
                " ",
                "&",
                "Some(",
                "[",
                "b\"",
                ",",
                "{",
                "}",
                "***",
                "\n",
                "\\n",
                "%20",
                "cookie",
                "(",
                ")",
                ">",
            ])
            .prop_map(str::to_owned),
            "[a-z0-9]{1,20}",
            "\\PC{0,3}",
        ];
        proptest::collection::vec(atom, 0..24).prop_map(|atoms| atoms.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn scrubbing_never_panics_and_twice_is_once(text in prop_oneof![dense(), any::<String>()]) {
            let once = scrub(&text).into_owned();
            prop_assert_eq!(scrub(&once), once.as_str(), "{}", text);
        }

        #[test]
        fn a_secret_after_its_name_never_comes_out(
            before in "[ -~]{0,20}", name in proptest::sample::select(STRONG.to_vec()),
            secret in "[A-Za-z0-9_-]{8,40}", after in "[ -~]{0,20}",
        ) {
            let text = format!("{before} {name}={secret} {after}");
            let expected = format!("{name}=***");
            prop_assume!(!before.contains(&secret) && !after.contains(&secret));
            // What stands before may swallow more, never less.
            let scrubbed = scrub(&text);
            prop_assert!(!scrubbed.contains(&secret), "{} in {}", expected, scrubbed);
        }

        #[test]
        fn a_line_of_json_stays_json_with_its_keys(value in dense(), other in any::<String>()) {
            let line = serde_json::json!({ "message": value, "code": 5, "other": other }).to_string();
            let scrubbed = scrub_json(&line);
            let read: serde_json::Value = serde_json::from_str(&scrubbed)
                .map_err(|err| TestCaseError::fail(format!("{err}: {scrubbed}")))?;
            prop_assert!(read.get("message").is_some() && read.get("other").is_some());
            prop_assert_eq!(scrub_json(&scrubbed), scrubbed);
        }

        #[test]
        fn a_text_that_only_looks_like_json_does_not_panic(text in dense()) {
            let once = scrub_json(&text);
            prop_assert_eq!(scrub_json(&once), once.as_str(), "{}", text);
        }
    }
}
