//! `weft manual`.

use crate::cli::Cli;
use anyhow::Context;
use clap::CommandFactory;
use std::{path::PathBuf, process::ExitCode};

/// Write the manual pages; packages are made with this.
#[derive(Debug, clap::Args)]
pub(crate) struct Manual {
    /// The directory to write them into
    dir: PathBuf,
}

impl Manual {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        clap_mangen::generate_to(Cli::command(), &self.dir)
            .with_context(|| format!("cannot write manual pages into {}", self.dir.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}
