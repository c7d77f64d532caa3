//! Endpoints: made known in one call, joined in another.

use super::Driver;
use crate::docker::OnNetwork;
use ipnet::IpNet;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::Instant,
};
use weft_docker::plugin::{
    CreateEndpoint, EndpointRef, Interface, InterfaceName, Join, Joined, PluginReply, RouteKind, StaticRoute,
};
use weft_model::{EndpointId, MacAddr, NetworkId};
use weft_verbs::{ContainerNames, Error, Kind};

/// How long the engine may take from making an endpoint to joining it. Those that died in between are forgotten
/// after that.
const MEMORY: Duration = Duration::from_secs(600);

/// What the engine told of its endpoints. Only in memory: the engine makes them anew where the agent did not
/// live to see them join.
#[derive(Default)]
pub(super) struct Announced(Mutex<BTreeMap<EndpointId, Entry>>);

/// The call that has locked it deals with the endpoint; the others wait. Empty: not made yet, or deleted.
type Entry = Arc<AsyncMutex<Option<Made>>>;

/// An endpoint that may join.
struct Made {
    interface: Interface,
    since: Instant,
}

impl Announced {
    /// Waits until nobody else deals with `id`.
    async fn turn(&self, id: EndpointId) -> OwnedMutexGuard<Option<Made>> {
        let entry = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|_, entry| !is_idle(entry));
            Arc::clone(all.entry(id).or_default())
        };
        entry.lock_owned().await
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Whether nobody uses an entry, and nobody will. Those that may begin to wait for it first.
fn is_idle(entry: &Entry) -> bool {
    Arc::strong_count(entry) == 1
        && entry.try_lock().is_ok_and(|made| made.as_ref().is_none_or(|made| made.since.elapsed() > MEMORY))
}

impl Driver {
    pub(super) async fn create_endpoint(&self, request: CreateEndpoint) -> Result<PluginReply, Error> {
        let (id, interface) = (request.endpoint, request.interface);
        let derived = self.check(request.network, &interface).await?;
        let mut made = self.endpoints.turn(id).await;
        if made.as_ref().is_some_and(|made| made.interface != interface) {
            let message = format!("endpoint {} is there already, with another interface", id.short());
            return Err(Error::conflict(message));
        }
        *made = Some(Made { interface, since: Instant::now() });
        let mac = interface.mac.is_none().then_some(derived);
        Ok(PluginReply::Endpoint(Interface { mac, ..Interface::default() }))
    }

    /// The Ethernet address that follows from the interface's addresses, if these may be on the network.
    async fn check(&self, network: NetworkId, interface: &Interface) -> Result<MacAddr, Error> {
        let addresses = addresses(interface);
        let Some(first) = addresses.first() else {
            return Err(Error::invalid("the endpoint has no address: weft has no interfaces without"));
        };
        let known = self.shared.mapped().remove(&network);
        if let Some(known) = known {
            for address in &addresses {
                if !known.pools.contains(&address.trunc()) {
                    let message = format!("address {address} is not of network {}", network.short());
                    return Err(Error::invalid(message));
                }
                if let Some(own) = known.network {
                    self.engines.check_pool(address.trunc(), own).await?;
                }
            }
        }
        Ok(MacAddr::for_ip(first.addr()))
    }

    pub(super) async fn join(&self, request: Join) -> Result<PluginReply, Error> {
        let id = request.endpoint;
        if !request.sandbox.is_absolute() {
            let sandbox = request.sandbox.display();
            return Err(Error::invalid(format!("the sandbox {sandbox:.80} is not an absolute path")));
        }
        let made = self.endpoints.turn(id).await;
        let Some(Made { interface, .. }) = &*made else {
            let message = format!(
                "weft does not know endpoint {}: its agent was restarted since the engine made it; start the \
                 container again",
                id.short()
            );
            return Err(Error::new(Kind::NotFound, message));
        };
        let derived = self.check(request.network, interface).await?;
        let (addresses, mac) = (addresses(interface), interface.mac.unwrap_or(derived));
        let names = match addresses.first() {
            Some(address) => self.names(&request.sandbox, address.trunc()).await,
            None => None,
        };
        let sandbox = request.sandbox;
        let joined =
            self.engines.join(weft_verbs::Join { endpoint: id, addresses, mac, names, sandbox }).await?;
        Ok(PluginReply::Joined(to_engine(joined)))
    }

    /// What the container in a sandbox is called, as far as that is known yet.
    async fn names(&self, sandbox: &Path, pool: IpNet) -> Option<ContainerNames> {
        let container = self.engines.container_in(sandbox).await?;
        let known = self.shared.container(&container)?;
        let (_, network) = self.engines.network_with(pool)?;
        let OnNetwork { aliases, links } = known.on.get(&network).cloned().unwrap_or_default();
        Some(ContainerNames { container, name: known.name, aliases, links })
    }

    /// Engines of today ask this between `Join` and the first instruction of the container, and wait for it, though
    /// there is nothing to tell: so the container has its name on all hosts before it runs.
    pub(super) async fn endpoint_info(&self, request: EndpointRef) -> PluginReply {
        self.engines.named(request.endpoint).await;
        PluginReply::EndpointInfo(BTreeMap::new())
    }

    pub(super) async fn delete_endpoint(&self, request: EndpointRef) -> Result<PluginReply, Error> {
        // One that is still joining, since the engine was answered that it took too long, joins first.
        let mut made = self.endpoints.turn(request.endpoint).await;
        self.engines.leave(request.endpoint).await?;
        *made = None;
        Ok(PluginReply::Done)
    }
}

fn addresses(interface: &Interface) -> Vec<IpNet> {
    interface.ipv4.map(IpNet::V4).into_iter().chain(interface.ipv6.map(IpNet::V6)).collect()
}

/// No gateway: the engine adds its gateway bridge then, for the way out and for published ports.
fn to_engine(joined: weft_verbs::Joined) -> Joined {
    let route = |(destination, via)| StaticRoute { destination, kind: RouteKind::NextHop(via) };
    Joined {
        // The engine numbers them.
        interface_name: InterfaceName { src_name: joined.interface, dst_prefix: "eth" },
        gateway: None,
        gateway_ipv6: None,
        static_routes: joined.routes.into_iter().map(route).collect(),
        disable_gateway_service: false,
    }
}
