//! Which task runs next: an executor under which a history is a function of its seed.
//!
//! Tokio runs what is ready in the order in which it was woken, and that order differs from run to run: a watch, for
//! one, wakes the tasks that wait for it in an order that tokio draws itself (`BigNotify`, `tokio/src/sync/watch.rs`).
//! Here, of the tasks that are ready, the seed draws the next. All of them are one task to tokio, of which only
//! the timers are left, and the paused clock.

use super::life::Life;
use futures::future::BoxFuture;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};
use tokio::{
    runtime::Builder,
    sync::oneshot,
    task::{AbortHandle, unconstrained},
    time::timeout,
};

/// The task that [`run`] was given.
const MAIN: u64 = 0;

/// More turns than there can be before everybody waits for the clock.
const AT_ONE_INSTANT: usize = 100_000;

thread_local! {
    /// Where what is spawned goes, while [`run`] runs.
    static CURRENT: RefCell<Option<Arc<Turns>>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Turns {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tasks: BTreeMap<u64, Entry>,
    spawned: u64,
    ready: BTreeSet<u64>,
    /// Of all of them together.
    waker: Option<Waker>,
}

struct Entry {
    /// None while it has its turn.
    future: Option<BoxFuture<'static, ()>>,
    waker: Waker,
    life: Option<Arc<Life>>,
}

/// How long a history may take, in its own time: one that waits for what never comes is wrong, too.
const LONGEST: Duration = Duration::from_secs(3 * 3600);

/// Runs `work` and what it spawns on a paused clock, until `work` ends. Which of several tasks is next, `seed` draws.
pub(crate) fn run<T>(seed: u64, work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let turns = Arc::new(Turns::default());
    let _current = Entered::new(&turns);
    let mut rng = StdRng::seed_from_u64(seed);
    runtime.block_on(unconstrained(async {
        let mut work = pin!(timeout(LONGEST, work));
        let main = turns.waker(MAIN);
        main.wake_by_ref();
        let result = poll_fn(|context| turns.go_round(context, &mut rng, (work.as_mut(), &main))).await;
        turns.end_all();
        result.expect("a history ends within hours")
    }))
}

/// Starts a task. It ends with the life it belongs to, and when its handle is dropped. Outside [`run`] it is one of
/// tokio's own.
pub(crate) fn spawn<T: Send + 'static>(
    life: Option<&Arc<Life>>,
    work: impl Future<Output = T> + Send + 'static,
) -> Task<T> {
    let (send, result) = oneshot::channel();
    let work = async move {
        // Nobody may want to know.
        let _ = send.send(work.await);
    };
    let handle = match CURRENT.with_borrow(Clone::clone) {
        Some(turns) => Handle::Turns(Arc::clone(&turns), turns.add(life.cloned(), Box::pin(work))),
        None => Handle::Tokio(tokio::spawn(work).abort_handle()),
    };
    Task { result, handle }
}

/// Ends whatever belongs to a life that is over.
pub(crate) fn bury(life: &Arc<Life>) {
    if let Some(turns) = CURRENT.with_borrow(Clone::clone) {
        turns.bury(life);
    }
}

/// A task that is running, until this is dropped.
pub(crate) struct Task<T> {
    result: oneshot::Receiver<T>,
    handle: Handle,
}

enum Handle {
    Turns(Arc<Turns>, u64),
    Tokio(AbortHandle),
}

impl<T> Task<T> {
    /// Whether it came to its end, and nobody has asked for its result.
    pub(crate) fn has_ended(&self) -> bool {
        !self.result.is_empty()
    }
}

impl<T> Future for Task<T> {
    /// None if it did not live to tell.
    type Output = Option<T>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.result).poll(context).map(Result::ok)
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        match &self.handle {
            Handle::Turns(turns, id) => drop(turns.remove(*id)),
            Handle::Tokio(handle) => handle.abort(),
        }
    }
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn wake(&self, id: u64) {
        let mut state = self.lock();
        if state.ready.insert(id)
            && let Some(waker) = state.waker.clone()
        {
            drop(state);
            waker.wake();
        }
    }

    fn waker(self: &Arc<Self>, id: u64) -> Waker {
        Waker::from(Arc::new(OneTask { turns: Arc::clone(self), id }))
    }

    fn add(self: &Arc<Self>, life: Option<Arc<Life>>, future: BoxFuture<'static, ()>) -> u64 {
        let mut state = self.lock();
        state.spawned += 1;
        let id = state.spawned;
        let waker = self.waker(id);
        state.tasks.insert(id, Entry { future: Some(future), waker, life });
        drop(state);
        self.wake(id);
        id
    }

    /// To be dropped after the lock: what it holds may wake others.
    fn remove(&self, id: u64) -> Option<Entry> {
        self.lock().tasks.remove(&id)
    }

    fn bury(&self, life: &Arc<Life>) {
        let belongs = |entry: &Entry| entry.life.as_ref().is_some_and(|other| Arc::ptr_eq(other, life));
        let mut state = self.lock();
        let ids: Vec<u64> =
            state.tasks.iter().filter(|(_, entry)| belongs(entry)).map(|(id, _)| *id).collect();
        let buried: Vec<_> = ids.into_iter().filter_map(|id| state.tasks.remove(&id)).collect();
        drop(state);
        drop(buried);
    }

    fn end_all(&self) {
        let left = std::mem::take(&mut self.lock().tasks);
        drop(left);
    }

    /// Gives turns until nobody is ready, or the main task has ended.
    fn go_round<T>(
        &self,
        context: &mut Context<'_>,
        rng: &mut StdRng,
        (mut main, waker): (Pin<&mut impl Future<Output = T>>, &Waker),
    ) -> Poll<T> {
        self.lock().waker = Some(context.waker().clone());
        let mut turns = 0;
        while let Some(id) = self.next(rng) {
            turns += 1;
            assert!(turns < AT_ONE_INSTANT, "somebody goes round in circles: {id}");
            if id != MAIN {
                self.give_turn(id);
            } else if let Poll::Ready(result) = main.as_mut().poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    }

    fn next(&self, rng: &mut StdRng) -> Option<u64> {
        let mut state = self.lock();
        let ready = &mut state.ready;
        let chosen = (!ready.is_empty()).then(|| rng.random_range(0..ready.len()))?;
        let id = ready.iter().nth(chosen).copied()?;
        ready.remove(&id);
        Some(id)
    }

    fn give_turn(&self, id: u64) {
        let (mut future, waker, life) = {
            let mut state = self.lock();
            let Some(entry) = state.tasks.get_mut(&id) else { return };
            let Some(future) = entry.future.take() else { return };
            (future, entry.waker.clone(), entry.life.clone())
        };
        if let Some(life) = life.filter(|life| life.passes()) {
            return self.bury(&life);
        }
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            drop(self.remove(id));
        } else if let Some(entry) = self.lock().tasks.get_mut(&id) {
            entry.future = Some(future);
        }
        // Otherwise it was ended in its own turn.
    }
}

/// Says of one task that it is ready.
struct OneTask {
    turns: Arc<Turns>,
    id: u64,
}

impl Wake for OneTask {
    fn wake(self: Arc<Self>) {
        self.turns.wake(self.id);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.turns.wake(self.id);
    }
}

/// While it lives, what is spawned on this thread goes to its turns.
struct Entered;

impl Entered {
    fn new(turns: &Arc<Turns>) -> Self {
        let before = CURRENT.replace(Some(Arc::clone(turns)));
        assert!(before.is_none(), "one history in another");
        Self
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(None);
    }
}
