//! Raw bytes on a connection of the tunnel.
use std::io;
use std::time::Duration;

use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{stack, wire};
use crate::http::{AcceptWith, Arrival, IngressKind, Peer};

/// Longest that anybody but a stream holds a connection: a head, a body, an answer of the longest
/// wait of a tool, and silence after it, each with its own limit below a minute.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(300);
/// Shutting down takes 10 s at most (`http::Server::shutdown`).
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(12);

/// Whatever comes, what goes back is a row of well-formed answers, none of them a 5xx, and then the
/// connection is closed.
pub(super) fn run(input: &[u8]) {
    stack::run(async |stack| {
        let input = stack.fill(input);
        let server = stack.serve();
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let arrival = Arrival {
            io: Box::new(theirs),
            peer: Peer::Address([203, 0, 113, 7].into()),
            local: None,
        };
        let mut arrivals = Some(Ok::<_, io::Error>(arrival));
        let next = move || match arrivals.take() {
            Some(arrival) => std::future::ready(Some(arrival)).boxed(),
            None => std::future::pending().boxed(),
        };
        server.accept_from(AcceptWith(next), IngressKind::Tunnel);

        let (mut reading, mut writing) = tokio::io::split(ours);
        let mut said = Vec::new();
        let talk = async {
            // The other end may close before it has heard everything, and need not hear the rest.
            let write = async {
                let _ = writing.write_all(&input).await;
            };
            let read = async {
                // A stream is left at once: the timer of its keep-alive reads the real clock, so that
                // virtual time would stand still.
                while !has_stream(&said) && reading.read_buf(&mut said).await.is_ok_and(|n| n > 0) {
                }
            };
            tokio::select! {
                () = read => {}
                ((), ()) = async { tokio::join!(write, std::future::pending()) } => {}
            }
        };
        let closed = timeout(CONNECTION_TIME_MAX, talk).await.is_ok();
        drop((reading, writing));
        let ended = timeout(SHUTDOWN_TIME_MAX, server.shutdown()).await;
        assert!(ended.is_ok(), "the server does not shut down");

        let answers = wire::answers(&said, &input);
        for answer in &answers {
            assert!((100..500).contains(&answer.status), "{}", String::from_utf8_lossy(&said));
        }
        assert!(closed, "the connection stays open");
        let whole = answers.iter().all(|answer| answer.is_whole || answer.is_stream);
        assert!(whole, "an answer was cut short: {}", String::from_utf8_lossy(&said));
    });
}

/// Whether the head of an event stream has come. Only a head holds such a line: what an error quotes
/// of a request has no line breaks.
fn has_stream(said: &[u8]) -> bool {
    let find = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).position(|it| it == text);
    find(said, b"\r\ncontent-type: text/event-stream")
        .is_some_and(|at| find(&said[at..], b"\r\n\r\n").is_some())
}
