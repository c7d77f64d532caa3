//! The way from one endpoint to another.

use super::Endpoint;
use serde::{Deserialize, Serialize};
use weft_model::Finding;

/// What was found on the way: the answer to `GET /weft/v1/explain?from=…&to=…&port=…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Where packets begin.
    pub from: Endpoint,
    /// Where they are to end.
    pub to: Endpoint,
    /// Whether packets that were sent came back; absent if none could be sent, and nothing that would keep them was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<bool>,
    /// What was found, in the order in which packets come by; then what came of packets that were sent.
    pub findings: Vec<Finding>,
}
