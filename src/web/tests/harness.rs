use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt as _;
use url::form_urlencoded::Serializer;

use super::requests::PaperRequests;
use crate::auth::document::tests::PaperNetwork;
use crate::auth::{
    AuthSettings, AuthorizationServer, AuthorizedRequest, Challenge, Minted, NewClient,
};
use crate::clock::{ManualClock, SeededEntropy, Timestamp};
use crate::http::{Ingress, IngressKind, Origin};
use crate::model::Scopes;
use crate::store::Store;
use crate::web::{Pages, router};

/// Parameters to set, or to leave out.
pub(super) type Changes<'a> = &'a [(&'a str, Option<&'a str>)];

// RFC 7636, appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const REDIRECT: &str = "http://localhost:4321/callback";

pub(super) struct TestGateway {
    pub(super) server: AuthorizationServer,
    pub(super) clock: Arc<ManualClock>,
    pub(super) store: Store,
    pub(super) origin: Origin,
    pub(super) address: Option<IpAddr>,
    /// The network that documents are fetched from.
    pub(super) network: Arc<PaperNetwork>,
    /// What agents ask.
    pub(super) requests: Arc<PaperRequests>,
    router: Router,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub(super) fn error(&self) -> String {
        self.json()["error"].as_str().expect("an error code").to_owned()
    }

    pub(super) fn header(&self, name: impl http::header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn location(&self) -> &str {
        self.header(header::LOCATION)
    }

    /// A parameter of the address that the browser is sent to.
    pub(super) fn sent(&self, name: &str) -> Option<String> {
        let query = self.location().split_once('?')?.1;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(it, _)| it == name).map(|(_, value)| value.into_owned())
    }

    /// The hidden field of the consent form.
    pub(super) fn sealed(&self) -> String {
        let rest = self.body.split_once("name=\"request\" value=\"").expect("a form").1;
        rest.split_once('"').unwrap().0.to_owned()
    }

    pub(super) fn cookie(&self) -> String {
        self.header(header::SET_COOKIE).split(';').next().unwrap().to_owned()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
}

impl Tokens {
    pub(super) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        let field = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
        Self { access: field("access_token"), refresh: field("refresh_token") }
    }
}

impl TestGateway {
    pub(super) fn start() -> Self {
        Self::with(AuthSettings::default())
    }

