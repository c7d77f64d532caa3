//! weft's own resources, under `/weft/v1`.

mod authority;
mod endpoint;
mod inside;
mod leave;
mod node;
mod process;
mod status;

pub use authority::{Authority, Rotate};
pub use endpoint::{Attach, Endpoint};
pub use inside::{DebugInfo, StoredKey};
pub use leave::{Leave, Left};
pub use node::Node;
pub use process::{Exit, Mount, Process, ProcessState, Run};
pub use status::{
    Down, Drift, Engine, Fenced, KernelDrift, Logged, NetworkDrift, Plan, Round, Status, Store,
};
