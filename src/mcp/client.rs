//! A small MCP client for the walks of `gateway doctor`: it asks for what the endpoint offers and no more.
//!
//! rmcp has a client too, which would be hundreds of kilobytes of the program for the sake of one check;
//! the tests use it as a counterpart that is not ours.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::telemetry::root_cause;

/// A connection must be made within this time.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// A call must be answered within this time; the gateway answers within 45 s.
const CALL_MAX: Duration = Duration::from_secs(60);
/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Characters of a refusal that are shown.
const REASON_CHARS_MAX: usize = 300;

const LEGACY: &str = "2025-11-25";
const MODERN: &str = "2026-07-28";
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Which of the protocol's two eras a client speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Era {
    /// `initialize` and a session: revisions up to 2025-11-25.
    Legacy,
    /// Self-contained requests: 2026-07-28.
    Modern,
}

/// Why a client got no answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClientError {
    /// The connection or the handshake failed.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The server refused the call or sent no usable answer.
    #[error("the call failed: {0}")]
    Call(String),
    /// No answer within the time that one may take.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolAnswer {
    /// The text blocks, joined by line ends.
    pub text: String,
    /// The structured content.
    pub structured: Option<Value>,
    /// Whether the tool reports an error.
    pub is_error: bool,
}

/// A connection to an MCP server.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    era: Era,
    /// What every request carries: the bearer token, and the session once there is one.
    headers: HeaderMap,
    requests: AtomicU64,
}

