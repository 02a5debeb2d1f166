//! `version`: which build this is.
use futures::future::BoxFuture;

use super::{Check, Finding, Verdict, World};

pub(super) struct Version;

impl Check for Version {
    fn id(&self) -> &'static str {
        "version"
    }

    fn title(&self) -> &'static str {
        "this program"
    }

    fn run<'a>(&'a self, _world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(std::future::ready(Ok(look())))
    }
}

fn look() -> Finding {
    let build = if cfg!(debug_assertions) { ", a debug build" } else { "" };
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let found = format!("gateway {} ({os}, {arch}{build})", env!("CARGO_PKG_VERSION"));
    if os == "linux" {
        return Finding::ok(found);
    }
    Finding::warn(
        found,
        format!("only Linux is supported so far; on {os} parts of it say that they are not"),
        "run the gateway on a Linux machine, such as WSL 2 on Windows",
    )
}
