//! The agent: doors that parse and answer, a core that decides, one loop that makes it so.

mod admission;
mod advertise;
pub mod api;
mod assembly;
mod cluster;
pub mod config;
pub mod core;
mod data_dir;
mod docker;
mod env;
mod error;
mod fingerprint;
#[doc(hidden)]
pub mod fuzzed;
mod host;
mod http;
mod journal;
mod leave;
pub mod logs;
mod loss;
mod membership;
mod memory;
pub mod metrics;
mod open_files;
mod orphans;
mod other_directory;
mod picture;
mod processes;
mod reconcile;
mod run;
mod shared_names;
mod underlay;

pub use http::Inherited;
pub use leave::{forget, leave};
pub use run::{Ended, RunError, run};

#[cfg(test)]
mod simulation;
