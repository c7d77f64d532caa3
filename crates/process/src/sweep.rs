//! Ending processes for good, also those that have other parents by now.
//!
//! A death signal does not reach everything (the kernel forgets it when a process changes its user), and a
//! daemon leaves its parent on purpose. What they cannot shake off is the network namespace, which was made
//! for this process alone.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    io::Errno,
    process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal},
};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

/// How long what was killed may take to be gone.
const GONE: Duration = Duration::from_secs(5);

/// What tells one namespace from another: the device and inode of its file (namespaces(7)).
pub(crate) type NamespaceId = (u64, u64);

/// The identity of the namespace that `path` refers to.
pub(crate) fn namespace_id(path: impl AsRef<Path>) -> io::Result<NamespaceId> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

/// The identity of the network namespace at `path`, which must not be the one this process is in: everything in a
/// process's namespace is killed in the end, and the agent and its host must not be.
pub(crate) fn foreign_network(path: &Path) -> io::Result<NamespaceId> {
    let id = namespace_id(path)?;
    if id == namespace_id("/proc/self/ns/net")? {
        let why = "it is the host's own; a process needs one to itself";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    Ok(id)
}

/// Kills everything in the network namespace at `path`, which may be gone already. Blocks up to `limit`.
pub(crate) fn empty_namespace(path: &Path, limit: Duration) -> io::Result<()> {
    match foreign_network(path) {
        Ok(id) => kill_all(limit, |pid| in_network(pid, id)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Ends everything in the network namespace at `path`, which may be gone already: first kindly, and what is still there
/// after `grace` by force. Blocks up to five seconds longer.
///
/// # Errors
/// If it is this host's own, or something does not end.
pub fn end_all_in(path: &Path, grace: Duration) -> io::Result<()> {
    let id = match foreign_network(path) {
        Ok(id) => id,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let told = signal_once(Signal::TERM, &|pid| in_network(pid, id))?;
    // Processes that have not ended by then are killed.
    let _ = await_ends(&told, grace);
    kill_all(GONE, |pid| in_network(pid, id))
}

/// Kills every process but this one that `belongs` says yes to, until there is none. Blocks up to `limit`.
pub(crate) fn kill_all(limit: Duration, belongs: impl Fn(Pid) -> bool) -> io::Result<()> {
    let deadline = Instant::now() + limit;
    loop {
        let killed = signal_once(Signal::KILL, &belongs)?;
        if killed.is_empty() {
            return Ok(());
        }
        await_ends(&killed, deadline.saturating_duration_since(Instant::now()))?;
        // Again: one may have had a child just before it died. But not for ever.
        if Instant::now() > deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "its processes multiply as fast as they are killed",
            ));
        }
    }
}

/// Sends a signal to every process but this one that `belongs` says yes to. Returns those that it was sent to.
fn signal_once(signal: Signal, belongs: &impl Fn(Pid) -> bool) -> io::Result<Vec<OwnedFd>> {
    let mut sent = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Some(pid) = Pid::from_raw(pid).filter(|pid| *pid != getpid()) else { continue };
        if !belongs(pid) {
            continue;
        }
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        // Asked again, since the number may have come to mean another process before it was opened.
        if !belongs(pid) {
            continue;
        }
        match pidfd_send_signal(&process, signal) {
            Ok(()) => sent.push(process),
            Err(Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(sent)
}

/// Waits until all these processes have ended.
pub(crate) fn await_ends(processes: &[OwnedFd], limit: Duration) -> io::Result<()> {
    let deadline = Instant::now() + limit;
    let mut left = processes.iter().peekable();
    while let Some(process) = left.peek() {
        let timeout = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(*process, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => {
                let why = "a killed process does not end: it waits for a device or a file system";
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            Ok(_) => drop(left.next()),
            // A child's end is also a signal.
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether a process is in this network namespace. A dead one is in none.
pub(crate) fn in_network(pid: Pid, id: NamespaceId) -> bool {
    namespace_id(format!("/proc/{}/ns/net", pid.as_raw_nonzero())).is_ok_and(|theirs| theirs == id)
}

/// A living process's parent.
pub(crate) fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    parse_parent(&stat)
}

/// proc_pid_stat(5): `pid (name) state ppid …`, where the name may contain anything.
fn parse_parent(stat: &str) -> Option<Pid> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (state != "Z" && state != "X").then(|| Pid::from_raw(parent))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_parent_behind_any_name() {
        let parent = |stat| parse_parent(stat).map(Pid::as_raw_pid);
        assert_eq!(parent("7 (sh) S 3 7 7 0 -1"), Some(3));
        assert_eq!(parent("7 (a) R 9 (b) S 3 7 7"), Some(3));
        assert_eq!(parent("7 (sh) Z 3 7 7 0 -1"), None, "a dead one has no parent any more");
        assert_eq!(parent("7 (sh"), None);
        assert_eq!(parent(""), None);
    }

    #[test]
    fn refuses_to_kill_its_own_host() {
        let error = empty_namespace(Path::new("/proc/self/ns/net"), Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("the host's own"), "{error}");
    }

    #[test]
    fn a_namespace_that_is_gone_is_empty() {
        empty_namespace(Path::new("/nonexistent/netns"), Duration::ZERO).unwrap();
    }
}
