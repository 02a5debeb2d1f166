//! What becomes of a finished task's work.
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What shall become of a finished task's work.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Apply {
    /// It goes into the branch that the task began from.
    Merge,
    /// It stays as a branch of its own.
    Branch,
    /// It is deleted.
    Discard,
}

impl Apply {
    /// The names of all, as clients and the command line write them.
    pub const NAMES: [&'static str; 3] = ["merge", "branch", "discard"];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl FromStr for Apply {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "merge" => Ok(Self::Merge),
            "branch" => Ok(Self::Branch),
            "discard" => Ok(Self::Discard),
            _ => Err("one of merge, branch, discard"),
        }
    }
}

/// What became of a finished task's work.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// What was asked.
    pub how: Apply,
    /// Who asked.
    pub by: String,
    /// The branch that was changed; none when none was.
    pub branch: Option<String>,
    /// The commit at which that branch stood; none when it was not there.
    pub from: Option<String>,
    /// The commit at which it stands; none when it was deleted.
    pub to: Option<String>,
    /// Whether the project's files moved along.
    pub files_moved: bool,
}

/// In words, for people.
impl fmt::Display for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |oid: &Option<String>| {
            oid.as_deref().map_or("nothing", |oid| oid.get(..10).unwrap_or(oid)).to_owned()
        };
        let Self { how, by, branch, from, to, files_moved } = self;
        let branch = branch.as_deref().unwrap_or_default();
        let (from, to) = (short(from), short(to));
        match how {
            Apply::Merge if from == to => write!(f, "{branch} had the work already ({to})")?,
            Apply::Merge => write!(f, "merged into {branch} ({from} to {to})")?,
            Apply::Branch => write!(f, "kept as the branch {branch} ({to})")?,
            Apply::Discard if branch.is_empty() => f.write_str("discarded")?,
            Apply::Discard => write!(f, "discarded, with the branch {branch} (it was {from})")?,
        }
        if *files_moved {
            f.write_str(", and the project's files with it")?;
        }
        write!(f, ", by {by}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for name in Apply::NAMES {
            assert_eq!(name.parse::<Apply>().unwrap().name(), name);
        }
        assert!("push".parse::<Apply>().is_err());
    }
}
