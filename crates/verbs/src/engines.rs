//! What a container engine asks of its network driver: the two steps of Docker's protocol, a pool before its
//! network and an address before its endpoint.

use crate::{CreateNetwork, EngineStatus, Error};
use async_trait::async_trait;
use ipnet::IpNet;
use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
};
use weft_model::{ContainerLink, EndpointId, EndpointName, IfName, InUse, MacAddr, NetworkId, NetworkName};

/// The verbs for engines, beside [`Verbs`](crate::Verbs). All can be repeated, and all end by themselves.
#[async_trait]
pub trait EngineVerbs: Send + Sync + 'static {
    /// An engine has just started. It has forgotten the addresses that it took for endpoints that were never made: they
    /// are given back, as far as the store can be reached.
    async fn engine_started(&self);

    /// Keeps a pool for a network that is about to be created: `pool`, or a free one. Asked again, another
    /// free one, until they are given back. Unless a network is created of it soon, it is given back by itself.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) if it overlaps something, naming it.
    async fn reserve_pool(&self, pool: Option<IpNet>, ipv6: bool) -> Result<IpNet, Error>;

    /// Gives back a pool from which no network was created. What is not held here is no error.
    async fn release_pool(&self, pool: IpNet) -> Result<(), Error>;

    /// Says whether a network of pools that are held here could be created as things are. Its name does not
    /// matter: engines tell it only after the network was created there.
    ///
    /// # Errors
    /// Those that [`create_network`](crate::NetworkVerbs::create_network) would have.
    async fn check_network(&self, request: &CreateNetwork) -> Result<(), Error>;

    /// Claims an address of a network's pool, `address` or a free one, for an endpoint that is about to join.
    /// Unless it does so soon, the address is given back by itself. Returned with the pool's prefix length.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) if it is in use, saying by what, or none is left.
    async fn reserve_address(&self, pool: IpNet, address: Option<IpAddr>) -> Result<IpNet, Error>;

    /// Gives back an address that was reserved. One that an endpoint has, or that is not reserved, is left alone.
    async fn release_address(&self, pool: IpNet, address: IpAddr) -> Result<(), Error>;

    /// Puts a container of an engine on a network, and leaves its interface to the engine.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) if an address is in use by another endpoint.
    async fn join(&self, request: Join) -> Result<Joined, Error>;

    /// Takes an endpoint of an engine off its network. One that is not there is no error.
    async fn leave(&self, endpoint: EndpointId) -> Result<(), Error>;

    /// Says what an endpoint of an engine is called from now on. One that is not there is no error.
    async fn rename(&self, endpoint: EndpointId, names: ContainerNames) -> Result<(), Error>;

    /// Waits a moment until the cluster knows what an endpoint is called, if anybody can find out.
    async fn named(&self, endpoint: EndpointId);

    /// Says whether `pool` is still that of `network`, as far as anybody knows.
    ///
    /// # Errors
    /// [`Kind::Conflict`](crate::Kind::Conflict) if it is another's by now, naming it.
    async fn check_pool(&self, pool: IpNet, network: NetworkId) -> Result<(), Error>;

    /// The network of the cluster that has `pool`, as far as is known.
    fn network_with(&self, pool: IpNet) -> Option<(NetworkId, NetworkName)>;

    /// The endpoints that engines have on this node, with their sandboxes.
    fn engine_endpoints(&self) -> Vec<EngineEndpoint>;

    /// Says whether the store has a network at this moment: the view may be older than the network.
    ///
    /// # Errors
    /// If the store does not answer.
    async fn has_network(&self, network: NetworkId) -> Result<bool, Error>;

    /// Says which pools of an engine's networks stand for other pools of the cluster from now on: they are reserved as
    /// long as the engine has them.
    fn lend_pools(&self, pools: BTreeSet<IpNet>);

    /// Whether the interface of an endpoint is in the host's namespace: the engine has not taken it yet, or not any more.
    fn is_given_back(&self, endpoint: EndpointId) -> bool;

    /// The id of the container whose processes are in a sandbox; none if it has no process, or they are not of a
    /// container's.
    async fn container_in(&self, sandbox: &Path) -> Option<String>;

    /// Takes note of how the engine is.
    fn note_status(&self, status: EngineStatus);

    /// Takes note of what the engine uses of the address space, besides what is ours.
    fn note_uses(&self, ranges: Vec<InUse>);

    /// Takes note of where the engine takes pools from: each a subnet, and the prefix length of a pool.
    fn note_pools(&self, pools: Vec<(IpNet, u8)>);
}

/// A container of an engine, to be put on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// The engine's id for the endpoint, and ours.
    pub endpoint: EndpointId,
    /// Its addresses, with the prefix lengths of their pools: they say which network.
    pub addresses: Vec<IpNet>,
    /// Its Ethernet address.
    pub mac: MacAddr,
    /// What it is called; none where the engine did not tell yet.
    pub names: Option<ContainerNames>,
    /// The container's network namespace; it may be made only later.
    pub sandbox: PathBuf,
}

/// What a container is called on one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerNames {
    /// The container's id.
    pub container: String,
    /// Its name.
    pub name: EndpointName,
    /// More names.
    pub aliases: Vec<EndpointName>,
    /// Its own names for others.
    pub links: Vec<ContainerLink>,
}

/// An endpoint that was made for an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The interface in the host's namespace that the engine is to move into the container.
    pub interface: IfName,
    /// Where the network's other subnets are reached: each through a gateway of the endpoint's own.
    pub routes: Vec<(IpNet, IpAddr)>,
}

/// An endpoint that an engine has on this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEndpoint {
    /// Its id, the engine's too.
    pub id: EndpointId,
    /// The network.
    pub network_id: NetworkId,
    /// The network's name.
    pub network: NetworkName,
    /// What it is called; only the name, which is its short id, until the engine told.
    pub name: EndpointName,
    /// More names.
    pub aliases: Vec<EndpointName>,
    /// Its own names for others.
    pub links: Vec<ContainerLink>,
    /// The container's id, once the engine told.
    pub container: Option<String>,
    /// The container's network namespace.
    pub sandbox: PathBuf,
}
