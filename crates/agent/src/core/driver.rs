//! What a driver of containers, such as `agent::docker`, has of the core: verbs that it may call, and two watches that it
//! may read.

use super::{Core, CoreVerbs};
use std::sync::Arc;
use tokio::sync::watch;
use weft_state::{cluster::Cluster, env::Env, journal::LocalEndpoints, view::View};
use weft_verbs::{EngineVerbs, Verbs};

/// The core as a driver sees it.
pub(crate) struct DriverAccess {
    core: Arc<Core>,
    verbs: Arc<CoreVerbs>,
}

impl DriverAccess {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        Self { core: Arc::clone(core), verbs: Arc::new(CoreVerbs::new(Arc::clone(core))) }
    }

    /// What everybody may call.
    pub(crate) fn verbs(&self) -> Arc<dyn Verbs> {
        Arc::clone(&self.verbs) as _
    }

    /// What the drivers of engines may call besides.
    pub(crate) fn engines(&self) -> Arc<dyn EngineVerbs> {
        Arc::clone(&self.verbs) as _
    }

    /// What this node believes about the cluster; changes whenever that does.
    pub(crate) fn view(&self) -> watch::Receiver<View> {
        self.core.access.view().clone()
    }

    /// The endpoints of this node; changes whenever one of them does.
    pub(crate) fn endpoints(&self) -> watch::Receiver<LocalEndpoints> {
        self.core.endpoints.changes()
    }

    /// The cluster as far as it is known.
    pub(crate) fn known(&self) -> Arc<Cluster> {
        self.core.known()
    }

    /// Waits until this agent may act as its node.
    pub(crate) async fn owns_its_node(&self) {
        self.core.access.owns_its_node().await;
    }

    /// Clock and chance.
    pub(crate) fn env(&self) -> &Env {
        &self.core.env
    }
}
