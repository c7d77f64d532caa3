//! The core: it carries out the verbs of `weft-verbs`. Every door calls these and nothing else.

mod access;
mod allocator;
mod check;
mod door;
mod driver;
mod endpoints;
mod explain;
mod housekeeping;
mod leaving;
mod macs;
mod networks;
mod nodes;
mod parts;
mod processes;
mod publishing;
mod rebuild;
mod refusal;
mod resolution;
mod status;

pub(crate) use access::{AccessParts, ClusterAccess};
use allocator::Allocator;
use check::Checker;
pub use door::CoreVerbs;
pub(crate) use driver::DriverAccess;
use endpoints::Endpoints;
use explain::Explainer;
use housekeeping::Housekeeping;
use leaving::Leaving;
pub(crate) use leaving::{Departure, in_use, refuse_if_in_use};
use networks::Networks;
use nodes::Nodes;
pub(crate) use parts::CoreParts;
use processes::Processes;
use rebuild::Recovery;
use status::Reporter;

use crate::host::Host;
use std::sync::Arc;
use tokio::sync::watch;
use weft_state::{cluster::Cluster, env::Env};
use weft_verbs::EngineStatus;

/// The core of an agent: the types that carry out its verbs. Each keeps to itself what it works with.
pub struct Core {
    pub(crate) access: Arc<ClusterAccess>,
    pub(crate) allocator: Arc<Allocator>,
    pub(crate) endpoints: Arc<Endpoints>,
    pub(crate) housekeeping: Arc<Housekeeping>,
    pub(crate) leaving: Leaving,
    pub(crate) networks: Arc<Networks>,
    pub(crate) nodes: Arc<Nodes>,
    pub(crate) processes: Arc<Processes>,
    pub(crate) recovery: Arc<Recovery>,
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) explainer: Arc<Explainer>,
    pub(crate) checker: Arc<Checker>,
    engine: EngineNotes,
    env: Arc<Env>,
}

/// Where drivers note what they learn of the engine on this host.
struct EngineNotes {
    host: Arc<dyn Host>,
    status: watch::Sender<Option<EngineStatus>>,
}

impl Core {
    /// The cluster as far as it is known, for looking only.
    pub(crate) fn known(&self) -> Arc<Cluster> {
        self.access.known()
    }
}
