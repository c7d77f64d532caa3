//! What became of a process, from its directory alone.

use crate::{
    children,
    files::{self, Exit, Started},
};
use jiff::Timestamp;
use rustix::process::Pid;
use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

/// What became of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// [`start`](fn@crate::start) was interrupted before the command ran, and nothing runs:
    /// [`remove`](crate::remove) it.
    NotStarted,
    /// The shim is still preparing it: `Running` or `NotStarted` within seconds.
    Starting,
    /// It runs.
    Running {
        /// The command's process id, as this host counts.
        pid: u32,
    },
    /// It ended.
    Exited {
        /// Its exit status; 128 + n if signal n ended it; absent if its shim was killed, and it with it.
        code: Option<i32>,
        /// When; if its shim was killed, the time of its last output.
        at: Timestamp,
    },
}

/// What became of the process of `dir`. Needs no memory of having started it.
///
/// # Errors
/// If the directory cannot be read, or a file in it is damaged.
pub fn state(dir: &Path) -> io::Result<RunState> {
    children::reap();
    let held = is_held(dir)?;
    let started: Option<Started> = files::read_json(dir, files::STARTED)?;
    match (held, started) {
        (true, Some(Started { pid })) => return Ok(RunState::Running { pid }),
        (true, None) => return Ok(RunState::Starting),
        (false, None) => return Ok(RunState::NotStarted),
        (false, Some(_)) => {}
    }
    Ok(match files::read_json::<Exit>(dir, files::EXIT)? {
        Some(Exit { code, at }) => RunState::Exited { code: Some(code), at },
        None => RunState::Exited { code: None, at: last_output(dir)? },
    })
}

/// Whether the shim lives. The lock came into being with it and goes with it, however it goes, and cannot be
/// mistaken for another's as a process id can.
pub(crate) fn is_held(dir: &Path) -> io::Result<bool> {
    let lock = match File::open(dir.join(files::LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The shim's process id, which is to be trusted only while [`is_held`]. `None` if the shim has not come to
/// write it down yet.
pub(crate) fn shim_pid(dir: &Path) -> io::Result<Option<Pid>> {
    let text = fs::read_to_string(dir.join(files::LOCK))?;
    Ok(text.trim().parse().ok().and_then(Pid::from_raw))
}

fn last_output(dir: &Path) -> io::Result<Timestamp> {
    let modified = fs::metadata(dir.join(files::LOG))?.modified()?;
    Timestamp::try_from(modified).map_err(io::Error::other)
}
