//! How urgent a task is, in the words of its caller.
use serde::{Deserialize, Serialize};

/// How urgent a task is. What it means for the order of the queue is decided there.
#[derive(
    Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// When nothing else waits.
    Low,
    /// In its turn.
    #[default]
    Normal,
    /// Before the usual.
    High,
    /// Before everything that came within the last day.
    Urgent,
}

impl Priority {
    /// All of them, least urgent first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Normal, Self::High, Self::Urgent];
    /// Their words, in the same order.
    pub const WORDS: [&'static str; 4] = ["low", "normal", "high", "urgent"];

    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// The one of this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.name() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_callers_and_rows_use_are_the_same() {
        for priority in Priority::ALL {
            assert_eq!(Priority::named(priority.name()), Some(priority));
            assert_eq!(serde_json::to_value(priority).unwrap(), priority.name());
        }
        assert_eq!(Priority::named("asap"), None);
    }
}
