//! The client's address behind an own reverse proxy: believed only from the proxies that the owner
//! named, and only the part that they wrote.
use std::net::IpAddr;

use http::HeaderMap;

/// A proxy, or a network of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TrustedProxy {
    /// The network's address.
    pub network: IpAddr,
    /// How many leading bits count: 32 or 128 for a single machine.
    pub prefix: u8,
}

impl TrustedProxy {
    fn contains(&self, address: IpAddr) -> bool {
        let prefix = u32::from(self.prefix);
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32_u32.saturating_sub(prefix);
                let cut = |bits: u32| bits.checked_shr(shift).unwrap_or(0);
                cut(network.to_bits()) == cut(address.to_bits())
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128_u32.saturating_sub(prefix);
                let cut = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
                cut(network.to_bits()) == cut(address.to_bits())
            }
            _ => false,
        }
    }
}

/// The client behind `peer`: the last address in `X-Forwarded-For` that is no trusted proxy.
pub(super) fn forwarded_for(peer: IpAddr, headers: &HeaderMap, trusted: &[TrustedProxy]) -> IpAddr {
    let is_trusted = |address| trusted.iter().any(|proxy| proxy.contains(address));
    if trusted.is_empty() || !is_trusted(peer) {
        return peer;
    }
    let values: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let mut client = peer;
    for hop in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// Whether a proxy passed the request on, by its own account. Programs that call by themselves send
/// none of these headers.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    const NAMES: [&str; 8] = [
        "forwarded",
        "via",
        "cdn-loop",
        "true-client-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-real-ip",
        "x-remote-ip",
    ];
    // Families of headers, each by the proxy or host that writes them.
    const FAMILIES: [&str; 6] =
        ["x-forwarded", "x-original-", "x-envoy-", "cf-", "fly-", "tailscale-"];
    headers.keys().any(|name| {
        let name = name.as_str();
        NAMES.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let trusted = [
            TrustedProxy { network: "127.0.0.1".parse().unwrap(), prefix: 32 },
            TrustedProxy { network: "10.0.0.0".parse().unwrap(), prefix: 8 },
        ];
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        forwarded_for(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_header_from_anybody_else_changes_nothing() {
        assert_eq!(client("192.0.2.9", &["198.51.100.1"]), "192.0.2.9");
    }

    #[test]
    fn the_last_hop_that_is_no_proxy_is_the_client_whatever_it_claims_itself() {
        assert_eq!(client("127.0.0.1", &["203.0.113.5, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["203.0.113.5, 198.51.100.1, 10.1.2.3"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["203.0.113.5", "198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn a_request_that_any_proxy_has_marked_is_forwarded() {
        for name in [
            "forwarded",
            "via",
            "x-forwarded",
            "x-forwarded-for",
            "x-forwarded-prefix",
            "x-real-ip",
            "x-client-ip",
            "x-cluster-client-ip",
            "x-original-forwarded-for",
            "true-client-ip",
            "cdn-loop",
            "cf-connecting-ip",
            "cf-ray",
            "fly-client-ip",
            "tailscale-user-login",
            "x-envoy-external-address",
        ] {
            let name: http::HeaderName = name.parse().unwrap();
            let headers = [(name.clone(), "x".parse().unwrap())].into_iter().collect();
            assert!(is_forwarded(&headers), "{name}");
        }
        let plain = ["host", "accept", "authorization", "user-agent", "x-request-id", "mcp-method"];
        let plain = plain.map(|name| (name.parse().unwrap(), "x".parse().unwrap()));
        assert!(!is_forwarded(&plain.into_iter().collect()));
    }

    #[test]
    fn garbage_ends_the_walk() {
        assert_eq!(client("127.0.0.1", &["203.0.113.5, garbage"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
    }
}
