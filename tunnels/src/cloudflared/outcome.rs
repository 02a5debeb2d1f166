//! What an exit of `cloudflared` means, by its code and its last words.
use super::error::CloudflaredError as E;

/// How many lines count as the last words.
const LAST_WORDS: usize = 6;

/// Words to look for, and the cause they mean.
type Row = (&'static str, fn(String) -> E);

/// How the process ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    Code(i32),
    /// Without an exit code; the system's words for it.
    Signal(String),
}

/// Sorts an exit. `lines` are the last lines of both pipes in order, redacted.
///
/// The texts are those of cloudflared 2026.8.2. An exit code of 0 is no success: it is what an
/// unknown flag ends with.
pub(super) fn of_exit(ending: Ending, lines: &[String]) -> E {
    // Help texts are long and begin with what matters; anything else is said at the very end, where
    // the harmless `ERR` lines of a good start are no longer in sight.
    let end = &lines[lines.len().saturating_sub(LAST_WORDS)..];
    let find_in = |lines: &[String], needle: &str| {
        lines.iter().rev().find(|line| line.contains(needle)).map(|line| short(line))
    };
    let find = |needle: &str| find_in(end, needle);
    let code = match ending {
        Ending::Signal(how) => return E::Killed { how, last: lines.to_vec() },
        Ending::Code(code) => code,
    };
    if let Some(line) = find_in(lines, "flag provided but not defined") {
        let flag = line.rsplit(": ").next().unwrap_or(&line).to_owned();
        return E::UnknownFlag(flag);
    }
    // The specific causes first: a later line of the same exit is often a vaguer one.
    let table: &[Row] = &[
        ("error code: 1015", E::RateLimited),
        ("429 Too Many Requests", E::RateLimited),
        ("Could not lookup srv records", E::EdgeLookup),
        ("failed to request quick Tunnel", E::NoInternet),
        ("failed to unmarshal quick Tunnel", E::ServiceFailed),
        ("failed to parse quick Tunnel ID", E::Refused),
        ("Error opening metrics server listener", E::Usage),
        ("Unauthorized", E::Unauthorized),
        ("token is not valid", E::Unauthorized),
        ("Failed to read token file", E::Usage),
        ("initial tunnel connection failed", E::EdgeRefused),
        ("unknown protocol", E::Usage),
        ("grace-period must be", E::Usage),
        ("doesn't exist or is not a file", E::Usage),
        ("requires the ID or name", E::Usage),
        ("error parsing tunnel ID", E::Usage),
    ];
    for (needle, cause) in table {
        if let Some(line) = find(needle) {
            return cause(line);
        }
    }
    if let Some(line) = find_in(lines, "You did not specify any valid additional argument") {
        return E::Usage(line);
    }
    if let Some(line) = lines.last()
        && line.starts_with("open ")
        && line.ends_with("no such file or directory")
    {
        return E::Usage(short(line));
    }
    E::Exited { code, last: lines.to_vec() }
}

