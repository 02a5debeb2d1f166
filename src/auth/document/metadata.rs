//! What a client's document says, judged without IO.
//!
//! The document is the vendor's word, not the client's: whoever controls the host decides where its
//! clients are answered. So no secret is involved, and the id must be the document's own address.
use serde_json::{Map, Value};

use super::location::Location;
use crate::auth::error::RegistrationError;
use crate::auth::redirect::is_plain;
use crate::auth::registration::{list, shown_name, text};

/// Most redirect URIs of one document.
const REDIRECT_URIS_MAX: usize = 32;
/// Longest of them, in bytes.
const REDIRECT_BYTES_MAX: usize = 512;

/// What is kept of a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::auth) struct Document {
    /// The client's name, harmless to show.
    pub(in crate::auth) name: String,
    /// Where its answers may go.
    pub(in crate::auth) redirect_uris: Vec<String>,
}

impl Document {
    /// Reads the document that was found at `location`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for the owner and the client's makers.
    pub(in crate::auth) fn read(body: &[u8], location: &Location) -> Result<Self, String> {
        let document: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| "it is not a JSON object".to_owned())?;
        judge(&document, location).map_err(|error| error.to_string())
    }
}

fn judge(
    document: &Map<String, Value>,
    location: &Location,
) -> Result<Document, RegistrationError> {
    let wrong = |why: &str| Err(RegistrationError::metadata(why));
    if text(document, "client_id")? != Some(location.as_str()) {
        return wrong("its client_id is not its own address");
    }
    let Some(name) = text(document, "client_name")?.and_then(shown_name) else {
        return wrong("it has no client_name");
    };
    let secret = ["client_secret", "client_secret_expires_at"];
    // Secrets that stand in public prove nothing. A client that would rather sign (private_key_jwt)
    // reads in our metadata that it need not, and is as public as the others.
    let method = text(document, "token_endpoint_auth_method")?.unwrap_or("none");
    if !["none", "private_key_jwt"].contains(&method)
        || secret.iter().any(|name| document.contains_key(*name))
    {
        return wrong("a client that is described by a document cannot have a secret");
    }
    // Other grant types are passed over: some clients name all that they can do anywhere.
    for (name, needed) in [("grant_types", "authorization_code"), ("response_types", "code")] {
        if list(document, name)?.is_some_and(|named| !named.contains(&needed)) {
            return Err(RegistrationError::metadata(format!("its {name} lack {needed}")));
        }
    }
    let uris = list(document, "redirect_uris")?.unwrap_or_default();
    if uris.len() > REDIRECT_URIS_MAX {
        return wrong("it has more than 32 redirect_uris");
    }
    let usable = |uri: &&str| uri.len() <= REDIRECT_BYTES_MAX && is_plain(uri);
    let redirect_uris: Vec<String> = uris.into_iter().filter(usable).map(str::to_owned).collect();
    if redirect_uris.is_empty() {
        return wrong("it has no redirect_uris that could be used");
    }
    Ok(Document { name, redirect_uris })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const ID: &str = "https://app.example/client.json";

    fn document() -> Value {
        json!({
            "client_id": ID,
            "client_name": "App",
            "redirect_uris": ["https://app.example/cb", "http://localhost/callback"],
            "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
            "token_endpoint_auth_method": "none",
        })
    }

    fn read(document: &Value) -> Result<Document, String> {
        Document::read(document.to_string().as_bytes(), &Location::accept(ID).unwrap())
    }

    #[test]
    fn a_document_as_clients_publish_it_is_read() {
        let read_back = read(&document()).unwrap();
        assert_eq!(read_back.name, "App");
        assert_eq!(read_back.redirect_uris.len(), 2);
        let mut signs = document();
        signs["token_endpoint_auth_method"] = "private_key_jwt".into();
        assert!(read(&signs).is_ok());
        let small = json!({
            "client_id": ID, "client_name": "App", "redirect_uris": ["http://localhost/callback"]
        });
        assert!(read(&small).is_ok());
        let mut many = document();
        many["redirect_uris"] = json!(vec!["https://app.example/cb"; 32]);
        assert_eq!(read(&many).unwrap().redirect_uris.len(), 32);
    }

    #[test]
    fn everything_that_cannot_be_is_refused_with_its_reason() {
        for (name, value, part) in [
            ("client_id", json!("https://app.example/client.json/"), "not its own address"),
            ("client_id", json!("https://APP.example/client.json"), "not its own address"),
            ("client_id", json!(null), "not its own address"),
            ("client_id", json!([ID]), "client_id must be a text"),
            ("client_name", json!("\u{202e}"), "no client_name"),
            ("client_name", json!(null), "no client_name"),
            ("redirect_uris", json!([]), "no redirect_uris"),
            ("redirect_uris", json!(["https://app.example/#x"]), "no redirect_uris"),
            ("redirect_uris", json!("https://app.example/cb"), "must be a list"),
            ("redirect_uris", json!(vec!["https://app.example/cb"; 33]), "more than 32"),
            ("token_endpoint_auth_method", json!("client_secret_post"), "cannot have a secret"),
            ("client_secret", json!("x"), "cannot have a secret"),
            ("client_secret_expires_at", json!(0), "cannot have a secret"),
            ("grant_types", json!(["implicit"]), "grant_types lack authorization_code"),
            ("response_types", json!(["token"]), "response_types lack code"),
        ] {
            let mut changed = document();
            changed[name] = value.clone();
            let error = read(&changed).unwrap_err();
            assert!(error.contains(part), "{name} {value}: {error}");
        }
        let location = Location::accept(ID).unwrap();
        for body in [&b""[..], b"[]", b"<html>", b"\xff"] {
            assert_eq!(Document::read(body, &location).unwrap_err(), "it is not a JSON object");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_judged_without_panic(body in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Document::read(&body, &Location::accept(ID).unwrap());
        }
    }
}
