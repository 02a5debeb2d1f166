//! What a check found.
use serde::Serialize;

/// How it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Status {
    /// It was not looked at, because something it needs is not there.
    Skip,
    /// As it should be.
    Ok,
    /// Works, and will surprise.
    Warn,
    /// Does not work.
    Fail,
}

/// What a check found. Whatever is not well has a cause and a cure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::cli) struct Finding {
    /// How it is.
    pub(in crate::cli) status: Status,
    /// In one line.
    pub(in crate::cli) summary: String,
    /// The cause, or more about it.
    pub(in crate::cli) detail: Option<String>,
    /// A command to run or a setting to make.
    pub(in crate::cli) fix: Option<String>,
}

/// Why a check looked at nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::cli) struct Skipped(pub(in crate::cli) String);

/// What comes of a check.
pub(in crate::cli) type Verdict = Result<Finding, Skipped>;

impl Skipped {
    /// Tells why.
    pub(in crate::cli) fn because(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl Finding {
    /// All is well.
    pub(in crate::cli) fn ok(summary: impl Into<String>) -> Self {
        Self { status: Status::Ok, summary: summary.into(), detail: None, fix: None }
    }

    /// It works, and will surprise.
    pub(in crate::cli) fn warn(
        summary: impl Into<String>,
        cause: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::bad(Status::Warn, summary.into(), cause.into(), fix.into())
    }

    /// It does not work.
    pub(in crate::cli) fn fail(
        summary: impl Into<String>,
        cause: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self::bad(Status::Fail, summary.into(), cause.into(), fix.into())
    }

    fn bad(status: Status, summary: String, cause: String, fix: String) -> Self {
        Self { status, summary, detail: Some(cause), fix: Some(fix) }
    }

    /// Says more about what is well.
    pub(in crate::cli) fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// One finding of several: as bad as the worst, which names it; causes and cures of all that
    /// are not well. `well` sums up when all are.
    pub(in crate::cli) fn of_all(
        findings: impl IntoIterator<Item = Self>,
        well: impl Into<String>,
    ) -> Self {
        let mut bad: Vec<Self> =
            findings.into_iter().filter(|finding| finding.status > Status::Ok).collect();
        // Stable: among equals the first one names it.
        bad.sort_by_key(|finding| std::cmp::Reverse(finding.status));
        let Some(worst) = bad.first().cloned() else { return Self::ok(well) };
        if bad.len() == 1 {
            return worst;
        }
        let lines = |part: fn(&Self) -> Option<&String>| {
            let lines = bad.iter().filter_map(|finding| part(finding).map(String::as_str));
            lines.collect::<Vec<_>>().join("\n")
        };
        let causes: Vec<String> = bad
            .iter()
            .map(|finding| {
                let cause = finding.detail.as_deref().unwrap_or_default();
                format!("{}: {cause}", finding.summary)
            })
            .collect();
        let fix = lines(|finding| finding.fix.as_ref());
        let summary = format!("{} (and {} more)", worst.summary, bad.len() - 1);
        Self { status: worst.status, summary, detail: Some(causes.join("\n")), fix: Some(fix) }
    }
}

/// A path as one word of a command that can be pasted.
pub(super) fn word(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%,:=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_findings_are_as_bad_as_the_worst_and_keep_every_cure() {
        let all = [
            Finding::ok("a"),
            Finding::warn("b", "cause b", "cure b"),
            Finding::fail("c", "cause c", "cure c"),
        ];
        let one = Finding::of_all(all, "well");
        assert_eq!((one.status, one.summary.as_str()), (Status::Fail, "c (and 1 more)"));
        assert_eq!(one.detail.as_deref(), Some("c: cause c\nb: cause b"));
        assert_eq!(one.fix.as_deref(), Some("cure c\ncure b"));
        assert_eq!(Finding::of_all([Finding::ok("a")], "well"), Finding::ok("well"));
    }

    #[test]
    fn a_path_in_a_cure_can_be_pasted() {
        assert_eq!(word("/home/u/src".as_ref()), "/home/u/src");
        assert_eq!(word("/home/it's me".as_ref()), r"'/home/it'\''s me'");
    }
}
