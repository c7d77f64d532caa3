//! What can go wrong on the way to a store.

use super::{Backup, NAME};
use crate::StoreError;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// How long a caller waits for an answer, like the clients of real stores.
const DEADLINE: Duration = Duration::from_secs(3);
/// How long a watch that hears nothing goes on waiting, like Consul's.
const WATCH_DEADLINE: Duration = Duration::from_secs(63);

/// What goes wrong on one way to a [`MemoryStore`](super::MemoryStore); nothing, at first.
#[derive(Debug, Default)]
pub struct StoreFaults {
    wrong: Mutex<Wrong>,
    silence: watch::Sender<Option<Silence>>,
    /// How often the watches were broken.
    breaks: watch::Sender<u64>,
}

/// What gets lost on the way without anybody being told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// What is asked never arrives.
    Requests,
    /// What is asked arrives and is done, but no answer comes back.
    Answers,
}

#[derive(Debug, Default)]
struct Wrong {
    unavailable: bool,
    lost_answers: usize,
    lost_changes: usize,
    delay: Duration,
    watch_delay: Duration,
    behind: Option<Backup>,
}

impl StoreFaults {
    /// Has nothing go wrong any more.
    pub fn heal(&self) {
        *self.wrong() = Wrong::default();
        self.silence.send_replace(None);
    }

    /// Cuts the way off, or opens it again: calls fail at once with [`StoreError::Unavailable`], and so do watches.
    pub fn set_unavailable(&self, unavailable: bool) {
        self.wrong().unavailable = unavailable;
        if unavailable {
            self.break_watches();
        }
    }

    /// Cuts the way off in one direction, so that callers know only when their deadline (3 s) has passed: a question
    /// fails with [`StoreError::Unavailable`] then, and a change with [`StoreError::Unknown`]. A watch hears
    /// nothing for a minute before it fails.
    pub fn set_silence(&self, silence: Option<Silence>) {
        self.silence.send_replace(silence);
    }

    /// Makes every call take this long. When that is longer than the caller's deadline (3 s), a question
    /// fails with [`StoreError::Unavailable`], and a change is carried out, but its answer lost.
    pub fn set_delay(&self, delay: Duration) {
        self.wrong().delay = delay;
    }

    /// Makes watches tell of changes only after this long.
    pub fn set_watch_delay(&self, delay: Duration) {
        self.wrong().watch_delay = delay;
    }

    /// Has watches answered by a server that lags behind: it has what was there when `backup` was made, and learns
    /// nothing new until this is called with `None`. What a watch reported before is undone with a snapshot.
    pub fn set_behind(&self, backup: Option<Backup>) {
        self.wrong().behind = backup;
        // It wakes them.
        self.silence.send_modify(|_| {});
    }

    /// Carries out the next `count` changes, but fails them with [`StoreError::Unknown`].
    pub fn lose_answers(&self, count: usize) {
        self.wrong().lost_answers = count;
    }

    /// Fails the next `count` changes with [`StoreError::Unknown`] without carrying them out.
    pub fn lose_changes(&self, count: usize) {
        self.wrong().lost_changes = count;
    }

    /// Ends every watch with an error.
    pub fn break_watches(&self) {
        self.breaks.send_modify(|count| *count += 1);
    }

    pub(super) async fn read<T>(
        &self,
        doing: &'static str,
        answer: impl FnOnce() -> T,
    ) -> Result<T, StoreError> {
        let delay = self.wrong().delay;
        self.reach(doing)?;
        sleep(delay.min(DEADLINE)).await;
        self.reach(doing)?;
        if self.silence.borrow().is_some() {
            sleep(DEADLINE.saturating_sub(delay)).await;
            return Err(unavailable(doing));
        }
        if delay > DEADLINE {
            return Err(unavailable(doing));
        }
        Ok(answer())
    }

    /// The request takes half of the delay, the answer the other half. A caller that gives up in between does not know
    /// whether the change was made.
    pub(super) async fn write<T>(
        &self,
        doing: &'static str,
        change: impl FnOnce() -> T,
    ) -> Result<T, StoreError> {
        let delay = self.wrong().delay;
        let half = delay.min(DEADLINE) / 2;
        self.reach(doing)?;
        sleep(half).await;
        self.reach(doing)?;
        if take_one(&mut self.wrong().lost_changes) {
            return Err(unknown(doing));
        }
        if *self.silence.borrow() == Some(Silence::Requests) {
            sleep(DEADLINE - half).await;
            return Err(unknown(doing));
        }
        let answer = change();
        if *self.silence.borrow() == Some(Silence::Answers) {
            sleep(DEADLINE - half).await;
            return Err(unknown(doing));
        }
        sleep(half).await;
        let lost = take_one(&mut self.wrong().lost_answers) || self.reach(doing).is_err() || delay > DEADLINE;
        if lost { Err(unknown(doing)) } else { Ok(answer) }
    }

    /// For [`StoreFaults::watch`], from when a watch begins.
    pub(super) fn listen(&self) -> Ears {
        let breaks = self.breaks.subscribe();
        let began = *breaks.borrow();
        Ears { breaks, began, silence: self.silence.subscribe() }
    }

    /// Returns when something may be heard.
    pub(super) async fn watch(&self, ears: &mut Ears) -> Result<(), StoreError> {
        let delay = self.wrong().watch_delay;
        sleep(delay).await;
        let heard = timeout(WATCH_DEADLINE, async {
            while ears.silence.borrow_and_update().is_some() && !ears.are_broken() {
                ears.changed().await;
            }
        });
        heard.await.map_err(|_| unavailable("watch"))?;
        if ears.are_broken() { Err(unavailable("watch")) } else { self.reach("watch") }
    }

    /// The state of the server that answers watches, if it lags behind.
    pub(super) fn behind(&self) -> Option<Backup> {
        self.wrong().behind.clone()
    }

    fn reach(&self, doing: &'static str) -> Result<(), StoreError> {
        if self.wrong().unavailable { Err(unavailable(doing)) } else { Ok(()) }
    }

    fn wrong(&self) -> MutexGuard<'_, Wrong> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a watch hears that something is wrong with its way.
pub(super) struct Ears {
    breaks: watch::Receiver<u64>,
    /// How often watches had been broken when this one began.
    began: u64,
    silence: watch::Receiver<Option<Silence>>,
}

impl Ears {
    fn are_broken(&self) -> bool {
        *self.breaks.borrow() != self.began
    }

    /// Returns when something about the way has changed.
    pub(super) async fn changed(&mut self) {
        // What has changed is looked at afterwards: it makes no difference which was first.
        tokio::select! {
            _ = self.breaks.changed() => {}
            _ = self.silence.changed() => {}
        }
    }
}

fn take_one(count: &mut usize) -> bool {
    let some = *count > 0;
    *count -= usize::from(some);
    some
}

/// The error of a caller that cannot reach the store.
pub(super) fn unavailable(doing: &'static str) -> StoreError {
    StoreError::Unavailable { store: NAME.to_owned(), doing, source: "cut off by a test".into() }
}

fn unknown(doing: &'static str) -> StoreError {
    StoreError::Unknown { store: NAME.to_owned(), doing, waited: DEADLINE }
}
