//! `weft ca rotate`.

use crate::{client::Client, output::Out};
use std::process::ExitCode;
use weft_api::v1;
use weft_model::NodeName;

/// Replace the authority by a new one.
#[derive(Debug, clap::Args)]
pub(crate) struct Rotate {
    /// Only end what was begun: hosts without a certificate by the new authority have to join again
    #[arg(long)]
    finish: bool,
}

impl Rotate {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let body = v1::Rotate { finish: self.finish };
        if self.finish {
            client.act("/weft/v1/authority/rotate", &body).await?;
            out.line("The authorities before are not believed any more.")?;
            return Ok(ExitCode::SUCCESS);
        }
        let before: v1::Authority = client.get("/weft/v1/authority").await?;
        client.act("/weft/v1/authority/rotate", &body).await?;
        let now: v1::Authority = client.get("/weft/v1/authority").await?;
        let newest = now.believed.first().map(|id| id.short()).unwrap_or_default();
        out.line(format!(
            "The authority is {newest} now. Hosts renew their certificates by themselves: `weft ca show` says which have not yet."
        ))?;
        out.line("A backup (`weft ca export`) and the certificates of users (`weft user add`) have to be made again.")?;
        // What a host says of itself is no reason to give it the key.
        let nodes: Vec<v1::Node> = client.get("/weft/v1/nodes").await?;
        let this = |name: &NodeName| nodes.iter().any(|node| node.this && node.name == *name);
        for name in before.holders.iter().filter(|name| !this(name)) {
            out.line(format!(
                "{name} says that it had the key before: `weft node promote {name}` gives it the new one."
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
