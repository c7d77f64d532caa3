//! `weft node promote`.

use super::must_be_root;
use crate::{
    agent,
    client::{Client, part},
    completion,
    output::Out,
};
use anyhow::bail;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode};
use weft_agent::joining::promote;
use weft_api::v1;
use weft_trust::Subject;

/// Let another host of the cluster make tokens, too.
#[derive(Debug, clap::Args)]
pub(crate) struct Promote {
    /// Its name
    #[arg(value_name = "NODE")]
    #[arg(add = completion::nodes())]
    node: String,
    /// The agent's configuration file [default: /etc/weft/weft.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Promote {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        must_be_root("`weft node promote`")?;
        client.must_be_here("`weft node promote`")?;
        let config = agent::read_config(self.config.as_deref())?;
        let node: v1::Node = client.get(&format!("/weft/v1/nodes/{}", part(&self.node))).await?;
        if node.this {
            bail!("{} is this host, which is not asked by itself", self.node);
        }
        let at = SocketAddr::new(node.advertise, config.peer_port);
        promote(&config.data_dir, &Subject { name: node.name, id: node.id }, at).await?;
        out.line(format!("{} can make tokens now, too", self.node))?;
        Ok(ExitCode::SUCCESS)
    }
}
