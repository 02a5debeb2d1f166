//! `database`: whether it opens, fits this version and is sound.
use std::time::Duration;

use futures::future::BoxFuture;

use super::disk::size;
use super::finding::word;
use super::{Check, Finding, Skipped, Verdict, World};
use crate::store::{Examination, Soundness, StoreError};

/// How long the search for damage may take.
const LIMIT: Duration = Duration::from_secs(5);

pub(super) struct Database;

impl Check for Database {
    fn id(&self) -> &'static str {
        "database"
    }

    fn title(&self) -> &'static str {
        "the database"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    let path = world.database();
    let facts = match world.machine.path(&path) {
        Ok(facts) => facts,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Finding::ok("not there yet: the first start makes it"));
        }
        Err(error) => {
            return Err(Skipped::because(format!("{}: {error}: see `folders`", path.display())));
        }
    };
    if let Some(mode) = facts.mode.filter(|mode| mode & 0o077 != 0) {
        return Ok(Finding::fail(
            "the database is open to others",
            format!(
                "{} has mode {:03o}: others can read tasks and results",
                path.display(),
                mode & 0o777
            ),
            format!("chmod 600 {}", word(&path)),
        ));
    }
    let at = path.clone();
    let examined = tokio::task::spawn_blocking(move || {
        let mut open = Examination::open(&at)?;
        Ok((open.schema(), open.check(LIMIT)?))
    });
    let examined = examined.await.unwrap_or(Err(StoreError::Panicked));
    let (schema, soundness) = match examined {
        Ok(found) => found,
        Err(error) => return Ok(broken(&error, &path)),
    };
    let bytes = std::fs::metadata(&path).map_or(0, |meta| meta.len());
    let schema = match schema {
        old if old < Examination::schema_known() => {
            format!("schema {old}, brought up to date by the next start")
        }
        now => format!("schema {now}"),
    };
    let sound = match soundness {
        Soundness::Sound => "sound".to_owned(),
        Soundness::Unfinished => format!("no damage found in {} s", LIMIT.as_secs()),
    };
    Ok(Finding::ok(format!("{sound}, {}, {schema}", size(bytes))))
}

fn broken(error: &StoreError, path: &std::path::Path) -> Finding {
    let summary = match error {
        StoreError::NewerSchema { .. } => "the database is of a newer gateway",
        StoreError::Corrupt | StoreError::Malformed { .. } => "the database is damaged",
        _ => "the database does not open",
    };
    let fix = match error {
        StoreError::Corrupt | StoreError::Malformed { .. } => format!(
            "stop the gateway and put back a copy; or begin anew (tasks, clients and tokens are then \
             gone): mv {0} {0}.damaged; rm -f {0}-wal {0}-shm; gateway mint-client",
            word(path)
        ),
        other => other.hint().to_owned(),
    };
    Finding::fail(summary, format!("{}: {error}", path.display()), fix)
}
