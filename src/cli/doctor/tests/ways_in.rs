//! Broken ways in: the port, tunnels, the public address, the running gateway, the service.
use gateway_os::lock::{ExclusiveLock, Holder};
use serde_json::json;

use super::lab::{Lab, PLANTED};
use crate::auth::metadata::PROTECTED_RESOURCE;
use crate::cli::doctor::Status::{Fail, Ok, Skip, Warn};
use crate::cli::doctor::machine::Page;
use crate::secret::{SecretName, Vault};

#[tokio::test]
async fn a_port_that_is_taken_names_who_took_it() {
    let mut lab = Lab::healthy().await;
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    lab.config = format!("[server]\nlisten = \"127.0.0.1:{port}\"\n");
    let own = std::process::id();
    let cause = format!("(pid {own}) listens there");
    lab.finds("listen-port", Fail, &cause, &format!("kill {own}; or choose another port")).await;
    drop(socket);
    assert_eq!(lab.look("listen-port").await.finding.status, Ok);
}

#[tokio::test]
async fn an_address_of_another_machine_is_a_failure() {
    let mut lab = Lab::healthy().await;
    lab.config = "[server]\nlisten = \"192.0.2.1:8765\"\nallow_lan = true\n".to_owned();
    lab.finds("listen-port", Fail, "no address of this machine", "127.0.0.1:8765").await;
}

#[tokio::test]
async fn the_port_of_the_running_gateway_is_its_own() {
    let mut lab = Lab::healthy().await;
    lab.config = "[server]\nlisten = \"127.0.0.1:8765\"\n".to_owned();
    lab.running(Lab::status());
    let finding = lab.look("listen-port").await.finding;
    assert_eq!(finding.summary, "127.0.0.1:8765 is the running gateway's");
}

#[tokio::test]
async fn an_authtoken_that_is_none_is_named_by_its_fault_and_not_shown() {
    let lab = Lab::healthy().await;
    let pasted = format!("ngrok config add-authtoken {PLANTED}");
    for (token, cause) in [
        (pasted.as_str(), "paste the token alone"),
        ("2short", "it has 6 characters"),
        (&format!("{PLANTED}\""), "it has '\"' in it"),
    ] {
        lab.keep(SecretName::NGROK_AUTHTOKEN, token).await;
        let line =
            lab.finds("tunnel-ngrok", Fail, cause, "gateway secrets set ngrok-authtoken").await;
        assert!(!format!("{line:?}").contains(PLANTED), "{line:?}");
    }
}

#[tokio::test]
async fn an_authtoken_from_the_environment_is_corrected_there() {
    let mut lab = Lab::healthy().await;
    lab.env.insert("NGROK_AUTHTOKEN".to_owned(), "2short".to_owned());
    let cause = "environment variable NGROK_AUTHTOKEN";
    lab.finds("tunnel-ngrok", Fail, cause, "export NGROK_AUTHTOKEN=").await;
}

#[tokio::test]
async fn ngrok_without_an_authtoken_is_a_failure() {
    let lab = Lab::healthy().await;
    assert!(lab.vault.delete(&SecretName::NGROK_AUTHTOKEN).await.unwrap());
    let cure = "gateway secrets set ngrok-authtoken";
    lab.finds("tunnel-ngrok", Fail, "needs the token of your account", cure).await;
    lab.finds("tunnel-provider", Fail, "needs an authtoken", cure).await;
}

#[tokio::test]
async fn certificates_that_cannot_be_read_are_a_failure() {
    let mut lab = Lab::healthy().await;
    lab.config += "[tunnel.ngrok]\nca_file = \"/nonexistent/ca.pem\"\n";
    lab.finds("tunnel-ngrok", Fail, "/nonexistent/ca.pem", "tunnel.ngrok.ca_file").await;
}

#[tokio::test]
async fn no_cloudflared_is_a_failure_where_it_is_needed() {
    let mut lab = Lab::healthy().await;
    // A name of its own: the machine may have a cloudflared where installers put it.
    lab.config = format!(
        "[tunnel]\nprovider = \"cloudflare-quick\"\n[tunnel.cloudflared]\npath = {:?}\n",
        lab.at("bin/cloudflared").display().to_string()
    );
    lab.finds("tunnel-cloudflared", Fail, "bin/cloudflared", "tunnel.cloudflared.path").await;
    lab.config = "[tunnel]\nprovider = \"none\"\n".to_owned();
    assert_eq!(lab.look("tunnel-cloudflared").await.finding.status, Skip);
}

