//! Opening the pairing page in the owner's browser.
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use gateway_os::children;
use gateway_os::folders::write_private;

/// Opens `url` where there is a desktop; says nothing when there is none: the link is printed too.
///
/// The link's fragment is a secret, and a command line is not: other users can read it. So the
/// opener is given a file in `runtime` that only this user can read and that leads on to the link.
pub(super) fn open(url: &str, runtime: &Path, env: &BTreeMap<String, String>) {
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| env.contains_key(*name));
    let opener = match std::env::consts::OS {
        "macos" => "open",
        "linux" if desktop => "xdg-open",
        _ => return,
    };
    let file = runtime.join("pair.html");
    if let Err(error) = write_private(&file, page(url).as_bytes()) {
        tracing::debug!(%error, "no pairing page for the browser");
        return;
    }
    let spawned = children::start(|| {
        Command::new(opener)
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
    });
    match spawned {
        // The opener hands over to the browser and ends; somebody must collect it.
        Ok(mut child) => drop(std::thread::spawn(move || child.wait())),
        Err(error) => tracing::debug!(%error, opener, "no browser was opened"),
    }
}

/// A page that leads on to `url`, which is of our own making: letters, digits and URL punctuation.
fn page(url: &str) -> String {
    let link = maud::html! {
        (maud::DOCTYPE)
        meta charset="utf-8";
        meta name="referrer" content="no-referrer";
        meta http-equiv="refresh" content=(format!("0;url={url}"));
        title { "gateway" }
        a href=(url) { "Pair this browser with the gateway" }
    };
    link.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_leads_to_the_link() {
        let page = page("https://h.example/mcp#abc-DEF_123");
        assert!(page.contains("content=\"0;url=https://h.example/mcp#abc-DEF_123\""), "{page}");
    }
}
