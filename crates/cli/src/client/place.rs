//! Where to ask, or to be asked: the global flags.

use super::{Client, Host, TlsFlags};
use anyhow::bail;

/// Of every command.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Place {
    /// The agent's socket, unix://PATH, or another host's, tcp://ADDRESS:2376 [default:
    /// unix:///run/weft/weft.sock]
    #[arg(short = 'H', long, global = true, env = "WEFT_HOST", hide_env_values = true)]
    #[arg(value_name = "URL", help_heading = "Global options")]
    pub(crate) host: Vec<Host>,
    #[command(flatten)]
    pub(crate) tls: TlsFlags,
}

impl Place {
    /// The way to the agent that was named.
    ///
    /// # Errors
    /// If several were.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        match self.host.as_slice() {
            [] => Ok(Client::new(Host::default(), self.tls.clone())),
            [host] => Ok(Client::new(host.clone(), self.tls.clone())),
            [first, second, ..] => bail!("there are two hosts to ask, {first} and {second}: give one --host"),
        }
    }

    /// The way to the agent of this host, whose sockets are those that were named.
    pub(crate) fn own(&self) -> Client {
        let socket = self.host.iter().find(|host| matches!(host, Host::Unix(_)));
        Client::new(socket.cloned().unwrap_or_default(), TlsFlags::default())
    }
}
