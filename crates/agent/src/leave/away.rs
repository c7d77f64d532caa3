//! Leaving where no agent runs: this process is the agent for as long as it takes.

use super::{Leaver, clear, directory, last_traces};
use crate::{
    RunError,
    assembly::{Agent, Deps},
    config::{AgentConfig, embedded_store},
    core::{Core, DriverAccess, refuse_if_in_use},
    docker,
    host::{LinuxHost, NotTheOnly, OnlyAgent},
    metrics::Telemetry,
    orphans,
    other_directory::{self, nowhere},
    processes::ProcessTable,
    underlay::{self, Underlay},
};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weft_datapath::Linux;
use weft_model::{Keyspace, Trust, chain};
use weft_state::{
    data_dir,
    env::Env,
    fingerprint::DirectoryMove,
    journal::{Journal, JournalError, lock_directory},
};
use weft_store::{MemoryStore, Store, connect};
use weft_verbs::{Error, Kind, Leave};

/// How long an agent may be there that cannot start: systemd tries again every second.
const AGENT_PATIENCE: Duration = Duration::from_secs(20);
/// How often to look whether it is gone.
const LOOK: Duration = Duration::from_millis(50);
/// How long it may take to get into the cluster.
const JOIN_PATIENCE: Duration = Duration::from_secs(10);

/// Leaves the cluster as the agent that `config` describes, which does not run. Returns what was left behind.
///
/// # Errors
/// As the agent would refuse, or why nothing could be done.
pub async fn leave(config: AgentConfig, leave: Leave) -> Result<Vec<String>, RunError> {
    // Who leaves need not believe anybody.
    let config = Arc::new(AgentConfig { trust: Trust::Store, ..config });
    if !leave.force {
        check(&config.data_dir)?;
    }
    if leave.dry_run {
        return Ok(Vec::new());
    }
    let only = alone(&config.data_dir, leave.force).await?;
    let was_there = config.data_dir.join(data_dir::NODE).exists();
    let leave = Leave { purge: leave.purge || !config.data_dir.exists(), ..leave };
    let (store, keyspace) = store(&config, leave)?;
    let datapath = Arc::new(Linux::new());
    let mut agent = Agent::start_joining(Deps {
        store,
        keyspace,
        env: Arc::new(Env::system()),
        telemetry: Telemetry::default(),
        host: Arc::new(LinuxHost::new(watch::Sender::new(Underlay::at(address(&config, leave).await?)))),
        datapath: Arc::clone(&datapath) as _,
        config: Arc::clone(&config),
        own_key: None,
    })?;
    let core = Arc::clone(&agent.core);
    if was_there {
        join(&mut agent, &config, leave).await?;
        core.leaving.may_leave(leave).await?;
    }
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    if config.docker.is_some() {
        docker::part(
            &docker::DockerDeps {
                config: Arc::clone(&config),
                access: Arc::new(DriverAccess::new(&core)),
                metrics: Arc::default(),
            },
            (&tasks, &stop),
        )?;
    }
    let leaver = agent.stop_to_leave(datapath).await;
    // A host that never was in a cluster leaves nothing in one.
    let leaver = if was_there { leaver } else { Leaver { absent: None, ..leaver } };
    let left = leaver.leave(leave).await;
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    let left = left?;
    last_traces(&config, only);
    Ok(left)
}

/// Forgets this host's identity, and changes nothing in the cluster: for a host that was copied from another.
///
/// # Errors
/// If something is in use here, or cannot be removed.
pub async fn forget(data_dir: &Path, force: bool) -> Result<(), RunError> {
    let _only = alone(data_dir, force).await?;
    if !data_dir.exists() {
        return Ok(());
    }
    let _lock = lock_directory(data_dir).map_err(started)?;
    let (processes, host) = (ProcessTable::open(data_dir).map_err(started)?, nowhere());
    if !force {
        check(data_dir)?;
        orphans::refuse_if_any(&processes, &host).await?;
    }
    clear::kernel(&Linux::new()).await?;
    clear::processes(&processes, &host).await?;
    directory::forget_identity(data_dir).map_err(started)?;
    Ok(())
}

/// Refuses if something of what the data directory tells is in use on this host.
fn check(data_dir: &Path) -> Result<(), RunError> {
    if !data_dir.exists() {
        return Ok(());
    }
    let journal = Journal::open(data_dir).map_err(started)?;
    let processes = ProcessTable::open(data_dir).map_err(started)?;
    Ok(refuse_if_in_use(&journal, &processes, &nowhere())?)
}

fn started(error: JournalError) -> RunError {
    RunError::Start(chain(&error))
}

/// Becomes this host's agent, once none is there: unless forced, with the data directory that the last one had.
pub(crate) async fn alone(data_dir: &Path, force: bool) -> Result<OnlyAgent, RunError> {
    let deadline = Instant::now() + AGENT_PATIENCE;
    loop {
        match OnlyAgent::become_it() {
            Err(NotTheOnly::Another) if Instant::now() < deadline => sleep(LOOK).await,
            only => {
                let only = only?;
                if !force {
                    other_directory::refuse(&only, data_dir)?;
                }
                return Ok(only);
            }
        }
    }
}

/// Where this host is: of no importance to one that leaves.
async fn address(config: &AgentConfig, leave: Leave) -> Result<IpAddr, RunError> {
    match underlay::find(&config.advertise).await {
        Err(_) if leave.force => Ok(Ipv4Addr::LOCALHOST.into()),
        found => Ok(found?),
    }
}

/// The configured store; forced, also none.
fn store(config: &AgentConfig, leave: Leave) -> Result<(Arc<dyn Store>, Keyspace), RunError> {
    let path = embedded_store(&config.data_dir);
    match connect(&config.store, &config.store_options, config.store_token.clone(), &path) {
        Ok(opened) => Ok((opened.store, Keyspace::new(opened.prefix.as_deref().unwrap_or_default()))),
        Err(error) if leave.force => {
            tracing::warn!(error = chain(&error), "the store cannot be opened");
            let nowhere = MemoryStore::new();
            nowhere.faults().set_unavailable(true);
            Ok((Arc::new(nowhere), Keyspace::new("")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Waits until this node is in the cluster, as far as it can be.
async fn join(agent: &mut Agent, config: &AgentConfig, leave: Leave) -> Result<(), Error> {
    let core: Arc<Core> = Arc::clone(&agent.core);
    // A node that may be a copy waits for the original's answer.
    let patience = match core.access.identity().moved() {
        DirectoryMove::No => JOIN_PATIENCE,
        DirectoryMove::Rebooted | DirectoryMove::Elsewhere(_) => JOIN_PATIENCE + config.session_ttl * 3,
    };
    let (mut membership, mut view) = (core.access.membership().clone(), core.access.view().clone());
    let joined = async {
        // Neither ends before the agent does.
        let _ = membership.wait_for(Option::is_none).await;
        let _ = view.wait_for(|view| view.error.is_none()).await;
    };
    tokio::select! {
        _ = timeout(patience, joined) => Ok(()),
        error = agent.failed() => if leave.force {
            tracing::warn!(%error, "this host is not in the cluster");
            Ok(())
        } else {
            Err(Error::new(Kind::Conflict, error.message))
        },
    }
}
