//! The owner's consent: the page that asks for it, and what its answer leads to.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;

use super::asking::approve;
use super::authorize::{
    PageError, QUERY_BYTES_MAX, RedirectError, Refusal, client_id, code_redirect, error_redirect,
    judge,
};
use super::brake::Source;
use super::callback;
use super::digest::digest;
use super::document::Location;
use super::ledger::{Known, Presence};
use super::pairing::normalize;
use super::params::Params;
use super::redirect::RedirectUri;
use super::resource::audience;
use super::seal::{SealError, SealedRequest};
use super::server::AuthorizationServer;
use crate::clock::Timestamp;
use crate::http::{Ingress, IngressKind, Origin};
use crate::model::{AuthorizationCode, Client, Device, FamilyId, Registration, Scope};
use crate::trace::{Party, Step, Who, Words};

/// How long an authorization code lasts (RFC 6749 §4.1.2 allows ten minutes).
const CODE_LIFETIME: std::time::Duration = std::time::Duration::from_secs(60);

/// Everything that the consent page shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConsentPage {
    /// The owner's name for the client, or what it calls itself.
    pub client_name: String,
    /// Who says so.
    pub known_by: KnownBy,
    /// Whether the owner has never allowed it before.
    pub first_time: bool,
    /// Where the answer will go: scheme and host.
    pub redirect_host: String,
    /// Whether that is a program on the machine of this browser.
    pub loopback: bool,
    /// What is asked for.
    pub scopes: Vec<Scope>,
    /// When the request began.
    pub began_at: Timestamp,
    /// From where, in words.
    pub from: String,
    /// Whether the code of the terminal is needed, or the device speaks for its owner.
    pub needs_code: bool,
    /// What was wrong with the last answer.
    pub problem: Option<ConsentProblem>,
    /// The request itself, for the form's hidden field `request`.
    pub sealed: String,
}

/// Who says what a client is called, and where its answers go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KnownBy {
    /// The owner, who made it.
    Owner,
    /// The document at a host.
    Document {
        /// The host.
        host: String,
        /// Whether that document is one of those that are built in.
        built_in: bool,
    },
    /// Only the client itself.
    Itself,
}

/// What was wrong with an answer, so that the page asks again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConsentProblem {
    /// Neither allow nor deny.
    NoDecision,
    /// The code is wrong; so many tries are left.
    WrongCode {
        /// Tries left for this request.
        left: u8,
    },
    /// No code was typed.
    NoCode,
    /// Too many wrong codes of late, from this address or by this way in.
    TooFast {
        /// Whole seconds until the next try.
        wait_secs: u64,
    },
}

/// What an answered consent page leads to.
#[derive(Clone, Debug)]
pub enum ConsentOutcome {
    /// The browser goes back to the client, with a code or a refusal.
    Redirect(String),
    /// The page is shown again.
    AskAgain(Box<ConsentPage>),
    /// The request has ended here.
    Refused(PageError),
}

impl From<PageError> for ConsentOutcome {
    fn from(error: PageError) -> Self {
        Self::Refused(error)
    }
}

impl AuthorizationServer {
    /// Judges an authorization request and makes the page that asks the owner. Stores nothing, so
    /// the same link can be opened any number of times.
    ///
    /// # Errors
    ///
    /// How it is refused.
    pub async fn authorize(
        &self,
        query: &[u8],
        origin: &Origin,
        ingress: Ingress,
        headers: &HeaderMap,
    ) -> Result<ConsentPage, Refusal> {
        let refused = |party, refusal: Refusal| {
            let why = Words::of(&refusal.to_string());
            self.trace().note(party, Step::AuthorizationRefused { why });
            refusal
        };
        let (params, client) = self
            .asker(query, ingress)
            .await
            .map_err(|error| refused(Party::Stranger, error.into()))?;
        let page = self.page_for(&params, &client, origin, ingress, headers);
        page.map_err(|refusal| refused(Party::Claimed(Who::of(&client)), refusal))
    }

