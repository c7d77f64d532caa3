//! What the core tells the doors.

use crate::logs::Trouble;
use jiff::Timestamp;
use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};
use weft_model::{
    ClusterId, Endpoint, EndpointId, EndpointName, Network, NetworkId, NetworkName, Node, NodeId, NodeName,
};
use weft_plan::Differences;

/// A network with everybody on it, on any node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkView {
    /// Its id.
    pub id: NetworkId,
    /// What the store says of it.
    pub network: Network,
    /// Who is on it, in order of their names.
    pub endpoints: Vec<(EndpointId, Endpoint)>,
}

/// An endpoint with the network it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointView {
    /// Its id.
    pub id: EndpointId,
    /// What the store says of it.
    pub endpoint: Endpoint,
    /// The id of its network.
    pub network: NetworkId,
    /// The name of its network.
    pub network_name: NetworkName,
}

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeView {
    /// Its name.
    pub name: NodeName,
    /// What the store says of it.
    pub node: Node,
    /// Whether its agent holds a session.
    pub up: bool,
    /// Since when it is up, or down, as far as anybody knows.
    pub since: Option<Timestamp>,
    /// When it is given up, if it does not come back before.
    pub expires: Option<Timestamp>,
    /// How many endpoints it has.
    pub endpoints: usize,
    /// Whether it is the node that answers.
    pub this: bool,
}

/// How this node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub node: NodeName,
    /// Its installation.
    pub id: NodeId,
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
    /// Whether it is in the cluster, as the store has it.
    pub joined: bool,
    /// The store.
    pub store: StoreStatus,
    /// The container engine whose driver this node is; absent before it was looked for, or if it is to be left
    /// alone.
    pub engine: Option<EngineStatus>,
    /// How much there is of what: "networks", "endpoints", "nodes", "processes" …
    pub counts: BTreeMap<&'static str, usize>,
    /// How many containers that are no engine's leave through this host.
    pub leaving: usize,
    /// How many keys the store has of kinds that this version does not know.
    pub unknown_keys: BTreeMap<String, usize>,
    /// The nodes that are down.
    pub down: Vec<Down>,
    /// Whether the kernel holds exactly what it should; absent before it was looked at.
    pub agreement: Option<AgreementStatus>,
    /// The endpoints of this node that are cut off.
    pub fenced: Vec<Fenced>,
    /// The last round of the loop; absent before the first.
    pub round: Option<Round>,
    /// What somebody should look at, one sentence each: a network that the kernel has otherwise than it should, an
    /// endpoint that is fenced, a key that cannot be read.
    pub problems: Vec<String>,
    /// What works, and is good to know, one sentence each.
    pub notes: Vec<String>,
    /// The last warnings and errors in the log, newest first: those that are over, too.
    pub errors: Vec<Trouble>,
}

/// A node that is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// Its name.
    pub node: NodeName,
    /// Since when, as far as anybody knows.
    pub since: Option<Timestamp>,
    /// When it is given up: its addresses are given to others from then on.
    pub expires: Option<Timestamp>,
    /// Whether that time has come.
    pub expired: bool,
}

/// An endpoint that is cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// Whether the kernel of this node holds exactly what the cluster says, as far as the cluster is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreementStatus {
    /// When the kernel was looked at.
    pub at: Timestamp,
    /// Why looking again failed since.
    pub error: Option<String>,
    /// The networks that are in the kernel of this node, or should be, in order of their names.
    pub networks: Vec<NetworkStatus>,
    /// What is of the host as a whole: the packet filter, and what is left of networks that should not be here.
    pub host: Standing,
}

/// A network as this node has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkStatus {
    /// Its id.
    pub id: NetworkId,
    /// Its name.
    pub name: NetworkName,
    /// How many endpoints on it are of this node.
    pub endpoints: usize,
    /// Its MTU in bytes, as it should be here.
    pub mtu: Option<u32>,
    /// How the kernel has it.
    pub standing: Standing,
}

/// How the kernel has something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// What differed when the kernel was looked at.
    pub differences: Differences,
    /// When it was last seen to be exactly as it should be.
    pub agreed: Option<Timestamp>,
    /// Since when each look has shown a difference; absent while none is there.
    pub differs_since: Option<Timestamp>,
}

/// How the store is, as seen from this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// [`Store::describe`](weft_store::Store::describe).
    pub description: String,
    /// What the cluster's keys start with.
    pub prefix: String,
    /// The cluster that this host belongs to; absent before it first was in one.
    pub cluster: Option<ClusterId>,
    /// Since when it is as it is.
    pub since: Timestamp,
    /// Whether it is not this host's cluster that it has, and this host does not go by it.
    pub refused: bool,
    /// Why it is out of reach, or cannot be gone by; absent while all is well.
    pub error: Option<String>,
    /// Whether it lost what it had, and that is being put back.
    pub lost: bool,
    /// Whether the cluster is known from what an earlier run of this agent wrote down, and not from the store.
    pub remembered: bool,
    /// When it last answered a question, and how long that took; absent before it did.
    pub answered: Option<Answered>,
}

/// An answer of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// When it came.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// What a bug report needs besides, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// What the agent was told at its start, for people.
    pub settings: String,
    /// The last lines of its log, oldest first.
    pub log: Vec<String>,
    /// The keys of the cluster in the store, with the sizes of their values in bytes; or why they cannot be read.
    pub keys: Result<Vec<(String, usize)>, String>,
}

/// How the container engine of this host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineStatus {
    /// Where it is asked.
    pub address: String,
    /// Its version, or why it does not answer.
    pub version: Result<String, String>,
    /// Since when it answers, or does not.
    pub since: Timestamp,
    /// What somebody should look at, one sentence each: a network that only one of engine and cluster has.
    pub problems: Vec<String>,
}

/// One round of the loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How many steps it carried out.
    pub steps: usize,
    /// The steps that failed, and why.
    pub failures: Vec<String>,
}
