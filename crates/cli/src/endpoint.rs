//! `weft endpoint`, `weft attach`, `weft detach`.

use crate::{
    client::{Client, part},
    completion,
    output::{Format, Listing, Out, bytes, short},
};
use anyhow::Context;
use clap::Subcommand;
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    process::ExitCode,
};
use weft_api::v1;
use weft_model::{Amount, EndpointName, IfName, MacAddr, OwnerKey, PortMapping, Traffic};

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
    #[arg(add = completion::networks())]
    network: Option<String>,
    /// Only those of one host
    #[arg(long)]
    #[arg(add = completion::nodes())]
    node: Option<String>,
    /// Also what has gone through those of this host
    #[arg(short, long)]
    verbose: bool,
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
            .chain(ls.verbose.then(|| "traffic=true".to_owned()))
            .collect();
        let endpoints: Vec<v1::Endpoint> =
            client.get(&format!("/weft/v1/endpoints?{}", query.join("&"))).await?;
        if ls.listing.quiet {
            for endpoint in endpoints {
                out.line(short(&endpoint.id.to_string(), ls.no_trunc))?;
            }
        } else if !ls.listing.written(&endpoints, &mut out)? {
            let mut headings = vec!["ENDPOINT ID", "NETWORK", "NAME", "ADDRESSES", "MAC", "NODE"];
            let mut rows: Vec<_> = endpoints.iter().map(|e| row(e, ls.no_trunc)).collect();
            if ls.verbose {
                headings.extend(["RECEIVED", "SENT", "DROPPED"]);
                rows.iter_mut().zip(&endpoints).for_each(|(row, endpoint)| row.extend(counted(endpoint)));
            }
            out.table(&headings, rows)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn addresses(endpoint: &v1::Endpoint) -> Vec<String> {
    endpoint.addresses().map(|address| address.to_string()).collect()
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

/// What has gone through it, of one of this host.
fn counted(endpoint: &v1::Endpoint) -> [String; 3] {
    let amount = |amount: Amount| format!("{} in {} packets", bytes(amount.bytes), amount.packets);
    let Some(Traffic { received, sent }) = endpoint.traffic else { return ["-"; 3].map(str::to_owned) };
    let dropped = format!("{}/{}", received.dropped, sent.dropped);
    [amount(received), amount(sent), dropped]
}

/// Put a network namespace of this host on a network.
#[derive(Debug, clap::Args)]
pub(crate) struct Attach {
    /// The namespace, as /run/netns/lab or /proc/PID/ns/net
    #[arg(long, value_name = "PATH")]
    netns: PathBuf,
    /// The network's name, id, or a start of its id
    #[arg(long, visible_alias = "network", value_name = "NETWORK")]
    #[arg(add = completion::networks())]
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
    /// The interface it gets there; the first ethN that is free unless said
    #[arg(long, value_name = "NAME")]
    interface: Option<IfName>,
    /// A port of this host that leads to it: [HOST-IP:]HOST-PORT:PORT[/udp]
    #[arg(short, long, value_name = "PORTS")]
    publish: Vec<PortMapping>,
    /// What its owner calls it: attached with it again, it is the same one, also in another namespace
    #[arg(long, value_name = "KEY")]
    owner: Option<OwnerKey>,
    /// The id of the container that it is
    #[arg(long, value_name = "ID")]
    container: Option<String>,
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
            owner: self.owner,
            container: self.container,
            interface: self.interface,
            ports: self.publish,
        };
        let attached: v1::Attached = client.post("/weft/v1/endpoints", &body).await?;
        match self.format {
            Format::Json => out.json(&attached)?,
            Format::Table => {
                addresses(&attached.endpoint).iter().try_for_each(|address| out.line(address))?
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Take an endpoint of this host off a network.
#[derive(Debug, clap::Args)]
pub(crate) struct Detach {
    /// The network's name, id, or a start of its id
    #[arg(long, visible_alias = "network", value_name = "NETWORK")]
    #[arg(add = completion::networks())]
    #[arg(required_unless_present = "owner", requires = "name")]
    net: Option<String>,
    /// The endpoint's name or id
    #[arg(long, requires = "net")]
    #[arg(add = completion::containers_here())]
    name: Option<String>,
    /// What its owner calls it, in place of both
    #[arg(long, value_name = "KEY", conflicts_with_all = ["net", "name"])]
    owner: Option<OwnerKey>,
}

impl Detach {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let path = match (self.owner, self.net, self.name) {
            (Some(owner), _, _) => format!("/weft/v1/endpoints?owner={}", part(owner.as_str())),
            (None, Some(net), Some(name)) => format!("/weft/v1/endpoints/{}/{}", part(&net), part(&name)),
            _ => anyhow::bail!("nothing says which endpoint: give --net and --name, or --owner"),
        };
        client.delete(&path).await?;
        Ok(ExitCode::SUCCESS)
    }
}
