//! Docker: the agent as the network and address driver of the engine on this host.
//!
//! The engine asks on a plugin socket ([`door`]), and never waits for itself: nothing here asks the engine while
//! the engine waits for an answer of ours. What its questions do not say, the names of networks and of
//! containers, a task of its own ([`follow`]) learns from the engine's API. Where it is asked for, `weft-proxy` stands
//! before the engine's own socket.

mod door;
mod follow;
mod shared;

pub(crate) use door::PATH as PLUGIN_SOCKET;
pub(crate) use shared::{Mapped, NamedContainer, OnNetwork, Shared, networks_of_engine};

use crate::{
    config::{AgentConfig, DockerConfig},
    core::DriverAccess,
    metrics::Metrics,
};
use follow::{DockerSocket, Follower};
use std::sync::Arc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use weft_http::{BindError, Inherited};
#[cfg(feature = "proxy")]
use weft_proxy::Proxy;
use weft_state::journal::JournalError;

/// Why the engine cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DockerStartError {
    /// A socket cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// What an earlier agent wrote down cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// An engine that is served.
pub(crate) struct Served {
    shared: Arc<Shared>,
    following: TaskTracker,
    stop: CancellationToken,
}

impl Served {
    /// Stops to follow the engine: this host is leaving the cluster. The engine goes on to be answered, so that it can let
    /// go of its networks.
    pub(crate) async fn part(&self) {
        self.shared.part();
        self.stop.cancel();
        self.following.close();
        self.following.wait().await;
    }
}

/// What the driver of an engine stands on.
pub(crate) struct DockerDeps {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) access: Arc<DriverAccess>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Serves an engine, on sockets that are `inherited` where they are there, with tasks that end after `stop`.
///
/// # Errors
/// If a socket cannot be had, or the data directory cannot be read.
pub(crate) fn start(
    docker: &DockerConfig,
    deps: &DockerDeps,
    inherited: &Inherited,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> Result<Served, DockerStartError> {
    let shared = answer(deps, inherited, (tasks, stop))?;
    let (following, stop) = (TaskTracker::new(), stop.child_token());
    #[cfg(feature = "proxy")]
    if let Some(path) = docker.proxy() {
        let proxy = Proxy::new(docker.socket.clone(), deps.access.verbs(), Arc::clone(&shared) as _);
        let proxy =
            weft_proxy::serve(path.to_owned(), weft_proxy::bind(path, inherited)?, proxy, stop.clone());
        following.spawn(tasks.track_future(proxy));
    }
    let engine = Arc::new(DockerSocket(docker.socket.clone()));
    let follower = Follower::new(&deps.access, &shared, engine);
    following.spawn(tasks.track_future(stop.clone().run_until_cancelled_owned(follower.run())));
    Ok(Served { shared, following, stop })
}

/// Answers an engine's calls, until after `stop`.
fn answer(
    deps: &DockerDeps,
    inherited: &Inherited,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> Result<Arc<Shared>, DockerStartError> {
    let shared = Arc::new(Shared::open(&deps.config.data_dir)?);
    let driver = door::Driver::new(&deps.access, Arc::clone(&shared), Arc::clone(&deps.metrics));
    tasks.spawn(door::serve(door::bind(inherited)?, Arc::new(driver), stop.clone()));
    Ok(shared)
}

/// Only lets an engine let go of its networks, until after `stop`.
///
/// # Errors
/// As [`start`].
pub(crate) fn part(
    deps: &DockerDeps,
    tasks: (&TaskTracker, &CancellationToken),
) -> Result<(), DockerStartError> {
    answer(deps, &Inherited::default(), tasks)?.part();
    Ok(())
}
