//! A node of the simulation.

use super::{
    clock::Clock,
    disk::Disk,
    host::FakeHost,
    life::Life,
    transcript::Transcript,
    turns::{self, Task},
    witness::Witness,
};
use crate::{
    assembly::{Assembly, Deps},
    config::AgentConfig,
    core::Core,
    host::Host,
    leave::Leaver,
    membership::Ownership,
};
use futures::FutureExt;
use jiff::Timestamp;
use rand::{SeedableRng, rngs::StdRng};
use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;
use weft_datapath::Fake;
use weft_model::{InUse, Keyspace, NodeId, Trust};
use weft_state::{
    credentials::{Credentials, OwnKey},
    env::Env,
    fingerprint::Fingerprint,
    journal::Identity,
};
use weft_store::{Asker, MemoryStore, Store};
use weft_trust::{Subject, WriteRules};
use weft_verbs::{Attach, EndpointView, Error, JoinOptions, Leave};

/// A host with an agent that can be killed and started again.
pub(crate) struct Node {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) store: MemoryStore,
    /// What the store is called: where it is.
    pub(crate) store_name: String,
    pub(crate) kernel: Arc<Fake>,
    pub(crate) clock: Clock,
    pub(crate) disk: Disk,
    /// What its agent did that must not be.
    pub(crate) seen: Arc<Mutex<Vec<String>>>,
    /// What a server of its store lets it write.
    pub(crate) rules: Arc<WriteRules>,
    /// Whether others can know it by a key.
    pub(crate) has_key: bool,
    /// Whether its store checks nothing of what is written to it, as Consul and etcd do.
    pub(crate) lawless: bool,
    record: Transcript,
    host: Arc<FakeHost>,
    seed: u64,
    copies: AtomicU64,
    running: Option<Running>,
}

/// An agent that was started, and may have died.
struct Running {
    life: Arc<Life>,
    parts: Vec<Task<Error>>,
    core: Arc<Core>,
    ownership: watch::Sender<Ownership>,
    /// Also for a node that may write nothing else.
    store: Arc<dyn Store>,
}

impl Node {
    pub(crate) fn new(number: usize, store: &MemoryStore) -> Self {
        Self::seeded(number, store, 0, &Transcript::new(false))
    }

    /// A node whose choices a seed decides.
    pub(crate) fn seeded(number: usize, store: &MemoryStore, seed: u64, record: &Transcript) -> Self {
        let disk = Disk::new();
        let kernel = Arc::new(Fake::new());
        let config = AgentConfig {
            node_name: format!("host{number}").parse().unwrap(),
            store: weft_store::StoreUrl::Embedded(None),
            store_options: Default::default(),
            store_token: None,
            store_rebuild: true,
            store_serve: None,
            advertise: Default::default(),
            outside_address: None,
            vxlan_port: 4789,
            default_network_options: Default::default(),
            // Time there is virtual, and no packet goes anywhere.
            measures_paths: false,
            tunnel_port: 51820,
            behind_nat: false,
            trust: Default::default(),
            peer_port: 7946,
            default_address_pools: Vec::new(),
            data_dir: disk.path().to_owned(),
            moved: false,
            socket: "/nonexistent".into(),
            remote: crate::config::RemoteConfig::default(),
            metrics_listen: None,
            docker: None,
            session_ttl: Duration::from_secs(20),
            node_expiry: Duration::from_secs(3600),
            open_files: None,
            weft_binary: "/nonexistent".into(),
        };
        Self {
            config: Arc::new(config),
            store: store.another_way(),
            store_name: "memory".to_owned(),
            host: Arc::new(FakeHost {
                kernel: Arc::clone(&kernel),
                routes: Mutex::default(),
                containers: Mutex::default(),
                name_servers: Mutex::default(),
                fingerprint: FakeHost::machine(number),
                underlay: FakeHost::place(number),
            }),
            kernel,
            clock: Clock::new(),
            disk,
            seen: Arc::default(),
            rules: Arc::new(WriteRules::new(Keyspace::new("weft"), None)),
            has_key: false,
            lawless: false,
            record: record.clone(),
            seed: (seed << 16) + number as u64,
            copies: AtomicU64::new(0),
            running: None,
        }
    }

