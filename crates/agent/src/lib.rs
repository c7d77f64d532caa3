//! The agent: doors that parse and answer, a core that decides, one loop that makes it so.

mod advertise;
pub mod api;
mod assembly;
pub mod config;
pub mod core;
mod docker;
mod events;
#[doc(hidden)]
pub mod fuzzed;
mod host;
pub mod joining;
mod leave;
pub mod logs;
mod membership;
pub mod metrics;
mod orphans;
mod other_directory;
mod paths;
mod peers;
mod processes;
mod reconcile;
mod remote;
mod run;
mod shared_names;
mod troubles;
mod underlay;
pub mod users;

pub use leave::{forget, leave};
pub use remote::RemoteError;
pub use run::{Ended, RunError, run};
pub use weft_http::Inherited;

#[cfg(test)]
mod simulation;