    pub(super) fn with(settings: AuthSettings) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_795_153_266_120)));
        let store = Store::in_memory(clock.clone()).unwrap();
        Self::on(store, clock, settings)
    }

    /// A gateway on a store that another one used before: what a restart leaves.
    pub(super) fn on(store: Store, clock: Arc<ManualClock>, settings: AuthSettings) -> Self {
        let network = Arc::<PaperNetwork>::default();
        let entropy = Arc::new(SeededEntropy::new(store_seed(&store)));
        let server = AuthorizationServer::with_fetcher(
            store.clone(),
            clock.clone(),
            entropy,
            settings,
            network.clone(),
        )
        .unwrap();
        let secrets: crate::web::SecretHook = Arc::new(|_| {
            Box::pin(async { Some(crate::auth::OpaqueToken::new("secret-from-the-vault")) })
        });
        let requests = Arc::<PaperRequests>::default();
        let router = router(Pages { server: server.clone(), secrets, requests: requests.clone() });
        let origin = Origin::new("https", "h.example");
        let address = Some("203.0.113.7".parse().unwrap());
        Self { server, clock, store, origin, address, network, requests, router }
    }

    pub(super) fn restart(&self) -> Self {
        Self::on(self.store.clone(), self.clock.clone(), AuthSettings::default())
    }

    pub(super) fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    pub(super) async fn mint(&self) -> Minted {
        self.mint_as(Scopes::all(), false).await
    }

    pub(super) async fn mint_as(&self, scopes: Scopes, public: bool) -> Minted {
        let name = "Claude".to_owned();
        let new = NewClient { name, scopes, projects: Vec::new(), public };
        self.server.mint(new).await.unwrap()
    }

    pub(super) async fn send(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(self.ingress());
        request.extensions_mut().insert(self.origin.clone());
        read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(super) async fn get_with_cookie(&self, path: &str, cookie: &str) -> Answer {
        let request = Request::get(path).header(header::COOKIE, cookie);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_with(path, fields, &[]).await
    }

    pub(super) async fn post_with(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    pub(super) async fn register(&self, metadata: &Value) -> Answer {
        self.register_text(&metadata.to_string()).await
    }

    pub(super) async fn register_text(&self, body: &str) -> Answer {
        let request = Request::post("/register").header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// The query of an ordinary authorization request.
    pub(super) fn query(&self, client_id: &str, changes: Changes<'_>) -> String {
        let resource = self.origin.url("/mcp");
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", REDIRECT),
            ("state", "st/ate=1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("resource", resource.as_str()),
            ("scope", "observe files run"),
        ];
        for (name, value) in changes {
            fields.retain(|(it, _)| it != name);
            fields.extend(value.map(|value| (*name, value)));
        }
        format!("/authorize?{}", Serializer::new(String::new()).extend_pairs(fields).finish())
    }

    pub(super) async fn authorize(&self, client: &Minted) -> Answer {
        self.get(&self.query(client.client.id.as_str(), &[])).await
    }

    /// Opens the consent page and allows it with the code of the terminal.
    pub(super) async fn consent(&self, client: &Minted) -> Answer {
        let page = self.authorize(client).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let code = self.server.pairings().open().code;
        self.allow(&page.sealed(), &code).await
    }

    pub(super) async fn allow(&self, sealed: &str, code: &str) -> Answer {
        let fields = [("request", sealed), ("code", code), ("decision", "allow")];
        self.post("/authorize", &fields).await
    }

    pub(super) async fn code(&self, client: &Minted) -> String {
        let answer = self.consent(client).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        answer.sent("code").expect("a code")
    }

    pub(super) async fn redeem_with(
        &self,
        client: &Minted,
        code: &str,
        changes: Changes<'_>,
    ) -> Answer {
        let secret = client.secret.as_ref().map(|it| it.expose().to_owned()).unwrap_or_default();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("client_id", client.client.id.as_str()),
            ("client_secret", &secret),
        ];
        for (name, value) in changes {
            fields.retain(|(it, _)| it != name);
            fields.extend(value.map(|value| (*name, value)));
        }
        self.post("/token", &fields).await
    }

    pub(super) async fn redeem(&self, client: &Minted, code: &str) -> Answer {
        self.redeem_with(client, code, &[]).await
    }

    pub(super) async fn sign_in(&self, client: &Minted) -> Tokens {
        let code = self.code(client).await;
        Tokens::of(&self.redeem(client, &code).await)
    }

    pub(super) async fn refresh(&self, client: &Minted, refresh_token: &str) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.post_with("/token", &fields, &[("authorization", &basic(client))]).await
    }

    pub(super) fn check(&self, access: &str) -> Result<Arc<AuthorizedRequest>, Challenge> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {access}").parse().unwrap());
        self.server.check_bearer(&headers, &self.origin, self.ingress())
    }

    pub(super) fn ingress(&self) -> Ingress {
        let kind = if self.origin.is_https() { IngressKind::Tunnel } else { IngressKind::Local };
        Ingress { kind, client: self.address }
    }

    /// Pairs a device and returns its cookie.
    pub(super) async fn pair(&self) -> String {
        let token = self.server.pairings().open().url_fragment;
        let answer = self.post("/pair", &[("token", &token)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.cookie()
    }
}

/// Another stream of randomness for each gateway on one store.
fn store_seed(store: &Store) -> u64 {
    1 + store.read(|tx| tx.count("clients")).unwrap()
}

pub(super) async fn read(response: axum::response::Response) -> Answer {
    let (parts, body) = response.into_response().into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(super) fn basic(client: &Minted) -> String {
    let secret = client.secret.as_ref().map_or("", |secret| secret.expose());
    format!("Basic {}", STANDARD.encode(format!("{}:{secret}", client.client.id)))
}

impl TestGateway {
    pub(super) fn clock_now(&self) -> Timestamp {
        use crate::clock::Clock as _;
        self.clock.now()
    }
}
