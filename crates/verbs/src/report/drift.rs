//! Whether the kernel holds what it should.

use jiff::Timestamp;
use weft_model::{NetworkId, NetworkName};
use weft_plan::Differences;

/// Whether the kernel of this node holds exactly what the cluster says, as far as the cluster is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelStatus {
    /// When the kernel was looked at.
    pub at: Timestamp,
    /// Why looking again failed since.
    pub error: Option<String>,
    /// The networks that are in the kernel of this node, or should be, in order of their names.
    pub networks: Vec<NetworkStatus>,
    /// What is of the host as a whole: the packet filter, and what is left of networks that should not be here.
    pub host: Drift,
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
    pub drift: Drift,
}

/// How the kernel has something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift {
    /// What differed when the kernel was looked at.
    pub differences: Differences,
    /// When it was last seen to be exactly as it should be.
    pub agreed: Option<Timestamp>,
    /// Since when each look has shown a difference; absent while none is there.
    pub differs_since: Option<Timestamp>,
}
