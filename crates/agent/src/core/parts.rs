//! What a core is put together from.

use super::{
    Core, Departure, EngineNotes, access::ClusterAccess, allocator::Allocator, check::Checker,
    endpoints::Endpoints, explain::Explainer, housekeeping::Housekeeping, leaving::Leaving,
    networks::Networks, nodes::Nodes, processes::Processes, rebuild::Recovery, status::Reporter,
};
use crate::{
    config::AgentConfig,
    host::Host,
    metrics::Telemetry,
    paths::{KnownPaths, Pinger},
    processes::ProcessTable,
    reconcile::Rounds,
};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use weft_state::{admission::Admission, env::Env, journal::Journal, memory::Memory};
use weft_verbs::EngineStatus;

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
    pub(crate) paths: watch::Receiver<Arc<KnownPaths>>,
    pub(crate) pinger: Pinger,
}

impl Core {
    /// Puts a core together.
    pub(crate) fn new(parts: CoreParts) -> Self {
        let engine = watch::Sender::new(None);
        let base = &Base::new(&parts, &engine);
        let recovery = Arc::new(Recovery::new(&parts, base));
        let reporter = Arc::new(Reporter::new(&parts, base, engine.subscribe()));
        let explainer = Arc::new(Explainer::new(&parts, base, &reporter));
        let processes = Arc::new(Processes::new(&parts, base));
        Self {
            access: Arc::clone(&parts.access),
            allocator: Arc::clone(&base.allocator),
            endpoints: Arc::clone(&base.endpoints),
            housekeeping: Arc::new(Housekeeping::new(&parts, base, &recovery)),
            leaving: Leaving::new(&parts, base),
            networks: Arc::clone(&base.networks),
            nodes: Arc::clone(&base.nodes),
            recovery,
            checker: Arc::new(Checker::new(&parts, base, (&explainer, &processes))),
            explainer,
            processes,
            reporter,
            engine: EngineNotes { host: parts.host, status: engine },
            env: parts.env,
        }
    }
}

/// What the other types of the core stand on.
pub(super) struct Base {
    pub(super) allocator: Arc<Allocator>,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) networks: Arc<Networks>,
    pub(super) nodes: Arc<Nodes>,
}

impl Base {
    fn new(parts: &CoreParts, engine: &watch::Sender<Option<EngineStatus>>) -> Self {
        let CoreParts { access, config, env, host, .. } = parts;
        let allocator = Arc::new(Allocator::new(parts));
        let endpoints = Arc::new(Endpoints::new(parts, &allocator, engine.subscribe()));
        let networks = Arc::new(Networks::new(config, access, &allocator, env, host));
        let nodes = Arc::new(Nodes::new(parts, &allocator));
        Self { allocator, endpoints, networks, nodes }
    }
}
