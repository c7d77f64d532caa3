//! The verbs as the doors see them.

mod engines;

use super::{Core, resolution};
use async_trait::async_trait;
use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::mpsc::Sender;
use weft_model::{
    CheckNews, Checked, EndpointName, Examination, Finding, NetworkId, NetworkName, NodeId, NodeName,
    OwnerKey, ServicePort, UserName, is_for_check,
};
use weft_state::cluster::Cluster;
use weft_verbs::{
    AgentView, Attach, Attached, AuthorityView, CreateNetwork, DebugInfo, EndpointTraffic, EndpointVerbs,
    EndpointView, Error, Explanation, JoinOptions, Leave, NetworkVerbs, NetworkView, NodeVerbs, NodeView,
    PeerVerbs, Ping, Pinged, PoolRoom, Process, ProcessVerbs, PruneFilter, ReadVerbs, Resolution, Run,
    Status,
};

/// The core, behind its verbs. A change runs to its end also when the client hangs up: nothing stays half-done for
/// that.
pub struct CoreVerbs(Arc<Core>);

impl CoreVerbs {
    /// A door to `core`.
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self(core)
    }

    async fn to_the_end<T, F>(&self, verb: impl FnOnce(Arc<Core>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let verb = tokio::spawn(verb(Arc::clone(&self.0)));
        verb.await.unwrap_or_else(|error| Err(Error::internal("the request was not finished", error)))
    }
}

#[async_trait]
impl ReadVerbs for CoreVerbs {
    fn networks(&self) -> Vec<NetworkView> {
        self.0.networks.network_views()
    }

    fn known_network(&self, network: NetworkId) -> Option<NetworkView> {
        self.0.networks.known_network(network)
    }

    async fn look_again(&self) {
        self.0.access.look_again().await;
    }

    fn room(&self, network: NetworkId) -> Vec<PoolRoom> {
        self.0.networks.room(network)
    }

    async fn resolve(&self, name: &str, container: &str) -> Result<Resolution, Error> {
        let access = &self.0.access;
        let look = |cluster: &Cluster| {
            let locals = self.0.endpoints.here();
            resolution::resolve(cluster, (&locals, access.node()), name, container)
        };
        access.look_up(look).await
    }

    async fn network(&self, network: &str) -> Result<NetworkView, Error> {
        self.0.networks.inspect(network).await
    }

    fn authority(&self) -> Result<AuthorityView, Error> {
        self.0.nodes.authority_view()
    }

    fn nodes(&self) -> Vec<NodeView> {
        self.0.nodes.node_views()
    }

    async fn node(&self, node: &str) -> Result<NodeView, Error> {
        self.0.nodes.node_view(node).await
    }

    fn processes(&self) -> Vec<Process> {
        self.0.processes.process_views()
    }

    fn process(&self, process: &str) -> Result<Process, Error> {
        self.0.processes.process(process)
    }

    fn process_dir(&self, process: &str) -> Result<PathBuf, Error> {
        self.0.processes.directory_of(process)
    }

    fn status(&self) -> Status {
        self.0.reporter.describe()
    }

    async fn examine(&self) -> Status {
        self.0.reporter.examine().await;
        self.0.reporter.describe()
    }

    async fn inside(&self) -> DebugInfo {
        self.0.reporter.inside().await
    }

    async fn plan(&self) -> Result<Vec<String>, Error> {
        self.0.reporter.plan().await
    }

    fn owned(&self) -> Vec<(OwnerKey, EndpointView)> {
        self.0.endpoints.owned()
    }

    async fn traffic(&self) -> Vec<EndpointTraffic> {
        self.0.reporter.traffic().await
    }
}

#[async_trait]
impl PeerVerbs for CoreVerbs {
    async fn look_at(&self, asked: &Examination) -> Vec<Finding> {
        self.0.explainer.look_at(asked).await
    }

    async fn begin_check(&self, network: NetworkId, name: &EndpointName) -> Result<Checked, Error> {
        let name = name.clone();
        self.to_the_end(move |core| async move { core.checker.begin(network, &name).await }).await
    }

    async fn end_check(&self, name: &EndpointName) -> Result<(), Error> {
        let name = name.clone();
        self.to_the_end(move |core| async move { core.checker.end(&name).await }).await
    }
}

#[async_trait]
impl NetworkVerbs for CoreVerbs {
    async fn create_network(&self, request: CreateNetwork) -> Result<NetworkId, Error> {
        self.to_the_end(|core| async move { core.networks.create(request).await }).await
    }

