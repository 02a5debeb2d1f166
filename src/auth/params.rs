//! Parameters of a query or form (`application/x-www-form-urlencoded`): pure.

/// Most parameters that a request may carry.
const COUNT_MAX: usize = 64;

/// Decoded parameters, in the order they came. Values stay bytes, so that `state` is exact.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, Vec<u8>)>);

/// Parameters that nobody can be answered by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidParams {
    /// One that may come once came twice (RFC 6749 §3.1).
    #[error("the parameter {0} was sent more than once")]
    Duplicate(&'static str),
    /// One that must be text is none.
    #[error("the parameter {0} is not UTF-8 text")]
    NotText(&'static str),
    /// More parameters than any client sends.
    #[error("there are more than 64 parameters")]
    TooMany,
}

impl Params {
    /// Decodes a query or a form body. What percent escapes cannot be decoded stays as it is.
    ///
    /// # Errors
    ///
    /// [`InvalidParams::TooMany`].
    pub fn parse(encoded: &[u8]) -> Result<Self, InvalidParams> {
        let mut pairs = Vec::new();
        for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == COUNT_MAX {
                return Err(InvalidParams::TooMany);
            }
            let split = pair.iter().position(|byte| *byte == b'=');
            let (name, value) =
                split.map_or((pair, &pair[..0]), |at| (&pair[..at], &pair[at + 1..]));
            let name = String::from_utf8_lossy(&decode(name)).into_owned();
            pairs.push((name, decode(value)));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter that may come once; an empty one counts as absent (RFC 6749 §3.1).
    ///
    /// # Errors
    ///
    /// [`InvalidParams::Duplicate`].
    pub fn bytes(&self, name: &'static str) -> Result<Option<&[u8]>, InvalidParams> {
        let mut values = self.0.iter().filter(|(it, _)| it == name);
        let first = values.next();
        if values.next().is_some() {
            return Err(InvalidParams::Duplicate(name));
        }
        Ok(first.map(|(_, value)| value.as_slice()).filter(|value| !value.is_empty()))
    }

    /// Like [`Params::bytes`], as text.
    ///
    /// # Errors
    ///
    /// [`InvalidParams::Duplicate`] or [`InvalidParams::NotText`].
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, InvalidParams> {
        let bytes = self.bytes(name)?;
        bytes
            .map(|it| std::str::from_utf8(it).map_err(|_| InvalidParams::NotText(name)))
            .transpose()
    }

    /// All values of a parameter that may come more than once, such as `resource` (RFC 8707 §2).
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.as_slice())
    }
}

/// Undoes percent-encoding and `+` for space.
pub(super) fn decode(encoded: &[u8]) -> Vec<u8> {
    let digit = |at: usize| encoded.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut at = 0;
    while let Some(byte) = encoded.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(u8::MAX));
                at += 3;
                continue;
            }
            (b'+', ..) => decoded.push(b' '),
            _ => decoded.push(*byte),
        }
        at += 1;
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_once_and_empty_ones_are_absent() {
        let params = Params::parse(b"a=1&b=x%2By+z&c=&d&e=%zz%4&%66=%C3%A9").unwrap();
        assert_eq!(params.text("a"), Ok(Some("1")));
        assert_eq!(params.text("b"), Ok(Some("x+y z")));
        assert_eq!(params.text("c"), Ok(None));
        assert_eq!(params.text("d"), Ok(None));
        assert_eq!(params.text("e"), Ok(Some("%zz%4")));
        assert_eq!(params.text("f"), Ok(Some("é")));
        assert_eq!(params.text("nothing"), Ok(None));
    }

    #[test]
    fn a_parameter_sent_twice_is_an_error_also_when_the_values_agree() {
        let params = Params::parse(b"a=1&a=1&b=&b=2").unwrap();
        assert_eq!(params.text("a"), Err(InvalidParams::Duplicate("a")));
        assert_eq!(params.text("b"), Err(InvalidParams::Duplicate("b")));
        assert_eq!(params.all("a").count(), 2);
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_as_bytes() {
        let params = Params::parse(b"state=%ff%00").unwrap();
        assert_eq!(params.bytes("state"), Ok(Some(&[0xff, 0][..])));
        assert_eq!(params.text("state"), Err(InvalidParams::NotText("state")));
    }

    #[test]
    fn more_parameters_than_any_client_sends_are_refused() {
        let many = "a=1&".repeat(65);
        assert_eq!(Params::parse(many.as_bytes()).unwrap_err(), InvalidParams::TooMany);
    }
}
