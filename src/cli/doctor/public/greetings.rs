//! How the front door greets each of the programs that come: some edges treat them differently.
use futures::future::join_all;
use http::{Method, StatusCode};

use crate::cli::doctor::visitor;
use crate::cli::doctor::walk::{Step, Trouble};
use crate::telemetry::root_cause;

/// As whom the known clients come: the hosted ones, and programs of this machine.
const PROGRAMS: [(&str, &str); 6] = [
    ("Claude (probe)", "python-httpx/0.28.1"),
    ("Claude", "Claude-User"),
    ("ChatGPT", "openai-mcp/1.0.0"),
    ("Claude Code", "claude-code/2.1.328 (sdk-cli)"),
    ("Codex", "codex-mcp-client/0.169.0"),
    ("Node.js", "node"),
];
/// Every way in which a client begins.
const METHODS: [Method; 3] = [Method::POST, Method::GET, Method::DELETE];
/// What a browser calls itself; the owner's consent passes through one.
const BROWSER: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 \
    (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1";
/// Most of a page that is looked at.
const PAGE_BYTES_MAX: usize = 64 * 1024;

/// Asks as each of them; the first that is not told how to sign in tells why.
pub(super) async fn look(front: &str) -> Step<()> {
    let asked = PROGRAMS.iter().map(|(name, agent)| async move {
        for method in METHODS {
            let answer = ask(front, agent, method.clone()).await?;
            judge(name, &method, &answer)?;
        }
        Ok::<(), Trouble>(())
    });
    join_all(asked).await.into_iter().collect::<Result<Vec<()>, Trouble>>()?;
    let page = ask(front, BROWSER, Method::GET).await?;
    judge("a browser", &Method::GET, &page)?;
    let programs = PROGRAMS.len();
    Ok((format!("a 401 that names the metadata, for {programs} programs and a browser"), ()))
}

/// As much of an answer as matters here.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    challenge: String,
    location: Option<String>,
    page: String,
}

async fn ask(front: &str, agent: &str, method: Method) -> Result<Answer, Trouble> {
    let http = visitor::http(agent).build().map_err(Trouble::from)?;
    let request = http.request(method, format!("{front}/mcp"));
    let mut response = request.send().await.map_err(|error| {
        Trouble::new(format!("{front} does not answer: {}", root_cause(&error)))
    })?;
    let header = |name: http::HeaderName| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let challenge = header(http::header::WWW_AUTHENTICATE).unwrap_or_default();
    let (status, location) = (response.status(), header(http::header::LOCATION));
    let mut page = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        page.extend_from_slice(&chunk);
        if page.len() >= PAGE_BYTES_MAX {
            break;
        }
    }
    let page = String::from_utf8_lossy(&page).into_owned();
    Ok(Answer { status, challenge, location, page })
}

fn judge(who: &str, method: &Method, answer: &Answer) -> Result<(), Trouble> {
    let Answer { status, challenge, location, page } = answer;
    if *status == StatusCode::UNAUTHORIZED {
        let names = ["resource_metadata=\"", "scope=\""];
        if challenge.starts_with("Bearer ") && names.iter().all(|name| challenge.contains(name)) {
            return Ok(());
        }
        return Err(Trouble::new(format!(
            "{who} gets a 401 to {method} without the WWW-Authenticate that names the metadata"
        ))
        .with_fix("let the proxy pass the header WWW-Authenticate on unchanged"));
    }
    let what = format!("{who} gets HTTP {} to {method} instead of a 401", status.as_u16());
    if page.contains("ERR_NGROK_6024") || page.contains("ngrok-skip-browser-warning") {
        return Err(Trouble::new(format!("{what}: ngrok's warning page stands in between"))
            .with_fix("use a paid ngrok plan, whose addresses show no such page, or cloudflared"));
    }
    if let Some(location) = location {
        return Err(Trouble::new(format!("{what}: a redirect to {location}")).with_fix(
            "set `server.public_url` to the address that answers itself; clients do not follow \
             redirects",
        ));
    }
    if *status == StatusCode::FORBIDDEN || page.contains("cf-challenge") {
        return Err(Trouble::new(format!("{what}: the edge takes it for a bot")).with_fix(
            "at Cloudflare allow /mcp and /.well-known/* in Security > WAF, and switch off Bot Fight \
             Mode and \"Block AI bots\" for this host",
        ));
    }
    Err(Trouble::new(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, challenge: &str, page: &str) -> Answer {
        let (challenge, page) = (challenge.to_owned(), page.to_owned());
        Answer { status: StatusCode::from_u16(status).unwrap(), challenge, location: None, page }
    }

    #[test]
    fn each_way_in_which_an_edge_spoils_the_greeting_has_its_own_cure() {
        let good = "Bearer resource_metadata=\"https://h.example/x\", scope=\"observe\"";
        judge("Claude", &Method::POST, &answer(401, good, "")).unwrap();
        let moved = Answer { location: Some("https://x.example/".into()), ..answer(308, "", "") };
        for (answer, cause, fix) in [
            (answer(401, "Basic", ""), "without the WWW-Authenticate", "unchanged"),
            (answer(403, "", "blocked"), "for a bot", "Bot Fight Mode"),
            (answer(200, "", "see ERR_NGROK_6024"), "warning page", "paid ngrok plan"),
            (moved, "a redirect to https://x.example/", "server.public_url"),
        ] {
            let trouble = judge("Claude", &Method::POST, &answer).unwrap_err();
            assert!(trouble.cause.contains(cause), "{trouble:?}");
            assert!(trouble.fix.as_ref().unwrap().contains(fix), "{trouble:?}");
        }
        let down = judge("Codex", &Method::GET, &answer(502, "", "")).unwrap_err();
        assert_eq!(down.cause, "Codex gets HTTP 502 to GET instead of a 401");
    }
}
