//! What each step does, on a model of the kernel.
//!
//! The model refuses what the kernel refuses: a plan with its steps in the wrong order fails on it.

use crate::{Carrier, Change, Entry, Kind, Link, Namespace, Netns, Observed, Peer, Route, Step};
use std::collections::{BTreeMap, BTreeSet};
use weft_model::IfName;

/// Why the kernel refuses a step, as it would say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// EEXIST.
    #[error("File exists")]
    Exists,
    /// ENODEV.
    #[error("No such device")]
    NoDevice,
    /// ENOENT.
    #[error("No such file or directory")]
    NotFound,
    /// ENETDOWN, or ENETUNREACH for a next hop that no address covers.
    #[error("Network is unreachable")]
    Unreachable,
    /// EOPNOTSUPP.
    #[error("Operation not supported")]
    Unsupported,
}

impl Observed {
    /// Takes a step on this state.
    ///
    /// # Errors
    /// [`Refusal`] where the kernel would refuse; nothing is changed then.
    pub fn take(&mut self, step: &Step) -> Result<(), Refusal> {
        match step {
            Step::CreateNamespace(own) => {
                let netns = Netns::from(*own);
                if self.namespaces.contains_key(&netns) || self.blocked.contains_key(&netns) {
                    return Err(Refusal::Exists);
                }
                self.namespaces.insert(netns, Namespace::default());
            }
            Step::DeleteNamespace(own) => self.delete_namespace((*own).into()),
            Step::CreateLink { netns, name, kind, alias, mac, mtu, peer } => {
                let link = Link::new(kind.clone(), alias.clone(), *mac, *mtu);
                self.create(netns, name, link, peer.as_ref())?;
            }
            Step::DeleteLink(netns, name) => self.delete_link(netns, name),
            Step::SetLink(netns, name, change) => self.set_link(netns, name, change)?,
            Step::Add(netns, name, entry) => {
                add(self.link(netns, name)?, entry)?;
                if let Entry::LocalFdb(mac) = entry
                    && *name != IfName::bridge()
                    && let Ok(bridge) = self.link(netns, &IfName::bridge())
                {
                    // An address is in one netns.
                    bridge.local_fdb.remove(mac);
                }
            }
            Step::Delete(netns, name, entry) => delete(self.link(netns, name)?, entry),
            Step::AddRoute(netns, route) => self.add_route(netns, route)?,
            Step::DeleteRoute(netns, route) => {
                self.namespace(netns)?.routes.remove(route);
            }
            Step::SetSysctl { netns, key, value } => {
                let namespace = self.namespace(netns)?;
                if crate::target::sysctl_link(key).is_some_and(|link| !namespace.has(link)) {
                    return Err(Refusal::NotFound);
                }
                namespace.sysctls.insert(key.clone(), value.clone());
            }
            Step::SetGate(vni) => self.namespace(&Netns::Segment(*vni))?.gate = true,
            Step::SetRuleset(ruleset) => self.ruleset = Some(ruleset.mark().clone()),
            Step::DeleteRuleset => self.ruleset = None,
        }
        Ok(())
    }

    fn namespace(&mut self, netns: &Netns) -> Result<&mut Namespace, Refusal> {
        self.namespaces.get_mut(netns).ok_or(Refusal::NotFound)
    }

    fn link(&mut self, netns: &Netns, name: &IfName) -> Result<&mut Link, Refusal> {
        self.namespace(netns)?.links.get_mut(name).ok_or(Refusal::NoDevice)
    }

    fn create(
        &mut self,
        netns: &Netns,
        name: &IfName,
        link: Link,
        peer: Option<&Peer>,
    ) -> Result<(), Refusal> {
        if link.kind == Kind::Veth && peer.is_none() {
            return Err(Refusal::Unsupported);
        }
        // A VNI is unique among the devices whose sockets are in one namespace, wherever they are themselves
        // (`vxlan_vni_in_use`, `drivers/net/vxlan/vxlan_core.c`).
        if is_carried_by_tunnel(&link) && !self.namespaces.contains_key(&Netns::Tunnel) {
            return Err(Refusal::NotFound);
        }
        let mut links = self.namespaces.values().flat_map(|namespace| namespace.links.values());
        if matches!(link.kind, Kind::Vxlan { .. }) && links.any(|other| same_vni(&other.kind, &link.kind)) {
            return Err(Refusal::Exists);
        }
        let ends = std::iter::once((netns, name)).chain(peer.map(|peer| (&peer.netns, &peer.name)));
        for (netns, name) in ends {
            if self.namespace(netns)?.has(name.as_str()) {
                return Err(Refusal::Exists);
            }
        }
        if let Some(peer) = peer {
            let far = Link { mac: peer.mac, ..link.clone() };
            self.namespace(&peer.netns)?.links.insert(peer.name.clone(), far);
        }
        self.namespace(netns)?.links.insert(name.clone(), link);
        Ok(())
    }

