//! The cluster as it would be written, key by key.

use super::Cluster;
use weft_model::{Cursor, Extra, Key, Record};

impl Cluster {
    /// Every record that was read, under its key. What could not be read is not among them.
    pub fn records(&self) -> impl Iterator<Item = (Key, Vec<u8>)> + '_ {
        let nodes = self.nodes.iter().map(|(name, node)| (Key::Node(name.clone()), node.to_json()));
        let live = self.live.iter().map(|(name, (live, _))| (Key::Live(name.clone()), live.to_json()));
        let latest = self.latest.iter().map(|(name, latest)| (Key::Latest(name.clone()), latest.to_json()));
        let networks = self.networks.iter().map(|(id, network)| (Key::Network(*id), network.to_json()));
        let names = self.names.iter().map(|(name, id)| (Key::Name(name.clone()), id.to_json()));
        let vnis = self.vnis.iter().map(|(vni, id)| (Key::Vni(*vni), id.to_json()));
        let claims = self.claims.iter().flat_map(|(pool, claims)| {
            claims.iter().map(|(address, claim)| (Key::Claim(*pool, *address), claim.to_json()))
        });
        let cursors = self
            .cursors
            .iter()
            .map(|(pool, last)| (Key::Cursor(*pool), Cursor { last: *last, extra: Extra::new() }.to_json()));
        let reservations =
            self.reserved_pools.iter().map(|(pool, hold)| (Key::PoolReservation(*pool), hold.to_json()));
        let endpoints =
            self.all_endpoints().map(|(network, id, e)| (Key::Endpoint(*network, *id), e.to_json()));
        let lineage = self.lineage.iter().map(|lineage| (Key::Lineage, lineage.to_json()));
        let rebuilt = self.rebuilt.iter().map(|rebuilt| (Key::Rebuilt, rebuilt.to_json()));
        let identity = self.identity.iter().map(|identity| (Key::Cluster, identity.to_json()));
        let of_networks = networks.chain(names).chain(vnis).chain(claims).chain(cursors).chain(reservations);
        let of_all = lineage.chain(rebuilt).chain(identity);
        nodes.chain(live).chain(latest).chain(of_networks).chain(endpoints).chain(of_all)
    }
}
