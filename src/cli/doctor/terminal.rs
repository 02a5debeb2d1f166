//! `terminal`: whether the QR code fits.
use futures::future::BoxFuture;

use super::{Check, Finding, Skipped, Verdict, World};
use crate::qr::QrCode;

/// As long as a connector URL with its pairing fragment gets: quick tunnels have four words.
const SAMPLE: &str = "https://characteristic-documentation-recommended-understanding.trycloudflare.com/mcp\
     #AAAAAAAAAAAAAAAAAAAAAA";

pub(super) struct Screen;

impl Check for Screen {
    fn id(&self) -> &'static str {
        "terminal"
    }

    fn title(&self) -> &'static str {
        "the terminal"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(async { look(world) })
    }
}

fn look(world: &World) -> Verdict {
    let columns = world.machine.columns().ok_or_else(|| Skipped::because("not on a terminal"))?;
    let code = QrCode::from_text(SAMPLE).map_err(|error| Skipped::because(error.to_string()))?;
    if code.fits(columns) {
        return Ok(Finding::ok(format!("{columns} columns: the QR code fits")));
    }
    Ok(Finding::warn(
        "the QR code does not fit",
        format!("the terminal has {columns} columns, and the code needs {}", code.drawn_side()),
        "make the window wider or its letters smaller, or: gateway pair --qr-file pair.png",
    ))
}
