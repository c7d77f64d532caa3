//! `weft network inspect`.

use crate::{client::Client, inspect::inspect, output::Out};
use std::process::ExitCode;
use weft_api::docker::Network;

/// Show everything about networks, as a JSON list.
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    /// Names, ids, or starts of ids
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
    /// Accepted because docker has it: everything is always shown
    #[arg(short, long, hide = true)]
    verbose: bool,
}

impl Inspect {
    pub(super) async fn run(self, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        inspect::<Network>(client, out, self.networks.iter().map(|network| super::path(network))).await
    }
}
