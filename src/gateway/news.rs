//! What the tool `whats_new` is told: a page of the news, and what is open.
use crate::mcp::{NewsPage, NewsQuery};
use crate::store::{NewsOrder, ReadTx, StoreError};

/// Reads a page. Its cursor was read before the events: what is committed meanwhile is either on the
/// page or after the cursor.
pub(super) fn page(tx: &ReadTx<'_>, query: &NewsQuery) -> Result<NewsPage, StoreError> {
    let newest = tx.newest_event()?;
    let projects = query.projects.as_deref();
    let open = tx.open_tasks(projects)?;
    let Some(after) = query.after else {
        let order = NewsOrder::Before(newest.saturating_add(1));
        let mut events = tx.news(projects, order, query.limit + 1)?;
        events.retain(|event| event.at >= query.since);
        let more = events.len() > query.limit;
        events.truncate(query.limit);
        events.reverse();
        return Ok(NewsPage { events, cursor: newest, more, open });
    };
    let mut events = tx.news(projects, NewsOrder::After(after), query.limit + 1)?;
    let more = events.len() > query.limit;
    events.truncate(query.limit);
    let last = events.last().map_or(after, |event| event.seq);
    // A cursor that is ahead of the log is none of this log: the caller is told, see the tool.
    let cursor = if more { last } else { newest.max(if events.is_empty() { 0 } else { last }) };
    Ok(NewsPage { events, cursor, more, open })
}
