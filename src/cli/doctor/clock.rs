//! `clock`: whether the machine knows what time it is. Tokens, retention and certificates depend
//! on it.
use std::time::Duration;

use futures::future::BoxFuture;

use super::{Check, Finding, Verdict, World};
use crate::clock::Timestamp;
use crate::store::Examination;

/// When this version was made; no clock that is right shows an earlier time (2026-11-01).
const MADE: Timestamp = Timestamp::from_millis(1_793_491_200_000);
/// How far behind the newest event a clock may be: two machines' worth of drift.
const BEHIND: Duration = Duration::from_mins(5);
/// No gateway of this version runs after that (ten years).
const USE_MAX: Duration = Duration::from_hours(24 * 3653);

pub(super) struct WallClock;

impl Check for WallClock {
    fn id(&self) -> &'static str {
        "clock"
    }

    fn title(&self) -> &'static str {
        "the clock"
    }

    fn run<'a>(&'a self, world: &'a World) -> BoxFuture<'a, Verdict> {
        Box::pin(look(world))
    }
}

async fn look(world: &World) -> Verdict {
    const FIX: &str = "sudo timedatectl set-ntp true (`timedatectl` shows the clock); without a \
         network: sudo date -u -s 'YYYY-MM-DD hh:mm:ss'";
    let now = world.clock.now();
    let wrong = |cause: String| Ok(Finding::fail("the clock is wrong", cause, FIX));
    if now < MADE {
        return wrong(format!("it shows {now}, which is before this program was made ({MADE})"));
    }
    if now > MADE.after(USE_MAX) {
        return wrong(format!("it shows {now}, which is more than ten years after this version"));
    }
    let database = world.database();
    // A database that does not open is told elsewhere.
    let newest = tokio::task::spawn_blocking(move || {
        Examination::open(&database).and_then(|open| open.newest_event()).ok().flatten()
    });
    match newest.await.ok().flatten() {
        Some(newest) if newest > now.after(BEHIND) => {
            wrong(format!("it shows {now}, but the newest event in the database is of {newest}"))
        }
        _ => Ok(Finding::ok(format!("{now}"))),
    }
}
