//! An agent put together from its parts. The simulation puts it together from others.

use crate::{
    config::AgentConfig,
    core::{AccessParts, ClusterAccess, Core, CoreParts, Departure},
    host::Host,
    leave::Leaver,
    membership::{Membership, Outside, OwnStore, Ownership, Signer, SigningError},
    metrics::Telemetry,
    paths::Paths,
    processes::ProcessTable,
    reconcile::{Parts, Reconciler},
};
use futures::{FutureExt, future::BoxFuture};
use std::sync::{Arc, Mutex};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weft_datapath::Datapath;
use weft_model::Keyspace;
use weft_state::{
    admission::{Admission, AdmissionDeps},
    cluster::Cluster,
    credentials::OwnKey,
    env::Env,
    journal::{Identity, Journal, JournalError},
    memory::Memory,
    reflector::Reflector,
    tunnel::OwnTunnel,
    view,
};
use weft_store::Store;
use weft_verbs::{Error, Kind};

/// What an agent stands on.
pub(crate) struct Deps {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyspace: Keyspace,
    pub(crate) env: Arc<Env>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) datapath: Arc<dyn Datapath>,
    pub(crate) telemetry: Telemetry,
    /// By which other agents know this one, where the store is believed who has which.
    pub(crate) own_key: Option<Arc<OwnKey>>,
}

/// Why an agent did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentStartError {
    /// Its data directory cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Its certificate.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The kernel gives no more.
    #[error("cannot start a thread for the name servers")]
    Thread(#[from] std::io::Error),
}

/// An agent that does nothing yet.
pub(crate) struct Assembly {
    pub(crate) core: Arc<Core>,
    /// Where it hears that it is to leave its cluster.
    pub(crate) departures: mpsc::Receiver<Departure>,
    /// Whether it may act as its node.
    pub(crate) ownership: watch::Sender<Ownership>,
    /// The store itself.
    pub(crate) store: Arc<dyn Store>,
    /// What it does, all at once. None of it ends but with the reason why the agent cannot go on; each can be
    /// dropped wherever it is.
    pub(crate) parts: Vec<BoxFuture<'static, Error>>,
    /// Beside it, what measures paths. The agent goes on without.
    pub(crate) paths: Paths,
}

impl Assembly {
    /// Puts an agent together, to go on where an earlier one stopped.
    ///
    /// # Errors
    /// If the data directory cannot be used, or the kernel gives no thread.
    pub(crate) fn new(deps: Deps) -> Result<Self, AgentStartError> {
        let Deps { config, store, keyspace, env, host, datapath, telemetry, own_key } = deps;
        let identity = Arc::new(Identity::open(&config.data_dir, &env, |lock| host.fingerprint(lock))?);
        let ownership = watch::Sender::new(Ownership::at_start(identity.moved()));
        let (all_of_it, store) = (Arc::clone(&store), own_store(store, &ownership));
        let (leave, departures) = mpsc::channel(1);
        let OnDisk { journal, table, signer, tunnel } = OnDisk::open(&config, &env, own_key)?;
        let keeper = keeper(&config, &all_of_it, &keyspace, (&env, &identity, &journal, &signer))?;
        let (memory, view) = (Arc::clone(&keeper.memory), keeper.view.subscribe());
        let parts_of_loop = Parts {
            config: Arc::clone(&config),
            env: Arc::clone(&env),
            host: Arc::clone(&host),
            datapath,
            journal: Arc::clone(&journal),
            view: view.clone(),
            identity: Arc::clone(&identity),
            tunnel: Arc::clone(&tunnel),
            metrics: Arc::clone(&telemetry.metrics),
        };
        let paths = Paths::beside(&parts_of_loop);
        let (reconciler, rounds) = Reconciler::new(parts_of_loop)?;
        let (problem, membership) = watch::channel(Some(Outside::JustStarted));
        let member = Membership {
            config: Arc::clone(&config),
            store: Arc::clone(&all_of_it),
            keyspace: keyspace.clone(),
            env: Arc::clone(&env),
            identity: Arc::clone(&identity),
            memory: Arc::clone(&memory),
            admission: Arc::clone(&keeper.admission),
            view: view.clone(),
            journal: Arc::clone(&journal),
            tunnel,
            signer,
            underlay: host.underlay(),
            ownership: ownership.clone(),
            problem,
        };
        let (node, owns) = (config.node_name.clone(), ownership.subscribe());
        let access = AccessParts { store, keyspace, view, node, identity, membership, ownership: owns };
        let core = Arc::new(Core::new(CoreParts {
            config,
            access: Arc::new(ClusterAccess::new(access)),
            env,
            host,
            journal,
            memory,
            admission: Arc::clone(&keeper.admission),
            table,
            rounds,
            telemetry,
            departures: leave,
            paths: paths.known.subscribe(),
            pinger: paths.pinger.clone(),
        }));
        let parts = parts(&core, (keeper, reconciler, member));
        Ok(Self { core, departures, ownership, store: all_of_it, parts, paths })
    }
}

