//! The one way in.

use crate::{
    AgentView, Attach, Attached, AuthorityView, CreateNetwork, DebugInfo, EndpointTraffic, EndpointView,
    Error, Explanation, JoinOptions, Leave, NetworkView, NodeView, Ping, Pinged, PoolRoom, Process,
    Resolution, Run, Status,
};
use async_trait::async_trait;
use jiff::Timestamp;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tokio::sync::mpsc::Sender;
use weft_model::{
    CheckNews, Checked, EndpointName, Examination, Finding, Network, NetworkId, NetworkName, NodeId,
    NodeName, OwnerKey, ServicePort, UserName,
};

/// Everything that can be done to the cluster and to this node. The doors call these and nothing else.
///
/// Networks are named by their name, their id, or a start of their id that only one has; processes and
/// containers by their name, id, or such a start. Every verb can be repeated. Every verb ends by itself,
/// except [`wait`](ProcessVerbs::wait); all are safe to cancel, but may have been carried out.
pub trait Verbs: RemoteVerbs + PeerVerbs + ProcessVerbs + NodeVerbs {}

impl<T: RemoteVerbs + PeerVerbs + ProcessVerbs + NodeVerbs> Verbs for T {}

/// What can be asked for from another host: nothing that starts or ends processes, or takes hosts out of the cluster.
pub trait RemoteVerbs: ReadVerbs + NetworkVerbs + EndpointVerbs {}

impl<T: ReadVerbs + NetworkVerbs + EndpointVerbs> RemoteVerbs for T {}

/// What can be asked. Nothing is changed by it.
#[async_trait]
pub trait ReadVerbs: Send + Sync + 'static {
    /// All networks that are known, in order of their names.
    fn networks(&self) -> Vec<NetworkView>;

    /// One network, if it is known.
    fn known_network(&self, network: NetworkId) -> Option<NetworkView>;

    /// One network. Before it says that there is none, it asks the store.
    async fn network(&self, network: &str) -> Result<NetworkView, Error>;

    /// How much of each pool of a network is in use, as far as is known here.
    fn room(&self, network: NetworkId) -> Vec<PoolRoom>;

    /// What a container, on whatever node, is told that asks for a name. Containers are named by their name or id.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::Kind::NotFound) if no such container is on a network, [`Kind::Conflict`](crate::Kind::Conflict)
    /// if several nodes have one of that name.
    async fn resolve(&self, name: &str, container: &str) -> Result<Resolution, Error>;

    /// Asks the store for what is not known here yet, unless it is out of reach: for a caller that finds nothing in a
    /// list.
    async fn look_again(&self);

    /// Which authorities are believed, and how far hosts are.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) where the store is believed.
    fn authority(&self) -> Result<AuthorityView, Error>;

    /// All nodes that are known, in order of their names.
    fn nodes(&self) -> Vec<NodeView>;

    /// One node. Before it says that there is none, it asks the store.
    async fn node(&self, node: &str) -> Result<NodeView, Error>;

    /// All processes of this node, ended ones too, in the order they were started.
    fn processes(&self) -> Vec<Process>;

    /// One process.
    fn process(&self, process: &str) -> Result<Process, Error>;

    /// The directory of a process, with its output in the file `log`.
    fn process_dir(&self, process: &str) -> Result<PathBuf, Error>;

    /// How this node is, as far as is known without asking.
    fn status(&self) -> Status;

    /// Looks at the kernel and asks the store, for two seconds at most, and then says how this node is.
    async fn examine(&self) -> Status;

    /// What a bug report needs besides.
    async fn inside(&self) -> DebugInfo;

    /// What the next round would change on this host, a step a line. Normally nothing.
    async fn plan(&self) -> Result<Vec<String>, Error>;

    /// The endpoints of this node that container runtimes know by keys of their own.
    fn owned(&self) -> Vec<(OwnerKey, EndpointView)>;

    /// What has gone through each endpoint of this node, as far as the kernel says.
    async fn traffic(&self) -> Vec<EndpointTraffic>;
}

