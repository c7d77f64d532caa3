//! How a node is.

use super::{KernelStatus, LoggedProblem};
use jiff::Timestamp;
use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};
use weft_model::{ClusterId, EndpointId, EndpointName, NetworkName, NodeId, NodeName, Trust};
use weft_path::Path;

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
    /// The UDP port it receives the packets of encrypted networks on.
    pub tunnel_port: u16,
    /// Where its files are.
    pub data_dir: PathBuf,
    /// Whether it is in the cluster, as the store has it.
    pub joined: bool,
    /// Whose word it takes for where the other nodes are.
    pub trust: Trust,
    /// The store.
    pub store: StoreStatus,
    /// The container engine that this node is a driver of; absent before it was looked for, or if it is to be left
    /// alone.
    pub engine: Option<EngineStatus>,
    /// How much there is of what.
    pub counts: Counts,
    /// How many containers that are no engine's leave through this host.
    pub leaving: usize,
    /// How many keys the store has of kinds that this version does not know.
    pub unknown_keys: BTreeMap<String, usize>,
    /// The nodes that are down.
    pub down: Vec<Down>,
    /// Whether the kernel holds exactly what it should; absent before it was looked at.
    pub kernel: Option<KernelStatus>,
    /// The endpoints of this node that are cut off.
    pub fenced: Vec<Fenced>,
    /// The last round of the loop; absent before the first.
    pub round: Option<Round>,
    /// What somebody should look at, one sentence each: a network that the kernel has otherwise than it should, an
    /// endpoint that is fenced, a key that cannot be read.
    pub problems: Vec<String>,
    /// The paths to other nodes that are measured.
    pub paths: Vec<PeerPath>,
    /// What works, and is good to know, one sentence each.
    pub notes: Vec<String>,
    /// The last warnings and errors in the log, newest first: those that are over, too.
    pub errors: Vec<LoggedProblem>,
}

/// The path to another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerPath {
    /// The node's name.
    pub node: NodeName,
    /// Where it receives VXLAN packets.
    pub vtep: IpAddr,
    /// Whether something drops all packets, one way or both: a packet filter, as a rule.
    pub blocked: bool,
    /// What was measured.
    pub path: Path,
    /// What is wrong, a sentence, which is one of the problems, too; absent if it carries what it should.
    pub trouble: Option<String>,
}

/// How much there is of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Networks of the cluster.
    pub networks: usize,
    /// Nodes of the cluster.
    pub nodes: usize,
    /// Those of them whose agents hold a session.
    pub nodes_up: usize,
    /// Nodes that nobody believes, which are none of the cluster's.
    pub nodes_unbelieved: usize,
    /// Endpoints of the cluster.
    pub endpoints: usize,
    /// Endpoints of this node.
    pub endpoints_here: usize,
    /// Processes of this node.
    pub processes: usize,
}

impl Counts {
    /// Each with its name for people, in order of the names.
    pub fn named(&self) -> [(&'static str, usize); 7] {
        [
            ("endpoints", self.endpoints),
            ("endpoints here", self.endpoints_here),
            ("networks", self.networks),
            ("nodes", self.nodes),
            ("nodes not believed", self.nodes_unbelieved),
            ("nodes up", self.nodes_up),
            ("processes", self.processes),
        ]
    }
}

/// How the store is, as seen from this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// Which store it is, for people.
    pub description: String,
    /// What the cluster's keys start with.
    pub prefix: String,
    /// The cluster that this host belongs to; absent before it first was in one.
    pub cluster: Option<ClusterId>,
    /// Since when it is as it is.
    pub since: Timestamp,
    /// Whether the store has another cluster than this host's, so that this host does not use it.
    pub refused: bool,
    /// Why it is out of reach, or cannot be used; absent while all is well.
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

/// What a bug report needs besides, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebugInfo {
    /// What the agent was told at its start, for people.
    pub settings: String,
    /// The last lines of its log, oldest first.
    pub log: Vec<String>,
    /// The keys of the cluster in the store, with the sizes of their values in bytes; or why they cannot be read.
    pub keys: Result<Vec<(String, usize)>, String>,
}
