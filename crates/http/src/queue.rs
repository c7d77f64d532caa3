//! Connections that wait to be served, one after the other.

use crate::{Crowd, Listener, Slot, open_files};
use std::{io, os::fd::OwnedFd, time::Duration};

/// How long to wait when a connection cannot be accepted.
const RETRY_ACCEPT: Duration = Duration::from_millis(200);

/// The connections that wait to be served.
pub(crate) struct Queue<L: Listener> {
    listener: L,
    crowd: Crowd,
    /// The connection that is accepted, and has no place yet.
    first: Option<L::Stream>,
    /// Whether it was said that there are as many as there may be.
    crowded: bool,
    /// A file descriptor that is given up for a connection when there is no other: one at a time is served even
    /// then, and can ask what is wrong.
    spare: Option<OwnedFd>,
    /// Whether it was said that nobody can be accepted.
    stuck: bool,
}

impl<L: Listener> Queue<L> {
    pub(crate) fn of(listener: L, at_once: usize) -> Self {
        let crowd = Crowd::of(at_once);
        let mut queue = Self { listener, crowd, first: None, crowded: false, spare: None, stuck: false };
        queue.keep_a_spare();
        queue
    }

    fn keep_a_spare(&mut self) {
        if self.spare.is_none() {
            self.spare = self.listener.as_fd().try_clone_to_owned().ok();
        }
    }

    /// Whether no other agent will accept the next connection.
    pub(crate) fn is_ours_to_end(&self) -> bool {
        self.first.is_some() || !self.listener.outlives_this_agent()
    }

    /// The next. Cancel-safe: a connection that is not accepted yet stays in the kernel's queue, and one that has
    /// no slot yet in this one.
    pub(crate) async fn accept(&mut self) -> (L::Stream, Slot) {
        loop {
            if self.first.is_none() {
                self.first = Some(self.next().await);
            }
            self.say_whether_it_is_crowded();
            let slot = self.crowd.slot().await;
            if let Some(stream) = self.first.take() {
                return (stream, slot);
            }
        }
    }

    fn say_whether_it_is_crowded(&mut self) {
        let was = std::mem::replace(&mut self.crowded, self.crowd.is_full());
        if self.crowded && !was {
            tracing::warn!("as many connections as there may be; those that ask nothing make room for more");
        }
    }

    async fn next(&mut self) -> L::Stream {
        self.keep_a_spare();
        loop {
            match self.listener.next().await {
                Ok(stream) => {
                    self.stuck = self.spare.is_none();
                    return stream;
                }
                Err(error) => self.make_room(&error).await,
            }
        }
    }

    /// Does what can be done for the next attempt to succeed.
    async fn make_room(&mut self, error: &io::Error) {
        if !self.stuck {
            self.stuck = true;
            tracing::warn!(%error, "cannot accept connections as they come");
            open_files::shortage().iter().for_each(|why| tracing::warn!("{why}"));
        }
        // Dropped, it leaves its slot to the connection.
        if self.spare.take().is_none() {
            tokio::time::sleep(RETRY_ACCEPT).await;
            self.keep_a_spare();
        }
    }
}
