//! rmcp's own client, as a counterpart that is not ours.
use std::fmt;
use std::time::Duration;

use http::HeaderValue;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientConfig, Implementation, ProtocolVersion,
};
use rmcp::service::{ClientLifecycleMode, RunningService, serve_client_with_lifecycle};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient};
use serde_json::{Map, Value};

use crate::mcp::client::{ClientError, Era, ToolAnswer};

/// The handshake must be done within this time.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// A call must be answered within this time; the gateway answers within 45 s.
const CALL_MAX: Duration = Duration::from_secs(60);

/// A connection to an MCP server.
pub(super) struct SdkClient {
    service: RunningService<RoleClient, Identity>,
}

impl fmt::Debug for SdkClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// Who the client says it is.
#[derive(Clone, Debug)]
struct Identity;

impl ClientHandler for Identity {
    fn get_info(&self) -> ClientConfig {
        let mut config = ClientConfig::default();
        config.client_info = Implementation::new("gateway-doctor", env!("CARGO_PKG_VERSION"));
        config
    }
}

impl SdkClient {
    /// Connects to the endpoint at `url` with a bearer token, over `http`.
    ///
    /// # Errors
    ///
    /// When the server does not answer, or not as an MCP server does.
    pub(super) async fn connect(
        http: reqwest::Client,
        url: &str,
        bearer: &str,
        era: Era,
    ) -> Result<Self, ClientError> {
        if HeaderValue::from_str(bearer).is_err() {
            return Err(ClientError::Connect("the token is no header value".to_owned()));
        }
        let mut config = StreamableHttpClientTransportConfig::with_uri(url);
        config.auth_header = Some(bearer.to_owned());
        let transport = StreamableHttpClientTransport::with_client(http, config);
        let lifecycle = match era {
            Era::Legacy => ClientLifecycleMode::Initialize,
            Era::Modern => {
                ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::LATEST] }
            }
        };
        let connecting = serve_client_with_lifecycle(Identity, transport, lifecycle);
        match tokio::time::timeout(CONNECT_MAX, connecting).await {
            Ok(Ok(service)) => Ok(Self { service }),
            Ok(Err(err)) => Err(ClientError::Connect(err.to_string())),
            Err(_) => Err(ClientError::TimedOut(CONNECT_MAX)),
        }
    }

    /// Names of the server's tools.
    ///
    /// # Errors
    ///
    /// When there is no usable answer in time.
    pub(super) async fn tools(&self) -> Result<Vec<String>, ClientError> {
        let listed = self.in_time(self.service.list_all_tools()).await?;
        Ok(listed.into_iter().map(|tool| tool.name.into_owned()).collect())
    }

    /// Calls a tool.
    ///
    /// # Errors
    ///
    /// When there is no usable answer in time. What the tool itself reports is an answer.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: Map<String, Value>,
    ) -> Result<ToolAnswer, ClientError> {
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let result: CallToolResult = self.in_time(self.service.call_tool(params)).await?;
        let texts = result.content.iter().filter_map(|block| block.as_text());
        let texts: Vec<&str> = texts.map(|text| text.text.as_str()).collect();
        Ok(ToolAnswer {
            text: texts.join("\n"),
            structured: result.structured_content,
            is_error: result.is_error.unwrap_or(false),
        })
    }

    /// Ends the connection, and its session where it has one.
    pub(super) async fn close(self) {
        let _ = tokio::time::timeout(CONNECT_MAX, self.service.cancel()).await;
    }

    async fn in_time<T, E: fmt::Display>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ClientError> {
        match tokio::time::timeout(CALL_MAX, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(err)) => Err(ClientError::Call(err.to_string())),
            Err(_) => Err(ClientError::TimedOut(CALL_MAX)),
        }
    }
}
