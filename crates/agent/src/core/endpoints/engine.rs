//! Endpoints of a container engine on this node. They are joined and left as others are, but the address was
//! reserved before, the engine sets the interface up, and the name may be learnt later.

use super::{Endpoints, Error, Kind, refusal::EndpointRefusal};
use crate::core::macs;
use ipnet::IpNet;
use std::{net::IpAddr, time::Duration};
use tokio::time::timeout;
use weft_model::{Endpoint, EndpointId, EndpointName, Extra, IfName, Key, Record};
use weft_state::{
    cluster::Cluster,
    journal::{LocalEndpoint, Owner},
};
use weft_store::{CommitError, Condition, Txn};
use weft_verbs::{ContainerNames, EngineEndpoint, Join, Joined};

/// How long the start of a container may wait for its name: without, it starts, too. It takes some 10 ms, and much longer on
/// a host where everything does.
const NAMING_PATIENCE: Duration = Duration::from_secs(2);

impl Endpoints {
    pub(crate) async fn join_for_engine(&self, request: Join) -> Result<Joined, Error> {
        let id = request.endpoint;
        let _one_at_a_time = self.joining.lock_namespace(&request.sandbox).await;
        let before = self.journal.endpoints().get(&id).cloned();
        if let Some(local) = before {
            let own: Vec<IpAddr> = local.endpoint.addresses().collect();
            if request.addresses.iter().map(IpNet::addr).ne(own) {
                return Err(EndpointRefusal::OtherAddresses(id).into());
            }
            self.refuse_if_cut_off(id, &local).await?;
            // The engine did not get the answer.
            return self.hand_over(id, &local).await;
        }
        let _in_the_making = self.allocator.make(id);
        for address in &request.addresses {
            self.allocator.see_reservation((address.trunc(), address.addr())).await;
        }
        let (network_id, network, endpoint) =
            self.allocator.claim_reserved(&request, || self.endpoint_for_engine(&request)).await?;
        let local = LocalEndpoint {
            network_id,
            network,
            endpoint,
            netns: request.sandbox,
            ifname: IfName::for_engine(&id),
            owner: Owner::Engine { handed_over: false },
            default_route: false,
            ports: Vec::new(),
            links: request.names.map(|names| names.links).unwrap_or_default(),
            fenced: None,
            removed: false,
        };
        let made = async {
            self.make(id, local.clone()).await?;
            macs::refuse_unless_alone(&self.access, network_id, id).await?;
            self.hand_over(id, &local).await
        }
        .await;
        if made.is_err()
            && let Err(error) = self.leave(id).await
        {
            let endpoint = id.short();
            tracing::warn!(endpoint, %error, "cannot take back an endpoint that was not made");
        }
        made
    }

    /// Notes that the interface is the engine's from now on.
    async fn hand_over(&self, id: EndpointId, local: &LocalEndpoint) -> Result<Joined, Error> {
        let hand_over = |local: &mut LocalEndpoint| local.owner = Owner::Engine { handed_over: true };
        self.journal
            .update(&id, hand_over)
            .map_err(|error| Error::internal("cannot hand the interface over", error))?;
        let name = &local.endpoint.name;
        tracing::info!(endpoint = %name, network = %local.network.name, "joined");
        Ok(Joined { interface: local.ifname.clone(), routes: routes(local) })
    }

    fn endpoint_for_engine(&self, request: &Join) -> Endpoint {
        let addresses = || request.addresses.iter().map(IpNet::addr);
        let names = request.names.clone();
        let (name, aliases, container) = match names {
            Some(names) => (names.name, names.aliases, Some(names.container)),
            None => (EndpointName::provisional(&request.endpoint), Vec::new(), None),
        };
        Endpoint {
            name,
            aliases,
            ipv4: addresses().find_map(|a| if let IpAddr::V4(a) = a { Some(a) } else { None }),
            ipv6: addresses().find_map(|a| if let IpAddr::V6(a) = a { Some(a) } else { None }),
            mac: request.mac,
            node: self.access.node().clone(),
            container,
            created: self.next_in(&request.sandbox),
            extra: Extra::new(),
        }
    }