#[tokio::test]
async fn a_cloudflared_that_is_too_old_is_a_failure_and_an_old_one_a_warning() {
    let mut lab = Lab::healthy().await;
    lab.config = "[tunnel]\nprovider = \"cloudflare-quick\"\n".to_owned();
    lab.cloudflared("2023.7.3");
    lab.finds("tunnel-cloudflared", Fail, "2023.7.3", "").await;
    lab.cloudflared("2024.11.0");
    lab.finds("tunnel-cloudflared", Warn, "for one year", "cloudflared update").await;
    lab.cloudflared("2026.8.2");
    assert_eq!(lab.look("tunnel-cloudflared").await.finding.status, Ok);
}

#[tokio::test]
async fn a_program_that_only_has_cloudflareds_name_is_a_failure() {
    let mut lab = Lab::healthy().await;
    lab.config = "[tunnel]\nprovider = \"cloudflare-quick\"\n".to_owned();
    lab.program("cloudflared", "echo 'hello'");
    lab.finds("tunnel-cloudflared", Fail, "does not look like cloudflared", "").await;
}

#[tokio::test]
async fn auto_says_what_it_would_open() {
    let mut lab = Lab::healthy().await;
    lab.config = String::new();
    let finding = lab.look("tunnel-provider").await.finding;
    assert_eq!(finding.summary, "ngrok (chosen by `auto`)");
    lab.config = "[server]\npublic_url = \"https://gateway.example\"\n".to_owned();
    let finding = lab.look("tunnel-provider").await.finding;
    assert!(
        finding.summary.contains("your own proxy serves https://gateway.example"),
        "{finding:?}"
    );
}

#[tokio::test]
async fn a_running_gateway_of_another_version_is_a_warning() {
    let lab = Lab::healthy().await;
    let mut status = Lab::status();
    status["version"] = json!("0.0.7");
    lab.running(status);
    lab.finds("running", Warn, "it is 0.0.7, and this program is", "systemctl --user restart")
        .await;
}

#[tokio::test]
async fn what_the_running_gateway_complains_of_is_told() {
    let lab = Lab::healthy().await;
    let mut status = Lab::status();
    status["problems"] = json!(["the configuration was not taken over: x"]);
    lab.running(status);
    lab.finds("running", Warn, "was not taken over", "gateway config check").await;
}

#[tokio::test]
async fn a_gateway_that_talks_another_language_is_a_failure() {
    use tokio::io::AsyncWriteExt;
    let lab = Lab::healthy().await;
    let socket = crate::gateway::admin::socket_path(&lab.at("run"));
    let listener = gateway_os::socket::AsyncListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
    });
    lab.finds("running", Fail, "of another version", "gateway serve").await;
}

fn failed_tunnel() -> serde_json::Value {
    let mut status = Lab::status();
    status["public_url"] = json!(null);
    status["tunnel"] = json!({
        "provider": "ngrok",
        "state": "failed",
        "detail": "ngrok rejected the authtoken; it says (ERR_NGROK_107)",
        "hint": "store yours with `gateway secrets set ngrok-authtoken`",
    });
    status
}

#[tokio::test]
async fn a_tunnel_that_failed_tells_the_gateways_own_cause_and_cure() {
    let lab = Lab::healthy().await;
    lab.running(failed_tunnel());
    lab.finds("public-url", Fail, "ERR_NGROK_107", "gateway secrets set ngrok-authtoken").await;
}

#[tokio::test]
async fn a_tunnel_that_comes_back_tells_what_it_says_of_its_cure() {
    let lab = Lab::healthy().await;
    let mut status = failed_tunnel();
    status["tunnel"]["state"] = json!("reconnecting");
    lab.running(status);
    lab.finds("public-url", Warn, "ERR_NGROK_107", "gateway secrets set ngrok-authtoken").await;
}

#[tokio::test]
async fn a_tunnel_that_is_still_opening_is_a_warning() {
    let lab = Lab::healthy().await;
    let mut status = failed_tunnel();
    status["tunnel"] = json!({
        "provider": "ngrok", "state": "connecting", "detail": null, "hint": null,
    });
    lab.running(status);
    lab.finds("public-url", Warn, "still being opened", "gateway status").await;
}

#[tokio::test]
async fn a_public_name_that_does_not_resolve_is_a_failure() {
    let mut lab = Lab::healthy().await;
    lab.config = "[server]\npublic_url = \"https://gateway.example\"\n".to_owned();
    lab.machine(|facts| facts.resolves = false);
    lab.finds("public-url", Fail, "no such name", "server.public_url").await;
}

fn page(lab: &Lab, status: u16, body: &str) {
    let url = format!("https://gateway.example{PROTECTED_RESOURCE}");
    let page = Page { status, body: body.to_owned() };
    lab.machine(|facts| {
        facts.pages.insert(url, std::result::Result::Ok(page));
    });
}

