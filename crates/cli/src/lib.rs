//! The `weft` program: the agent that runs on every host, and the command line that talks to it. A library so
//! that what it reads can be fuzzed.

mod agent;
mod ca;
mod capture;
mod check;
mod cli;
mod client;
mod cni;
mod completion;
mod debug;
mod endpoint;
mod events;
mod explain;
mod failure;
#[doc(hidden)]
pub mod fuzzed;
mod history;
mod inspect;
mod interval;
mod joining;
mod leave;
mod manual;
mod netavark;
mod network;
mod node;
mod output;
mod patience;
mod ping;
mod plan;
mod process;
mod resolve;
mod responder;
mod setup;
mod shim;
mod status;
mod store;
mod template;
mod top;
mod user;
mod version;
mod web;
mod whois;

use clap::Parser;
use std::process::ExitCode;

/// Carries out the command line of this process.
pub fn main() -> ExitCode {
    if netavark::is_meant() {
        return netavark::main();
    }
    if cni::is_meant() {
        return cni::main();
    }
    completion::answer();
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}
