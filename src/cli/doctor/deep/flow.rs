//! What a client does, step by step, each over HTTP as the real ones do it.
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::stage::{PROJECT, Stage, git};
use crate::cli::doctor::machine::root_cause;
use crate::cli::standin::{ANSWER, CONTENT, FILE};
use crate::clock::{Entropy, OsEntropy};
use crate::mcp::client::{Client, ClientError, Era, ToolAnswer};

/// How long one request may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// How often a task is asked for, each time waiting for news.
const CHECKS_MAX: usize = 30;
/// Where the browser would be sent; nobody listens there, and nobody follows.
const REDIRECT: &str = "http://127.0.0.1:9/callback";
/// The tools that a client needs for a task.
const NEEDED: [&str; 4] = ["start_task", "check_task", "get_result", "get_diff"];

/// Why a step failed.
#[derive(Debug)]
pub(super) struct Trouble {
    /// The cause.
    pub(super) cause: String,
    /// The cure, where there is more to say than of every step.
    pub(super) fix: Option<String>,
}

impl Trouble {
    pub(super) fn new(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), fix: None }
    }

    pub(super) fn with_fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("the temporary folder: {error}"))
            .with_fix("gateway doctor --only disk; or set TMPDIR to a folder that you may write")
    }
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        Self::new(root_cause(&error))
    }
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        Self::new(error.to_string())
    }
}

/// What a step comes to: a line about it, and what the next one needs.
type Step<T> = Result<(String, T), Trouble>;

/// A client on its way.
pub(super) struct Flow {
    http: reqwest::Client,
    base: String,
    resource: String,
    issuer: String,
    authorize: String,
    token: String,
    revoke: String,
    /// The header that proves the client (RFC 6749 §2.3.1).
    basic: String,
    access_token: String,
    refresh_token: String,
}

impl Flow {
    /// Finds out how to sign in, from nothing but the connector's URL (RFC 9728, RFC 8414).
    pub(super) async fn discover(stage: &Stage) -> Step<Self> {
        crate::gateway::install_crypto();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(REQUEST_LIMIT)
            .build()?;
        let base = stage.base.clone();
        let challenge = http.post(format!("{base}/mcp")).json(&json!({})).send().await?;
        expect("POST /mcp without a token", &challenge, 401)?;
        let header = challenge.headers().get("www-authenticate");
        let header = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let metadata = header
            .split_once("resource_metadata=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(url, _)| url.to_owned())
            .ok_or_else(|| Trouble::new("the 401 does not name its metadata"))?;
        let resource =
            json_of("the resource's metadata", http.get(&metadata).send().await?).await?;
        let issuer = text(&resource["authorization_servers"][0], "authorization_servers")?;
        let at = format!("{issuer}/.well-known/oauth-authorization-server");
        let server = json_of("the server's metadata", http.get(&at).send().await?).await?;
        if server["issuer"] != issuer.as_str() {
            return Err(Trouble::new(format!("{at} names another issuer: {}", server["issuer"])));
        }
        let methods = server["code_challenge_methods_supported"].as_array();
        if !methods.is_some_and(|methods| methods.iter().any(|method| method == "S256")) {
            return Err(Trouble::new("the server's metadata does not offer PKCE with S256"));
        }
        let secret = stage.client_secret.expose();
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", stage.client_id)));
        let flow = Self {
            resource: text(&resource["resource"], "resource")?,
            authorize: text(&server["authorization_endpoint"], "authorization_endpoint")?,
            token: text(&server["token_endpoint"], "token_endpoint")?,
            revoke: text(&server["revocation_endpoint"], "revocation_endpoint")?,
            issuer,
            http,
            base,
            basic,
            access_token: String::new(),
            refresh_token: String::new(),
        };
        Ok(("401, both metadata documents, PKCE".to_owned(), flow))
    }

    /// Authorization code with PKCE (RFC 7636), the owner's consent, tokens.
    pub(super) async fn sign_in(&mut self, stage: &Stage) -> Step<()> {
        let entropy: &dyn Entropy = &OsEntropy;
        let verifier = URL_SAFE_NO_PAD.encode(entropy.bytes::<32>());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let state = URL_SAFE_NO_PAD.encode(entropy.bytes::<16>());
        let query = [
            ("response_type", "code"),
            ("client_id", &stage.client_id),
            ("redirect_uri", REDIRECT),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("resource", &self.resource),
            ("scope", "observe files run offline_access"),
        ];
        let url = Url::parse_with_params(&self.authorize, query)
            .map_err(|error| Trouble::new(format!("authorization_endpoint: {error}")))?;
        let page = self.http.get(url).send().await?;
        expect("the consent page", &page, 200)?;
        let sealed = hidden_field(&page.text().await?)
            .ok_or_else(|| Trouble::new("the consent page has no form"))?;
        let code = stage.consent_code().await?;
        let form = [("request", sealed.as_str()), ("code", &code), ("decision", "allow")];
        let allowed = self.http.post(&self.authorize).form(&form).send().await?;
        expect("the consent", &allowed, 303)?;
        let location = allowed.headers().get("location").and_then(|value| value.to_str().ok());
        let code = self.code_in(location.unwrap_or_default(), &state)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", &verifier),
            ("resource", &self.resource),
        ];
        (self.access_token, self.refresh_token) = self.tokens("the token request", &form).await?;
        Ok(("authorization code, consent with the terminal's code, tokens".to_owned(), ()))
    }

