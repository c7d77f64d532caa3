//! The verbs as the drivers of engines see them.

use super::CoreVerbs;
use async_trait::async_trait;
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr, path::Path, time::Duration};
use tokio::time::timeout;
use weft_model::{EndpointId, IfName, InUse, NetworkId, NetworkName};
use weft_verbs::{
    ContainerNames, CreateNetwork, EngineEndpoint, EngineStatus, EngineVerbs, Error, Join, Joined,
};

/// How long an engine that starts is kept waiting.
const ENGINE_PATIENCE: Duration = Duration::from_secs(1);

#[async_trait]
impl EngineVerbs for CoreVerbs {
    async fn engine_started(&self) {
        let untaken = self.0.allocator.forget_untaken();
        let given_back = self.to_the_end(|core| async move { core.allocator.release_all(untaken).await });
        // An engine that is told of a failure does without this driver for ever; the rest housekeeping gives back.
        let given_back = timeout(ENGINE_PATIENCE, given_back).await.unwrap_or(Ok(()));
        if let Err(error) = given_back {
            tracing::debug!(%error, "addresses that no endpoint took are not given back yet");
        }
    }

    async fn reserve_pool(&self, pool: Option<IpNet>, ipv6: bool) -> Result<IpNet, Error> {
        self.to_the_end(move |core| async move { core.allocator.reserve_pool(pool, ipv6).await }).await
    }

    async fn release_pool(&self, pool: IpNet) -> Result<(), Error> {
        self.to_the_end(move |core| async move { core.allocator.let_go(pool).await }).await
    }

    async fn check_network(&self, request: &CreateNetwork) -> Result<(), Error> {
        self.0.networks.check(request).await
    }

    async fn reserve_address(&self, pool: IpNet, address: Option<IpAddr>) -> Result<IpNet, Error> {
        self.to_the_end(move |core| async move { core.allocator.reserve_address(pool, address).await }).await
    }

    async fn release_address(&self, pool: IpNet, address: IpAddr) -> Result<(), Error> {
        self.to_the_end(move |core| async move { core.allocator.take_back(pool, address).await }).await
    }

    async fn join(&self, request: Join) -> Result<Joined, Error> {
        self.to_the_end(move |core| async move { core.endpoints.join_for_engine(request).await }).await
    }

    async fn leave(&self, endpoint: EndpointId) -> Result<(), Error> {
        self.to_the_end(move |core| async move { core.endpoints.leave_for_engine(endpoint).await }).await
    }

    async fn rename(&self, endpoint: EndpointId, names: ContainerNames) -> Result<(), Error> {
        self.to_the_end(move |core| async move { core.endpoints.rename_for_engine(endpoint, names).await })
            .await
    }

    async fn named(&self, endpoint: EndpointId) {
        self.0.endpoints.until_named(endpoint).await;
    }

    fn network_with(&self, pool: IpNet) -> Option<(NetworkId, NetworkName)> {
        self.0.access.known().network_with(pool).map(|(id, network)| (id, network.name.clone()))
    }

    async fn check_pool(&self, pool: IpNet, network: NetworkId) -> Result<(), Error> {
        self.0.allocator.check_pool(pool, network).await
    }

    fn engine_endpoints(&self) -> Vec<EngineEndpoint> {
        self.0.endpoints.endpoints_of_engines()
    }

    async fn has_network(&self, network: NetworkId) -> Result<bool, Error> {
        Ok(self.0.networks.is_in_store(network).await?)
    }

    fn lend_pools(&self, pools: BTreeSet<IpNet>) {
        self.0.allocator.lend(pools);
    }

    fn is_given_back(&self, endpoint: EndpointId) -> bool {
        self.0.engine.host.interface_index(IfName::for_engine(&endpoint).as_str()).is_some()
    }

    async fn container_in(&self, sandbox: &Path) -> Option<String> {
        self.0.engine.host.container_in(sandbox).await
    }

    fn note_status(&self, status: EngineStatus) {
        self.0.engine.status.send_replace(Some(status));
    }

    fn note_uses(&self, ranges: Vec<InUse>) {
        self.0.engine.host.engine_uses(ranges);
    }

    fn note_pools(&self, pools: Vec<(IpNet, u8)>) {
        self.0.engine.host.engine_pools(pools);
    }
}
