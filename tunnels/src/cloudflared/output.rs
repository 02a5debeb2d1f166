//! Reads both pipes of the child for its whole life.
//!
//! Closing a pipe kills cloudflared by SIGPIPE at its next line, and an unread one freezes the tunnel
//! once it is full. So the readers never wait for anything but the pipe: lines are capped, logged at
//! a bounded rate, kept in a bounded ring for error texts, and searched for the few that matter.
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use crate::event::Note;
use crate::provider::SessionLink;

/// The longest line kept; the rest of it is skipped.
const LINE_MAX: usize = 8 * 1024;
/// The longest line kept in the ring.
const KEPT_LINE_MAX: usize = 500;
/// Lines kept from the beginning and from the end.
const FIRST_KEPT: usize = 20;
const LAST_KEPT: usize = 100;
/// Refusals kept; more say nothing new.
const UNAUTHORIZED_KEPT: usize = 8;
/// Lines logged per second.
const LOGGED_PER_SECOND: u32 = 50;
/// The shortest time between two notes about suppressed lines.
const NOTE_EVERY: Duration = Duration::from_secs(10);

/// What the lines so far have told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Seen {
    /// Where the metrics server listens.
    pub(super) metrics: Option<SocketAddr>,
    /// The public address, as printed in the log: the second source.
    pub(super) url: Option<Url>,
    /// A connection to the edge was registered.
    pub(super) registered: bool,
    /// Registrations the edge refused for a wrong secret, and the last one's words.
    pub(super) unauthorized: Vec<String>,
    /// QUIC connections that could not be dialled.
    pub(super) quic_failures: u32,
}

/// The child's output, read by [`Output::drain`].
#[derive(Debug)]
pub(super) struct Output {
    seen: watch::Sender<Seen>,
    kept: Mutex<Kept>,
    link: SessionLink,
}

#[derive(Debug, Default)]
struct Kept {
    first: Vec<String>,
    last: VecDeque<String>,
    second: Option<Instant>,
    logged_in_second: u32,
    suppressed: u64,
    noted: Option<Instant>,
}

impl Output {
    pub(super) fn new(link: SessionLink) -> Arc<Self> {
        Arc::new(Self { seen: watch::Sender::default(), kept: Mutex::default(), link })
    }

    pub(super) fn seen(&self) -> watch::Receiver<Seen> {
        self.seen.subscribe()
    }

