//! ProcessTable of `weft run` that nothing is known of any more: their records went with the data directory. What is left of
//! them are namespaces, told by name and mark, and what runs in them, on no network, where nobody finds it.

use crate::{
    host::Host,
    processes::{NETNS_PREFIX, ProcessTable, netns_name},
};
use futures::{StreamExt, stream};
use std::{path::Path, time::Duration};
use weft_model::{NodeName, chain};
use weft_state::cluster::Cluster;
use weft_verbs::Error;

/// How long what runs there may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);
/// How many are ended at once. Each takes a thread for as long.
const AT_ONCE: usize = 32;

/// The namespaces that this host has made for processes that nothing is known of.
///
/// # Errors
/// If the namespaces, or the records of processes, cannot be read.
pub(crate) async fn find(processes: &ProcessTable, host: &dyn Host) -> Result<Vec<String>, Error> {
    let mut found = host.own_netns(NETNS_PREFIX).await?;
    // Records come before namespaces: what was there and has none now had none before.
    let strays = processes.strays()?;
    found.retain(|name| !processes.owns(name, &strays));
    Ok(found)
}

/// The node that the cluster still knows a process in the namespace `netns` of.
pub(crate) fn known_on<'a>(cluster: &'a Cluster, netns: &str) -> Option<&'a NodeName> {
    let is_there = |container: &str| container.parse().is_ok_and(|process| netns_name(&process) == netns);
    let mut endpoints = cluster.all_endpoints().map(|(_, _, endpoint)| endpoint);
    endpoints.find(|endpoint| endpoint.container.as_deref().is_some_and(is_there)).map(|e| &e.node)
}

/// Refuses if there are any.
///
/// # Errors
/// Which.
pub(crate) async fn refuse_if_any(processes: &ProcessTable, host: &dyn Host) -> Result<(), Error> {
    let found = find(processes, host).await?;
    if found.is_empty() {
        return Ok(());
    }
    Err(Error::conflict(format!(
        "processes of `weft run` that this data directory does not know are on this host, in the network namespaces {}: is \
         --data-dir right? End them first (`ip netns pids`), or use --force, which ends them",
        found.join(", ")
    )))
}

/// Ends and removes these, all at once, and says so.
///
/// # Errors
/// What stays, and why.
pub(crate) async fn clear(found: Vec<String>, host: &dyn Host) -> Result<(), Error> {
    let removals = stream::iter(found).map(async |name| {
        tracing::warn!(
            netns = name,
            "a process of `weft run` that nothing is known of, in the data directory or in the cluster: this host has lost that \
             directory since. It is on no network; ending it, and removing its network namespace"
        );
        let removed = remove(&name, host).await;
        if let Err(error) = &removed {
            tracing::warn!(netns = name, error = chain(error), "it stays");
        }
        removed
    });
    removals.buffer_unordered(AT_ONCE).fold(Ok(()), async |first, removed| Result::and(first, removed)).await
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
