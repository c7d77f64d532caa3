//! `weft shim`: what the agent starts, and nobody else.

use std::{path::PathBuf, process::ExitCode};

/// Look after a process.
#[derive(Debug, clap::Args)]
pub(crate) struct Shim {
    /// The process's directory
    #[arg(long)]
    dir: PathBuf,
}

impl Shim {
    /// There must be one thread only.
    pub(crate) fn run(self) -> ExitCode {
        weft_process::shim::main(&self.dir)
    }
}
