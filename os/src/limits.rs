//! What the system lets this user's processes have.
use std::io;

/// A limit and how far it may be raised; `None` is unlimited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limit {
    /// What is in force.
    pub soft: Option<u64>,
    /// What `ulimit` may set it to.
    pub hard: Option<u64>,
}

/// How many files this process may hold open.
///
/// # Errors
///
/// `Unsupported` on Windows.
pub fn open_files() -> io::Result<Limit> {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        Ok(Limit { soft: limit.current, hard: limit.maximum })
    }
    #[cfg(not(unix))]
    Err(crate::unsupported("a limit of open files"))
}

/// How many files and folders this user's processes may watch for changes together.
///
/// # Errors
///
/// `Unsupported` outside Linux.
pub fn watches() -> io::Result<u64> {
    #[cfg(target_os = "linux")]
    {
        let text = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_watches")?;
        text.trim().parse().map_err(io::Error::other)
    }
    #[cfg(not(target_os = "linux"))]
    Err(crate::unsupported("a limit of watched files"))
}

/// The memory that programs can still get without swapping, in bytes.
///
/// # Errors
///
/// `Unsupported` outside Linux.
pub fn memory_available() -> io::Result<u64> {
    #[cfg(target_os = "linux")]
    {
        let text = std::fs::read_to_string("/proc/meminfo")?;
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
    #[cfg(not(target_os = "linux"))]
    Err(crate::unsupported("measuring free memory"))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_limits_and_the_machine_memory() {
        let limit = open_files().unwrap();
        assert!(limit.soft.is_none_or(|soft| soft > 0), "{limit:?}");
        assert!(watches().unwrap() > 0);
        assert!(memory_available().unwrap() > 0);
    }
}
