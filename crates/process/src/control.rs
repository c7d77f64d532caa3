//! What can be done to a process that exists.

use crate::{
    RunState, Spec, children,
    ended::open_shim,
    files::{self, HOSTS, LOG, OLD_LOG, SPEC},
    state,
    state::shim_pid,
    sweep,
};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long something that was killed may take to be gone.
const GONE: Duration = Duration::from_secs(5);

/// Sends a signal to the command. One that has ended already is no error.
///
/// # Errors
/// If the directory cannot be read, or the kernel refuses.
pub fn signal(dir: &Path, signal: Signal) -> io::Result<()> {
    let RunState::Running { pid } = state(dir)? else { return Ok(()) };
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
    let Some(shim) = shim_pid(dir)? else { return Ok(()) };
    let command = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(command) => command,
        Err(Errno::SRCH) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    // Checked after it was opened: should the number have come to mean another process, it is not the shim's
    // child; should it do so only now, the signal goes to the one that was opened, which is gone.
    if sweep::parent(pid) != Some(shim) || open_shim(dir)?.is_none() {
        return Ok(());
    }
    match pidfd_send_signal(&command, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Kills the command. Its shim then kills the rest, writes down the end, and goes.
///
/// # Errors
/// As [`signal`].
pub fn kill(dir: &Path) -> io::Result<()> {
    signal(dir, Signal::KILL)
}

/// Changes what the process sees as `/etc/hosts`.
///
/// # Errors
/// If the file cannot be written.
pub fn update_hosts(dir: &Path, hosts: &str) -> io::Result<()> {
    // The same file, since the process has this one mounted; and cut only after it is written, so that it is
    // at no moment empty.
    let file = OpenOptions::new().write(true).open(dir.join(HOSTS))?;
    file.write_all_at(hosts.as_bytes(), 0)?;
    file.set_len(hosts.len() as u64)
}

/// The files with the process's output, the older first; the older may not exist. Each has at most 10 MiB:
/// a full one replaces the older, which is lost.
pub fn logs(dir: &Path) -> [PathBuf; 2] {
    [dir.join(OLD_LOG), dir.join(LOG)]
}

/// Ends all that is left of a process: the shim, the command, everything in its network namespace `netns`
/// ([`Spec::netns`]); then removes `dir`. Blocks up to ten seconds. Can be repeated.
///
/// # Errors
/// If something cannot be killed in time, or the directory cannot be removed.
pub fn remove(dir: &Path, netns: &Path) -> io::Result<()> {
    if let Some(shim) = open_shim(dir)? {
        match pidfd_send_signal(&shim, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
        sweep::await_ends(std::slice::from_ref(&shim), GONE)?;
        children::reap();
    }
    sweep::empty_namespace(netns, GONE)?;
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Ends what a shim that is gone left running: nothing, unless it was killed. Blocks up to five seconds.
pub(crate) fn end_leftovers(dir: &Path) -> io::Result<()> {
    match files::read_json::<Spec>(dir, SPEC) {
        Ok(Some(spec)) => sweep::empty_namespace(&spec.netns, GONE),
        Ok(None) => Ok(()),
        // Cut short by a crash: then no shim came to read it, and nothing runs.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(()),
        Err(error) => Err(error),
    }
}
