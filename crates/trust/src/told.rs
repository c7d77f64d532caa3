//! What a host that joins is told, since the store may be silent about it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use weft_model::{NodeId, NodeName, Revocation};

/// What hosts remember of the nodes, whatever the store says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The highest number of a statement of each node.
    #[serde(default)]
    pub serials: BTreeMap<NodeName, u64>,
    /// The nodes that are believed no more.
    #[serde(default)]
    pub revoked: BTreeMap<NodeId, Revocation>,
}