    /// The first and last lines, in order.
    pub(super) fn lines(&self) -> Vec<String> {
        let kept = self.kept();
        kept.first.iter().chain(&kept.last).cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a pipe to its end.
    pub(super) async fn drain(self: Arc<Self>, mut pipe: impl AsyncRead + Unpin) {
        let mut chunk = vec![0; 16 * 1024];
        let mut line = Vec::new();
        loop {
            let read = match pipe.read(&mut chunk).await {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            for byte in &chunk[..read] {
                if *byte == b'\n' {
                    self.take(&line);
                    line.clear();
                } else if line.len() < LINE_MAX {
                    line.push(*byte);
                }
            }
        }
        if !line.is_empty() {
            self.take(&line);
        }
    }

    fn take(&self, bytes: &[u8]) {
        let line = String::from_utf8_lossy(bytes);
        let line = line.trim_end();
        self.look_at(line);
        let now = Instant::now();
        let mut kept = self.kept();
        if !kept.may_log(now) {
            kept.suppressed += 1;
        }
        let shown = redact(line);
        kept.keep(shown.chars().filter(|c| !c.is_control()).take(KEPT_LINE_MAX).collect());
        let logged = kept.logged_in_second <= LOGGED_PER_SECOND;
        let note = kept.note(now);
        drop(kept);
        if logged {
            tracing::debug!(target: "gateway_tunnels::cloudflared", "{shown}");
        }
        if let Some(note) = note {
            self.link.note(note);
        }
    }

    /// Searches the raw line: the same words stand in the text and in the JSON format.
    fn look_at(&self, line: &str) {
        if let Some((_, rest)) = line.split_once("Starting metrics server on ") {
            let address = rest.split(['/', '"', ' ']).next().unwrap_or_default();
            if let Ok(address) = address.parse::<SocketAddr>() {
                // Whatever the line says, only this machine is asked.
                if address.ip().is_loopback() {
                    self.seen.send_modify(|seen| seen.metrics = Some(address));
                }
            }
        } else if line.contains("Registered tunnel connection") {
            self.seen.send_modify(|seen| seen.registered = true);
        } else if line.contains("Register tunnel error") && line.contains("Unauthorized") {
            let words = super::outcome::short(&redact(line));
            self.seen.send_if_modified(|seen| {
                let few = seen.unauthorized.len() < UNAUTHORIZED_KEPT;
                if few {
                    seen.unauthorized.push(words);
                }
                few
            });
        } else if line.contains("Failed to dial a quic connection") {
            self.seen.send_modify(|seen| seen.quic_failures = seen.quic_failures.saturating_add(1));
        } else if let Some(url) = quick_url(line) {
            self.seen.send_if_modified(|seen| {
                let new = seen.url.is_none();
                if new {
                    seen.url = Some(url);
                }
                new
            });
        }
    }
}

impl Kept {
    fn may_log(&mut self, now: Instant) -> bool {
        let fresh = self.second.is_none_or(|at| now.duration_since(at) >= Duration::from_secs(1));
        if fresh {
            self.second = Some(now);
            self.logged_in_second = 0;
        }
        self.logged_in_second = self.logged_in_second.saturating_add(1);
        self.logged_in_second <= LOGGED_PER_SECOND
    }

    fn keep(&mut self, line: String) {
        if self.first.len() < FIRST_KEPT {
            self.first.push(line);
            return;
        }
        if self.last.len() == LAST_KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    fn note(&mut self, now: Instant) -> Option<Note> {
        let quiet = self.noted.is_none_or(|noted| now.duration_since(noted) >= NOTE_EVERY);
        if !quiet || self.suppressed == 0 {
            return None;
        }
        self.noted = Some(now);
        Some(Note::LinesSuppressed { count: std::mem::take(&mut self.suppressed) })
    }
}

/// The address in `https://<label>.trycloudflare.com`, the only link that counts.
fn quick_url(line: &str) -> Option<Url> {
    line.match_indices("https://").find_map(|(at, scheme)| {
        let rest = &line[at + scheme.len()..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'));
        quick_host(&rest[..end.unwrap_or(rest.len())])
    })
}

/// The origin of a quick tunnel's host name, if it is one.
pub(super) fn quick_host(host: &str) -> Option<Url> {
    let label = host.strip_suffix(".trycloudflare.com")?;
    let valid = !label.is_empty()
        && label != "api"
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    valid.then(|| Url::parse(&format!("https://{host}")).ok()).flatten()
}

/// The line without what must not be kept: bearer tokens, authorization codes, secrets in queries.
pub(super) fn redact(line: &str) -> String {
    const MARKS: &[&str] = &[
        "bearer ",
        "basic ",
        "code=",
        "token=",
        "secret=",
        "password=",
        "verifier=",
        "authorization:[",
        "cookie:[",
        "\"token\":\"",
        "\"secret\":\"",
        "tunnelsecret:",
    ];
    let lower = line.to_ascii_lowercase();
    let mut shown = String::with_capacity(line.len());
    let mut at = 0;
    while at < line.len() {
        let found = MARKS
            .iter()
            .filter_map(|mark| Some((lower[at..].find(mark)? + at, mark.len())))
            .min_by_key(|(start, len)| (*start, std::cmp::Reverse(*len)));
        let Some((start, len)) = found else { break };
        let value = start + len;
        shown.push_str(&line[at..value]);
        let closers: &[char] = if line[..value].ends_with('[') {
            &[']']
        } else {
            &[' ', '&', '"', '\'', ']', ',', ';', ')']
        };
        let end = line[value..].find(closers).map_or(line.len(), |end| value + end);
        if end > value {
            shown.push('…');
        }
        at = end;
    }
    shown.push_str(&line[at..]);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_quick_tunnels_own_link_is_taken_for_the_address() {
        let url = |line: &str| quick_url(line).map(String::from);
        let good = "2026-11-20T05:41:06Z INF |  https://blue-sky-two.trycloudflare.com     |";
        assert_eq!(url(good), Some("https://blue-sky-two.trycloudflare.com/".to_owned()));
        let terms = "Thank you (https://www.cloudflare.com/website-terms/) https://developers.cloudflare.com/x";
        for other in [
            terms,
            "https://api.trycloudflare.com/tunnel",
            "https://.trycloudflare.com",
            "https://x.trycloudflare.com.evil.example",
            "https://a.b.trycloudflare.com",
        ] {
            assert_eq!(url(other), None, "{other}");
        }
        assert!(url(&format!("{terms} https://x.trycloudflare.com")).is_some());
    }

    #[test]
    fn secrets_are_redacted_wherever_they_stand() {
        let cases = [
            ("Authorization:[Bearer planted] User-Agent:[x]", "User-Agent:[x]"),
            ("GET /cb?code=planted&state=1", "&state=1"),
            ("a Bearer planted, b bearer planted c", " c"),
            (r#"{"token":"planted","x":1}"#, r#""x":1}"#),
            ("access_token=planted ü code=planted", "ü"),
        ];
        for (line, kept) in cases {
            let shown = redact(line);
            assert!(!shown.contains("planted"), "{shown}");
            assert!(shown.contains(kept), "{shown}");
        }
        assert_eq!(redact("nothing secret"), "nothing secret");
    }
}
