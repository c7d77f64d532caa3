//! Looks at the agent while somebody looks at the page: when something happens, and every few seconds, for the times of paths.

use crate::{Feed, Picture};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};
use weft_model::Event;

/// How long between two looks at least.
const AT_LEAST: Duration = Duration::from_millis(200);
/// How much longer than a look the pause after it is, so that a large cluster's agent has other things to do.
const RESTS: u32 = 3;
/// How long between two looks at most.
const AT_MOST: Duration = Duration::from_secs(3);
/// How long between two looks at most, while the agent is away.
const AWAY: Duration = Duration::from_secs(1);
/// How long a look may take.
const WITHIN: Duration = Duration::from_secs(10);

/// Who knows: an agent. What goes wrong is a sentence for people.
pub trait Source: Send + Sync + 'static {
    /// What it says of the cluster now.
    fn look(&self) -> impl Future<Output = Result<Picture, String>> + Send;

    /// What happened, as far as it remembers, oldest first.
    fn remembered(&self) -> impl Future<Output = Result<Vec<Event>, String>> + Send;

    /// Passes on what happens from now on, until it cannot any more.
    fn follow(&self, each: impl FnMut(Event) + Send) -> impl Future<Output = Result<(), String>> + Send;
}

/// Keeps `feed` as `source` says. Never ends.
pub async fn watch<S: Source>(source: Arc<S>, feed: Arc<Feed>) {
    tokio::join!(looking(&*source, &feed), listening(&*source, &feed));
}

async fn looking<S: Source>(source: &S, feed: &Feed) {
    loop {
        while !feed.is_looked_at() {
            feed.wanted.notified().await;
        }
        let began = Instant::now();
        let seen = timeout(WITHIN, source.look()).await;
        let seen =
            seen.unwrap_or_else(|_| Err(format!("the agent did not answer within {} s", WITHIN.as_secs())));
        let is_away = seen.is_err();
        // All of it can be written; if not, the next look may fare better.
        let _ = feed.take_in(seen);
        sleep((began.elapsed() * RESTS).max(AT_LEAST)).await;
        let _ = timeout(if is_away { AWAY } else { AT_MOST }, feed.wanted.notified()).await;
    }
}

async fn listening<S: Source>(source: &S, feed: &Feed) {
    loop {
        let _ = source.follow(|event| drop(feed.tell(&event))).await;
        // The agent went away, or came back: either is to be seen at once.
        feed.wanted.notify_one();
        sleep(AWAY / 2).await;
    }
}
