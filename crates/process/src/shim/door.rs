//! Where the client of a session comes in, once.

use crate::{error::ShimFailure, session::Session};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, Mode, OFlags, chmod, openat, unlinkat},
};
use std::{
    ffi::OsString,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::{
            fs::chown,
            net::{UnixListener, UnixStream},
        },
    },
};

/// A socket that is gone when this is.
pub(super) struct Door {
    listener: UnixListener,
    /// The directory it is in: its path may mean another one to the command, and so to the shim, later.
    directory: OwnedFd,
    name: OsString,
}

impl Door {
    /// Opens it. To be called before anything is mounted for the command. Until its mode is set, only root can connect: that
    /// is the shim's umask.
    pub(super) fn open(session: &Session) -> Result<Self, ShimFailure> {
        let path = &session.socket;
        let cannot = |error: io::Error| {
            ShimFailure::because(format!("listen on {} for the command's input", path.display()))(error)
        };
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(cannot(io::ErrorKind::InvalidInput.into()));
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, directory, flags, Mode::empty()).map_err(|error| cannot(error.into()))?;
        let listener = UnixListener::bind(path).map_err(cannot)?;
        let door = Self { listener, directory, name: name.to_owned() };
        door.listener.set_nonblocking(true).map_err(cannot)?;
        chown(path, None, Some(session.group)).map_err(cannot)?;
        chmod(path, Mode::from_raw_mode(0o660)).map_err(|error| cannot(error.into()))?;
        Ok(door)
    }

    /// Who has come, if anybody has.
    pub(super) fn answer(&self) -> Option<UnixStream> {
        let (client, _) = self.listener.accept().ok()?;
        client.set_nonblocking(true).is_ok().then_some(client)
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // If it is gone already, all is well.
        let _ = unlinkat(&self.directory, &self.name, AtFlags::empty());
    }
}
