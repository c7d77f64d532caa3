//! Processes on a network without an engine: `weft run`.
//!
//! A process has a directory, and a *shim*: a small process of its own, `weft shim --dir DIR`, that makes
//! the namespaces, runs the command, keeps its output, and writes down how it ended. The shim needs no agent:
//! an agent that stops, is killed or upgraded leaves it alone, and the next one finds all it needs in the
//! directory:
//!
//! | file | what it says |
//! |---|---|
//! | `lock` | locked while the shim lives; holds the shim's process id |
//! | `spec.json` | what was asked for ([`Spec`]); it holds secrets |
//! | `resolv.conf`, `hosts` | what the process sees under `/etc` |
//! | `started.json` | the command runs, with this process id |
//! | `exit.json` | how it ended, and when |
//! | `log`, `log.1` | its output ([`logs`]) |
//! | `shim.log` | what the shim itself had to say; normally nothing |
//!
//! The functions here block, but never for long: each has a deadline. An agent calls them from
//! `spawn_blocking`; [`ProcessEnd::wait`] alone is asynchronous.
//!
//! Under systemd the agent's unit needs `KillMode=process`, or stopping the agent stops the shims too.

pub mod args;
mod children;
mod control;
mod ended;
mod error;
pub mod exec;
mod files;
mod image;
mod mountinfo;
pub mod session;
pub mod shim;
mod spec;
mod start;
mod state;
mod sweep;

pub use control::{kill, logs, remove, signal, update_hosts};
pub use ended::{ProcessEnd, wait_handle};
pub use error::StartError;
pub use rustix::process::Signal;
pub use session::Session;
pub use spec::{InvalidSpec, Mount, Spec};
pub use start::start;
pub use state::{RunState, state};
pub use sweep::end_all_in;
