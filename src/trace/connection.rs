//! How far a client has come.
use super::lane::Entry;
use super::obstacle::Obstacle;
use super::step::{Step, Who};

/// The latest sign-in of a client, as far as it is known.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The client.
    pub who: Who,
    /// Its steps in a row, such as `registered → allowed → listed 8 tools`.
    pub row: String,
    /// The last of them.
    pub last: Entry,
}

/// The connections that these entries make, the newest first.
pub(super) fn of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<Connection> {
    let mut entries: Vec<&Entry> = entries.collect();
    entries.sort_by_key(|entry| entry.seq);
    let mut clients: Vec<(&Who, Vec<&Entry>)> = Vec::new();
    for entry in entries {
        let Some(who) = &entry.who else { continue };
        let known = clients.iter().position(|(known, _)| known.id == who.id);
        let mut steps = known.map_or_else(Vec::new, |known| clients.remove(known).1);
        take(&mut steps, entry);
        clients.push((who, steps));
    }
    let connection = |(who, steps): (&Who, Vec<&Entry>)| {
        let row: Vec<String> = steps.iter().map(|entry| entry.step.brief()).collect();
        let last = (*steps.last()?).clone();
        Some(Connection { who: who.clone(), row: row.join(" → "), last })
    };
    clients.into_iter().rev().filter_map(connection).collect()
}

fn take<'a>(steps: &mut Vec<&'a Entry>, entry: &'a Entry) {
    match entry.step {
        // Another sign-in begins; what its client said about itself belongs to it.
        Step::ConsentAsked { .. } => steps.retain(|it| it.step.introduces()),
        // It did call after all.
        Step::FirstCall | Step::CalledAgain => {
            steps.retain(|it| !matches!(it.step, Step::NoCall { .. } | Step::CallRefused(_)));
        }
        // One after the other: the last tells.
        Step::CallRefused(_) => steps.retain(|it| !matches!(it.step, Step::CallRefused(_))),
        // What was too old is so no more.
        Step::TokenRenewed => steps.retain(|it| {
            !matches!(it.step, Step::CallRefused(Obstacle::Ended | Obstacle::Outdated))
        }),
        _ => {}
    }
    // These happen all the time, and add nothing to what the row has.
    if steps.is_empty() || !matches!(entry.step, Step::CalledAgain | Step::TokenRenewed) {
        steps.push(entry);
    }
}
