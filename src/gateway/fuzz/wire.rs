//! Reads what a server sent as HTTP/1 answers, by hand: the code under test is not its own judge.

/// One answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Whether its body is an event stream.
    pub(super) is_stream: bool,
    /// Whether it was there to its end.
    pub(super) is_whole: bool,
}

/// The answers in `said`, which were given to `asked`.
///
/// # Panics
///
/// Panics at anything that is no answer.
pub(super) fn answers(said: &[u8], asked: &[u8]) -> Vec<Answer> {
    // An answer to HEAD announces a body that does not follow.
    let bodiless = asked.windows(5).any(|window| window == b"HEAD ");
    let mut answers = Vec::new();
    let mut rest = said;
    while !rest.is_empty() {
        let (answer, after) = answer(rest, bodiless);
        answers.push(answer);
        rest = after;
    }
    answers
}

fn answer(said: &[u8], may_be_bodiless: bool) -> (Answer, &[u8]) {
    let shown = || String::from_utf8_lossy(&said[..said.len().min(400)]).into_owned();
    let end = said.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("a head without an end: {}", shown()));
    let (head, body) = (&said[..end], &said[end + 4..]);
    let head = std::str::from_utf8(head).unwrap_or_else(|_| panic!("no text: {}", shown()));
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let rest = first.strip_prefix("HTTP/1.1 ").or_else(|| first.strip_prefix("HTTP/1.0 "));
    let status = rest.and_then(|rest| rest.get(..3)).and_then(|digits| digits.parse().ok());
    let status: u16 = status.unwrap_or_else(|| panic!("no status: {}", shown()));
    let headers: Vec<(String, &str)> = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?}"));
            let clean = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
            assert!(value.bytes().all(clean), "{line:?}");
            (name.to_ascii_lowercase(), value)
        })
        .collect();
    let header = |name: &str| {
        let mut values = headers.iter().filter(|(it, _)| it == name).map(|(_, value)| *value);
        let value = values.next();
        assert!(values.next().is_none(), "{name} comes twice: {}", shown());
        value
    };
    let is_stream = header("content-type").is_some_and(|it| it.starts_with("text/event-stream"));
    let none = status < 200 || status == 204 || status == 304;
    let next_follows = body.is_empty() || body.starts_with(b"HTTP/1.");
    let after = if none || (may_be_bodiless && next_follows) {
        Some(body)
    } else if header("transfer-encoding") == Some("chunked") {
        assert!(header("content-length").is_none(), "two framings: {}", shown());
        after_chunks(body)
    } else if let Some(length) = header("content-length") {
        let length: usize = length.parse().unwrap_or_else(|_| panic!("{length:?}"));
        body.get(length..)
    } else {
        Some(&body[body.len()..])
    };
    let answer = Answer { status, is_stream, is_whole: after.is_some() };
    (answer, after.unwrap_or_default())
}

/// What follows a chunked body; `None` when it was cut short.
fn after_chunks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line]).ok();
        let size = size.and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let size = size.expect("a chunk says its size");
        let chunk = rest.get(line + 2..)?;
        rest = chunk.get(size..)?.strip_prefix(b"\r\n")?;
        if size == 0 {
            return Some(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(status: u16) -> Answer {
        Answer { status, is_stream: false, is_whole: true }
    }

    #[test]
    fn answers_are_told_apart_by_their_framing() {
        let said = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok\
            HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
            HTTP/1.0 400 Bad Request\r\n\r\nto the end";
        assert_eq!(answers(said, b"GET"), [whole(100), whole(200), whole(404), whole(400)]);
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
        assert_eq!(answers(head, b"HEAD / HTTP/1.1"), [whole(200)]);
        assert!(!answers(head, b"GET")[0].is_whole);
    }

    #[test]
    #[should_panic(expected = "no status")]
    fn what_is_no_answer_is_a_finding() {
        answers(b"<html>\r\n\r\n", b"GET");
    }

    #[test]
    #[should_panic(expected = "two framings")]
    fn an_answer_that_two_parsers_would_read_differently_is_a_finding() {
        let said = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n";
        answers(said, b"GET");
    }
}
