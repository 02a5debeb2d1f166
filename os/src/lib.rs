//! All that differs between Linux, macOS and Windows; nothing else has `cfg(target_os)`.
