//! `weft ca new`.

use crate::{
    agent,
    cli::wait_for,
    client::Client,
    joining::{must_be_root, restart, with_config},
    output::Out,
};
use anyhow::bail;
use std::{path::PathBuf, process::ExitCode};
use weft_agent::joining::replace_authority;
use weft_api::v1;

/// Make a new authority where nobody has the key of the one before.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What runs goes on. Until a host has joined again (`weft node token` here, `weft join` there), it goes on \
    with what it knew of this one."
)]
pub(crate) struct New {
    /// Also while a host has the key: because somebody else has it, too, and uses it
    #[arg(long)]
    force: bool,
    /// The agent's configuration file [default: /etc/weft/weft.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Where a host of the cluster has the key, nothing is lost.
fn refuse_while_another_has_it(client: &Client) -> anyhow::Result<()> {
    // Without an agent that answers nobody can tell.
    let known = wait_for(async { Ok(client.get::<v1::Authority>("/weft/v1/authority").await) })?;
    match known.map(|known| known.holders).unwrap_or_default().as_slice() {
        [] => Ok(()),
        [one, ..] => bail!(
            "{one} has the key of the cluster's authority: `weft ca rotate` there replaces it, and no host has to join again. If \
             that host is gone for good: `weft node rm {one}`; if somebody else uses its key: --force"
        ),
    }
}

impl New {
    pub(crate) fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        must_be_root("`weft ca new`")?;
        let config = agent::read_config(self.config.as_deref())?;
        if !self.force {
            refuse_while_another_has_it(client)?;
        }
        let authority = replace_authority(&config, self.force)?;
        let file = with_config(self.config.as_deref());
        out.line(format!("The authority is {} now.", authority.short()))?;
        restart(self.config.as_deref(), client, &mut out)?;
        out.line(format!(
            "Now let each of the other hosts join again: weft node token{file} | ssh HOST sudo weft join"
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