/// What agents of other nodes ask.
#[async_trait]
pub trait PeerVerbs: ReadVerbs {
    /// Looks at this node's part of the way between two endpoints, for another node or this one. Takes up to five seconds.
    async fn look_at(&self, asked: &Examination) -> Vec<Finding>;

    /// Puts something on a network that answers, for two minutes at most.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) if it is not called as such things are.
    async fn begin_check(&self, network: NetworkId, name: &EndpointName) -> Result<Checked, Error>;

    /// Takes it off again. Where there is none (any more), that is well.
    ///
    /// # Errors
    /// As above.
    async fn end_check(&self, name: &EndpointName) -> Result<(), Error>;
}

/// What can be done to the networks of the cluster.
#[async_trait]
pub trait NetworkVerbs: Send + Sync + 'static {
    /// Creates a network.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) if the name, a pool or a VNI is taken, naming the owner.
    async fn create_network(&self, request: CreateNetwork) -> Result<NetworkId, Error>;

    /// Removes a network.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](crate::Kind::Forbidden) while endpoints are on it anywhere, naming them.
    async fn remove_network(&self, network: &str) -> Result<(), Error>;

    /// Removes the networks that nobody is on and `filter` matches. Returns their names.
    async fn prune_networks(&self, filter: PruneFilter) -> Result<Vec<NetworkName>, Error>;
}

/// The verbs that put endpoints on networks and take them off.
#[async_trait]
pub trait EndpointVerbs: Send + Sync + 'static {
    /// Puts a network namespace of this node on a network.
    async fn attach(&self, request: Attach) -> Result<Attached, Error>;

    /// Takes the endpoint that a runtime calls so off its network. Where there is none (any more), that is well.
    async fn detach_owned(&self, owner: &OwnerKey) -> Result<(), Error>;

    /// Takes an endpoint of this node, by its name or id, off a network.
    async fn detach(&self, network: &str, endpoint: &str) -> Result<(), Error>;

    /// Puts a process of this node on one more network.
    async fn connect(
        &self,
        network: &str,
        container: &str,
        options: JoinOptions,
    ) -> Result<EndpointView, Error>;

    /// Takes a process off a network. With `force`, also an endpoint of another node, of any kind.
    async fn disconnect(&self, network: &str, container: &str, force: bool) -> Result<(), Error>;
}

/// What can be done to the processes of this node.
#[async_trait]
pub trait ProcessVerbs: Send + Sync + 'static {
    /// Starts a process on a network.
    async fn run(&self, request: Run) -> Result<Process, Error>;

    /// Asks a process to end (SIGTERM), and kills it after `grace`. Returns when it has ended.
    async fn stop(&self, process: &str, grace: Duration) -> Result<(), Error>;

    /// Forgets a process that ended; with `force`, kills it first.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) if it runs and is not to be killed.
    async fn remove_process(&self, process: &str, force: bool) -> Result<(), Error>;

    /// Waits for a process to end, as long as it takes. Returns its exit status, if anybody saw it.
    async fn wait(&self, process: &str) -> Result<Option<i32>, Error>;
}

