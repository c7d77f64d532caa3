//! What a core is put together from.

use super::{
    Core, Departure, EngineNotes,
    access::ClusterAccess,
    allocator::{Allocator, AllocatorParts},
    endpoints::{Endpoints, EndpointsParts},
    housekeeping::{Housekeeping, HousekeepingParts},
    leaving::{Leaving, LeavingParts},
    networks::Networks,
    nodes::Nodes,
    processes::{Processes, ProcessesParts},
    rebuild::{Recovery, RecoveryParts},
    status::{Reporter, ReporterParts},
};
use crate::{
    config::AgentConfig, host::Host, metrics::Telemetry, processes::ProcessTable, reconcile::Rounds,
    report::EngineStatus,
};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use weft_state::{admission::Admission, env::Env, journal::Journal, memory::Memory};

/// What [`Core`] is made of.
pub(crate) struct CoreParts {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) access: Arc<ClusterAccess>,
    pub(crate) env: Arc<Env>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) table: Arc<ProcessTable>,
    pub(crate) rounds: Rounds,
    pub(crate) telemetry: Telemetry,
    pub(crate) departures: mpsc::Sender<Departure>,
}

impl Core {
    /// Puts a core together.
    pub(crate) fn new(parts: CoreParts) -> Self {
        let engine = watch::Sender::new(None);
        let base = &Base::new(&parts, &engine);
        let recovery = Arc::new(parts.recovery(base));
        Self {
            access: Arc::clone(&parts.access),
            allocator: Arc::clone(&base.allocator),
            endpoints: Arc::clone(&base.endpoints),
            housekeeping: Arc::new(parts.housekeeping(base, &recovery)),
            leaving: parts.leaving(base),
            networks: Arc::clone(&base.networks),
            nodes: Arc::clone(&base.nodes),
            processes: Arc::new(parts.processes(base)),
            recovery,
            reporter: parts.reporter(base, &engine),
            engine: EngineNotes { host: parts.host, status: engine },
            env: parts.env,
        }
    }
}

/// What the other types of the core stand on.
struct Base {
    allocator: Arc<Allocator>,
    endpoints: Arc<Endpoints>,
    networks: Arc<Networks>,
    nodes: Arc<Nodes>,
}

impl Base {
    fn new(parts: &CoreParts, engine: &watch::Sender<Option<EngineStatus>>) -> Self {
        let CoreParts { access, config, env, host, journal, memory, .. } = parts;
        let allocator = Arc::new(Allocator::new(AllocatorParts {
            access: Arc::clone(access),
            config: Arc::clone(config),
            env: Arc::clone(env),
            host: Arc::clone(host),
            journal: Arc::clone(journal),
            memory: Arc::clone(memory),
        }));
        let endpoints = Arc::new(Endpoints::new(EndpointsParts {
            access: Arc::clone(access),
            allocator: Arc::clone(&allocator),
            env: Arc::clone(env),
            host: Arc::clone(host),
            journal: Arc::clone(journal),
            processes: Arc::clone(&parts.table),
            rounds: parts.rounds.clone(),
            engine: engine.subscribe(),
        }));
        let networks = Arc::new(Networks::new(access, &allocator, env, host));
        let nodes = Arc::new(Nodes::new(access, &allocator, config, env));
        Self { allocator, endpoints, networks, nodes }
    }
}

impl CoreParts {
    fn recovery(&self, base: &Base) -> Recovery {
        Recovery::new(RecoveryParts {
            config: Arc::clone(&self.config),
            access: Arc::clone(&self.access),
            allocator: Arc::clone(&base.allocator),
            endpoints: Arc::clone(&base.endpoints),
            networks: Arc::clone(&base.networks),
            env: Arc::clone(&self.env),
            journal: Arc::clone(&self.journal),
            memory: Arc::clone(&self.memory),
        })
    }

    fn housekeeping(&self, base: &Base, recovery: &Arc<Recovery>) -> Housekeeping {
        Housekeeping::new(HousekeepingParts {
            config: Arc::clone(&self.config),
            access: Arc::clone(&self.access),
            allocator: Arc::clone(&base.allocator),
            endpoints: Arc::clone(&base.endpoints),
            networks: Arc::clone(&base.networks),
            nodes: Arc::clone(&base.nodes),
            recovery: Arc::clone(recovery),
            env: Arc::clone(&self.env),
            host: Arc::clone(&self.host),
            journal: Arc::clone(&self.journal),
            processes: Arc::clone(&self.table),
        })
    }

    fn processes(&self, base: &Base) -> Processes {
        Processes::new(ProcessesParts {
            access: Arc::clone(&self.access),
            config: Arc::clone(&self.config),
            endpoints: Arc::clone(&base.endpoints),
            env: Arc::clone(&self.env),
            host: Arc::clone(&self.host),
            table: Arc::clone(&self.table),
        })
    }

    fn leaving(&self, base: &Base) -> Leaving {
        Leaving::new(LeavingParts {
            access: Arc::clone(&self.access),
            admission: Arc::clone(&self.admission),
            allocator: Arc::clone(&base.allocator),
            config: Arc::clone(&self.config),
            host: Arc::clone(&self.host),
            journal: Arc::clone(&self.journal),
            processes: Arc::clone(&self.table),
            departures: self.departures.clone(),
        })
    }

    fn reporter(&self, base: &Base, engine: &watch::Sender<Option<EngineStatus>>) -> Reporter {
        Reporter::new(ReporterParts {
            access: Arc::clone(&self.access),
            config: Arc::clone(&self.config),
            telemetry: self.telemetry.clone(),
            admission: Arc::clone(&self.admission),
            endpoints: Arc::clone(&base.endpoints),
            env: Arc::clone(&self.env),
            host: Arc::clone(&self.host),
            nodes: Arc::clone(&base.nodes),
            processes: Arc::clone(&self.table),
            rounds: self.rounds.clone(),
            engine: engine.subscribe(),
        })
    }
}
