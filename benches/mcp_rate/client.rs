//! A client that costs next to nothing beside the servers it asks.
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use gateway::model::TaskId;
use serde_json::{Value, json};

use crate::BEARER;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Era {
    /// Self-contained requests, JSON answers.
    Modern,
    /// A session, answers as event streams.
    Legacy,
}

/// One connection, one prepared request.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn connect(era: Era, server: SocketAddr, task: &TaskId) -> Self {
        let stream = TcpStream::connect(server).expect("the server listens");
        stream.set_nodelay(true).expect("a TCP socket");
        let stream = BufReader::with_capacity(64 << 10, stream);
        let mut caller = Self { stream, request: Vec::new(), answer: Vec::new() };
        let mut params = json!({ "name": "check_task", "arguments": { "task_id": task } });
        let mut extra = String::new();
        match era {
            Era::Modern => {
                params["_meta"] = json!({
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientCapabilities": {},
                    "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1" },
                });
                extra.push_str("mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: check_task\r\n");
            }
            Era::Legacy => {
                let params = json!({
                    "protocolVersion": "2025-06-18", "capabilities": {},
                    "clientInfo": { "name": "bench", "version": "1" },
                });
                let initialize =
                    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
                caller.request = request(server, "", &initialize);
                let head = caller.call();
                let id = head.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
                let id = id.expect("initialize opens a session");
                extra = format!("mcp-session-id: {id}\r\nmcp-protocol-version: 2025-06-18\r\n");
                let initialized =
                    json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
                caller.request = request(server, &extra, &initialized);
                caller.call();
            }
        }
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        caller.request = request(server, &extra, &call);
        caller.call();
        let answer = String::from_utf8_lossy(&caller.answer).into_owned();
        assert!(answer.contains("state=queued"), "no good answer: {answer}");
        caller
    }

    /// One request and its whole answer; answers with the head.
    pub(crate) fn call(&mut self) -> String {
        self.stream.get_mut().write_all(&self.request).expect("the server reads");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.stream.read_line(&mut head).expect("the server answers"), 0, "{head}");
        }
        self.answer.clear();
        let status = head.split(' ').nth(1).unwrap_or_default();
        assert!(status.starts_with('2'), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        match length.and_then(|length| length.parse::<usize>().ok()) {
            Some(length) => {
                self.answer.resize(length, 0);
                self.stream.read_exact(&mut self.answer).expect("a whole answer");
            }
            None if head.contains("transfer-encoding: chunked") => self.read_chunks(),
            None => {}
        }
        head
    }

    fn read_chunks(&mut self) {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("a chunk's length");
            let length = usize::from_str_radix(line.trim(), 16).expect("a chunk's length");
            let from = self.answer.len();
            self.answer.resize(from + length + 2, 0);
            self.stream.read_exact(&mut self.answer[from..]).expect("a whole chunk");
            self.answer.truncate(from + length);
            if length == 0 {
                return;
            }
        }
    }
}

fn request(server: SocketAddr, extra: &str, message: &Value) -> Vec<u8> {
    let body = message.to_string();
    let length = body.len();
    format!(
        "POST /mcp HTTP/1.1\r\nhost: {server}\r\nauthorization: Bearer {BEARER}\r\n\
         content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         {extra}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
