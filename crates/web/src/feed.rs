//! What pages are told, and how many of them look.

use crate::{
    Picture,
    frame::{self, Away, Parts},
};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::{Notify, broadcast, watch};
use weft_model::{Event, Timestamp};

/// Messages that a page may be behind; one that is further gets the whole anew.
const BEHIND: usize = 64;

/// A message of the stream to a page, as it is on the wire.
pub(crate) type Message = Arc<str>;

/// The picture as it is now, and those who look at it.
#[derive(Debug)]
pub struct Feed {
    now: Mutex<Now>,
    messages: broadcast::Sender<Message>,
    /// How often it was looked at the agent.
    looks: watch::Sender<u64>,
    lookers: AtomicUsize,
    /// Somebody began to look, or something happened.
    pub(crate) wanted: Notify,
}

#[derive(Debug, Default)]
struct Now {
    parts: Parts,
    at: Timestamp,
    away: Option<Away>,
}

/// Somebody who looks, until this is dropped.
pub(crate) struct Looker(Arc<Feed>);

impl Drop for Looker {
    fn drop(&mut self) {
        self.0.lookers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            now: Mutex::default(),
            messages: broadcast::Sender::new(BEHIND),
            looks: watch::Sender::new(0),
            lookers: AtomicUsize::new(0),
            wanted: Notify::new(),
        }
    }
}

impl Feed {
    /// What is known stays readable whatever happened to who wrote it.
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the agent be looked at for as long as what this returns is kept.
    pub(crate) fn look(self: &Arc<Self>) -> Looker {
        self.lookers.fetch_add(1, Ordering::Relaxed);
        self.wanted.notify_one();
        Looker(Arc::clone(self))
    }

    /// Whether anybody looks.
    pub(crate) fn is_looked_at(&self) -> bool {
        self.lookers.load(Ordering::Relaxed) > 0
    }

    /// The number of looks at the agent so far, and those that follow.
    pub(crate) fn looks(&self) -> watch::Receiver<u64> {
        self.looks.subscribe()
    }

    /// All of it, as a document, and the messages that follow.
    pub(crate) fn begin(&self) -> serde_json::Result<(String, broadcast::Receiver<Message>)> {
        let now = self.now();
        let messages = self.messages.subscribe();
        Ok((now.parts.whole(now.at, now.away.as_ref())?, messages))
    }

    /// Takes in what a look at the agent has shown, or why it showed nothing, and tells of what has changed.
    ///
    /// # Errors
    /// None that is known: all of it can be written.
    pub(crate) fn take_in(&self, seen: Result<Picture, String>) -> serde_json::Result<()> {
        let at = Timestamp::now();
        let mut now = self.now();
        let message = match seen {
            Ok(picture) => {
                let parts = picture.parts()?;
                let is_back = now.away.is_some();
                let message = parts.since(&now.parts, at, None)?;
                (now.parts, now.at, now.away) = (parts, at, None);
                message.or(if is_back { Some(frame::only(at, None)?) } else { None })
            }
            Err(why) => {
                let since = now.away.as_ref().map_or(at, |away| away.since);
                let away = Away { since, why };
                let is_news = now.away.as_ref() != Some(&away);
                let away = now.away.insert(away);
                if is_news { Some(frame::only(at, Some(away))?) } else { None }
            }
        };
        if let Some(message) = message {
            // Under the lock: who begins has either the change in what it began with, or this message.
            let _ = self.messages.send(written("change", &message));
        }
        drop(now);
        self.looks.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Tells of something that happened, and has the agent be looked at.
    ///
    /// # Errors
    /// None that is known: all of it can be written.
    pub(crate) fn tell(&self, event: &Event) -> serde_json::Result<()> {
        let _ = self.messages.send(written("event", &serde_json::to_string(event)?));
        self.wanted.notify_one();
        Ok(())
    }
}

/// As server-sent events are written. JSON has no line ends in it.
pub(crate) fn written(kind: &str, data: &str) -> Message {
    format!("event: {kind}\ndata: {data}\n\n").into()
}
