//! What an error comes down to.
use std::error::Error;

/// The innermost cause: "connection refused" rather than "error sending request for url".
#[must_use]
pub fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_cause_is_told() {
        #[derive(Debug, thiserror::Error)]
        #[error("error sending request")]
        struct Outer(#[source] std::io::Error);
        assert_eq!(root_cause(&Outer(std::io::Error::other("refused"))), "refused");
        assert_eq!(root_cause(&std::io::Error::other("refused")), "refused");
    }
}
