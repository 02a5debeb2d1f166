//! Whether the metadata is the same wherever a client looks for it (RFC 9728 §3, RFC 8414 §3).
use serde_json::Value;

use crate::auth::metadata::{AUTHORIZATION_SERVER, OPENID_CONFIGURATION, PROTECTED_RESOURCE};
use crate::cli::doctor::visitor::{self, json_of};
use crate::cli::doctor::walk::{Step, Trouble};

/// Reads every document in every place.
pub(super) async fn look(front: &str) -> Step<()> {
    let http = visitor::http(super::AGENT).build().map_err(Trouble::from)?;
    let resource = [PROTECTED_RESOURCE.to_owned(), format!("{PROTECTED_RESOURCE}/mcp")];
    let server = [
        AUTHORIZATION_SERVER.to_owned(),
        format!("{AUTHORIZATION_SERVER}/mcp"),
        OPENID_CONFIGURATION.to_owned(),
    ];
    for (places, key, expected) in
        [(&resource[..], "resource", format!("{front}/mcp")), (&server, "issuer", front.to_owned())]
    {
        let mut first: Option<Value> = None;
        for place in places {
            let response = http.get(format!("{front}{place}")).send().await?;
            if !response.headers().contains_key("access-control-allow-origin") {
                return Err(Trouble::new(format!("{place} has lost its CORS header on the way"))
                    .with_fix("let the proxy pass Access-Control-* headers on unchanged"));
            }
            let document = json_of(place, response).await?;
            if document[key] != expected.as_str() {
                return Err(Trouble::new(format!(
                    "{place} names {key} {}, and clients expect {expected}",
                    document[key]
                ))
                .with_fix(
                    "set `server.public_url` to the address that clients use, and let the proxy \
                     pass the Host header on unchanged",
                ));
            }
            if first.get_or_insert_with(|| document.clone()) != &document {
                return Err(Trouble::new(format!("{place} differs from {}", places[0])));
            }
        }
    }
    Ok(("both documents, the same in all five places".to_owned(), ()))
}
