//! Ethernet addresses: one interface of a network has each, and the gateways keep theirs.

use super::{access::ClusterAccess, refusal::Taken};
use weft_model::{Endpoint, EndpointId, MacAddr, Network, NetworkId};
use weft_state::cluster::{Cluster, Stored};

/// Two interfaces with one Ethernet address would take each other's packets, and one with the gateway's all those that
/// are to leave the network.
pub(super) fn refuse_taken(
    cluster: &Cluster,
    id: NetworkId,
    network: &Stored<Network>,
    mac: MacAddr,
) -> Result<(), Taken> {
    if network.subnets.iter().any(|subnet| network.gateway_mac(subnet.vni) == Some(mac)) {
        return Err(Taken::GatewayMac { mac, network: network.name.clone() });
    }
    match cluster.endpoints_with(&id, mac).next() {
        Some((_, other)) => Err(in_use_by(other)),
        None => Ok(()),
    }
}

fn in_use_by(other: &Endpoint) -> Taken {
    Taken::Mac { mac: other.mac, name: other.name.clone(), node: other.node.clone() }
}

/// Looks at an endpoint that was just written, once it is seen. Two that chose one Ethernet address at the same time
/// did not see each other before; the store has put them in an order, and the later one has to go. (A key for each
/// Ethernet address would say it too, at the price of a write with each attach.)
pub(super) async fn refuse_unless_alone(
    access: &ClusterAccess,
    network: NetworkId,
    id: EndpointId,
) -> Result<(), Taken> {
    access.until(|cluster| cluster.endpoint(&id).is_some()).await;
    let cluster = access.known();
    let Some((_, own)) = cluster.endpoint(&id) else { return Ok(()) };
    let mut others = cluster.endpoints_with(&network, own.mac);
    let earlier = others.find(|(other, endpoint)| **other != id && endpoint.modified < own.modified);
    earlier.map_or(Ok(()), |(_, other)| Err(in_use_by(other)))
}
