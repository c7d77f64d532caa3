//! The `weft` program: the agent that runs on every host, and the command line that talks to it. A library so
//! that what it reads can be fuzzed.

mod agent;
mod ca;
mod cli;
mod client;
mod completion;
mod debug;
mod endpoint;
mod failure;
#[doc(hidden)]
pub mod fuzzed;
mod inspect;
mod joining;
mod leave;
mod manual;
mod network;
mod node;
mod output;
mod patience;
mod plan;
mod process;
mod setup;
mod shim;
mod status;
mod store;
mod user;
mod version;

use clap::Parser;
use std::process::ExitCode;

/// Carries out the command line of this process.
pub fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}
