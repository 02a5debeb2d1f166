//! Clients that are described by a document at the address which is their id (draft
//! `ietf-oauth-client-id-metadata-document`; MCP 2025-11-25, "Client ID Metadata Documents").
//!
//! A stranger chooses the address, so everything here is bounded: who may be asked at all, from which
//! networks, how often, how much, how long, and what is kept. The documents of the known clients are
//! built in ([`bundled`]) and need no network. [`Documents::read`] may fetch; [`Documents::known`]
//! never does.
mod address;
mod bundled;
pub(crate) mod fetch;
mod freshness;
mod location;
mod metadata;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use tokio::sync::Semaphore;

pub(crate) use self::address::is_public;
pub use self::fetch::{Fetch, FetchError};
pub(super) use self::location::Location;
pub(super) use self::metadata::Document;
use super::brake::{Brake, Rate, Source};
use super::seal;
use crate::clock::Timestamp;

/// Largest document, in bytes.
const BYTES_MAX: usize = 64 * 1024;
/// Longest time for one, name server included.
const TIME_MAX: Duration = Duration::from_secs(5);
/// Documents fetched at once.
const AT_ONCE_MAX: usize = 4;
/// Fetches by one way in: of everybody together, and of one client address.
const FETCHES: (Rate, Rate) = (
    Rate { burst: 6, refill: Duration::from_secs(10) },
    Rate { burst: 3, refill: Duration::from_secs(20) },
);
/// How long a document that cannot be had is not asked for again.
const FAILED: Duration = Duration::from_secs(60);
/// How long one is kept at least: as long as a consent page that shows it can be answered.
const KEPT: Duration = Duration::from_secs(seal::LIFETIME.as_secs() + 60);
/// Documents kept; the one fetched first gives way. That is more than can be fetched in [`KEPT`].
const ENTRIES_MAX: usize = 256;

/// Why there is no document.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DocumentError {
    /// Its host is not known here, and the owner was not at the terminal of late.
    #[error(
        "What unknown apps say about themselves is read only within ten minutes of `gateway pair`."
    )]
    WindowClosed,
    /// Too many are being read.
    #[error("Too many apps have asked to be read about of late.")]
    Busy,
    /// Its server does not give it.
    #[error("What the app says about itself at {host} cannot be read: {why}.")]
    Unreachable {
        /// Whose document it is.
        host: String,
        /// One of a few fixed texts: no word of that server.
        why: &'static str,
    },
    /// It says something that cannot be.
    #[error("What the app says about itself at {host} is not valid: {why}.")]
    Invalid {
        /// Whose document it is.
        host: String,
        /// What is wrong, in our words.
        why: String,
    },
}

impl DocumentError {
    /// Whether it tells nothing about the document itself, so that what is known from before counts.
    pub(super) const fn is_passing(&self) -> bool {
        !matches!(self, Self::Invalid { .. })
    }
}

type Found = Result<Arc<Document>, DocumentError>;

#[derive(Debug)]
struct Entry {
    found: Found,
    fetched_at: Timestamp,
    fresh_until: Timestamp,
    kept_until: Timestamp,
}

/// The documents read so far, and the way to others.
#[derive(Debug)]
pub(super) struct Documents {
    fetcher: Arc<dyn Fetch>,
    entries: Mutex<HashMap<Location, Entry>>,
    at_once: Semaphore,
    /// Known hosts have a brake of their own: strangers who name others leave these alone.
    brakes: [Brake; 2],
}

impl Documents {
    pub(super) fn new(fetcher: Arc<dyn Fetch>) -> Self {
        let brake = || Brake::new(FETCHES.0, FETCHES.1);
        let at_once = Semaphore::new(AT_ONCE_MAX);
        Self { fetcher, entries: Mutex::default(), at_once, brakes: [brake(), brake()] }
    }