/// What can be done to the nodes of the cluster.
#[async_trait]
pub trait NodeVerbs: Send + Sync + 'static {
    /// Has no host of a signed cluster believe a node any more, up or down, for good.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) if this host does not have the authority's key, or is that node.
    async fn revoke_node(&self, node: &NodeName) -> Result<(), Error>;

    /// Asks a node's agent itself what it is, over the network.
    ///
    /// # Errors
    /// [`Kind::Unavailable`](crate::Kind::Unavailable) if it does not answer, or somebody else does.
    async fn ask_agent(&self, node: &str) -> Result<AgentView, Error>;

    /// Everything on the way from a container, on whatever node, to what it calls `to`: a name, an address, or an id. Asks the
    /// agents of both, and has packets sent.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::Kind::NotFound) if nothing is called so, [`Kind::Conflict`](crate::Kind::Conflict) if several
    /// containers are.
    async fn explain(&self, from: &str, to: &str, port: Option<ServicePort>) -> Result<Explanation, Error>;

    /// Sends one packet to a node or an endpoint, and waits a second for the answer.
    ///
    /// # Errors
    /// If none was sent.
    async fn ping(&self, ping: Ping) -> Result<Pinged, Error>;

    /// Checks all ways between the nodes on a network: puts something that answers on it on each node, and has each send to
    /// each other. What becomes of it is told to `news`; when nobody hears it any more, it ends. Nothing is left of it.
    ///
    /// # Errors
    /// [`Kind::Internal`](crate::Kind::Internal) if it broke off.
    async fn check(&self, network: NetworkId, news: Sender<CheckNews>) -> Result<(), Error>;

    /// Replaces the cluster's authority by another; or, to `finish`, has nobody believe those before.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) if this host does not have its key, or it is being replaced already.
    async fn rotate_authority(&self, finish: bool) -> Result<(), Error>;

    /// Has no host of a signed cluster answer a user of the remote API any more who shows the certificate `id`, for good.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) if this host does not have the authority's key.
    async fn revoke_user(&self, user: &UserName, id: NodeId) -> Result<(), Error>;

    /// Forgets a node that is down: its endpoints, their addresses and names.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) while it is up.
    async fn remove_node(&self, node: &NodeName) -> Result<(), Error>;

    /// Leaves the cluster: gives back what this node has, and ends the agent. Returns what could not be given back, for
    /// people.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) while something is on a network here, or the cluster is out of reach.
    async fn leave(&self, leave: Leave) -> Result<Vec<String>, Error>;
}

/// Which unused networks to remove: those that all of it matches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneFilter {
    /// Labels that the network has.
    pub labels: Vec<LabelFilter>,
    /// Labels that the network does not have.
    pub not_labels: Vec<LabelFilter>,
    /// Created before this.
    pub until: Option<Timestamp>,
}

/// A label, with a certain value or any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFilter {
    /// Its key.
    pub key: String,
    /// Its value, if it matters.
    pub value: Option<String>,
}

impl LabelFilter {
    /// Reads `key` or `key=value`.
    pub fn parse(text: &str) -> Self {
        match text.split_once('=') {
            Some((key, value)) => Self { key: key.to_owned(), value: Some(value.to_owned()) },
            None => Self { key: text.to_owned(), value: None },
        }
    }

    /// Whether `labels` has it.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.get(&self.key).is_some_and(|has| self.value.as_ref().is_none_or(|value| value == has))
    }
}

impl PruneFilter {
    /// Whether it matches `network`, which nobody is on.
    pub fn matches(&self, network: &Network) -> bool {
        self.matches_one_with(&network.labels, network.created)
    }

    /// Whether it matches a network with these labels, created then, which nobody is on.
    pub fn matches_one_with(&self, labels: &BTreeMap<String, String>, created: Timestamp) -> bool {
        self.labels.iter().all(|label| label.matches(labels))
            && !self.not_labels.iter().any(|label| label.matches(labels))
            && self.until.is_none_or(|until| created < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        serde_json::from_str(
            r#"{"name":"n","subnets":[],"labels":{"team":"blue"},"created":"2026-11-22T00:00:00Z"}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_filter_matches_what_all_of_it_matches() {
        let labels = |text| PruneFilter { labels: vec![LabelFilter::parse(text)], ..Default::default() };
        assert!(PruneFilter::default().matches(&network()));
        assert!(labels("team").matches(&network()));
        assert!(labels("team=blue").matches(&network()));
        assert!(!labels("team=red").matches(&network()));
        assert!(!labels("other").matches(&network()));
        let not = PruneFilter { not_labels: vec![LabelFilter::parse("team")], ..Default::default() };
        assert!(!not.matches(&network()));
        let until = |time: &str| PruneFilter { until: Some(time.parse().unwrap()), ..Default::default() };
        assert!(until("2026-11-22T00:00:01Z").matches(&network()));
        assert!(!until("2026-11-22T00:00:00Z").matches(&network()));
    }
}
