//! `weft leave`.

use crate::{
    agent,
    client::{Client, ClientError},
    failure::{Exit, warn},
    output::Out,
    patience::patiently,
};
use std::{path::PathBuf, process::ExitCode};
use weft_api::v1;

/// Leave the cluster, and end the agent.
#[derive(Debug, clap::Args)]
pub(crate) struct Leave {
    /// Take off its networks what runs on them here, and leave also what cannot be given back
    #[arg(short, long)]
    force: bool,
    /// Remove the data directory, too, with an embedded store
    #[arg(long)]
    purge: bool,
    /// Only forget who this host is, and change nothing in the cluster: for a copy of another host
    #[arg(long, conflicts_with = "purge")]
    forget: bool,
    /// Change nothing, and fail if something is on a network here
    #[arg(long, conflicts_with = "forget")]
    dry_run: bool,
    /// The agent's configuration file, where no agent runs [default: /etc/weft/weft.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Leave {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        if self.forget {
            let config = agent::configured(self.config.as_deref())?;
            weft_agent::forget(&config.data_dir, self.force).await?;
            out.line("this host has forgotten who it was; its agent, when it is started, makes a node of its own of it")?;
            return Ok(ExitCode::SUCCESS);
        }
        let wish = v1::Leave { force: self.force, purge: self.purge, dry_run: self.dry_run };
        let left: Result<v1::Left, _> =
            patiently("Leaving the cluster", client.carry_out("/weft/v1/leave", &wish)).await;
        let behind = match left {
            Ok(left) => left.behind,
            Err(error) if error.is_without_agent() => self.without_agent(wish).await?,
            Err(error) if error.is_not_found() => {
                return Err(older(&error).into());
            }
            Err(error) => return Err(error.into()),
        };
        if self.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        for what in &behind {
            warn(&format!("left behind: {what}"));
        }
        out.line("this host has left its cluster, and no agent runs here any more")?;
        Ok(ExitCode::SUCCESS)
    }

    async fn without_agent(&self, wish: v1::Leave) -> anyhow::Result<Vec<String>> {
        let config = agent::configured(self.config.as_deref())?;
        let v1::Leave { force, purge, dry_run } = wish;
        let leave = weft_verbs::Leave { force, purge, dry_run };
        Ok(patiently("Leaving the cluster", weft_agent::leave(config, leave)).await?)
    }
}

fn older(error: &ClientError) -> Exit {
    let message = format!("the agent that runs is of an older version: restart it first ({error})");
    Exit { code: 1, message }
}
