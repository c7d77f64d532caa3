//! Docker: the agent as the network and address driver of the engine on this host.
//!
//! The engine asks on a plugin socket ([`door`]), and never waits for itself: nothing here asks the engine while
//! the engine waits for an answer of ours. What its questions do not say, the names of networks and of
//! containers, a task of its own ([`follow`]) learns from the engine's API. Where it is asked for, [`proxy`] stands
//! before the engine's own socket.

mod door;
mod follow;
mod proxy;
mod shared;

pub(crate) use proxy::serve_one as proxy_for_one;
pub(crate) use shared::{Container, Mapped, OnNetwork, Shared, networks_of_engine};

use crate::{
    config::{AgentConfig, DockerConfig},
    core::{Core, Door},
    http::{BindError, Inherited},
    journal::JournalError,
};
use follow::{DockerSocket, Follower};
use proxy::Proxy;
use std::sync::Arc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Why the engine cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A socket cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// What an earlier agent wrote down cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Serves an engine, on sockets that are `inherited` where they are there, with tasks that end after `stop`.
///
/// # Errors
/// If a socket cannot be had, or the data directory cannot be read.
pub(crate) fn start(
    docker: &DockerConfig,
    config: &AgentConfig,
    core: Arc<Core>,
    inherited: &Inherited,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> Result<(), StartError> {
    let shared = Arc::new(Shared::open(&config.data_dir)?);
    let (verbs, host) = (Arc::new(Door::new(Arc::clone(&core))), Arc::clone(&core.host));
    let metrics = Arc::clone(&core.telemetry.metrics);
    let driver = Arc::new(door::Driver::new(verbs, host, Arc::clone(&shared), metrics));
    tasks.spawn(door::serve(door::bind(inherited)?, driver, stop.clone()));
    if let Some(path) = &docker.proxy {
        let verbs = Arc::new(Door::new(Arc::clone(&core)));
        let proxy = Proxy::new(docker.socket.clone(), verbs, Arc::clone(&shared));
        tasks.spawn(proxy::serve(path.clone(), proxy::bind(path, inherited)?, proxy, stop.clone()));
    }
    let engine = Arc::new(DockerSocket(docker.socket.clone()));
    let follower = Follower { core, shared, engine };
    tasks.spawn(stop.clone().run_until_cancelled_owned(follower.run()));
    Ok(())
}
