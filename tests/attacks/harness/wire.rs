//! HTTP/1.1 by hand: an attacker does not write what a well-behaved client library lets through.
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::form_urlencoded::Serializer;

/// No answer in a test takes as long as this, however busy the machine is.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A request to be written as it stands.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// As a visitor of the reverse proxy, which says so.
    pub(crate) fn visitor(self, address: &str) -> Self {
        self.header("x-forwarded-for", address)
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    pub(crate) fn json(self, value: &Value) -> Self {
        self.header("content-type", "application/json").body(value.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name))
    }

    /// The bytes, with `host` and a length unless the request says something of its own.
    pub(crate) fn bytes(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has("host") {
            head.push_str(&format!("host: {host}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let framed = self.has("content-length") || self.has("transfer-encoding");
        if !framed && (!self.body.is_empty() || self.method == "POST") {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// A header's value; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(it, _)| it.eq_ignore_ascii_case(name))
    }

    /// The JSON of the body, or of the last event of a stream.
    pub(crate) fn json(&self) -> Value {
        let events = self.body.lines().rev().filter_map(|line| line.strip_prefix("data: "));
        let mut events = events.filter(|data| data.starts_with('{'));
        let text = events.next().unwrap_or(&self.body);
        serde_json::from_str(text).unwrap_or(Value::Null)
    }

    /// The `error` of an OAuth answer; empty when it is none.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }

    /// A parameter of the address that the browser is sent to.
    pub(crate) fn sent(&self, name: &str) -> Option<String> {
        let query = self.location().split_once('?')?.1;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(it, _)| it == name).map(|(_, value)| value.into_owned())
    }

    /// The hidden field of the consent form.
    pub(crate) fn sealed(&self) -> String {
        let found = self.body.split_once("name=\"request\" value=\"");
        let (_, rest) = found.unwrap_or_else(|| panic!("no form: {} {}", self.status, self.body));
        rest.split('"').next().unwrap().to_owned()
    }

    /// The cookie that was set, as a browser sends it back.
    pub(crate) fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// Whether the gateway took the request for what it was: no internal error, no way on.
    #[track_caller]
    pub(crate) fn assert_refused(&self, what: &str) {
        let refused = (400..500).contains(&self.status);
        assert!(refused, "{what}: {} {}", self.status, self.body);
        assert_eq!(self.location(), "", "{what}");
        assert!(!self.has("set-cookie"), "{what}");
    }
}

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    /// What was read beyond the last answer.
    read: Vec<u8>,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, read: Vec::new() }
    }

    /// Writes bytes; that the other side has closed already is seen at the answer.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let written = tokio::time::timeout(LONG, self.stream.write_all(bytes)).await;
        let _ = written.expect("the gateway takes what it is sent, or closes");
    }

    /// The next answer; `None` when the connection is closed instead.
    pub(crate) async fn answer(&mut self, to_head: bool) -> Option<Answer> {
        let reading = self.read_answer(to_head);
        tokio::time::timeout(LONG, reading).await.expect("the gateway answers, or closes")
    }

    /// Waits for the end of a chunked body.
    pub(crate) async fn body_end(&mut self) {
        let end = tokio::time::timeout(LONG, self.until(b"0\r\n\r\n"));
        end.await.expect("the body ends").expect("the body ends before the connection");
    }

    /// Everything until the connection is closed.
    pub(crate) async fn rest(&mut self) -> String {
        let mut all = std::mem::take(&mut self.read);
        let reading = self.stream.read_to_end(&mut all);
        let _ = tokio::time::timeout(LONG, reading).await.expect("the gateway closes");
        String::from_utf8_lossy(&all).into_owned()
    }

    async fn more(&mut self) -> Option<()> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk).await {
            Ok(0) | Err(_) => None,
            Ok(count) => {
                self.read.extend_from_slice(&chunk[..count]);
                Some(())
            }
        }
    }

    async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|it| it == end) {
                let rest = self.read.split_off(at + end.len());
                let mut piece = std::mem::replace(&mut self.read, rest);
                piece.truncate(at);
                return Some(piece);
            }
            self.more().await?;
        }
    }

    async fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.read.len() < count {
            self.more().await?;
        }
        let rest = self.read.split_off(count);
        Some(std::mem::replace(&mut self.read, rest))
    }

    /// Status and headers, without the body: for streams, which have no end.
    pub(crate) async fn head(&mut self) -> Option<Answer> {
        let head = String::from_utf8_lossy(&self.until(b"\r\n\r\n").await?).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Some(Answer { status, headers, body: String::new() })
    }

    async fn read_answer(&mut self, to_head: bool) -> Option<Answer> {
        let mut answer = self.head().await?;
        let body = if to_head || answer.status == 204 {
            Vec::new()
        } else if answer.header("transfer-encoding") == "chunked" {
            let mut body = Vec::new();
            loop {
                let size = String::from_utf8(self.until(b"\r\n").await?).unwrap();
                let size = usize::from_str_radix(&size, 16).unwrap();
                body.extend(self.exactly(size).await?);
                self.until(b"\r\n").await?;
                if size == 0 {
                    break body;
                }
            }
        } else {
            let length = answer.header("content-length").parse().unwrap_or(0);
            self.exactly(length).await?
        };
        answer.body = String::from_utf8_lossy(&body).into_owned();
        Some(answer)
    }
}
