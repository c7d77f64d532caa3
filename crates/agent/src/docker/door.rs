//! The door for the engine: Docker's remote driver protocols, on a plugin socket.
//!
//! The engine waits for every answer, for as long as it takes, and holds locks meanwhile; so there is one to
//! every call, soon, and nothing here asks the engine anything. All there is to remember is what the engine
//! tells in one call and needs in the next: it is in [`Shared`] where it must outlive the agent, else in
//! [`Announced`].

mod addresses;
mod answer;
mod endpoints;
mod networks;
mod socket;

pub(crate) use answer::router;
pub(crate) use socket::{PATH, bind, serve};

use super::Shared;
use crate::{core::DriverAccess, metrics::Metrics};
use endpoints::Announced;
use std::sync::Arc;
use weft_docker::plugin::{IpamCall, NetworkCall, PluginCall, PluginReply};
use weft_verbs::{EngineVerbs, Error, Verbs};

/// The network and address driver of the engine on this host.
pub(crate) struct Driver {
    verbs: Arc<dyn Verbs>,
    engines: Arc<dyn EngineVerbs>,
    shared: Arc<Shared>,
    endpoints: Announced,
    metrics: Arc<Metrics>,
}

impl Driver {
    /// A driver that carries out calls with the verbs of one core, tells `shared` of them, and counts them in
    /// `metrics`.
    pub(crate) fn new(access: &DriverAccess, shared: Arc<Shared>, metrics: Arc<Metrics>) -> Self {
        let (verbs, engines) = (access.verbs(), access.engines());
        Self { verbs, engines, shared, endpoints: Announced::default(), metrics }
    }

    pub(crate) async fn carry_out(&self, call: PluginCall) -> Result<PluginReply, Error> {
        match call {
            PluginCall::Activate => {
                // Once by every engine that starts, before anything else.
                self.engines.engine_started().await;
                Ok(PluginReply::Activated)
            }
            call if self.shared.is_parting() => self.part(call).await,
            PluginCall::Network(call) => self.carry_out_network(call).await,
            PluginCall::Ipam(call) => self.carry_out_ipam(call).await,
        }
    }

    async fn carry_out_network(&self, call: NetworkCall) -> Result<PluginReply, Error> {
        match call {
            NetworkCall::GetCapabilities => Ok(PluginReply::NetworkCapabilities),
            NetworkCall::AllocateNetwork(_) | NetworkCall::FreeNetwork(_) => {
                Err(Error::invalid("weft needs no Swarm, and makes no networks for it"))
            }
            NetworkCall::CreateNetwork(network) => self.create_network(network).await,
            NetworkCall::DeleteNetwork(network) => self.delete_network(network).await,
            NetworkCall::CreateEndpoint(endpoint) => self.create_endpoint(endpoint).await,
            NetworkCall::Join(join) => self.join(join).await,
            NetworkCall::DeleteEndpoint(endpoint) => self.delete_endpoint(endpoint).await,
            NetworkCall::EndpointOperInfo(endpoint) => Ok(self.endpoint_info(endpoint).await),
            // The endpoint is deleted by the next call after Leave. Ports are published on the engine's own gateway
            // bridge. Only the store says which hosts are in the cluster.
            NetworkCall::Leave(_)
            | NetworkCall::ProgramExternalConnectivity(_)
            | NetworkCall::RevokeExternalConnectivity(_)
            | NetworkCall::DiscoverNew(_)
            | NetworkCall::DiscoverDelete(_) => Ok(PluginReply::Done),
        }
    }

    /// While this host leaves the cluster: the engine may let go of anything, and gets nothing new.
    async fn part(&self, call: PluginCall) -> Result<PluginReply, Error> {
        match call {
            PluginCall::Network(NetworkCall::DeleteNetwork(network)) => self.forget_network(network),
            PluginCall::Network(NetworkCall::DeleteEndpoint(_))
            | PluginCall::Ipam(IpamCall::ReleasePool(_) | IpamCall::ReleaseAddress(_)) => {
                Ok(PluginReply::Done)
            }
            PluginCall::Network(
                NetworkCall::CreateNetwork(_) | NetworkCall::CreateEndpoint(_) | NetworkCall::Join(_),
            )
            | PluginCall::Ipam(IpamCall::RequestPool(_) | IpamCall::RequestAddress(_)) => {
                Err(Error::conflict("this host is leaving the weft cluster"))
            }
            PluginCall::Network(call) => self.carry_out_network(call).await,
            PluginCall::Ipam(call) => self.carry_out_ipam(call).await,
            PluginCall::Activate => Ok(PluginReply::Activated),
        }
    }

    async fn carry_out_ipam(&self, call: IpamCall) -> Result<PluginReply, Error> {
        match call {
            IpamCall::GetCapabilities => Ok(PluginReply::IpamCapabilities),
            IpamCall::GetDefaultAddressSpaces => Ok(PluginReply::AddressSpaces),
            IpamCall::RequestPool(request) => self.request_pool(request).await,
            IpamCall::ReleasePool(request) => self.release_pool(request).await,
            IpamCall::RequestAddress(request) => self.request_address(request).await,
            IpamCall::ReleaseAddress(request) => self.release_address(request).await,
        }
    }
}

#[cfg(test)]
mod tests;