    /// The document at `location`: built in, kept, or fetched, if `window_open` or its host is known.
    ///
    /// # Errors
    ///
    /// [`DocumentError`]; one that came from fetching is given again for a minute.
    pub(super) async fn read(
        &self,
        location: &Location,
        window_open: bool,
        source: Source,
        now: Timestamp,
    ) -> Found {
        if let Some(document) = bundled::document(location) {
            return Ok(Arc::new(document));
        }
        if let Some(entry) = self.lock().get(location)
            && now < entry.fresh_until
        {
            return entry.found.clone();
        }
        let known_host = bundled::is_known_host(location.host());
        if !(window_open || known_host) {
            return Err(DocumentError::WindowClosed);
        }
        let _permit = self.at_once.try_acquire().map_err(|_| DocumentError::Busy)?;
        let brake = &self.brakes[usize::from(known_host)];
        brake.take(source, now).map_err(|_| DocumentError::Busy)?;
        let (found, fresh) = self.fetch(location).await;
        let kept = if found.is_ok() { fresh.max(KEPT) } else { fresh };
        self.keep(
            location,
            Entry {
                found: found.clone(),
                fetched_at: now,
                fresh_until: now.after(fresh),
                kept_until: now.after(kept),
            },
            now,
        );
        found
    }

    /// The document at `location` as far as it is known without asking anybody.
    pub(super) fn known(&self, location: &Location, now: Timestamp) -> Option<Arc<Document>> {
        if let Some(document) = bundled::document(location) {
            return Some(Arc::new(document));
        }
        let entries = self.lock();
        let entry = entries.get(location).filter(|entry| now < entry.kept_until)?;
        entry.found.clone().ok()
    }

    /// Fetches a document, and tells how long the answer is fresh.
    async fn fetch(&self, location: &Location) -> (Found, Duration) {
        let fetched = tokio::time::timeout(TIME_MAX, self.get(location)).await;
        let found =
            fetched.unwrap_or_else(|_| Err(unreachable(location, "it took longer than 5 s")));
        match found {
            Ok((document, fresh)) => (Ok(Arc::new(document)), fresh),
            Err(error) => {
                tracing::info!(client = location.as_str(), %error, "a client's document was refused");
                (Err(error), FAILED)
            }
        }
    }

    async fn get(&self, location: &Location) -> Result<(Document, Duration), DocumentError> {
        let mut addresses: Vec<IpAddr> = self.fetcher.resolve(location.host()).await;
        addresses.retain(|address| is_public(*address));
        if addresses.is_empty() {
            // One text for none and for private ones: nobody learns names of the owner's networks.
            return Err(unreachable(location, "its name has no public address"));
        }
        let answer = self.fetcher.get(location.url(), &addresses).await;
        let answer = answer.map_err(|error| match error {
            FetchError::Unreachable => unreachable(location, "its server does not answer"),
            FetchError::TooLarge => unreachable(location, "it is larger than 64 KiB"),
        })?;
        if answer.status() != StatusCode::OK {
            return Err(unreachable(location, "its server does not answer with status 200"));
        }
        if answer.body().len() > BYTES_MAX {
            return Err(unreachable(location, "it is larger than 64 KiB"));
        }
        if !is_json(answer.headers()) {
            return Err(unreachable(location, "its server does not call it JSON"));
        }
        let document = Document::read(answer.body(), location);
        let document = document
            .map_err(|why| DocumentError::Invalid { host: location.host().to_owned(), why })?;
        Ok((document, freshness::freshness(answer.headers())))
    }

    fn keep(&self, location: &Location, entry: Entry, now: Timestamp) {
        let mut entries = self.lock();
        entries.retain(|_, entry| now < entry.kept_until);
        if entries.len() >= ENTRIES_MAX && !entries.contains_key(location) {
            let first = entries.iter().min_by_key(|(_, entry)| entry.fetched_at);
            if let Some(first) = first.map(|(location, _)| location.clone()) {
                entries.remove(&first);
            }
        }
        entries.insert(location.clone(), entry);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Location, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreachable(location: &Location, why: &'static str) -> DocumentError {
    DocumentError::Unreachable { host: location.host().to_owned(), why }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
pub(crate) mod tests;
