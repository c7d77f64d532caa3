//! Where a host takes encrypted packets, and by which key it is known there.

use crate::Extra;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The public half of a host's key for encrypted packets: a point of Curve25519 (RFC 7748), written in base64 as `wg` does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TunnelKey([u8; 32]);

/// Why a text is no such key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid tunnel key: it must be 32 bytes in base64, and not all zeros")]
pub struct InvalidTunnelKey;

impl TunnelKey {
    /// The key of these bytes. All zeros are nobody's: the kernel takes them for none.
    ///
    /// # Errors
    /// If they are all zeros.
    pub fn new(bytes: [u8; 32]) -> Result<Self, InvalidTunnelKey> {
        if bytes == [0; 32] { Err(InvalidTunnelKey) } else { Ok(Self(bytes)) }
    }

    /// Its bytes, as they are on the wire.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for TunnelKey {
    type Err = InvalidTunnelKey;
    fn from_str(text: &str) -> Result<Self, InvalidTunnelKey> {
        let bytes = STANDARD.decode(text).map_err(|_| InvalidTunnelKey)?;
        Self::new(bytes.try_into().map_err(|_| InvalidTunnelKey)?)
    }
}

impl TryFrom<String> for TunnelKey {
    type Error = InvalidTunnelKey;
    fn try_from(text: String) -> Result<Self, InvalidTunnelKey> {
        text.parse()
    }
}

impl From<TunnelKey> for String {
    fn from(key: TunnelKey) -> Self {
        STANDARD.encode(key.0)
    }
}

impl fmt::Display for TunnelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for TunnelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A host's end of the tunnels to the others, in its [`Node`](crate::Node) record: there if its agent can encrypt. The
/// tunnels are WireGuard's, and begin at the host's VTEP. Its address inside of them follows from the node's id, and is not
/// said: nobody can claim another's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelEnd {
    /// What its packets are encrypted to.
    pub key: TunnelKey,
    /// The UDP port it takes encrypted packets on.
    pub port: u16,
    /// The version of the agent that said so. One of before, in its place, carries this along and cannot encrypt.
    pub version: String,
    /// Whether others cannot reach it, but for answering: it keeps its tunnels open itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub behind_nat: bool,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_written_as_wg_does() {
        let text = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
        let key: TunnelKey = text.parse().unwrap();
        assert_eq!((key.to_string(), String::from(key)), (text.to_owned(), text.to_owned()));
        let zeros = STANDARD.encode([0; 32]);
        for bad in ["", "x", &zeros, "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D==", &text[..40]] {
            assert_eq!(bad.parse::<TunnelKey>(), Err(InvalidTunnelKey), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_key_can_be_read_back(bytes: [u8; 32]) {
            let key = TunnelKey::new(bytes);
            prop_assume!(key.is_ok());
            prop_assert_eq!(key.unwrap().to_string().parse(), key);
        }

        #[test]
        fn reading_anything_does_not_panic(text in ".{0,60}") {
            let _ = text.parse::<TunnelKey>();
        }
    }
}
