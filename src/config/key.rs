//! [`Key`], the dotted name of a setting, and [`Origin`], where its value came from.
use std::fmt;
use std::path::PathBuf;

/// The dotted name of a setting, such as `tunnel.ngrok.domain`.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key(Vec<String>);

impl Key {
    /// The key of a text with dots.
    pub(super) fn dotted(text: &str) -> Self {
        Self(text.split('.').map(str::to_owned).collect())
    }

    /// This key with one more part at its end.
    pub(super) fn child(&self, part: &str) -> Self {
        let mut parts = self.0.clone();
        parts.push(part.to_owned());
        Self(parts)
    }

    /// Its parts, section first.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// The key without its last part.
    pub(super) fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    pub(super) fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if !part.is_empty() && part.chars().all(bare) {
                write!(f, "{dot}{part}")?;
            } else {
                write!(f, "{dot}{part:?}")?;
            }
        }
        Ok(())
    }
}

/// Where a value came from; later variants win over earlier ones.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The config file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// The line of the key, counted from 1.
        line: usize,
    },
    /// An environment variable.
    Env {
        /// Its name.
        name: String,
    },
    /// A flag of the command line.
    Flag {
        /// The flag with its dashes.
        name: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Env { name } | Self::Flag { name } => write!(f, "{}", name.escape_debug()),
        }
    }
}
