//! A node of the simulation.

use super::witness::Witness;
use crate::{
    assembly::{Agent, Ground},
    config::AgentConfig,
    core::{Attach, Core, EndpointView, Error, JoinOptions},
    env::Env,
    host::{Host, InSandbox, Inside},
};
use async_trait::async_trait;
use ipnet::IpNet;
use rand::{SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use weft_datapath::Fake;
use weft_dns::{EngineResolver, Sockets, Transport};
use weft_model::{Keyspace, PortMapping, Timestamp};
use weft_plan::{Observed, Place};
use weft_store::MemoryStore;

/// A host with an agent that can be killed and started again.
pub(crate) struct Node {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) store: MemoryStore,
    pub(crate) kernel: Arc<Fake>,
    /// What its agent did that must not be.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    host: Arc<FakeHost>,
    seed: u64,
    agent: Option<Agent>,
    _directory: TempDir,
}

impl Node {
    pub(crate) fn new(number: usize, store: &MemoryStore) -> Self {
        Self::seeded(number, store, 0)
    }

    /// A node whose choices a seed decides.
    pub(crate) fn seeded(number: usize, store: &MemoryStore, seed: u64) -> Self {
        // Where there is one in memory: nothing has to survive this machine.
        let shared_memory = Path::new("/dev/shm");
        let directory = match shared_memory.is_dir() {
            true => tempfile::tempdir_in(shared_memory).unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        let kernel = Arc::new(Fake::new());
        let config = AgentConfig {
            node_name: format!("host{number}").parse().unwrap(),
            store: weft_store::StoreUrl::Embedded(None),
            store_options: Default::default(),
            store_token: None,
            store_serve: None,
            advertise: IpAddr::from([192, 168, 77, 10 + u8::try_from(number).unwrap()]),
            vxlan_port: 4789,
            default_address_pools: Vec::new(),
            data_dir: directory.path().to_owned(),
            socket: "/nonexistent".into(),
            docker: None,
            session_ttl: Duration::from_secs(20),
            node_expiry: Duration::from_secs(3600),
            open_files: None,
            weft_binary: "/nonexistent".into(),
        };
        Self {
            config: Arc::new(config),
            store: store.another_way(),
            host: Arc::new(FakeHost {
                kernel: Arc::clone(&kernel),
                routes: Mutex::default(),
                containers: Mutex::default(),
            }),
            kernel,
            seen: Arc::default(),
            seed: (seed << 16) + number as u64,
            agent: None,
            _directory: directory,
        }
    }

    pub(crate) fn start(&mut self) {
        let began = tokio::time::Instant::now();
        self.seed += 1000;
        let clock = move || Timestamp::UNIX_EPOCH + began.elapsed();
        let agent = Agent::start(Ground {
            config: Arc::clone(&self.config),
            store: Arc::new(Witness {
                store: self.store.clone(),
                kernel: Arc::clone(&self.kernel),
                seen: Arc::clone(&self.seen),
            }),
            keyspace: Keyspace::new("weft"),
            env: Arc::new(Env::new(clock, StdRng::seed_from_u64(self.seed))),
            host: Arc::clone(&self.host) as Arc<dyn Host>,
            datapath: Arc::clone(&self.kernel) as Arc<dyn weft_datapath::Datapath>,
        });
        self.agent = Some(agent.unwrap());
    }

    pub(crate) fn is_running(&self) -> bool {
        self.agent.is_some()
    }

    /// Stops the agent where it is.
    pub(crate) async fn kill(&mut self) {
        let Some(agent) = self.agent.take() else { return };
        let core = Arc::downgrade(&agent.core);
        drop(agent);
        // Aborted tasks end at their next turn; the data directory is free when the last of them has.
        super::eventually("the agent is gone", || core.strong_count() == 0).await;
    }

    /// Starts an agent that is expected to give up, and says why it did.
    pub(crate) async fn failure(&mut self) -> Error {
        self.start();
        self.agent.as_mut().unwrap().failed().await
    }

    pub(crate) fn core(&self) -> Arc<Core> {
        Arc::clone(&self.agent.as_ref().unwrap().core)
    }

    /// Waits until the node is in, and sees `n` nodes up.
    pub(crate) async fn joined(&self, n: usize) {
        let core = self.core();
        super::eventually("the node joins", || {
            core.membership.borrow().is_none() && core.known().live.len() == n
        })
        .await;
    }

    pub(crate) fn route(&self, to: &str) {
        self.host.routes.lock().unwrap().push(to.parse().unwrap());
    }

    /// Has a process of the container `id` in the namespace at `netns`.
    pub(crate) fn run_container(&self, netns: &str, id: &str) {
        self.host.containers.lock().unwrap().insert(netns.into(), id.to_owned());
    }

    pub(crate) async fn attach(&self, network: &str, name: &str) -> Result<EndpointView, Error> {
        self.attach_with(network, name, JoinOptions::default()).await
    }

    pub(crate) async fn attach_with(
        &self,
        network: &str,
        name: &str,
        options: JoinOptions,
    ) -> Result<EndpointView, Error> {
        let netns = PathBuf::from(format!("/run/netns/{name}"));
        self.kernel.add_container(netns.clone());
        let name = name.parse().unwrap();
        self.core().attach_netns(Attach { network: network.to_owned(), name, netns, options }).await
    }
}

/// A host whose namespaces are those of a fake kernel.
struct FakeHost {
    kernel: Arc<Fake>,
    routes: Mutex<Vec<IpNet>>,
    /// The containers whose processes are in namespaces.
    containers: Mutex<BTreeMap<PathBuf, String>>,
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

    async fn underlay_mtu(&self) -> Result<u32, Error> {
        Ok(1500)
    }

    async fn look_into(&self, netns: &Path) -> Result<Inside, Error> {
        let place = Place::Container(netns.to_owned());
        let names = |kernel: &mut Observed| {
            kernel.places.get(&place).map(|n| n.links.keys().map(ToString::to_string).collect())
        };
        let not_one = || Error::invalid(format!("{} is not a network namespace", netns.display()));
        let interfaces = self.kernel.kernel(names).ok_or_else(not_one)?;
        Ok(Inside { interfaces, has_default_route: false })
    }

    fn has_netns(&self, netns: &Path) -> bool {
        self.kernel.kernel(|kernel| kernel.places.contains_key(&Place::Container(netns.to_owned())))
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
        _netns: &Path,
        _address: SocketAddr,
    ) -> Result<(UdpSocket, TcpListener), Error> {
        let bind =
            || Ok::<_, std::io::Error>((UdpSocket::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?));
        let sockets = bind().map_err(|error| Error::internal("binding", error))?;
        sockets.0.set_nonblocking(true).unwrap();
        sockets.1.set_nonblocking(true).unwrap();
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

    fn resolv_conf(&self) -> String {
        String::new()
    }

    fn interface_index(&self, _name: &str) -> Option<u32> {
        None
    }
}
