//! Random transactions, carried out on the store and on the one in memory: both have to agree.

use super::Bench;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::time::Duration;
use weft_store::{CommitError, Condition, MemoryStore, Revision, SessionId, Store, StoreEntry, Txn};

/// Longer than the check takes: these sessions end only by being closed.
const TTL: Duration = Duration::from_secs(300);
const KEYS: usize = 6;

/// One of the two stores.
struct Side<'a> {
    store: &'a dyn Store,
    sessions: Vec<SessionId>,
    /// What is there, as of the last look.
    entries: Vec<StoreEntry>,
}

impl<'a> Side<'a> {
    async fn new(store: &'a dyn Store) -> Self {
        let mut side = Self { store, sessions: Vec::new(), entries: Vec::new() };
        for _ in 0..2 {
            side.sessions.push(store.open_session(TTL).await.unwrap());
        }
        side
    }

    async fn look(&mut self, root: &str) {
        self.entries = self.store.list(root).await.unwrap().entries;
    }

    async fn replace_session(&mut self, which: usize) {
        self.store.close_session(&self.sessions[which]).await.unwrap();
        self.sessions[which] = self.store.open_session(TTL).await.unwrap();
    }

    fn held(&self, key: &str) -> Option<&StoreEntry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// What both sides have to agree on: keys, values, and which session.
    fn shown(&self) -> Vec<(&str, &[u8], Option<usize>)> {
        let session = |entry: &StoreEntry| {
            let session = entry.session.as_ref()?;
            Some(self.sessions.iter().position(|known| known == session).expect("a foreign session"))
        };
        self.entries
            .iter()
            .map(|entry| (entry.key.as_str(), entry.value.as_slice(), session(entry)))
            .collect()
    }
}

/// An operation, before it is known what revisions and sessions are called on a side.
#[derive(Debug, Clone, Copy)]
struct Plan {
    key: usize,
    action: Action,
    condition: When,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Check,
    Put(u32),
    PutBound(u32, usize),
    Delete,
}

#[derive(Debug, Clone, Copy)]
enum When {
    Always,
    Absent,
    Unchanged,
    Stale,
}

fn plan(rng: &mut StdRng, key: usize) -> Plan {
    let action = match rng.random_range(0..6) {
        0 => Action::Check,
        1 | 2 => Action::Put(rng.random()),
        3 => Action::PutBound(rng.random(), rng.random_range(0..2)),
        _ => Action::Delete,
    };
    // Mostly conditions that hold, or next to nothing would happen.
    let condition = match rng.random_range(0..10) {
        0..5 => When::Always,
        5 | 6 => When::Absent,
        7 | 8 => When::Unchanged,
        _ => When::Stale,
    };
    Plan { key, action, condition }
}

fn txn(plans: &[Plan], side: &Side<'_>, root: &str) -> Txn {
    plans.iter().fold(Txn::new(), |txn, plan| {
        let key = format!("{root}{}", plan.key);
        let modified = side.held(&key).map_or(Revision(0), |entry| entry.modified);
        let condition = match plan.condition {
            When::Always => Condition::Always,
            When::Absent => Condition::Absent,
            When::Unchanged => Condition::Unchanged(modified),
            When::Stale => Condition::Unchanged(Revision(modified.0.saturating_sub(1))),
        };
        match plan.action {
            Action::Check => txn.check(key, condition),
            Action::Put(value) => txn.put(key, value.to_string(), condition),
            Action::PutBound(value, session) => {
                txn.put_bound(key, value.to_string(), condition, side.sessions[session].clone())
            }
            Action::Delete => txn.delete(key, condition),
        }
    })
}

pub async fn a_random_history_is_that_of_memory(bench: Bench) {
    let seed: u64 = rand::random();
    eprintln!("a_random_history_is_that_of_memory: {}: seed {seed}", bench.store.describe());
    let mut rng = StdRng::seed_from_u64(seed);
    let memory = MemoryStore::new();
    let (mut model, mut real) = (Side::new(&memory).await, Side::new(&*bench.store).await);
    let mut committed = 0;
    for round in 0..150 {
        if rng.random_range(0..15) == 0 {
            let which = rng.random_range(0..2);
            model.replace_session(which).await;
            real.replace_session(which).await;
        } else {
            let keys: Vec<_> = (0..KEYS).filter(|_| rng.random_range(0..3) == 0).collect();
            let plans: Vec<_> = keys.into_iter().map(|key| plan(&mut rng, key)).collect();
            let expected = memory.commit(txn(&plans, &model, &bench.root)).await;
            let found = bench.store.commit(txn(&plans, &real, &bench.root)).await;
            match (&expected, &found) {
                (Ok(()), Ok(())) => committed += 1,
                (Err(CommitError::Conflict { keys }), Err(CommitError::Conflict { keys: named })) => {
                    let guilty = !named.is_empty() && named.iter().all(|key| keys.contains(key));
                    assert!(guilty, "seed {seed}, round {round}: {named:?} instead of {keys:?}: {plans:?}");
                }
                _ => panic!("seed {seed}, round {round}: {found:?} instead of {expected:?}: {plans:?}"),
            }
        }
        model.look(&bench.root).await;
        real.look(&bench.root).await;
        assert_eq!(real.shown(), model.shown(), "seed {seed}, round {round}");
    }
    assert!(committed > 20, "seed {seed}: hardly anything happened");
    for session in real.sessions {
        bench.store.close_session(&session).await.unwrap();
    }
}