/// What an agent has in its data directory, besides what it remembers of the cluster.
struct OnDisk {
    journal: Arc<Journal>,
    table: Arc<ProcessTable>,
    signer: Arc<Signer>,
    tunnel: Arc<OwnTunnel>,
}

impl OnDisk {
    fn open(
        config: &AgentConfig,
        env: &Arc<Env>,
        own_key: Option<Arc<OwnKey>>,
    ) -> Result<Self, AgentStartError> {
        let journal = Arc::new(Journal::open(&config.data_dir)?);
        journal.name_node(&config.node_name)?;
        let table = Arc::new(ProcessTable::open(&config.data_dir)?);
        let tunnel = Arc::new(OwnTunnel::of(&config.data_dir, env));
        let signer = Arc::new(Signer::open(config)?.known_by(own_key));
        Ok(Self { journal, table, signer, tunnel })
    }
}

/// What an agent does: first to see the store, last to be in it. Whether the store is this node's cluster's is known before
/// the node asks for it there.
fn parts(
    core: &Arc<Core>,
    (keeper, reconciler, member): (Reflector, Reconciler, Membership),
) -> Vec<BoxFuture<'static, Error>> {
    let (housekeeping, recovery) = (Arc::clone(&core.housekeeping), || Arc::clone(&core.recovery));
    let of_core =
        [housekeeping.keep_up().boxed(), recovery().rebuild().boxed(), recovery().remember().boxed()];
    let tasks = [reconciler.run().boxed()].into_iter().chain(of_core);
    let tasks = tasks.map(|task| endless(once_held(core.access.ownership().clone(), task)));
    [endless(keeper.run())].into_iter().chain(tasks).chain([member.run().boxed()]).collect()
}

/// The store, for everything but membership itself.
fn own_store(store: Arc<dyn Store>, ownership: &watch::Sender<Ownership>) -> Arc<dyn Store> {
    Arc::new(OwnStore { store, ownership: ownership.subscribe() })
}

/// Begins nothing before this node is known to be the only one: what a copy believes to be its own is another's.
async fn once_held(mut ownership: watch::Receiver<Ownership>, task: BoxFuture<'static, ()>) {
    // It is there as long as the agent is.
    let _ = ownership.wait_for(|ownership| ownership.contested().is_none()).await;
    task.await;
}

/// Keeps the view, from what is remembered on.
fn keeper(
    config: &AgentConfig,
    store: &Arc<dyn Store>,
    keyspace: &Keyspace,
    (env, identity, journal, signer): (&Arc<Env>, &Arc<Identity>, &Arc<Journal>, &Signer),
) -> Result<Reflector, AgentStartError> {
    let (memory, remembered) = Memory::open(&config.data_dir, &store.describe(), keyspace)?;
    let remembered = remembered.map(|cluster| signer.judged(cluster));
    let admission = Admission::open(&AdmissionDeps {
        data_dir: &config.data_dir,
        store: &**store,
        keyspace,
        node: &config.node_name,
        env,
        identity,
        journal,
        memory: &memory,
        in_engine: crate::docker::networks_of_engine(&config.data_dir),
    })?;
    Ok(Reflector {
        view: view::unseen(&**store, env, remembered),
        store: Arc::clone(store),
        keyspace: keyspace.clone(),
        env: Arc::clone(env),
        node: config.node_name.clone(),
        journal: Arc::clone(journal),
        memory: Arc::new(memory),
        warned: Mutex::default(),
        nothing: signer.judged(Cluster::default()),
        admission: Arc::new(admission),
        rebuild: config.store_rebuild,
    })
}

