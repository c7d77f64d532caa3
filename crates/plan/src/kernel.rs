//! What each step does, on a model of the kernel.
//!
//! The model refuses what the kernel refuses: a plan with its steps in the wrong order fails on it.

use crate::{Change, Kind, Link, Namespace, Observed, Peer, Place, Route, Step, Thing};
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
            Step::CreateNamespace(vni) => {
                let place = Place::Segment(*vni);
                if self.places.contains_key(&place) || self.blocked.contains_key(&place) {
                    return Err(Refusal::Exists);
                }
                self.places.insert(place, Namespace::default());
            }
            Step::DeleteNamespace(vni) => {
                let place = Place::Segment(*vni);
                for link in self.places.remove(&place).unwrap_or_default().links.into_values() {
                    forget_peer(&mut self.places, &link);
                }
            }
            Step::CreateLink { place, name, kind, alias, mac, mtu, peer } => {
                let link = Link::new(kind.clone(), alias.clone(), *mac, *mtu);
                self.create(place, name, link, peer.as_ref())?;
            }
            Step::DeleteLink(place, name) => self.delete_link(place, name),
            Step::SetLink(place, name, change) => self.set_link(place, name, change)?,
            Step::Add(place, name, thing) => {
                add(self.link(place, name)?, thing)?;
                if let Thing::Station(mac) = thing
                    && *name != IfName::bridge()
                    && let Ok(bridge) = self.link(place, &IfName::bridge())
                {
                    // An address is in one place.
                    bridge.stations.remove(mac);
                }
            }
            Step::Delete(place, name, thing) => delete(self.link(place, name)?, thing),
            Step::AddRoute(place, route) => self.add_route(place, route)?,
            Step::DeleteRoute(place, route) => {
                self.namespace(place)?.routes.remove(route);
            }
            Step::SetSysctl { place, key, value } => {
                let namespace = self.namespace(place)?;
                if crate::target::sysctl_link(key).is_some_and(|link| !namespace.has(link)) {
                    return Err(Refusal::NotFound);
                }
                namespace.sysctls.insert(key.clone(), value.clone());
            }
            Step::SetRuleset(ruleset) => self.ruleset = Some(ruleset.mark().clone()),
            Step::DeleteRuleset => self.ruleset = None,
        }
        Ok(())
    }

    fn namespace(&mut self, place: &Place) -> Result<&mut Namespace, Refusal> {
        self.places.get_mut(place).ok_or(Refusal::NotFound)
    }

    fn link(&mut self, place: &Place, name: &IfName) -> Result<&mut Link, Refusal> {
        self.namespace(place)?.links.get_mut(name).ok_or(Refusal::NoDevice)
    }

    fn create(
        &mut self,
        place: &Place,
        name: &IfName,
        link: Link,
        peer: Option<&Peer>,
    ) -> Result<(), Refusal> {
        if link.kind == Kind::Veth && peer.is_none() {
            return Err(Refusal::Unsupported);
        }
        // A VNI is unique among the devices whose sockets are in one namespace, wherever they are themselves
        // (`vxlan_vni_in_use`, `drivers/net/vxlan/vxlan_core.c`).
        let mut links = self.places.values().flat_map(|namespace| namespace.links.values());
        if matches!(link.kind, Kind::Vxlan { .. }) && links.any(|other| same_vni(&other.kind, &link.kind)) {
            return Err(Refusal::Exists);
        }
        let ends = std::iter::once((place, name)).chain(peer.map(|peer| (&peer.place, &peer.name)));
        for (place, name) in ends {
            if self.namespace(place)?.has(name.as_str()) {
                return Err(Refusal::Exists);
            }
        }
        if let Some(peer) = peer {
            let far = Link { mac: peer.mac, ..link.clone() };
            self.namespace(&peer.place)?.links.insert(peer.name.clone(), far);
        }
        self.namespace(place)?.links.insert(name.clone(), link);
        Ok(())
    }

    fn delete_link(&mut self, place: &Place, name: &IfName) {
        let Some(namespace) = self.places.get_mut(place) else { return };
        let Some(link) = namespace.links.get(name).cloned() else { return };
        namespace.forget(name);
        forget_peer(&mut self.places, &link);
    }

    fn set_link(&mut self, place: &Place, name: &IfName, change: &Change) -> Result<(), Refusal> {
        let namespace = self.namespace(place)?;
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
                    link.stations = BTreeSet::from([*mac]);
                }
            }
            Change::Alias(alias) => link.alias = Some(alias.clone()),
            Change::Port(_) if !bridged => return Err(Refusal::NoDevice),
            Change::Port(port) => link.port = Some(*port),
        }
        Ok(())
    }

    fn add_route(&mut self, place: &Place, route: &Route) -> Result<(), Refusal> {
        let namespace = self.namespace(place)?;
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
pub(crate) fn forget_peer(places: &mut BTreeMap<Place, Namespace>, end: &Link) {
    if end.kind != Kind::Veth {
        return;
    }
    for namespace in places.values_mut() {
        let peer = |link: &Link| link.kind == Kind::Veth && link.alias == end.alias;
        let names: Vec<IfName> =
            namespace.links.iter().filter(|(_, l)| peer(l)).map(|(name, _)| name.clone()).collect();
        names.iter().for_each(|name| namespace.forget(name));
    }
}

fn same_vni(a: &Kind, b: &Kind) -> bool {
    matches!((a, b), (Kind::Vxlan { vni: a, port: p, .. }, Kind::Vxlan { vni: b, port: q, .. }) if (a, p) == (b, q))
}

fn add(link: &mut Link, thing: &Thing) -> Result<(), Refusal> {
    match thing {
        Thing::Address(address) => {
            link.addresses.insert(*address);
        }
        Thing::Fdb(..) if !matches!(link.kind, Kind::Vxlan { .. }) => {
            return Err(Refusal::Unsupported);
        }
        Thing::Fdb(mac, vtep) => {
            link.fdb.insert(*mac, BTreeSet::from([*vtep]));
        }
        Thing::Neighbour(..) if !link.up => return Err(Refusal::Unreachable),
        Thing::Neighbour(ip, mac) => {
            link.neighbours.insert(*ip, *mac);
        }
        Thing::Station(_) if link.port.is_none() && link.kind != Kind::Bridge => {
            return Err(Refusal::Unsupported);
        }
        Thing::Station(mac) => {
            link.stations.insert(*mac);
        }
    }
    Ok(())
}

fn delete(link: &mut Link, thing: &Thing) {
    match thing {
        Thing::Address(address) => {
            link.addresses.remove(address);
        }
        Thing::Fdb(mac, vtep) => {
            if let Some(vteps) = link.fdb.get_mut(mac) {
                vteps.remove(vtep);
            }
            link.fdb.retain(|_, vteps| !vteps.is_empty());
        }
        Thing::Neighbour(ip, _) => {
            link.neighbours.remove(ip);
        }
        Thing::Station(mac) => {
            link.stations.remove(mac);
        }
    }
}
