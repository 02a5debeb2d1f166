//! Which client an authorization request is from, and what the owner's yes makes of it.
use super::authorize::PageError;
use super::brake::Source;
use super::document::{Document, DocumentError, Location};
use super::server::AuthorizationServer;
use crate::clock::Timestamp;
use crate::http::Ingress;
use crate::model::{
    Client, ClientId, ClientKind, ProjectAccess, Registration, RevocationReason, Scopes,
};
use crate::store::WriteTx;

impl AuthorizationServer {
    /// The client of a request that has just come. Its document is fetched if it must be and may be:
    /// from a known host, or while the window of a pairing is open.
    pub(super) async fn client_that_asks(
        &self,
        id: &ClientId,
        ingress: Ingress,
    ) -> Result<Client, PageError> {
        if !Location::is_meant(id.as_str()) {
            return self.registered(id);
        }
        let location = self.location(id)?;
        let window_open = self.pairings().is_window_open();
        let read =
            self.documents().read(&location, window_open, Source::of(ingress), self.now()).await;
        self.described(id, read.as_deref())
    }

    /// The client of a page that was answered: as far as it is known, without asking anybody.
    pub(super) fn client_that_asked(&self, id: &ClientId) -> Result<Client, PageError> {
        if !Location::is_meant(id.as_str()) {
            return self.registered(id);
        }
        let known = self.documents().known(&self.location(id)?, self.now());
        self.described(id, known.as_deref().ok_or(&DocumentError::WindowClosed))
    }

    fn registered(&self, id: &ClientId) -> Result<Client, PageError> {
        let client = self.store().read(|tx| tx.client(id))?;
        let client = client.filter(|client| client.is_active(self.now()));
        let client = client.filter(|client| client.registration != Registration::Token);
        let client = client.ok_or(PageError::UnknownClient)?;
        if !self.settings().admits(client.registration) {
            return Err(PageError::WayClosed);
        }
        Ok(client)
    }

    fn location(&self, id: &ClientId) -> Result<Location, PageError> {
        if !self.settings().admits(Registration::Document) {
            return Err(PageError::WayClosed);
        }
        Location::accept(id.as_str()).ok_or_else(|| {
            let why = "client_id is not the plain https address of a document";
            PageError::Malformed(why.into())
        })
    }

    /// The client that a document describes, with what is stored of it.
    fn described(
        &self,
        id: &ClientId,
        document: Result<&Document, &DocumentError>,
    ) -> Result<Client, PageError> {
        let now = self.now();
        let row = self.store().read(|tx| tx.client(id))?;
        let row = row.filter(|row| row.is_active(now));
        match (document, row) {
            (Ok(document), row) => Ok(merge(id, document, row, now)),
            // What the owner allowed before still holds while nobody can ask its makers.
            (Err(error), Some(row)) if error.is_passing() => Ok(row),
            (Err(error), _) => Err(error.clone().into()),
        }
    }
}

/// What the document says is of today; what the owner said is of the row. One that he revoked, or
/// whose time is over, comes as if for the first time.
fn merge(id: &ClientId, document: &Document, row: Option<Client>, now: Timestamp) -> Client {
    let fresh = || Client {
        id: id.clone(),
        name: String::new(),
        registration: Registration::Document,
        redirect_uris: Vec::new(),
        approved_at: None,
        kind: ClientKind::Public,
        scopes: Scopes::all(),
        projects: ProjectAccess::All,
        created_at: now,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    Client {
        name: document.name.clone(),
        redirect_uris: document.redirect_uris.clone(),
        ..row.unwrap_or_else(fresh)
    }
}

/// Notes, in the transaction that stores the code, that the owner has allowed a client, as it was
/// judged: from now on it is kept, and a paired device's tap is enough for it.
///
/// # Errors
///
/// [`PageError::UnknownClient`] when it ended, or was forgotten, in the meantime.
pub(super) fn approve(tx: &mut WriteTx<'_>, client: Client) -> Result<(), PageError> {
    let now = tx.now();
    let row = tx.client(&client.id)?;
    let ended = row.as_ref().is_some_and(|row| !row.is_active(now));
    let row = row.filter(|_| !ended);
    let approved = match client.registration {
        Registration::Static => return row.map(|_| ()).ok_or(PageError::UnknownClient),
        Registration::Token => return Err(PageError::UnknownClient),
        Registration::Dynamic => {
            let row = row.ok_or(PageError::UnknownClient)?;
            if row.approved_at.is_some() {
                return Ok(());
            }
            Client { approved_at: Some(now), expires_at: None, ..row }
        }
        Registration::Document => match row {
            Some(row) => Client {
                name: client.name,
                redirect_uris: client.redirect_uris,
                approved_at: row.approved_at.or(Some(now)),
                ..row
            },
            None if client.approved_at.is_some() => return Err(PageError::UnknownClient),
            None => Client { approved_at: Some(now), ..client },
        },
    };
    if ended {
        // What it held before it ended stays ended.
        tx.revoke_families_of(&approved.id, RevocationReason::ByOwner)?;
    }
    tx.save_client(&approved).map_err(PageError::from)
}
