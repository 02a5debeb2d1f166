//! Keeps the frames of a new connection together, because a burst of them would wedge the crate.
//!
//! The crate's reader puts every new stream into a queue of 64 and waits when it is full; its accept
//! loop takes one out and waits for the stream's first bytes, which only the reader can bring. When
//! the edge has sent the beginnings of more than 64 connections before the rest of the first one's
//! introduction, both wait for ever, and not even a cut link is noticed. A few dozen strangers who
//! connect at once can do that. So the frames of a new stream are held back here until its
//! introduction is complete, and then passed on in one piece. Frames of one stream keep their order,
//! and between streams there is none to keep.
use std::collections::BTreeMap;

use bytes::{Buf, BytesMut};
use serde::de::IgnoredAny;

const HEADER_LEN: usize = 8;
const TYPE_DATA: u8 = 1;
const FLAG_FIN: u8 = 1;
const FLAG_SYN: u8 = 2;
/// The types of streams whose beginning the crate's accept loop reads itself.
const PROXY: u32 = 3;
const STOP_TUNNEL: u32 = 9;
/// An introduction is some hundred bytes; a longer one is passed on as it comes.
const INTRODUCTION_MAX: usize = 16 * 1024;
/// Streams held back at once; the session dies at 512 open ones anyway.
const HELD_MAX: usize = 512;

/// Takes bytes as they arrive and gives them back in a harmless order.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    header: Vec<u8>,
    frame: Frame,
    held: BTreeMap<u32, Held>,
    ready: BytesMut,
}

/// The frame whose body is passing.
#[derive(Debug, Default)]
struct Frame {
    stream: u32,
    body_left: usize,
    is_data: bool,
    is_last: bool,
}

/// A stream whose introduction is not complete yet.
#[derive(Debug, Default)]
struct Held {
    frames: Vec<u8>,
    introduction: Vec<u8>,
}

impl Reorder {
    /// Takes the next bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.frame.body_left == 0 {
                let wanted = HEADER_LEN - self.header.len();
                let (head, rest) = bytes.split_at(wanted.min(bytes.len()));
                self.header.extend_from_slice(head);
                bytes = rest;
                if self.header.len() == HEADER_LEN {
                    self.begin_frame();
                }
                continue;
            }
            let (body, rest) = bytes.split_at(self.frame.body_left.min(bytes.len()));
            self.frame.body_left -= body.len();
            bytes = rest;
            self.take(body);
        }
    }

    /// Bytes that can be passed on.
    pub(super) fn ready(&self) -> &[u8] {
        &self.ready
    }

    /// The first `count` bytes of [`Self::ready`] are passed on.
    pub(super) fn consume(&mut self, count: usize) {
        self.ready.advance(count);
    }

    fn begin_frame(&mut self) {
        let header = std::mem::take(&mut self.header);
        let (kind, flags) = (header[3] >> 4, header[3] & 0x0F);
        let stream = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        self.frame = Frame {
            stream,
            body_left: usize::from(header[0]) << 16
                | usize::from(header[1]) << 8
                | usize::from(header[2]),
            is_data: kind == TYPE_DATA,
            is_last: kind != TYPE_DATA || flags & FLAG_FIN != 0,
        };
        let is_new = kind == TYPE_DATA && flags & FLAG_SYN != 0;
        if is_new && self.held.len() < HELD_MAX {
            self.held.insert(stream, Held::default());
        }
        match self.held.get_mut(&stream) {
            Some(held) => held.frames.extend_from_slice(&header),
            None => self.ready.extend_from_slice(&header),
        }
        if self.frame.body_left == 0 {
            self.end_frame();
        }
    }

    fn take(&mut self, body: &[u8]) {
        match self.held.get_mut(&self.frame.stream) {
            Some(held) => {
                held.frames.extend_from_slice(body);
                if self.frame.is_data {
                    held.introduction.extend_from_slice(body);
                }
            }
            None => self.ready.extend_from_slice(body),
        }
        if self.frame.body_left == 0 {
            self.end_frame();
        }
    }

    fn end_frame(&mut self) {
        let Some(held) = self.held.get(&self.frame.stream) else { return };
        // A stream that has ended, or been reset, will not say more.
        if (self.frame.is_last || is_complete(&held.introduction))
            && let Some(held) = self.held.remove(&self.frame.stream)
        {
            self.ready.extend_from_slice(&held.frames);
        }
    }
}