    /// Another machine with a copy of this one's disk, as the clone of a virtual machine is: `differ` says in what else
    /// it differs. Nothing runs there.
    pub(crate) fn copied(&self, differ: impl FnOnce(&mut Fingerprint)) -> Self {
        let copies = 1 + self.copies.fetch_add(1, Ordering::Relaxed);
        let mut copy = Self::seeded(9, &self.store, self.seed + copies, &self.record);
        copy.disk = self.disk.copied();
        copy.has_key = self.has_key;
        copy.config =
            Arc::new(AgentConfig { data_dir: copy.disk.path().to_owned(), ..(*self.config).clone() });
        let mut machine = self.host.fingerprint.lock().unwrap().clone();
        differ(&mut machine);
        *copy.host.fingerprint.lock().unwrap() = machine;
        copy.move_to(self.host.underlay.borrow().address);
        copy
    }

    /// Gives the node another name, for the next time that its agent is started.
    pub(crate) fn call(&mut self, name: &str) {
        self.config = Arc::new(AgentConfig { node_name: name.parse().unwrap(), ..(*self.config).clone() });
    }

    /// Gives the host another address.
    pub(crate) fn move_to(&self, address: IpAddr) {
        self.host.underlay.send_modify(|underlay| underlay.address = address);
    }

    /// Gives the host's way to the others another MTU.
    pub(crate) fn carries(&self, mtu: u32) {
        self.host.underlay.send_modify(|underlay| underlay.mtu = Some(mtu));
    }

    /// The kernel was started anew. Where the disk is, it is called otherwise.
    pub(crate) fn count_boot(&self) {
        let mut machine = self.host.fingerprint.lock().unwrap();
        machine.boot_id = machine.boot_id.as_ref().map(|boot| format!("{boot}'"));
        if let Some(lock) = &mut machine.lock {
            lock.device += 1;
        }
    }

    pub(crate) fn start(&mut self) {
        // What is left of the one before keeps the data directory from being used.
        self.running = None;
        self.seed += 1000;
        let (clock, life) = (self.clock.clone(), Arc::new(Life::default()));
        let identity = Arc::<OnceLock<_>>::default();
        let deps = Deps {
            config: Arc::clone(&self.config),
            store: Arc::new(Witness {
                node: self.config.node_name.clone(),
                store: self.store.clone(),
                identity: Arc::clone(&identity),
                rules: self.rules(),
                called: self.store_name.clone(),
                kernel: Arc::clone(&self.kernel),
                life: Arc::clone(&life),
                record: self.record.clone(),
                seen: Arc::clone(&self.seen),
            }),
            keyspace: Keyspace::new("weft"),
            env: Arc::new(Env::new(move || clock.now(), StdRng::seed_from_u64(self.seed))),
            host: Arc::clone(&self.host) as Arc<dyn Host>,
            datapath: Arc::clone(&self.kernel) as Arc<dyn weft_datapath::Datapath>,
            telemetry: Default::default(),
            own_key: self
                .has_key
                .then(|| Arc::new(OwnKey::of(&self.config.data_dir, &self.config.node_name))),
        };
        let Assembly { core, parts, ownership, store, .. } =
            self.disk.while_readable(|| Assembly::new(deps)).unwrap();
        if !self.lawless {
            let _ = identity.set(core.access.in_use());
        }
        let parts = parts.into_iter().map(|part| turns::spawn(Some(&life), part)).collect();
        self.running = Some(Running { life, parts, core, ownership, store });
    }

    /// Which installation this is, or will be when an agent is started.
    pub(crate) fn install(&self) -> NodeId {
        let env = Env::new(Timestamp::now, StdRng::seed_from_u64(self.seed));
        Identity::open(self.disk.path(), &env, |lock| self.host.fingerprint(lock)).unwrap().id()
    }

    /// What a server of the store lets each host write.
    fn rules(&self) -> Arc<WriteRules> {
        if self.config.trust == Trust::Signed
            && let Ok(Some(member)) = Credentials::of(&self.config.data_dir).member()
        {
            self.rules.believe(&Arc::new(member.authorities().clone()));
        }
        Arc::clone(&self.rules)
    }

    /// The store, as the node's host may use it.
    pub(crate) fn way(&self) -> MemoryStore {
        let (name, id) = (self.config.node_name.clone(), self.core().access.identity().id());
        self.store.asked_by(Asker::new(Subject { name, id }, self.rules()))
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.as_ref().is_some_and(|running| !running.life.is_over())
    }

