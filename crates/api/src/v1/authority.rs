//! The authority of a signed cluster.

use serde::{Deserialize, Serialize};
use weft_model::{AuthorityId, NodeName};

/// Whom the cluster believes who its nodes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// The authorities by the SHA-256 of their certificates, the newest first: several while one is being replaced.
    pub believed: Vec<AuthorityId>,
    /// The nodes that have the key of the newest.
    pub holders: Vec<NodeName>,
    /// The nodes that have no certificate by the newest yet.
    pub behind: Vec<NodeName>,
}

/// How the authority is to be replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotate {
    /// Only have nobody believe those before the newest any more.
    #[serde(default)]
    pub finish: bool,
}
