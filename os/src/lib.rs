//! All that differs between Linux, macOS and Windows; nothing else has `cfg(target_os)`.
//!
//! Every module compiles everywhere. What a system cannot do is an [`std::io::Error`] of kind
//! `Unsupported` whose text names what is missing, never a silent success. Only Linux is claimed.
//!
//! No module reads the environment, the clock or a configuration: what they need is a parameter.
pub mod beneath;
pub mod children;
pub mod control;
pub mod disk;
pub mod facts;
pub mod folders;
pub mod launch;
pub mod limits;
pub mod listener;
pub mod lock;
pub mod peer;
pub mod private_file;
pub mod process;
pub mod program;
pub mod ready;
pub mod signals;
pub mod socket;
pub mod terminal;
pub mod watch;

/// The error for what this system does not offer.
#[cfg_attr(
    target_os = "linux",
    expect(dead_code, reason = "Linux has everything; the other systems use it")
)]
fn unsupported(what: &str) -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::Unsupported,
        format!("{what} is not supported on this system"),
    )
}
