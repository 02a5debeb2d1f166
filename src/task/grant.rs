//! Grants: the owner allowed exactly this, in this folder, for this task, for a while.
//!
//! A grant is the answer to the request that it was given for, and nothing else is stored: it ends
//! with its task, and a task's agent cannot come upon another one's.
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::model::{Class, Decision, Request, RequestId, RequestKind, RequestState};

/// Longest life of a grant.
pub(super) const LIFETIME: Duration = Duration::from_hours(8);

/// The request among `requests` whose answer allows using `tool` with `input` in `folder` at `now`.
/// What has become worse meanwhile, by a link where a folder was, is not covered.
pub(super) fn covering<'a>(
    requests: &'a [Request],
    (tool, input, class): (&str, &Value, Class),
    folder: &Path,
    now: Timestamp,
) -> Option<&'a RequestId> {
    let grants = |request: &&Request| {
        let RequestState::Answered { answer, .. } = &request.state else { return false };
        let Decision::AllowAgain { folder: granted, until } = &answer.decision else {
            return false;
        };
        let RequestKind::Permission { tool: asked, input: with, class: then, .. } = &request.kind
        else {
            return false;
        };
        let holds = granted == folder && now < *until && class <= *then;
        holds && asked == tool && is_same(tool, with, input)
    };
    requests.iter().find(grants).map(|request| &request.id)
}

/// Whether two inputs do the same: what a shell command is said to be for changes nothing.
fn is_same(tool: &str, one: &Value, other: &Value) -> bool {
    let is_shell = matches!(tool, "Bash" | "PowerShell");
    match (one, other) {
        (Value::Object(one), Value::Object(other)) if is_shell => {
            let (mut one, mut other) = (one.clone(), other.clone());
            one.remove("description");
            other.remove("description");
            one == other
        }
        _ => one == other,
    }
}
