//! The protocol's server side: what is declared, and how a call reaches its tool.
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};

use futures::FutureExt;
use http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestMethod, CompleteRequestParams,
    CompleteResult, CustomRequest, CustomResult, ErrorCode, Implementation,
    ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod,
    ListResourceTemplatesResult, ListResourcesRequestMethod, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};

use super::endpoint::McpParts;
use super::patience::Patience;
use super::principal::Principal;
use super::tools::{self, Call};

/// Sent to clients as `instructions`; many models read nothing else about how the tools go together.
const INSTRUCTIONS: &str = "\
Hand work to coding agents on the owner's workstation. start_task(prompt, project) returns a task \
id at once; follow it with check_task(task_id, cursor, wait_seconds: 45), which answers as soon as \
something changes; when its state is completed, failed, cancelled or interrupted, call \
get_result(task_id), and get_diff(task_id) for the changes. Pass each answer's cursor to the next \
check_task. needs_input means that the agent waits for its owner, who answers at the workstation. \
list_projects names where work can be done. Every answer begins with `state=… task=… next=…`: next \
is the tool to call next.";

/// The server. A clone is one reference count: rmcp makes up to two per request.
#[derive(Clone, Debug)]
pub(super) struct GatewayServer {
    parts: Arc<McpParts>,
}

impl GatewayServer {
    pub(super) fn new(parts: McpParts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    async fn run(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = tools::find(&request.name) else {
            return Ok(tools::no_such_tool(&request.name).into());
        };
        let principal = context
            .extensions
            .get::<Parts>()
            .and_then(|parts| parts.extensions.get::<Arc<Principal>>())
            .cloned()
            .ok_or_else(|| ErrorData::internal_error("the call has no caller", None))?;
        let token = context.meta.get_progress_token();
        let patience = Patience {
            clock: self.parts.clock.clone(),
            cancelled: context.ct.clone(),
            draining: self.parts.draining.clone(),
            listener: token.map(|token| (context.peer.clone(), token)),
        };
        let arguments = request.arguments.unwrap_or_default();
        let call = Call {
            tasks: &*self.parts.tasks,
            now: self.parts.clock.now(),
            principal: &principal,
            patience: &patience,
        };
        let ran = AssertUnwindSafe(tool.call(call, &arguments)).catch_unwind().await;
        Ok(ran.unwrap_or_else(|_| self.internal_error(tool.name)).into())
    }

    fn internal_error(&self, tool: &str) -> rmcp::model::CallToolResult {
        let id = u64::from_be_bytes(self.parts.entropy.bytes());
        tracing::error!(tool, id = format!("{id:016x}"), "a tool panicked");
        tools::internal_error(id)
    }
}

impl ServerHandler for GatewayServer {
    fn get_info(&self) -> ServerConfig {
        static CONFIG: LazyLock<ServerConfig> = LazyLock::new(|| {
            let implementation = Implementation::new("gateway", env!("CARGO_PKG_VERSION"))
                .with_title("Gateway")
                .with_description("Agents on the owner's own workstation");
            ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
                .with_protocol_version(ProtocolVersion::LATEST)
                .with_server_info(implementation)
                .with_instructions(INSTRUCTIONS)
        });
        CONFIG.clone()
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(ProtocolVersion::KNOWN_VERSIONS)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::outline(name).cloned()
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::declarations().to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.run(request, context).await
    }

    // What is not declared does not exist: rmcp would answer these with empty lists.

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourceTemplatesRequestMethod>())
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }

    /// rmcp reads a known method with unfit params as an unknown one; say which it was.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method: String = request.method.chars().take(100).collect();
        match method.as_str() {
            "tools/call" => Err(ErrorData::invalid_params(
                "params of tools/call must be {\"name\": text, \"arguments\": object}",
                None,
            )),
            "tools/list" | "initialize" | "server/discover" | "ping" => {
                Err(ErrorData::invalid_params(
                    format!("the params of {method} have the wrong shape"),
                    None,
                ))
            }
            _ => Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None)),
        }
    }

    async fn on_initialized(&self, _: NotificationContext<RoleServer>) {
        tracing::debug!("a client finished its handshake");
    }
}