    async fn asker(&self, query: &[u8], ingress: Ingress) -> Result<(Params, Client), PageError> {
        if query.len() > QUERY_BYTES_MAX {
            return Err(PageError::Malformed("it is longer than 8 KiB".into()));
        }
        let params = Params::parse(query)?;
        let client = self.client_that_asks(&client_id(&params)?, ingress).await?;
        Ok((params, client))
    }

    fn page_for(
        &self,
        params: &Params,
        client: &Client,
        origin: &Origin,
        ingress: Ingress,
        headers: &HeaderMap,
    ) -> Result<ConsentPage, Refusal> {
        let request = judge(params, client, &self.settings(), origin)?;
        let device = self.device_of(headers, origin)?;
        self.note_asked(client, &request.redirect_uri, device.is_some());
        let sealed = SealedRequest {
            id: URL_SAFE_NO_PAD.encode(self.entropy().bytes::<16>()),
            client_id: client.id.clone(),
            redirect_uri: request.redirect_uri.as_str().to_owned(),
            state: request.state.map(|state| URL_SAFE_NO_PAD.encode(state)),
            scopes: request.scopes,
            code_challenge: request.code_challenge.as_str().to_owned(),
            origin: origin.as_str().to_owned(),
            device_id: device.map(|device| device.id),
            needs_code: true,
            began_at: self.now(),
            from: describe(ingress),
        };
        Ok(self.page(sealed, client, &request.redirect_uri, None))
    }

    fn note_asked(&self, client: &Client, redirect_uri: &RedirectUri, by_device: bool) {
        let party = self.party(client, by_device);
        if client.registration == Registration::Document {
            self.trace().note(party.clone(), Step::DocumentRead);
        }
        let host = Words::of(redirect_uri.host());
        self.trace().note(party, Step::ConsentAsked { host });
    }

    /// Whose step it is. A paired device may have followed a stranger's link: it speaks for the owner
    /// only where he has allowed the client before.
    fn party(&self, client: &Client, by_device: bool) -> Party {
        let of_owners = by_device && client.is_approved(self.now());
        let party = if of_owners { Party::Owners } else { Party::Claimed };
        party(Who::of(client))
    }

    /// Whether the tap of a paired device speaks for the owner: for a client that he made or allowed
    /// before, and for a new one while he has just been at the terminal. A stranger's client must not
    /// get in by one careless tap.
    fn one_tap_suffices(&self, client: &Client) -> bool {
        client.is_approved(self.now()) || self.pairings().is_window_open()
    }

    /// Decides by the owner's answer. A code is made, and stored, only after the owner was present.
    pub async fn consent(
        &self,
        form: &[u8],
        origin: &Origin,
        ingress: Ingress,
        headers: &HeaderMap,
    ) -> ConsentOutcome {
        if !comes_from_us(headers, origin) {
            return PageError::CrossSite.into();
        }
        match self.answer(form, origin, ingress, headers).await {
            Ok(outcome) => outcome,
            Err(error) => {
                let why = Words::of(&error.to_string());
                self.trace().note(Party::Stranger, Step::AuthorizationRefused { why });
                error.into()
            }
        }
    }

