//! The endpoints on other nodes, as a VXLAN device holds them: by the thousands, and kept in maps of which two moments
//! share what is the same in both.

use crate::Entry;
use imbl::{OrdMap, OrdSet, ordmap, ordset};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};
use weft_model::MacAddr;

/// An endpoint on another node: one FDB entry, and a neighbour entry for each address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remote {
    /// The other node's VTEP.
    pub vtep: IpAddr,
    /// The endpoint's addresses.
    pub addresses: BTreeSet<IpAddr>,
}

/// All those of one segment, by their Ethernet addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Remotes {
    /// Where frames to them go.
    pub fdb: Fdb,
    /// Their addresses.
    pub neighbours: Neighbours,
}

/// Ethernet addresses by the address they belong to.
pub type Neighbours = OrdMap<IpAddr, MacAddr>;

/// These entries; if they are what `like` has, what it has, so that both are kept once.
pub fn gathered(mut found: Vec<(IpAddr, MacAddr)>, like: &Neighbours) -> Neighbours {
    found.sort_unstable();
    let same = like.iter().map(|(ip, mac)| (*ip, *mac)).eq(found.iter().copied());
    if same { like.clone() } else { found.into_iter().collect() }
}

impl Remotes {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fdb.is_empty()
    }

    /// Adds an endpoint, or takes one with the same Ethernet or IP address over. Says whether there was none.
    pub fn insert(&mut self, mac: MacAddr, remote: &Remote) -> bool {
        let mut alone = self.fdb.set(mac, remote.vtep);
        for address in &remote.addresses {
            alone &= self.neighbours.insert(*address, mac).is_none();
        }
        alone
    }

    /// Removes an endpoint.
    pub fn remove(&mut self, mac: MacAddr, remote: &Remote) {
        self.fdb.remove(mac, remote.vtep);
        for address in &remote.addresses {
            self.neighbours.remove(address);
        }
    }
}

impl FromIterator<(MacAddr, Remote)> for Remotes {
    fn from_iter<T: IntoIterator<Item = (MacAddr, Remote)>>(all: T) -> Self {
        let mut remotes = Self::default();
        // Of two with one Ethernet address the last, as a whole.
        for (mac, remote) in all.into_iter().collect::<BTreeMap<_, _>>() {
            remotes.insert(mac, &remote);
        }
        remotes
    }
}

/// Where a VXLAN device sends the frames to an Ethernet address. More than one VTEP an address can only be another's
/// doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fdb(OrdSet<(MacAddr, IpAddr)>);

impl Fdb {
    /// These entries; if they are what `like` has, what it has, so that both are kept once.
    pub fn gathered(mut found: Vec<(MacAddr, IpAddr)>, like: &Self) -> Self {
        found.sort_unstable();
        if like.0.iter().eq(&found) { like.clone() } else { Self(found.into_iter().collect()) }
    }

    /// Whether it leads nowhere.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = (MacAddr, IpAddr)> + '_ {
        self.0.iter().copied()
    }

    /// Where frames to `mac` go.
    pub fn of(&self, mac: MacAddr) -> impl Iterator<Item = IpAddr> + '_ {
        let least = (mac, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        self.0.range(least..).take_while(move |(other, _)| *other == mac).map(|(_, vtep)| *vtep)
    }

    /// Whether frames to `mac` go anywhere.
    pub fn has(&self, mac: MacAddr) -> bool {
        self.of(mac).next().is_some()
    }

    /// Frames to `mac` go to `vtep`, too.
    pub fn add(&mut self, mac: MacAddr, vtep: IpAddr) {
        self.0.insert((mac, vtep));
    }

    /// Frames to `mac` go to `vtep` and nowhere else. Says whether they went nowhere before.
    pub fn set(&mut self, mac: MacAddr, vtep: IpAddr) -> bool {
        let before: Vec<IpAddr> = self.of(mac).collect();
        for old in before.iter().filter(|old| **old != vtep) {
            self.0.remove(&(mac, *old));
        }
        self.add(mac, vtep);
        before.is_empty()
    }

    /// Frames to `mac` go to `vtep` no longer.
    pub fn remove(&mut self, mac: MacAddr, vtep: IpAddr) {
        self.0.remove(&(mac, vtep));
    }

    /// What to delete and what to set, one entry each, for this to become `want`. The kernel replaces what is one by
    /// what is one.
    pub(crate) fn steps_to(&self, want: &Self) -> (Vec<Entry>, Vec<Entry>) {
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for change in self.0.diff(&want.0) {
            match change {
                ordset::DiffItem::Remove((mac, vtep)) if !want.has(*mac) || self.of(*mac).count() != 1 => {
                    gone.push(Entry::Fdb(*mac, *vtep));
                }
                ordset::DiffItem::Remove(_) => {}
                ordset::DiffItem::Add((mac, vtep)) => new.push(Entry::Fdb(*mac, *vtep)),
            }
        }
        (gone, new)
    }
}

/// The same for neighbours, of which each address has one.
pub(crate) fn neighbour_steps(have: &Neighbours, want: &Neighbours) -> (Vec<Entry>, Vec<Entry>) {
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for change in have.diff(want) {
        match change {
            ordmap::DiffItem::Remove(ip, mac) => gone.push(Entry::Neighbour(*ip, *mac)),
            ordmap::DiffItem::Add(ip, mac) | ordmap::DiffItem::Update { new: (ip, mac), .. } => {
                new.push(Entry::Neighbour(*ip, *mac));
            }
        }
    }
    (gone, new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_kept_once_if_it_is_what_should_be() {
        let mac = |last| MacAddr::new([2, 0, 0, 0, 0, last]).unwrap();
        let vtep = |last| IpAddr::from([10, 0, 0, last]);
        let want = Fdb(ordset![(mac(1), vtep(1)), (mac(2), vtep(2))]);
        let same = Fdb::gathered(vec![(mac(2), vtep(2)), (mac(1), vtep(1))], &want);
        assert!(same.0.ptr_eq(&want.0));
        for other in [vec![(mac(1), vtep(1))], vec![(mac(1), vtep(1)), (mac(2), vtep(3))], vec![]] {
            let found = Fdb::gathered(other.clone(), &want);
            assert_eq!(found.iter().collect::<Vec<_>>(), other);
        }

        let want = Neighbours::from_iter([(vtep(1), mac(1)), (vtep(2), mac(2))]);
        assert!(gathered(vec![(vtep(2), mac(2)), (vtep(1), mac(1))], &want).ptr_eq(&want));
        let found = gathered(vec![(vtep(2), mac(1)), (vtep(1), mac(1))], &want);
        assert_eq!(found, Neighbours::from_iter([(vtep(1), mac(1)), (vtep(2), mac(1))]));
    }
}
