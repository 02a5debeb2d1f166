//! What went out on a session's event streams, for a client whose connection broke: `Last-Event-ID` on a
//! GET goes on where it stopped (2025-11-25, transports, resumability and redelivery).
//!
//! Each session, and so each grant, has a ring of its own: an id leads nowhere but into the ring of the
//! session that asks. An event's id is `STREAM-NUMBER`; stream 0 is the one of a plain GET. Streams that
//! nobody reads any more are read on here to their end, so that what a call answered meanwhile is there.
use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::{Stream, StreamExt};
use rmcp::model::{JsonRpcMessage, ResourceContents, ServerResult};
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId};
use tokio::sync::watch;

/// Events of one session.
const EVENTS_MAX: usize = 64;
/// Bytes of them, about.
const BYTES_MAX: usize = 256 << 10;
/// Bytes of all sessions together, about.
const TOTAL_BYTES_MAX: usize = 16 << 20;
/// What an event weighs beside its text.
const EVENT_BYTES: usize = 512;
/// When a client whose stream broke should come back.
const RETRY: Duration = Duration::from_secs(3);
/// The stream of a plain GET.
const COMMON: u64 = 0;

/// The rings of all sessions. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Replay {
    rings: Arc<Mutex<Rings>>,
}

#[derive(Debug, Default)]
struct Rings {
    of: HashMap<SessionId, Ring>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<Entry>,
    bytes: usize,
    /// Of the newest event.
    number: u64,
    /// The newest request's.
    stream: u64,
    /// Streams that are not at their end.
    running: HashSet<u64>,
    /// The newest plain GET: the only one that gets messages, because each message goes to one
    /// stream (2025-11-25, transports, multiple connections).
    listener: u64,
    news: watch::Sender<()>,
}

#[derive(Debug)]
struct Entry {
    stream: u64,
    number: u64,
    bytes: usize,
    event: ServerSseMessage,
}

/// What a reader of a ring gets next.
enum Next {
    Event(u64, ServerSseMessage),
    Wait,
    Over,
}

type Source = Pin<Box<dyn Stream<Item = ServerSseMessage> + Send + Sync>>;

impl Replay {
    /// A ring for a session that was opened.
    pub(super) fn open(&self, session: SessionId) {
        self.lock().of.entry(session).or_default();
    }

    /// The session is over, and every stream that reads its ring.
    pub(super) fn close(&self, session: &SessionId) {
        let mut rings = self.lock();
        if let Some(ring) = rings.of.remove(session) {
            rings.bytes -= ring.bytes;
        }
    }

    /// Whether the session's common stream is read already.
    pub(super) fn reads_common(&self, session: &SessionId) -> bool {
        self.lock().of.get(session).is_none_or(|ring| ring.running.contains(&COMMON))
    }

    /// Reads the session's common stream into its ring from now on.
    pub(super) fn read_common(&self, session: &SessionId, source: Source) {
        if let Some(ring) = self.lock().of.get_mut(session) {
            ring.running.insert(COMMON);
        }
        self.read_on(session.clone(), COMMON, source);
    }

    /// Reads a stream to its end, for nobody but its ring.
    fn read_on(&self, session: SessionId, stream: u64, mut source: Source) {
        // Without a runtime the process is about to end, and so is the stream.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let replay = self.clone();
        runtime.spawn(async move {
            while let Some(event) = source.next().await {
                replay.record(&session, stream, event);
            }
            replay.finished(&session, stream);
        });
    }

    /// The stream that answers one request, recorded as it passes.
    pub(super) fn recorded(&self, session: &SessionId, source: Source) -> Recorded {
        let stream = self.lock().of.get_mut(session).map_or(COMMON, |ring| {
            ring.stream += 1;
            ring.running.insert(ring.stream);
            ring.stream
        });
        let (replay, session) = (self.clone(), session.clone());
        Recorded { replay, session, stream, source: Some(source) }
    }

