//! Documents of the known clients, as their makers publish them: no network is needed for these, and
//! an outage of theirs stops nobody. Another known client is another row.
use super::location::Location;
use super::metadata::Document;

struct Copy {
    id: &'static str,
    name: &'static str,
    redirect_uris: &'static [&'static str],
}

const COPIES: [Copy; 6] = [
    Copy {
        id: "https://claude.ai/oauth/mcp-oauth-client-metadata",
        name: "Claude",
        redirect_uris: &[
            "https://claude.ai/api/mcp/auth_callback",
            "https://claude.com/api/mcp/auth_callback",
        ],
    },
    Copy {
        id: "https://claude.ai/oauth/claude-code-client-metadata",
        name: "Claude Code",
        redirect_uris: &["http://localhost/callback", "http://127.0.0.1/callback"],
    },
    Copy {
        id: "https://chatgpt.com/oauth/client.json",
        name: "ChatGPT",
        redirect_uris: &["https://chatgpt.com/connector_platform_oauth_redirect"],
    },
    Copy {
        id: "https://chatgpt.com/oauth/codex/client.json",
        name: "Codex",
        redirect_uris: &["http://127.0.0.1/callback", "http://localhost/callback"],
    },
    Copy {
        id: "https://vscode.dev/oauth/client-metadata.json",
        name: "Visual Studio Code",
        redirect_uris: &["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
    },
    Copy {
        id: "https://nousresearch.github.io/hermes-agent/docs/oauth/client-metadata.json",
        name: "Hermes Agent",
        // Its document names ten ports of this one; ports are free here (RFC 8252 §7.3).
        redirect_uris: &["http://127.0.0.1/callback"],
    },
];

/// The copy of the document at `location`, if there is one.
pub(super) fn document(location: &Location) -> Option<Document> {
    let copy = COPIES.iter().find(|copy| copy.id == location.as_str())?;
    Some(Document {
        name: copy.name.to_owned(),
        redirect_uris: copy.redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
    })
}

/// Whether the host publishes one of the copies: then it may be asked for others at any time, as
/// `chatgpt.com` has one for each connector.
pub(super) fn is_known_host(host: &str) -> bool {
    COPIES.iter().any(|copy| {
        copy.id.strip_prefix("https://").and_then(|rest| rest.split('/').next()) == Some(host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{AuthSettings, redirect::RedirectUri};

    #[test]
    fn every_copy_passes_the_rules_that_hold_for_fetched_ones() {
        for copy in COPIES {
            let location = Location::accept(copy.id).expect(copy.id);
            let json = serde_json::json!({
                "client_id": copy.id,
                "client_name": copy.name,
                "redirect_uris": copy.redirect_uris,
            });
            let read = Document::read(json.to_string().as_bytes(), &location);
            assert_eq!(read.ok(), document(&location), "{}", copy.id);
            for uri in copy.redirect_uris {
                assert!(RedirectUri::accept(uri, &AuthSettings::default()).is_some(), "{uri}");
            }
            assert!(is_known_host(location.host()));
        }
        assert!(
            !is_known_host("evil.example") && !is_known_host("") && !is_known_host("github.io")
        );
    }
}
