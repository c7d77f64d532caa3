//! What an agent is told at its start. Everything has been parsed and checked by then.

pub use crate::advertise::{Advertise, NoAddress, OutsideAddress};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};
use weft_ipam::AddressPool;
use weft_model::{NodeName, Trust};
use weft_store::{Secret, StoreOptions, StoreUrl, serve::ServeConfig};

/// Where an agent keeps its files if nothing else is said.
pub const DATA_DIR: &str = "/var/lib/weft";

pub use weft_state::data_dir::NODE as NODE_FILE;

/// The file of the embedded store of an agent that keeps its files in `data_dir`.
pub fn embedded_store(data_dir: &Path) -> PathBuf {
    data_dir.join("store.redb")
}

/// The Docker engine that an agent is the driver of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerConfig {
    /// The socket the engine answers on. It may come later, and go.
    pub socket: PathBuf,
    proxy: Option<PathBuf>,
}

/// The Docker proxy is asked for, and this program has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "--docker-proxy is not possible: this weft was built without the Docker proxy; leave it out, or install a weft \
     that was built with it (feature `proxy`)"
)]
pub struct NoProxy;

impl DockerConfig {
    /// The engine at `socket`, with a proxy before it on the socket `proxy`, if there is to be one.
    ///
    /// # Errors
    /// If there is to be one, and this program was built without.
    pub fn new(socket: PathBuf, proxy: Option<PathBuf>) -> Result<Self, NoProxy> {
        if proxy.is_some() && !cfg!(feature = "proxy") {
            return Err(NoProxy);
        }
        Ok(Self { socket, proxy })
    }

    /// The socket on which weft passes on to the engine, and speaks for networks itself; none: nowhere.
    pub fn proxy(&self) -> Option<&Path> {
        self.proxy.as_deref()
    }
}

/// A port of this host that no other host reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loopback(SocketAddr);

/// Why something is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLoopback {
    /// No address at all.
    #[error("{0:?} is no address with a port: write 127.0.0.1:9477")]
    Nonsense(String),
    /// Others could reach it.
    #[error(
        "{0} is not a loopback address, and whoever reaches it could read what this host does: listen on 127.0.0.1, \
         and let a proxy with TLS pass on to it"
    )]
    Reachable(SocketAddr),
}

impl Loopback {
    /// The address.
    pub fn get(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for Loopback {
    type Err = NotLoopback;
    fn from_str(text: &str) -> Result<Self, NotLoopback> {
        let address: SocketAddr =
            text.parse().map_err(|_| NotLoopback::Nonsense(text.chars().take(80).collect()))?;
        if address.ip().to_canonical().is_loopback() {
            Ok(Self(address))
        } else {
            Err(NotLoopback::Reachable(address))
        }
    }
}

/// The API for other hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteConfig {
    /// Where it is answered; nowhere: it is off.
    pub listen: Vec<SocketAddr>,
    /// The certificate to show, and the file of its key; none: one of this host's cluster.
    pub shown: Option<(PathBuf, PathBuf)>,
    /// The certificates of the authorities whose clients are answered; none: the users of this host's cluster.
    pub authorities: Option<PathBuf>,
}

/// The UDP port for encrypted packets, if nothing else is said: WireGuard's.
pub const DEFAULT_TUNNEL_PORT: u16 = 51820;

/// An agent's configuration.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// The node's name, unique in the cluster.
    pub node_name: NodeName,
    /// Where the truth of the cluster is.
    pub store: StoreUrl,
    /// How to reach the store.
    pub store_options: StoreOptions,
    /// The token for the store where the options name no file: `CONSUL_HTTP_TOKEN`.
    pub store_token: Option<Secret>,
    /// Whether what the store loses is put back; otherwise it is gone.
    pub store_rebuild: bool,
    /// Where to serve the embedded store to other nodes.
    pub store_serve: Option<ServeConfig>,
    /// How other nodes reach this host; VXLAN packets come from there, too.
    pub advertise: Advertise,
    /// The address under which other nodes see this host and reach it, where a NAT in front of it puts that in place of its
    /// own, one to one.
    pub outside_address: Option<OutsideAddress>,
    /// The UDP port for VXLAN, the same on all nodes.
    pub vxlan_port: u16,
    /// Whether the paths to other hosts are measured.
    pub measures_paths: bool,
    /// The UDP port for encrypted packets.
    pub tunnel_port: u16,
    /// Whether other hosts cannot reach this one, but for answering.
    pub behind_nat: bool,
    /// Whose word is taken for where the other nodes are.
    pub trust: Trust,
    /// The TCP port on which agents speak to each other.
    pub peer_port: u16,
    /// Where default subnets come from, in the order to try them.
    pub default_address_pools: Vec<AddressPool>,
    /// The options of networks that are created here and do not say otherwise.
    pub default_network_options: BTreeMap<String, String>,
    /// Where the agent keeps its files.
    pub data_dir: PathBuf,
    /// Whether the data directory was moved here for good, from a host that does not come back.
    pub moved: bool,
    /// The socket it answers on.
    pub socket: PathBuf,
    /// Where it answers other hosts.
    pub remote: RemoteConfig,
    /// Where it answers scrapes of Prometheus, besides its socket.
    pub metrics_listen: Option<Loopback>,
    /// The engine; none: there is none, or it is to be left alone.
    pub docker: Option<DockerConfig>,
    /// How long its session lasts without being renewed.
    pub session_ttl: Duration,
    /// How long after a node went down its endpoints are given up.
    pub node_expiry: Duration,
    /// How many files a process of `weft run` may have open at first (the soft limit); none: as many as the agent.
    pub open_files: Option<u64>,
    /// The program that processes are started with: `weft` itself.
    pub weft_binary: PathBuf,
}

impl AgentConfig {
    /// Checks that a NAT can put the outside address in place of `own`.
    ///
    /// # Errors
    /// [`NoAddress::OfTheOtherFamily`].
    pub(crate) fn check_outside(&self, own: IpAddr) -> Result<(), NoAddress> {
        match self.outside_address {
            Some(OutsideAddress(outside)) if outside.is_ipv4() != own.is_ipv4() => {
                Err(NoAddress::OfTheOtherFamily { outside, own })
            }
            _ => Ok(()),
        }
    }

    /// Where other nodes reach this host, which has the address `own`.
    pub fn reached_at(&self, own: IpAddr) -> IpAddr {
        self.outside_address.map_or(own, |outside| outside.0)
    }

    /// Where other hosts reach the store that this host keeps, if they do.
    pub fn serves_at(&self) -> Option<SocketAddr> {
        self.store_serve.as_ref()?.listen()
    }
}
