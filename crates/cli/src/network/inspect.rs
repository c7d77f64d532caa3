//! `weft network inspect`.

use crate::{client::Client, failure, output::Out};
use std::process::ExitCode;
use weft_api::docker::Network;

/// Show everything about networks, as a JSON list.
#[derive(Debug, clap::Args)]
pub(crate) struct Inspect {
    /// Names, ids, or starts of ids
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<String>,
    /// For docker's sake: everything is always shown
    #[arg(short, long, hide = true)]
    verbose: bool,
}

impl Inspect {
    pub(super) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let mut found: Vec<Network> = Vec::new();
        let mut code = ExitCode::SUCCESS;
        for network in &self.networks {
            match client.get(&super::path(network)).await {
                Ok(network) => found.push(network),
                Err(error) => code = failure::report(&error.into()),
            }
        }
        // As docker: what was found is shown also if something was not.
        out.json(&found)?;
        Ok(code)
    }
}
