//! What users have the engine do, in the steps that real engines take: recorded of 28.5.2 and 20.10.24.

use super::engine::FakeEngine;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use weft_docker::{
    engine::{
        ConfiguredPool, Container, ContainerAction, ContainerState, Network, NetworkAction, NetworkIpam,
        NewNetwork, PlaceOnNetwork,
    },
    plugin::{DRIVER, PoolId},
};
use weft_model::{ContainerId, EndpointId, IpNet, NetworkId, Timestamp};

/// `docker network create` with our drivers.
pub(super) fn of_weft(name: &str, pool: Option<&str>) -> NewNetwork {
    let pools = pool.map(|pool| ConfiguredPool { subnet: Some(pool.parse().unwrap()), ..Default::default() });
    NewNetwork {
        name: name.parse().unwrap(),
        driver: DRIVER.to_owned(),
        ipam_driver: DRIVER.to_owned(),
        pools: pools.into_iter().collect(),
        options: BTreeMap::new(),
        labels: BTreeMap::from([("made by".to_owned(), "a user".to_owned())]),
        internal: false,
        attachable: false,
    }
}

impl FakeEngine {
    pub(super) async fn create_network(&self, wanted: &NewNetwork) -> Result<NetworkId, String> {
        let (id, life) = {
            let mut state = self.state();
            if !state.up {
                return Err("down".to_owned());
            }
            if state.named(wanted.name.as_str()).is_some() {
                return Err(format!("network with name {} already exists", wanted.name));
            }
            (NetworkId::random(&mut state.rng), state.life)
        };
        let mut pools = Vec::new();
        if wanted.driver == DRIVER {
            let made = self.make(life, id, wanted, &mut pools).await;
            let taken = self.state().named(wanted.name.as_str()).is_some();
            if made.is_err() || taken {
                if made.is_ok() {
                    let _ = self.ask(life, "NetworkDriver.DeleteNetwork", json!({"NetworkID": id})).await;
                }
                self.release(life, &pools).await;
                return Err(made.err().unwrap_or_else(|| "the name was taken meanwhile".to_owned()));
            }
        }
        let mut state = self.state_in(life)?;
        let network = network(id, wanted, pools);
        state.tell_of_network(NetworkAction::Create, &network, None);
        state.networks.insert(id, network);
        Ok(id)
    }

    async fn make(
        &self,
        life: usize,
        id: NetworkId,
        wanted: &NewNetwork,
        pools: &mut Vec<ConfiguredPool>,
    ) -> Result<(), String> {
        let asked =
            if wanted.pools.is_empty() { vec![ConfiguredPool::default()] } else { wanted.pools.clone() };
        let mut data = Vec::new();
        for pool in asked {
            let subnet = pool.subnet.map(|subnet| subnet.to_string()).unwrap_or_default();
            let v6 = pool.subnet.is_some_and(|subnet| subnet.addr().is_ipv6());
            let body =
                json!({"AddressSpace": DRIVER, "Pool": subnet, "SubPool": "", "Options": {}, "V6": v6});
            let answer = self.ask(life, "IpamDriver.RequestPool", body).await?;
            let subnet: IpNet = text(&answer["Pool"]).parse().unwrap();
            pools.push(ConfiguredPool { subnet: Some(subnet), ..pool.clone() });
            let address = pool.gateway.map(|gateway| gateway.to_string()).unwrap_or_default();
            let options = json!({"RequestAddressType": "com.docker.network.gateway"});
            let body = json!({"PoolID": answer["PoolID"], "Address": address, "Options": options});
            let gateway = self.ask(life, "IpamDriver.RequestAddress", body).await?;
            data.push(json!({"AddressSpace": DRIVER, "Pool": subnet, "Gateway": gateway["Address"]}));
        }
        let options = json!({"com.docker.network.generic": wanted.options});
        let (v6, v4): (Vec<_>, Vec<_>) = data.into_iter().partition(|data| text(&data["Pool"]).contains(':'));
        let body = json!({"NetworkID": id, "Options": options, "IPv4Data": v4, "IPv6Data": v6});
        self.ask(life, "NetworkDriver.CreateNetwork", body).await.map(drop)
    }

