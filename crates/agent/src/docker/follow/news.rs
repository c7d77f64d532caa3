//! What the engine's events were about since the last look. They say where to look, and nothing else.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};
use tokio::sync::Notify;
use weft_docker::engine::{ContainerAction, EngineEvent, NetworkAction};
use weft_model::{ContainerId, NetworkId};

/// What to look at again.
#[derive(Default)]
pub(super) struct News {
    pub(super) networks: Marks<NetworkId>,
    pub(super) containers: Marks<ContainerId>,
}

impl News {
    /// Notes what an event was about.
    pub(super) fn note(&self, event: &EngineEvent) {
        match event {
            EngineEvent::Network(event) => match event.action {
                // Also those of other drivers: they may take the name of one of ours, or set it free.
                NetworkAction::Create | NetworkAction::Destroy => self.networks.add(event.network),
                NetworkAction::Connect | NetworkAction::Disconnect => {
                    event.container.into_iter().for_each(|id| self.containers.add(id));
                }
                NetworkAction::Other => {}
            },
            EngineEvent::Container(event) if event.action != ContainerAction::Other => {
                self.containers.add(event.container);
            }
            EngineEvent::Container(_) | EngineEvent::Other => {}
        }
    }
}

/// Things to look at, each once however often it was named.
pub(super) struct Marks<K> {
    marked: Mutex<BTreeSet<K>>,
    added: Notify,
}

impl<K> Default for Marks<K> {
    fn default() -> Self {
        Self { marked: Mutex::default(), added: Notify::new() }
    }
}

impl<K: Ord> Marks<K> {
    fn add(&self, what: K) {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner).insert(what);
        self.added.notify_one();
    }

    /// Waits for something, and takes all there is. Cancel-safe: what was not returned is still there.
    pub(super) async fn take(&self) -> BTreeSet<K> {
        loop {
            let marked = std::mem::take(&mut *self.marked.lock().unwrap_or_else(PoisonError::into_inner));
            if !marked.is_empty() {
                return marked;
            }
            self.added.notified().await;
        }
    }
}
