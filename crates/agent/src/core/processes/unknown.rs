//! What runs on this host and is not in the data directory: ended only once it is certain that it is nobody's.

use super::Processes;
use crate::orphans;
use std::time::Duration;
use tokio::time::sleep;
use weft_model::chain;

/// How long to leave alone what the cluster knows, before it is looked at again.
const PAUSE: Duration = Duration::from_secs(2);

impl Processes {
    /// Ends the processes that neither the data directory nor the cluster knows. A directory that is not this host's, or is
    /// older than what runs, knows less than there is: so only once this node is in its cluster, and what was there under its
    /// name was given back.
    pub(super) async fn clear_orphans(&self) {
        // What was there under this node's name is given back at the same time: once is no news.
        let (mut before, mut said) = (Vec::new(), false);
        loop {
            self.access.is_in().await;
            let found = match orphans::find(&self.table, &*self.host).await {
                Ok(found) if found.is_empty() => return,
                Ok(found) => found,
                Err(error) => {
                    return tracing::warn!(
                        error = chain(&error),
                        "cannot look for what an earlier agent left behind"
                    );
                }
            };
            // Looked up after they were found: a process that joins a network meanwhile is known by then.
            let Ok(cluster) = self.access.cluster().await else { continue };
            let (known, unknown): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|netns| orphans::known_on(&cluster, netns).is_some());
            if let Err(error) = orphans::clear(unknown, &*self.host).await {
                tracing::warn!(error = chain(&error), "what an earlier agent left behind stays");
            }
            if known.is_empty() {
                return;
            }
            if known == before && !said {
                let node = known.iter().find_map(|netns| orphans::known_on(&cluster, netns));
                let node = node.map(ToString::to_string);
                tracing::warn!(netns = ?known, node, "processes of `weft run` that the cluster knows, and this data directory does not: they go on");
                said = true;
            }
            before = known;
            sleep(PAUSE).await;
        }
    }
}
