//! A host leaves its cluster, and is as if weft had never been there.
//!
//! In this order: the engine lets go of the networks, processes end, the kernel is cleared, the store is told, the data
//! directory is emptied. Each step looks at what there is, and can be repeated: a host that fails half-way is the node
//! that it was, or none any more, and the next `weft leave` removes what is left. The store comes after the kernel,
//! since it hands out again what it is given back.

mod away;
mod clear;
mod directory;
mod engine;

pub(crate) use away::alone;
pub use away::{forget, leave};

use crate::{
    config::{AgentConfig, DockerConfig},
    core::Core,
    docker::PLUGIN_SOCKET,
    host::OnlyAgent,
};
use std::{path::Path, sync::Arc};
use weft_datapath::Datapath;
use weft_model::chain;
use weft_store::{Store, serve::ServeConfig};
use weft_verbs::{Error, Leave};

/// Takes away the sockets and locks of an agent that has ended, on a host that has left.
pub(crate) fn last_traces(config: &AgentConfig, only: OnlyAgent) {
    let docker = config.docker.as_ref();
    let proxy = docker.and_then(DockerConfig::proxy);
    let plugin = docker.map(|_| Path::new(PLUGIN_SOCKET));
    let store = config.store_serve.as_ref().and_then(ServeConfig::socket);
    [Some(config.socket.as_path()), plugin, proxy, store].into_iter().flatten().for_each(weft_http::clear);
    only.leave();
}

/// An agent that does nothing else any more, and its node.
pub(crate) struct Leaver {
    pub(crate) core: Arc<Core>,
    /// Also for a node that may write nothing else.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) datapath: Arc<dyn Datapath>,
    /// Why nothing can be given back in the store; `None` if this node is in it.
    pub(crate) absent: Option<String>,
}

impl Leaver {
    /// Leaves. Returns what was left behind, for people.
    ///
    /// # Errors
    /// Unless forced, what could not be given back: this host is still in the cluster then. Where the kernel keeps
    /// something, also if forced.
    pub(crate) async fn leave(&self, leave: Leave) -> Result<Vec<String>, Error> {
        tracing::info!(node = %self.core.leaving.config().node_name, ?leave, "leaving the cluster");
        let mut behind = Vec::new();
        let mut or_leave_behind = |done: Result<(), Error>| match done {
            Err(error) if leave.force => {
                tracing::warn!(%error, "left behind");
                behind.push(error.message);
                Ok(())
            }
            done => done,
        };
        or_leave_behind(engine::leave(self.core.leaving.config()).await)?;
        or_leave_behind(clear::processes(self.core.leaving.processes(), self.core.leaving.host()).await)?;
        // Addresses that are still in use here are given to nobody else.
        clear::kernel(&*self.datapath).await?;
        or_leave_behind(self.leave_store().await)?;
        let data_dir = &self.core.leaving.config().data_dir;
        let directory =
            if leave.purge { directory::purge(data_dir) } else { directory::forget_node(data_dir) };
        or_leave_behind(
            directory.map_err(|error| Error::internal("this host has left its cluster, but", error)),
        )?;
        tracing::info!(node = %self.core.leaving.config().node_name, "left the cluster");
        Ok(behind)
    }

    async fn leave_store(&self) -> Result<(), Error> {
        let left = match &self.absent {
            Some(why) => Err(why.clone()),
            None => self.core.leaving.give_back(&*self.store).await.map_err(|error| chain(&error)),
        };
        left.map_err(|why| {
            Error::conflict(format!(
                "nothing could be given back in the store: {why}. {}",
                self.core.leaving.what_stays()
            ))
        })
    }
}
