//! The ways that honest parties go, for attackers to leave at any point.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway::gateway::admin::Call;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::{Answer, Ask, TestGateway};

/// Parameters to set, or to leave out.
pub(crate) type Changes<'a> = &'a [(&'a str, Option<&'a str>)];

// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const REDIRECT: &str = "http://localhost:4321/callback";

/// A client as its owner knows it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
}

impl Client {
    pub(crate) fn basic(&self) -> String {
        let secret = self.secret.as_deref().unwrap_or_default();
        format!("Basic {}", STANDARD.encode(format!("{}:{secret}", self.id)))
    }
}

/// What the terminal shows.
#[derive(Clone, Debug)]
pub(crate) struct Pairing {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) code: String,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let field = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        Self { access: field("access_token"), refresh: field("refresh_token") }
    }
}

impl TestGateway {
    pub(crate) async fn mint(&self, name: &str) -> Client {
        self.mint_as(name, &[], &[], false).await
    }

    pub(crate) async fn mint_public(&self, name: &str) -> Client {
        self.mint_as(name, &[], &[], true).await
    }

    pub(crate) async fn mint_as(
        &self,
        name: &str,
        scopes: &[&str],
        projects: &[&str],
        public: bool,
    ) -> Client {
        let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let minted = self
            .call(Call::MintClient {
                name: name.to_owned(),
                scopes: texts(scopes),
                projects: texts(projects),
                public,
                rotate: false,
            })
            .await;
        Client {
            id: minted["client_id"].as_str().unwrap().to_owned(),
            secret: minted["client_secret"].as_str().map(str::to_owned),
        }
    }

    /// `gateway mint-token` in the owner's terminal, for an hour.
    pub(crate) async fn mint_token(
        &self,
        name: &str,
        scopes: &[&str],
        projects: &[&str],
        anywhere: bool,
    ) -> String {
        let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let call = Call::MintToken {
            name: name.to_owned(),
            scopes: texts(scopes),
            projects: texts(projects),
            lifetime_secs: 3_600,
            anywhere,
        };
        self.call(call).await["token"].as_str().unwrap().to_owned()
    }

    /// `gateway pair` in the owner's terminal.
    pub(crate) async fn pairing(&self) -> Pairing {
        let shown = self.call(Call::Pair).await;
        let text = |name: &str| shown[name].as_str().unwrap().to_owned();
        let url = text("url");
        let token = url.split_once('#').unwrap().1.to_owned();
        Pairing { url, token, code: text("code") }
    }

    /// Pairs a device of the owner's and returns its cookie.
    pub(crate) async fn device(&self) -> String {
        let token = self.pairing().await.token;
        let answer = self.send(Ask::post("/pair").form(&[("token", &token)])).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.cookie()
    }

    /// The target of an ordinary authorization request.
    pub(crate) fn query(&self, client: &Client, changes: Changes<'_>) -> String {
        let resource = format!("{}/mcp", self.origin);
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", client.id.as_str()),
            ("redirect_uri", REDIRECT),
            ("state", "st/ate=1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("resource", resource.as_str()),
            ("scope", "observe files run"),
        ];
        change(&mut fields, changes);
        format!("/authorize?{}", Serializer::new(String::new()).extend_pairs(fields).finish())
    }

    pub(crate) async fn page(&self, client: &Client, changes: Changes<'_>) -> Answer {
        self.send(Ask::get(&self.query(client, changes))).await
    }

    pub(crate) async fn allow(&self, sealed: &str, code: &str) -> Answer {
        let fields = [("request", sealed), ("code", code), ("decision", "allow")];
        self.send(Ask::post("/authorize").form(&fields)).await
    }

    /// The owner allows a request that she began herself; an authorization code.
    pub(crate) async fn code_with(&self, client: &Client, changes: Changes<'_>) -> String {
        let page = self.page(client, changes).await;
        assert_eq!(page.status, 200, "{} {}", page.body, page.location());
        let typed = self.pairing().await.code;
        let answer = self.allow(&page.sealed(), &typed).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.sent("code").expect("a code")
    }

    pub(crate) async fn code(&self, client: &Client) -> String {
        self.code_with(client, &[]).await
    }

    pub(crate) async fn redeem_with(
        &self,
        client: &Client,
        code: &str,
        changes: Changes<'_>,
    ) -> Answer {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("client_id", client.id.as_str()),
        ];
        fields.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
        change(&mut fields, changes);
        self.send(Ask::post("/token").form(&fields)).await
    }

    pub(crate) async fn redeem(&self, client: &Client, code: &str) -> Answer {
        self.redeem_with(client, code, &[]).await
    }

    pub(crate) async fn sign_in(&self, client: &Client) -> Tokens {
        self.sign_in_with(client, &[]).await
    }

    pub(crate) async fn sign_in_with(&self, client: &Client, changes: Changes<'_>) -> Tokens {
        let code = self.code_with(client, changes).await;
        Tokens::of(&self.redeem(client, &code).await)
    }

    pub(crate) async fn refresh(&self, client: &Client, token: &str) -> Answer {
        let mut fields = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", client.id.as_str()),
        ];
        fields.extend(client.secret.as_deref().map(|secret| ("client_secret", secret)));
        self.send(Ask::post("/token").form(&fields)).await
    }

    /// A message of the protocol's newest revision.
    pub(crate) async fn rpc(&self, token: &str, method: &str, params: Value) -> Answer {
        self.send(modern(method, params).bearer(token)).await
    }

    pub(crate) async fn tool(&self, token: &str, name: &str, arguments: Value) -> Answer {
        self.rpc(token, "tools/call", json!({ "name": name, "arguments": arguments })).await
    }

    /// The status that a bearer meets at `/mcp`: 200 when it opens the door.
    pub(crate) async fn knock(&self, token: &str) -> u16 {
        self.rpc(token, "tools/list", json!({})).await.status
    }

    /// Opens a session of the older revisions.
    pub(crate) async fn session(&self, token: &str) -> String {
        let params = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": { "name": "t", "version": "1" },
        });
        let message =
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let answer = self.send(legacy(&message).bearer(token)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.header("mcp-session-id").to_owned()
    }

    /// The status of a request within a session.
    pub(crate) async fn in_session(&self, token: &str, session: &str) -> u16 {
        let message = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/list" });
        let ask = legacy(&message).bearer(token).header("mcp-session-id", session);
        self.send(ask).await.status
    }
}

fn change<'a>(fields: &mut Vec<(&'a str, &'a str)>, changes: Changes<'a>) {
    for (name, value) in changes {
        fields.retain(|(it, _)| it != name);
        fields.extend(value.map(|value| (*name, value)));
    }
}

/// A message of the newest revision, without a token.
pub(crate) fn modern(method: &str, mut params: Value) -> Ask {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    params["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({ "name": "t", "version": "1" });
    let name = params["name"].as_str().map(str::to_owned);
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut ask = Ask::post("/mcp")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", method)
        .json(&message);
    if let Some(name) = name {
        ask = ask.header("mcp-name", &name);
    }
    ask
}

/// A message of the revisions with sessions, without a token.
pub(crate) fn legacy(message: &Value) -> Ask {
    Ask::post("/mcp").header("accept", "application/json, text/event-stream").json(message)
}
