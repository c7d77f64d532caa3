//! `weft endpoint`, `weft attach`, `weft detach`.

use crate::{
    client::{Client, part},
    output::{Format, Listing, Out, short},
};
use anyhow::Context;
use clap::Subcommand;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    process::ExitCode,
};
use weft_api::v1;
use weft_model::{EndpointName, MacAddr};

/// The endpoints of networks, and where they are.
#[derive(Debug, Subcommand)]
pub(crate) enum Endpoint {
    /// List endpoints of all hosts
    #[command(visible_alias = "list")]
    Ls(Ls),
}

/// List endpoints of all hosts.
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    listing: Listing,
    /// Only those of one network
    #[arg(long, visible_alias = "net")]
    network: Option<String>,
    /// Only those of one host
    #[arg(long)]
    node: Option<String>,
    /// Whole ids
    #[arg(long)]
    no_trunc: bool,
}

impl Endpoint {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let Self::Ls(ls) = self;
        let given = [("network", &ls.network), ("node", &ls.node)];
        let query: Vec<_> = given
            .iter()
            .filter_map(|(key, value)| value.as_ref().map(|value| format!("{key}={}", part(value))))
            .collect();
        let endpoints: Vec<v1::Endpoint> =
            client.get(&format!("/weft/v1/endpoints?{}", query.join("&"))).await?;
        if ls.listing.quiet {
            for endpoint in endpoints {
                out.line(short(&endpoint.id.to_string(), ls.no_trunc))?;
            }
        } else if ls.listing.format == Format::Json {
            out.json(&endpoints)?;
        } else {
            let headings = ["ENDPOINT ID", "NETWORK", "NAME", "ADDRESSES", "MAC", "NODE"];
            out.table(&headings, endpoints.iter().map(|e| row(e, ls.no_trunc)).collect())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn addresses(endpoint: &v1::Endpoint) -> Vec<String> {
    let ipv4 = endpoint.ipv4.map(IpAddr::V4);
    ipv4.into_iter().chain(endpoint.ipv6.map(IpAddr::V6)).map(|ip| ip.to_string()).collect()
}

fn row(endpoint: &v1::Endpoint, whole: bool) -> Vec<String> {
    vec![
        short(&endpoint.id.to_string(), whole),
        endpoint.network_name.to_string(),
        endpoint.name.to_string(),
        addresses(endpoint).join(", "),
        endpoint.mac.to_string(),
        endpoint.node.to_string(),
    ]
}

/// Put a network namespace of this host on a network.
#[derive(Debug, clap::Args)]
pub(crate) struct Attach {
    /// The namespace, as /run/netns/lab or /proc/PID/ns/net
    #[arg(long, value_name = "PATH")]
    netns: PathBuf,
    /// The network's name, id, or a start of its id
    #[arg(long, visible_alias = "network", value_name = "NETWORK")]
    net: String,
    /// The name it gets there
    #[arg(long)]
    name: EndpointName,
    /// A certain IPv4 address
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<Ipv4Addr>,
    /// A certain IPv6 address
    #[arg(long, value_name = "ADDRESS")]
    ip6: Option<Ipv6Addr>,
    /// A certain Ethernet address
    #[arg(long, value_name = "MAC")]
    mac_address: Option<MacAddr>,
    /// One more name on this network
    #[arg(long, visible_alias = "network-alias", value_name = "NAME")]
    alias: Vec<EndpointName>,
    /// How to write what it got: its addresses, or everything as one JSON document
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Attach {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        // The agent's working directory is another one.
        let netns = std::path::absolute(&self.netns)
            .with_context(|| format!("cannot use the namespace {}", self.netns.display()))?;
        let body = v1::Attach {
            network: self.net,
            name: self.name,
            netns,
            aliases: self.alias,
            ipv4: self.ip,
            ipv6: self.ip6,
            mac: self.mac_address,
        };
        let endpoint: v1::Endpoint = client.post("/weft/v1/endpoints", &body).await?;
        match self.format {
            Format::Json => out.json(&endpoint)?,
            Format::Table => addresses(&endpoint).iter().try_for_each(|address| out.line(address))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Take an endpoint of this host off a network.
#[derive(Debug, clap::Args)]
pub(crate) struct Detach {
    /// The network's name, id, or a start of its id
    #[arg(long, visible_alias = "network", value_name = "NETWORK")]
    net: String,
    /// The endpoint's name or id
    #[arg(long)]
    name: String,
}

impl Detach {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        client.delete(&format!("/weft/v1/endpoints/{}/{}", part(&self.net), part(&self.name))).await?;
        Ok(ExitCode::SUCCESS)
    }
}