    async fn answer(
        &self,
        form: &[u8],
        origin: &Origin,
        ingress: Ingress,
        headers: &HeaderMap,
    ) -> Result<ConsentOutcome, PageError> {
        let params = Params::parse(form)?;
        let sealed = params.text("request")?.ok_or(PageError::Stale)?;
        let request = self.sealing_key().open(sealed, self.now()).map_err(|error| match error {
            SealError::Expired => PageError::Expired,
            SealError::Forged => PageError::Stale,
        })?;
        if request.origin != origin.as_str() {
            return Err(PageError::Stale);
        }
        let client = self.client_that_asked(&request.client_id)?;
        let redirect_uri = callback::accept(&request.redirect_uri, &client, &self.settings())
            .ok_or(PageError::Stale)?;
        let ask_again = |problem| {
            let page = self.page(request.clone(), &client, &redirect_uri, Some(problem));
            Ok(ConsentOutcome::AskAgain(Box::new(page)))
        };
        match params.text("decision")? {
            Some("allow") => {}
            Some("deny") => {
                let _turn = self.consent_turn().await;
                if !self.ledger().deny(&request.id, self.now()) {
                    return Err(PageError::Answered);
                }
                // Only the device that opened such a page has it.
                let by_device = request.device_id.is_some();
                self.trace().note(self.party(&client, by_device), Step::ConsentDenied);
                let error = RedirectError::access_denied();
                let state = state_of(&request)?;
                let location = error_redirect(&redirect_uri, &error, state.as_deref(), origin);
                return Ok(ConsentOutcome::Redirect(location));
            }
            _ => return ask_again(ConsentProblem::NoDecision),
        }
        let typed = params.text("code")?;
        // A code that the page asked for counts even if one tap has come to be enough meanwhile: the
        // second tap of two must be taken for the same answer.
        let by_code = match (&request.device_id, typed) {
            (None, _) => true,
            (Some(_), Some(_)) if request.needs_code => true,
            (Some(_), _) => !self.one_tap_suffices(&client),
        };
        let presence = match (by_code, typed) {
            (false, _) => Presence::Device,
            (true, Some(typed)) => Presence::Code(digest(&normalize(typed).unwrap_or_default())),
            (true, None) => return ask_again(ConsentProblem::NoCode),
        };
        let _turn = self.consent_turn().await;
        // The cookie comes first: not even an answer given before is told without it.
        let device = match &request.device_id {
            Some(id) => {
                let device = self.device_of(headers, origin)?.filter(|device| device.id == *id);
                Some(device.ok_or(PageError::DeviceGone)?)
            }
            None => None,
        };
        match self.ledger().look_up(&request.id, presence, self.now()) {
            Known::Open => {}
            Known::Ended => return Err(PageError::WrongCodes),
            Known::Answered => return Err(PageError::Answered),
            Known::Denied => return Err(PageError::Denied),
            Known::SameAnswer(location) => {
                return Ok(ConsentOutcome::Redirect(location.expose().to_owned()));
            }
        }
        if by_code && let Err(problem) = self.try_code(typed.unwrap_or_default(), ingress) {
            if matches!(problem, ConsentProblem::TooFast { .. }) {
                return ask_again(problem);
            }
            return match self.ledger().wrong_code(&request.id, self.now()) {
                0 => Err(PageError::WrongCodes),
                left => ask_again(ConsentProblem::WrongCode { left }),
            };
        }
        let location = self.issue_code(&request, client, &redirect_uri, device, origin).await?;
        self.ledger().answered(&request.id, presence, &location, self.now());
        Ok(ConsentOutcome::Redirect(location))
    }

    /// Tries a typed code under the brake on guesses.
    ///
    /// # Errors
    ///
    /// [`ConsentProblem::TooFast`] when it was not even looked at, otherwise that it is wrong.
    pub(super) fn try_code(&self, typed: &str, ingress: Ingress) -> Result<(), ConsentProblem> {
        let source = Source::of(ingress);
        self.code_brake().take(source, self.now()).map_err(|wait| ConsentProblem::TooFast {
            wait_secs: (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1),
        })?;
        if !self.pairings().redeem_code(typed) {
            return Err(ConsentProblem::WrongCode { left: 0 });
        }
        self.code_brake().give_back(source);
        Ok(())
    }

    async fn issue_code(
        &self,
        request: &SealedRequest,
        client: Client,
        redirect_uri: &RedirectUri,
        device: Option<Device>,
        origin: &Origin,
    ) -> Result<String, PageError> {
        let code = self.random("gwc_");
        let now = self.now();
        let who = Who::of(&client);
        let device_id = device.map(|device| device.id);
        let row = AuthorizationCode {
            digest: code.digest(),
            family_id: FamilyId::random(self.entropy()),
            client_id: request.client_id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            code_challenge: request.code_challenge.clone(),
            scopes: request.scopes,
            audience: audience(origin),
            device_id: device_id.clone(),
            created_at: now,
            expires_at: now.after(CODE_LIFETIME),
        };
        let stored = self.store().write(move |tx| {
            approve(tx, client)?;
            if let Some(id) = &device_id {
                tx.mark_device_used(id)?;
            }
            tx.insert_code(&row).map_err(PageError::from)
        });
        stored.await?;
        // A document's client that comes back has lost what it held before.
        self.forget_checked_bearers();
        self.trace().note(Party::Owners(who), Step::ConsentAllowed);
        tracing::info!(
            client = %request.client_id, redirect = redirect_uri.host(), scopes = %request.scopes,
            from = request.from, "the owner allowed a client to connect"
        );
        let state = state_of(request)?;
        Ok(code_redirect(redirect_uri, code.expose(), state.as_deref(), origin))
    }

