//! What can be told of a file of git's index without starting git.
use super::oid::ObjectFormat;

/// Of an entry's flags: assumed unchanged, further flags, and the stage of a conflict.
const SPECIAL: u16 = 0xf000;

/// What was found in an index.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Index {
    /// Whether every entry stands for a file that git looks at and that has no conflict, and no
    /// second file is needed: then it says of the working tree what a fresh one would.
    pub(super) plain: bool,
    /// Whether there may be a `.gitattributes` somewhere.
    pub(super) attributes: bool,
}

impl Index {
    /// Reads an index; of one that is not understood the worst is assumed.
    pub(super) fn read(bytes: &[u8], format: ObjectFormat) -> Self {
        look(bytes, format).unwrap_or(Self { plain: false, attributes: true })
    }
}

/// `None` for versions and extensions that are not known, and for what is cut off.
fn look(bytes: &[u8], format: ObjectFormat) -> Option<Index> {
    let version = number(bytes, 4)?;
    // In version 4 a name is written as its difference from the one before.
    if !bytes.starts_with(b"DIRC") || !matches!(version, 2..=4) {
        return None;
    }
    let hash = format.digits() / 2;
    let mut found = Index { plain: version != 3, attributes: version == 4 };
    let mut at = 12;
    for _ in 0..number(bytes, 8)? {
        // Ten numbers of what the disk said, the object, the flags, the name.
        let mut name = at + 40 + hash + 2;
        let flags = bytes.get(name - 2..name)?;
        found.plain &= u16::from_be_bytes([flags[0], flags[1]]) & SPECIAL == 0;
        if version == 4 {
            // How much of the last name stays: each byte says whether another follows.
            name += bytes.get(name..)?.iter().position(|byte| byte & 0x80 == 0)? + 1;
        }
        let end = name + bytes.get(name..)?.iter().position(|byte| *byte == 0)?;
        found.attributes |= bytes[name..end].ends_with(b".gitattributes");
        at = if version == 4 { end + 1 } else { at + ((end - at) / 8 + 1) * 8 };
    }
    // Extensions: those with a small first letter change what the entries mean.
    while at + hash < bytes.len() {
        if !bytes[at].is_ascii_uppercase() {
            return None;
        }
        at += 8 + usize::try_from(number(bytes, at + 4)?).ok()?;
    }
    (at + hash == bytes.len()).then_some(found)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}
