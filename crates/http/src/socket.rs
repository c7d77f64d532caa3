//! A socket of a door: this agent's own, or one that systemd keeps.

use crate::Listener;
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
};
use tokio::net::{UnixListener, UnixStream};

/// Listens on a path.
#[derive(Debug)]
pub struct ServerSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Whether systemd keeps the socket, with the clients that wait on it, until the next agent comes.
    kept: bool,
}

impl ServerSocket {
    /// One that this agent made at `path`.
    pub(super) fn made(listener: UnixListener, path: &Path) -> Self {
        Self { listener, path: path.to_owned(), kept: false }
    }

    /// One that systemd made at `path`, and keeps.
    pub(super) fn kept(listener: UnixListener, path: &Path) -> Self {
        Self { listener, path: path.to_owned(), kept: true }
    }

    /// Removes the socket, unless systemd keeps it: then clients wait for the next agent.
    pub fn removal(&self) -> Removal {
        Removal((!self.kept).then(|| self.path.clone()))
    }
}

/// The end of a socket's file, if there is to be one.
#[derive(Debug)]
pub struct Removal(Option<PathBuf>);

impl Removal {
    /// Takes it away.
    pub fn carry_out(self) {
        // A socket that is left behind is recognised as such by the next agent.
        let _ = self.0.map(std::fs::remove_file);
    }
}

impl AsFd for ServerSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Listener for ServerSocket {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }

    fn outlives_this_agent(&self) -> bool {
        self.kept
    }
}
