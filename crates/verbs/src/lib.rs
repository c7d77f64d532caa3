//! What can be asked of an agent: the one way in, as types.
//!
//! The verbs are traits ([`Verbs`], and [`EngineVerbs`] for the drivers of engines); with them come what they are asked
//! with, what they answer, and why they refuse ([`Error`]). The agent's core carries them out. An API server or a driver
//! needs this crate and nothing of the core.

mod checks;
mod engines;
mod error;
#[cfg(feature = "fake")]
#[allow(clippy::unwrap_used, clippy::panic, reason = "it is for tests, which fail by panicking")]
pub mod fake;
mod report;
mod request;
mod verbs;

pub use checks::{refuse_if_kept, refuse_unknown_options, warning_if_public};
pub use engines::{ContainerNames, EngineEndpoint, EngineVerbs, Join, Joined};
pub use error::{Error, Kind};
pub use report::{
    AgentView, Answered, Attached, AuthorityView, Counts, DebugInfo, Down, Drift, EndpointTraffic,
    EndpointView, EngineStatus, Explanation, Fenced, KernelStatus, LoggedProblem, NetworkStatus, NetworkView,
    NodeView, PeerPath, Pinged, PingedPlace, PoolRoom, Resolution, ResolvedAddress, Round, Severity, Status,
    StoreStatus,
};
pub use request::{
    Attach, CreateNetwork, JoinOptions, Leave, Mount, Ping, PoolRequest, Process, ProcessState, Run, Session,
};
pub use verbs::{
    EndpointVerbs, LabelFilter, NetworkVerbs, NodeVerbs, PeerVerbs, ProcessVerbs, PruneFilter, ReadVerbs,
    RemoteVerbs, Verbs,
};
