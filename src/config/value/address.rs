//! Addresses and host names.
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::{InvalidValue, text_value};

/// Where to listen: an IP address and a port; port 0 lets the system choose a free one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ListenAddr(pub SocketAddr);

text_value!(ListenAddr, "an address and port such as \"127.0.0.1:8765\" or \"[::1]:8765\"");

impl ListenAddr {
    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.0.ip().to_canonical().is_loopback()
    }
}

impl FromStr for ListenAddr {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        text.parse()
            .map(Self)
            .map_err(|_| InvalidValue::new("an IP address, a colon and a port from 0 to 65535"))
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A host as a `Host` header or a domain names it, in lower case and without a port.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HostName(String);

text_value!(HostName, "a host name such as \"gateway.example.org\", without scheme, port or path");

impl HostName {
    /// The name in lower case; an IPv6 address has its brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let name = text.to_ascii_lowercase();
        let is_v6 = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
            .is_some_and(|name| name.parse::<std::net::Ipv6Addr>().is_ok());
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if is_v6 || (name.len() <= 253 && name.split('.').all(is_label)) {
            return Ok(Self(name));
        }
        Err(InvalidValue::new(
            "letters, digits, hyphens and dots only: no scheme, port, path or `*`",
        ))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A host and a port to connect to.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ServerAddr {
    host: HostName,
    port: u16,
}

text_value!(ServerAddr, "a host and port such as \"connect.example.org:443\"");

impl ServerAddr {
    /// The host.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.as_str()
    }

    /// The port; never zero.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ServerAddr {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (host, port) =
            text.rsplit_once(':').ok_or_else(|| InvalidValue::new("a host, a colon and a port"))?;
        let port = port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(|| InvalidValue::new("the port is a number from 1 to 65535"))?;
        Ok(Self { host: host.parse()?, port })
    }
}

impl fmt::Display for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A range of IP addresses, such as `10.0.0.0/8`; an address alone is a range of one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Network {
    base: IpAddr,
    prefix_bits: u8,
}

text_value!(Network, "an IP address or a range such as \"10.0.0.0/8\"");

impl Network {
    /// The range's first address, and how many leading bits count.
    #[must_use]
    pub const fn parts(&self) -> (IpAddr, u8) {
        (self.base, self.prefix_bits)
    }

    /// Whether `addr` lies in the range; an IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, addr: IpAddr) -> bool {
        match (self.base, addr.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(addr)) => {
                let shift = 32 - u32::from(self.prefix_bits);
                let cut = |ip: u32| ip.checked_shr(shift).unwrap_or(0);
                cut(base.to_bits()) == cut(addr.to_bits())
            }
            (IpAddr::V6(base), IpAddr::V6(addr)) => {
                let shift = 128 - u32::from(self.prefix_bits);
                let cut = |ip: u128| ip.checked_shr(shift).unwrap_or(0);
                cut(base.to_bits()) == cut(addr.to_bits())
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (addr, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let base: IpAddr = addr
            .parse()
            .map_err(|_| InvalidValue::new("an IP address, optionally `/` and a number of bits"))?;
        let width: u8 = if base.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            None => width,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= width)
                .ok_or_else(|| InvalidValue::new(format!("the bits go from 0 to {width}")))?,
        };
        Ok(Self { base, prefix_bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own_addresses_only() {
        let ten: Network = "10.0.0.0/8".parse().unwrap();
        assert!(ten.contains("10.255.0.1".parse().unwrap()));
        assert!(ten.contains("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!ten.contains("11.0.0.1".parse().unwrap()));
        assert!(!ten.contains("::1".parse().unwrap()));
        let all: Network = "::/0".parse().unwrap();
        assert!(all.contains("2001:db8::1".parse().unwrap()));
        let one: Network = "192.0.2.7".parse().unwrap();
        assert!(one.contains("192.0.2.7".parse().unwrap()));
        assert!(!one.contains("192.0.2.8".parse().unwrap()));
        for bad in ["10.0.0.0/33", "::/129", "ten", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_name_has_no_scheme_port_path_or_wildcard() {
        assert_eq!("Gate.Example.ORG".parse::<HostName>().unwrap().as_str(), "gate.example.org");
        assert!("[::1]".parse::<HostName>().is_ok());
        for bad in ["", "https://a.b", "a.b:1", "a.b/c", "*.a.b", "a..b", "-a.b", "a b", "::1"] {
            assert!(bad.parse::<HostName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_server_address_needs_a_port() {
        let addr: ServerAddr = "[::1]:443".parse().unwrap();
        assert_eq!((addr.host(), addr.port()), ("[::1]", 443));
        for bad in ["edge.example.org", "edge.example.org:0", "edge.example.org:65536", ":443"] {
            assert!(bad.parse::<ServerAddr>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mapped_loopback_address_is_loopback() {
        for (text, loopback) in [
            ("127.0.0.1:0", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
        ] {
            assert_eq!(text.parse::<ListenAddr>().unwrap().is_loopback(), loopback, "{text}");
        }
    }
}
