//! Whether hosted clients find the address: they come by https on port 443, over IPv4.
use std::net::IpAddr;

use url::Url;

use crate::auth::is_public;
use crate::cli::doctor::walk::{Step, Trouble};

/// Looks the name up and judges what it leads to.
pub(super) async fn look(base: &Url) -> Step<()> {
    let host = base.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = base.port_or_known_default().unwrap_or(443);
    let found = tokio::net::lookup_host((host.as_str(), port)).await;
    let found = found.map_err(|error| {
        Trouble::new(format!("the name {host} has no address: {error}"))
            .with_fix("correct `server.public_url`, or add the name to your DNS")
    })?;
    let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    judge(base, &addresses).map(|summary| (summary, ()))
}

/// What the hosted clients would make of it.
fn judge(base: &Url, addresses: &[IpAddr]) -> Result<String, Trouble> {
    let host = base.host_str().unwrap_or_default();
    if addresses.iter().all(IpAddr::is_loopback) {
        return Ok(format!("{host} is this machine: programs here reach it, and nobody else"));
    }
    if base.scheme() != "https" || base.port().is_some() {
        return Err(Trouble::new(format!("{base} is not https on port 443")).with_fix(
            "let your proxy serve the address on port 443; hosted clients use no other",
        ));
    }
    let reachable = addresses.iter().find(|it| it.is_ipv4() && is_public(**it));
    if let Some(address) = reachable {
        return Ok(format!("{host} leads to {address}, port 443"));
    }
    let list = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(Trouble::new(format!("{host} has no public IPv4 address, only {list}")).with_fix(
        "give the name an A record with a public address; Claude and ChatGPT come over IPv4",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(base: &str, addresses: &[&str]) -> Result<String, String> {
        let addresses: Vec<IpAddr> = addresses.iter().map(|it| it.parse().unwrap()).collect();
        judge(&Url::parse(base).unwrap(), &addresses).map_err(|trouble| trouble.cause)
    }

    #[test]
    fn a_public_ipv4_address_on_port_443_is_what_hosted_clients_reach() {
        let well = judged("https://h.example", &["2606:4700::1", "104.16.1.1"]).unwrap();
        assert_eq!(well, "h.example leads to 104.16.1.1, port 443");
        for (base, addresses, part) in [
            ("https://h.example", &["2606:4700::1"][..], "no public IPv4"),
            ("https://h.example", &["100.100.1.1", "192.168.1.2"], "no public IPv4"),
            ("https://h.example:8443", &["104.16.1.1"], "not https on port 443"),
            ("http://h.example", &["104.16.1.1"], "not https on port 443"),
        ] {
            let cause = judged(base, addresses).unwrap_err();
            assert!(cause.contains(part), "{cause}");
        }
        assert!(judged("http://localhost:8765", &["127.0.0.1"]).unwrap().contains("this machine"));
    }
}