    /// The stream of a GET: what came after the event `last`, then what comes.
    pub(super) fn follow(
        &self,
        session: SessionId,
        last: Option<&str>,
    ) -> impl Stream<Item = ServerSseMessage> + Send + Sync + use<> {
        let place = last.and_then(place_of);
        let mut rings = self.lock();
        let start = rings.of.get_mut(&session).map(|ring| {
            let (stream, after) = place.unwrap_or((COMMON, ring.number));
            if stream == COMMON {
                ring.listener += 1;
            }
            Reader { stream, after, listener: ring.listener, news: ring.news.subscribe() }
        });
        drop(rings);
        let first = start.as_ref().map(|reader| {
            // So that a client that gets nothing more knows where it was.
            ServerSseMessage::priming(format!("{}-{}", reader.stream, reader.after), RETRY)
        });
        let replay = self.clone();
        let rest = futures::stream::unfold(start, move |reader| {
            let (replay, session) = (replay.clone(), session.clone());
            async move {
                let mut reader = reader?;
                loop {
                    match replay.next(&session, &reader) {
                        Next::Event(number, event) => {
                            reader.after = number;
                            return Some((event, Some(reader)));
                        }
                        Next::Wait => reader.news.changed().await.ok()?,
                        Next::Over => return None,
                    }
                }
            }
        });
        futures::stream::iter(first).chain(rest)
    }

    fn next(&self, session: &SessionId, reader: &Reader) -> Next {
        let rings = self.lock();
        let Some(ring) = rings.of.get(session) else { return Next::Over };
        if reader.stream == COMMON && reader.listener != ring.listener {
            return Next::Wait;
        }
        let mut news = ring.events.iter();
        let found = news.find(|it| it.stream == reader.stream && it.number > reader.after);
        match found {
            Some(entry) => Next::Event(entry.number, entry.event.clone()),
            None if reader.stream == COMMON || ring.running.contains(&reader.stream) => Next::Wait,
            None => Next::Over,
        }
    }

    /// Keeps an event, and gives it the id under which it is found again.
    fn record(
        &self,
        session: &SessionId,
        stream: u64,
        mut event: ServerSseMessage,
    ) -> ServerSseMessage {
        let mut rings = self.lock();
        let Rings { of, bytes: total } = &mut *rings;
        let Some(ring) = of.get_mut(session) else { return event };
        ring.number += 1;
        event.event_id = Some(format!("{stream}-{}", ring.number));
        if let Some(bytes) = weight(&event) {
            *total += bytes;
            ring.bytes += bytes;
            let number = ring.number;
            ring.events.push_back(Entry { stream, number, bytes, event: event.clone() });
            while ring.events.len() > EVENTS_MAX || ring.bytes > BYTES_MAX {
                *total -= ring.forget_oldest();
            }
        }
        ring.news.send_replace(());
        while rings.bytes > TOTAL_BYTES_MAX {
            // Rare: sixty-four sessions whose rings are full.
            let Some(largest) = rings.of.values_mut().max_by_key(|ring| ring.bytes) else { break };
            let freed = largest.forget_oldest();
            rings.bytes -= freed;
        }
        event
    }

