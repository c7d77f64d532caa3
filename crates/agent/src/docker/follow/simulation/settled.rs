//! Whether the engines and the cluster agree when nothing goes wrong any more.

use super::{Host, random::World};
use std::collections::{BTreeMap, BTreeSet};
use weft_docker::engine::ContainerState;
use weft_model::{ContainerId, Endpoint, EndpointId, Keyspace};
use weft_state::cluster::{Cluster, Stored};
use weft_store::Store;

impl World {
    async fn cluster(&self) -> Result<Cluster, String> {
        let listing = self.store.list("weft").await.map_err(|error| error.to_string())?;
        Ok(Cluster::read(&Keyspace::new("weft"), &listing))
    }

    pub(super) async fn agrees(&self) -> Result<(), String> {
        let cluster = self.cluster().await?;
        for host in &self.hosts {
            let name = &host.node.config.node_name;
            host.agrees_on_networks()
                .and_then(|()| host.agrees_on_endpoints(&cluster))
                .map_err(|why| format!("{name}: {why}; problems: {:?}", host.problems()))?;
        }
        Ok(())
    }

    /// Users take everything away.
    pub(super) async fn clear_up(&mut self) {
        for host in &self.hosts {
            let containers: Vec<ContainerId> = host.engine.state().containers.keys().copied().collect();
            for id in containers {
                host.engine.remove_container(id).await;
            }
        }
        self.eventually(async |world| {
            for host in &world.hosts {
                let networks: Vec<_> = host.engine.state().networks.keys().copied().collect();
                for id in networks {
                    // It may have gone with another host's.
                    let _ = host.engine.remove_network(id).await;
                }
            }
            world.is_bare().await
        })
        .await;
    }

    pub(super) async fn is_bare(&self) -> Result<(), String> {
        let cluster = self.cluster().await?;
        for host in &self.hosts {
            let mapped = host.shared.as_ref().map(|shared| shared.mapped()).unwrap_or_default();
            let networks = host.engine.state().networks.len();
            if networks > 0 || !mapped.is_empty() {
                return Err(format!("{networks} networks are left, and {mapped:?}"));
            }
        }
        let left = (
            cluster.networks.len(),
            cluster.reserved_pools.len(),
            cluster.claims.len(),
            cluster.endpoints.len(),
        );
        if left == (0, 0, 0, 0) {
            Ok(())
        } else {
            Err(format!("networks, holds, claims, endpoints: {left:?}"))
        }
    }
}

impl Host {
    /// Whether engine and cluster have the same networks, but for what is said, and it is noted which is which.
    fn agrees_on_networks(&self) -> Result<(), String> {
        let (engine, cluster, problems) = (self.in_engine(), self.in_cluster(), self.problems());
        let said = |name: &str| problems.iter().any(|problem| problem.contains(&format!("network {name} ")));
        let names: BTreeSet<&String> = engine.keys().chain(cluster.keys()).collect();
        if let Some(name) =
            names.into_iter().find(|name| engine.get(*name) != cluster.get(*name) && !said(name))
        {
            return Err(format!(
                "{name} in the engine: {:?}, in the cluster: {:?}",
                engine.get(name),
                cluster.get(name)
            ));
        }
        let known = self.core().known();
        let state = self.engine.state();
        let right = state
            .networks
            .values()
            .filter(|network| !said(network.name.as_str()))
            .filter_map(|network| Some((network.id, known.names.get(&network.name).copied()?)));
        let right: BTreeMap<_, _> = right.collect();
        let mapped = self.shared.as_ref().map(|shared| shared.mapped()).unwrap_or_default();
        let noted = mapped.iter().filter(|(id, _)| right.contains_key(*id));
        let noted: BTreeMap<_, _> = noted.filter_map(|(id, mapped)| Some((*id, mapped.network?))).collect();
        if noted == right { Ok(()) } else { Err(format!("noted {noted:?}, but it is {right:?}")) }
    }

    /// Whether journal and store have the engine's endpoints, under the names of their containers. What a container
    /// says of an endpoint that is deleted is nothing.
    fn agrees_on_endpoints(&self, cluster: &Cluster) -> Result<(), String> {
        let state = self.engine.state();
        let running =
            state.containers.values().filter(|container| container.state == ContainerState::Running);
        let attachments = running.flat_map(|c| c.attachments.values().map(move |attachment| (c, attachment)));
        let in_engine: BTreeMap<EndpointId, (String, String)> = attachments
            .filter_map(|(c, a)| {
                let aliases = a.aliases.iter().map(ToString::to_string).collect();
                let endpoint = a.endpoint.filter(|id| state.endpoints.contains_key(id))?;
                Some((endpoint, (c.name.as_ref()?.to_string(), aliases)))
            })
            .collect();
        let of_node = |(_, _, e): &(_, _, &Stored<Endpoint>)| e.node == self.node.config.node_name;
        let in_cluster: BTreeMap<EndpointId, (String, String)> = cluster
            .all_endpoints()
            .filter(of_node)
            .map(|(_, id, e)| {
                let aliases = e.aliases.iter().map(ToString::to_string).collect();
                (*id, (e.name.to_string(), aliases))
            })
            .collect();
        let here: BTreeSet<EndpointId> =
            self.core().endpoints.endpoints_of_engines().iter().map(|e| e.id).collect();
        let same = in_engine == in_cluster && here.iter().eq(in_engine.keys());
        if same {
            return Ok(());
        }
        Err(format!("endpoints in the engine: {in_engine:?}, in the store: {in_cluster:?}, here: {here:?}"))
    }
}
