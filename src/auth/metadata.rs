//! What clients read before they sign in: pure functions of the origin they came to.
use serde_json::{Value, json};

use super::settings::AuthSettings;
use crate::http::Origin;
use crate::model::{Registration, Scopes};

/// Path of the protected resource metadata; also served with `/mcp` appended (RFC 9728 §3.1).
pub const PROTECTED_RESOURCE: &str = "/.well-known/oauth-protected-resource";
/// Path of the authorization server metadata; also served with `/mcp` appended (RFC 8414 §3.1).
pub const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
/// Where some clients look for the same (OpenID Connect Discovery 1.0 §4).
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";

/// Protected resource metadata (RFC 9728 §2).
#[must_use]
pub fn protected_resource(origin: &Origin, resource_name: &str) -> Value {
    json!({
        "resource": origin.url("/mcp"),
        "authorization_servers": [origin.as_str()],
        "scopes_supported": Scopes::of_tools().names(),
        "bearer_methods_supported": ["header"],
        "resource_name": resource_name,
    })
}

/// Authorization server metadata (RFC 8414 §2). It names what works under `settings`, and nothing
/// else.
#[must_use]
pub fn authorization_server(origin: &Origin, settings: &AuthSettings) -> Value {
    let mut document = json!({
        "issuer": origin.as_str(),
        "authorization_endpoint": origin.url("/authorize"),
        "token_endpoint": origin.url("/token"),
        "revocation_endpoint": origin.url("/revoke"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "none"],
        "scopes_supported": Scopes::all().names(),
        "authorization_response_iss_parameter_supported": true,
    });
    if settings.admits(Registration::Dynamic) {
        document["registration_endpoint"] = json!(origin.url("/register"));
    }
    if settings.admits(Registration::Document) {
        document["client_id_metadata_document_supported"] = true.into();
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_follow_the_origin_they_were_asked_at() {
        let origin = Origin::new("https", "h.example");
        insta::assert_json_snapshot!(protected_resource(&origin, "gateway"));
        insta::assert_json_snapshot!(authorization_server(&origin, &AuthSettings::default()));
    }

    #[test]
    fn no_way_to_register_is_advertised_that_the_owner_has_closed() {
        let settings =
            AuthSettings { registration: vec![Registration::Static], ..AuthSettings::default() };
        let document = authorization_server(&Origin::new("http", "localhost:1"), &settings);
        assert!(document.get("registration_endpoint").is_none());
        assert!(document.get("client_id_metadata_document_supported").is_none());
        assert!(!Scopes::of_tools().names().contains(&"offline_access"));
    }
}
