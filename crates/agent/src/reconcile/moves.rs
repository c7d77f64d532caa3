//! Addresses that come back with another Ethernet address.

use std::{collections::BTreeMap, net::IpAddr};
use weft_datapath::Moved;
use weft_model::{MacAddr, Vni};
use weft_plan::{Desired, Neighbours};
use weft_state::{
    changes::{KeyChange, changes},
    journal::LocalEndpoints,
};

/// Which Ethernet address each address of the segments on this host had last, also those that no endpoint has any more:
/// a container that has talked to one has it in its neighbour table. Usually it follows from the address and never
/// changes.
#[derive(Debug, Default)]
pub(super) struct Moves(BTreeMap<Vni, LastSeen>);

#[derive(Debug, Default)]
struct LastSeen {
    /// The endpoints on other nodes, when they were last looked at.
    remotes: Neighbours,
    last: Neighbours,
}

impl Moves {
    /// Those that have another one now, segment by segment.
    pub(super) fn since_last(&mut self, desired: &Desired, endpoints: &LocalEndpoints) -> Vec<Moved> {
        self.0.retain(|vni, _| desired.segments.contains_key(vni));
        let mut moved = Vec::new();
        for (&vni, segment) in &desired.segments {
            let now = &segment.remotes.neighbours;
            let known = self.0.entry(vni).or_default();
            let before = std::mem::replace(&mut known.remotes, now.clone());
            for KeyChange { key: &ip, new, .. } in changes(&before, now) {
                let news = new.filter(|mac| known.is_news(ip, **mac));
                moved.extend(news.map(|&mac| Moved { vni, ip, mac }));
            }
        }
        for local in endpoints.values().filter(|local| local.fenced.is_none()) {
            let mac = local.endpoint.mac;
            for (ip, subnet) in local.subnets() {
                let is_news = self.0.get_mut(&subnet.vni).is_some_and(|known| known.is_news(ip, mac));
                moved.extend(is_news.then_some(Moved { vni: subnet.vni, ip, mac }));
            }
        }
        moved.sort_by_key(|moved| (moved.vni, moved.ip));
        moved
    }
}

impl LastSeen {
    fn is_news(&mut self, ip: IpAddr, mac: MacAddr) -> bool {
        self.last.insert(ip, mac).is_some_and(|last| last != mac)
    }
}
