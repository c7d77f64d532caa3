//! From an installed package to a host in a cluster: `weft init`, `weft node token`, `weft join`.

mod file;
mod init;
mod join;
mod own_cluster;
mod promote;
mod secret_file;
mod service;
mod start;
mod terminal;
mod token;

pub(crate) use init::Init;
pub(crate) use join::Join;
pub(crate) use promote::Promote;
pub(crate) use start::restart;
pub(crate) use terminal::passphrase;
pub(crate) use token::Token;

use crate::agent::CONFIG_FILE;
use anyhow::bail;
use std::path::{Path, PathBuf};
use weft_agent::config::OutsideAddress;

/// What `init` and `join` share.
#[derive(Debug, clap::Args)]
struct Shared {
    /// How the other hosts reach this one: an address, or an interface that has one [default: the address that the
    /// default route uses]
    #[arg(long, value_name = "IP|INTERFACE", value_parser = advertise)]
    cluster_advertise: Option<String>,
    /// The address under which the other hosts see this one and reach it, where a NAT in front of it puts that in place of
    /// its own, one to one
    #[arg(long, value_name = "IP")]
    outside_address: Option<OutsideAddress>,
    /// How to reach the store, as to `weft agent`; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    cluster_store_opt: Vec<String>,
    /// This host's name in the cluster [default: the hostname]
    #[arg(long, value_name = "NAME")]
    node_name: Option<weft_model::NodeName>,
    /// Become the agent, instead of starting its unit
    #[arg(long)]
    foreground: bool,
    /// Another file than /etc/weft/weft.toml to write to; the agent has to be started with it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Shared {
    fn config_file(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(CONFIG_FILE))
    }
}

/// An address or an interface, as it was written.
fn advertise(text: &str) -> Result<String, String> {
    text.parse::<weft_agent::config::Advertise>().map(|_| text.to_owned())
}

/// ` --config FILE` for commands that are to be typed, if it is not the usual one.
pub(crate) fn with_config(config: Option<&Path>) -> String {
    config.map(|path| format!(" --config {}", path.display())).unwrap_or_default()
}

pub(crate) fn must_be_root(doing: &str) -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("{doing} works on the agent's own files: run it as root");
    }
    Ok(())
}
