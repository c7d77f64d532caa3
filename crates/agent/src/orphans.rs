//! Processes of `weft run` that nothing is known of any more: their records went with the data directory. What is left of
//! them are namespaces, told by name and mark, and what runs in them, on no network, where nobody finds it.

use crate::{
    core::Error,
    error::chain,
    host::Host,
    processes::{NETNS_PREFIX, Processes},
};
use std::{path::Path, time::Duration};

/// How long what runs there may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// Ends and removes them all, and says so. Those of other agents on this machine have other marks.
///
/// # Errors
/// What stays, and why.
pub(crate) async fn clear(processes: &Processes, host: &dyn Host) -> Result<(), Error> {
    let mut first = Ok(());
    // Records come before namespaces: what is there now and has none had none before.
    for name in host.own_netns(NETNS_PREFIX).await? {
        if processes.owns(&name) {
            continue;
        }
        tracing::warn!(
            netns = name,
            "a process of `weft run` that nothing is known of any more: this host has lost its data directory since. It is on \
             no network; ending it, and removing its network namespace"
        );
        if let Err(error) = remove(&name, host).await {
            tracing::warn!(netns = name, error = chain(&error), "it stays");
            first = first.and(Err(error));
        }
    }
    first
}

async fn remove(name: &str, host: &dyn Host) -> Result<(), Error> {
    let netns = Path::new("/run/netns").join(name);
    let failed = format!("what runs in the network namespace {name} cannot be ended");
    let ended = tokio::task::spawn_blocking(move || weft_process::end_all_in(&netns, GRACE)).await;
    ended
        .map_err(|error| Error::internal(&failed, error))?
        .map_err(|error| Error::internal(&failed, error))?;
    host.delete_netns(name).await
}
