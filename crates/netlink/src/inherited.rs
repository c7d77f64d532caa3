//! Sockets that systemd opened beforehand and hands over (sd_listen_fds(3)).

use std::{
    io,
    os::fd::{FromRawFd, OwnedFd},
    sync::atomic::{AtomicBool, Ordering},
};

/// Whether they were taken: what is owned once must not be owned again.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The sockets that this process was started with; none where nobody handed any over, and the second time. No
/// child inherits them.
///
/// # Errors
/// When what the environment says of them cannot be, or one is not open.
pub fn inherited_sockets() -> io::Result<Vec<OwnedFd>> {
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    let descriptors = sd_notify::listen_fds()?;
    // SAFETY: they are open, since they were just marked as not to be inherited, and they are this process's:
    // LISTEN_PID says so. Nothing else in it knows of them, and nobody gets here twice.
    #[allow(unsafe_code)]
    Ok(descriptors.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect())
}
