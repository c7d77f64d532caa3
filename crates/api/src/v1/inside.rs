//! What a bug report needs besides.

use serde::{Deserialize, Serialize};

/// The answer to `GET /weft/v1/debug`. The agent's secrets are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebugInfo {
    /// What the agent was told at its start, for people.
    pub settings: String,
    /// The last lines of its log, oldest first.
    pub log: Vec<String>,
    /// The keys of the cluster in the store.
    pub keys: Vec<StoredKey>,
    /// Why these could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_error: Option<String>,
}

/// A key in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKey {
    /// The whole of it.
    pub key: String,
    /// The size of its value.
    pub bytes: usize,
}
