//! `weft version`.

use crate::{
    client::Client,
    failure,
    output::{Format, Out},
};
use serde_json::json;
use std::process::ExitCode;
use weft_api::docker;

/// The versions of this command and of the agent.
#[derive(Debug, clap::Args)]
pub(crate) struct Version {
    /// How to write it: for people, or for programs as one JSON document
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Version {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let own = env!("CARGO_PKG_VERSION");
        // The command's own version can be told without an agent.
        let agent = client.get::<docker::Version>("/version").await;
        let theirs = agent.as_ref().ok();
        match self.format {
            Format::Json => out.json(&json!({"client": own, "agent": theirs}))?,
            Format::Table => {
                let mut pairs = vec![("Client", own.to_owned())];
                pairs.extend(theirs.map(|agent| ("Agent", agent.version.clone())));
                pairs.extend(theirs.map(|agent| ("API", agent.api_version.clone())));
                pairs.extend(theirs.map(|agent| ("Kernel", agent.kernel_version.clone())));
                out.pairs(pairs)?;
            }
        }
        Ok(agent.err().map_or(ExitCode::SUCCESS, |error| failure::report(&error.into())))
    }
}
