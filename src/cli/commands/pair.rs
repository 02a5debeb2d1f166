//! `gateway pair`: a fresh link, QR code and consent code.
use std::path::Path;

use serde_json::Value;

use crate::cli::args::PairArgs;
use crate::cli::context::Context;
use crate::cli::error::{CliError, Exit};
use crate::cli::reach;
use crate::gateway::admin::Call;
use crate::qr::{QrCode, Rendering, Terminal, UNCOLOURED_NOTE};

/// Runs the command.
pub(in crate::cli) async fn run(context: &Context, args: PairArgs) -> Result<(), CliError> {
    let Some(data) = reach::call_running(context, &Call::Pair).await? else {
        return Err(CliError::new(Exit::Unavailable, "the gateway is not running")
            .hint("start it with `gateway serve`"));
    };
    if let Some(file) = &args.qr_file {
        write_qr_file(&data, file)?;
    }
    context.print(&data, || {
        let mut out = drawing(context, url(&data));
        out += &format!("link  {}\n", url(&data));
        out += &format!("code  {}\n", data["code"].as_str().unwrap_or_default());
        out += &format!("      valid once, until {}\n", text(&data["expires_at"]));
        out += "      until then, one tap on a paired device lets a new app in\n";
        if let Some(file) = &args.qr_file {
            out += &format!("QR    {}\n", file.display());
        }
        out
    })
}

fn url(data: &Value) -> &str {
    text(&data["url"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Writes the code of a pairing as `--qr-file` asks.
///
/// # Errors
///
/// When the file's name or place does not do.
pub(in crate::cli) fn write_qr_file(pairing: &Value, file: &Path) -> Result<(), CliError> {
    let code = QrCode::from_text(url(pairing)).map_err(CliError::failed)?;
    code.write_file(file).map_err(|error| {
        let hint = error.hint();
        CliError::failed(error).hint(hint)
    })
}

/// Whether a phone that scans `url` comes to this gateway.
fn leads_here(url: &str) -> bool {
    !["http://127.0.0.1:", "http://localhost:", "http://[::1]:"]
        .iter()
        .any(|it| url.starts_with(it))
}

/// The code of `url` for the terminal on stdout; a line that says why not, where it would not be
/// readable; nothing where nobody looks.
#[must_use]
pub(in crate::cli) fn drawing(context: &Context, url: &str) -> String {
    let Ok(code) = QrCode::from_text(url) else { return String::new() };
    let size = gateway_os::terminal::size();
    let terminal = Terminal {
        is_tty: gateway_os::terminal::stdout_is_terminal(),
        width: size.map_or(80, |size| usize::from(size.columns)),
        color: context.colors(),
    };
    if terminal.is_tty && !leads_here(url) {
        return "no other device reaches this address, so there is no QR code to scan\n".to_owned();
    }
    match code.render_for(terminal) {
        Rendering::Code(drawing) if terminal.color => drawing,
        Rendering::Code(drawing) => format!("{drawing}{UNCOLOURED_NOTE}\n"),
        Rendering::TooNarrow { needed } => {
            format!(
                "the terminal needs {needed} columns to show the QR code; it has {}\n",
                terminal.width
            )
        }
        Rendering::NotATerminal => String::new(),
    }
}