#[tokio::test]
async fn the_public_address_is_tried_as_a_client_would() {
    let lab = Lab::healthy().await;
    lab.running(Lab::status());
    lab.finds("public-url", Fail, "connection refused", "gateway status").await;
    page(&lab, 200, r#"{"resource": "https://other.example/mcp"}"#);
    lab.finds("public-url", Fail, "names https://other.example/mcp", "server.public_url").await;
    page(&lab, 403, "Your request was blocked.");
    lab.finds("public-url", Fail, "bot rules of the provider", "Bot Fight Mode").await;
    page(&lab, 421, "");
    lab.finds("public-url", Fail, "421", "server.allowed_hosts").await;
    page(&lab, 502, "");
    lab.finds("public-url", Fail, "HTTP 502", "gateway status").await;
    page(&lab, 200, r#"{"resource": "https://gateway.example/mcp"}"#);
    assert_eq!(lab.look("public-url").await.finding.status, Ok);
}

#[tokio::test]
async fn a_proxy_of_the_owners_that_is_not_believed_is_a_warning() {
    let mut lab = Lab::healthy().await;
    let mut status = Lab::status();
    status["tunnel"] = json!({ "provider": "none", "state": "up", "detail": null, "hint": null });
    lab.running(status);
    page(&lab, 200, r#"{"resource": "https://gateway.example/mcp"}"#);
    lab.finds("public-url", Warn, "server.trusted_proxies", "X-Forwarded-For").await;
    lab.config = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n".to_owned();
    assert_eq!(lab.look("public-url").await.finding.status, Ok);
}

#[tokio::test]
async fn a_service_whose_restart_kills_agents_is_a_failure() {
    let lab = Lab::healthy().await;
    lab.machine(|facts| {
        let state = &mut facts.service.state;
        (state.installed, state.enabled, state.running) = (true, true, true);
        facts.service.kill_mode = Some("control-group".to_owned());
    });
    lab.finds("service", Fail, "KillMode is control-group", "gateway service install").await;
}

#[tokio::test]
async fn a_service_that_does_not_run_is_a_warning() {
    let lab = Lab::healthy().await;
    lab.machine(|facts| {
        let state = &mut facts.service.state;
        (state.installed, state.enabled) = (true, true);
        state.detail = Some("failed: exit-code, exit status 78".to_owned());
    });
    lab.finds("service", Warn, "exit status 78", "journalctl --user -u gateway").await;
}

#[tokio::test]
async fn a_service_that_would_open_no_tunnel_is_a_warning() {
    let mut lab = Lab::healthy().await;
    lab.config = String::new();
    lab.machine(|facts| {
        let state = &mut facts.service.state;
        (state.installed, state.enabled, state.running) = (true, true, true);
    });
    lab.finds("service", Warn, "where somebody watches", "provider = \"ngrok\"").await;
}

/// A gateway that runs as a service, with this `PATH`.
fn in_service(lab: &Lab, path: &str) -> ExclusiveLock {
    lab.machine(|facts| {
        facts.control_group =
            "0::/user.slice/user@1000.service/app.slice/gateway.service".to_owned();
        facts.variables.insert("PATH".to_owned(), path.to_owned());
    });
    let holder = Holder { pid: 4242, command: "gateway serve".to_owned(), since_millis: 0 };
    ExclusiveLock::acquire(&lab.at("state/gateway.lock"), &holder).unwrap()
}

#[tokio::test]
async fn a_service_that_finds_neither_git_nor_claude_is_told_of_from_outside() {
    let mut lab = Lab::healthy().await;
    lab.config += "[secrets]\nbackend = \"file\"\n";
    let held = in_service(&lab, "/nonexistent/bin");
    let line = lab.finds("service-inside", Fail, "git", "gateway service install").await;
    let cause = line.finding.detail.unwrap();
    assert!(cause.contains("its PATH is /nonexistent/bin") && cause.contains("claude"), "{cause}");
    drop(held);
    let _held_again = in_service(&lab, &lab.env["PATH"].clone());
    assert_eq!(lab.look("service-inside").await.finding.status, Ok);
}

#[tokio::test]
async fn within_the_service_its_own_environment_counts() {
    let mut lab = Lab::healthy().await;
    lab.config += "[secrets]\nbackend = \"file\"\n";
    lab.env.insert("INVOCATION_ID".to_owned(), "1".to_owned());
    lab.machine(|facts| facts.control_group = "0::/app.slice/gateway.service".to_owned());
    assert_eq!(lab.look("service-inside").await.finding.status, Ok);
    lab.remove_program("claude");
    lab.finds("service-inside", Fail, "neither in PATH", "executors.claude.command").await;
}

#[tokio::test]
async fn a_gateway_in_a_terminal_is_no_service() {
    let lab = Lab::healthy().await;
    let _held = in_service(&lab, "/nonexistent/bin");
    lab.machine(|facts| facts.control_group = "0::/user.slice/session-1.scope".to_owned());
    assert_eq!(lab.look("service-inside").await.finding.status, Skip);
}
