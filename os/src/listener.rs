//! Which process listens on a port.
use std::io;

/// A process as people know it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listener {
    /// Its process id.
    pub pid: u32,
    /// Its short name.
    pub name: String,
}

/// A process that listens on TCP port `port` of any local address; `None` when there is none, or
/// it belongs to somebody else and the system does not tell.
///
/// # Errors
///
/// `Unsupported` outside Linux; when procfs does not answer.
pub fn on_port(port: u16) -> io::Result<Option<Listener>> {
    #[cfg(target_os = "linux")]
    return linux::on_port(port);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = port;
        Err(crate::unsupported("telling who listens on a port"))
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::fs;
    use std::io;

    use super::Listener;

    /// proc(5): the state of a socket that listens.
    const LISTENING: &str = "0A";

    pub(super) fn on_port(port: u16) -> io::Result<Option<Listener>> {
        let mut sockets = BTreeSet::new();
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            // A kernel without IPv6 has no second table.
            let text = fs::read_to_string(table).unwrap_or_default();
            sockets.extend(text.lines().skip(1).filter_map(|line| listening(line, port)));
        }
        if sockets.is_empty() {
            return Ok(None);
        }
        for entry in fs::read_dir("/proc")?.flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            // Other users' processes do not show their files.
            let Ok(files) = fs::read_dir(entry.path().join("fd")) else { continue };
            let targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
            if targets.filter_map(|target| inode(target.to_str()?)).any(|i| sockets.contains(&i)) {
                let name = crate::process::name(pid).unwrap_or_default();
                return Ok(Some(Listener { pid, name }));
            }
        }
        Ok(None)
    }

    /// The inode of a line of `/proc/net/tcp` that listens on `port`.
    fn listening(line: &str, port: u16) -> Option<u64> {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, hex) = fields.get(1)?.rsplit_once(':')?;
        let same = u16::from_str_radix(hex, 16).ok()? == port && *fields.get(3)? == LISTENING;
        same.then(|| fields.get(9)?.parse().ok()).flatten()
    }

    /// The inode of a descriptor's target such as `socket:[12345]`.
    fn inode(target: &str) -> Option<u64> {
        target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_listener_of_a_port_is_found_until_it_is_gone() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let found = on_port(port).unwrap().unwrap();
        assert_eq!(found.pid, std::process::id());
        assert!(!found.name.is_empty());
        drop(socket);
        assert_eq!(on_port(port).unwrap(), None);
    }
}
