//! `weft network`.

mod connect;
mod create;
mod inspect;
mod ls;
mod prune;
mod rm;

pub(crate) use create::option;

use crate::{
    client::{Client, part},
    output::Out,
};
use clap::Subcommand;
use std::process::ExitCode;

/// Networks of the cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum Network {
    /// Create a network, on every host at once
    Create(Box<create::Create>),
    /// List networks
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    /// Show everything about networks: who is on them, on any host
    Inspect(inspect::Inspect),
    /// Remove networks that nobody is on
    #[command(visible_alias = "remove")]
    Rm(rm::Rm),
    /// Remove all networks that nobody is on
    Prune(prune::Prune),
    /// Put a process of this host on one more network
    Connect(connect::Connect),
    /// Take a process off a network
    Disconnect(connect::Disconnect),
}

impl Network {
    pub(crate) async fn run(self, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create(create) => create.run(client, out).await,
            Self::Ls(ls) => ls.run(client, out).await,
            Self::Inspect(inspect) => inspect.run(client, out).await,
            Self::Rm(rm) => rm.run(client, out).await,
            Self::Prune(prune) => prune.run(client, out).await,
            Self::Connect(connect) => connect.run(client).await,
            Self::Disconnect(disconnect) => disconnect.run(client).await,
        }
    }
}

fn path(network: &str) -> String {
    format!("/networks/{}", part(network))
}
