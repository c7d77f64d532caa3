//! How much of each network's subnets is in use. Each network has to be asked for: those that nothing changed on are not.

use crate::client::{Client, part};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};
use weft_api::{
    docker::{Network, NetworkStatus},
    v1::Endpoint,
};
use weft_model::EndpointId;
use weft_web::Pool;

/// How long what was asked is believed: addresses are kept for containers that are not there yet, too.
const OLD: Duration = Duration::from_secs(10);
/// How many networks are asked for at most at one look, the oldest first.
const AT_ONCE: usize = 32;

/// What is known of each network, by its id.
#[derive(Default)]
pub(super) struct Rooms(Mutex<BTreeMap<String, Known>>);

#[derive(Default)]
struct Known {
    /// What was on it.
    endpoints: Vec<EndpointId>,
    asked: Option<Instant>,
    pools: Vec<Pool>,
}

impl Rooms {
    /// That of `networks`, with `endpoints` on them. Where an agent does not say, there is none.
    pub(super) async fn of(
        &self,
        client: &Client,
        networks: &[Network],
        endpoints: &[Endpoint],
    ) -> Vec<Pool> {
        let mut known = self.0.lock().await;
        known.retain(|id, _| networks.iter().any(|network| network.id == *id));
        let mut on: HashMap<String, Vec<EndpointId>> = HashMap::new();
        for endpoint in endpoints {
            on.entry(endpoint.network.to_string()).or_default().push(endpoint.id);
        }
        let mut due = Vec::new();
        for network in networks {
            let now = on.remove(&network.id).unwrap_or_default();
            let one = known.entry(network.id.clone()).or_default();
            if one.endpoints != now || one.asked.is_none_or(|asked| asked.elapsed() > OLD) {
                due.push((one.asked, network.id.clone(), now));
            }
        }
        due.sort_by_key(|(asked, _, _)| *asked);
        for (_, id, endpoints) in due.into_iter().take(AT_ONCE) {
            let path = format!("/networks/{}", part(&id));
            // One that is gone meanwhile is missing at the next look, too.
            let Ok(network) = client.get::<Network>(&path).await else { continue };
            let pools = pools(&id, network.status.unwrap_or_default());
            known.insert(id, Known { endpoints, asked: Some(Instant::now()), pools });
        }
        known.values().flat_map(|one| one.pools.iter().cloned()).collect()
    }
}

fn pools(id: &str, status: NetworkStatus) -> Vec<Pool> {
    let pool = |(subnet, room): (String, weft_api::docker::SubnetStatus)| Pool {
        network: id.to_owned(),
        subnet,
        used: room.ips_in_use,
        free: room.dynamic_ips_available,
    };
    status.ipam.subnets.into_iter().map(pool).collect()
}
