//! Where a waiting task stands in the queue, and who holds the places meanwhile.
use super::answer::{Answer, ToolError, one_line};
use super::{Call, unavailable};
use crate::model::{Task, TaskState};

/// Tasks named at most.
const NAMED_MAX: usize = 3;

/// Tells a waiting task's place; nothing about one that does not wait. A task that waits for an
/// answer holds its place, and somebody has to give that answer.
pub(super) async fn tell(
    answer: &mut Answer,
    call: &Call<'_>,
    task: &Task,
) -> Result<(), ToolError> {
    let TaskState::Queued = task.state else { return Ok(()) };
    let Some(place) = call.tasks.place(&task.id) else { return Ok(()) };
    let (number, of, priority) = (place.number, place.of, task.spec.priority.name());
    answer.line(format!("Place {number} of {of} in the queue, priority {priority}."));
    answer.fact("place", number);
    if let Some(why) = place.held_back {
        answer.line(format!("It cannot begin yet: {}", one_line(&why, 300)));
        return Ok(());
    }
    let mut holders = Vec::new();
    for id in &place.holding {
        let holder = call.tasks.task(id).await.map_err(unavailable)?;
        // Of others no more than that they are there.
        let seen = holder.filter(|holder| call.principal.sees(&holder.spec.project));
        holders.extend(seen.map(|holder| match holder.state {
            TaskState::NeedsInput { .. } => format!("{id} (waits for an answer)"),
            _ => id.to_string(),
        }));
        if holders.len() == NAMED_MAX {
            break;
        }
    }
    let who = match holders.as_slice() {
        [] => String::new(),
        holders => format!("; it is held by {}", holders.join(", ")),
    };
    answer.line(format!("It begins as soon as another task makes room{who}."));
    Ok(())
}
