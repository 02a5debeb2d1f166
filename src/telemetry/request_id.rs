//! [`RequestId`]: what joins the log lines of one request.
use std::fmt;

use crate::clock::Entropy;

/// 64 random bits, printed as 16 hex digits. Not a secret: a 5xx shows it to find its log line.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct RequestId(u64);

impl RequestId {
    /// A new id.
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self(u64::from_be_bytes(entropy.bytes()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededEntropy;

    #[test]
    fn an_id_is_sixteen_hex_digits_and_new_every_time() {
        let entropy = SeededEntropy::new(7);
        let (one, two) = (RequestId::new(&entropy), RequestId::new(&entropy));
        assert_ne!(one, two);
        let text = one.to_string();
        assert!(text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit()), "{text}");
        assert_eq!(RequestId(1).to_string(), "0000000000000001");
    }
}
