//! [`QrCode`]: the modules of one text.
use std::fmt;

use qrcode::types::QrError as EncoderError;
use qrcode::{Color, EcLevel};

/// Light modules on each side of a drawing (ISO/IEC 18004:2015 §6.3.8).
pub const QUIET_ZONE_MODULES: usize = 4;

/// Most bytes that the largest code (version 40, level L) holds.
const TEXT_BYTES_MAX: usize = 2953;

/// Why a text has no QR code.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum QrError {
    /// There is nothing to encode.
    #[error("there is no text to draw as a QR code")]
    Empty,
    /// The text does not fit into the largest code.
    #[error("{bytes} bytes are too many for a QR code, which holds {TEXT_BYTES_MAX}")]
    TooLong {
        /// Length of the text in bytes.
        bytes: usize,
    },
    /// The encoder refused a text of a length it should take.
    #[error("the QR encoder refused the text: {0}")]
    Encoder(EncoderError),
}

/// The square of dark and light modules that encodes one text.
#[derive(Clone, Eq, PartialEq)]
pub struct QrCode {
    modules: Vec<bool>,
    side: usize,
}

impl QrCode {
    /// Encodes `text` in the smallest code that holds it.
    ///
    /// Error correction is level L, or M where that costs no module: a screen has no dirt, and a
    /// small code fits more terminals.
    ///
    /// # Errors
    ///
    /// Returns [`QrError`] for an empty or too long text.
    pub fn from_text(text: &str) -> Result<Self, QrError> {
        if text.is_empty() {
            return Err(QrError::Empty);
        }
        let smallest = encode(text, EcLevel::L)?;
        let code = match encode(text, EcLevel::M) {
            Ok(sturdier) if sturdier.version() == smallest.version() => sturdier,
            Ok(_) | Err(_) => smallest,
        };
        let side = code.width();
        let modules = code.into_colors().into_iter().map(|c| c == Color::Dark).collect();
        Ok(Self { modules, side })
    }

    /// Modules per side, without the quiet zone.
    #[must_use]
    pub const fn side(&self) -> usize {
        self.side
    }

    /// Modules per side of a drawing, with the quiet zone on both ends.
    #[must_use]
    pub const fn drawn_side(&self) -> usize {
        self.side + 2 * QUIET_ZONE_MODULES
    }

    /// Whether the module at column `x` and row `y` is dark; outside of the code all is light.
    #[must_use]
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.side && y < self.side && self.modules[y * self.side + x]
    }

    /// Like [`is_dark`](Self::is_dark), counted from the corner of the quiet zone.
    pub(super) fn is_drawn_dark(&self, x: usize, y: usize) -> bool {
        match (x.checked_sub(QUIET_ZONE_MODULES), y.checked_sub(QUIET_ZONE_MODULES)) {
            (Some(x), Some(y)) => self.is_dark(x, y),
            _ => false,
        }
    }
}

/// Tells the size only: the modules spell the text, which may hold a token.
impl fmt::Debug for QrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QrCode").field("side", &self.side).finish_non_exhaustive()
    }
}

fn encode(text: &str, level: EcLevel) -> Result<qrcode::QrCode, QrError> {
    qrcode::QrCode::with_error_correction_level(text, level).map_err(|error| match error {
        EncoderError::DataTooLong => QrError::TooLong { bytes: text.len() },
        other => QrError::Encoder(other),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_text_has_no_code() {
        assert_eq!(QrCode::from_text(""), Err(QrError::Empty));
    }

    #[test]
    fn a_text_that_no_code_holds_is_refused_with_its_length() {
        let error = QrCode::from_text(&"a".repeat(TEXT_BYTES_MAX + 1)).unwrap_err();
        assert_eq!(error, QrError::TooLong { bytes: TEXT_BYTES_MAX + 1 });
        assert_eq!(error.to_string(), "2954 bytes are too many for a QR code, which holds 2953");
        assert_eq!(QrCode::from_text(&"a".repeat(TEXT_BYTES_MAX)).unwrap().side(), 177);
    }

    #[test]
    fn stronger_correction_never_makes_the_code_larger() {
        for length in 1..400 {
            let text = "x".repeat(length);
            let smallest = qrcode::QrCode::with_error_correction_level(&text, EcLevel::L).unwrap();
            assert_eq!(QrCode::from_text(&text).unwrap().side(), smallest.width());
        }
    }

    #[test]
    fn debug_output_does_not_spell_the_modules() {
        let code = QrCode::from_text("https://a.example/mcp#secret").unwrap();
        assert_eq!(format!("{code:?}"), "QrCode { side: 25, .. }");
    }

    proptest! {
        #[test]
        fn any_url_of_up_to_500_characters_has_a_code(rest in "[!-~]{0,491}") {
            let code = QrCode::from_text(&format!("https://{rest}")).unwrap();
            prop_assert!((21..=177).contains(&code.side()));
        }
    }
}
