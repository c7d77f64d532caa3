//! `weft ca rotate`.

use crate::{agent, client::Client, failure::warn, joining::promoted, output::Out, patience::patiently};
use std::{path::PathBuf, process::ExitCode, time::Duration};
use tokio::time::{Instant, sleep};
use weft_api::v1;

/// How long to wait for the other hosts that had the key.
const WITHIN: Duration = Duration::from_secs(20);

/// Replace the authority by a new one.
#[derive(Debug, clap::Args)]
pub(crate) struct Rotate {
    /// Only end what was begun: hosts without a certificate by the new authority have to join again
    #[arg(long)]
    finish: bool,
    /// The agent's configuration file [default: /etc/weft/weft.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Rotate {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let body = v1::Rotate { finish: self.finish };
        if self.finish {
            client.act("/weft/v1/authority/rotate", &body).await?;
            out.line("The authorities before are not believed any more.")?;
            return Ok(ExitCode::SUCCESS);
        }
        crate::joining::must_be_root("`weft ca rotate`")?;
        let config = agent::read_config(self.config.as_deref())?;
        let before: v1::Authority = client.get("/weft/v1/authority").await?;
        client.act("/weft/v1/authority/rotate", &body).await?;
        let nodes: Vec<v1::Node> = client.get("/weft/v1/nodes").await?;
        let others = nodes.iter().filter(|node| before.holders.contains(&node.name) && !node.this);
        for node in others {
            let given = patiently("Giving the key to the hosts that had the one before", async {
                let end = Instant::now() + WITHIN;
                loop {
                    // Until it knows of the new authority, it does not take the key of it.
                    match promoted(&config, node).await {
                        Err(_) if node.up && Instant::now() < end => sleep(Duration::from_millis(500)).await,
                        given => break given,
                    }
                }
            });
            if let Err(error) = given.await {
                warn(&format!(
                    "{0} does not have the new key ({error}): `weft node promote {0}` gives it one later",
                    node.name
                ));
            }
        }
        let now: v1::Authority = client.get("/weft/v1/authority").await?;
        let newest = now.believed.first().map(|id| id.short()).unwrap_or_default();
        out.line(format!(
            "The authority is {newest} now. Hosts renew their certificates by themselves: `weft ca show` says which have not yet."
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