/// Whether the accept loop can read what it wants of a new stream without waiting.
fn is_complete(introduction: &[u8]) -> bool {
    let Some((kind, rest)) = introduction.split_first_chunk::<4>() else { return false };
    match u32::from_be_bytes(*kind) {
        PROXY => {
            let Some((len, json)) = rest.split_first_chunk::<8>() else { return false };
            let len = usize::try_from(i64::from_le_bytes(*len)).unwrap_or(usize::MAX);
            len > INTRODUCTION_MAX || json.len() >= len
        }
        STOP_TUNNEL => {
            rest.len() > INTRODUCTION_MAX || serde_json::from_slice::<IgnoredAny>(rest).is_ok()
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(stream: u32, kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(body.len()).unwrap().to_be_bytes();
        let mut frame = vec![len[1], len[2], len[3], kind << 4 | flags];
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(body);
        frame
    }

    /// A visitor's connection as the edge sends it, frame by frame.
    fn connection(stream: u32) -> Vec<Vec<u8>> {
        let json = br#"{"Id":"t","ClientAddr":"192.0.2.1:1"}"#;
        vec![
            frame(stream, 1, FLAG_SYN, &PROXY.to_be_bytes()),
            frame(stream, 1, 0, &(json.len() as u64).to_le_bytes()),
            frame(stream, 1, 0, json),
            frame(stream, 1, 0, b"GET / HTTP/1.1\r\n\r\n"),
            frame(stream, 1, FLAG_FIN, b""),
        ]
    }

    fn passed(reorder: &mut Reorder) -> Vec<u8> {
        let bytes = reorder.ready().to_vec();
        reorder.consume(bytes.len());
        bytes
    }

    #[test]
    fn a_new_stream_appears_only_with_its_whole_introduction() {
        let mut reorder = Reorder::default();
        let frames = connection(2);
        for frame in &frames[..2] {
            reorder.feed(frame);
            assert!(reorder.ready().is_empty());
        }
        let other = frame(3, 1, 0, b"an answer");
        reorder.feed(&other);
        assert_eq!(passed(&mut reorder), other);
        reorder.feed(&frames[2]);
        assert_eq!(passed(&mut reorder), frames[..3].concat());
        reorder.feed(&frames[3]);
        assert_eq!(passed(&mut reorder), frames[3]);
    }

    #[test]
    fn what_will_not_be_completed_is_not_held() {
        let heartbeat = frame(2, 1, FLAG_SYN, &[0xFF; 4]);
        let cut_short = [frame(4, 1, FLAG_SYN, &[0, 0]), frame(4, 0, 0, &[0, 0, 0, 6])].concat();
        let absurd = [&PROXY.to_be_bytes()[..], &(-1_i64).to_le_bytes()[..]].concat();
        let absurd = frame(6, 1, FLAG_SYN, &absurd);
        for bytes in [heartbeat, cut_short, absurd] {
            let mut reorder = Reorder::default();
            reorder.feed(&bytes);
            assert_eq!(passed(&mut reorder), bytes);
        }
    }

    #[test]
    fn more_streams_than_can_be_are_not_held() {
        let mut reorder = Reorder::default();
        let beginnings = u32::try_from(HELD_MAX).unwrap();
        for stream in 1..=beginnings {
            reorder.feed(&connection(stream * 2)[0]);
        }
        assert!(reorder.ready().is_empty());
        let next = connection(5000);
        reorder.feed(&next[0]);
        assert_eq!(passed(&mut reorder), next[0]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_every_stream_keeps_its_order(
            picks in prop::collection::vec(0_usize..8, 0..200),
            step in 1_usize..64,
        ) {
            let mut streams: Vec<_> =
                (1..=8_u32).map(|n| connection(n * 2).into_iter()).collect();
            let mut sent = Vec::new();
            for pick in picks {
                sent.extend(streams[pick].next());
            }
            for stream in &mut streams {
                sent.extend(stream);
            }
            let mut reorder = Reorder::default();
            for chunk in sent.concat().chunks(step) {
                reorder.feed(chunk);
            }
            let mut bytes = passed(&mut reorder);
            let mut arrived: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
            let mut expected: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
            while !bytes.is_empty() {
                let len = usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
                let frame: Vec<u8> = bytes.drain(..8 + len).collect();
                arrived.entry(u32::from(frame[7])).or_default().extend(frame);
            }
            for frame in sent {
                expected.entry(u32::from(frame[7])).or_default().extend(frame);
            }
            prop_assert_eq!(arrived, expected);
        }
    }
}
