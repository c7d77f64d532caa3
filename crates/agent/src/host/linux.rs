//! This host as it is.

use super::{
    Host, InSandbox, Listener, NetnsContent, Trial, Tried, containers,
    echo::echo,
    encryption,
    listening::listening,
    own_address::answers_from,
    sandbox, traffic,
    trial::{WITHIN, try_out},
};
use crate::underlay::{EnginePool, Underlay};
use async_trait::async_trait;
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    path::Path,
    sync::Arc,
    thread,
    time::Duration,
};
use tokio::sync::{oneshot, watch};
use weft_datapath::underlay;
use weft_http::open_files;
use weft_model::{IfName, InUse, PortMapping, Protocol, Traffic, Vni, chain};
use weft_netlink::{
    LinkSetting, Namespace, NamespaceError, NetlinkError, PROTOCOL, Route, Socket, create_named,
    delete_named, in_namespace, named_path, set_link,
};
use weft_verbs::{Error, Kind};

/// The host the agent runs on.
pub(crate) struct LinuxHost {
    underlay: watch::Sender<Underlay>,
}

impl LinuxHost {
    /// The host that is at `underlay`.
    pub(crate) fn new(underlay: watch::Sender<Underlay>) -> Self {
        Self { underlay }
    }
}

fn of_netns(error: &NamespaceError) -> Error {
    // The path came from the client, which has to correct it.
    Error::new(Kind::Invalid, chain(error))
}

fn not_sent(error: &NamespaceError) -> Error {
    Error::internal("cannot send from the container's namespace", error)
}

/// Whether a path leads to the network namespace of this host.
pub(super) fn is_own(netns: &Path) -> Result<bool, NamespaceError> {
    Ok(Namespace::open(netns)?.inode()? == Namespace::current()?.inode()?)
}

/// Why a namespace was not made.
#[derive(Debug, thiserror::Error)]
enum Unmade {
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    #[error("cannot mark it")]
    Mark(#[from] NetlinkError),
}

/// Marks the namespace that the thread is in.
fn set_mark(mark: String) -> Result<(), NetlinkError> {
    let mut socket = Socket::open()?;
    let loopback = socket.link_index("lo")?;
    socket.request(set_link(loopback, LinkSetting::Alias(mark)))
}

/// The mark of the namespace that the thread is in.
fn mark_here() -> Result<Option<String>, NetlinkError> {
    let links = Socket::open()?.links()?;
    Ok(links.into_iter().find(|link| link.name == "lo").and_then(|link| link.alias))
}

#[async_trait]
impl Host for LinuxHost {
    async fn routes(&self) -> Result<Vec<IpNet>, Error> {
        underlay::routes().await.map_err(|error| Error::internal("cannot read this host's routes", error))
    }

    fn underlay(&self) -> watch::Receiver<Underlay> {
        self.underlay.subscribe()
    }

    fn engine_uses(&self, ranges: Vec<InUse>) {
        // It is published at the next look at what this host uses.
        self.underlay.send_if_modified(|underlay| {
            underlay.engine = ranges;
            false
        });
    }

    fn engine_pools(&self, pools: Vec<EnginePool>) {
        self.underlay.send_if_modified(|underlay| {
            underlay.engine_pools = Some(pools);
            false
        });
    }

    async fn underlay_mtu(&self, others: BTreeSet<IpAddr>) -> Result<u32, Error> {
        let (address, others) = (self.underlay.borrow().address, Arc::new(others));
        let found = underlay::mtu(address, Arc::clone(&others)).await;
        let found = found.map_err(|error| Error::internal("cannot tell the MTU", error))?;
        self.underlay.send_if_modified(|underlay| {
            underlay.leads_to = others;
            underlay.carries(&found)
        });
        Ok(found.mtu)
    }

    fn carried_between(&self, mtu: Option<u32>) {
        self.underlay.send_if_modified(|underlay| underlay.is_between(mtu));
    }

    async fn traffic(&self, segments: BTreeSet<Vni>) -> BTreeMap<(Vni, IfName), Traffic> {
        traffic::traffic(segments).await
    }

    async fn can_encrypt(&self) -> Result<(), Error> {
        encryption::can_encrypt().await
    }

    async fn look_into(&self, netns: &Path) -> Result<NetnsContent, Error> {
        if is_own(netns).map_err(|error| of_netns(&error))? {
            let message = format!("{} is this host's own network, not a container's", netns.display());
            return Err(Error::invalid(message));
        }
        let look = || -> Result<NetnsContent, NetlinkError> {
            let mut socket = Socket::open()?;
            let foreign_default = |route: &Route| route.to.prefix_len() == 0 && route.protocol != PROTOCOL;
            Ok(NetnsContent {
                interfaces: socket.links()?.into_iter().map(|link| link.name).collect(),
                has_default_route: socket.routes(None)?.iter().any(foreign_default),
            })
        };
        let inside = in_namespace(netns, look).await.map_err(|error| of_netns(&error))?;
        inside.map_err(|error| Error::internal("cannot look into the network namespace", error))
    }

