//! The verbs: what can be done to the cluster and to this node. Every door calls these and nothing else.

mod access;
mod address_reservations;
mod claims;
mod door;
mod endpoints;
mod engine_endpoints;
mod engines;
mod housekeeping;
mod inside;
mod joining;
mod leaving;
mod macs;
mod networks;
mod nodes;
mod pending;
mod pool_reservations;
mod pools;
mod ports;
mod precedence;
mod processes;
mod races;
mod rebuild;
mod removed;
mod request;
mod status;
mod unknown_processes;
mod verbs;

pub(crate) use access::{AccessParts, ClusterAccess};
pub use door::CoreVerbs;
pub use engines::{EngineEndpoint, EngineVerbs, Join, Joined, Names};
pub use leaving::Leave;
pub(crate) use leaving::{Departure, in_use, refuse_if_in_use};
pub(crate) use pools::VNI_OPTIONS;
pub use request::{Attach, CreateNetwork, JoinOptions, Mount, PoolRequest, Process, ProcessState, Run};
pub(crate) use request::{refuse_encryption, refuse_if_kept, refuse_unknown_options, warning_if_public};
pub use verbs::{
    EndpointVerbs, LabelFilter, NetworkVerbs, NodeVerbs, ProcessVerbs, PruneFilter, ReadVerbs, Verbs,
};
pub use weft_state::error::{Error, Kind};

use crate::{
    config::AgentConfig, host::Host, metrics::Telemetry, processes::Processes, reconcile::Rounds,
    report::EngineStatus,
};
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};
use tokio::sync::{mpsc, watch};
use weft_state::{admission::Admission, cluster::Cluster, env::Env, journal::Journal, memory::Memory};

/// The core of an agent: everything it needs to carry out the verbs.
pub struct Core {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) access: Arc<ClusterAccess>,
    pub(crate) env: Arc<Env>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) processes: Processes,
    pub(crate) rounds: Rounds,
    pub(crate) telemetry: Telemetry,
    pub(crate) started: jiff::Timestamp,
    /// The state of the container engine, from the task that follows it.
    pub(crate) engine: watch::Sender<Option<EngineStatus>>,
    pub(crate) pending: pending::Pending,
    pub(crate) reserved: address_reservations::AddressReservations,
    /// Pools of an engine's networks that stand for others: held as long as the engine has them.
    pub(crate) lent: Mutex<BTreeSet<IpNet>>,
    pub(crate) joining: joining::JoinLocks,
    /// Tells the task that runs this agent that it is to leave.
    pub(crate) departures: mpsc::Sender<Departure>,
}

impl Core {
    /// The cluster as far as it is known, for looking only.
    pub(crate) fn known(&self) -> Arc<Cluster> {
        self.access.known()
    }
}
