//! Whether the other side of a connection has gone.

use std::os::fd::{AsFd, OwnedFd};
use tokio::{
    io::{Interest, unix::AsyncFd},
    net::UnixStream,
};

/// Waits for the other side to close a connection whole, and not only the half that it sends on: then nobody is
/// there to read either.
///
/// Reading cannot tell one from the other. The engine looks at the same sign (moby, `notify_linux.go`).
pub(super) struct HangUp(Option<AsyncFd<OwnedFd>>);

impl HangUp {
    /// Of `stream`. It is a file descriptor of its own, since the stream's is awaited for other things.
    pub(super) fn of(stream: &UnixStream) -> Self {
        // EPOLLHUP is reported with any interest (epoll_ctl(2)), and urgent data does not exist here.
        #[expect(deprecated, reason = "its `unsafe` successor guards against types not as strict as OwnedFd")]
        let watch = |fd| AsyncFd::with_interest(fd, Interest::PRIORITY);
        let watched = stream.as_fd().try_clone_to_owned().and_then(watch);
        if let Err(error) = &watched {
            tracing::warn!(%error, "cannot watch a connection: that its client has gone is noticed late");
        }
        Self(watched.ok())
    }

    /// Returns when it has happened. Cancel-safe.
    pub(super) async fn wait(&self) {
        match &self.0 {
            // An error means that there is nothing to wait for any more.
            Some(watched) => drop(watched.ready(Interest::PRIORITY).await),
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::timeout,
    };

    const SOON: Duration = Duration::from_secs(5);
    const A_WHILE: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn half_a_close_is_none() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let hang_up = HangUp::of(&ours);
        theirs.write_all(b"last words").await.unwrap();
        theirs.shutdown().await.unwrap();
        ours.write_all(b"an answer").await.unwrap();
        assert!(timeout(A_WHILE, hang_up.wait()).await.is_err());
        drop(theirs);
        timeout(SOON, hang_up.wait()).await.unwrap();
        timeout(SOON, hang_up.wait()).await.unwrap();
        let mut said = Vec::new();
        // The other side has not read all: that is an error, after what it said.
        ours.read_to_end(&mut said).await.unwrap_err();
        assert_eq!(said, b"last words");
    }

    #[tokio::test]
    async fn one_that_happened_before_is_seen() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        timeout(SOON, HangUp::of(&ours).wait()).await.unwrap();
    }
}
