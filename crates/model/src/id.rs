//! Identifiers nobody chooses: 256 random bits, written as 64 hexadecimal digits as Docker writes its own.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a string is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {what} id: it must be 64 lower-case hexadecimal digits")]
pub struct InvalidId {
    what: &'static str,
}

/// Whether `start` is taken for the start of `id`: shorter ones are nobody's.
pub fn starts_id(start: &str, id: &str) -> bool {
    const SHORTEST: usize = 4;
    start.len() >= SHORTEST && id.starts_with(start)
}

fn parse(what: &'static str, text: &str) -> Result<[u8; 32], InvalidId> {
    let nibble = |b: u8| match b {
        b'0'..=b'9' => Ok(b - b'0'),
        b'a'..=b'f' => Ok(b - b'a' + 10),
        _ => Err(InvalidId { what }),
    };
    let text: &[u8; 64] = text.as_bytes().try_into().map_err(|_| InvalidId { what })?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Ok(bytes)
}

macro_rules! id {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type([u8; 32]);

        impl $type {
            /// The first of all in order, which nobody has.
            pub const LEAST: Self = Self([0; 32]);

            /// An identifier no one else has, from `rng`, which a simulation seeds.
            pub fn random(rng: &mut (impl rand::Rng + ?Sized)) -> Self {
                let mut bytes = [0; 32];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }

            /// Its 32 bytes.
            pub fn bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first twelve digits, which people read and type.
            pub fn short(&self) -> String {
                self.to_string()[..12].to_owned()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.short())
            }
        }

        impl FromStr for $type {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse($what, text).map(Self)
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(id: $type) -> String {
                id.to_string()
            }
        }
    };
}

id!(
    /// A network of the cluster.
    NetworkId,
    "network"
);
id!(
    /// A container's attachment to one network.
    EndpointId,
    "endpoint"
);
id!(
    /// A cluster: it stays the same wherever its store moves.
    ClusterId,
    "cluster"
);
id!(
    /// An installation of the agent: it stays the same over restarts, and tells a node that came back from
    /// another machine that took its name.
    NodeId,
    "node"
);
id!(
    /// A run of an agent, from its start to its end: it tells a node from a copy of it.
    Incarnation,
    "incarnation"
);
id!(
    /// An authority of a cluster: the SHA-256 of its certificate.
    AuthorityId,
    "authority"
);
id!(
    /// The key of a node: the SHA-256 of its public half (`SubjectPublicKeyInfo`, DER).
    KeyFingerprint,
    "key"
);
id!(
    /// A process started by `weft run`.
    ProcessId,
    "process"
);
id!(
    /// A container of an engine.
    ContainerId,
    "container"
);

impl From<[u8; 32]> for AuthorityId {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl From<AuthorityId> for [u8; 32] {
    fn from(id: AuthorityId) -> Self {
        id.0
    }
}

impl From<[u8; 32]> for KeyFingerprint {
    fn from(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = NetworkId::random(&mut rand::rng());
        assert_eq!(id.to_string().parse::<NetworkId>().unwrap(), id);
        assert_eq!(id.short(), id.to_string()[..12]);
    }

    #[test]
    fn a_start_is_taken_for_an_id_if_it_is_long_enough() {
        let taken = |start| starts_id(start, "0123abcd");
        assert!(taken("0123") && taken("0123abcd"));
        assert!(!taken("") && !taken("012") && !taken("0124") && !taken("0123abcd0"));
    }

    #[test]
    fn refuses_what_is_not_64_hex_digits() {
        for bad in ["", "abc", &"g".repeat(64), &"A".repeat(64), &"é".repeat(32)] {
            assert!(bad.parse::<EndpointId>().is_err(), "{bad}");
        }
    }
}
