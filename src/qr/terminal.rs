//! A code as text: one character cell holds two modules, one above the other.
use super::QrCode;

/// Black ink on white paper, whatever the theme. Entries 16 and 231 of the 256-colour table are
/// fixed, while the sixteen named colours are the theme's to change.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const RESET: &str = "\x1b[0m";

/// What to say under a code that was drawn without colours.
///
/// Such a code is right way round where text is light on dark. On a light terminal it is the
/// negative (with its quiet zone), which phones read and some other scanners do not.
pub const UNCOLOURED_NOTE: &str = "drawn without colours, for a dark terminal; if it does not \
     scan on a light one, unset NO_COLOR or use --qr-file";

/// What the output is, as far as a code cares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terminal {
    /// Whether a person sees the output, rather than a pipe or file.
    pub is_tty: bool,
    /// Character cells in a line.
    pub width: usize,
    /// Whether colours are allowed (`NO_COLOR` unset, terminal not dumb).
    pub color: bool,
}

/// What to print in place of a code.
#[derive(Clone, Eq, PartialEq)]
pub enum Rendering {
    /// The drawing: lines that end in a newline. It spells the text; never log it.
    Code(String),
    /// The lines would wrap and make the code unreadable.
    TooNarrow {
        /// Character cells that the code needs in a line.
        needed: usize,
    },
    /// Nobody can scan a pipe or a file.
    NotATerminal,
}

impl QrCode {
    /// Whether the drawing fits into lines of `width` character cells.
    #[must_use]
    pub const fn fits(&self, width: usize) -> bool {
        self.drawn_side() <= width
    }

    /// Draws the code for this terminal, or tells why it would not be readable there.
    #[must_use]
    pub fn render_for(&self, terminal: Terminal) -> Rendering {
        if !terminal.is_tty {
            return Rendering::NotATerminal;
        }
        if !self.fits(terminal.width) {
            return Rendering::TooNarrow { needed: self.drawn_side() };
        }
        Rendering::Code(if terminal.color { self.coloured() } else { self.uncoloured() })
    }

    /// Ink is dark: the colours say so.
    fn coloured(&self) -> String {
        self.lines(|dark| dark, BLACK_ON_WHITE, RESET)
    }

    /// Ink is light: see [`UNCOLOURED_NOTE`].
    fn uncoloured(&self) -> String {
        self.lines(|dark| !dark, "", "")
    }

    fn lines(&self, is_ink: impl Fn(bool) -> bool, before: &str, after: &str) -> String {
        let side = self.drawn_side();
        let mut out = String::new();
        // The side is odd, so the last line holds one row below the quiet zone: light as well.
        for y in (0..side).step_by(2) {
            out.push_str(before);
            out.extend((0..side).map(|x| {
                let upper = is_ink(self.is_drawn_dark(x, y));
                let lower = is_ink(self.is_drawn_dark(x, y + 1));
                match (upper, lower) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                }
            }));
            out.push_str(after);
            out.push('\n');
        }
        out
    }
}

/// Leaves the drawing out: it spells the text, which may hold a token.
impl std::fmt::Debug for Rendering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(_) => f.write_str("Code(..)"),
            Self::TooNarrow { needed } => write!(f, "TooNarrow {{ needed: {needed} }}"),
            Self::NotATerminal => f.write_str("NotATerminal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::qr::QUIET_ZONE_MODULES;

    const WIDE: Terminal = Terminal { is_tty: true, width: 200, color: true };

    fn draw(code: &QrCode, color: bool) -> String {
        match code.render_for(Terminal { color, ..WIDE }) {
            Rendering::Code(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// Reads a drawing back into rows of ink, two per line.
    fn ink(drawing: &str) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for line in drawing.lines() {
            let cells = line.strip_prefix(BLACK_ON_WHITE).unwrap_or(line);
            let cells = cells.strip_suffix(RESET).unwrap_or(cells);
            rows.push(cells.chars().map(|c| matches!(c, '█' | '▀')).collect());
            rows.push(cells.chars().map(|c| matches!(c, '█' | '▄')).collect());
        }
        rows
    }

    fn modules(code: &QrCode) -> Vec<Vec<bool>> {
        let row = |y| (0..code.side()).map(|x| code.is_dark(x, y)).collect();
        (0..code.side()).map(row).collect()
    }

    /// Cuts the quiet zone off, having seen that it is light.
    fn without_quiet_zone(rows: &[Vec<bool>], code: &QrCode) -> Vec<Vec<bool>> {
        let inner = QUIET_ZONE_MODULES..QUIET_ZONE_MODULES + code.side();
        for (y, row) in rows.iter().enumerate() {
            assert_eq!(row.len(), code.drawn_side());
            for (x, dark) in row.iter().enumerate() {
                assert!(!dark || (inner.contains(&x) && inner.contains(&y)), "dark at {x},{y}");
            }
        }
        rows[inner.clone()].iter().map(|row| row[inner.clone()].to_vec()).collect()
    }

    #[test]
    fn a_small_code_looks_like_this() {
        let code = QrCode::from_text("https://a.example").unwrap();
        insta::assert_snapshot!(draw(&code, false));
    }

    #[test]
    fn every_coloured_line_sets_both_colours_and_resets_them() {
        let code = QrCode::from_text("https://a.example").unwrap();
        for line in draw(&code, true).lines() {
            assert!(line.starts_with(BLACK_ON_WHITE) && line.ends_with(RESET), "{line:?}");
        }
    }

    #[test]
    fn a_drawing_without_colours_has_no_escape_sequence() {
        let code = QrCode::from_text("https://a.example").unwrap();
        assert!(!draw(&code, false).contains('\x1b'));
    }

    #[test]
    fn a_code_is_drawn_only_where_it_can_be_scanned() {
        let code = QrCode::from_text("https://a.example").unwrap();
        let needed = code.drawn_side();
        assert!(code.fits(needed) && !code.fits(needed - 1));
        assert_eq!(
            code.render_for(Terminal { width: needed - 1, ..WIDE }),
            Rendering::TooNarrow { needed }
        );
        assert_eq!(code.render_for(Terminal { is_tty: false, ..WIDE }), Rendering::NotATerminal);
        assert_eq!(format!("{:?}", code.render_for(WIDE)), "Code(..)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_drawing_holds_exactly_the_modules_and_a_light_quiet_zone(text in "[!-~]{1,300}") {
            let code = QrCode::from_text(&text).unwrap();
            let coloured = ink(&draw(&code, true));
            prop_assert_eq!(without_quiet_zone(&coloured, &code), modules(&code));
            let negative: Vec<Vec<bool>> = ink(&draw(&code, false))
                .into_iter()
                .map(|row| row.into_iter().map(|light| !light).collect())
                .collect();
            prop_assert_eq!(without_quiet_zone(&negative, &code), modules(&code));
        }
    }
}
