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

/// Reads one line from the terminal on standard input without showing it, at most `bytes_max` long.
///
/// The terminal's echo is put back also when reading fails.
///
/// # Errors
///
/// `Unsupported` where echo cannot be switched off; what reading says; `InvalidData` for a line that
/// is too long or no text.
pub fn read_hidden_line(bytes_max: usize) -> io::Result<String> {
    #[cfg(unix)]
    {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let stdin = io::stdin();
        let before = tcgetattr(&stdin)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
        let line = read_line(bytes_max);
        tcsetattr(&stdin, OptionalActions::Flush, &before)?;
        line
    }
    #[cfg(not(unix))]
    {
        let _ = bytes_max;
        Err(crate::unsupported("typing a secret without echo; pipe it into the command instead"))
    }
}

#[cfg(unix)]
fn read_line(bytes_max: usize) -> io::Result<String> {
    use std::io::{BufRead, Read};
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let mut line = String::new();
    let read = io::stdin().lock().take(limit).read_line(&mut line)?;
    if read > bytes_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the line is too long"));
    }
    Ok(line)
}
