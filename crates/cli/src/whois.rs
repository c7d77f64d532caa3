//! `weft whois`: who has an address, an Ethernet address or a name.

use crate::{
    client::Client,
    completion,
    output::{Format, Out, or_dash, short},
};
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    process::ExitCode,
};
use weft_api::{docker, v1};
use weft_model::{EndpointId, EndpointName, IpNet, MacAddr, NetworkName, NodeName, starts_id};

/// Say who has an address, an Ethernet address or a name, and where. Fails if nobody has it.
#[derive(Debug, clap::Args)]
pub(crate) struct Whois {
    /// An address, an Ethernet address, a name, or an id of an endpoint or a container
    #[arg(value_name = "ADDRESS|MAC|NAME", value_parser = NonEmptyStringValueParser::new())]
    #[arg(add = completion::containers())]
    what: String,
    /// Whole ids
    #[arg(long)]
    no_trunc: bool,
    /// How to write it: for people, or for programs as one JSON document
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Who has it.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Owner {
    /// What is on a network.
    Endpoint {
        id: EndpointId,
        name: EndpointName,
        aliases: Vec<EndpointName>,
        network: NetworkName,
        #[serde(skip_serializing_if = "Option::is_none")]
        ipv4: Option<Ipv4Addr>,
        #[serde(skip_serializing_if = "Option::is_none")]
        ipv6: Option<Ipv6Addr>,
        mac: MacAddr,
        node: NodeName,
        #[serde(skip_serializing_if = "Option::is_none")]
        container: Option<String>,
    },
    /// A network's way out, on each host.
    Gateway { network: String, address: IpAddr },
    /// A host.
    Node { name: NodeName, addresses: Vec<IpAddr>, up: bool },
}

impl Whois {
    pub(crate) async fn run(self, client: &Client, mut out: Out) -> anyhow::Result<ExitCode> {
        let endpoints: Vec<v1::Endpoint> = client.get("/weft/v1/endpoints").await?;
        let nodes: Vec<v1::Node> = client.get("/weft/v1/nodes").await?;
        let networks: Vec<docker::Network> = client.get("/networks").await?;
        let what = self.what.as_str();
        let owners: Vec<Owner> = endpoints
            .iter()
            .filter(|endpoint| has(endpoint, what))
            .map(endpoint)
            .chain(networks.iter().flat_map(|network| gateways(network, what)))
            .chain(nodes.iter().filter(|node| is(node, what)).map(node))
            .collect();
        match self.format {
            Format::Json => out.json(&owners)?,
            Format::Table if owners.is_empty() => {}
            Format::Table => {
                let headings = ["NAME", "KIND", "NETWORK", "ADDRESSES", "MAC", "NODE", "CONTAINER"];
                out.table(&headings, owners.iter().map(|owner| row(owner, self.no_trunc)).collect())?;
            }
        }
        if owners.is_empty() {
            anyhow::bail!("{}", nobody(what, &networks));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether an endpoint is called so, or has that address or id.
pub(crate) fn has(endpoint: &v1::Endpoint, what: &str) -> bool {
    if let Ok(address) = what.parse::<IpAddr>() {
        return endpoint.addresses().any(|one| one == address);
    }
    if let Ok(mac) = what.parse::<MacAddr>() {
        return endpoint.mac == mac;
    }
    let called = |name: &EndpointName| name.as_str().eq_ignore_ascii_case(what);
    called(&endpoint.name)
        || endpoint.aliases.iter().any(called)
        || endpoint.container.as_deref().is_some_and(|id| starts_id(what, id))
        || starts_id(what, &endpoint.id.to_string())
}

fn is(node: &v1::Node, what: &str) -> bool {
    let address: Option<IpAddr> = what.parse().ok();
    node.name.as_str() == what
        || address.is_some_and(|address| [node.advertise, node.vtep].contains(&address))
}

fn gateways(network: &docker::Network, what: &str) -> Option<Owner> {
    let address: IpAddr = what.parse().ok()?;
    let is_it = |config: &docker::IpamConfig| config.gateway.parse() == Ok(address);
    let found = network.ipam.config.iter().any(is_it);
    found.then(|| Owner::Gateway { network: network.name.clone(), address })
}

fn endpoint(endpoint: &v1::Endpoint) -> Owner {
    let v1::Endpoint { id, name, aliases, network_name, ipv4, ipv6, mac, node, container, .. } =
        endpoint.clone();
    Owner::Endpoint { id, name, aliases, network: network_name, ipv4, ipv6, mac, node, container }
}

fn node(node: &v1::Node) -> Owner {
    let mut addresses = vec![node.advertise, node.vtep];
    addresses.dedup();
    Owner::Node { name: node.name.clone(), addresses, up: node.up }
}

fn row(owner: &Owner, whole: bool) -> Vec<String> {
    let list = |addresses: &[IpAddr]| addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
    match owner {
        Owner::Endpoint { name, network, ipv4, ipv6, mac, node, container, .. } => {
            let addresses: Vec<_> = ipv4.map(IpAddr::V4).into_iter().chain(ipv6.map(IpAddr::V6)).collect();
            let container = or_dash(container.as_deref().map(|id| short(id, whole)));
            let (name, network, mac, node) =
                (name.to_string(), network.to_string(), mac.to_string(), node.to_string());
            vec![name, "endpoint".to_owned(), network, list(&addresses), mac, node, container]
        }
        Owner::Gateway { network, address } => {
            let (network, address) = (network.clone(), address.to_string());
            ["-", "gateway", &network, &address, "-", "each", "-"].map(str::to_owned).to_vec()
        }
        Owner::Node { name, addresses, up } => {
            let state = if *up { "host" } else { "host, down" };
            let (name, addresses) = (name.to_string(), list(addresses));
            [&name, state, "-", &addresses, "-", &name, "-"].map(str::to_owned).to_vec()
        }
    }
}

/// That nobody has it; and where an address would belong.
fn nobody(what: &str, networks: &[docker::Network]) -> String {
    let network = what.parse::<IpAddr>().ok().and_then(|address| {
        let of = |network: &docker::Network| {
            let subnets = network.ipam.config.iter().filter_map(|config| config.subnet.parse::<IpNet>().ok());
            let subnet = subnets.into_iter().find(|subnet| subnet.contains(&address))?;
            Some((network.name.clone(), subnet))
        };
        networks.iter().find_map(of)
    });
    match network {
        Some((name, subnet)) => format!("nobody has {what}, which is of network {name} ({subnet})"),
        None => format!("nobody has {what}: no endpoint, no gateway and no host of the cluster"),
    }
}
