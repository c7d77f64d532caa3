//! The shims this agent started, until they are dead: as their parent it has to take them out of the process
//! table. Those that another agent started are init's.

use crate::sweep;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::{
    process::Child,
    sync::{Mutex, PoisonError},
    time::Duration,
};

static SHIMS: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Remembers a shim.
pub(crate) fn remember(shim: Child) {
    SHIMS.lock().unwrap_or_else(PoisonError::into_inner).push(shim);
}

/// Takes the dead out of the process table. Called wherever one may have died, so that none stays for long.
pub(crate) fn reap() {
    let mut shims = SHIMS.lock().unwrap_or_else(PoisonError::into_inner);
    shims.retain_mut(|shim| matches!(shim.try_wait(), Ok(None)));
}

/// Kills a shim that failed, and waits until it is dead, up to `limit`.
pub(crate) fn end(mut shim: Child, limit: Duration) {
    let _ = shim.kill();
    // Not reaped yet, so the number is still its own.
    let process = i32::try_from(shim.id()).ok().and_then(Pid::from_raw);
    if let Some(process) = process.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) {
        let _ = sweep::await_ends(&[process], limit);
    }
    remember(shim);
    reap();
}
