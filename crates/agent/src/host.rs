//! What the core asks of this host besides the data plane.

mod containers;
mod echo;
mod encryption;
mod linux;
mod listening;
mod only;
mod own_address;
mod sandbox;
mod traffic;
mod trial;

pub(crate) use echo::smallest as smallest_echo;
pub(crate) use linux::LinuxHost;
pub(crate) use listening::Listener;
pub(crate) use only::{NotTheOnly, OnlyAgent};
pub(crate) use trial::{Trial, Tried};

use crate::underlay::{EnginePool, Underlay};
use async_trait::async_trait;
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    path::Path,
    time::Duration,
};
use tokio::sync::watch;
use weft_dns::EngineResolver;
use weft_model::{IfName, InUse, PortMapping, Traffic, Vni};
use weft_state::{fingerprint::Fingerprint, journal::LocalEndpoint};
use weft_verbs::Error;

/// This host, as far as the agent needs to know it. A simulation has its own.
#[async_trait]
pub(crate) trait Host: Send + Sync + 'static {
    /// Where this host's routes lead: neither the default routes nor those into our own segments.
    async fn routes(&self) -> Result<Vec<IpNet>, Error>;

    /// Where this host is, as it moves.
    fn underlay(&self) -> watch::Receiver<Underlay>;

    /// Takes note of what an engine on this host uses of the address space, besides what is ours.
    fn engine_uses(&self, _ranges: Vec<InUse>) {}

    /// Takes note of where an engine on this host takes pools from.
    fn engine_pools(&self, _pools: Vec<EnginePool>) {}

    /// How large a packet fits through the devices that lead to `others`, in bytes. From then on the underlay says so.
    async fn underlay_mtu(&self, others: BTreeSet<IpAddr>) -> Result<u32, Error>;

    /// Takes note of how large a packet gets to the others, in bytes, if what is between carries less than the devices. From
    /// then on the underlay says so.
    fn carried_between(&self, _mtu: Option<u32>) {}

    /// Whether packets can be encrypted here.
    ///
    /// # Errors
    /// [`Kind::Forbidden`](weft_verbs::Kind::Forbidden), saying what is missing.
    async fn can_encrypt(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What is in a network namespace already.
    ///
    /// # Errors
    /// [`Kind::Invalid`](weft_verbs::Kind::Invalid) if `netns` is not one.
    async fn look_into(&self, netns: &Path) -> Result<NetnsContent, Error>;

    /// Whether there is a network namespace at `netns`.
    fn has_netns(&self, netns: &Path) -> bool;

    /// What tells the network namespace at `netns` from another that may take its place; `None` if there is
    /// none, or it cannot be told.
    fn which_netns(&self, netns: &Path) -> Option<u64>;

    /// Whether another network namespace has got the path of the one that an endpoint's owner gave.
    fn is_anothers(&self, local: &LocalEndpoint) -> bool {
        let known = local.owner.runtime().and_then(|end| end.namespace);
        known.is_some_and(|known| self.which_netns(&local.netns).is_some_and(|now| now != known))
    }

    /// Sends packets from a network namespace; `None` where there is no real one.
    ///
    /// # Errors
    /// If it cannot be entered.
    async fn try_out(&self, _netns: &Path, _trial: Trial) -> Result<Option<Tried>, Error> {
        Ok(None)
    }

    /// What has gone through the segments' ends of endpoints, by segment and name, as these ends see it. Segments that are
    /// not there, or cannot be read now, have none.
    async fn traffic(&self, _segments: BTreeSet<Vni>) -> BTreeMap<(Vni, IfName), Traffic> {
        BTreeMap::new()
    }

    /// Sends one packet of `size` bytes from a network namespace, and says how long the answer took, or what the kernel said.
    ///
    /// # Errors
    /// If it cannot be entered.
    async fn echo(&self, _netns: &Path, _to: IpAddr, _size: u16) -> Result<io::Result<Duration>, Error> {
        Ok(Err(io::ErrorKind::Unsupported.into()))
    }

    /// What programs in a network namespace listen on.
    ///
    /// # Errors
    /// If it cannot be entered.
    async fn listeners(&self, _netns: &Path) -> Result<BTreeSet<Listener>, Error> {
        Ok(BTreeSet::new())
    }

    /// Makes the network namespace `/run/netns/<name>`, with its loopback device up, and marks it as this host's.
    async fn create_netns(&self, name: &str) -> Result<(), Error>;

    /// Unmakes it. One that is not there is no error.
    async fn delete_netns(&self, name: &str) -> Result<(), Error>;

    /// The namespaces with names that begin with `prefix` that any agent of this host has made, known to this one or
    /// not.
    async fn own_netns(&self, _prefix: &'static str) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    /// The sockets that a container's resolver answers on, bound to `address` in its namespace.
    async fn resolver_sockets(
        &self,
        netns: &Path,
        address: SocketAddr,
    ) -> Result<(UdpSocket, TcpListener), Error>;

    /// Takes over the names in the network namespace of an engine's container: from here on its questions get to
    /// these sockets.
    async fn take_over_names(&self, netns: &Path) -> Result<InSandbox, Error>;

    /// The id of the container whose processes are in a network namespace; none if it has no process, or they are
    /// not of a container's.
    async fn container_in(&self, netns: &Path) -> Option<String>;

    /// Whether `port` of this host could lead to a container: no program here listens on it, and its address
    /// is one of this host's.
    ///
    /// # Errors
    /// As `bind` has them.
    fn try_port(&self, port: &PortMapping) -> io::Result<()>;

    /// The text of this host's `resolv.conf`; empty if there is none.
    ///
    /// # Errors
    /// If it cannot be read just now.
    fn resolv_conf(&self) -> io::Result<String>;

    /// What the agent has run out of here, and what to do.
    fn shortage(&self) -> Option<String> {
        None
    }

    /// What tells this machine from others, and where the file at `lock` is on it.
    fn fingerprint(&self, lock: &Path) -> Fingerprint {
        Fingerprint::of_this_machine(lock)
    }

    /// The index of an interface of this host, for scoped addresses.
    fn interface_index(&self, name: &str) -> Option<u32>;
}

/// What it takes to answer before an engine's own resolver.
pub(crate) struct InSandbox {
    /// Where questions arrive that come in datagrams.
    pub(crate) udp: UdpSocket,
    /// Where the others do.
    pub(crate) tcp: TcpListener,
    /// The resolver that knows the rest.
    pub(crate) engine: EngineResolver,
    /// Dropped, it leaves all questions to that one. This takes tens of milliseconds, during which the thread blocks.
    pub(crate) precedence: Box<dyn Send + Sync>,
}

/// What is in a network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NetnsContent {
    /// The names of its interfaces.
    pub(crate) interfaces: BTreeSet<String>,
    /// Whether it has a way out that is not ours.
    pub(crate) has_default_route: bool,
}
