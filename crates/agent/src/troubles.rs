//! What goes on being wrong though nobody asked for it: each task that meets something of the kind says its own, and takes it
//! back when it is over.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// For `weft status`: the last that each task has said.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<BTreeMap<&'static str, String>>);

impl Troubles {
    /// Says what keeps `task` from its work; nothing, if nothing does.
    pub(crate) fn set(&self, task: &'static str, what: Option<String>) {
        match what {
            Some(what) => drop(self.lock().insert(task, what)),
            None => drop(self.lock().remove(task)),
        }
    }

    /// All of it.
    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
