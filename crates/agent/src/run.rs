//! An agent on a real host, from its start to its end.

use crate::{
    api::{self, BindError},
    assembly::{Agent, AgentStartError, Deps, Ending},
    config::{AgentConfig, Loopback, NoAddress, embedded_store},
    core::{Core, CoreVerbs, Departure, DriverAccess},
    docker,
    events::{self, Events, Seen},
    host::{LinuxHost, NotTheOnly, OnlyAgent},
    leave::last_traces,
    logs::Logs,
    metrics::{Measured, Metrics, Telemetry},
    other_directory,
    peers::{OwnCertificate, Peers},
    remote::{Remote, RemoteDeps},
    troubles::Troubles,
    underlay::{self, Underlay, Usage},
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weft_datapath::Linux;
use weft_http::Inherited;
use weft_model::{Keyspace, Trust};
use weft_state::{credentials::OwnKey, env::Env};
use weft_store::{
    ConnectError, Connections, Opened, StoreUrl, connect,
    serve::{Certificates, ServeError, Server},
};
use weft_verbs::{Error, Kind};

/// How much longer than a session's time it may take to ask the store.
const READY_MARGIN: Duration = Duration::from_secs(5);

/// Why an agent did not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// One of its sockets.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The API for other hosts.
    #[error(transparent)]
    Remote(#[from] crate::remote::RemoteError),
    /// Where scrapes are to be answered.
    #[error(
        "cannot answer scrapes on {address}: choose another --metrics-listen, or stop what listens there"
    )]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Another agent of this host.
    #[error(transparent)]
    NotTheOnly(#[from] NotTheOnly),
    /// Where other hosts reach it.
    #[error(transparent)]
    Advertise(#[from] NoAddress),
    /// Its store. Not being reachable is no reason.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The store it was to serve.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A store that others keep cannot be served.
    #[error("--store-serve serves the embedded store, but this agent's store is {0}")]
    NotEmbedded(String),
    /// Its data directory.
    #[error("{0}")]
    Start(String),
    /// The operating system.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    /// It could not go on.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// How an agent ended that was to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was stopped, and another will go on.
    Stopped,
    /// Its host left the cluster: no other is to go on.
    Left,
}

impl From<docker::DockerStartError> for RunError {
    fn from(error: docker::DockerStartError) -> Self {
        match error {
            docker::DockerStartError::Bind(error) => Self::Bind(error),
            docker::DockerStartError::Journal(error) => Self::Start(weft_model::chain(&error)),
        }
    }
}

impl From<AgentStartError> for RunError {
    fn from(error: AgentStartError) -> Self {
        Self::Start(weft_model::chain(&error))
    }
}

/// Runs an agent until SIGTERM or SIGINT, or until its host has left the cluster, on sockets that are `inherited` where they
/// are there. Containers, processes and their traffic go on without it. What it logs is also in `logs`.
///
/// # Errors
/// [`RunError`], if it cannot start, or cannot go on.
pub async fn run(config: AgentConfig, logs: Arc<Logs>, inherited: &Inherited) -> Result<Ended, RunError> {
    let config = Arc::new(config);
    let mut terminate = signal(SignalKind::terminate()).map_err(RunError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(RunError::Signals)?;
    let socket = api::bind(&config.socket, inherited)?;
    let removal = socket.removal();
    let address = own_address(&config).await?;
    let mut only = OnlyAgent::become_it()?;
    other_directory::refuse(&only, &config.data_dir)?;
    let scrapes = scrapes(&config).await?;
    let certificate = OwnCertificate::load(&config.data_dir);
    let own_key = own_key(&config);
    let remote = Remote::open(&config.remote, certificate.as_ref()).await?;
    let mut opened = open_store(&config, certificate.is_some())?;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let server = store_server(&config, &mut opened, certificate.as_ref()).await?;
    let (underlay, troubles) = follow_underlay(&config, (address, opened.connections), &tasks, &stop).await;
    let (env, metrics, place) = (Arc::new(Env::system()), Arc::<Metrics>::default(), underlay.subscribe());
    let datapath = Arc::new(Linux::listening());
    let agent = Agent::start(Deps {
        store: Arc::new(Measured::new(opened.store, Arc::clone(&metrics), Arc::clone(&env))),
        keyspace: Keyspace::new(opened.prefix.as_deref().unwrap_or_default()),
        env,
        telemetry: Telemetry { metrics: Arc::clone(&metrics), logs, troubles: Arc::clone(&troubles) },
        host: Arc::new(LinuxHost::new(underlay)),
        datapath: Arc::clone(&datapath) as _,
        config: Arc::clone(&config),
        own_key: own_key.clone(),
    })?
    .measuring(&tasks, &stop);
    only.note_data_dir(&config.data_dir);
    let (core, door) = (agent.core.clone(), Arc::new(CoreVerbs::new(agent.core.clone())));
    if let Some(scrapes) = scrapes {
        tasks.spawn(api::serve_metrics(scrapes, door.clone(), Arc::clone(&metrics), stop.clone()));
    }
    // Who was revoked is known by now, and is not let in for a moment.
    certificate.iter().for_each(|own| own.follow(&core.access.view().borrow()));
    server.into_iter().for_each(|server| drop(tasks.spawn(server.run(stop.clone().cancelled_owned()))));
    if let Some(remote) = remote {
        remote.start(RemoteDeps::of(&config, door.clone(), &metrics, place.clone()), &tasks, &stop);
    }
    let (known_by, seen) = ((certificate, own_key), (place, core.access.view().clone()));
    Peers::new(&config, known_by, core.access.identity(), door.clone(), seen, troubles)
        .start(&tasks, &stop)
        .await;
    let events = tell_events(&config, &core, &tasks, &stop);
    tasks.spawn(api::serve(socket, api::local_router(door, metrics.clone(), events), stop.clone()));
    let engine = serve_engine(&config, (&core, &metrics), inherited, (&tasks, &stop))?;
    turn_away_from_what_is_not_served(inherited, &tasks, &stop);
    say_started(&config, address, &core);
    tasks.spawn(stop.clone().run_until_cancelled_owned(say_ready(core, config.session_ttl)));
    let ended = until_the_end(agent, engine, datapath, [&mut terminate, &mut interrupt]).await;
    end(&stop, &tasks).await;
    removal.carry_out();
    if let Ok(Ended::Left) = ended {
        last_traces(&config, only);
    }
    ended
}

/// Ends what is asked of the agent, and waits until it has ended.
async fn end(stop: &CancellationToken, tasks: &TaskTracker) {
    tracing::info!("agent stopping; containers go on");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}

/// By which other agents know this one, where the store is believed who has which.
fn own_key(config: &AgentConfig) -> Option<Arc<OwnKey>> {
    let new = || Arc::new(OwnKey::of(&config.data_dir, &config.node_name));
    (config.trust == Trust::Store).then(new)
}

/// Writes down what happens, and has it told.
fn tell_events(
    config: &AgentConfig,
    core: &Arc<Core>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Arc<Events> {
    let events = Events::of(&config.data_dir);
    let seen = Seen {
        view: core.access.view().clone(),
        journal: core.endpoints.changes(),
        measured: core.nodes.measured(),
        paths: Box::new({
            let core = Arc::clone(core);
            move || core.reporter.measured_paths(&core.known())
        }),
    };
    let following = events::follow(Arc::clone(&events), seen, config.store.to_string());
    tasks.spawn(stop.clone().run_until_cancelled_owned(following));
    events
}

/// Is the driver of the engine, if there is to be one.
fn serve_engine(
    config: &Arc<AgentConfig>,
    (core, metrics): (&Arc<Core>, &Arc<Metrics>),
    inherited: &Inherited,
    tasks: (&TaskTracker, &CancellationToken),
) -> Result<Option<docker::Served>, RunError> {
    let deps = docker::DockerDeps {
        config: Arc::clone(config),
        access: Arc::new(DriverAccess::new(core)),
        metrics: Arc::clone(metrics),
    };
    let serve = |engine| docker::start(engine, &deps, inherited, tasks);
    Ok(config.docker.as_ref().map(serve).transpose()?)
}

/// Waits until the agent is to end, and leaves the cluster if that is why.
async fn until_the_end(
    mut agent: Agent,
    engine: Option<docker::Served>,
    datapath: Arc<Linux>,
    [terminate, interrupt]: [&mut Signal; 2],
) -> Result<Ended, RunError> {
    let ending = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        ending = agent.ending() => Some(ending),
    };
    match ending {
        None => Ok(Ended::Stopped),
        Some(Ending::Failed(error)) => Err(RunError::Failed(error)),
        Some(Ending::Leaves(departure)) => tokio::select! {
            ended = leave(agent, departure, engine, datapath) => ended,
            _ = terminate.recv() => Err(half_way()),
            _ = interrupt.recv() => Err(half_way()),
        },
    }
}

/// Leaves the cluster, and tells the client that asked for it. If that fails, the next agent goes on as the node.
async fn leave(
    agent: Agent,
    departure: Departure,
    engine: Option<docker::Served>,
    datapath: Arc<Linux>,
) -> Result<Ended, RunError> {
    let Departure { leave, tell } = departure;
    let leaver = agent.stop_to_leave(datapath).await;
    if let Some(engine) = engine {
        engine.part().await;
    }
    match leaver.leave(leave).await {
        Ok(behind) => {
            // The client may be gone.
            let _ = tell.send(Ok(behind));
            Ok(Ended::Left)
        }
        Err(error) => {
            let again = Error::new(error.kind, error.message.clone());
            let _ = tell.send(Err(error));
            Err(RunError::Failed(again))
        }
    }
}

fn half_way() -> RunError {
    let message = "the agent was stopped before its host had left the cluster: do it again";
    RunError::Failed(Error::new(Kind::Internal, message))
}

/// A client of a socket that systemd keeps, and that this agent was not told to answer on, would wait for ever.
fn turn_away_from_what_is_not_served(inherited: &Inherited, tasks: &TaskTracker, stop: &CancellationToken) {
    for (path, socket) in inherited.unclaimed() {
        let why = format!(
            "systemd listens on {0} for the weft agent, whose settings do not have that socket (--host, \
             --docker-socket, --docker-proxy): see /etc/weft/weft.toml, or disable the socket unit",
            path.display()
        );
        tracing::warn!("{why}");
        if let Ok(socket) = socket {
            tasks.spawn(weft_http::turn_away(socket, why, stop.clone()));
        }
    }
}

/// The address that this host has for the others.
async fn own_address(config: &AgentConfig) -> Result<IpAddr, NoAddress> {
    let address = underlay::find(&config.advertise).await?;
    config.check_outside(address).map(|()| address)
}

/// Where this host is from now on, and what else it uses of the address space; and what is wrong with that.
async fn follow_underlay(
    config: &AgentConfig,
    (address, connections): (IpAddr, Option<Connections>),
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> (watch::Sender<Underlay>, Arc<Troubles>) {
    let mtu = weft_datapath::underlay::mtu(address, Arc::default()).await.ok().map(|found| found.mtu);
    let underlay = watch::Sender::new(Underlay { mtu, ..Underlay::at(address) });
    let mut usage = Usage::new(&config.store, config.docker.is_some());
    usage.look(&underlay).await;
    let following = underlay::follow((config.advertise.clone(), connections), usage, underlay.clone());
    tasks.spawn(stop.clone().run_until_cancelled_owned(following));
    let troubles = Arc::<Troubles>::default();
    if let Some(at) = config.serves_at().filter(|at| !at.ip().is_unspecified()) {
        let watch = underlay::watch_address(at, underlay.subscribe(), Arc::clone(&troubles));
        tasks.spawn(stop.clone().run_until_cancelled_owned(watch));
    }
    (underlay, troubles)
}

/// Engines start containers as soon as the agent is ready. After a reboot it may give them no addresses before what is
/// left of the node's last run has been gone for a session's time: that is waited for, a store that is away is not.
async fn say_ready(core: Arc<Core>, session_ttl: Duration) {
    let _ = timeout(session_ttl + READY_MARGIN, core.access.owns_its_node()).await;
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
}

/// What a reader of the log looks for first: where the agent listens, and which node, store and cluster it has.
fn say_started(config: &AgentConfig, advertise: IpAddr, core: &Core) {
    let (store, cluster) = (core.leaving.store(), core.reporter.cluster());
    let cluster = cluster.map_or_else(|| "none yet".to_owned(), |cluster| cluster.short());
    let (node, socket) = (&config.node_name, config.socket.display());
    tracing::info!(%node, %advertise, %socket, %store, cluster, "agent started");
}

async fn scrapes(config: &AgentConfig) -> Result<Option<TcpListener>, RunError> {
    let Some(address) = config.metrics_listen.map(Loopback::get) else { return Ok(None) };
    let listener = TcpListener::bind(address).await;
    listener.map(Some).map_err(|source| RunError::Metrics { address, source })
}

/// Opens the store, after a look at what its clients have to show if it is to be served.
fn open_store(config: &AgentConfig, certificates: bool) -> Result<Opened, RunError> {
    let embedded_path = embedded_store(&config.data_dir);
    // Another store is not served, which is said then.
    if let (Some(serve), StoreUrl::Embedded(path)) = (&config.store_serve, &config.store) {
        let certificates = match (certificates, config.trust) {
            (false, _) => Certificates::None,
            (true, Trust::Store) => Certificates::Known,
            (true, Trust::Signed) => Certificates::Everywhere,
        };
        serve.check(!path.as_deref().unwrap_or(&embedded_path).exists(), certificates)?;
    }
    Ok(connect(&config.store, &config.store_options, config.store_token.clone(), &embedded_path)?)
}

/// Takes the places where the store is to be served. This agent is then a member like others, and held to the same.
async fn store_server(
    config: &AgentConfig,
    opened: &mut Opened,
    certificate: Option<&Arc<OwnCertificate>>,
) -> Result<Option<Server>, RunError> {
    let Some(serve) = &config.store_serve else { return Ok(None) };
    let Some(embedded) = opened.embedded.clone() else {
        return Err(RunError::NotEmbedded(opened.store.describe()));
    };
    let keyspace = Keyspace::new(opened.prefix.as_deref().unwrap_or_default());
    let members = certificate.map(|own| own.for_store(config.trust, &keyspace)).transpose();
    let members = members.map_err(AgentStartError::from)?;
    if let Some(own) = members.as_ref().and_then(|members| members.signed.clone()) {
        opened.store = Arc::new(embedded.asked_by(own));
    }
    let server = Server::bind(serve.clone(), embedded, members).await?;
    let (address, socket) = (server.address(), serve.socket());
    let (address, socket) =
        (address.map(tracing::field::display), socket.map(|path| tracing::field::display(path.display())));
    tracing::info!(address, socket, "serving the embedded store");
    Ok(Some(server))
}