/// An agent that is running. Dropped, it stops where it is, as if it had been killed.
pub(crate) struct Agent {
    pub(crate) core: Arc<Core>,
    departures: mpsc::Receiver<Departure>,
    ownership: watch::Sender<Ownership>,
    store: Arc<dyn Store>,
    tasks: JoinSet<Error>,
    paths: Option<Paths>,
}

/// What ends an agent by itself.
pub(crate) enum Ending {
    /// It cannot go on.
    Failed(Error),
    /// It was asked to leave its cluster.
    Leaves(Departure),
}

impl Agent {
    /// Starts an agent, or goes on where an earlier one stopped.
    ///
    /// # Errors
    /// As [`Assembly::new`].
    pub(crate) fn start(deps: Deps) -> Result<Self, AgentStartError> {
        let agent = Self::of(Assembly::new(deps)?, |parts| parts);
        agent.core.processes.adopt();
        Ok(agent)
    }

    /// Starts an agent that does no more than to get into the cluster, if it can.
    ///
    /// # Errors
    /// As [`Assembly::new`].
    pub(crate) fn start_joining(deps: Deps) -> Result<Self, AgentStartError> {
        // To see the store, and to be in it.
        let joining = |mut parts: Vec<_>| parts.pop().into_iter().chain(parts.into_iter().next()).collect();
        Ok(Self::of(Assembly::new(deps)?, joining))
    }

    fn of(
        assembly: Assembly,
        choose: impl FnOnce(Vec<BoxFuture<'static, Error>>) -> Vec<BoxFuture<'static, Error>>,
    ) -> Self {
        let Assembly { core, departures, ownership, store, parts, paths } = assembly;
        let tasks = choose(parts).into_iter().collect();
        Self { core, departures, ownership, store, tasks, paths: Some(paths) }
    }

    /// The same agent, which measures paths, too, until it is to stop.
    pub(crate) fn measuring(mut self, tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        if let Some(paths) = self.paths.take() {
            tasks.spawn(paths.run(stop.clone()));
        }
        self
    }

    /// Returns when the agent cannot go on, or is not to. Cancel-safe.
    pub(crate) async fn ending(&mut self) -> Ending {
        tokio::select! {
            Some(departure) = self.departures.recv() => Ending::Leaves(departure),
            error = Self::failure(&mut self.tasks) => Ending::Failed(error),
        }
    }

    /// Returns when the agent cannot go on, and why. Cancel-safe.
    pub(crate) async fn failed(&mut self) -> Error {
        Self::failure(&mut self.tasks).await
    }

    async fn failure(tasks: &mut JoinSet<Error>) -> Error {
        match tasks.join_next().await {
            Some(Ok(error)) => error,
            Some(Err(error)) => Error::internal("a part of the agent ended", error),
            None => ended(),
        }
    }

    /// Does nothing any more, so that its host can leave: what it is asked from here on is refused.
    pub(crate) async fn stop_to_leave(mut self, datapath: Arc<dyn Datapath>) -> Leaver {
        let absent = self.core.access.absence();
        self.ownership.send_replace(Ownership::Contested("this host is leaving the cluster".to_owned()));
        self.tasks.shutdown().await;
        Leaver { core: Arc::clone(&self.core), store: Arc::clone(&self.store), datapath, absent }
    }
}

/// A task that should run for ever: that it ended is an error.
fn endless(task: impl Future<Output = ()> + Send + 'static) -> BoxFuture<'static, Error> {
    task.map(|()| ended()).boxed()
}

fn ended() -> Error {
    Error::new(Kind::Internal, "a part of the agent ended; this is a fault of weft")
}
