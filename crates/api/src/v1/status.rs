//! How a node is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};
use weft_model::{NodeId, NodeName};

/// The answer to `GET /weft/v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The node's name.
    pub node: NodeName,
    /// Its installation.
    pub id: NodeId,
    /// Its agent's version.
    pub version: String,
    /// When the agent started.
    pub started: Timestamp,
    /// The address it advertises.
    pub advertise: IpAddr,
    /// Where it receives VXLAN packets.
    pub vtep: IpAddr,
    /// The UDP port it receives them on.
    pub vxlan_port: u16,
    /// Where its files are.
    pub data_dir: PathBuf,
    /// The store.
    pub store: Store,
    /// The container engine whose driver the node is; absent before it was looked for, or if it is to be left
    /// alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// How much there is of what.
    pub counts: BTreeMap<String, usize>,
    /// The last time the data plane was looked at; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// What somebody should look at, one sentence each.
    pub problems: Vec<String>,
}

/// The store, as seen from the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// As in `--cluster-store`, without secrets.
    pub url: String,
    /// Since when it is as it is.
    pub since: Timestamp,
    /// Why it is out of reach; absent while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The container engine, as seen from the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Its socket.
    pub address: String,
    /// Since when it answers, or does not.
    pub since: Timestamp,
    /// Its version; absent while it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One look at the data plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Round {
    /// When it ended.
    pub at: Timestamp,
    /// How long it took, in microseconds.
    pub took_us: u64,
    /// How many steps were carried out.
    pub steps: usize,
    /// The steps that failed, and why.
    pub failures: Vec<String>,
}

/// The answer to `GET /weft/v1/plan`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What the next round would change on the node, in order. Normally nothing.
    pub steps: Vec<String>,
}
