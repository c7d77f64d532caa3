//! Watching by blocking queries: <https://developer.hashicorp.com/consul/api-docs/features/blocking>.

use super::{
    client::{Client, encode},
    read_listing,
};
use crate::{Listing, Revision, StoreError, Update};
use futures::stream::BoxStream;
use std::{sync::Arc, time::Duration};

/// How long Consul may hold a query back when nothing happens.
const WAIT: Duration = Duration::from_secs(55);
/// Consul adds up to a sixteenth to the wait, to spread its load; the rest is for the way.
const MARGIN: Duration = Duration::from_secs(8);

/// Each query that comes back with another index yields a snapshot: Consul does not say what changed.
pub(super) fn watch(
    client: Arc<Client>,
    prefix: &str,
    revision: Revision,
) -> BoxStream<'static, Result<Update, StoreError>> {
    let prefix = encode(prefix).to_string();
    let mut index = revision.0;
    Box::pin(async_stream::try_stream! {
        loop {
            let listing = query(&client, &prefix, index).await?;
            let Revision(next) = listing.revision;
            // An index that went back means that Consul starts again (a restored snapshot, say): so do we.
            // Zero would not block.
            if next != index {
                index = next.max(1);
                yield Update::Snapshot(listing);
            }
        }
    })
}

async fn query(client: &Client, prefix: &str, index: u64) -> Result<Listing, StoreError> {
    // Index 0 answers at once.
    let path = format!("/v1/kv/{prefix}?recurse&index={index}&wait={}s", WAIT.as_secs());
    let answer = client.get("watch", &path, WAIT + MARGIN).await?;
    read_listing(client, "watch", &answer)
}
