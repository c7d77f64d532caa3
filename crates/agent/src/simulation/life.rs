//! How long an agent lives.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// The life of one run of an agent. It ends at any turn of its tasks, or at any call to the store, before it is made
/// or before its answer is heard.
#[derive(Debug, Default)]
pub(crate) struct Life {
    /// How many such points it has left; unlimited if absent.
    left: Mutex<Option<usize>>,
    over: AtomicBool,
}

impl Life {
    /// Lets it end at the `points`th point from now.
    pub(crate) fn end_after(&self, points: usize) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(points);
    }

    /// Lets it go on as long as nobody ends it.
    pub(crate) fn spare(&self) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether its end is near.
    pub(crate) fn is_doomed(&self) -> bool {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Comes to a point. Returns whether it is over.
    pub(super) fn passes(&self) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(points) = left.as_mut() {
            match points.checked_sub(1) {
                Some(fewer) => *points = fewer,
                None => self.over.store(true, Ordering::Relaxed),
            }
        }
        self.is_over()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}
