//! Hearing from the kernel what changes, instead of looking all the time.

use super::chain;
use tokio::sync::{Mutex, OnceCell};
use weft_netlink::{Forward, Notification, Notifications};
use weft_plan::KernelNews;

/// What is listened on, once somebody has begun to; nothing if the kernel does not tell.
#[derive(Default)]
pub(super) struct Watch(OnceCell<Option<Mutex<Notifications>>>);

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("is_on", &self.is_on()).finish_non_exhaustive()
    }
}

impl Watch {
    /// Begins to listen, unless it was tried before. To be called before a look: what changes from then on is told.
    pub(super) async fn begin(&self) {
        let open = || async {
            let opened = Notifications::open("weft").inspect_err(|error| {
                let error = chain(error);
                tracing::info!(error, "the kernel does not tell of changes; looking every two seconds");
            });
            opened.ok().map(Mutex::new)
        };
        self.0.get_or_init(open).await;
    }

    /// Whether the kernel tells of changes.
    pub(super) fn is_on(&self) -> bool {
        self.listener().is_some()
    }

    /// Waits for news. Safe to cancel.
    pub(super) async fn news(&self) -> Vec<KernelNews> {
        match self.listener() {
            Some(listener) => listener.lock().await.next().await.into_iter().map(news).collect(),
            None => std::future::pending().await,
        }
    }

    fn listener(&self) -> Option<&Mutex<Notifications>> {
        self.0.get()?.as_ref()
    }
}

fn news(notification: Notification) -> KernelNews {
    match notification {
        Notification::Forward { entry: Forward { mac, vtep: Some(vtep), .. }, gone } => {
            KernelNews::Fdb { mac, vtep, gone }
        }
        Notification::Forward { entry: Forward { mac, vtep: None, .. }, gone } => {
            KernelNews::LocalFdb { mac, gone }
        }
        Notification::Neighbour { ip, mac } => KernelNews::Neighbour(ip, mac),
        Notification::NeighbourGone(ip) => KernelNews::NeighbourGone(ip),
        Notification::LinkGone(name) => KernelNews::LinkGone(name),
        Notification::Else => KernelNews::Else,
        Notification::Overrun => KernelNews::Overrun,
    }
}