    fn has_netns(&self, netns: &Path) -> bool {
        // Anything but its absence proves nothing.
        !matches!(Namespace::open(netns), Err(error) if error.is_gone())
    }

    fn which_netns(&self, netns: &Path) -> Option<u64> {
        Namespace::inode_at(netns).ok()
    }

    async fn try_out(&self, netns: &Path, trial: Trial) -> Result<Option<Tried>, Error> {
        in_namespace(netns, move || try_out(trial)).await.map(Some).map_err(|error| not_sent(&error))
    }

    async fn echo(&self, netns: &Path, to: IpAddr, size: u16) -> Result<io::Result<Duration>, Error> {
        in_namespace(netns, move || echo(to, size, WITHIN)).await.map_err(|error| not_sent(&error))
    }

    async fn listeners(&self, netns: &Path) -> Result<BTreeSet<Listener>, Error> {
        let found = in_namespace(netns, listening).await;
        found.map_err(|error| Error::internal("cannot look into the container's namespace", error))
    }

    async fn create_netns(&self, name: &str) -> Result<(), Error> {
        let name = name.to_owned();
        let (tell, hear) = oneshot::channel();
        // The thread stays in the namespace it makes, and ends there.
        let work = move || {
            let made = Namespace::current().and_then(|host| weft_datapath::mark(&host)).map_err(Unmade::from);
            let made = made.and_then(|mark| create_named(&name, || Ok(set_mark(mark)?)));
            // Nobody hears it if the agent is stopping.
            let _ = tell.send(made);
        };
        thread::Builder::new()
            .name("netns".into())
            .spawn(work)
            .map_err(|error| Error::internal("cannot start a thread", error))?;
        let made = hear.await.map_err(|error| Error::internal("cannot make a network namespace", error))?;
        made.map_err(|error| Error::internal("cannot make a network namespace", error))
    }

    async fn delete_netns(&self, name: &str) -> Result<(), Error> {
        delete_named(name).map_err(|error| Error::internal("cannot remove a network namespace", error))
    }

    async fn own_netns(&self, prefix: &'static str) -> Result<Vec<String>, Error> {
        let failed = |error: NamespaceError| Error::internal("cannot list network namespaces", error);
        let mark = Namespace::current().and_then(|host| weft_datapath::mark(&host)).map_err(failed)?;
        let names = weft_netlink::names().map_err(failed)?;
        let mut own = Vec::new();
        for name in names.into_iter().filter_map(|name| name.into_string().ok()) {
            if name.starts_with(prefix)
                && let Ok(Ok(Some(found))) = in_namespace(named_path(&name), mark_here).await
                && found == mark
            {
                own.push(name);
            }
        }
        Ok(own)
    }

    async fn resolver_sockets(
        &self,
        netns: &Path,
        address: SocketAddr,
    ) -> Result<(UdpSocket, TcpListener), Error> {
        let bind = move || -> io::Result<_> {
            answers_from(address)?;
            Ok((UdpSocket::bind(address)?, TcpListener::bind(address)?))
        };
        let sockets = in_namespace(netns, bind).await.map_err(|error| of_netns(&error))?;
        sockets.map_err(|error| Error::internal(&format!("cannot answer on {address}"), error))
    }

    async fn take_over_names(&self, netns: &Path) -> Result<InSandbox, Error> {
        let taken = sandbox::take_over(netns).await;
        taken.map_err(|error| Error::internal("cannot take over the names of a container", error))
    }

    async fn container_in(&self, netns: &Path) -> Option<String> {
        let netns = netns.to_owned();
        tokio::task::spawn_blocking(move || containers::container_in(&netns)).await.ok().flatten()
    }

    fn try_port(&self, port: &PortMapping) -> io::Result<()> {
        let bind = |ip: IpAddr| {
            let address = SocketAddr::new(ip, port.host_port.get());
            match port.protocol {
                Protocol::Tcp => TcpListener::bind(address).map(drop),
                Protocol::Udp => UdpSocket::bind(address).map(drop),
            }
        };
        match port.host_ip {
            Some(ip) => bind(ip),
            // The first stands for both families, where the host has both.
            None => match bind(Ipv6Addr::UNSPECIFIED.into()) {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => bind(Ipv4Addr::UNSPECIFIED.into()),
                result => result,
            },
        }
    }

    fn resolv_conf(&self) -> io::Result<String> {
        // A comment may be in any encoding.
        let read = std::fs::read("/etc/resolv.conf").map(|text| String::from_utf8_lossy(&text).into_owned());
        match read {
            // As most hosts without names have it; containers still have their own.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            read => read,
        }
    }

    fn shortage(&self) -> Option<String> {
        open_files::shortage()
    }

    fn interface_index(&self, name: &str) -> Option<u32> {
        Socket::open().ok()?.link_index(name).ok()
    }
}
