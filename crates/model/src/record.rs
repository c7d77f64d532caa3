//! What every record in the store has in common: JSON, read strictly, and carrying unknown fields along so
//! that an older agent's rewrite loses nothing a newer one wrote.

use crate::{ClusterId, EndpointId, NodeName};
use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error},
};
use std::net::IpAddr;

/// Fields of a record that this version does not know.
pub type Extra = serde_json::Map<String, serde_json::Value>;

/// A value in the store that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not a {what} record of this version: {source}")]
pub struct InvalidRecord {
    what: &'static str,
    source: serde_json::Error,
}

impl InvalidRecord {
    /// A record that is well-formed, and cannot be what it says.
    pub fn refused(what: &'static str, why: &str) -> Self {
        Self { what, source: serde::de::Error::custom(why) }
    }
}

/// A value kept under one of the [`Key`](crate::Key)s.
pub trait Record: Serialize + DeserializeOwned {
    /// What it is called in messages.
    const WHAT: &'static str;

    /// Reads a record from the bytes in the store.
    ///
    /// # Errors
    /// [`InvalidRecord`] if another program, or an incompatible version, wrote it.
    fn from_json(json: &[u8]) -> Result<Self, InvalidRecord> {
        serde_json::from_slice(json).map_err(|source| InvalidRecord { what: Self::WHAT, source })
    }

    /// The bytes to store. Every record can be written: none has a map with keys that are not strings.
    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The holder of an address: the value of a [`Key::Claim`](crate::Key::Claim).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The node that took it.
    pub node: NodeName,
    /// The endpoint it is for.
    pub endpoint: EndpointId,
    /// The last [`Rebuilt`] its node had dealt with when it wrote this: where there was another since, it may be
    /// what the store had before, and somebody else's by now.
    #[serde(default, skip_serializing_if = "is_never")]
    pub rebuilt: u64,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

pub(crate) fn is_never(times: &u64) -> bool {
    *times == 0
}

impl Record for crate::NetworkId {
    const WHAT: &'static str = "network id";
}

impl Record for Claim {
    const WHAT: &'static str = "address claim";
}

/// The highest number that every JSON parser reads exactly.
pub(crate) const HIGHEST_COUNT: u64 = (1 << 53) - 1;

/// A number that things were counted up to: no higher than every JSON parser reads exactly (RFC 8259 §6), so that
/// there is a next one.
pub(crate) fn a_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let count = u64::deserialize(deserializer)?;
    if count <= HIGHEST_COUNT {
        Ok(count)
    } else {
        Err(D::Error::custom(format!("{count} is no count of anything")))
    }
}

/// The address a pool handed out last: the value of a [`Key::Cursor`](crate::Key::Cursor). The next one is
/// looked for after it, so that an address just released is not handed out again at once. It decides
/// nothing and is written blindly: a stale cursor costs an attempt, never correctness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last address handed out.
    pub last: IpAddr,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Record for Cursor {
    const WHAT: &'static str = "pool cursor";
}

/// The endpoint that a node took addresses for last: the value of a [`Key::Latest`](crate::Key::Latest). It decides
/// nothing. Only the node itself writes it, every time; so a store in which it was written earlier than before has been
/// brought back from a backup, and lacks what the node has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest {
    /// The endpoint, which may be gone since.
    pub endpoint: EndpointId,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Record for Latest {
    const WHAT: &'static str = "latest endpoint of a node";
}

/// A pool that a node keeps for a network which an engine is creating there: the value of a
/// [`Key::PoolReservation`](crate::Key::PoolReservation). Engines ask for the pool before they tell of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolReservation {
    /// The node that keeps it.
    pub node: NodeName,
    /// Since when.
    pub created: Timestamp,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Record for PoolReservation {
    const WHAT: &'static str = "pool hold";
}

/// That the store lost something, and the nodes put it back: the value of [`Key::Rebuilt`](crate::Key::Rebuilt).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuilt {
    /// How often that happened so far.
    #[serde(deserialize_with = "a_count")]
    pub times: u64,
    /// The node that noticed.
    pub by: NodeName,
    /// When it did.
    pub at: Timestamp,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Record for Rebuilt {
    const WHAT: &'static str = "mark of a rebuild";
}

/// Which cluster the store belongs to: the value of [`Key::Cluster`](crate::Key::Cluster). Every node keeps the id on
/// its disk, too, so that it does not use the store of another cluster. Earlier agents neither write nor read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterRecord {
    /// The cluster.
    pub id: ClusterId,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Record for ClusterRecord {
    const WHAT: &'static str = "cluster's id";
}
