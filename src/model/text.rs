//! What texts of others may do to those who look at them.

/// Whether `c` could command a terminal, break out of its line, reorder what stands around it, or
/// not show at all: control characters (line ends and tabs among them), line and paragraph
/// separators, direction marks, zero-width and tag characters.
///
/// Whoever shows a text of an agent, a client or a repository replaces, escapes or refuses these;
/// what stands for them is up to the place.
#[must_use]
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_as_itself_does_not_steer() {
        assert!("aä€ 漢字 👍🏽 \u{301}\u{a0}\u{202f}".chars().all(|c| !steers(c)));
        assert!("\n\t\u{1b}\u{7f}\u{9b}\u{202e}\u{2066}\u{200b}\u{2028}".chars().all(steers));
    }
}
