//! Names of projects, URI schemes and git branches.
use std::borrow::Borrow;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::{InvalidValue, text_value};

/// The name of a project or an executor: letters, digits, `-` and `_`, at most 64 characters.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ProjectName(String);

text_value!(ProjectName, "a name of letters, digits, `-` and `_`, at most 64 characters");

impl ProjectName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name for the project in `path`: the folder's, with what names cannot hold made `-`.
    #[must_use]
    pub fn for_folder(path: &Path) -> Self {
        let folder = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let name: String = folder
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
            .take(64)
            .collect();
        let name = name.trim_matches(['-', '_']);
        name.parse().unwrap_or_else(|_| Self("project".to_owned()))
    }
}

impl Borrow<str> for ProjectName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProjectName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let ok = (1..=64).contains(&text.len())
            && text.as_bytes()[0].is_ascii_alphanumeric()
            && text.bytes().all(inner);
        if ok {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidValue::new(
            "a name begins with a letter or digit and has letters, digits, `-` and `_`, at most 64",
        ))
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A private-use URI scheme that redirects may go to (RFC 8252 §7.1), in lower case.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RedirectScheme(String);

text_value!(RedirectScheme, "a URI scheme such as \"cursor\" or \"vscode\"");

impl RedirectScheme {
    /// Schemes that a browser runs, reads or resolves itself; no client owns them.
    const NEVER: [&'static str; 16] = [
        "about",
        "blob",
        "chrome",
        "content",
        "data",
        "file",
        "filesystem",
        "ftp",
        "http",
        "https",
        "intent",
        "javascript",
        "vbscript",
        "view-source",
        "ws",
        "wss",
    ];

    /// The scheme, without a colon.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RedirectScheme {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let scheme = text.to_ascii_lowercase();
        let inner = |b: u8| b.is_ascii_alphanumeric() || b"+-.".contains(&b);
        let shaped = (1..=64).contains(&scheme.len())
            && scheme.as_bytes()[0].is_ascii_alphabetic()
            && scheme.bytes().all(inner);
        if !shaped {
            return Err(InvalidValue::new(
                "a scheme is a letter, then letters, digits, `+`, `-`, `.`",
            ));
        }
        if Self::NEVER.contains(&scheme.as_str()) {
            return Err(InvalidValue::new(format!(
                "`{scheme}` is never allowed: a code sent there would not reach only its client"
            )));
        }
        Ok(Self(scheme))
    }
}

impl fmt::Display for RedirectScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What branch names of tasks begin with: valid for git whatever follows (git-check-ref-format).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct RefPrefix(String);

text_value!(RefPrefix, "the beginning of a git branch name, such as \"gateway/\"");

impl RefPrefix {
    /// The prefix; not empty.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RefPrefix {
    fn default() -> Self {
        Self("gateway/".to_owned())
    }
}

impl FromStr for RefPrefix {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text.is_empty() || text.len() > 64 {
            return Err(InvalidValue::new("a branch prefix has 1 to 64 characters"));
        }
        let forbidden = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\\"'".contains(c);
        if let Some(c) = text.chars().find(|c| forbidden(*c)) {
            return Err(InvalidValue::new(format!("a branch name cannot hold {c:?}")));
        }
        if text.contains("..") || text.contains("@{") || text.contains("//") {
            return Err(InvalidValue::new("a branch name cannot hold `..`, `@{` or `//`"));
        }
        if text.starts_with(['-', '/']) || text.starts_with("refs/") {
            return Err(InvalidValue::new(
                "a branch prefix does not begin with `-`, `/` or `refs/`",
            ));
        }
        let parts = text.split('/');
        if parts.clone().any(|part| part.starts_with('.') || part.strip_suffix(".lock").is_some())
            || parts.rev().skip(1).any(|part| part.ends_with('.'))
        {
            return Err(InvalidValue::new(
                "no part of a branch name begins or ends with `.` or ends with `.lock`",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RefPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_name_cannot_look_like_an_option_or_a_path() {
        for good in ["a", "my-api", "My_Api2", "0"] {
            assert!(good.parse::<ProjectName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "_a", "a/b", "a.b", "a b", "ä", &"a".repeat(65)] {
            assert!(bad.parse::<ProjectName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_folder_gets_a_valid_name() {
        for (path, name) in [
            ("/a/my-api", "my-api"),
            ("/a/My App.rs", "My-App-rs"),
            ("/", "project"),
            ("/ü", "project"),
        ] {
            assert_eq!(ProjectName::for_folder(Path::new(path)).as_str(), name);
        }
    }

    #[test]
    fn schemes_that_a_browser_handles_itself_are_never_allowed() {
        assert_eq!("Cursor".parse::<RedirectScheme>().unwrap().as_str(), "cursor");
        assert!("com.example.app".parse::<RedirectScheme>().is_ok());
        for bad in ["javascript", "JavaScript", "data", "file", "http", "cursor:", "", "1a", "a b"]
        {
            assert!(bad.parse::<RedirectScheme>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_branch_prefix_is_valid_for_git_whatever_follows() {
        for good in ["gateway/", "bot-", "a/b/", "wip."] {
            assert!(good.parse::<RefPrefix>().is_ok(), "{good}");
        }
        for bad in [
            "", "-x", "/x", "a b", "a..b", "a//b", "x~", "x^", "x:", "a.lock/", ".a/", "a./b",
            "@{", "refs/x",
        ] {
            assert!(bad.parse::<RefPrefix>().is_err(), "{bad}");
        }
    }
}
