//! What is free in a namespace and on a network, and what is taken.

use super::{Holder, refusal::EndpointRefusal};
use crate::core::refusal::Taken;
use std::path::Path;
use weft_model::{EndpointName, IfName, NetworkId};
use weft_state::journal::LocalEndpoints;

/// The interface that is asked for; else the first that is free.
pub(super) fn free_interface(
    asked: Option<&IfName>,
    is_free: impl Fn(&IfName) -> bool,
) -> Result<IfName, EndpointRefusal> {
    match asked {
        Some(asked) if is_free(asked) => Ok(asked.clone()),
        Some(asked) => Err(EndpointRefusal::InterfaceTaken(asked.clone())),
        None => (0..=u8::MAX).map(IfName::container).find(is_free).ok_or(EndpointRefusal::NoInterfaceName),
    }
}

/// Refuses a second endpoint of a namespace on a network, and one of a name that is taken there.
pub(super) fn refuse_twice(
    known: &LocalEndpoints,
    network: NetworkId,
    name: &EndpointName,
    holder: &Holder,
) -> Result<(), Taken> {
    for local in known.values().filter(|local| local.network_id == network) {
        let network = &local.network.name;
        if local.netns == holder.netns {
            let name = local.endpoint.name.clone();
            return Err(Taken::Joined { name, network: network.clone() });
        }
        // A runtime tells its containers apart by itself, and those of a pod have one name.
        if holder.owner.runtime().is_none() && local.endpoint.name == *name {
            return Err(Taken::EndpointName { name: name.clone(), network: network.clone() });
        }
    }
    Ok(())
}

/// Whether an endpoint has, or is about to have, that interface there.
pub(super) fn in_use(known: &LocalEndpoints, netns: &Path, ifname: &IfName) -> bool {
    known.values().any(|local| local.netns == netns && local.ifname == *ifname)
}
