//! A node's own clock.

use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// When a history begins, in seconds since the lineage: 2026-01-01.
const BEGIN: i64 = 1_767_225_600;

/// A clock that follows the paused one, and may jump. Clones are the same clock.
#[derive(Clone)]
pub(crate) struct Clock {
    began: Instant,
    ahead: Arc<Mutex<SignedDuration>>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), ahead: Arc::default() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let begin = Timestamp::from_second(BEGIN).unwrap();
        begin + self.began.elapsed() + *self.ahead.lock().unwrap()
    }

    /// Puts it forwards, or backwards.
    pub(crate) fn jump(&self, by: SignedDuration) {
        *self.ahead.lock().unwrap() += by;
    }
}
