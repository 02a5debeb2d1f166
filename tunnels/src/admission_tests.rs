use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

fn limits(connections_max: usize, per_address_max: usize) -> Limits {
    Limits { connections_max, per_address_max, backlog_max: 100, ..Limits::default() }
}

fn known(last: u8) -> ClientAddress {
    ClientAddress::Known(SocketAddr::from(([192, 0, 2, last], 1)))
}

/// Admits a connection; the visitor's end, and what turned up at the server.
fn visit(
    gate: &Arc<Gate>,
    incoming: &mut mpsc::Receiver<Connection>,
    peer: ClientAddress,
) -> (DuplexStream, Option<Connection>) {
    let (near, far) = duplex(1024);
    gate.admit(Box::new(near), peer, Instant::now());
    (far, incoming.try_recv().ok())
}

async fn ended(connection: &mut Connection) -> bool {
    connection.io.read_u8().await.is_err()
}

/// The visitor sends `bytes` and the server reads them.
async fn sends(visitor: &mut DuplexStream, server: &mut Connection, bytes: &[u8]) {
    visitor.write_all(bytes).await.unwrap();
    server.io.read_exact(&mut vec![0; bytes.len()]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_gate_closes_the_longest_silent_connection() {
    let (gate, mut incoming) = Gate::new(limits(2, 100));
    let (_v1, first) = visit(&gate, &mut incoming, ClientAddress::Unknown);
    tokio::time::advance(Duration::from_secs(1)).await;
    let (mut v2, second) = visit(&gate, &mut incoming, ClientAddress::Unknown);
    let (_v3, third) = visit(&gate, &mut incoming, ClientAddress::Unknown);
    assert!(third.is_some());
    assert!(ended(&mut first.unwrap()).await);
    sends(&mut v2, &mut second.unwrap(), b"GET").await;
}

#[tokio::test(start_paused = true)]
async fn an_eviction_wakes_a_waiting_reader() {
    let (gate, mut incoming) = Gate::new(limits(1, 100));
    let (_v1, first) = visit(&gate, &mut incoming, ClientAddress::Unknown);
    let mut first = first.unwrap();
    let reading = tokio::spawn(async move { ended(&mut first).await });
    tokio::task::yield_now().await;
    let _second = visit(&gate, &mut incoming, ClientAddress::Unknown);
    assert!(reading.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_request_being_worked_on_is_never_closed() {
    let (gate, mut incoming) = Gate::new(limits(1, 100));
    let (mut v1, first) = visit(&gate, &mut incoming, ClientAddress::Unknown);
    let mut first = first.unwrap();
    sends(&mut v1, &mut first, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::advance(Duration::from_secs(3600)).await;
    let (_v2, second) = visit(&gate, &mut incoming, ClientAddress::Unknown);
    assert!(second.is_none(), "the newcomer is turned away");
    first.io.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let (_v3, third) = visit(&gate, &mut incoming, ClientAddress::Unknown);
    assert!(third.is_none(), "just answered is not idle yet");
    tokio::time::advance(Duration::from_secs(30)).await;
    let (_v4, fourth) = visit(&gate, &mut incoming, ClientAddress::Unknown);
    assert!(fourth.is_some() && ended(&mut first).await);
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_request_head_goes_before_an_answered_connection() {
    let (gate, mut incoming) = Gate::new(limits(2, 100));
    let (mut v1, first) = visit(&gate, &mut incoming, ClientAddress::Unknown);
    let mut first = first.unwrap();
    sends(&mut v1, &mut first, b"GET / HTTP/1.1\r\n\r\n").await;
    first.io.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    let (mut v2, second) = visit(&gate, &mut incoming, ClientAddress::Unknown);
    let mut second = second.unwrap();
    sends(&mut v2, &mut second, b"GET / HTTP/1.1\r\nHost: a\r\n").await;
    let (_v3, third) = visit(&gate, &mut incoming, ClientAddress::Unknown);
    assert!(third.is_some() && ended(&mut second).await);
}

#[tokio::test(start_paused = true)]
async fn one_address_takes_only_its_own_connections_places() {
    let (gate, mut incoming) = Gate::new(limits(100, 2));
    let (_v0, other) = visit(&gate, &mut incoming, known(1));
    let (_v1, first) = visit(&gate, &mut incoming, known(2));
    let _second = visit(&gate, &mut incoming, known(2));
    let (_v3, third) = visit(&gate, &mut incoming, known(2));
    assert!(third.is_some() && ended(&mut first.unwrap()).await);
    let reading = tokio::spawn(async move { ended(&mut other.unwrap()).await });
    tokio::task::yield_now().await;
    assert!(!reading.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_gives_its_place_back() {
    let (gate, mut incoming) = Gate::new(limits(1, 1));
    let (_v1, first) = visit(&gate, &mut incoming, known(1));
    assert_eq!(gate.count(), 1);
    drop(first);
    assert_eq!(gate.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nothing_sheds_beyond_the_backlog_and_says_so_rarely() {
    let (gate, mut incoming) = Gate::new(Limits { backlog_max: 2, ..limits(100, 100) });
    let mut notes = Vec::new();
    for _ in 0..10 {
        let (near, _far) = duplex(16);
        notes.extend(gate.admit(Box::new(near), ClientAddress::Unknown, Instant::now()));
    }
    assert_eq!(notes, [Note::ConnectionsShed { count: 1 }]);
    assert_eq!(gate.count(), 2, "what was turned away holds no place");
    tokio::time::advance(NOTE_EVERY).await;
    let (near, _far) = duplex(16);
    let note = gate.admit(Box::new(near), ClientAddress::Unknown, Instant::now());
    assert_eq!(note, Some(Note::ConnectionsShed { count: 8 }));
    incoming.close();
}