/// A line without its time stamp and level, and not endless.
pub(super) fn short(line: &str) -> String {
    let mut words = line.splitn(3, ' ');
    let text = match (words.next(), words.next(), words.next()) {
        (Some(time), Some(level), Some(rest))
            if time.ends_with('Z') && level.len() == 3 && level.chars().all(char::is_uppercase) =>
        {
            rest
        }
        _ => line,
    };
    match text.char_indices().nth(300) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(code: i32, lines: &[&str]) -> &'static str {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        of_exit(Ending::Code(code), &lines).code()
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn every_observed_exit_has_its_cause() {
        let rows: &[(i32, &[&str], &str)] = &[
            (
                1,
                &[
                    r#"failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": dial tcp: lookup api.trycloudflare.com on 127.0.0.53:53: no such host"#,
                ],
                "cloudflared.no_internet",
            ),
            (
                1,
                &[
                    r#"2026-11-20T05:41:06Z ERR Error unmarshaling QuickTunnel response: error code: 1015 error="invalid character 'e' looking for beginning of value" status_code="429 Too Many Requests""#,
                    "failed to unmarshal quick Tunnel: invalid character 'e' looking for beginning of value",
                ],
                "cloudflared.rate_limited",
            ),
            (
                1,
                &[
                    r#"2026-11-20T05:41:06Z ERR Error unmarshaling QuickTunnel response: <html> error="invalid character '<' looking for beginning of value" status_code="500 Internal Server Error""#,
                    "failed to unmarshal quick Tunnel: invalid character '<' looking for beginning of value",
                ],
                "cloudflared.service_failed",
            ),
            (
                1,
                &["failed to parse quick Tunnel ID: invalid UUID length: 0"],
                "cloudflared.refused",
            ),
            (
                1,
                &[
                    "Could not lookup srv records on _v2-origintunneld._tcp.argotunnel.com: lookup _v2-origintunneld._tcp.argotunnel.com on 127.0.0.53:53: no such host",
                ],
                "cloudflared.edge_lookup",
            ),
            (
                1,
                &[
                    "You did not specify any valid additional argument to the cloudflared tunnel command.",
                    "more",
                ],
                "cloudflared.usage",
            ),
            (
                255,
                &[
                    r#""cloudflared tunnel run" requires the ID or name of the tunnel to run as the last command line argument or in the configuration file."#,
                    "See 'cloudflared tunnel run --help'.",
                ],
                "cloudflared.usage",
            ),
            (
                255,
                &["Provided Tunnel token is not valid.", "See 'cloudflared tunnel run --help'."],
                "cloudflared.unauthorized",
            ),
            (
                255,
                &[
                    "Failed to read token file: open /x: no such file or directory",
                    "See 'cloudflared tunnel run --help'.",
                ],
                "cloudflared.usage",
            ),
            (
                1,
                &[
                    "error parsing tunnel ID: Error locating origin cert: client didn't specify origincert path",
                ],
                "cloudflared.usage",
            ),
            (
                1,
                &["Tunnel credentials file '/x' doesn't exist or is not a file"],
                "cloudflared.usage",
            ),
            (1, &["open /x: no such file or directory"], "cloudflared.usage"),
            (
                1,
                &[
                    "Error opening metrics server listener: failed to bind to address (127.0.0.1:1): listen tcp 127.0.0.1:1: bind: address already in use",
                ],
                "cloudflared.usage",
            ),
            (
                1,
                &["unknown protocol bogus, Available protocols: auto, quic, http2"],
                "cloudflared.usage",
            ),
            (1, &["grace-period must be equal or less than 3m0s"], "cloudflared.usage"),
            (
                0,
                &[
                    "Incorrect Usage. flag provided but not defined: -bogus",
                    "NAME:",
                    "   cloudflared tunnel",
                ],
                "cloudflared.unknown_flag",
            ),
            (
                1,
                &[
                    r#"2026-11-20T05:41:06Z ERR initial tunnel connection failed error="tunnel not found""#,
                    "tunnel not found",
                ],
                "cloudflared.edge_refused",
            ),
            (0, &["2026-11-20T05:41:06Z INF Thank you"], "cloudflared.exited"),
            (1, &[], "cloudflared.exited"),
        ];
        for (code, lines, expected) in rows {
            assert_eq!(code_of(*code, lines), *expected, "{lines:?}");
        }
    }

    #[test]
    fn an_error_line_of_a_good_start_does_not_explain_a_later_exit() {
        let features = "2026-11-20T05:41:06Z ERR Failed to fetch features, default to disable error=\"lookup cfd-features.argotunnel.com: no such host\"";
        assert_eq!(code_of(1, &[features, "2026-11-20T05:41:06Z INF bye"]), "cloudflared.exited");
    }

    #[test]
    fn the_unknown_flag_is_named() {
        let line = "Incorrect Usage. flag provided but not defined: -no-prechecks".to_owned();
        let error = of_exit(Ending::Code(0), &[line]);
        assert_eq!(error, E::UnknownFlag("-no-prechecks".to_owned()));
    }

    #[test]
    fn time_and_level_are_not_repeated_to_the_owner() {
        assert_eq!(short("2026-11-20T05:41:06Z ERR it broke"), "it broke");
        assert_eq!(short("tunnel not found"), "tunnel not found");
    }
}
