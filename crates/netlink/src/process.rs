//! Namespaces of a process of its own, for `weft run` and `weft exec`.

use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType, UnshareFlags};
use std::{io, os::fd::BorrowedFd};

/// Gives the calling thread a mount and a UTS namespace of its own. For a process with one thread: the
/// threads of one process should not differ in what they see.
///
/// # Errors
/// When this process may not (EPERM).
pub fn unshare_mount_uts() -> io::Result<()> {
    // SAFETY: without CLONE_FILES the descriptor table stays shared; nothing else is asked of the caller.
    #[allow(unsafe_code)]
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::NEWUTS) }?;
    Ok(())
}

/// Gives the calling thread a network namespace of its own, which ends with it and all that is in it. For a
/// thread that is thrown away.
///
/// # Errors
/// When this process may not (EPERM).
pub fn unshare_network() -> io::Result<()> {
    // SAFETY: without CLONE_FILES the descriptor table stays shared; nothing else is asked of the caller.
    #[allow(unsafe_code)]
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(())
}

/// Moves the calling thread into the network, mount and UTS namespaces of the process behind `pidfd`, all or
/// none. For a process with one thread: the kernel refuses the mount namespace to others (EINVAL).
///
/// # Errors
/// ESRCH when the process has ended; EPERM when this one may not.
pub fn enter(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    let types = ThreadNameSpaceType::NETWORK
        | ThreadNameSpaceType::MOUNT
        | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME;
    Ok(rustix::thread::move_into_thread_name_spaces(pidfd, types)?)
}

/// Moves the calling thread into a network namespace.
///
/// # Errors
/// EINVAL when `namespace` is not one; EPERM when this process may not.
pub fn enter_network(namespace: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::thread::move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network))?)
}
