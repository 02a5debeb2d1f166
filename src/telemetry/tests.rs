//! The promises of logging, as seen in what comes out.
use std::fs;
use std::sync::Mutex;

use serde_json::Value;
use tracing::{debug, error, info, info_span, trace, warn};

use super::*;
use crate::clock::{ManualClock, Timestamp};
use crate::telemetry::Redacted;

/// Collects what would go to stderr.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn settings(level: LogLevel, format: LogFormat) -> Settings {
    let verbosity = Verbosity::default();
    Settings { level, verbosity, format, is_terminal: false, colours: false, file: None }
}

/// What `log` puts on stderr under `settings`.
fn logged(settings: &Settings, log: impl FnOnce(&Telemetry)) -> String {
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_153_266_120)));
    let captured = Captured::default();
    let (subscriber, telemetry) = build(settings, clock, Box::new(captured.clone())).unwrap();
    tracing::subscriber::with_default(subscriber, || log(&telemetry));
    telemetry.flush();
    let bytes = captured.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_line_has_time_level_target_message_fields_and_spans() {
    let log = |_: &Telemetry| {
        let _request = info_span!("request", id = "4d2", status = tracing::field::Empty).entered();
        tracing::Span::current().record("status", 200);
        info!(target: "gateway::task", task = "t1", tries = 3, "settled as expected");
    };
    assert_eq!(
        logged(&settings(LogLevel::Info, LogFormat::Pretty), log),
        "2026-11-20T05:41:06.120Z  INFO gateway::task: settled as expected task=t1 tries=3 \
         (request id=4d2 status=200)\n"
    );
    let line: Value =
        serde_json::from_str(&logged(&settings(LogLevel::Info, LogFormat::Json), log)).unwrap();
    assert_eq!(
        line,
        serde_json::json!({
            "time": "2026-11-20T05:41:06.120Z", "level": "info", "target": "gateway::task",
            "message": "settled as expected", "fields": {"task": "t1", "tries": 3},
            "spans": [{"name": "request", "id": "4d2", "status": 200}],
        })
    );
}

#[test]
fn auto_is_pretty_on_a_terminal_and_json_elsewhere_and_colours_are_optional() {
    let mut settings = settings(LogLevel::Info, LogFormat::Auto);
    assert!(logged(&settings, |_| info!("x")).starts_with('{'));
    settings.is_terminal = true;
    assert!(!logged(&settings, |_| info!("x")).contains(['{', '\x1b']));
    settings.colours = true;
    assert!(logged(&settings, |_| info!("x")).contains("\x1b[32m INFO\x1b[0m"));
}

#[test]
fn planted_secrets_never_come_out_at_trace_in_either_format() {
    const SECRET: &str = "hUnTeR2hUnTeR2hUnTeR2";
    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug only")]
    struct Form {
        code: Option<String>,
        code_verifier: String,
    }
    let log = |_: &Telemetry| {
        let form = Form { code: Some(SECRET.to_owned()), code_verifier: SECRET.to_owned() };
        let body =
            format!("grant_type=refresh_token&refresh_token={SECRET}&client_secret={SECRET}");
        let json = serde_json::json!({ "access_token": SECRET, "authtoken": SECRET }).to_string();
        let span =
            info_span!("request", uri = format!("/cb?code={SECRET}&state=s"), token = SECRET);
        let _entered = span.entered();
        trace!(code = SECRET, client_secret = SECRET, authtoken = SECRET, cookie = SECRET);
        trace!("Authorization: Bearer {SECRET}");
        debug!(header = format!("Basic {SECRET}"), ?form, body, "request");
        debug!(body = json, quoted = ?json, twice = format!("{json:?}"), bytes = ?json.as_bytes().escape_ascii().to_string());
        info!(url = format!("https://h.example.org/mcp#{SECRET}"), "open /mcp#{SECRET}");
        warn!(secret = %Redacted::new(SECRET), next = format!("https%3A%2F%2Fh%3Fcode%3D{SECRET}%26x"));
        error!(
            error =
                &io::Error::other(format!("bad refresh_token={SECRET}")) as &dyn std::error::Error
        );
        error!("{}code={SECRET}", "x ".repeat(2040)); // the cut falls into the secret
        trace!(target: "muxado::frame", frame = SECRET);
        debug!(target: "ngrok", basic = SECRET);
    };
    for format in [LogFormat::Pretty, LogFormat::Json] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.log");
        let file = FileSettings { path: path.clone(), max_bytes: 1_000_000, keep: 1 };
        let settings = Settings { file: Some(file), ..settings(LogLevel::Trace, format) };
        for text in [logged(&settings, log), fs::read_to_string(&path).unwrap()] {
            assert_eq!(text.lines().count(), 8, "{text}");
            assert!(!text.contains(&SECRET[..8]), "{text}");
        }
    }
}

#[test]
fn untrusted_text_cannot_forge_a_line_or_command_the_terminal() {
    let evil = "x\n2026 ERROR gateway: forged\r\x1b[2J\u{202e}";
    let log = |_: &Telemetry| warn!(name = evil, other = ?evil, "{evil}");
    for format in [LogFormat::Pretty, LogFormat::Json] {
        let text = logged(&settings(LogLevel::Info, format), log);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
    }
}

#[test]
fn the_level_changes_while_running_and_flags_still_count() {
    let mut settings = settings(LogLevel::Warn, LogFormat::Pretty);
    settings.verbosity.verbose = 1;
    let text = logged(&settings, |telemetry| {
        debug!("one");
        info!("two");
        telemetry.set_level(LogLevel::Info);
        debug!("three");
        telemetry.set_level(LogLevel::Error);
        info!("four");
    });
    assert!(!text.contains("one") && text.contains("two"), "{text}");
    assert!(text.contains("three") && !text.contains("four"), "{text}");
}

#[test]
fn a_huge_value_is_cut_and_a_huge_line_is_bounded() {
    let huge = "ä".repeat(1_000_000);
    for format in [LogFormat::Pretty, LogFormat::Json] {
        let text = logged(&settings(LogLevel::Info, format), |_| {
            info!(
                a = huge,
                b = huge,
                c = huge,
                d = huge,
                e = huge,
                f = huge,
                g = huge,
                h = huge,
                i = huge
            );
        });
        assert!(text.len() < 64 * 1024 && text.contains('…'), "{}", text.len());
    }
}

#[test]
fn a_log_file_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/g.log");
    let file = FileSettings { path: path.clone(), max_bytes: 1, keep: 1 };
    let settings = Settings { file: Some(file), ..settings(LogLevel::Info, LogFormat::Json) };
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(0)));
    let err = build(&settings, clock, Box::new(io::sink())).err().unwrap();
    assert!(err.to_string().contains(path.to_str().unwrap()), "{err}");
}