    pub(crate) async fn leave_for_engine(&self, id: EndpointId) -> Result<(), Error> {
        let Some(local) = self.journal.endpoints().get(&id).cloned() else { return Ok(()) };
        for (address, subnet) in local.subnets() {
            self.allocator.note_return((subnet.pool, address));
        }
        self.leave(id).await
    }

    pub(crate) async fn rename_for_engine(&self, id: EndpointId, names: ContainerNames) -> Result<(), Error> {
        let renamed = |local: &mut LocalEndpoint| {
            local.links.clone_from(&names.links);
            let endpoint = &mut local.endpoint;
            endpoint.name = names.name.clone();
            endpoint.aliases.clone_from(&names.aliases);
            endpoint.container = Some(names.container.clone());
        };
        let update = self.journal.update(&id, renamed);
        update.map_err(|error| Error::internal("an endpoint keeps its old name", error))?;
        match self.write_again(id).await {
            // Housekeeping compares what is there with the journal.
            Err(error) if error.kind == Kind::Unavailable => Ok(()),
            written => written,
        }
    }

    /// Waits a moment until the store has the name of an endpoint. Without the engine nobody will tell it.
    pub(in crate::core) async fn until_named(&self, id: EndpointId) {
        let told = || self.engine.borrow().as_ref().is_some_and(|engine| engine.version.is_ok());
        let here = self.journal.endpoints().contains_key(&id);
        if here && told() {
            let named = |cluster: &Cluster| cluster.endpoint(&id).is_some_and(|(_, e)| e.container.is_some());
            let _ = timeout(NAMING_PATIENCE, self.access.until(named)).await;
        }
    }

    /// Writes into the store what the journal says of an endpoint that is there.
    pub(super) async fn write_again(&self, id: EndpointId) -> Result<(), Error> {
        let mut attempts = self.access.attempts();
        loop {
            let cluster = self.access.cluster().await?;
            let known = self.journal.endpoints();
            let Some(local) = known.get(&id) else { return Ok(()) };
            let Some((network, stored)) = cluster.endpoint(&id) else { return Ok(()) };
            if **stored == local.endpoint {
                return Ok(());
            }
            let key = self.access.path(&Key::Endpoint(*network, id));
            let unchanged = Condition::Unchanged(stored.modified);
            match self.access.commit(Txn::new().put(key, local.endpoint.to_json(), unchanged)).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict { .. }) => attempts.again(&cluster).await?,
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    pub(crate) fn endpoints_of_engines(&self) -> Vec<EngineEndpoint> {
        let endpoints = self.journal.endpoints();
        let of_engines = endpoints.iter().filter(|(_, local)| local.owner.is_engine());
        of_engines
            .map(|(id, local)| EngineEndpoint {
                id: *id,
                network_id: local.network_id,
                network: local.network.name.clone(),
                name: local.endpoint.name.clone(),
                aliases: local.endpoint.aliases.clone(),
                links: local.links.clone(),
                container: local.endpoint.container.clone(),
                sandbox: local.netns.clone(),
            })
            .collect()
    }
}

/// The ways to the other segments of the network, which begin at the gateway of the endpoint's own.
fn routes(local: &LocalEndpoint) -> Vec<(IpNet, IpAddr)> {
    if local.network.internal {
        return Vec::new();
    }
    let own = local.vni();
    let gateway = |ipv4: bool| {
        let mut subnets = local.subnets().map(|(_, subnet)| subnet);
        subnets.find(|subnet| subnet.gateway.is_ipv4() == ipv4).map(|subnet| subnet.gateway)
    };
    let others = local.network.subnets.iter().filter(|subnet| Some(subnet.vni) != own);
    others.filter_map(|subnet| Some((subnet.pool, gateway(subnet.pool.addr().is_ipv4())?))).collect()
}
