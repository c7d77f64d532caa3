//! `weft ca show`.

use crate::{
    client::Client,
    output::{Format, Out},
};
use std::process::ExitCode;
use weft_api::v1;
use weft_model::NodeName;

/// Which authority the cluster has.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Show {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let authority: v1::Authority = client.get("/weft/v1/authority").await?;
        if self.format == Format::Json {
            out.json(&authority)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut believed = authority.believed.iter().map(|id| id.short());
        out.line(format!("Authority:   {}", believed.next().unwrap_or_default()))?;
        out.line(format!("Key on:      {}", names(&authority.holders)))?;
        let before: Vec<_> = believed.collect();
        if !before.is_empty() {
            out.line(format!(
                "Replaces:    {}, believed until all hosts have a new certificate",
                before.join(", ")
            ))?;
            out.line(format!("Not renewed: {}", names(&authority.behind)))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn names(names: &[NodeName]) -> String {
    let names: Vec<_> = names.iter().map(NodeName::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
