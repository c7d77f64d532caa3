//! Addresses that come back with another Ethernet address.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
};
use weft_datapath::Moved;
use weft_model::{MacAddr, Vni};
use weft_plan::Desired;
use weft_state::journal::LocalEndpoints;

/// Which Ethernet address each address of the segments on this host had last, also those that no endpoint has any more:
/// a container that has talked to one has it in its neighbour table. Usually it follows from the address and never
/// changes.
#[derive(Debug, Default)]
pub(super) struct Moves(BTreeMap<Vni, BTreeMap<IpAddr, MacAddr>>);

impl Moves {
    /// Those that have another one now, segment by segment.
    pub(super) fn since_last(&mut self, desired: &Desired, endpoints: &LocalEndpoints) -> Vec<Moved> {
        self.0.retain(|vni, _| desired.segments.contains_key(vni));
        let remotes = desired.segments.iter().flat_map(|(vni, segment)| {
            let remotes = segment.remotes.iter();
            remotes.flat_map(|(mac, remote)| {
                remote.addresses.iter().map(|ip| Moved { vni: *vni, ip: *ip, mac: *mac })
            })
        });
        let local = endpoints.values().filter(|local| local.fenced.is_none()).flat_map(|local| {
            let mac = local.endpoint.mac;
            local.subnets().map(move |(ip, subnet)| Moved { vni: subnet.vni, ip, mac })
        });
        let there = local.filter(|now| desired.segments.contains_key(&now.vni));
        let mut moved: Vec<_> = remotes.chain(there).filter(|now| self.is_news(*now)).collect();
        moved.sort_by_key(|moved| (moved.vni, moved.ip));
        moved
    }

    fn is_news(&mut self, Moved { vni, ip, mac }: Moved) -> bool {
        match self.0.entry(vni).or_default().entry(ip) {
            Entry::Vacant(entry) => {
                entry.insert(mac);
                false
            }
            Entry::Occupied(mut entry) => entry.insert(mac) != mac,
        }
    }
}
