//! A client's whole way through a running gateway, as the owner follows it.
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Call, Gateway, setup};
use crate::clock::{Clock, ManualClock, SystemClock};

// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "http://localhost:4321/callback";

/// Where the client is, as the proxy in front says: who comes from this machine is nobody's neighbour.
const FROM: &str = "203.0.113.7";

struct Running {
    gateway: Gateway,
    clock: Arc<ManualClock>,
    http: reqwest::Client,
    url: String,
    _folder: TempDir,
}

impl Running {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let mut setup = setup(folder.path());
        setup.clock = clock.clone();
        setup.loaded.config.server.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        let gateway = Gateway::start(setup).await.unwrap();
        let url = gateway.status()["local_url"].as_str().unwrap().to_owned();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let from = [("x-forwarded-for".parse().unwrap(), FROM.parse().unwrap())];
        let http = http.no_proxy().default_headers(from.into_iter().collect()).build().unwrap();
        Self { gateway, clock, http, url, _folder: folder }
    }

    /// The steps after `cursor`, as soon as there are any: names and texts.
    async fn steps(&self, cursor: &mut Option<u64>) -> Vec<(String, String)> {
        let call = Call::Trace { after: *cursor, wait_secs: 60 };
        let page = self.gateway.owner().call(call).await.unwrap();
        *cursor = page["cursor"].as_u64();
        let steps = page["steps"].as_array().unwrap().iter();
        let text = |step: &Value, key: &str| step[key].as_str().unwrap().to_owned();
        steps.map(|step| (text(step, "step"), text(step, "text"))).collect()
    }

    async fn names(&self, cursor: &mut Option<u64>) -> Vec<String> {
        self.steps(cursor).await.into_iter().map(|(name, _)| name).collect()
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::Response {
        self.http.post(format!("{}{path}", self.url)).form(fields).send().await.unwrap()
    }

    /// Registers, asks, is allowed, and redeems its code; the access token.
    async fn sign_in(&self) -> String {
        let metadata = json!({ "client_name": "Codex", "redirect_uris": [REDIRECT] });
        let register = self.http.post(format!("{}/register", self.url)).json(&metadata);
        let client: Value = register.send().await.unwrap().json().await.unwrap();
        let id = client["client_id"].as_str().unwrap();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("response_type", "code"), ("client_id", id)])
            .extend_pairs([("redirect_uri", REDIRECT), ("code_challenge", CHALLENGE)])
            .extend_pairs([("code_challenge_method", "S256"), ("scope", "observe run")])
            .finish();
        let page = self.http.get(format!("{}/authorize?{query}", self.url));
        let page = page.send().await.unwrap().text().await.unwrap();
        let sealed = page.split_once("name=\"request\" value=\"").unwrap().1;
        let sealed = sealed.split_once('"').unwrap().0;
        let pairing = self.gateway.owner().call(Call::Pair).await.unwrap();
        let code = pairing["code"].as_str().unwrap();
        let fields = [("request", sealed), ("code", code), ("decision", "allow")];
        let answer = self.form("/authorize", &fields).await;
        let location: url::Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
        let code = location.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("client_id", id),
        ];
        let tokens: Value = self.form("/token", &fields).await.json().await.unwrap();
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    /// Posts a modern request to `path`; the status.
    async fn rpc(&self, path: &str, token: Option<&str>, method: &str) -> u16 {
        let params = json!({ "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        } });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
            .json(&message);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().status().as_u16()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clients_way_to_the_tools_is_followed_step_by_step() {
    let it = Running::start().await;
    let mut cursor = None;
    assert!(it.names(&mut cursor).await.is_empty(), "what was of late is told at once");
    assert_eq!(it.rpc("/mcp", None, "server/discover").await, 401);
    assert_eq!(it.names(&mut cursor).await, ["challenged"]);
    let token = it.sign_in().await;
    let names = it.names(&mut cursor).await;
    assert_eq!(names, ["registered", "consent_asked", "consent_allowed", "token_issued"]);
    assert_eq!(it.rpc("/mcp", Some(&token), "server/discover").await, 200);
    assert_eq!(it.names(&mut cursor).await, ["first_call"]);
    for _ in 0..3 {
        assert_eq!(it.rpc("/mcp", Some(&token), "tools/list").await, 200);
    }
    let steps = it.steps(&mut cursor).await;
    assert_eq!(steps, [("tools_listed".to_owned(), "listed 13 tools".to_owned())]);
    let status = it.gateway.status();
    let row = status["clients"][0]["row"].as_str().unwrap();
    assert_eq!(row, "registered → asked → allowed → token issued → called → listed 13 tools");
    assert_eq!(status["clients"][0]["last"]["name"], "Codex");
    it.gateway.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_beside_the_endpoint_is_told_of_after_a_minute() {
    let it = Running::start().await;
    let mut cursor = None;
    let token = it.sign_in().await;
    it.names(&mut cursor).await;
    assert_eq!(it.rpc("/", Some(&token), "server/discover").await, 404);
    assert_eq!(it.names(&mut cursor).await, ["call_refused"]);
    it.clock.advance(Duration::from_secs(60));
    let steps = it.steps(&mut cursor).await;
    assert_eq!(steps[0].0, "no_call");
    let cause = "likely cause, seen from its network: it asked at / instead of /mcp (404)";
    assert!(steps[0].1.ends_with(cause), "{steps:?}");
    let status = it.gateway.status();
    let hint = status["clients"][0]["last"]["hint"].as_str().unwrap();
    assert!(hint.contains("the connector's URL must end in /mcp"), "{hint}");
    it.gateway.shut_down().await;
}
