//! The connections that are open at a time. When there are as many as there may be, one that asks nothing makes room
//! for a new one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

/// How long after it came, or after it had its last answer, a connection may be silent before it has to make room:
/// what it says may be on its way.
const TIME_TO_SPEAK: Duration = Duration::from_secs(1);

/// How long one that was asked to go may take before another is.
const TIME_TO_LEAVE: Duration = Duration::from_millis(100);

/// Places for connections.
#[derive(Debug, Clone)]
pub struct Crowd {
    places: Arc<Semaphore>,
    members: Arc<Mutex<Members>>,
}

#[derive(Debug, Default)]
struct Members {
    /// By the order they came in.
    members: BTreeMap<u64, Member>,
    next: u64,
}

#[derive(Debug)]
struct Member {
    /// Since when it is its turn to say something; nothing while it is ours.
    silent: Option<Instant>,
    leave: Arc<Notify>,
    /// Whether it was asked to.
    leaving: bool,
}

/// One of the places, until dropped.
#[derive(Debug)]
pub struct Slot {
    number: u64,
    leave: Arc<Notify>,
    members: Arc<Mutex<Members>>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Which connection has to make room.
enum Next {
    /// A connection was asked to leave.
    Asked,
    /// None has been silent long enough yet; at this time one will have been, if it stays silent.
    NotBefore(Instant),
    /// All are being answered.
    Nobody,
}

impl Crowd {
    /// Room for so many.
    pub fn of(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), members: Arc::default() }
    }

    /// Whether all places are taken.
    pub fn is_full(&self) -> bool {
        self.places.available_permits() == 0
    }

    /// Waits until a place is free, and makes the connection that has been silent longest go if none is. Call it when a
    /// connection waits for the place.
    pub async fn slot(&self) -> Slot {
        let mut free = std::pin::pin!(Arc::clone(&self.places).acquire_owned());
        let permit = loop {
            let look_again = if self.is_full() {
                match lock(&self.members).make_room(Instant::now()) {
                    Next::Asked => Instant::now() + TIME_TO_LEAVE,
                    Next::NotBefore(then) => then,
                    Next::Nobody => Instant::now() + TIME_TO_SPEAK,
                }
            } else {
                Instant::now() + TIME_TO_LEAVE
            };
            tokio::select! {
                biased;
                // It is never closed, so this is a permit.
                permit = free.as_mut() => break permit.ok(),
                () = sleep_until(look_again) => {}
            }
        };
        let leave = Arc::new(Notify::new());
        let number = lock(&self.members).enter(Arc::clone(&leave));
        Slot { number, leave, members: Arc::clone(&self.members), _permit: permit }
    }
}

impl Members {
    fn enter(&mut self, leave: Arc<Notify>) -> u64 {
        self.next += 1;
        let member = Member { silent: Some(Instant::now()), leave, leaving: false };
        self.members.insert(self.next, member);
        self.next
    }

    fn make_room(&mut self, now: Instant) -> Next {
        let silent = self.members.values_mut().filter(|member| !member.leaving);
        let silent = silent.filter_map(|member| member.silent.map(|since| (since, member)));
        let Some((since, member)) = silent.min_by_key(|(since, _)| *since) else { return Next::Nobody };
        if since + TIME_TO_SPEAK > now {
            return Next::NotBefore(since + TIME_TO_SPEAK);
        }
        member.leaving = true;
        member.leave.notify_one();
        Next::Asked
    }
}

impl Slot {
    /// From now on it is ours to say something.
    pub fn answering(&self) {
        self.set(None);
    }

    /// From now on it is the client's to say something, or has been since `since`.
    pub fn listening(&self, since: Instant) {
        self.set(Some(since));
    }

    fn set(&self, silent: Option<Instant>) {
        if let Some(member) = lock(&self.members).members.get_mut(&self.number) {
            member.silent = silent;
            // What it says came in time.
            member.leaving &= silent.is_some();
        }
    }

    /// Returns when the connection has to go. Cancel-safe.
    pub async fn wanted(&self) {
        loop {
            self.leave.notified().await;
            if lock(&self.members).members.get(&self.number).is_none_or(|member| member.leaving) {
                return;
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.members).members.remove(&self.number);
    }
}

fn lock(members: &Mutex<Members>) -> MutexGuard<'_, Members> {
    members.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn must_go(slot: &Slot) -> bool {
        slot.wanted().now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_been_silent_longest_makes_room() {
        let crowd = Crowd::of(3);
        let [asking, silent, late] = [crowd.slot().await, crowd.slot().await, crowd.slot().await];
        asking.answering();
        tokio::time::advance(TIME_TO_SPEAK).await;
        late.listening(Instant::now());
        assert!(crowd.slot().now_or_never().is_none());
        assert_eq!([&asking, &silent, &late].map(must_go), [false, true, false]);
        drop(silent);
        crowd.slot().now_or_never().expect("there is room");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_goes_while_it_is_answered_or_may_be_about_to_speak() {
        let crowd = Crowd::of(1);
        let slot = crowd.slot().await;
        let began = Instant::now();
        tokio::select! {
            _ = crowd.slot() => panic!("there is no room"),
            () = slot.wanted() => {}
        }
        assert!(began.elapsed() >= TIME_TO_SPEAK);
        // It says something right then.
        slot.answering();
        assert!(!must_go(&slot));
        let none = tokio::time::timeout(TIME_TO_SPEAK * 60, crowd.slot()).await;
        assert!(none.is_err() && !must_go(&slot));
        slot.listening(began);
        let (new, ()) = tokio::join!(crowd.slot(), async move {
            slot.wanted().await;
            drop(slot);
        });
        drop(new);
    }
}
