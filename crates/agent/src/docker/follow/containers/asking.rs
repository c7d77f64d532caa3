//! When to ask the engine for the names of containers that joined without one.

use std::{collections::BTreeSet, time::Duration};
use tokio::time::Instant;
use weft_model::EndpointId;

/// The first pauses: a container is being started, and others wait to call it by its name.
const FIRST_PAUSE: Duration = Duration::from_millis(3);
/// How long the pauses stay short.
const EAGER: Duration = Duration::from_millis(300);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Asking {
    unnamed: BTreeSet<EndpointId>,
    eager_until: Instant,
    pause: Duration,
    due: Instant,
}

impl Default for Asking {
    fn default() -> Self {
        let now = Instant::now();
        Self { unnamed: BTreeSet::new(), eager_until: now, pause: FIRST_PAUSE, due: now }
    }
}

impl Asking {
    /// Notes which endpoints have no name now. With a new one among them, it is time to ask.
    pub(super) fn about(&mut self, unnamed: BTreeSet<EndpointId>) {
        if !unnamed.is_subset(&self.unnamed) {
            let now = Instant::now();
            *self = Self { unnamed, eager_until: now + EAGER, pause: FIRST_PAUSE, due: now };
        } else {
            self.unnamed = unnamed;
        }
    }

    /// When to ask; `None` if there is nothing to ask.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.unnamed.is_empty()).then_some(self.due)
    }

    /// Notes that the engine was asked.
    pub(super) fn asked(&mut self) {
        let now = Instant::now();
        if now > self.eager_until {
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        self.due = now + self.pause;
    }
}