    fn finished(&self, session: &SessionId, stream: u64) {
        if let Some(ring) = self.lock().of.get_mut(session) {
            ring.running.remove(&stream);
            ring.news.send_replace(());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    /// Bytes that this freed.
    fn forget_oldest(&mut self) -> usize {
        let freed = self.events.pop_front().map_or(0, |entry| entry.bytes);
        self.bytes -= freed;
        freed
    }
}

struct Reader {
    stream: u64,
    after: u64,
    listener: u64,
    news: watch::Receiver<()>,
}

fn place_of(id: &str) -> Option<(u64, u64)> {
    let (stream, number) = id.split_once('-')?;
    Some((stream.parse().ok()?, number.parse().ok()?))
}

/// About the bytes of an event; none for lists, which clients ask for again rather than resume.
fn weight(event: &ServerSseMessage) -> Option<usize> {
    let Some(JsonRpcMessage::Response(response)) = event.message.as_deref() else {
        return Some(EVENT_BYTES);
    };
    let text: usize = match &response.result {
        ServerResult::ListToolsResult(_)
        | ServerResult::ListPromptsResult(_)
        | ServerResult::ListResourcesResult(_) => return None,
        ServerResult::CallToolResult(result) => {
            let texts = result.content.iter().filter_map(|block| block.as_text());
            // The structured content repeats what the texts say.
            texts.map(|text| 2 * text.text.len()).sum()
        }
        ServerResult::ReadResourceResult(result) => {
            let contents = result.contents.iter().map(|contents| match contents {
                ResourceContents::TextResourceContents { text, .. } => text.len(),
                ResourceContents::BlobResourceContents { blob, .. } => blob.len(),
                _ => 0,
            });
            contents.sum()
        }
        _ => EVENT_BYTES,
    };
    Some(EVENT_BYTES + text)
}

/// The stream of one request. When its reader leaves before the end, it is read on.
pub(super) struct Recorded {
    replay: Replay,
    session: SessionId,
    stream: u64,
    source: Option<Source>,
}

impl Stream for Recorded {
    type Item = ServerSseMessage;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        match source.poll_next_unpin(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(event)) => {
                Poll::Ready(Some(self.replay.record(&self.session, self.stream, event)))
            }
            Poll::Ready(None) => {
                self.source = None;
                self.replay.finished(&self.session, self.stream);
                Poll::Ready(None)
            }
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            self.replay.read_on(self.session.clone(), self.stream, source);
        }
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolResult, ContentBlock, RequestId, ServerJsonRpcMessage};

    use super::*;

    fn answer(bytes: usize) -> ServerSseMessage {
        let content = vec![ContentBlock::text("x".repeat(bytes))];
        let result = ServerResult::CallToolResult(CallToolResult::success(content));
        let message = ServerJsonRpcMessage::response(result, RequestId::Number(1));
        ServerSseMessage::from_message(message)
    }

    fn kept(replay: &Replay) -> (usize, usize) {
        let rings = replay.lock();
        let events = rings.of.values().map(|ring| ring.events.len()).sum();
        assert_eq!(rings.bytes, rings.of.values().map(|ring| ring.bytes).sum::<usize>());
        (events, rings.bytes)
    }

    #[test]
    fn a_ring_and_all_rings_together_are_bounded_and_end_with_their_sessions() {
        let replay = Replay::default();
        let sessions: Vec<SessionId> = (0..200).map(|n: u32| n.to_string().into()).collect();
        for session in &sessions {
            replay.open(session.clone());
        }
        for _ in 0..3 * EVENTS_MAX {
            replay.record(&sessions[0], 1, answer(1));
        }
        assert_eq!(kept(&replay).0, EVENTS_MAX);
        for session in &sessions {
            for _ in 0..4 {
                replay.record(session, 1, answer(50_000));
            }
        }
        let (_, bytes) = kept(&replay);
        assert!(bytes <= TOTAL_BYTES_MAX && bytes > TOTAL_BYTES_MAX / 2, "{bytes}");
        for session in &sessions {
            replay.close(session);
            // What is still read for a session that is over is not kept.
            replay.record(session, 1, answer(1));
        }
        assert_eq!(kept(&replay), (0, 0));
    }

    #[tokio::test]
    async fn only_the_newest_get_is_told_and_a_stream_ends_with_its_session() {
        let replay = Replay::default();
        let session: SessionId = "s".into();
        replay.open(session.clone());
        let mut older = Box::pin(replay.follow(session.clone(), None));
        let mut newer = Box::pin(replay.follow(session.clone(), None));
        assert_eq!(older.next().await.unwrap().event_id.unwrap(), "0-0");
        assert_eq!(newer.next().await.unwrap().event_id.unwrap(), "0-0");
        replay.record(&session, COMMON, answer(1));
        assert_eq!(newer.next().await.unwrap().event_id.unwrap(), "0-1");
        assert!(futures::poll!(older.next()).is_pending());
        replay.record(&session, COMMON, answer(2));
        drop(newer);
        let mut resumed = Box::pin(replay.follow(session.clone(), Some("0-1")));
        resumed.next().await.unwrap();
        assert_eq!(resumed.next().await.unwrap().event_id.unwrap(), "0-2");
        replay.close(&session);
        assert!(resumed.next().await.is_none());
        assert!(older.next().await.is_none());
    }
}