    fn page(
        &self,
        mut request: SealedRequest,
        client: &Client,
        redirect_uri: &RedirectUri,
        problem: Option<ConsentProblem>,
    ) -> ConsentPage {
        request.needs_code = request.device_id.is_none() || !self.one_tap_suffices(client);
        ConsentPage {
            client_name: client.name.clone(),
            known_by: known_by(client),
            first_time: !client.is_approved(self.now()),
            redirect_host: redirect_uri.host().to_owned(),
            loopback: redirect_uri.loopback,
            scopes: request.scopes.iter().collect(),
            began_at: request.began_at,
            needs_code: request.needs_code,
            problem,
            sealed: self.sealing_key().seal(&request),
            from: request.from,
        }
    }
}

fn known_by(client: &Client) -> KnownBy {
    match client.registration {
        Registration::Static | Registration::Token => KnownBy::Owner,
        Registration::Dynamic => KnownBy::Itself,
        Registration::Document => Location::accept(client.id.as_str()).map_or(
            // No such id is ever stored.
            KnownBy::Itself,
            |location| KnownBy::Document {
                host: location.host().to_owned(),
                built_in: location.is_bundled(),
            },
        ),
    }
}

fn state_of(request: &SealedRequest) -> Result<Option<Vec<u8>>, PageError> {
    let decode = |state: &String| URL_SAFE_NO_PAD.decode(state).map_err(|_| PageError::Stale);
    request.state.as_ref().map(decode).transpose()
}

fn describe(ingress: Ingress) -> String {
    let way = match ingress.kind {
        IngressKind::Tunnel => "through the tunnel",
        IngressKind::Local | IngressKind::Admin => "from this computer",
        IngressKind::Lan => "from the local network",
    };
    match (ingress.kind, ingress.client) {
        (IngressKind::Tunnel | IngressKind::Lan, Some(address)) => format!("{address}, {way}"),
        _ => way.to_owned(),
    }
}

/// Whether a form was sent by one of our own pages, as far as the browser tells: no page of another
/// site may answer in the owner's name. Programs that are no browsers send none of these headers.
#[must_use]
pub(super) fn comes_from_us(headers: &HeaderMap, origin: &Origin) -> bool {
    let text = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let first = values.next()?;
        // Two of one kind are nobody's honest header.
        Some(if values.next().is_some() { "?" } else { first.to_str().unwrap_or("?") })
    };
    let site = text("sec-fetch-site");
    let named = match text("origin") {
        None => true,
        // A browser that keeps its referrer to itself says "null" here and still names the site.
        Some("null") => site == Some("same-origin"),
        Some(named) => named.eq_ignore_ascii_case(origin.as_str()),
    };
    named && matches!(site, None | Some("same-origin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_and_programs_may_answer() {
        let origin = Origin::new("https", "h.example");
        let allowed = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs.iter().map(|(name, value)| {
                (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())
            });
            comes_from_us(&headers.collect(), &origin)
        };
        assert!(allowed(&[]));
        assert!(allowed(&[("origin", "https://h.example")]));
        assert!(allowed(&[("origin", "https://h.example"), ("sec-fetch-site", "same-origin")]));
        assert!(allowed(&[("origin", "null"), ("sec-fetch-site", "same-origin")]));
        assert!(!allowed(&[("origin", "null")]));
        assert!(!allowed(&[("origin", "https://evil.example")]));
        assert!(!allowed(&[("origin", "http://h.example")]));
        assert!(!allowed(&[("sec-fetch-site", "cross-site")]));
        assert!(!allowed(&[("origin", "https://h.example"), ("sec-fetch-site", "same-site")]));
        assert!(!allowed(&[("sec-fetch-site", "none")]));
    }
}
