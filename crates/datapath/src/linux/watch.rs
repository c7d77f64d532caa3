//! Hearing from the kernel what changes, instead of looking all the time.

use super::chain;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::Mutex;
use weft_netlink::{Forward, Notification, Notifications};
use weft_plan::KernelNews;

/// What is listened on, once somebody has begun to.
#[derive(Default)]
pub(super) struct Watch {
    listener: Mutex<Option<Notifications>>,
    state: AtomicU8,
}

const NOT_YET: u8 = 0;
const LISTENING: u8 = 1;
const CANNOT: u8 = 2;

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("is_on", &self.is_on()).finish_non_exhaustive()
    }
}

impl Watch {
    /// Begins to listen, unless it was tried before. To be called before a look: what changes from then on is told.
    pub(super) async fn begin(&self) {
        if self.state.load(Ordering::Relaxed) != NOT_YET {
            return;
        }
        let mut listener = self.listener.lock().await;
        let state = match Notifications::open("weft") {
            Ok(open) => {
                *listener = Some(open);
                LISTENING
            }
            Err(error) => {
                tracing::info!(
                    error = chain(&error),
                    "the kernel does not tell of changes; looking every two seconds"
                );
                CANNOT
            }
        };
        self.state.store(state, Ordering::Relaxed);
    }

    /// Whether the kernel tells of changes.
    pub(super) fn is_on(&self) -> bool {
        self.state.load(Ordering::Relaxed) == LISTENING
    }

    /// Waits for news. Safe to cancel.
    pub(super) async fn news(&self) -> Vec<KernelNews> {
        if !self.is_on() {
            return std::future::pending().await;
        }
        let mut listener = self.listener.lock().await;
        match &mut *listener {
            Some(listener) => listener.next().await.into_iter().filter_map(news).collect(),
            None => std::future::pending().await,
        }
    }
}

fn news(notification: Notification) -> Option<KernelNews> {
    Some(match notification {
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
    })
}
