//! What a client does to sign in, step by step, each over HTTP as the real ones do it.
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use super::walk::{Step, Trouble};
use crate::clock::{Entropy, OsEntropy};
use crate::mcp::client::{Client, Era};
use crate::secret::Secret;
use crate::telemetry::root_cause;

/// How long one request may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// Where the browser would be sent; nobody listens there, and nobody follows.
const REDIRECT: &str = "http://127.0.0.1:9/callback";
/// The tools that a client needs for a task.
const NEEDED: [&str; 4] = ["start_task", "check_task", "get_result", "get_diff"];

/// How a client proves who it is at the token endpoint.
pub(super) struct Credentials {
    /// Its id.
    pub(super) client_id: String,
    /// Its secret; none for a public client.
    pub(super) secret: Option<Secret>,
}

/// A client on its way.
pub(super) struct Visitor {
    pub(super) http: reqwest::Client,
    base: String,
    credentials: Credentials,
    resource: String,
    issuer: String,
    authorize: String,
    token: String,
    revoke: String,
    access_token: String,
    refresh_token: String,
}

/// What a client asks with: no redirects, at most 30 s a request.
pub(super) fn http(user_agent: &str) -> reqwest::ClientBuilder {
    crate::gateway::install_crypto();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(user_agent)
        .timeout(REQUEST_LIMIT)
}

impl Visitor {
    /// Finds out how to sign in, from nothing but the connector's URL (RFC 9728, RFC 8414).
    ///
    /// `base` has no slash at its end; `http` follows no redirects.
    pub(super) async fn discover(
        http: reqwest::Client,
        base: &str,
        credentials: Credentials,
    ) -> Step<Self> {
        let base = base.to_owned();
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
        let visitor = Self {
            resource: text(&resource["resource"], "resource")?,
            authorize: text(&server["authorization_endpoint"], "authorization_endpoint")?,
            token: text(&server["token_endpoint"], "token_endpoint")?,
            revoke: text(&server["revocation_endpoint"], "revocation_endpoint")?,
            issuer,
            http,
            base,
            credentials,
            access_token: String::new(),
            refresh_token: String::new(),
        };
        Ok(("401, both metadata documents, PKCE".to_owned(), visitor))
    }

    /// The same way as another client, which has no secret.
    pub(super) fn with_client(self, client_id: String) -> Self {
        Self { credentials: Credentials { client_id, secret: None }, ..self }
    }

    /// Authorization code with PKCE (RFC 7636), the owner's consent with the code that `owner` tells,
    /// tokens.
    pub(super) async fn sign_in(
        &mut self,
        owner: impl Future<Output = Result<String, Trouble>>,
    ) -> Step<()> {
        let entropy: &dyn Entropy = &OsEntropy;
        let verifier = URL_SAFE_NO_PAD.encode(entropy.bytes::<32>());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let state = URL_SAFE_NO_PAD.encode(entropy.bytes::<16>());
        let query = [
            ("response_type", "code"),
            ("client_id", &self.credentials.client_id),
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
        let code = owner.await?;
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
        let tokens = json_of(what, self.prove(&self.token, form).send().await?).await?;
        let access = text(&tokens["access_token"], "access_token")?;
        Ok((access, text(&tokens["refresh_token"], "refresh_token")?))
    }

    /// A form with what proves the client (RFC 6749 §2.3.1).
    fn prove(&self, url: &str, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let id = self.credentials.client_id.as_str();
        match &self.credentials.secret {
            Some(secret) => {
                let basic = STANDARD.encode(format!("{id}:{}", secret.expose()));
                self.http.post(url).header("authorization", format!("Basic {basic}")).form(form)
            }
            None => self.http.post(url).form(&[form, &[("client_id", id)]].concat()),
        }
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

    /// A connection to the tools.
    pub(super) async fn connect(&self, era: Era) -> Result<Client, Trouble> {
        let url = format!("{}/mcp", self.base);
        Ok(Client::connect(self.http.clone(), &url, &self.access_token, era).await?)
    }

    /// Ends the grant (RFC 7009); the access token is worthless from then on.
    pub(super) async fn revoke(&self) -> Step<()> {
        let form = [("token", self.refresh_token.as_str())];
        expect("the revocation", &self.prove(&self.revoke, &form).send().await?, 200)?;
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

pub(super) fn text(value: &Value, name: &str) -> Result<String, Trouble> {
    let text = value.as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| Trouble::new(format!("the answer has no {name}")))
}

pub(super) fn expect(what: &str, response: &reqwest::Response, status: u16) -> Result<(), Trouble> {
    let found = response.status().as_u16();
    if found == status {
        return Ok(());
    }
    Err(Trouble::new(format!("{what} answers HTTP {found}, not {status}")))
}

pub(super) async fn json_of(what: &str, response: reqwest::Response) -> Result<Value, Trouble> {
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
