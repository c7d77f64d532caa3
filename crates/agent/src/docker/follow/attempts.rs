//! Patience with what fails: each thing is tried again after a pause of its own, independent of the others.

use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;
use weft_state::env::Env;

/// The pause after the first attempt, doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What was tried, and is still to be done.
pub(super) struct Attempts<K>(BTreeMap<K, Attempt>);

struct Attempt {
    due: Instant,
    pause: Duration,
    failure: Option<String>,
}

impl<K> Default for Attempts<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Attempts<K> {
    /// Forgets what is not to be done any more.
    pub(super) fn retain(&mut self, wanted: impl Fn(&K) -> bool) {
        self.0.retain(|what, _| wanted(what));
    }

    /// Whether it is time to try this.
    pub(super) fn is_due(&self, what: &K) -> bool {
        self.0.get(what).is_none_or(|attempt| attempt.due <= Instant::now())
    }

    /// Notes how a try ended. What succeeded need not be done again; if it must, then not at once.
    pub(super) fn note(&mut self, what: &K, result: Result<(), String>, env: &Env) {
        let pause = self.0.get(what).map_or(FIRST_PAUSE, |before| (before.pause * 2).min(LONGEST_PAUSE));
        let due = Instant::now() + env.jitter(pause);
        self.0.insert(what.clone(), Attempt { due, pause, failure: result.err() });
    }

    /// When the next is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().map(|attempt| attempt.due).min()
    }

    /// What failed, and why.
    pub(super) fn failed(&self) -> impl Iterator<Item = (&K, &String)> {
        self.0.iter().filter_map(|(what, attempt)| Some((what, attempt.failure.as_ref()?)))
    }
}