    /// With a namespace go the devices whose sockets are there, wherever they are (`vxlan_exit_rtnl`).
    fn delete_namespace(&mut self, netns: Netns) {
        for link in self.namespaces.remove(&netns).unwrap_or_default().links.into_values() {
            forget_peer(&mut self.namespaces, &link);
        }
        if netns == Netns::Tunnel {
            for namespace in self.namespaces.values_mut() {
                let carried = namespace.links.iter().filter(|(_, link)| is_carried_by_tunnel(link));
                for name in carried.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
                    namespace.forget(&name);
                }
            }
        }
    }

    fn delete_link(&mut self, netns: &Netns, name: &IfName) {
        let Some(namespace) = self.namespaces.get_mut(netns) else { return };
        let Some(link) = namespace.links.get(name).cloned() else { return };
        namespace.forget(name);
        forget_peer(&mut self.namespaces, &link);
    }

    fn set_link(&mut self, netns: &Netns, name: &IfName, change: &Change) -> Result<(), Refusal> {
        let namespace = self.namespace(netns)?;
        let bridged = namespace.links.get(&IfName::bridge()).is_some_and(|link| link.kind == Kind::Bridge);
        let link = namespace.links.get_mut(name).ok_or(Refusal::NoDevice)?;
        match change {
            Change::Up(true) => link.up = true,
            Change::Up(false) => {
                link.up = false;
                link.neighbours.clear();
                link.addresses.retain(|address| address.addr().is_ipv4());
                namespace.routes.retain(|route| route.dev != *name);
            }
            Change::Mtu(mtu) => link.mtu = *mtu,
            Change::Far(far) => link.far = Some(far.clone()),
            Change::Mac(mac) => {
                link.mac = Some(*mac);
                if link.kind == Kind::Bridge {
                    link.local_fdb = BTreeSet::from([*mac]);
                }
            }
            Change::Alias(alias) => link.alias = Some(alias.clone()),
            Change::Tunnel(_) if link.kind != Kind::WireGuard => return Err(Refusal::Unsupported),
            Change::Tunnel(settings) => link.tunnel = Some(*settings),
            Change::Port(_) if !bridged => return Err(Refusal::NoDevice),
            Change::Port(port) => link.port = Some(*port),
        }
        Ok(())
    }

    fn add_route(&mut self, netns: &Netns, route: &Route) -> Result<(), Refusal> {
        let namespace = self.namespace(netns)?;
        if namespace.foreign_routes.contains_key(&route.to)
            || namespace.routes.iter().any(|r| r.to == route.to)
        {
            return Err(Refusal::Exists);
        }
        let link = namespace.links.get(&route.dev).ok_or(Refusal::NoDevice)?;
        let covered = route.onlink || link.addresses.iter().any(|address| address.contains(&route.via));
        if !link.up || !covered {
            return Err(Refusal::Unreachable);
        }
        namespace.routes.insert(route.clone());
        Ok(())
    }
}

impl Namespace {
    fn has(&self, link: &str) -> bool {
        self.links.keys().chain(&self.foreign_links).any(|name| name.as_str() == link)
    }
}

/// The other end of a veth pair goes with the first. Ends know each other by their alias.
pub(crate) fn forget_peer(namespaces: &mut BTreeMap<Netns, Namespace>, end: &Link) {
    if end.kind != Kind::Veth {
        return;
    }
    for namespace in namespaces.values_mut() {
        let peer = |link: &Link| link.kind == Kind::Veth && link.alias == end.alias;
        let names: Vec<IfName> =
            namespace.links.iter().filter(|(_, l)| peer(l)).map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| namespace.forget(name));
    }
}

fn same_vni(a: &Kind, b: &Kind) -> bool {
    let place = |kind: &Kind| match kind {
        Kind::Vxlan { vni, port, carrier, .. } => Some((*vni, *port, *carrier)),
        _ => None,
    };
    place(a).is_some() && place(a) == place(b)
}

fn is_carried_by_tunnel(link: &Link) -> bool {
    matches!(link.kind, Kind::Vxlan { carrier: Carrier::Tunnel, .. })
}

fn add(link: &mut Link, entry: &Entry) -> Result<(), Refusal> {
    match entry {
        Entry::Address(address) => {
            link.addresses.insert(*address);
        }
        Entry::Fdb(..) if !matches!(link.kind, Kind::Vxlan { .. }) => {
            return Err(Refusal::Unsupported);
        }
        Entry::Fdb(mac, vtep) => {
            link.fdb.set(*mac, *vtep);
        }
        Entry::Neighbour(..) if !link.up => return Err(Refusal::Unreachable),
        Entry::Neighbour(ip, mac) => {
            link.neighbours.insert(*ip, *mac);
        }
        Entry::Peer(_) if link.kind != Kind::WireGuard => return Err(Refusal::Unsupported),
        Entry::Peer(peer) => {
            link.peers.insert(peer.key, *peer);
        }
        Entry::LocalFdb(_) if link.port.is_none() && link.kind != Kind::Bridge => {
            return Err(Refusal::Unsupported);
        }
        Entry::LocalFdb(mac) => {
            link.local_fdb.insert(*mac);
        }
    }
    Ok(())
}

fn delete(link: &mut Link, entry: &Entry) {
    match entry {
        Entry::Address(address) => {
            link.addresses.remove(address);
        }
        Entry::Fdb(mac, vtep) => {
            link.fdb.remove(*mac, *vtep);
        }
        Entry::Neighbour(ip, _) => {
            link.neighbours.remove(ip);
        }
        Entry::LocalFdb(mac) => {
            link.local_fdb.remove(mac);
        }
        Entry::Peer(peer) => {
            link.peers.remove(&peer.key);
        }
    }
}
