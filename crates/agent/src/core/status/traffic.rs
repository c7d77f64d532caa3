//! What goes through the endpoints of this node.

use super::Reporter;
use std::collections::BTreeSet;
use weft_model::{IfName, Traffic};
use weft_verbs::EndpointTraffic;

impl Reporter {
    /// What has gone through each endpoint of this node that is in the kernel.
    pub(crate) async fn traffic(&self) -> Vec<EndpointTraffic> {
        let here = self.endpoints.here();
        let segments: BTreeSet<_> = here.values().filter_map(|local| local.vni()).collect();
        let counted = self.host.traffic(segments).await;
        let of = |local: &weft_state::journal::LocalEndpoint, id| {
            // What the segment's end gets, the container sent.
            let Traffic { received: sent, sent: received } =
                *counted.get(&(local.vni()?, IfName::port(id)))?;
            let traffic = Traffic { received, sent };
            Some(EndpointTraffic { endpoint: *id, network: local.network.name.clone(), traffic })
        };
        here.iter().filter_map(|(id, local)| of(local, id)).collect()
    }
}
