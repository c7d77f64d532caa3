//! Waiting for the end of a process that may be another agent's child.

use crate::{
    children,
    control::end_leftovers,
    state::{is_held, shim_pid},
};
use rustix::{
    fd::OwnedFd,
    io::Errno,
    process::{PidfdFlags, pidfd_open},
};
use std::{
    io,
    path::{Path, PathBuf},
};
use tokio::io::{Interest, unix::AsyncFd};

/// The end of a process, to be waited for.
#[derive(Debug)]
pub struct ProcessEnd {
    shim: AsyncFd<OwnedFd>,
    dir: PathBuf,
}

/// The end of the process of `dir`, also if an earlier agent started it; `None` if the process has ended, and nothing
/// of it is left in its network namespace. Has to be called within a tokio runtime.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] while the shim is a few instructions old: ask again. Otherwise, if the
/// directory cannot be read, or what a killed shim left cannot be killed.
pub fn wait_handle(dir: &Path) -> io::Result<Option<ProcessEnd>> {
    let Some(shim) = open_shim(dir)? else {
        end_leftovers(dir)?;
        return Ok(None);
    };
    #[expect(deprecated, reason = "its `unsafe` successor guards against types not as strict as OwnedFd")]
    let shim = AsyncFd::with_interest(shim, Interest::READABLE)?;
    Ok(Some(ProcessEnd { shim, dir: dir.to_owned() }))
}

impl ProcessEnd {
    /// Returns when the process has ended, with everything in its network namespace, and
    /// [`state`](fn@crate::state) says how. Cancel-safe: it can be called again.
    ///
    /// # Errors
    /// If the runtime has shut down, or what a killed shim left cannot be killed.
    pub async fn wait(&self) -> io::Result<()> {
        // A pidfd becomes readable when its process ends (pidfd_open(2)), and stays so.
        drop(self.shim.readable().await?);
        let dir = self.dir.clone();
        tokio::task::spawn_blocking(move || {
            children::reap();
            end_leftovers(&dir)
        })
        .await?
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
