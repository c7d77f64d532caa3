//! A cluster that is a list in memory, for tests of what calls the verbs.

mod nodes;

use crate::{
    Attach, Attached, AuthorityView, Counts, CreateNetwork, DebugInfo, EndpointTraffic, EndpointVerbs,
    EndpointView, Error, JoinOptions, Kind, NetworkVerbs, NetworkView, NodeView, PoolRoom, Process,
    ProcessState, ProcessVerbs, PruneFilter, ReadVerbs, Resolution, Run, Status, StoreStatus,
};
use async_trait::async_trait;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use weft_model::{
    Endpoint, EndpointId, EndpointName, Extra, IfName, MacAddr, Network, NetworkId, NetworkName, Node,
    NodeId, NodeName, OwnerKey, ProcessId, Subnet, Vni,
};

/// Creating a network of this name panics.
pub const PANIC: &str = "panic";
/// Creating a network of this name takes for ever.
pub const HANG: &str = "hang";

/// The list. Its only node is called host1.
pub struct FakeVerbs {
    networks: Mutex<Vec<NetworkView>>,
    processes: Mutex<Vec<Process>>,
    /// Where processes have their directories.
    pub dir: tempfile::TempDir,
    /// Told when the processes end.
    pub ended: tokio::sync::watch::Sender<bool>,
}

impl FakeVerbs {
    /// No network, and no process.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            networks: Mutex::default(),
            processes: Mutex::default(),
            dir: tempfile::tempdir().unwrap(),
            ended: tokio::sync::watch::Sender::new(false),
        })
    }

    fn state(&self) -> MutexGuard<'_, Vec<NetworkView>> {
        self.networks.lock().unwrap()
    }

    fn join(&self, network: &str, name: &str, options: JoinOptions) -> Result<EndpointView, Error> {
        let mut networks = self.state();
        let view = find_mut(&mut networks, network)?;
        let subnet = view.network.subnets.first().unwrap();
        let host = u32::try_from(view.endpoints.len()).unwrap() + 2;
        let next = match subnet.pool.network() {
            std::net::IpAddr::V4(a) => std::net::Ipv4Addr::from(u32::from(a) + host),
            std::net::IpAddr::V6(_) => return Err(Error::invalid("the fake knows IPv4 only")),
        };
        let ipv4 = options.ipv4.unwrap_or(next);
        let endpoint = Endpoint {
            name: name.parse::<EndpointName>().map_err(Error::invalid)?,
            aliases: options.aliases,
            ipv4: Some(ipv4),
            ipv6: options.ipv6,
            mac: options.mac.unwrap_or_else(|| MacAddr::from(ipv4)),
            node: node_name(),
            container: None,
            created: Timestamp::now(),
            extra: Extra::new(),
        };
        let id = EndpointId::random(&mut rand::rng());
        view.endpoints.push((id, endpoint.clone()));
        Ok(EndpointView { id, endpoint, network: view.id, network_name: view.network.name.clone() })
    }

    fn leave(&self, network: &str, name: &str) -> Result<(), Error> {
        let mut networks = self.state();
        let view = find_mut(&mut networks, network)?;
        let before = view.endpoints.len();
        view.endpoints.retain(|(id, e)| e.name.as_str() != name && id.to_string() != name);
        if view.endpoints.len() < before { Ok(()) } else { Err(Error::not_found("endpoint", name)) }
    }
}

fn find_mut<'n>(networks: &'n mut [NetworkView], name: &str) -> Result<&'n mut NetworkView, Error> {
    let found = networks.iter_mut().find(|n| {
        n.network.name.as_str() == name || (!name.is_empty() && n.id.to_string().starts_with(name))
    });
    found.ok_or_else(|| Error::not_found("network", name))
}

fn node_name() -> NodeName {
    "host1".parse().unwrap()
}

fn subnets(request: &CreateNetwork, nth: usize) -> Result<Vec<Subnet>, Error> {
    let mut pools = request.pools.clone();
    if pools.is_empty() {
        pools.push(crate::PoolRequest {
            subnet: Some(format!("10.0.{nth}.0/24").parse().unwrap()),
            ..Default::default()
        });
    }
    let subnet = |pool: crate::PoolRequest| {
        let range = pool.subnet.ok_or_else(|| Error::invalid("no subnet"))?;
        Subnet::check_pool(range).map_err(Error::invalid)?;
        let subnet = Subnet {
            pool: range,
            gateway: pool.gateway.unwrap_or_else(|| Subnet::default_gateway(range)),
            vni: Vni::FIRST_AUTOMATIC,
            ip_range: pool.ip_range,
            aux_addresses: pool.aux_addresses,
            extra: Default::default(),
        };
        subnet.check().map_err(Error::invalid).map(|()| subnet)
    };
    pools.into_iter().map(subnet).collect()
}

