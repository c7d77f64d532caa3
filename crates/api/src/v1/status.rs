//! How a node is.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};
use weft_model::{ClusterId, EndpointId, EndpointName, NetworkId, NetworkName, NodeId, NodeName, Trust};

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
    /// The UDP port it receives the packets of encrypted networks on; absent where its version cannot encrypt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel_port: Option<u16>,
    /// Where its files are.
    pub data_dir: PathBuf,
    /// Whether it is in the cluster, as the store has it.
    #[serde(default)]
    pub joined: bool,
    /// Whose word it takes for where the other nodes are.
    #[serde(default)]
    pub trust: Trust,
    /// The store.
    pub store: Store,
    /// The container engine that this node is a driver of; absent before it was looked for, or if it is to be left
    /// alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<Engine>,
    /// How much there is of what.
    pub counts: BTreeMap<String, usize>,
    /// How many containers that are no engine's leave through this host.
    #[serde(default)]
    pub leaving: usize,
    /// How many keys the store has of kinds that this version does not know, by their kind: a later version's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown_keys: BTreeMap<String, usize>,
    /// The nodes of the cluster that are down.
    #[serde(default)]
    pub down: Vec<Down>,
    /// Whether the kernel holds exactly what the cluster says; absent before it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<KernelDrift>,
    /// The endpoints of the node that are cut off.
    #[serde(default)]
    pub fenced: Vec<Fenced>,
    /// The last time the data plane was brought up to date; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// What somebody should look at, one sentence each.
    pub problems: Vec<String>,
    /// The paths to other nodes that do not carry what they should: each is one of `problems`, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<BrokenPath>,
    /// What works, and is good to know, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The last warnings and errors in the agent's log, newest first, those that are over among them.
    #[serde(default)]
    pub errors: Vec<Logged>,
}

/// A path to another node that does not carry what it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenPath {
    /// The node's name.
    pub node: NodeName,
    /// Where it receives VXLAN packets.
    pub vtep: IpAddr,
    /// Whether something drops all packets, one way or both: a packet filter, as a rule.
    pub blocked: bool,
    /// What is wrong, a sentence.
    pub what: String,
}

/// The store, as seen from the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// As in `--cluster-store`, without secrets.
    pub url: String,
    /// What the cluster's keys start with.
    #[serde(default)]
    pub prefix: String,
    /// The cluster that the node belongs to; absent before it first was in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterId>,
    /// Whether the store has another cluster than the node's, so that the node does not use it.
    #[serde(default)]
    pub refused: bool,
    /// Since when it is as it is.
    pub since: Timestamp,
    /// Why it is out of reach, or cannot be used; absent while all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether it lost what it had, and that is being put back.
    #[serde(default)]
    pub lost: bool,
    /// Whether the cluster is known from what the agent wrote down before it was started, and not from the store.
    #[serde(default)]
    pub remembered: bool,
    /// When it last answered a question; absent before it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Timestamp>,
    /// How long that answer took, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<u64>,
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

/// A node that is down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Down {
    /// Its name.
    pub node: NodeName,
    /// Since when, as far as anybody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When it is given up, if it does not come back before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Whether that time has come.
    pub expired: bool,
}

/// Whether the kernel holds exactly what the cluster says, as far as the node knows the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelDrift {
    /// When the kernel was looked at.
    pub at: Timestamp,
    /// Why looking again failed since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The networks that are in the kernel of the node, or should be, in order of their names.
    pub networks: Vec<NetworkDrift>,
    /// What is of the host as a whole: the packet filter, and what is left of networks that should not be here.
    pub host: Drift,
}

/// How the kernel has a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkDrift {
    /// Its id.
    pub id: NetworkId,
    /// Its name.
    pub name: NetworkName,
    /// How many endpoints on it are of this node.
    pub endpoints: usize,
    /// Its MTU in bytes, as it should be there; absent if no endpoint is on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// How the kernel has it.
    #[serde(flatten)]
    pub standing: Drift,
}

/// How the kernel has something. An entry is a namespace, a link, an address, an FDB entry, a neighbour, a route or
/// a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// Whether it is exactly as it should be.
    pub agrees: bool,
    /// Entries that should be there and are not.
    pub missing: usize,
    /// Entries that should not be there.
    pub extra: usize,
    /// Entries that say something else than they should.
    pub wrong: usize,
    /// What stands in the way, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// When it was last seen to be exactly as it should be; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Timestamp>,
    /// Since when each look has shown a difference; absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs_since: Option<Timestamp>,
}

/// An endpoint that is cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fenced {
    /// Its id.
    pub id: EndpointId,
    /// Its name.
    pub name: EndpointName,
    /// The name of its network.
    pub network: NetworkName,
    /// Why.
    pub why: String,
}

/// One round of the loop.
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

/// A warning or an error in the agent's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// "warn" or "error".
    pub level: String,
    /// What was said.
    pub message: String,
    /// How often.
    pub times: u64,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
}

/// The answer to `GET /weft/v1/plan`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What the next round would change on the node, in order. Normally nothing.
    pub steps: Vec<String>,
}
