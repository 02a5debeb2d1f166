//! `folders`: whether state, configuration and sockets have a place of the owner's alone.
use std::path::Path;

use futures::future::BoxFuture;
use gateway_os::facts::PathKind;

use super::finding::word;
use super::{Check, Finding, Verdict, World};

pub(super) struct Places;

impl Check for Places {
    fn id(&self) -> &'static str {
        "folders"
    }

    fn title(&self) -> &'static str {
        "the gateway's folders"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(async { Ok(look(world)) })
    }
}

/// One of the folders.
struct Place<'a> {
    name: &'static str,
    path: &'a Path,
    /// The variable that puts it elsewhere.
    variable: &'static str,
    /// Whether others may not even look into it.
    private: bool,
}

fn look(world: &World) -> Finding {
    let folders = &world.folders;
    let mut places = vec![
        Place { name: "state", path: &folders.state, variable: "GATEWAY_STATE_DIR", private: true },
        Place {
            name: "runtime",
            path: &folders.runtime,
            variable: "GATEWAY_RUNTIME_DIR",
            private: true,
        },
    ];
    if let Some(path) = folders.config_file.parent() {
        places.push(Place {
            name: "configuration",
            path,
            variable: "GATEWAY_CONFIG",
            private: false,
        });
    }
    places.dedup_by(|b, a| a.path == b.path);
    let missing = places.iter().filter(|place| world.machine.path(place.path).is_err()).count();
    let well = match missing {
        0 => format!("{} is yours alone", folders.state.display()),
        _ => format!("{} and the others can be made when needed", folders.state.display()),
    };
    Finding::of_all(places.iter().filter_map(|place| place.fault(world)), well)
}

impl Place<'_> {
    fn fault(&self, world: &World) -> Option<Finding> {
        let facts = match world.machine.path(self.path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return self.cannot_be_made(world);
            }
            Err(error) => return Some(self.unreachable(&error)),
        };
        let path = self.path.display();
        if facts.kind != PathKind::Folder {
            return Some(Finding::fail(
                format!("the {} folder is not a folder", self.name),
                format!("{path} is something else"),
                format!("move it away: mv {0} {0}.old; or set {1}", word(self.path), self.variable),
            ));
        }
        if let (Some(uid), Ok(own)) = (facts.uid, world.machine.user_id())
            && uid != own
            && (self.private || uid != 0)
        {
            return Some(Finding::fail(
                format!("the {} folder belongs to another user", self.name),
                format!("{path} belongs to user {uid}, and you are user {own}"),
                format!(
                    "sudo chown -R \"$(id -un)\" {}; or set {} to a folder of your own",
                    word(self.path),
                    self.variable
                ),
            ));
        }
        let shut_out = if self.private { 0o077 } else { 0o002 };
        if let Some(mode) = facts.mode.filter(|mode| mode & shut_out != 0) {
            return Some(Finding::fail(
                format!("the {} folder is open to others", self.name),
                format!("{path} has mode {:03o}, so other users can look into it", mode & 0o777),
                format!("chmod {} {}", if self.private { "700" } else { "o-w" }, word(self.path)),
            ));
        }
        (!facts.writable).then(|| self.not_writable(self.path))
    }

    fn cannot_be_made(&self, world: &World) -> Option<Finding> {
        let above = world.existing(self.path)?;
        let facts = world.machine.path(&above).ok()?;
        if facts.kind == PathKind::Folder && facts.writable {
            return None;
        }
        Some(self.not_writable(&above))
    }

    fn not_writable(&self, at: &Path) -> Finding {
        Finding::fail(
            format!("the {} folder cannot be written", self.name),
            format!("{} does not let you make files", at.display()),
            format!(
                "sudo chown \"$(id -un)\" {0} && chmod u+rwx {0}; or set {1} to a folder of your own",
                word(at),
                self.variable
            ),
        )
    }

    fn unreachable(&self, error: &std::io::Error) -> Finding {
        Finding::fail(
            format!("the {} folder cannot be reached", self.name),
            format!("{}: {error}", self.path.display()),
            format!(
                "check the folders above it (namei -l {}), or set {} to a folder of your own",
                word(self.path),
                self.variable
            ),
        )
    }
}
