//! What a container runtime calls something that it has put on a network.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What a container runtime calls one of its attachments: `podman:<container>/<network>`. Who attaches with a key again gets
/// the same endpoint, and detaches by it: neither a name nor a namespace has to be known for that.
///
/// 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OwnerKey(String);

/// Why a text is no such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an owner's key is 1 to {MAX} visible ASCII characters, without spaces")]
pub struct InvalidOwnerKey;

/// The longest key, in bytes.
const MAX: usize = 255;

impl OwnerKey {
    /// The key as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OwnerKey {
    type Err = InvalidOwnerKey;

    fn from_str(text: &str) -> Result<Self, InvalidOwnerKey> {
        let fits = !text.is_empty() && text.len() <= MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned())).ok_or(InvalidOwnerKey)
    }
}

impl TryFrom<String> for OwnerKey {
    type Error = InvalidOwnerKey;

    fn try_from(text: String) -> Result<Self, InvalidOwnerKey> {
        text.parse()
    }
}

impl From<OwnerKey> for String {
    fn from(key: OwnerKey) -> Self {
        key.0
    }
}

impl fmt::Display for OwnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_can_be_seen() {
        let longest = "k".repeat(MAX);
        for key in ["podman:4fd44ca1/9f18421d", "x", &longest] {
            assert_eq!(key.parse::<OwnerKey>().unwrap().as_str(), key);
        }
        for bad in ["", "a b", "a\n", "a\0b", "ü", &format!("{longest}k")] {
            assert_eq!(bad.parse::<OwnerKey>(), Err(InvalidOwnerKey), "{bad:?}");
        }
    }
}
