//! Leaving the cluster.

use serde::{Deserialize, Serialize};

/// How this agent's host is to leave its cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// Also if something is on networks here, or what this host has in the cluster cannot be given back.
    #[serde(default)]
    pub force: bool,
    /// With everything that is in the data directory.
    #[serde(default)]
    pub purge: bool,
    /// Only say whether it could.
    #[serde(default)]
    pub dry_run: bool,
}

/// That the host has left; its agent ends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// What could not be given back or removed, for people.
    #[serde(default)]
    pub behind: Vec<String>,
}