    async fn release(&self, life: usize, pools: &[ConfiguredPool]) {
        for pool in pools.iter().filter_map(|pool| pool.subnet) {
            // As engines do: whatever comes of it.
            let _ = self.ask(life, "IpamDriver.ReleasePool", json!({"PoolID": PoolId(pool)})).await;
        }
    }

    pub(super) async fn remove_network(&self, id: NetworkId) -> Result<(), String> {
        let _turn = self.turn(&id).await;
        let (network, life) = {
            let state = self.state();
            if !state.up {
                return Err("down".to_owned());
            }
            if state.endpoints.values().any(|(on, _)| *on == id) {
                return Err("it has active endpoints".to_owned());
            }
            (state.networks.get(&id).cloned().ok_or("no such network")?, state.life)
        };
        if network.driver == DRIVER {
            self.release(life, &network.ipam.pools).await;
            let _ = self.ask(life, "NetworkDriver.DeleteNetwork", json!({"NetworkID": id})).await;
        }
        let mut state = self.state_in(life)?;
        state.networks.remove(&id);
        state.tell_of_network(NetworkAction::Destroy, &network, None);
        Ok(())
    }

    /// `docker create`.
    pub(super) fn create_container(&self, name: &str, network: &str, alias: &str) -> ContainerId {
        let mut state = self.state();
        let id = ContainerId::random(&mut state.rng);
        let attachment =
            PlaceOnNetwork { aliases: vec![alias.parse().unwrap()], ..PlaceOnNetwork::default() };
        let container = Container {
            id,
            name: name.parse().ok(),
            odd_name: None,
            state: ContainerState::Created,
            attachments: BTreeMap::from([(network.to_owned(), attachment)]),
            gave_up: None,
        };
        state.containers.insert(id, container);
        state.tell_of_container(ContainerAction::Create, id);
        id
    }

    /// `docker start`.
    pub(super) async fn start_container(&self, id: ContainerId) -> Result<(), String> {
        let _turn = self.turn(&id).await;
        let (network, life) = {
            let state = self.state();
            let container = state.containers.get(&id).ok_or("no such container")?;
            if !state.up || container.state == ContainerState::Running {
                return Err("down, or running already".to_owned());
            }
            // Once it was there, it is looked for by its id.
            let on = container.attachments.iter().next().map(|(name, on)| (name.clone(), on.network));
            if let Some(lacked) =
                on.as_ref().and_then(|(_, id)| *id).filter(|id| !state.networks.contains_key(id))
            {
                return Err(format!("network {lacked} not found"));
            }
            (on.map(|(name, _)| name), state.life)
        };
        let endpoint = match &network {
            Some(network) => Some(self.attach(life, id, network).await?),
            None => None,
        };
        let mut state = self.state_in(life)?;
        let on = network.and_then(|name| state.named(&name).map(|network| network.id));
        if let Some(container) = state.containers.get_mut(&id) {
            container.state = ContainerState::Running;
            for attachment in container.attachments.values_mut() {
                attachment.endpoint = endpoint;
                attachment.network = on;
            }
            state.tell_of_container(ContainerAction::Start, id);
        }
        Ok(())
    }

    /// `docker stop`.
    pub(super) async fn stop_container(&self, id: ContainerId) {
        let _turn = self.turn(&id).await;
        let Ok(life) = self.life_with(id, |_| true) else { return };
        let endpoint = {
            let mut state = self.state();
            state.tell_of_container(ContainerAction::Die, id);
            if let Some(container) = state.containers.get_mut(&id) {
                container.state = ContainerState::Exited;
                container.attachments.values_mut().for_each(|attachment| attachment.endpoint = None);
            }
            state.endpoint_of(id)
        };
        if let Some(endpoint) = endpoint {
            self.delete_endpoint(life, endpoint).await;
        }
    }

