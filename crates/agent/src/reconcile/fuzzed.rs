//! For `fuzz/`.

use super::{Below, NameTables, desired};
use crate::config::AgentConfig;
use weft_plan::Desired;
use weft_state::{cluster::Cluster, journal::LocalEndpoints};

/// What a round wants of the kernel, on an underlay as most are. It makes the names, too.
pub(crate) fn first_sight(config: &AgentConfig, cluster: &Cluster, endpoints: &LocalEndpoints) -> Desired {
    NameTables::default().update(cluster, endpoints);
    let mtus = endpoints.values().map(|local| (local.network_id, 1450)).collect();
    let below = Below { vtep: [192, 0, 2, 1].into(), underlay_mtu: 1500, own_end: None, mtus: &mtus };
    desired(config, cluster, endpoints, &below, &mut super::remotes::RemotesBySegment::default())
}
