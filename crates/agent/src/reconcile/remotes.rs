//! The endpoints on other nodes of each segment that this node is on: worked out once, then kept up by what changes, since
//! there may be thousands.

use imbl::OrdMap;
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use weft_model::{Endpoint, EndpointId, MacAddr, Network, NetworkId, Node, NodeName, Vni};
use weft_plan::{Remote, Remotes};
use weft_state::{
    changes::{KeyChange, changes},
    cluster::{Claims, Cluster, EndpointMap, Stored},
};
use weft_trust::tunnel_address;

/// Those of all segments that were asked for in the last round.
#[derive(Default)]
pub(super) struct RemotesBySegment(BTreeMap<Vni, Kept>);

impl RemotesBySegment {
    /// Those of a segment of a network, up or down: what they hold is theirs until they are given up. If two would have
    /// one address, it belongs to the one that has claimed it.
    pub(super) fn of(
        &mut self,
        me: &NodeName,
        cluster: &Cluster,
        (id, network): (&NetworkId, &Network),
        vni: Vni,
    ) -> Remotes {
        let now = Basis::of(me, cluster, (id, network), vni);
        let kept = self.0.remove(&vni).and_then(|kept| kept.follow(&now));
        let kept = kept.unwrap_or_else(|| Kept::new(now));
        let remotes = kept.remotes.clone();
        self.0.insert(vni, kept);
        remotes
    }

    /// Forgets segments that are none of `wanted`.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Vni) -> bool) {
        self.0.retain(|vni, _| wanted(vni));
    }
}

/// What was worked out, and from what.
struct Kept {
    basis: Basis,
    remotes: Remotes,
    /// Whether each Ethernet and IP address was one endpoint's alone. Otherwise what changes at one endpoint may change
    /// what another has.
    alone: bool,
}

/// All that it follows from.
#[derive(Clone)]
struct Basis {
    me: NodeName,
    network: NetworkId,
    /// Whether its packets go through the tunnels.
    encrypted: bool,
    pools: Vec<IpNet>,
    endpoints: EndpointMap,
    /// Pool by pool.
    claims: Vec<Claims>,
    nodes: OrdMap<NodeName, Stored<Node>>,
}

impl Basis {
    fn of(me: &NodeName, cluster: &Cluster, (id, network): (&NetworkId, &Network), vni: Vni) -> Self {
        let pools: Vec<IpNet> =
            network.subnets.iter().filter(|subnet| subnet.vni == vni).map(|subnet| subnet.pool).collect();
        Self {
            me: me.clone(),
            network: *id,
            encrypted: network.is_encrypted(),
            claims: pools.iter().map(|pool| cluster.claims.get(pool).cloned().unwrap_or_default()).collect(),
            pools,
            endpoints: cluster.endpoints.get(id).cloned().unwrap_or_default(),
            nodes: cluster.nodes.clone(),
        }
    }

    /// Whether `id` has `address`, unless another has claimed it; `None`: it is not of this segment.
    fn has(&self, id: &EndpointId, address: IpAddr) -> Option<bool> {
        let pool = self.pools.iter().position(|pool| pool.contains(&address))?;
        let claim = self.claims.get(pool)?.get(&address);
        Some(claim.is_none_or(|claim| claim.endpoint == *id))
    }

    /// What an endpoint has on the segment, and whether that is all that it says it has.
    fn remote(&self, id: &EndpointId, endpoint: &Endpoint) -> (Option<(MacAddr, Remote)>, bool) {
        if endpoint.node == self.me {
            return (None, true);
        }
        let Some(node) = self.nodes.get(&endpoint.node) else { return (None, true) };
        let (mut addresses, mut whole) = (BTreeSet::new(), true);
        for address in endpoint.addresses() {
            match self.has(id, address) {
                Some(true) => drop(addresses.insert(address)),
                Some(false) => whole = false,
                None => {}
            }
        }
        let Some(vtep) = self.vtep(node) else { return (None, true) };
        let remote = Remote { vtep, addresses };
        ((!remote.addresses.is_empty()).then_some((endpoint.mac, remote)), whole)
    }

    /// Where a node takes VXLAN packets of the segment; nothing if it cannot decrypt them.
    fn vtep(&self, node: &Node) -> Option<IpAddr> {
        if self.encrypted {
            return node.encrypts().map(|_| tunnel_address(&node.id).into());
        }
        Some(node.vtep)
    }

    /// Whether `next` is of the same segment, with every node where it was.
    fn is_like(&self, next: &Self) -> bool {
        let stays = |change: KeyChange<'_, NodeName, Stored<Node>>| {
            let vtep = |node: Option<&Stored<Node>>| node.and_then(|node| self.vtep(node));
            vtep(change.old) == vtep(change.new)
        };
        (&self.me, &self.network, &self.pools, self.encrypted)
            == (&next.me, &next.network, &next.pools, next.encrypted)
            && changes(&self.nodes, &next.nodes).all(stays)
    }
}

impl Kept {
    fn new(basis: Basis) -> Self {
        let mut alone = true;
        let mut all = BTreeMap::new();
        for (id, endpoint) in &basis.endpoints {
            let (remote, whole) = basis.remote(id, endpoint);
            alone &= whole;
            if let Some((mac, remote)) = remote {
                alone &= all.insert(mac, remote).is_none();
            }
        }
        let mut remotes = Remotes::default();
        for (mac, remote) in all {
            alone &= remotes.insert(mac, &remote);
        }
        Self { basis, remotes, alone }
    }

    /// The same for what is so `now`, if that follows from what has changed.
    fn follow(mut self, now: &Basis) -> Option<Self> {
        if !self.alone || !self.basis.is_like(now) {
            return None;
        }
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for KeyChange { key, old, new: next } in changes(&self.basis.endpoints, &now.endpoints) {
            gone.extend(old.map(|endpoint| (key, endpoint)));
            new.extend(next.map(|endpoint| (key, endpoint)));
        }
        for (id, endpoint) in gone {
            if let (Some((mac, remote)), _) = self.basis.remote(id, endpoint) {
                self.remotes.remove(mac, &remote);
            }
        }
        for (id, endpoint) in new {
            let (remote, whole) = now.remote(id, endpoint);
            let alone = remote.is_none_or(|(mac, remote)| self.remotes.insert(mac, &remote));
            if !whole || !alone {
                return None;
            }
        }
        self.are_claimed(now).then_some(())?;
        self.basis = now.clone();
        Some(self)
    }

    /// Whether every address that was claimed since is of no other than the endpoint that it was claimed for.
    fn are_claimed(&self, now: &Basis) -> bool {
        let changed = self.basis.claims.iter().zip(&now.claims).flat_map(|(old, new)| changes(old, new));
        let claimed = changed.filter_map(|change| Some((change.key, change.new?)));
        let mut held = claimed
            .filter_map(|(address, claim)| Some((address, self.remotes.neighbours.get(address)?, claim)));
        held.all(|(address, mac, claim)| {
            let owner = now.endpoints.get(&claim.endpoint);
            let remote = owner.and_then(|owner| now.remote(&claim.endpoint, owner).0);
            remote.is_some_and(|(own, remote)| own == *mac && remote.addresses.contains(address))
        })
    }
}

#[cfg(test)]
mod tests;
