//! Whether a person looks at a stream, and how large their window is.
use std::io::{self, IsTerminal};

/// A terminal's size in characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// Whether standard output goes to a terminal.
#[must_use]
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard error goes to a terminal.
#[must_use]
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether standard input comes from a terminal.
#[must_use]
pub fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// The size of the terminal that standard output goes to; `None` without one or where the system
/// does not tell.
#[must_use]
pub fn size() -> Option<Size> {
    #[cfg(unix)]
    {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        // A terminal that was never sized says 0 x 0.
        (size.ws_col > 0 && size.ws_row > 0)
            .then_some(Size { columns: size.ws_col, rows: size.ws_row })
    }
    #[cfg(not(unix))]
    None
}
