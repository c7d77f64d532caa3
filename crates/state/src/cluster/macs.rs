//! Endpoints by their Ethernet addresses: an attach has to be refused at once if another endpoint has the same.

use super::{Cluster, Stored};
use imbl::OrdSet;
use weft_model::{Endpoint, EndpointId, MacAddr, NetworkId};

/// The endpoints of one network, in order of their Ethernet addresses.
pub(super) type Macs = OrdSet<(MacAddr, EndpointId)>;

impl Cluster {
    pub(super) fn put_endpoint(&mut self, network: NetworkId, id: EndpointId, endpoint: Stored<Endpoint>) {
        let mac = endpoint.mac;
        let replaced = self.endpoints.entry(network).or_default().insert(id, endpoint);
        let macs = self.macs.entry(network).or_default();
        if let Some(replaced) = replaced {
            macs.remove(&(replaced.mac, id));
        }
        macs.insert((mac, id));
    }

    pub(super) fn delete_endpoint(&mut self, network: NetworkId, id: EndpointId) {
        let Some(endpoints) = self.endpoints.get_mut(&network) else { return };
        let gone = endpoints.remove(&id);
        if endpoints.is_empty() {
            self.endpoints.remove(&network);
            self.macs.remove(&network);
        } else if let (Some(gone), Some(macs)) = (gone, self.macs.get_mut(&network)) {
            macs.remove(&(gone.mac, id));
        }
    }

    /// The endpoints on a network with this Ethernet address: one, unless two took it at the same time.
    pub fn endpoints_with(
        &self,
        network: &NetworkId,
        mac: MacAddr,
    ) -> impl Iterator<Item = (&EndpointId, &Stored<Endpoint>)> {
        let least = (mac, EndpointId::LEAST);
        let macs = self.macs.get(network).into_iter().flat_map(move |macs| macs.range(least..));
        let endpoints = self.endpoints.get(network);
        macs.take_while(move |(other, _)| *other == mac)
            .filter_map(move |(_, id)| Some((id, endpoints?.get(id)?)))
    }
}
