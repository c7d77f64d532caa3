//! What a node says of itself and its cluster: plain data, that `core` makes and the doors put into their own words.

mod drift;
mod status;
mod view;

pub use drift::{Drift, KernelStatus, NetworkStatus};
pub use status::{Answered, Counts, DebugInfo, Down, EngineStatus, Fenced, Round, Status, StoreStatus};
pub use view::{EndpointView, NetworkView, NodeView};
