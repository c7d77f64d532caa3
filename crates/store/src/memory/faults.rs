//! What can go wrong on the way to a store.

use super::NAME;
use crate::StoreError;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::sleep};

/// How long a caller waits for an answer, like the clients of real stores.
const DEADLINE: Duration = Duration::from_secs(3);

/// What goes wrong on one way to a [`MemoryStore`](super::MemoryStore); nothing, at first.
#[derive(Debug, Default)]
pub struct Faults {
    unavailable: AtomicBool,
    lost_answers: AtomicUsize,
    lost_changes: AtomicUsize,
    delay: Mutex<Duration>,
    watch_delay: Mutex<Duration>,
    /// How often the watches were broken.
    breaks: watch::Sender<u64>,
}

impl Faults {
    /// Cuts the way off, or opens it again: calls fail with [`StoreError::Unavailable`], and so do watches.
    pub fn set_unavailable(&self, unavailable: bool) {
        self.unavailable.store(unavailable, Ordering::Relaxed);
        self.break_watches_if(unavailable);
    }

    /// Makes every call take this long. When that is longer than the caller's deadline (3 s), a question
    /// fails with [`StoreError::Unavailable`], and a change is carried out, but its answer lost.
    pub fn set_delay(&self, delay: Duration) {
        *self.delay.lock().unwrap_or_else(PoisonError::into_inner) = delay;
    }

    /// Makes watches tell of changes only after this long.
    pub fn set_watch_delay(&self, delay: Duration) {
        *self.watch_delay.lock().unwrap_or_else(PoisonError::into_inner) = delay;
    }

    /// Carries out the next `count` changes, but fails them with [`StoreError::Unknown`].
    pub fn lose_answers(&self, count: usize) {
        self.lost_answers.store(count, Ordering::Relaxed);
    }

    /// Fails the next `count` changes with [`StoreError::Unknown`] without carrying them out.
    pub fn lose_changes(&self, count: usize) {
        self.lost_changes.store(count, Ordering::Relaxed);
    }

    /// Ends every watch with an error.
    pub fn break_watches(&self) {
        self.break_watches_if(true);
    }

    fn break_watches_if(&self, really: bool) {
        if really {
            self.breaks.send_modify(|count| *count += 1);
        }
    }

    pub(super) async fn read<T>(
        &self,
        doing: &'static str,
        answer: impl FnOnce() -> T,
    ) -> Result<T, StoreError> {
        let delay = *self.delay.lock().unwrap_or_else(PoisonError::into_inner);
        self.reach(doing)?;
        sleep(delay.min(DEADLINE)).await;
        self.reach(doing)?;
        if delay > DEADLINE {
            return Err(unavailable(doing));
        }
        Ok(answer())
    }

    /// The way there takes half of the delay, the way back the other half: who gives up in between does not
    /// know what became of the change.
    pub(super) async fn write<T>(
        &self,
        doing: &'static str,
        change: impl FnOnce() -> T,
    ) -> Result<T, StoreError> {
        let delay = *self.delay.lock().unwrap_or_else(PoisonError::into_inner);
        self.reach(doing)?;
        sleep(delay.min(DEADLINE) / 2).await;
        self.reach(doing)?;
        if take_one(&self.lost_changes) {
            return Err(unknown(doing));
        }
        let answer = change();
        sleep(delay.min(DEADLINE) / 2).await;
        let lost = take_one(&self.lost_answers) || self.reach(doing).is_err() || delay > DEADLINE;
        if lost { Err(unknown(doing)) } else { Ok(answer) }
    }

    /// For [`Faults::watch`], from when a watch begins.
    pub(super) fn broken(&self) -> watch::Receiver<u64> {
        self.breaks.subscribe()
    }

    pub(super) async fn watch(&self, broken: &mut watch::Receiver<u64>) -> Result<(), StoreError> {
        let delay = *self.watch_delay.lock().unwrap_or_else(PoisonError::into_inner);
        sleep(delay).await;
        if broken.has_changed().unwrap_or(true) {
            return Err(unavailable("watch"));
        }
        self.reach("watch")
    }

    fn reach(&self, doing: &'static str) -> Result<(), StoreError> {
        if self.unavailable.load(Ordering::Relaxed) { Err(unavailable(doing)) } else { Ok(()) }
    }
}

fn take_one(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1)).is_ok()
}

fn unavailable(doing: &'static str) -> StoreError {
    StoreError::Unavailable { store: NAME.to_owned(), doing, source: "cut off by a test".into() }
}

fn unknown(doing: &'static str) -> StoreError {
    StoreError::Unknown { store: NAME.to_owned(), doing, waited: DEADLINE }
}
