//! Endpoints, as the engine makes and unmakes them, call by call.

use super::{
    engine::{FakeEngine, State},
    users::text,
};
use serde_json::json;
use std::net::IpAddr;
use weft_docker::{
    engine::{Container, ContainerState, Member, Network, NetworkAction},
    plugin::PoolId,
};
use weft_model::{ContainerId, EndpointId, IfName, IpNet, Ipv4Net};
use weft_plan::{Namespace, Netns};

impl FakeEngine {
    /// The engine's life, if it has a container that runs and of which this `holds`.
    pub(super) fn life_with(
        &self,
        id: ContainerId,
        holds: impl FnOnce(&Container) -> bool,
    ) -> Result<usize, String> {
        let state = self.state();
        let container = state.containers.get(&id).filter(|_| state.up).ok_or("no such container")?;
        let runs = container.state == ContainerState::Running;
        if runs && holds(container) { Ok(state.life) } else { Err("not now".to_owned()) }
    }

    /// Puts a container on a network.
    pub(super) async fn attach(
        &self,
        life: usize,
        id: ContainerId,
        network: &str,
    ) -> Result<EndpointId, String> {
        let network = self.state().named(network).cloned().ok_or("no such network")?;
        let endpoint = self.create_endpoint(life, id, &network).await?;
        let sandbox = format!("/run/docker/netns/{}", id.short());
        let body =
            json!({"NetworkID": network.id, "EndpointID": endpoint, "SandboxKey": sandbox, "Options": {}});
        if let Err(why) = self.ask(life, "NetworkDriver.Join", body).await {
            self.delete_endpoint(life, endpoint).await;
            return Err(why);
        }
        let mut state = self.state_in(life)?;
        self.take(endpoint);
        if let Some((_, member)) = state.endpoints.get_mut(&endpoint) {
            member.container = Some(id);
        }
        state.tell_of_network(NetworkAction::Connect, &network, Some(id));
        Ok(endpoint)
    }

    async fn create_endpoint(
        &self,
        life: usize,
        id: ContainerId,
        network: &Network,
    ) -> Result<EndpointId, String> {
        let _turn = self.turn(&network.id).await;
        let (name, endpoint) = {
            let mut state = self.state_in(life)?;
            let container = state.containers.get(&id).ok_or("no such container")?;
            let name = container.name.as_ref().map(ToString::to_string).unwrap_or_default();
            state.networks.get(&network.id).ok_or("it was removed meanwhile")?;
            (name, EndpointId::random(&mut state.rng))
        };
        let pool = network.ipam.pools.first().and_then(|pool| pool.subnet).ok_or("not a network of ours")?;
        let body = json!({"PoolID": PoolId(pool), "Address": "", "Options": null});
        let address = self.ask(life, "IpamDriver.RequestAddress", body).await?["Address"].clone();
        let ipv4: Ipv4Net = text(&address).parse().unwrap();
        let interface = json!({"Address": address, "AddressIPv6": "", "MacAddress": ""});
        let body =
            json!({"NetworkID": network.id, "EndpointID": endpoint, "Interface": interface, "Options": {}});
        if let Err(why) = self.ask(life, "NetworkDriver.CreateEndpoint", body).await {
            self.release_address(life, ipv4).await;
            return Err(why);
        }
        let member = Member { endpoint, container: None, name, mac: None, ipv4: Some(ipv4), ipv6: None };
        self.state_in(life)?.endpoints.insert(endpoint, (network.id, member));
        Ok(endpoint)
    }

    /// Takes an endpoint off its network. The engine forgets it before it asks for its deletion.
    pub(super) async fn delete_endpoint(&self, life: usize, endpoint: EndpointId) {
        let Some((network, member)) = self.state().endpoints.get(&endpoint).cloned() else { return };
        let whom = json!({"NetworkID": network, "EndpointID": endpoint});
        let _ = self.ask(life, "NetworkDriver.Leave", whom.clone()).await;
        {
            let Ok(mut state) = self.state_in(life) else { return };
            self.give_back(endpoint);
            state.endpoints.remove(&endpoint);
        }
        let _ = self.ask(life, "NetworkDriver.DeleteEndpoint", whom).await;
        if let Some(address) = member.ipv4 {
            self.release_address(life, address).await;
        }
    }

    async fn release_address(&self, life: usize, address: Ipv4Net) {
        let (pool, address) = (PoolId(IpNet::V4(address).trunc()), IpAddr::V4(address.addr()));
        let body = json!({"PoolID": pool, "Address": address});
        // As engines do: whatever comes of it.
        let _ = self.ask(life, "IpamDriver.ReleaseAddress", body).await;
    }

    /// Moves an interface into the container's sandbox.
    fn take(&self, endpoint: EndpointId) {
        self.kernel.kernel(|kernel| {
            kernel.namespaces.entry(sandboxes()).or_insert_with(Namespace::of_container);
        });
        let name = IfName::for_engine(&endpoint);
        self.kernel.move_link((&Netns::Host, &name), (&sandboxes(), &name));
    }

    /// Moves an interface back to where it came from.
    fn give_back(&self, endpoint: EndpointId) {
        let name = IfName::for_engine(&endpoint);
        self.kernel.move_link((&sandboxes(), &name), (&Netns::Host, &name));
    }
}

impl State {
    /// The endpoint that a container has.
    pub(super) fn endpoint_of(&self, container: ContainerId) -> Option<EndpointId> {
        let has = |member: &Member| member.container == Some(container);
        self.endpoints.iter().find(|(_, (_, member))| has(member)).map(|(endpoint, _)| *endpoint)
    }
}

/// All sandboxes in one: the agent finds none where it looks for a container's, and serves no names there.
fn sandboxes() -> Netns {
    Netns::Container("/run/docker/netns".into())
}
