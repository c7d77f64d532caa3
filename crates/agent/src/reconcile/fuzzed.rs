//! For `fuzz/`.

use super::{Names, desired};
use crate::{cluster::Cluster, config::AgentConfig, journal::LocalEndpoints};
use weft_plan::Desired;

/// What a round wants of the kernel, on an underlay as most are. It makes the names, too.
pub(crate) fn first_sight(config: &AgentConfig, cluster: &Cluster, endpoints: &LocalEndpoints) -> Desired {
    Names::default().update(cluster, endpoints);
    desired(config, cluster, endpoints, 1500)
}
