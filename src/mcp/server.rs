//! The protocol's server side: what is declared, and how a call reaches its tool.
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};

use futures::FutureExt;
use http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestMethod, CompleteRequestParams,
    CompleteResult, CustomRequest, CustomResult, ErrorCode, Implementation,
    ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams,
    ReadResourceResponse, ServerCapabilities, ServerConfig, SubscribeRequestParams,
    SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};

use super::endpoint::McpParts;
use super::patience::Patience;
use super::principal::Principal;
use super::resources;
use super::tools::{self, Call};
use super::watch::{Interest, Listener, SessionWatch, WATCHED_MAX, tell_changes};

/// Sent to clients as `instructions`; many models read nothing else about how the tools go together.
const INSTRUCTIONS: &str = "\
Hand work to coding agents on the owner's workstation. start_task(prompt, project) returns a task \
id at once; follow it with check_task(task_id, cursor, wait_seconds: 45), which answers as soon as \
something changes; when its state is completed, failed, cancelled or interrupted, call \
get_result(task_id), and get_diff(task_id) for the changes. Pass each answer's cursor to the next \
check_task. needs_input means that the agent asks something: check_task tells what and who may answer; \
ask the user, then use answer_task, or tell the user the owner's command. list_projects names where \
work can be done. Every answer begins with `state=… task=… next=…`: next is the tool to call next.";

/// The server. A clone is one reference count: rmcp makes up to two per request.
#[derive(Clone, Debug)]
pub(super) struct GatewayServer {
    parts: Arc<McpParts>,
    watch: SessionWatch,
}

impl GatewayServer {
    pub(super) fn new(parts: McpParts) -> Self {
        Self { parts: Arc::new(parts), watch: SessionWatch::default() }
    }

    async fn run(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = tools::find(&request.name) else {
            return Ok(tools::no_such_tool(&request.name).into());
        };
        let principal = caller_of(&context)?;
        let patience = self.patience(&context, &principal);
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

    fn patience<'a>(
        &'a self,
        context: &'a RequestContext<RoleServer>,
        principal: &'a Principal,
    ) -> Patience<'a> {
        let token = context.meta.get_progress_token();
        Patience {
            clock: &*self.parts.clock,
            cancelled: &context.ct,
            draining: &self.parts.draining,
            principal,
            auth: &*self.parts.auth,
            listener: token.map(|token| (context.peer.clone(), token)),
        }
    }

    fn internal_error(&self, tool: &str) -> rmcp::model::CallToolResult {
        let id = u64::from_be_bytes(self.parts.entropy.bytes());
        tracing::error!(tool, id = format!("{id:016x}"), "a tool panicked");
        tools::internal_error(id)
    }
}

fn caller_of(context: &RequestContext<RoleServer>) -> Result<Arc<Principal>, ErrorData> {
    let parts = context.extensions.get::<Parts>();
    let principal = parts.and_then(|parts| parts.extensions.get::<Arc<Principal>>());
    principal.cloned().ok_or_else(|| ErrorData::internal_error("the call has no caller", None))
}

/// Whether the peer speaks the revision without sessions.
fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|it| it >= ProtocolVersion::V_2026_07_28)
}

impl ServerHandler for GatewayServer {
    fn get_info(&self) -> ServerConfig {
        static CONFIG: LazyLock<ServerConfig> = LazyLock::new(|| {
            let implementation = Implementation::new("gateway", env!("CARGO_PKG_VERSION"))
                .with_title("Gateway")
                .with_description("Agents on the owner's own workstation");
            let capabilities = ServerCapabilities::builder()
                .enable_resources()
                .enable_resources_list_changed()
                .enable_resources_subscribe()
                .enable_tools()
                .build();
            ServerConfig::new(capabilities)
                .with_protocol_version(ProtocolVersion::LATEST)
                .with_server_info(implementation)
                .with_instructions(INSTRUCTIONS)
        });
        CONFIG.clone()
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(ProtocolVersion::KNOWN_VERSIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let declared = tools::declarations();
        caller_of(&context)?.trace.listed(declared.len());
        Ok(ListToolsResult::with_all_items(declared.to_vec()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.run(request, context).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let principal = caller_of(&context)?;
        let cursor = request.and_then(|request| request.cursor);
        let listed = resources::list(&*self.parts.tasks, &principal, cursor).await?;
        if !is_modern(&context) {
            // Who has seen the list is told when it is another.
            self.watch.change(&self.parts, &principal, &context.peer, |it| it.list = true);
        }
        Ok(listed)
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resources::templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let principal = caller_of(&context)?;
        let call = Call {
            tasks: &*self.parts.tasks,
            now: self.parts.clock.now(),
            principal: &principal,
            patience: &self.patience(&context, &principal),
        };
        let read = resources::read(call, &request.uri, is_modern(&context)).await?;
        Ok(read.into())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let not_found = || resources::not_found(&request.uri);
        let principal = caller_of(&context)?;
        let id = resources::id_of(&request.uri).ok_or_else(not_found)?;
        let seen = resources::visible(&*self.parts.tasks, &principal, &id).await;
        seen.map_err(resources::unavailable)?.ok_or_else(not_found)?;
        let within = self.watch.change(&self.parts, &principal, &context.peer, |it| {
            let within = it.tasks.len() < WATCHED_MAX || it.tasks.contains(&id);
            if within {
                it.tasks.insert(id);
            }
            within
        });
        if within {
            return Ok(());
        }
        let message =
            format!("a session watches at most {WATCHED_MAX} tasks: unsubscribe from one");
        Err(ErrorData::invalid_params(message, None))
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let principal = caller_of(&context)?;
        if let Some(id) = resources::id_of(&request.uri) {
            let forget = |it: &mut Interest| it.tasks.remove(&id);
            self.watch.change(&self.parts, &principal, &context.peer, forget);
        }
        Ok(())
    }

    /// Names of tasks only, and no more than one client may watch.
    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let mut accepted = requested.clone();
        if let Some(uris) = &mut accepted.resource_subscriptions {
            uris.retain(|uri| resources::id_of(uri).is_some());
            uris.truncate(WATCHED_MAX);
        }
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let request = context.request_context();
        let principal = caller_of(request)?;
        let accepted = context.accepted();
        let uris = accepted.resource_subscriptions.iter().flatten();
        let interest = Interest {
            tasks: uris.filter_map(|uri| resources::id_of(uri)).collect(),
            list: accepted.resources_list_changed == Some(true),
        };
        let listener = Listener::Subscription(context.sink().clone());
        let (parts, interest) = (self.parts.clone(), Arc::new(interest.into()));
        // Boxed: rmcp makes room for the largest of these futures at every request.
        Box::pin(tell_changes(parts, principal, interest, listener, request.ct.clone())).await;
        Ok(())
    }

    // What is not declared does not exist: rmcp would answer these with empty lists.

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
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
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method: String = request.method.chars().take(100).collect();
        let is_gone = is_modern(&context) && matches!(method.as_str(), "initialize" | "ping");
        match method.as_str() {
            _ if is_gone => Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None)),
            "tools/call" => Err(ErrorData::invalid_params(
                "params of tools/call must be {\"name\": text, \"arguments\": object}",
                None,
            )),
            "tools/list"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
            | "subscriptions/listen"
            | "initialize"
            | "server/discover"
            | "ping" => Err(ErrorData::invalid_params(
                format!("the params of {method} have the wrong shape"),
                None,
            )),
            _ => Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None)),
        }
    }

    async fn on_initialized(&self, _: NotificationContext<RoleServer>) {
        tracing::debug!("a client finished its handshake");
    }
}