    async fn remove_network(&self, network: &str) -> Result<(), Error> {
        let network = network.to_owned();
        self.to_the_end(|core| async move { core.networks.remove(&network).await }).await
    }

    async fn prune_networks(&self, filter: PruneFilter) -> Result<Vec<NetworkName>, Error> {
        self.to_the_end(|core| async move { core.networks.prune(filter).await }).await
    }
}

#[async_trait]
impl EndpointVerbs for CoreVerbs {
    async fn attach(&self, request: Attach) -> Result<Attached, Error> {
        self.to_the_end(|core| async move { core.endpoints.attach_netns(request).await }).await
    }

    async fn detach_owned(&self, owner: &OwnerKey) -> Result<(), Error> {
        let owner = owner.clone();
        self.to_the_end(|core| async move { core.endpoints.detach_owned(&owner).await }).await
    }

    async fn detach(&self, network: &str, endpoint: &str) -> Result<(), Error> {
        let (network, endpoint) = (network.to_owned(), endpoint.to_owned());
        self.to_the_end(|core| async move { core.endpoints.detach_endpoint(&network, &endpoint).await }).await
    }

    async fn connect(
        &self,
        network: &str,
        container: &str,
        options: JoinOptions,
    ) -> Result<EndpointView, Error> {
        let (network, container) = (network.to_owned(), container.to_owned());
        self.to_the_end(
            |core| async move { core.endpoints.connect_process(&network, &container, options).await },
        )
        .await
    }

    async fn disconnect(&self, network: &str, container: &str, force: bool) -> Result<(), Error> {
        let (network, container) = (network.to_owned(), container.to_owned());
        self.to_the_end(|core| async move {
            core.endpoints.disconnect_container(&network, &container, force).await
        })
        .await
    }
}

#[async_trait]
impl ProcessVerbs for CoreVerbs {
    async fn run(&self, request: Run) -> Result<Process, Error> {
        if request.name.as_ref().is_some_and(is_for_check) {
            return Err(Error::invalid(
                "names that begin with weft-check- are those of `weft check`: choose another",
            ));
        }
        self.to_the_end(|core| async move { core.processes.start(request).await }).await
    }

    async fn stop(&self, process: &str, grace: Duration) -> Result<(), Error> {
        let process = process.to_owned();
        self.to_the_end(move |core| async move { core.processes.stop_process(&process, grace).await }).await
    }

    async fn remove_process(&self, process: &str, force: bool) -> Result<(), Error> {
        let process = process.to_owned();
        self.to_the_end(move |core| async move { core.processes.remove_one(&process, force).await }).await
    }

    async fn wait(&self, process: &str) -> Result<Option<i32>, Error> {
        self.0.processes.exit_status(process).await
    }
}

#[async_trait]
impl NodeVerbs for CoreVerbs {
    async fn revoke_node(&self, node: &NodeName) -> Result<(), Error> {
        let node = node.clone();
        self.to_the_end(|core| async move { core.nodes.revoke(&node).await }).await
    }

    async fn ask_agent(&self, node: &str) -> Result<AgentView, Error> {
        self.0.nodes.ask_agent(node).await
    }

    async fn explain(&self, from: &str, to: &str, port: Option<ServicePort>) -> Result<Explanation, Error> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.to_the_end(move |core| async move { core.explainer.explain(&from, &to, port).await }).await
    }

    async fn ping(&self, ping: Ping) -> Result<Pinged, Error> {
        self.0.explainer.ping(ping).await
    }

    async fn check(&self, network: NetworkId, news: Sender<CheckNews>) -> Result<(), Error> {
        let check = move |core: Arc<Core>| async move {
            core.checker.check(network, &news).await;
            Ok(())
        };
        self.to_the_end(check).await
    }

    async fn rotate_authority(&self, finish: bool) -> Result<(), Error> {
        let rotated = move |core: Arc<Core>| async move {
            if finish { core.nodes.finish_rotation().await } else { core.nodes.rotate_authority().await }
        };
        self.to_the_end(rotated).await
    }

    async fn revoke_user(&self, user: &UserName, id: NodeId) -> Result<(), Error> {
        let user = user.clone();
        self.to_the_end(move |core| async move { core.nodes.revoke_user(&user, id).await }).await
    }

    async fn remove_node(&self, node: &NodeName) -> Result<(), Error> {
        let node = node.clone();
        self.to_the_end(|core| async move { core.nodes.give_up_node(&node).await }).await
    }

    async fn leave(&self, leave: Leave) -> Result<Vec<String>, Error> {
        self.to_the_end(move |core| async move { core.leaving.leave_cluster(leave).await }).await
    }
}
