//! Watching, by etcd's stream of events.

use super::{
    EtcdStore, NoAnswer,
    client::{Client, is_of_login},
    wire::{Bytes, Int, Streamed, WatchResponse, end_of, start_of},
};
use crate::{Event, Revision, Store, StoreError, Update, http::MAX_ANSWER};
use futures::{Stream, StreamExt, stream::BoxStream};
use serde::Serialize;
use std::time::Duration;
use tokio::time::timeout;

/// How long a stream may be silent before it is opened anew: a connection can die without a word.
const SILENCE: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct WatchRequest {
    create_request: WatchCreate,
}

#[derive(Serialize)]
struct WatchCreate {
    key: Bytes,
    range_end: Bytes,
    start_revision: Int,
}

/// What one message of the stream says.
enum Heard {
    Events(Vec<Event>, Revision),
    /// The revision that was asked for is not there any more.
    Compacted,
}

pub(super) fn watch(
    store: EtcdStore,
    prefix: &str,
    mut revision: Revision,
) -> BoxStream<'static, Result<Update, StoreError>> {
    let prefix = prefix.to_owned();
    Box::pin(async_stream::try_stream! {
        loop {
            let lines = open(&store.client, &prefix, revision).await?;
            futures::pin_mut!(lines);
            // Silence ends the stream, and the next one takes up where it ended.
            while let Ok(line) = timeout(SILENCE, lines.next()).await {
                let line = line.ok_or_else(|| {
                    store.client.store.unavailable("watch", "the server ended the stream".into())
                })??;
                match read(&store.client, &line)? {
                    Some(Heard::Events(events, at)) => {
                        revision = at;
                        yield Update::Events { events, revision };
                    }
                    Some(Heard::Compacted) => {
                        let listing = store.list(&prefix).await?;
                        revision = listing.revision;
                        yield Update::Snapshot(listing);
                        break;
                    }
                    None => {}
                }
            }
        }
    })
}

/// The stream's messages, one a line.
async fn open<'a>(
    client: &'a Client,
    prefix: &str,
    revision: Revision,
) -> Result<impl Stream<Item = Result<Vec<u8>, StoreError>> + use<'a>, StoreError> {
    let start_revision = Int::from_revision(Revision(revision.0.saturating_add(1)));
    let (key, range_end) = (start_of(prefix), end_of(prefix));
    let request = WatchRequest { create_request: WatchCreate { key, range_end, start_revision } };
    let response = client.stream("watch", "/v3/watch", &request).await;
    let response = response.map_err(|failure| match failure {
        NoAnswer::NotFound(reason) => client.store.malformed("watch", reason),
        NoAnswer::Store(error) => error,
    })?;
    let chunks = response.pieces();
    Ok(async_stream::try_stream! {
        futures::pin_mut!(chunks);
        let mut pending = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| client.store.unavailable("watch", error))?;
            let chunk = chunk.as_ref();
            pending.extend_from_slice(chunk);
            // Only what just came can have the end of a line.
            let mut seen = pending.len() - chunk.len();
            while let Some(end) = pending[seen..].iter().position(|byte| *byte == b'\n') {
                let rest = pending.split_off(seen + end + 1);
                yield std::mem::replace(&mut pending, rest);
                seen = 0;
            }
            if pending.len() > MAX_ANSWER {
                Err(client.store.malformed("watch", format!("a message is larger than {MAX_ANSWER} bytes")))?;
            }
        }
    })
}

fn read(client: &Client, line: &[u8]) -> Result<Option<Heard>, StoreError> {
    let malformed = |reason: String| client.store.malformed("watch", reason);
    let message: Streamed<WatchResponse> =
        serde_json::from_slice(line).map_err(|error| malformed(error.to_string()))?;
    let of_login = |reason: &str| {
        if !is_of_login(reason) {
            return false;
        }
        // The next watch logs in again.
        client.forget_token();
        true
    };
    if let Some(error) = message.error {
        of_login(error.reason());
        return Err(client.store.unavailable("watch", error.reason().into()));
    }
    let response = message.result;
    if response.compact_revision.0 > 0 {
        return Ok(Some(Heard::Compacted));
    }
    if response.canceled && of_login(&response.cancel_reason) {
        return Err(client.store.unavailable("watch", response.cancel_reason.into()));
    }
    if response.canceled {
        return Err(client.store.refused("watch", response.cancel_reason));
    }
    let last = response.events.iter().map(|event| event.kv.mod_revision.revision()).max();
    let Some(last) = last else { return Ok(None) };
    let events = response.events.into_iter().filter_map(|event| event.event()).collect();
    Ok(Some(Heard::Events(events, last)))
}