    /// `docker network connect` of a container that runs, and is on no network.
    pub(super) async fn connect(&self, id: ContainerId, network: &str) -> Result<(), String> {
        let _turn = self.turn(&id).await;
        let life = self.life_with(id, |container| container.attachments.is_empty())?;
        let endpoint = self.attach(life, id, network).await?;
        if let Some(container) = self.state_in(life)?.containers.get_mut(&id) {
            let attachment = PlaceOnNetwork { endpoint: Some(endpoint), ..PlaceOnNetwork::default() };
            container.attachments.insert(network.to_owned(), attachment);
        }
        Ok(())
    }

    /// `docker network disconnect` of a container that runs. That it is not on the network any more, it learns last.
    pub(super) async fn disconnect(&self, id: ContainerId) -> Result<(), String> {
        let _turn = self.turn(&id).await;
        let life = self.life_with(id, |_| true)?;
        let endpoint = self.state().endpoint_of(id).ok_or("it is on no network")?;
        self.delete_endpoint(life, endpoint).await;
        if let Some(container) = self.state_in(life)?.containers.get_mut(&id) {
            container.attachments.clear();
        }
        Ok(())
    }

    /// `docker rename`.
    pub(super) fn rename_container(&self, id: ContainerId, name: &str) {
        let mut state = self.state();
        let Some(container) = state.containers.get_mut(&id) else { return };
        container.name = name.parse().ok();
        for (_, member) in state.endpoints.values_mut().filter(|(_, m)| m.container == Some(id)) {
            member.name = name.to_owned();
        }
        state.tell_of_container(ContainerAction::Rename, id);
    }

    /// `docker rm`.
    pub(super) async fn remove_container(&self, id: ContainerId) {
        self.stop_container(id).await;
        let _turn = self.turn(&id).await;
        let mut state = self.state();
        if !state.up {
            return;
        }
        state.containers.remove(&id);
        state.tell_of_container(ContainerAction::Destroy, id);
    }

    /// Starts the engine after it was killed. With `live_restore` its containers went on; otherwise it ends
    /// them, and tells its driver if that is there.
    pub(super) async fn start(&self, live_restore: bool) {
        let (stale, life) = {
            let mut state = self.state();
            if state.up {
                return;
            }
            let running: Vec<EndpointId> = match live_restore {
                true => state.containers.values().filter_map(endpoint_of).collect(),
                false => Vec::new(),
            };
            if !live_restore {
                for container in state.containers.values_mut().filter(|c| c.state == ContainerState::Running)
                {
                    // The endpoint is still written there, as real engines have it.
                    container.state = ContainerState::Exited;
                }
            }
            let stale = state.endpoints.keys().filter(|id| !running.contains(id)).copied();
            (stale.collect::<Vec<_>>(), state.life)
        };
        for endpoint in stale {
            self.delete_endpoint(life, endpoint).await;
        }
        self.state().up = true;
    }

    /// Somebody removes all its files while it is down.
    pub(super) fn wipe(&self) {
        let mut state = self.state();
        state.networks.clear();
        state.containers.clear();
        state.endpoints.clear();
    }
}

fn endpoint_of(container: &Container) -> Option<EndpointId> {
    let runs = container.state == ContainerState::Running;
    container.attachments.values().find_map(|attachment| attachment.endpoint).filter(|_| runs)
}

fn network(id: NetworkId, wanted: &NewNetwork, pools: Vec<ConfiguredPool>) -> Network {
    Network {
        id,
        name: wanted.name.clone(),
        created: Timestamp::UNIX_EPOCH,
        driver: wanted.driver.clone(),
        scope: "local".to_owned(),
        ipv4: None,
        ipv6: pools.iter().filter_map(|pool| pool.subnet).any(|subnet| subnet.addr().is_ipv6()),
        ipam: NetworkIpam { driver: wanted.ipam_driver.clone(), options: BTreeMap::new(), pools },
        internal: wanted.internal,
        attachable: wanted.attachable,
        options: wanted.options.clone(),
        labels: wanted.labels.clone(),
        members: Vec::new(),
    }
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