    /// The code that the browser would bring back.
    fn code_in(&self, location: &str, state: &str) -> Result<String, Trouble> {
        let url = Url::parse(location)
            .map_err(|_| Trouble::new("the consent does not lead back to the client"))?;
        let get = |name: &str| {
            url.query_pairs().find(|(it, _)| it == name).map(|(_, value)| value.into_owned())
        };
        if !location.starts_with(REDIRECT) || get("state").as_deref() != Some(state) {
            return Err(Trouble::new(
                "the consent does not lead back to the client with its state",
            ));
        }
        if get("iss").as_deref() != Some(&self.issuer) {
            return Err(Trouble::new("the answer does not name its issuer (RFC 9207)"));
        }
        get("code").ok_or_else(|| {
            let error = get("error").unwrap_or_else(|| "no code".to_owned());
            Trouble::new(format!("the consent answers {error}"))
        })
    }

    /// Access and refresh token.
    async fn tokens(&self, what: &str, form: &[(&str, &str)]) -> Result<(String, String), Trouble> {
        let request = self.http.post(&self.token).header("authorization", &self.basic).form(form);
        let tokens = json_of(what, request.send().await?).await?;
        let access = text(&tokens["access_token"], "access_token")?;
        Ok((access, text(&tokens["refresh_token"], "refresh_token")?))
    }

    /// New tokens for old ones (RFC 6749 §6).
    pub(super) async fn refresh(&mut self) -> Step<()> {
        let old = std::mem::take(&mut self.refresh_token);
        let form = [("grant_type", "refresh_token"), ("refresh_token", old.as_str())];
        (self.access_token, self.refresh_token) = self.tokens("the refresh", &form).await?;
        if self.refresh_token == old {
            return Err(Trouble::new("the refresh token was not rotated"));
        }
        Ok(("the refresh token was rotated".to_owned(), ()))
    }

    /// The tools, in both eras of the protocol.
    pub(super) async fn tools(&self) -> Step<()> {
        let mut counts = Vec::new();
        for era in [Era::Legacy, Era::Modern] {
            let client = self.connect(era).await?;
            let tools = client.tools().await;
            client.close().await;
            let tools = tools?;
            if let Some(missing) = NEEDED.iter().find(|name| !tools.iter().any(|it| it == *name)) {
                return Err(Trouble::new(format!("there is no tool {missing}")));
            }
            counts.push(tools.len());
        }
        Ok((format!("{} tools, in both eras of MCP", counts[0]), ()))
    }

    async fn connect(&self, era: Era) -> Result<Client, Trouble> {
        let url = format!("{}/mcp", self.base);
        Ok(Client::connect(self.http.clone(), &url, &self.access_token, era).await?)
    }

    /// A task from start to end; its id.
    pub(super) async fn task(&self) -> Step<String> {
        let client = self.connect(Era::Modern).await?;
        let done = run_task(&client).await;
        client.close().await;
        done
    }

    /// The change that came back, and that the project itself is as it was.
    pub(super) async fn diff(&self, stage: &Stage, task: &str) -> Step<()> {
        let client = self.connect(Era::Modern).await?;
        let answer = call(&client, "get_diff", json!({ "task_id": task })).await;
        client.close().await;
        let answer = answer?;
        let shown = format!("{}{}", answer.text, answer.structured.unwrap_or_default());
        if !shown.contains(FILE) || !shown.contains(CONTENT.trim_end()) {
            return Err(Trouble::new(format!("the diff does not show {FILE}")));
        }
        if stage.project.join(FILE).exists() {
            return Err(Trouble::new("the task wrote into the project's own folder"));
        }
        let path = &stage.path;
        let branches = git(&stage.project, path, &["branch", "--list", "gateway/*"]).await?;
        let clean = git(&stage.project, path, &["status", "--porcelain"]).await?.is_empty();
        match (branches.lines().count(), clean) {
            (1, true) => Ok(("on a branch of its own; the project is as it was".to_owned(), ())),
            (_, false) => Err(Trouble::new("the project's folder was changed")),
            (n, true) => {
                Err(Trouble::new(format!("the project has {n} branches of the task, not 1")))
            }
        }
    }

