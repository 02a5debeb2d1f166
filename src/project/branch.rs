//! [`BranchName`] and [`BranchPrefix`]: names of branches, checked as `git check-ref-format` does.
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name, in bytes; a file name holds 255 with `.lock` behind it.
const NAME_MAX: usize = 200;

/// A text that cannot name a branch.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{name:?} cannot name a branch: {why}")]
pub struct InvalidBranch {
    name: String,
    why: &'static str,
}

/// The name of a branch without `refs/heads/`, such as `gateway/7f3a-fix-login`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BranchName(String);

impl BranchName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole name of the ref.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("refs/heads/{}", self.0)
    }

    /// The branch of a task: prefix, id and a few words of the title.
    ///
    /// # Errors
    ///
    /// [`InvalidBranch`] when prefix and id do not make a name.
    pub fn of_task(prefix: &BranchPrefix, task: &str, title: &str) -> Result<Self, InvalidBranch> {
        let slug = slug(title);
        let dash = if slug.is_empty() { "" } else { "-" };
        Self::try_from(format!("{}{task}{dash}{slug}", prefix.0))
    }
}

impl TryFrom<String> for BranchName {
    type Error = InvalidBranch;

    fn try_from(name: String) -> Result<Self, InvalidBranch> {
        match fault(&name) {
            None => Ok(Self(name)),
            Some(why) => Err(InvalidBranch { name, why }),
        }
    }
}

impl FromStr for BranchName {
    type Err = InvalidBranch;

    fn from_str(text: &str) -> Result<Self, InvalidBranch> {
        Self::try_from(text.to_owned())
    }
}

impl From<BranchName> for String {
    fn from(name: BranchName) -> Self {
        name.0
    }
}

impl fmt::Display for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the names of the tasks' branches begin with, such as `gateway/`; may be empty.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BranchPrefix(String);

impl BranchPrefix {
    /// The prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for BranchPrefix {
    fn default() -> Self {
        Self("gateway/".to_owned())
    }
}

impl TryFrom<String> for BranchPrefix {
    type Error = InvalidBranch;

    fn try_from(prefix: String) -> Result<Self, InvalidBranch> {
        // A prefix is good when a name that begins with it is; the task's id follows it.
        let why =
            if prefix.len() > 60 { Some("at most 60 bytes") } else { fault(&format!("{prefix}0")) };
        match why {
            None => Ok(Self(prefix)),
            Some(why) => Err(InvalidBranch { name: prefix, why }),
        }
    }
}

impl From<BranchPrefix> for String {
    fn from(prefix: BranchPrefix) -> Self {
        prefix.0
    }
}

/// Why `name` cannot name a branch; the rules of `git check-ref-format --branch`.
fn fault(name: &str) -> Option<&'static str> {
    let part_fault = |part: &str| match part {
        "" => Some("no empty part between slashes"),
        part if part.starts_with('.') => Some("no part begins with a dot"),
        part if part.strip_suffix(".lock").is_some() => Some("no part ends with `.lock`"),
        _ => None,
    };
    if name.is_empty() || name.len() > NAME_MAX {
        return Some("between 1 and 200 bytes");
    }
    if name.starts_with('-') {
        return Some("it must not begin with a dash");
    }
    if matches!(name, "HEAD" | "@") {
        return Some("the name is taken by git");
    }
    if name.ends_with('.') {
        return Some("it must not end with a dot");
    }
    if name.contains("..") || name.contains("@{") {
        return Some("no `..` and no `@{`");
    }
    if name.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c)) {
        return Some("no spaces, control characters or any of ~^:?*[\\");
    }
    name.split('/').find_map(part_fault)
}

/// A few words of a title in lower-case ASCII with dashes, at most 40 bytes.
fn slug(title: &str) -> String {
    let mut out = String::new();
    for word in title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let room = 40_usize.saturating_sub(out.len() + usize::from(!out.is_empty()));
        if room == 0 || (word.len() > room && !out.is_empty()) {
            break;
        }
        if !out.is_empty() {
            out.push('-');
        }
        out.push_str(&word[..word.len().min(room)].to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_s_branch_holds_prefix_id_and_slug_whatever_the_title() {
        let prefix = BranchPrefix::default();
        let name = |title: &str| BranchName::of_task(&prefix, "7f3a", title).unwrap().to_string();
        assert_eq!(name("Fix the LOGIN, please!"), "gateway/7f3a-fix-the-login-please");
        assert_eq!(name("--upload-pack=x ../.. @{u}"), "gateway/7f3a-upload-pack-x-u");
        assert_eq!(name("日本語"), "gateway/7f3a");
        assert!(name(&"word ".repeat(100)).len() < 60);
        assert!(name(&"w".repeat(1000)).len() < 60);
    }

    #[test]
    fn names_are_judged_as_git_judges_them() {
        let cases = [
            "a", "a/b", "-a", "a/-b", "a..b", ".a", "a/.b", "a.lock", "a.lock/b", "a/", "/a",
            "a//b", "a b", "a~", "a^", "a:", "a?", "a*", "a[", "a\\", "a\u{7f}", "a\n", "a@{b",
            "@a", "HEAD", "a.", "ä", "{", "a/b.", "",
        ];
        for case in cases {
            let git = std::process::Command::new("git")
                .args(["check-ref-format", "--branch", case])
                .current_dir("/")
                .output()
                .expect("git is installed")
                .status
                .success();
            assert_eq!(case.parse::<BranchName>().is_ok(), git, "{case:?}");
        }
    }

    #[test]
    fn a_prefix_that_cannot_begin_a_branch_is_refused() {
        for bad in ["-", "a..", "/", "a b/", ".x/", "x.lock/", &"p".repeat(61)] {
            assert!(BranchPrefix::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        for good in ["", "gateway/", "gw-"] {
            assert!(BranchPrefix::try_from(good.to_owned()).is_ok(), "{good}");
        }
    }
}
