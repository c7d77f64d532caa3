//! `podman network create -d weft`: a network of the cluster, made now, or there already.

use super::protocol::{LeaseRange, Network, Subnet};
use crate::client::{Client, ClientError, part};
use anyhow::{Context, bail, ensure};
use std::{collections::BTreeMap, net::IpAddr};
use weft_api::docker;
use weft_model::IpNet;

/// What Podman is answered: the network as it asked for it, with the subnets that the cluster has given it.
pub(super) async fn create(client: &Client, mut network: Network) -> anyhow::Result<Network> {
    let asked = request(&network)?;
    let path = format!("/networks/{}", part(&network.name));
    let there = match find(client, &path, &network.name).await? {
        Some(there) => there,
        None => {
            let made = client.post::<docker::CreatedNetwork>("/networks/create", &asked).await;
            // Another host may have been faster.
            match (find(client, &path, &network.name).await?, made) {
                (Some(there), _) => there,
                (None, Err(refused)) => return Err(refused.into()),
                (None, Ok(_)) => bail!("network {} was removed as soon as it was made", network.name),
            }
        }
    };
    refuse_another(&network, &there)?;
    network.subnets = there.ipam.config.iter().map(subnet).collect::<anyhow::Result<_>>()?;
    network.ipv6_enabled = there.enable_ipv6;
    network.internal = there.internal;
    // Podman hands out no addresses then. It would from a file of this host.
    network.ipam_options.insert("driver".into(), "none".into());
    Ok(network)
}

/// The network of that name: what a text is the beginning of an id of is found under it, too.
pub(super) async fn find(
    client: &Client,
    path: &str,
    name: &str,
) -> Result<Option<docker::Network>, ClientError> {
    match client.get::<docker::Network>(path).await {
        Ok(there) => Ok(Some(there).filter(|there| there.name == name)),
        Err(error) if error.status() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

fn refuse_what_weft_does_itself(network: &Network) -> anyhow::Result<()> {
    let given = |key: &str| {
        network.rest.get(key).is_some_and(|value| match value {
            serde_json::Value::Null => false,
            serde_json::Value::Array(all) => !all.is_empty(),
            serde_json::Value::String(text) => !text.is_empty(),
            _ => true,
        })
    };
    ensure!(
        !given("network_interface"),
        "--interface-name is not for networks of weft, which have no bridge in this host's namespace"
    );
    ensure!(
        !given("routes"),
        "--route is not for networks of weft: a container has routes to its network and out of it"
    );
    ensure!(
        !given("network_dns_servers"),
        "--dns is not for networks of weft, which answers names itself, and asks this host's servers for others"
    );
    match network.ipam_options.get("driver").map(String::as_str) {
        None | Some("none" | "host-local" | "") => Ok(()),
        Some(driver) => bail!(
            "--ipam-driver {driver} is not for networks of weft, whose addresses are the cluster's: leave it out"
        ),
    }
}

/// What the agent is asked for.
pub(super) fn request(network: &Network) -> anyhow::Result<docker::CreateNetwork> {
    refuse_what_weft_does_itself(network)?;
    let config = network.subnets.iter().map(|subnet| {
        let ip_range = subnet.lease_range.as_ref().map(|range| within(&subnet.subnet, range)).transpose()?;
        Ok(docker::IpamConfig {
            subnet: subnet.subnet.to_string(),
            ip_range: ip_range.map(|range| range.to_string()).unwrap_or_default(),
            gateway: subnet.gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
            auxiliary_addresses: BTreeMap::new(),
        })
    });
    Ok(docker::CreateNetwork {
        name: network.name.clone(),
        driver: "weft".into(),
        enable_ipv6: network.ipv6_enabled.then_some(true),
        ipam: docker::Ipam { config: config.collect::<anyhow::Result<_>>()?, ..docker::Ipam::default() },
        internal: network.internal,
        options: network.options.clone(),
        labels: network.labels.clone(),
        ..docker::CreateNetwork::default()
    })
}

/// The prefix that Podman made a range of, from the first address to the last one of it.
fn within(subnet: &IpNet, range: &LeaseRange) -> anyhow::Result<IpNet> {
    let (Some(first), Some(last)) = (range.start_ip, range.end_ip) else {
        bail!("a range of addresses in {subnet} lacks its beginning or its end: give it as --ip-range CIDR");
    };
    let longest = if subnet.addr().is_ipv4() { 32 } else { 128 };
    let prefixes = (subnet.prefix_len()..=longest).rev();
    let mut nets = prefixes.filter_map(|length| IpNet::new(first, length).ok().map(|net| net.trunc()));
    let fits = |net: &IpNet| net.contains(&last) && starts(net, first) && ends(net, last);
    nets.find(fits).with_context(|| {
        format!("{first} to {last} is no prefix within {subnet}: give it as --ip-range CIDR")
    })
}

/// The network's own address is left out, and that which reaches all.
fn starts(net: &IpNet, first: IpAddr) -> bool {
    first == net.network() || net.hosts().next() == Some(first)
}

fn ends(net: &IpNet, last: IpAddr) -> bool {
    let before = |broadcast: IpAddr| match broadcast {
        IpAddr::V4(ip) => IpAddr::V4(u32::from(ip).saturating_sub(1).into()),
        IpAddr::V6(ip) => IpAddr::V6(u128::from(ip).saturating_sub(1).into()),
    };
    last == net.broadcast() || last == before(net.broadcast())
}

/// A network of that name, which was made elsewhere, must be what is asked for here.
fn refuse_another(network: &Network, there: &docker::Network) -> anyhow::Result<()> {
    let name = &network.name;
    for asked in &network.subnets {
        let known = there.ipam.config.iter().any(|config| {
            config.subnet == asked.subnet.to_string()
                && asked.gateway.is_none_or(|gateway| config.gateway == gateway.to_string())
        });
        ensure!(
            known,
            "the cluster has a network {name} already, without the subnet {} or with another gateway in it: leave it out to have that network here",
            asked.subnet
        );
    }
    ensure!(
        !network.internal || there.internal,
        "the cluster has a network {name} already, which is not internal"
    );
    ensure!(
        !network.ipv6_enabled || there.enable_ipv6,
        "the cluster has a network {name} already, which has no IPv6 addresses"
    );
    for (key, value) in &network.options {
        ensure!(
            there.options.get(key) == Some(value),
            "the cluster has a network {name} already, without the option {key}={value}: leave it out to have that network here"
        );
    }
    Ok(())
}

fn subnet(config: &docker::IpamConfig) -> anyhow::Result<Subnet> {
    let of_agent = || format!("the agent told of a subnet {:?}", config.subnet);
    Ok(Subnet {
        subnet: config.subnet.parse().with_context(of_agent)?,
        gateway: Some(&config.gateway)
            .filter(|text| !text.is_empty())
            .map(|text| text.parse())
            .transpose()
            .with_context(of_agent)?,
        lease_range: None,
    })
}

#[cfg(test)]
mod tests;
