//! The verbs: what can be done to the cluster and to this node. Every door calls these and nothing else.

mod address_reservations;
mod claims;
mod decisions;
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
mod patience;
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
    config::AgentConfig,
    host::Host,
    membership::{Outside, Ownership},
    metrics::Telemetry,
    processes::Processes,
    reconcile::Rounds,
    report::EngineStatus,
};
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};
use tokio::sync::{mpsc, watch};
use weft_model::{Key, Keyspace, NetworkId};
use weft_state::{
    admission::Admission,
    cluster::Cluster,
    env::Env,
    journal::{Identity, Journal},
    memory::Memory,
    view::View,
};
use weft_store::Store;

/// The core of an agent: everything it needs to carry out the verbs.
pub struct Core {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyspace: Keyspace,
    pub(crate) env: Arc<Env>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) view: watch::Receiver<View>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) processes: Processes,
    pub(crate) rounds: Rounds,
    pub(crate) telemetry: Telemetry,
    pub(crate) started: jiff::Timestamp,
    /// What keeps this node out of the cluster.
    pub(crate) membership: watch::Receiver<Option<Outside>>,
    /// Whether this agent may act as its node.
    pub(crate) ownership: watch::Receiver<Ownership>,
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
    fn path(&self, key: &Key) -> String {
        self.keyspace.path(key)
    }

    fn endpoints_prefix(&self, network: NetworkId) -> String {
        self.keyspace.endpoints_of(network)
    }

    /// The cluster as far as it is known, for looking only.
    pub(crate) fn known(&self) -> networks::KnownCluster {
        self.view.borrow().cluster.clone().unwrap_or_else(|| Arc::new(Cluster::default()))
    }
}