#[async_trait]
impl ReadVerbs for FakeVerbs {
    fn networks(&self) -> Vec<NetworkView> {
        self.state().clone()
    }

    fn known_network(&self, network: NetworkId) -> Option<NetworkView> {
        self.state().iter().find(|n| n.id == network).cloned()
    }

    async fn network(&self, network: &str) -> Result<NetworkView, Error> {
        find_mut(&mut self.state(), network).cloned()
    }

    fn room(&self, network: NetworkId) -> Vec<PoolRoom> {
        let view = self.known_network(network);
        let used = view.as_ref().map_or(0, |view| view.endpoints.len() as u64 + 3);
        let subnets = view.into_iter().flat_map(|view| view.network.subnets);
        subnets
            .map(|subnet| PoolRoom { pool: subnet.pool, in_use: used, free: 256_u64.saturating_sub(used) })
            .collect()
    }

    async fn resolve(&self, _name: &str, container: &str) -> Result<Resolution, Error> {
        let networks = self.state();
        let on =
            networks.iter().filter(|view| view.endpoints.iter().any(|(_, e)| e.name.as_str() == container));
        let on: Vec<NetworkName> = on.map(|view| view.network.name.clone()).collect();
        if on.is_empty() {
            return Err(Error::not_found("container", container));
        }
        let container = container.parse().map_err(Error::invalid)?;
        Ok(Resolution { container, node: node_name(), networks: on, addresses: None })
    }

    async fn look_again(&self) {}

    fn authority(&self) -> Result<AuthorityView, Error> {
        Ok(AuthorityView { believed: Vec::new(), holders: vec![node_name()], behind: Vec::new() })
    }

    fn nodes(&self) -> Vec<NodeView> {
        let node = Node {
            id: NodeId::random(&mut rand::rng()),
            advertise: [192, 0, 2, 1].into(),
            vtep: [192, 0, 2, 1].into(),
            vxlan_port: 4789,
            version: "0.1.0".to_owned(),
            uses: Vec::new(),
            underlay_mtu: Some(1500),
            device_mtu: None,
            tunnel: None,
            signed: None,
            fingerprint: None,
            authority: false,
            down_since: None,
            removed: Vec::new(),
            extra: Extra::new(),
        };
        let (name, endpoints) = (node_name(), self.state().iter().map(|n| n.endpoints.len()).sum());
        vec![NodeView { name, node, up: true, since: None, expires: None, endpoints, this: true, path: None }]
    }

    async fn node(&self, node: &str) -> Result<NodeView, Error> {
        let found = self.nodes().into_iter().find(|view| view.name.as_str() == node);
        found.ok_or_else(|| Error::not_found("node", node))
    }

    fn processes(&self) -> Vec<Process> {
        self.processes.lock().unwrap().clone()
    }

    fn process(&self, process: &str) -> Result<Process, Error> {
        let found =
            self.processes().into_iter().find(|p| p.name.as_str() == process || p.id.to_string() == process);
        found.ok_or_else(|| Error::not_found("process", process))
    }

    fn process_dir(&self, process: &str) -> Result<PathBuf, Error> {
        self.process(process).map(|_| self.dir.path().to_owned())
    }

    fn status(&self) -> Status {
        Status {
            node: node_name(),
            id: NodeId::random(&mut rand::rng()),
            started: Timestamp::now(),
            advertise: [192, 0, 2, 1].into(),
            vtep: [192, 0, 2, 1].into(),
            vxlan_port: 4789,
            tunnel_port: 51820,
            data_dir: PathBuf::from("/var/lib/weft"),
            joined: true,
            trust: Default::default(),
            store: StoreStatus {
                description: "embedded".to_owned(),
                since: Timestamp::now(),
                error: None,
                prefix: "weft".to_owned(),
                cluster: None,
                refused: false,
                lost: false,
                remembered: false,
                answered: None,
            },
            engine: None,
            leaving: 0,
            unknown_keys: BTreeMap::new(),
            counts: Counts { networks: self.state().len(), ..Counts::default() },
            down: Vec::new(),
            kernel: None,
            fenced: Vec::new(),
            round: None,
            problems: vec!["the clock is off by an hour".to_owned()],
            paths: Vec::new(),
            notes: Vec::new(),
            errors: Vec::new(),
        }
    }

    async fn examine(&self) -> Status {
        self.status()
    }

