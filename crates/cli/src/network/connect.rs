//! `weft network connect` and `disconnect`.

use crate::{client::Client, completion};
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    process::ExitCode,
};
use weft_api::docker;

/// Put a process of this host on one more network.
#[derive(Debug, clap::Args)]
pub(crate) struct Connect {
    /// The network's name, id, or a start of its id
    #[arg(add = completion::networks())]
    network: String,
    /// The process's name or id
    #[arg(add = completion::processes())]
    process: String,
    /// A certain IPv4 address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,
    /// A certain IPv6 address
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<Ipv6Addr>,
    /// One more name on this network
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
}

impl Connect {
    pub(super) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let body = docker::Connect {
            container: self.process,
            endpoint_config: docker::EndpointSettings {
                ipam_config: docker::EndpointIpam {
                    ipv4_address: self.ip.map(|ip| ip.to_string()).unwrap_or_default(),
                    ipv6_address: self.ip6.map(|ip| ip.to_string()).unwrap_or_default(),
                },
                aliases: self.alias,
                ..docker::EndpointSettings::default()
            },
        };
        client.act(&format!("{}/connect", super::path(&self.network)), &body).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Take a process off a network.
#[derive(Debug, clap::Args)]
pub(crate) struct Disconnect {
    /// The network's name, id, or a start of its id
    #[arg(add = completion::networks())]
    network: String,
    /// The process's name or id
    #[arg(add = completion::processes())]
    process: String,
    /// Also if it is on another host, which is down
    #[arg(short, long)]
    force: bool,
}

impl Disconnect {
    pub(super) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let body = docker::Disconnect { container: self.process, force: self.force };
        client.act(&format!("{}/disconnect", super::path(&self.network)), &body).await?;
        Ok(ExitCode::SUCCESS)
    }
}
