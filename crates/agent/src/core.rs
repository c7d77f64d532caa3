//! The verbs: what can be done to the cluster and to this node. Every door calls these and nothing else.

mod access;
mod allocator;
mod door;
mod endpoints;
mod engines;
mod housekeeping;
mod inside;
mod leaving;
mod macs;
mod networks;
mod nodes;
mod ports;
mod processes;
mod rebuild;
mod request;
mod status;
mod unknown_processes;
mod verbs;

pub(crate) use access::{AccessParts, ClusterAccess};
pub(crate) use allocator::VNI_OPTIONS;
use allocator::{Allocator, AllocatorParts};
pub use door::CoreVerbs;
use endpoints::{Endpoints, EndpointsParts};
pub use engines::{EngineEndpoint, EngineVerbs, Join, Joined, Names};
use housekeeping::{Housekeeping, HousekeepingParts};
pub use leaving::Leave;
pub(crate) use leaving::{Departure, in_use, refuse_if_in_use};
use networks::Networks;
use nodes::Nodes;
use rebuild::{Recovery, RecoveryParts};
pub use request::{Attach, CreateNetwork, JoinOptions, Mount, PoolRequest, Process, ProcessState, Run};
pub(crate) use request::{refuse_encryption, refuse_if_kept, refuse_unknown_options, warning_if_public};
pub use verbs::{
    EndpointVerbs, LabelFilter, NetworkVerbs, NodeVerbs, ProcessVerbs, PruneFilter, ReadVerbs, Verbs,
};
pub use weft_state::error::{Error, Kind};

use crate::{
    config::AgentConfig, host::Host, metrics::Telemetry, processes::ProcessTable, reconcile::Rounds,
    report::EngineStatus,
};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use weft_state::{admission::Admission, cluster::Cluster, env::Env, journal::Journal, memory::Memory};

/// The core of an agent: everything it needs to carry out the verbs.
pub struct Core {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) access: Arc<ClusterAccess>,
    pub(crate) allocator: Arc<Allocator>,
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) housekeeping: Arc<Housekeeping>,
    pub(crate) networks: Arc<Networks>,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) recovery: Arc<Recovery>,
    pub(crate) env: Arc<Env>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) processes: Arc<ProcessTable>,
    pub(crate) rounds: Rounds,
    pub(crate) telemetry: Telemetry,
    pub(crate) started: jiff::Timestamp,
    /// The state of the container engine, from the task that follows it.
    pub(crate) engine: watch::Sender<Option<EngineStatus>>,
    /// Tells the task that runs this agent that it is to leave.
    pub(crate) departures: mpsc::Sender<Departure>,
}

/// What [`Core`] is made of.
pub(crate) struct CoreParts {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) access: Arc<ClusterAccess>,
    pub(crate) env: Arc<Env>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) processes: Arc<ProcessTable>,
    pub(crate) rounds: Rounds,
    pub(crate) telemetry: Telemetry,
    pub(crate) departures: mpsc::Sender<Departure>,
}

impl Core {
    /// Puts a core together.
    pub(crate) fn new(parts: CoreParts) -> Self {
        let CoreParts { config, access, env, host, journal, memory, .. } = parts;
        let CoreParts { admission, processes, rounds, telemetry, departures, .. } = parts;
        let allocator = Arc::new(Allocator::new(AllocatorParts {
            access: Arc::clone(&access),
            config: Arc::clone(&config),
            env: Arc::clone(&env),
            host: Arc::clone(&host),
            journal: Arc::clone(&journal),
            memory: Arc::clone(&memory),
        }));
        let networks = Arc::new(Networks::new(&access, &allocator, &env, &host));
        let nodes = Arc::new(Nodes::new(&access, &allocator, &config, &env));
        let engine = watch::Sender::new(None);
        let endpoints = Arc::new(Endpoints::new(EndpointsParts {
            access: Arc::clone(&access),
            allocator: Arc::clone(&allocator),
            env: Arc::clone(&env),
            host: Arc::clone(&host),
            journal: Arc::clone(&journal),
            processes: Arc::clone(&processes),
            rounds: rounds.clone(),
            engine: engine.subscribe(),
        }));
        let recovery = Arc::new(Recovery::new(RecoveryParts {
            config: Arc::clone(&config),
            access: Arc::clone(&access),
            allocator: Arc::clone(&allocator),
            endpoints: Arc::clone(&endpoints),
            networks: Arc::clone(&networks),
            env: Arc::clone(&env),
            journal: Arc::clone(&journal),
            memory,
        }));
        let housekeeping = Arc::new(Housekeeping::new(HousekeepingParts {
            config: Arc::clone(&config),
            access: Arc::clone(&access),
            allocator: Arc::clone(&allocator),
            endpoints: Arc::clone(&endpoints),
            networks: Arc::clone(&networks),
            nodes: Arc::clone(&nodes),
            recovery: Arc::clone(&recovery),
            env: Arc::clone(&env),
            host: Arc::clone(&host),
            journal: Arc::clone(&journal),
            processes: Arc::clone(&processes),
        }));
        Self {
            housekeeping,
            recovery,
            endpoints,
            networks,
            nodes,
            started: env.now(),
            config,
            access,
            allocator,
            env,
            host,
            journal,
            admission,
            processes,
            rounds,
            telemetry,
            engine,
            departures,
        }
    }

    /// The cluster as far as it is known, for looking only.
    pub(crate) fn known(&self) -> Arc<Cluster> {
        self.access.known()
    }
}
