//! Hearing from the kernel what changes, instead of looking all the time.

use tokio::sync::Mutex;
use weft_model::chain;
use weft_netlink::{Forward, Notification, Notifications};
use weft_plan::KernelNews;

/// What is listened on; nothing if nobody listens, or the kernel does not tell.
#[derive(Default)]
pub(super) struct Watch(Option<Mutex<Notifications>>);

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("is_on", &self.is_on()).finish_non_exhaustive()
    }
}

impl Watch {
    /// Begins to listen. Must be called within a runtime, before the first look: what changes from then on is told.
    pub(super) fn begin() -> Self {
        let opened = Notifications::open("weft").inspect_err(|error| {
            let error = chain(error);
            tracing::info!(error, "the kernel does not tell of changes; looking every two seconds");
        });
        Self(opened.ok().map(Mutex::new))
    }

    /// Whether the kernel tells of changes.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Waits for news. Safe to cancel.
    pub(super) async fn news(&self) -> Vec<KernelNews> {
        match &self.0 {
            Some(listener) => listener.lock().await.next().await.into_iter().map(news).collect(),
            None => std::future::pending().await,
        }
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
        Notification::Link(name) => KernelNews::Link(name),
        Notification::LinkGone(name) => KernelNews::LinkGone(name),
        Notification::Else => KernelNews::Else,
        Notification::Overrun => KernelNews::Overrun,
    }
}