    async fn inside(&self) -> DebugInfo {
        DebugInfo { settings: String::new(), log: Vec::new(), keys: Err("no store".to_owned()) }
    }

    async fn plan(&self) -> Result<Vec<String>, Error> {
        Ok(vec!["add bridge br0 in weft-256".to_owned()])
    }

    fn owned(&self) -> Vec<(OwnerKey, EndpointView)> {
        Vec::new()
    }

    async fn traffic(&self) -> Vec<EndpointTraffic> {
        Vec::new()
    }
}

#[async_trait]
impl NetworkVerbs for FakeVerbs {
    async fn create_network(&self, request: CreateNetwork) -> Result<NetworkId, Error> {
        if request.name.as_str() == PANIC {
            panic!("as asked");
        }
        if request.name.as_str() == HANG {
            std::future::pending::<()>().await;
        }
        let mut networks = self.state();
        if networks.iter().any(|n| n.network.name == request.name) {
            return Err(Error::conflict(format!("network with name {} already exists", request.name)));
        }
        let network = Network {
            subnets: subnets(&request, networks.len())?,
            name: request.name,
            internal: request.internal,
            options: request.options,
            labels: request.labels,
            created: Timestamp::now(),
            removing: false,
            extra: Extra::new(),
        };
        let id = NetworkId::random(&mut rand::rng());
        networks.push(NetworkView { id, network, endpoints: Vec::new() });
        Ok(id)
    }

    async fn remove_network(&self, network: &str) -> Result<(), Error> {
        let mut networks = self.state();
        let view = find_mut(&mut networks, network)?;
        if let Some((_, endpoint)) = view.endpoints.first() {
            let message = format!(
                "error while removing network: network {} has active endpoints: {} on {}",
                view.network.name, endpoint.name, endpoint.node
            );
            return Err(Error::new(Kind::Forbidden, message));
        }
        let id = view.id;
        networks.retain(|n| n.id != id);
        Ok(())
    }

    async fn prune_networks(&self, filter: PruneFilter) -> Result<Vec<NetworkName>, Error> {
        let mut networks = self.state();
        let unused = |n: &mut NetworkView| n.endpoints.is_empty() && filter.matches(&n.network);
        Ok(networks.extract_if(.., unused).map(|n| n.network.name).collect())
    }
}

#[async_trait]
impl EndpointVerbs for FakeVerbs {
    async fn attach(&self, request: Attach) -> Result<Attached, Error> {
        let endpoint = self.join(&request.network, request.name.as_str(), request.options)?;
        let interface = request.interface.unwrap_or_else(|| IfName::container(0));
        Ok(Attached { endpoint, interface, addresses: Vec::new(), default_route: true, mtu: None })
    }

    async fn detach_owned(&self, _owner: &OwnerKey) -> Result<(), Error> {
        Ok(())
    }

    async fn detach(&self, network: &str, endpoint: &str) -> Result<(), Error> {
        self.leave(network, endpoint)
    }

    async fn connect(
        &self,
        network: &str,
        container: &str,
        options: JoinOptions,
    ) -> Result<EndpointView, Error> {
        self.join(network, container, options)
    }

    async fn disconnect(&self, network: &str, container: &str, _force: bool) -> Result<(), Error> {
        self.leave(network, container)
    }
}

#[async_trait]
impl ProcessVerbs for FakeVerbs {
    async fn run(&self, request: Run) -> Result<Process, Error> {
        let name = request.name.unwrap_or_else(|| "made_up".parse().unwrap());
        let joined = self.join(&request.network, name.as_str(), request.options)?;
        let process = Process {
            id: ProcessId::random(&mut rand::rng()),
            name,
            command: request.command,
            created: Timestamp::now(),
            state: ProcessState::Running { pid: 4711 },
            ports: request.ports,
            netns: PathBuf::from("/proc/4711/ns/net"),
            networks: BTreeMap::from([(joined.network_name, joined.endpoint.addresses().collect())]),
        };
        self.processes.lock().unwrap().push(process.clone());
        Ok(process)
    }

    async fn stop(&self, process: &str, _grace: Duration) -> Result<(), Error> {
        self.process(process)?;
        self.ended.send_replace(true);
        Ok(())
    }

    async fn remove_process(&self, process: &str, force: bool) -> Result<(), Error> {
        self.process(process)?;
        if force {
            return Ok(());
        }
        Err(Error::conflict(format!("process {process} runs: stop it first, or force")))
    }

    async fn wait(&self, process: &str) -> Result<Option<i32>, Error> {
        self.process(process)?;
        self.ended.subscribe().wait_for(|ended| *ended).await.unwrap();
        Ok(Some(3))
    }
}
