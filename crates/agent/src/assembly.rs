//! An agent put together from its parts. The simulation puts it together from others.

use crate::{
    admission::{Admission, Grounds},
    config::AgentConfig,
    core::Core,
    env::Env,
    error::{Error, Kind},
    host::Host,
    journal::{Identity, Journal, JournalError},
    membership::{Membership, Outside, OwnStore, Place},
    memory::Memory,
    metrics::Telemetry,
    picture::{self, PictureKeeper},
    processes::Processes,
    reconcile::{Parts, Reconciler},
};
use futures::{FutureExt, future::BoxFuture};
use std::sync::{Arc, Mutex};
use tokio::{sync::watch, task::JoinSet};
use weft_datapath::Datapath;
use weft_model::Keyspace;
use weft_store::Store;

/// What an agent stands on.
pub(crate) struct Ground {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyspace: Keyspace,
    pub(crate) env: Arc<Env>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) datapath: Arc<dyn Datapath>,
    pub(crate) telemetry: Telemetry,
}

/// Why an agent did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// Its data directory cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The kernel gives no more.
    #[error("cannot start a thread for the name servers")]
    Thread(#[from] std::io::Error),
}

/// An agent that does nothing yet.
pub(crate) struct Assembly {
    pub(crate) core: Arc<Core>,
    /// What it does, all at once. None of it ends but with the reason why the agent cannot go on; each can be
    /// dropped wherever it is.
    pub(crate) parts: Vec<BoxFuture<'static, Error>>,
}

impl Assembly {
    /// Puts an agent together, to go on where an earlier one stopped.
    ///
    /// # Errors
    /// If the data directory cannot be used, or the kernel gives no thread.
    pub(crate) fn new(ground: Ground) -> Result<Self, StartError> {
        let Ground { config, store, keyspace, env, host, datapath, telemetry } = ground;
        let identity = Arc::new(Identity::open(&config.data_dir, &env, |lock| host.fingerprint(lock))?);
        let place = watch::Sender::new(Place::at_start(identity.moved()));
        let (all_of_it, store) = (Arc::clone(&store), own_store(store, &place));
        let journal = Arc::new(Journal::open(&config.data_dir)?);
        journal.name_node(&config.node_name)?;
        let processes = Processes::open(&config.data_dir)?;
        let keeper = keeper(&config, &all_of_it, &keyspace, (&env, &identity, &journal))?;
        let (memory, picture) = (Arc::clone(&keeper.memory), keeper.picture.subscribe());
        let (reconciler, rounds) = Reconciler::new(Parts {
            config: Arc::clone(&config),
            env: Arc::clone(&env),
            host: Arc::clone(&host),
            datapath,
            journal: Arc::clone(&journal),
            picture: picture.clone(),
            metrics: Arc::clone(&telemetry.metrics),
        })?;
        let (problem, membership) = watch::channel(Some(Outside::Kept("it has just started".to_owned())));
        let member = Membership {
            config: Arc::clone(&config),
            store: all_of_it,
            keyspace: keyspace.clone(),
            env: Arc::clone(&env),
            identity: Arc::clone(&identity),
            memory: Arc::clone(&memory),
            admission: Arc::clone(&keeper.admission),
            picture: picture.clone(),
            journal: Arc::clone(&journal),
            underlay: host.underlay(),
            place,
            problem,
        };
        let place = member.place.subscribe();
        let core = Arc::new(Core {
            started: env.now(),
            config,
            store,
            keyspace,
            env,
            host,
            picture,
            identity,
            journal,
            memory,
            admission: Arc::clone(&keeper.admission),
            processes,
            rounds,
            telemetry,
            membership,
            place: place.clone(),
            engine: watch::Sender::new(None),
            pending: Default::default(),
            grants: Default::default(),
            lent: Default::default(),
            joining: Default::default(),
        });
        let tasks = [reconciler.run().boxed()].into_iter().chain(of_core(&core));
        let tasks = tasks.map(|task| endless(once_held(place.clone(), task)));
        // Whether the store is this node's cluster's is known before the node asks for its place there.
        let parts = [endless(keeper.run())].into_iter().chain(tasks).chain([member.run().boxed()]).collect();
        Ok(Self { core, parts })
    }
}

/// What the core does by itself.
fn of_core(core: &Arc<Core>) -> [BoxFuture<'static, ()>; 3] {
    let own = || Arc::clone(core);
    [own().keep_up().boxed(), own().rebuild().boxed(), own().remember().boxed()]
}

/// The store, for everything but membership itself.
fn own_store(store: Arc<dyn Store>, place: &watch::Sender<Place>) -> Arc<dyn Store> {
    Arc::new(OwnStore { store, place: place.subscribe() })
}

/// Begins nothing before this node is known to be the only one: what a copy takes for its own is another's.
async fn once_held(mut place: watch::Receiver<Place>, task: BoxFuture<'static, ()>) {
    // It is there as long as the agent is.
    let _ = place.wait_for(|place| place.contested().is_none()).await;
    task.await;
}

/// Keeps the picture, from what is remembered on.
fn keeper(
    config: &AgentConfig,
    store: &Arc<dyn Store>,
    keyspace: &Keyspace,
    (env, identity, journal): (&Arc<Env>, &Arc<Identity>, &Arc<Journal>),
) -> Result<PictureKeeper, StartError> {
    let (memory, remembered) = Memory::open(&config.data_dir, &store.describe(), keyspace)?;
    let admission = Admission::open(&Grounds {
        data_dir: &config.data_dir,
        store: &**store,
        keyspace,
        node: &config.node_name,
        env,
        identity,
        journal,
        memory: &memory,
    })?;
    Ok(PictureKeeper {
        picture: picture::unseen(&**store, env, remembered),
        store: Arc::clone(store),
        keyspace: keyspace.clone(),
        env: Arc::clone(env),
        node: config.node_name.clone(),
        journal: Arc::clone(journal),
        memory: Arc::new(memory),
        warned: Mutex::default(),
        admission: Arc::new(admission),
        rebuild: config.store_rebuild,
    })
}

/// An agent that is running. Dropped, it stops where it is, as if it had been killed.
pub(crate) struct Agent {
    pub(crate) core: Arc<Core>,
    tasks: JoinSet<Error>,
}

impl Agent {
    /// Starts an agent, or goes on where an earlier one stopped.
    ///
    /// # Errors
    /// As [`Assembly::new`].
    pub(crate) fn start(ground: Ground) -> Result<Self, StartError> {
        let Assembly { core, parts } = Assembly::new(ground)?;
        let tasks = parts.into_iter().collect();
        core.adopt();
        Ok(Self { core, tasks })
    }

    /// Returns when the agent cannot go on, and why. Cancel-safe.
    pub(crate) async fn failed(&mut self) -> Error {
        match self.tasks.join_next().await {
            Some(Ok(error)) => error,
            Some(Err(error)) => Error::internal("a part of the agent ended", error),
            None => ended(),
        }
    }
}

/// A task that should run for ever: that it ended is an error.
fn endless(task: impl Future<Output = ()> + Send + 'static) -> BoxFuture<'static, Error> {
    task.map(|()| ended()).boxed()
}

fn ended() -> Error {
    Error::new(Kind::Internal, "a part of the agent ended; this is a fault of weft")
}
