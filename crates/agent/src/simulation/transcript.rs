//! What happens in a history, in order.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};
use tokio::time::Instant;

/// A transcript of a history. Clones are the same transcript.
#[derive(Clone)]
pub(crate) struct Transcript {
    lines: Arc<Mutex<Vec<String>>>,
    began: Instant,
    /// Whether all that is asked of the store is noted too, which takes a while.
    is_full: bool,
}

impl Transcript {
    pub(crate) fn new(is_full: bool) -> Self {
        Self { lines: Arc::default(), began: Instant::now(), is_full }
    }

    /// Notes what somebody did to the cluster.
    pub(crate) fn tell(&self, what: &str) {
        self.lines.lock().unwrap().push(format!("{:9.3} {what}", self.began.elapsed().as_secs_f64()));
    }

    /// Notes what was asked of the store, if that is wanted.
    pub(crate) fn tell_in_full(&self, what: impl FnOnce() -> String) {
        if self.is_full {
            self.tell(&what());
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// All of it, a line an event.
    pub(crate) fn text(&self) -> String {
        self.lines().iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{line}");
            text
        })
    }
}
