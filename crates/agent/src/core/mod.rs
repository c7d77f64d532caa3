//! The verbs: what can be done to the cluster and to this node. Every door calls these and nothing else.

mod error;
mod report;
mod request;
mod verbs;

pub use error::{Error, Kind};
pub(crate) use error::chain;
pub use request::{
    Attach, CreateNetwork, JoinOptions, Mount, PoolRequest, PortMapping, Process, ProcessState, Run,
};
pub use report::{EndpointView, NetworkView, NodeView, Round, Status, StoreStatus};
pub use verbs::{LabelFilter, PruneFilter, Verbs};
