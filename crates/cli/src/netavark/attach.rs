//! A container that begins, and one that has ended.

use super::{
    create::find,
    protocol::{Address, Container, Ended, Interface, Ports, Status},
};
use crate::client::{Client, part};
use anyhow::{Context, bail, ensure};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    time::Duration,
};
use tokio::time::timeout;
use weft_api::v1;
use weft_model::OwnerKey;

/// Where weft answers names in a container.
const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
/// How long putting a container on a network may take.
const SETUP: Duration = Duration::from_secs(15);
/// How long taking one off may. What is not done by then the agent does by itself, when it finds the namespace gone.
const TEARDOWN: Duration = Duration::from_secs(5);

impl Container {
    /// Its container and network never change, its name and its namespace do.
    fn owner(&self) -> anyhow::Result<OwnerKey> {
        key(&self.container_id, &self.network.id)
    }
}

fn key(container: &str, network: &str) -> anyhow::Result<OwnerKey> {
    format!("podman:{container}/{network}").parse().context("the ids of container and network make no key")
}

/// What the agent is asked for.
pub(super) fn request(netns: &Path, container: Container) -> anyhow::Result<v1::Attach> {
    let owner = container.owner()?;
    let name = container.container_name.parse().context("the container cannot be called so on a network")?;
    let options = container.network_options;
    let mut aliases = options.aliases;
    aliases.retain(|alias| *alias != name);
    let mut ports = Vec::new();
    for published in container.port_mappings.iter().map(Ports::each) {
        ports.extend(published?);
    }
    // At a reload Podman asks for the address that it has, and once more for the one that the user asked for.
    let (mut ipv4, mut ipv6) = (BTreeSet::new(), BTreeSet::new());
    for address in options.static_ips {
        let _ = match address {
            IpAddr::V4(address) => ipv4.insert(address),
            IpAddr::V6(address) => ipv6.insert(address),
        };
    }
    ensure!(
        ipv4.len() < 2 && ipv6.len() < 2,
        "several addresses of one family are asked for: a container has one on a network"
    );
    Ok(v1::Attach {
        network: container.network.name,
        name,
        netns: netns.to_owned(),
        aliases,
        ipv4: ipv4.pop_first(),
        ipv6: ipv6.pop_first(),
        mac: options.static_mac,
        owner: Some(owner),
        container: Some(container.container_id),
        interface: Some(options.interface_name),
        ports,
    })
}

/// Puts a container on a network: whole, or not at all, since nobody takes off what failed.
pub(super) async fn setup(client: &Client, netns: &Path, container: Container) -> anyhow::Result<Status> {
    let owner = container.owner()?;
    let body = request(netns, container)?;
    // What is no name may be the beginning of another network's id.
    let path = format!("/networks/{}", part(&body.network));
    ensure!(
        find(client, &path, &body.network).await?.is_some(),
        "the cluster has no network {0} any more: `podman network rm {0}` takes it off this host's list",
        body.network
    );
    let attached = timeout(SETUP, client.post::<v1::Attached>("/weft/v1/endpoints", &body)).await;
    let Ok(attached) = attached else {
        // It may be done yet.
        let _ = timeout(TEARDOWN, detach(client, &owner)).await;
        bail!("the agent did not put it on the network within {SETUP:?}; see `weft status`");
    };
    let attached = attached?;
    let address = |subnet: v1::AttachedSubnet| Address { ipnet: subnet.address, gateway: subnet.gateway };
    let interface = Interface {
        mac_address: attached.endpoint.mac,
        subnets: attached.subnets.into_iter().map(address).collect(),
    };
    Ok(Status {
        dns_server_ips: [RESOLVER],
        // Asked first: a name of the network is not sent to the host's own domains, nor to who answers for those.
        dns_search_domains: vec![attached.endpoint.network_name.to_string()],
        interfaces: [(attached.interface, interface)].into(),
    })
}

/// Takes a container off a network. Podman cannot end it otherwise: where no agent is, that is no failure.
pub(super) async fn teardown(client: &Client, ended: Ended) -> anyhow::Result<()> {
    let owner = key(&ended.container_id, &ended.network.id)?;
    match timeout(TEARDOWN, detach(client, &owner)).await {
        Ok(Err(error)) if error.status().is_none() => {
            eprintln!("weft: {error}; when it is back, it takes off what has ended");
            Ok(())
        }
        Ok(detached) => Ok(detached?),
        Err(_) => {
            eprintln!(
                "weft: the agent takes longer than {TEARDOWN:?}; it goes on, and takes off what has ended"
            );
            Ok(())
        }
    }
}

async fn detach(client: &Client, owner: &OwnerKey) -> Result<(), crate::client::ClientError> {
    client.delete(&format!("/weft/v1/endpoints?owner={}", part(owner.as_str()))).await
}

#[cfg(test)]
mod tests;