    /// Whether the agent has given up, since another seems to be up under its name.
    pub(crate) fn has_given_up(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.parts.iter().any(Task::has_ended))
    }

    /// Whether the agent runs, and its node is its own.
    pub(crate) fn owns_itself(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| running.core.access.owns_its_node().now_or_never().is_some())
    }

    /// Gives the agent another store at its next start. Returns the one before, and what it is called.
    pub(crate) fn turn_to(&mut self, store: &MemoryStore, name: &str) -> (MemoryStore, String) {
        let before = std::mem::replace(&mut self.store, store.another_way());
        (before, std::mem::replace(&mut self.store_name, name.to_owned()))
    }

    /// Has the host leave its cluster, with what is on its networks, as `Agent::stop_to_leave` does. Returns what it left
    /// behind; nothing if it died on the way.
    pub(crate) async fn leave(&mut self) -> Option<Result<Vec<String>, Error>> {
        let running = self.running.as_mut().unwrap();
        let absent = running.core.access.absence();
        running.ownership.send_replace(Ownership::Contested("this host is leaving the cluster".to_owned()));
        running.parts.clear();
        let leaver = Leaver {
            core: Arc::clone(&running.core),
            store: Arc::clone(&running.store),
            datapath: Arc::clone(&self.kernel) as Arc<dyn weft_datapath::Datapath>,
            absent,
        };
        turns::spawn(Some(&running.life), async move { leaver.leave(Leave::default()).await }).await
    }

    /// Stops the agent where it is.
    pub(crate) async fn kill(&mut self) {
        let Some(Running { life, parts, core, ownership, store }) = self.running.take() else { return };
        turns::bury(&life);
        let left = core.access.in_use();
        drop((parts, core, ownership, store));
        // Tokio's tasks end at their next turn; the data directory is free when the last of them has.
        super::eventually("the agent is gone", || left.strong_count() == 0).await;
    }

    /// Has the agent die a little later, at whatever it is doing then. See [`Life`].
    pub(crate) fn kill_after(&self, points: usize) {
        self.life().end_after(points);
    }

    /// Whether the agent is about to die.
    pub(crate) fn is_doomed(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.life.is_doomed())
    }

    /// Lets the agent live, if it still does.
    pub(crate) fn spare(&self) {
        if let Some(running) = &self.running {
            running.life.spare();
        }
    }

    /// Starts something that ends with the agent.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> Task<()> {
        turns::spawn(Some(self.life()), work)
    }

    pub(crate) fn life(&self) -> &Arc<Life> {
        &self.running.as_ref().unwrap().life
    }

    /// Starts an agent that is expected to give up, and says why it did.
    pub(crate) async fn failure(&mut self) -> Error {
        self.start();
        let parts = &mut self.running.as_mut().unwrap().parts;
        futures::future::select_all(parts).await.0.unwrap()
    }

    pub(crate) fn core(&self) -> Arc<Core> {
        Arc::clone(&self.running.as_ref().unwrap().core)
    }

    /// Waits until the node is in, and sees `n` nodes up.
    pub(crate) async fn joined(&self, n: usize) {
        let core = self.core();
        super::eventually("the node joins", || {
            core.access.membership().borrow().is_none() && core.known().live.len() == n
        })
        .await;
    }

    pub(crate) fn route(&self, to: &str) {
        let to: weft_model::IpNet = to.parse().unwrap();
        self.host.routes.lock().unwrap().push(to);
        self.host.underlay.send_modify(|underlay| {
            let mut uses = underlay.uses.clone();
            uses.push(InUse::new(to, "a route through eth1"));
            underlay.takes(uses, Vec::new());
        });
    }

    /// Where the name server of a namespace really listens.
    pub(crate) fn name_server(&self, netns: &Path) -> Option<SocketAddr> {
        self.host.name_servers.lock().unwrap().get(netns).copied()
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
        let request = Attach { options, ..Attach::new(network, name, netns) };
        Ok(self.core().endpoints.attach_netns(request).await?.endpoint)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let refused = self.seen.lock().unwrap().iter().find(|seen| seen.starts_with("refused")).cloned();
        assert!(std::thread::panicking() || refused.is_none(), "{}: {refused:?}", self.config.node_name);
    }
}
