//! Draws QR codes: in a terminal, as PNG and as SVG.
//!
//! [`QrCode`] is the matrix of one text, with the quiet zone that ISO/IEC 18004 asks for added by
//! every drawing. The text usually carries a pairing token, so nothing here prints or logs it, and
//! a file is written for its owner alone. A new file format is a new [`QrFormat`] and its file.
mod code;
mod file;
mod png;
mod svg;
mod terminal;
pub use self::code::{QUIET_ZONE_MODULES, QrCode, QrError};
pub use self::file::{QrFileError, QrFormat};
pub use self::png::PNG_SCALE_PIXELS;
pub use self::terminal::{Rendering, Terminal, UNCOLOURED_NOTE};
