//! Watching by blocking queries: <https://developer.hashicorp.com/consul/api-docs/features/blocking>.

use super::{
    client::{Client, Keys, encode},
    seen::Seen,
    tree::{Tree, WatchState},
    wire::Pair,
};
use crate::{Revision, StoreError, Update, http::Patience};
use futures::stream::BoxStream;
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// How long Consul may hold a query back when nothing happens: as long as it takes (`maxQueryTime`), since all keys
/// come again when it ends. It adds up to a sixteenth, to spread its load.
const WAIT: Duration = Duration::from_secs(600);
/// What it adds, rounded up.
const ADDED: Duration = Duration::from_secs(40);
/// How often a key is asked for meanwhile.
const LOOK: Duration = Duration::from_secs(4);

/// Each query that comes back has everything, since Consul does not say what changed: only what has another
/// index than it had is looked at.
pub(super) fn watch(
    client: Arc<Client>,
    tree: Arc<Tree>,
    prefix: &str,
    revision: Revision,
) -> BoxStream<'static, Result<Update, StoreError>> {
    let prefix = prefix.to_owned();
    Box::pin(async_stream::try_stream! {
        let mut held = WatchState::take(&tree, &prefix, revision);
        loop {
            let before = held.seen.index;
            let keys = next(&client, &tree, &prefix, &held.seen).await?;
            let (index, mut changed) = (keys.index, Vec::new());
            let look = |pair: Pair<'_>| {
                if pair.key.starts_with(&prefix) {
                    changed.extend(held.seen.look(index, pair)?);
                }
                Ok(())
            };
            held.torn = true;
            keys.read(look).await?;
            let update = held.seen.update(index, changed);
            held.torn = false;
            let says_something = matches!(&update, Update::Events { events, .. } if !events.is_empty());
            if index != before || says_something {
                yield update;
            }
        }
    })
}

/// The keys once they are not as they were.
async fn next<'c>(
    client: &'c Client,
    tree: &Tree,
    prefix: &str,
    seen: &Seen,
) -> Result<Keys<'c>, StoreError> {
    tokio::select! {
        keys = ask(client, tree, prefix, seen.index) => keys,
        gone = whether_gone(client, seen.oldest()) => match gone {
            Ok(()) => afresh(client, tree, prefix).await,
            Err(error) => Err(error),
        }
    }
}

/// The keys once something has happened after `before`, from any server; if what that one says is older, from the
/// leader.
async fn ask<'c>(client: &'c Client, tree: &Tree, prefix: &str, before: u64) -> Result<Keys<'c>, StoreError> {
    // Index 0 answers at once.
    let query = format!("index={before}&wait={}s&stale", WAIT.as_secs());
    let keys = tree.read(client, "watch", (prefix, &query), Patience::long(WAIT + ADDED)).await?;
    if keys.fresh && keys.index >= before { Ok(keys) } else { afresh(client, tree, prefix).await }
}

/// The keys as they are now.
async fn afresh<'c>(client: &'c Client, tree: &Tree, prefix: &str) -> Result<Keys<'c>, StoreError> {
    tree.read(client, "watch", (prefix, "consistent"), Patience::long(Duration::ZERO)).await
}

/// Ends when `key` is gone, or cannot be read any more.
///
/// `consul kv delete -recurse weft` leaves one mark, at `weft`. That is above the prefix that is watched, so the
/// index of the prefix does not move, and no watch wakes (`kvsListTxn` in Consul's `agent/consul/state/kvs.go`, which
/// takes the index from marks below the prefix). And a token that may not read the keys any more gets an empty list, as
/// if they were gone; only a read of a single key is refused.
async fn whether_gone(client: &Client, key: Option<String>) -> Result<(), StoreError> {
    let Some(key) = key else { return std::future::pending().await };
    let path = format!("/v1/kv/{}?stale", encode(&key));
    loop {
        sleep(LOOK).await;
        let keys = client.read("watch", &path, Patience::SMALL).await?;
        if keys.is_nothing() {
            return Ok(());
        }
        keys.read(|_| Ok(())).await?;
    }
}
