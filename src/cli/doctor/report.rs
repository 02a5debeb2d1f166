//! The findings as text for people and as JSON for scripts.
use serde_json::{Value, json};

use super::{Finding, Skipped, Status, Verdict};
use crate::cli::render::clean;

/// One check's finding under its id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::cli) struct Line {
    /// The check's id.
    pub(in crate::cli) id: &'static str,
    /// What it found.
    pub(in crate::cli) finding: Finding,
}

impl Line {
    /// The line of the check `id`.
    pub(in crate::cli) fn new(id: &'static str, verdict: Verdict) -> Self {
        let skipped = |Skipped(why)| Finding { status: Status::Skip, ..Finding::ok(why) };
        Self { id, finding: verdict.unwrap_or_else(skipped) }
    }
}

/// Everything that was found.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Report {
    /// The lines, in the order they are shown.
    pub(in crate::cli) lines: Vec<Line>,
    /// Whether a warning counts as a failure.
    pub(in crate::cli) strict: bool,
}

impl Report {
    /// How many lines are of this status.
    pub(in crate::cli) fn count(&self, status: Status) -> usize {
        self.lines.iter().filter(|line| line.finding.status == status).count()
    }

    /// Whether nothing is in the way.
    pub(in crate::cli) fn is_ok(&self) -> bool {
        self.count(Status::Fail) == 0 && !(self.strict && self.count(Status::Warn) > 0)
    }

    /// The shape that scripts rely on (DESIGN §4.1).
    pub(in crate::cli) fn json(&self) -> Value {
        let check = |Line { id, finding }: &Line| {
            json!({
                "id": id,
                "status": finding.status,
                "summary": finding.summary,
                "detail": finding.detail,
                "fix": finding.fix,
            })
        };
        let checks: Vec<Value> = self.lines.iter().map(check).collect();
        json!({ "schema": 1, "ok": self.is_ok(), "checks": checks })
    }

    /// Lines for people.
    pub(in crate::cli) fn text(&self, colors: bool) -> String {
        let width = self.lines.iter().map(|line| line.id.len()).max().unwrap_or(0);
        let mut out = String::new();
        for Line { id, finding } in &self.lines {
            let (word, color) = match finding.status {
                Status::Ok => ("ok  ", "32"),
                Status::Warn => ("warn", "33"),
                Status::Fail => ("FAIL", "31"),
                Status::Skip => ("skip", "2"),
            };
            let word = if colors { format!("\x1b[{color}m{word}\x1b[0m") } else { word.to_owned() };
            let indent = " ".repeat(6 + width + 2);
            out += &format!("{word}  {id:<width$}  {}\n", fold(&finding.summary, &indent));
            let parts = [("cause:", &finding.detail), ("cure: ", &finding.fix)];
            for (name, part) in parts {
                let Some(text) = part else { continue };
                let name = if finding.status > Status::Ok { name } else { "" };
                let gap = if name.is_empty() { "" } else { " " };
                let inner = format!("{indent}{}", " ".repeat(name.len() + gap.len()));
                out += &format!("{indent}{name}{gap}{}\n", fold(text, &inner));
            }
        }
        out + &self.sum(colors)
    }

    fn sum(&self, colors: bool) -> String {
        let count = |status, one: &str, many: &str| match self.count(status) {
            0 => None,
            1 => Some(format!("1 {one}")),
            n => Some(format!("{n} {many}")),
        };
        let parts: Vec<String> = [
            count(Status::Fail, "failure", "failures"),
            count(Status::Warn, "warning", "warnings"),
            count(Status::Ok, "ok", "ok"),
            count(Status::Skip, "skipped", "skipped"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let color = match (self.count(Status::Fail), self.count(Status::Warn)) {
            (0, 0) => "32",
            (0, _) => "33",
            _ => "31",
        };
        let sum = parts.join(", ");
        if colors { format!("\n\x1b[1;{color}m{sum}\x1b[0m\n") } else { format!("\n{sum}\n") }
    }
}

/// Text that may come from elsewhere, made harmless, with its further lines below the first.
fn fold(text: &str, indent: &str) -> String {
    clean(text.trim_end()).replace('\n', &format!("\n{indent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(strict: bool, findings: Vec<(&'static str, Verdict)>) -> Report {
        let lines = findings.into_iter().map(|(id, verdict)| Line::new(id, verdict)).collect();
        Report { lines, strict }
    }

    #[test]
    fn a_warning_is_a_failure_only_when_strict() {
        let warning = || vec![("a", Ok(Finding::warn("s", "c", "f")))];
        assert!(report(false, warning()).is_ok());
        assert!(!report(true, warning()).is_ok());
        assert!(!report(false, vec![("a", Ok(Finding::fail("s", "c", "f")))]).is_ok());
        assert!(report(true, vec![("a", Err(Skipped::because("s")))]).is_ok());
    }

    #[test]
    fn the_json_has_the_promised_shape() {
        let report = report(
            false,
            vec![("a", Ok(Finding::ok("s"))), ("b", Ok(Finding::fail("s", "c", "f")))],
        );
        let json = report.json();
        assert_eq!(json["schema"], 1);
        assert_eq!(json["ok"], false);
        assert_eq!(
            json["checks"],
            serde_json::json!([
                { "id": "a", "status": "ok", "summary": "s", "detail": null, "fix": null },
                { "id": "b", "status": "fail", "summary": "s", "detail": "c", "fix": "f" },
            ])
        );
    }

    #[test]
    fn words_from_elsewhere_cannot_steer_the_terminal() {
        let text = report(false, vec![("a", Ok(Finding::ok("x\u{1b}[2Jy")))]).text(false);
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn colours_are_there_only_when_wanted() {
        let report = report(false, vec![("a", Ok(Finding::fail("s", "c", "f")))]);
        assert!(report.text(true).contains("\x1b[31mFAIL\x1b[0m"));
        assert!(!report.text(false).contains('\x1b'));
    }
}
