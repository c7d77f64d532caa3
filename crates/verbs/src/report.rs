//! What a node says of itself and its cluster: plain data, that verbs answer with and the doors put into their own words.

mod drift;
mod log;
mod status;
mod view;

pub use drift::{Drift, KernelStatus, NetworkStatus};
pub use log::{LoggedProblem, Severity};
pub use status::{
    Answered, Counts, DebugInfo, Down, EngineStatus, Fenced, PeerPath, Round, Status, StoreStatus,
};
pub use view::{
    AgentView, Attached, AuthorityView, EndpointTraffic, EndpointView, Explanation, NetworkView, NodeView,
    Pinged, PingedPlace, PoolRoom, Resolution, ResolvedAddress,
};