impl Client {
    /// Connects to the endpoint at `url` with a bearer token, over `http`.
    ///
    /// # Errors
    ///
    /// When the server does not answer, or not as an MCP server does.
    pub async fn connect(
        http: reqwest::Client,
        url: &str,
        bearer: &str,
        era: Era,
    ) -> Result<Self, ClientError> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {bearer}"))
            .map_err(|_| ClientError::Connect("the token is no header value".to_owned()))?;
        bearer.set_sensitive(true);
        let both = HeaderValue::from_static("application/json, text/event-stream");
        let headers = [(header::AUTHORIZATION, bearer), (header::ACCEPT, both)];
        let headers = headers.into_iter().collect();
        let url = url.to_owned();
        let mut client = Self { http, url, era, headers, requests: AtomicU64::new(0) };
        match tokio::time::timeout(CONNECT_MAX, client.shake_hands()).await {
            Ok(Ok(())) => Ok(client),
            Ok(Err(why)) => Err(ClientError::Connect(why)),
            Err(_) => Err(ClientError::TimedOut(CONNECT_MAX)),
        }
    }

    async fn shake_hands(&mut self) -> Result<(), String> {
        match self.era {
            Era::Modern => {
                self.headers.insert(VERSION, HeaderValue::from_static(MODERN));
                let (found, _) = self.request("server/discover", json!({}), None).await?;
                let versions = found["supportedVersions"].as_array();
                let speaks = |versions: &Vec<Value>| versions.iter().any(|it| it == MODERN);
                if versions.is_some_and(speaks) {
                    return Ok(());
                }
                Err(format!("the server does not speak {MODERN}"))
            }
            Era::Legacy => {
                let params = json!({
                    "protocolVersion": LEGACY, "capabilities": {}, "clientInfo": identity(),
                });
                let (agreed, headers) = self.request("initialize", params, None).await?;
                let version = agreed["protocolVersion"].as_str();
                let version = version.and_then(|it| HeaderValue::from_str(it).ok());
                let version = version.ok_or("the server agreed on no protocol version")?;
                self.headers.insert(VERSION, version);
                if let Some(session) = headers.get(SESSION) {
                    self.headers.insert(SESSION, session.clone());
                }
                let done = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
                self.post(&done, HeaderMap::new()).await.map(drop)
            }
        }
    }

    /// Names of the server's tools.
    ///
    /// # Errors
    ///
    /// When there is no usable answer in time.
    pub async fn tools(&self) -> Result<Vec<String>, ClientError> {
        let listed = self.in_time(self.request("tools/list", json!({}), None)).await?;
        let tools = listed["tools"].as_array();
        let tools = tools.ok_or_else(|| ClientError::Call("it lists no tools".to_owned()))?;
        Ok(tools.iter().filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect())
    }

    /// Calls a tool.
    ///
    /// # Errors
    ///
    /// When there is no usable answer in time. What the tool itself reports is an answer.
    pub async fn call(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> Result<ToolAnswer, ClientError> {
        let params = json!({ "name": tool, "arguments": arguments });
        let mut result = self.in_time(self.request("tools/call", params, Some(tool))).await?;
        let blocks = result["content"].as_array().map(Vec::as_slice).unwrap_or_default();
        let texts: Vec<&str> = blocks.iter().filter_map(|block| block["text"].as_str()).collect();
        let text = texts.join("\n");
        let is_error = result["isError"].as_bool().unwrap_or(false);
        let structured = result.get_mut("structuredContent").map(Value::take);
        Ok(ToolAnswer { text, structured, is_error })
    }

    /// Ends the session, where there is one.
    pub async fn close(self) {
        if self.headers.contains_key(SESSION) {
            let ended = self.http.delete(&self.url).headers(self.headers).send();
            // A session that is not ended ends by itself.
            let _ = tokio::time::timeout(CONNECT_MAX, ended).await;
        }
    }

    async fn in_time(
        &self,
        call: impl Future<Output = Result<(Value, HeaderMap), String>>,
    ) -> Result<Value, ClientError> {
        match tokio::time::timeout(CALL_MAX, call).await {
            Ok(Ok((answer, _))) => Ok(answer),
            Ok(Err(why)) => Err(ClientError::Call(why)),
            Err(_) => Err(ClientError::TimedOut(CALL_MAX)),
        }
    }

    /// One request and its result, with the headers of the answer.
    async fn request(
        &self,
        method: &'static str,
        mut params: Value,
        name: Option<&str>,
    ) -> Result<(Value, HeaderMap), String> {
        let id = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut headers = HeaderMap::new();
        if self.era == Era::Modern {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": MODERN,
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": identity(),
            });
            headers.insert(METHOD, HeaderValue::from_static(method));
            if let Some(name) = name.and_then(|name| HeaderValue::from_str(name).ok()) {
                headers.insert(NAME, name);
            }
        }
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let (body, headers) = self.post(&message, headers).await?;
        let mut answer = answer_to(id, &body).ok_or("the answer is none of the protocol")?;
        match answer.get_mut("result").map(Value::take) {
            Some(result) => Ok((result, headers)),
            None => Err(answer["error"]["message"].as_str().unwrap_or("an error").to_owned()),
        }
    }

    async fn post(
        &self,
        message: &Value,
        headers: HeaderMap,
    ) -> Result<(String, HeaderMap), String> {
        let request = self.http.post(&self.url).headers(self.headers.clone()).headers(headers);
        let mut response = request.json(message).send().await.map_err(|err| root_cause(&err))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|err| root_cause(&err))? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_BYTES_MAX {
                return Err(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes"));
            }
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() { Ok((body, headers)) } else { Err(refusal(status, &body)) }
    }
}

fn identity() -> Value {
    json!({ "name": "gateway-doctor", "version": env!("CARGO_PKG_VERSION") })
}

/// The message that answers request `id`: the body itself, or one of the events in it.
fn answer_to(id: u64, body: &str) -> Option<Value> {
    let messages = body.lines().filter_map(|line| line.strip_prefix("data:"));
    std::iter::once(body)
        .chain(messages)
        .filter_map(|text| serde_json::from_str::<Value>(text.trim()).ok())
        .find(|message| message["id"] == id && message.get("method").is_none())
}

/// What the server says of a request that it refused.
fn refusal(status: StatusCode, body: &str) -> String {
    let said: Value = serde_json::from_str(body).unwrap_or_default();
    let said = said["error"]["message"].as_str().or_else(|| said["error_description"].as_str());
    let said: String = said.unwrap_or_default().chars().take(REASON_CHARS_MAX).collect();
    if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") }
}
