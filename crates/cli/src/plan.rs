//! `weft plan`.

use crate::{
    client::Client,
    output::{Format, Out},
};
use std::process::ExitCode;
use weft_api::v1;

/// Show what the agent would change on this host now: normally nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    /// How to write it: for people, or for programs as one JSON document
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Plan {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let plan: v1::Plan = client.get("/weft/v1/plan").await?;
        match self.format {
            Format::Json => out.json(&plan)?,
            Format::Table => plan.steps.iter().try_for_each(|step| out.line(step))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
