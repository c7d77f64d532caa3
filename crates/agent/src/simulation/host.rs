//! What a node of the simulation has besides a kernel.

use crate::{
    host::{Host, InSandbox, NetnsContent},
    underlay::Underlay,
};
use async_trait::async_trait;
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tokio::sync::watch;
use weft_datapath::Fake;
use weft_dns::{EngineResolver, Sockets, Transport};
use weft_model::PortMapping;
use weft_plan::{Netns, Observed};
use weft_state::fingerprint::{Fingerprint, Inode};
use weft_verbs::Error;

/// A host whose namespaces are those of a fake kernel.
pub(super) struct FakeHost {
    pub(super) kernel: Arc<Fake>,
    pub(super) routes: Mutex<Vec<IpNet>>,
    /// The containers whose processes are in namespaces.
    pub(super) containers: Mutex<BTreeMap<PathBuf, String>>,
    /// Where the name server of each namespace really listens.
    pub(super) name_servers: Mutex<BTreeMap<PathBuf, SocketAddr>>,
    pub(super) fingerprint: Mutex<Fingerprint>,
    pub(super) underlay: watch::Sender<Underlay>,
}

impl FakeHost {
    /// Where the host with this number is at first.
    pub(super) fn place(number: usize) -> watch::Sender<Underlay> {
        let address = [192, 168, 77, 10 + u8::try_from(number).unwrap()];
        watch::Sender::new(Underlay { mtu: Some(1500), ..Underlay::at(address.into()) })
    }

    /// The machine with this number, when it was started for the first time.
    pub(super) fn machine(number: usize) -> Mutex<Fingerprint> {
        Mutex::new(Fingerprint {
            machine_id: Some(format!("machine {number}")),
            product_uuid: Some(format!("product {number}")),
            boot_id: Some("boot 0".to_owned()),
            lock: Some(Inode { device: 1, inode: number as u64, born: Some(0) }),
        })
    }
}

/// In a simulation engines have no resolvers.
#[derive(Debug)]
struct NoSockets;

#[async_trait]
impl Sockets for NoSockets {
    async fn socket(&self, _transport: Transport) -> io::Result<OwnedFd> {
        Err(io::ErrorKind::NotFound.into())
    }
}

#[async_trait]
impl Host for FakeHost {
    async fn routes(&self) -> Result<Vec<IpNet>, Error> {
        Ok(self.routes.lock().unwrap().clone())
    }

    fn underlay(&self) -> watch::Receiver<Underlay> {
        self.underlay.subscribe()
    }

    async fn underlay_mtu(&self, _others: BTreeSet<IpAddr>) -> Result<u32, Error> {
        Ok(self.underlay.borrow().mtu.unwrap_or(1500))
    }

    async fn look_into(&self, netns: &Path) -> Result<NetnsContent, Error> {
        let place = Netns::Container(netns.to_owned());
        let names = |kernel: &mut Observed| {
            kernel.namespaces.get(&place).map(|n| n.links.keys().map(ToString::to_string).collect())
        };
        let not_one = || Error::invalid(format!("{} is not a network namespace", netns.display()));
        let interfaces = self.kernel.kernel(names).ok_or_else(not_one)?;
        Ok(NetnsContent { interfaces, has_default_route: false })
    }

    fn has_netns(&self, netns: &Path) -> bool {
        self.kernel.kernel(|kernel| kernel.namespaces.contains_key(&Netns::Container(netns.to_owned())))
    }

    fn which_netns(&self, netns: &Path) -> Option<u64> {
        self.has_netns(netns).then_some(0)
    }

    async fn create_netns(&self, name: &str) -> Result<(), Error> {
        self.kernel.add_container(format!("/run/netns/{name}"));
        Ok(())
    }

    async fn delete_netns(&self, name: &str) -> Result<(), Error> {
        self.kernel.remove_container(format!("/run/netns/{name}"));
        Ok(())
    }

    async fn resolver_sockets(
        &self,
        netns: &Path,
        _address: SocketAddr,
    ) -> Result<(UdpSocket, TcpListener), Error> {
        let bind =
            || Ok::<_, std::io::Error>((UdpSocket::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?));
        let sockets = bind().map_err(|error| Error::internal("binding", error))?;
        sockets.0.set_nonblocking(true).unwrap();
        sockets.1.set_nonblocking(true).unwrap();
        let listens = sockets.0.local_addr().unwrap();
        self.name_servers.lock().unwrap().insert(netns.to_owned(), listens);
        Ok(sockets)
    }

    async fn take_over_names(&self, netns: &Path) -> Result<InSandbox, Error> {
        let (udp, tcp) = self.resolver_sockets(netns, SocketAddr::from(([127, 0, 0, 11], 53))).await?;
        let engine =
            EngineResolver { address: SocketAddr::from(([127, 0, 0, 1], 1)), sockets: Arc::new(NoSockets) };
        Ok(InSandbox { udp, tcp, engine, precedence: Box::new(()) })
    }

    async fn container_in(&self, netns: &Path) -> Option<String> {
        self.containers.lock().unwrap().get(netns).cloned()
    }

    fn try_port(&self, _port: &PortMapping) -> std::io::Result<()> {
        Ok(())
    }

    fn resolv_conf(&self) -> io::Result<String> {
        Ok(String::new())
    }

    fn fingerprint(&self, _lock: &Path) -> Fingerprint {
        self.fingerprint.lock().unwrap().clone()
    }

    fn interface_index(&self, name: &str) -> Option<u32> {
        let at = |kernel: &mut Observed| {
            kernel.namespaces.get(&Netns::Host)?.links.keys().position(|link| link.as_str() == name)
        };
        u32::try_from(1 + self.kernel.kernel(at)?).ok()
    }
}
