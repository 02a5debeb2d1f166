//! Reads the answer to a rebind off the wire, because the `ngrok` crate does not tell it.
//!
//! After a reconnect the crate binds the tunnel again and says nothing: neither when it is done, nor
//! that the public address is another one now. So the bytes that arrive are followed here until the
//! answer has been seen: muxado frames (8-byte header: 24 bits length, 4 bits type, 4 bits flags,
//! 32 bits stream) of the streams this side opened (odd ids), whose payload is one JSON object with
//! `Id` and `URL`. Nothing is changed, and anything unexpected only ends the watching.
use std::collections::BTreeMap;

use serde::Deserialize;

const HEADER_LEN: usize = 8;
const TYPE_DATA: u8 = 1;
/// Streams followed at once; the crate has three open by then: heartbeat, AUTH and BIND.
const STREAMS_MAX: usize = 16;
/// An answer is a few hundred bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// The answer to a bind.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub(crate) struct Rebind {
    #[serde(rename = "Id")]
    pub(super) id: String,
    #[serde(rename = "URL")]
    pub(super) url: String,
}

/// Follows frames until the answer to a bind has passed.
#[derive(Debug, Default)]
pub(super) struct RebindReader {
    header: Vec<u8>,
    body_left: usize,
    stream: Option<u32>,
    payloads: BTreeMap<u32, Vec<u8>>,
}

impl RebindReader {
    /// Takes the next bytes; returns the answer when it is complete.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> Option<Rebind> {
        while !bytes.is_empty() {
            if self.body_left == 0 {
                let wanted = HEADER_LEN - self.header.len();
                let (head, rest) = bytes.split_at(wanted.min(bytes.len()));
                self.header.extend_from_slice(head);
                bytes = rest;
                if self.header.len() == HEADER_LEN {
                    self.begin_frame();
                }
                continue;
            }
            let (body, rest) = bytes.split_at(self.body_left.min(bytes.len()));
            self.body_left -= body.len();
            bytes = rest;
            if let Some(answer) = self.take_body(body) {
                return Some(answer);
            }
        }
        None
    }

    fn begin_frame(&mut self) {
        let header = std::mem::take(&mut self.header);
        self.body_left =
            usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
        let stream = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        let ours = header[3] >> 4 == TYPE_DATA && stream % 2 == 1;
        self.stream = ours.then_some(stream);
    }

    fn take_body(&mut self, body: &[u8]) -> Option<Rebind> {
        let stream = self.stream?;
        if !self.payloads.contains_key(&stream) && self.payloads.len() >= STREAMS_MAX {
            return None;
        }
        let payload = self.payloads.entry(stream).or_default();
        if payload.len() + body.len() > ANSWER_MAX {
            return None;
        }
        payload.extend_from_slice(body);
        if self.body_left > 0 {
            return None;
        }
        // The answer to AUTH has no `URL`, and a refusal has an empty one.
        serde_json::from_slice::<Rebind>(payload).ok().filter(|answer| !answer.url.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: u32, kind: u8, body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(body.len()).unwrap().to_be_bytes();
        let mut frame = vec![len[1], len[2], len[3], kind << 4];
        frame.extend_from_slice(&stream.to_be_bytes());
        frame.extend_from_slice(body);
        frame
    }

    fn exchange() -> Vec<u8> {
        let mut bytes = frame(3, TYPE_DATA, &[1, 2, 3, 4]);
        bytes.extend(frame(3, 2, &[0, 0, 1, 0]));
        bytes.extend(frame(5, TYPE_DATA, br#"{"Version":"3","ClientId":"c","Extra":{}}"#));
        bytes.extend(frame(2, TYPE_DATA, br#"{"Id":"not","URL":"ours"}"#));
        bytes.extend(frame(7, TYPE_DATA, br#"{"Id":"t1","URL":"#));
        bytes.extend(frame(7, TYPE_DATA, br#""https://a.example","Proto":"https"}"#));
        bytes
    }

    #[test]
    fn the_answer_is_found_however_the_bytes_are_cut() {
        let expected = Rebind { id: "t1".to_owned(), url: "https://a.example".to_owned() };
        for step in [1, 2, 3, 7, 8, 9, 64, 4096] {
            let mut reader = RebindReader::default();
            let found = exchange().chunks(step).find_map(|chunk| reader.feed(chunk));
            assert_eq!(found.as_ref(), Some(&expected), "in steps of {step}");
        }
    }

    #[test]
    fn a_refusal_is_not_an_answer_and_noise_does_no_harm() {
        let mut reader = RebindReader::default();
        let refusal = br#"{"Id":"","URL":"","Error":"no\n\nERR_NGROK_334\n"}"#;
        assert_eq!(reader.feed(&frame(7, TYPE_DATA, refusal)), None);
        let noise: Vec<u8> =
            (0..200_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        assert_eq!(reader.feed(&noise), None);
    }
}
