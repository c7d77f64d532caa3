//! weft's own resources, under `/weft/v1`.

mod authority;
mod endpoint;
mod explanation;
mod inside;
mod leave;
mod node;
mod pinged;
mod process;
mod resolution;
mod status;

pub use authority::{Authority, Rotate};
pub use endpoint::{Attach, Attached, AttachedSubnet, Attachment, Endpoint};
pub use explanation::Explanation;
pub use inside::{DebugInfo, StoredKey};
pub use leave::{Leave, Left};
pub use node::{Agent, Node, Path, PathState};
pub use pinged::Pinged;
pub use process::{Exit, Mount, Process, ProcessState, Run, Session};
pub use resolution::{AddressRecord, AnsweredBy, Resolution};
pub use status::{
    BrokenPath, Down, Drift, Engine, Fenced, KernelDrift, Logged, NetworkDrift, Plan, Round, Status, Store,
};