    /// Ends the grant (RFC 7009); the access token is worthless from then on.
    pub(super) async fn revoke(&self) -> Step<()> {
        let form = [("token", self.refresh_token.as_str())];
        let request = self.http.post(&self.revoke).header("authorization", &self.basic).form(&form);
        expect("the revocation", &request.send().await?, 200)?;
        let after = self
            .http
            .post(format!("{}/mcp", self.base))
            .bearer_auth(&self.access_token)
            .json(&json!({}))
            .send()
            .await?;
        expect("POST /mcp with a revoked token", &after, 401)?;
        Ok(("revoked tokens are refused".to_owned(), ()))
    }
}

async fn run_task(client: &Client) -> Step<String> {
    let started = call(
        client,
        "start_task",
        json!({ "prompt": "write one file", "project": PROJECT, "timeout_minutes": 1 }),
    )
    .await?;
    let mut state = structured(&started)?;
    let id = text(&state["task_id"], "task_id")?;
    for _ in 0..CHECKS_MAX {
        match state["state"].as_str().unwrap_or_default() {
            "completed" => break,
            "queued" | "running" => {}
            other => return Err(ended(client, &id, other).await),
        }
        let arguments = json!({ "task_id": id, "cursor": state["cursor"], "wait_seconds": 20 });
        state = structured(&call(client, "check_task", arguments).await?)?;
    }
    let result = call(client, "get_result", json!({ "task_id": id })).await?;
    if !result.text.contains(ANSWER) {
        return Err(Trouble::new(format!(
            "the result is not the agent's answer: {}",
            start_of(&result.text)
        )));
    }
    Ok(("started, watched to its end, answered".to_owned(), id))
}

/// A task that ended otherwise tells why in its result.
async fn ended(client: &Client, id: &str, state: &str) -> Trouble {
    let told = call(client, "get_result", json!({ "task_id": id })).await;
    let told = told.map_or_else(|trouble| trouble.cause, |answer| start_of(&answer.text));
    Trouble::new(format!("the task is {state}: {told}")).with_fix(
        "if the temporary folder forbids programs (`findmnt -T /tmp` says noexec), run it elsewhere: \
         TMPDIR=$HOME gateway doctor --deep; else report these lines",
    )
}

/// The beginning of a tool's text in one line.
fn start_of(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    flat.chars().take(300).collect()
}

async fn call(client: &Client, tool: &str, arguments: Value) -> Result<ToolAnswer, Trouble> {
    let arguments = match arguments {
        Value::Object(arguments) => arguments,
        _ => Map::new(),
    };
    let answer = client.call(tool, arguments).await?;
    if answer.is_error {
        return Err(Trouble::new(format!("{tool}: {}", start_of(&answer.text))));
    }
    Ok(answer)
}

fn structured(answer: &ToolAnswer) -> Result<Value, Trouble> {
    answer
        .structured
        .clone()
        .ok_or_else(|| Trouble::new("a tool's answer has no structured content"))
}

fn text(value: &Value, name: &str) -> Result<String, Trouble> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| Trouble::new(format!("the answer has no {name}")))
}

fn expect(what: &str, response: &reqwest::Response, status: u16) -> Result<(), Trouble> {
    let found = response.status().as_u16();
    if found == status {
        return Ok(());
    }
    Err(Trouble::new(format!("{what} answers HTTP {found}, not {status}")))
}

async fn json_of(what: &str, response: reqwest::Response) -> Result<Value, Trouble> {
    expect(what, &response, 200)?;
    response.json().await.map_err(|error| Trouble::new(format!("{what}: {}", root_cause(&error))))
}

/// The sealed request in the consent page's form.
fn hidden_field(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("name=\"request\" value=\"")?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_the_consent_page_is_found() {
        let page =
            r#"<form><input type="hidden" name="request" value="abc-_1"><input name="code">"#;
        assert_eq!(hidden_field(page).as_deref(), Some("abc-_1"));
        assert_eq!(hidden_field("<p>no</p>"), None);
    }
}
