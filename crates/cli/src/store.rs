//! `weft store`.

use crate::output::Out;
use clap::Subcommand;
use std::process::ExitCode;

/// Serve the embedded store to other hosts, or copy one store to another.
#[derive(Debug, Subcommand)]
pub(crate) enum Store {}

impl Store {
    pub(crate) async fn run(self, _out: Out) -> anyhow::Result<ExitCode> {
        match self {}
    }
}
