//! Waiting for the end of a process that may be another agent's child.

use crate::state::{is_held, shim_pid};
use rustix::{
    fd::{AsFd, OwnedFd},
    io::Errno,
    process::{PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid},
};
use std::{io, path::Path};
use tokio::io::{Interest, unix::AsyncFd};

/// The end of a process, to be waited for.
#[derive(Debug)]
pub struct Ended {
    shim: AsyncFd<OwnedFd>,
}

/// The end of the process of `dir`, whoever started it; `None` if it does not run. Has to be called within a
/// tokio runtime.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] while the shim is a few instructions old: ask again.
pub fn wait_handle(dir: &Path) -> io::Result<Option<Ended>> {
    match open_shim(dir)? {
        Some(shim) => {
            #[expect(
                deprecated,
                reason = "its `unsafe` successor guards against types that are not as strict as OwnedFd"
            )]
            let shim = AsyncFd::with_interest(shim, Interest::READABLE)?;
            Ok(Some(Ended { shim }))
        }
        None => Ok(None),
    }
}

impl Ended {
    /// Returns when the process has ended, with everything in its network namespace, and
    /// [`state`](crate::state) says how. Cancel-safe: it can be called again.
    ///
    /// # Errors
    /// If the runtime has shut down.
    pub async fn wait(&self) -> io::Result<()> {
        // A pidfd becomes readable when its process ends (pidfd_open(2)), and stays so.
        drop(self.shim.readable().await?);
        reap(&self.shim);
        Ok(())
    }
}

/// The living shim of `dir`, in a form that cannot come to mean another process.
pub(crate) fn open_shim(dir: &Path) -> io::Result<Option<OwnedFd>> {
    if !is_held(dir)? {
        return Ok(None);
    }
    let Some(pid) = shim_pid(dir)? else {
        return Err(io::Error::new(
            io::ErrorKind::WouldBlock,
            format!("the shim of {} is only just starting", dir.display()),
        ));
    };
    let shim = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(shim) => shim,
        Err(Errno::SRCH) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Held still, so the process id was the shim's still when it was looked up.
    Ok(is_held(dir)?.then_some(shim))
}

/// Takes a dead shim out of the process table, if it is a child of ours. It is not if another agent started
/// it; then it is init's, who does the same.
pub(crate) fn reap(shim: &impl AsFd) {
    let _ = waitid(WaitId::PidFd(shim.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
}
