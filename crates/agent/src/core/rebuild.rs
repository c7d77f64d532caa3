//! Puts back what the store lost.
//!
//! A loop like [`reconcile`](crate::reconcile): it compares what the store says with what this node remembers and
//! what its journal says, writes what is missing, and looks again, until nothing is. All nodes do the same at the
//! same time; each write is conditional, so what two would write is written once.

mod plan;

use super::{Core, Error};
use crate::{cluster::Cluster, error::chain, picture::Picture};
use plan::{Loss, Plan, plan};
use std::{sync::Arc, time::Duration};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    task::block_in_place,
    time::{Instant, sleep, timeout},
};
use weft_model::{Epoch, Extra, Key, Rebuilt, Record};
use weft_store::{CommitError, Condition, Txn};

/// How often to look again without a reason.
const PERIOD: Duration = Duration::from_secs(1);
/// How long to wait for another node to say whether an address is still its own.
const CONFIRMATION_PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait for nodes that were up to be so again: until then their names are answered.
const NODES_PATIENCE: Duration = Duration::from_secs(3);
/// How long to go on trying. Something that cannot be read may be in the way for ever.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long to collect changes before the memory of the cluster is written.
const MEMORY_DELAY: Duration = Duration::from_secs(1);

impl Core {
    /// Puts back what the store loses, for ever. Safe to cancel at any time.
    pub(crate) async fn rebuild(self: Arc<Self>) {
        let mut picture = self.picture.clone();
        while picture.wait_for(|picture| picture.remains.is_some()).await.is_ok() {
            let began = Instant::now();
            loop {
                let now = picture.borrow_and_update().clone();
                let Some(loss) = self.loss(&now) else { break };
                match self.put_back(&loss, began).await {
                    Ok(true) => self.has_put_back(&loss),
                    Ok(false) => {}
                    Err(error) => tracing::debug!(%error, "not put back yet"),
                }
                // It makes no difference whether something changed or it is time.
                let _ = timeout(PERIOD, picture.changed()).await;
            }
        }
    }

    fn loss(&self, picture: &Picture) -> Option<Loss> {
        let remains = picture.remains.clone()?;
        Some(Loss {
            remembered: picture.cluster.clone().unwrap_or_default(),
            removed: remains.networks.keys().filter(|id| self.memory.was_removed(id)).copied().collect(),
            remains,
            journal: self.journal.endpoints(),
            dealt_with: self.memory.dealt_with().borrow().unwrap_or_default(),
        })
    }

    /// Does what there is to do. Returns whether that was nothing.
    async fn put_back(&self, loss: &Loss, began: Instant) -> Result<bool, Error> {
        if loss.remains.times_rebuilt() <= loss.dealt_with {
            // What a watch says may be old: then it is the picture that is behind, and catches up.
            if self.has_lost_something(loss).await? {
                self.mark_loss(&loss.remains).await?;
            }
            return Ok(false);
        }
        // First what is to go: it may be in the way.
        let leftovers = self.leftovers_here(&loss.remains).into_iter();
        let leftovers: Vec<Txn> = leftovers.filter_map(|id| self.releasing(&loss.remains, id)).collect();
        let Plan { txns, cut_off, waits } =
            plan(&self.config, &self.keyspace, loss, began.elapsed() < CONFIRMATION_PATIENCE);
        for (id, why) in &cut_off {
            tracing::error!(endpoint = id.short(), why, "cut off");
            let update = self.journal.update(id, |local| local.fenced = Some(why.clone()));
            update.map_err(|error| Error::internal("cannot cut an endpoint off", error))?;
        }
        let done = leftovers.is_empty() && txns.is_empty() && cut_off.is_empty() && !waits;
        for txn in leftovers.into_iter().chain(txns) {
            match self.store.commit(txn).await {
                // Somebody else was faster: the next look shows what is still missing.
                Ok(()) | Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
        if began.elapsed() > PATIENCE {
            tracing::error!("the store lost something that cannot be put back; going on with what it has");
            return Ok(true);
        }
        let up_again = loss.remembered.live.keys().all(|node| loss.remains.live.contains_key(node));
        Ok(done && (up_again || began.elapsed() > NODES_PATIENCE))
    }

    async fn has_lost_something(&self, loss: &Loss) -> Result<bool, Error> {
        let epoch = self.store.get(&self.path(&Key::Epoch)).await?;
        let mark = self.store.get(&self.path(&Key::Rebuilt)).await?;
        let taken =
            epoch.and_then(|entry| Epoch::from_json(&entry.value).ok()).map_or(0, |epoch| epoch.created);
        let times = mark.and_then(|entry| Rebuilt::from_json(&entry.value).ok()).map_or(0, |mark| mark.times);
        Ok(taken < loss.remembered.pools_taken() || times < loss.dealt_with)
    }

    /// Tells every node that the store lost something: each has a part in putting it back, and until it has done
    /// it, nothing that it claimed before counts against others.
    pub(super) async fn mark_loss(&self, remains: &Cluster) -> Result<(), Error> {
        let before = remains.rebuilt.as_ref();
        let dealt_with = self.memory.dealt_with().borrow().unwrap_or_default();
        let mark = Rebuilt {
            times: dealt_with.max(remains.times_rebuilt()).saturating_add(1),
            by: self.config.node_name.clone(),
            at: self.env.now(),
            extra: before.map_or_else(Extra::new, |mark| mark.extra.clone()),
        };
        let condition = before.map_or(Condition::Absent, |mark| Condition::Unchanged(mark.modified));
        match self.store.commit(Txn::new().put(self.path(&Key::Rebuilt), mark.to_json(), condition)).await {
            Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    /// This node has done its part; from here on the picture is what the store says.
    fn has_put_back(&self, loss: &Loss) {
        tracing::info!(store = self.store.describe(), "put back into the store what it had lost");
        for network in loss.removed.iter().filter_map(|id| loss.remains.networks.get(id)) {
            tracing::warn!(network = %network.name, "removed before, in the store again, and in use: it stays");
        }
        self.memory.has_dealt_with(loss.remains.times_rebuilt());
    }

    /// Writes down what the store says, for the next run of this agent. For ever; safe to cancel at any time.
    pub(crate) async fn remember(self: Arc<Self>) {
        let mut picture = self.picture.clone();
        let mut failed = false;
        while picture.changed().await.is_ok() {
            sleep(MEMORY_DELAY).await;
            let now = picture.borrow_and_update().clone();
            let Some(cluster) = now.cluster.filter(|_| now.error.is_none()) else { continue };
            // It takes a while where there are thousands of endpoints: other tasks need not wait.
            let save = || self.memory.save(&cluster).err().map(|error| chain(&error));
            let error = match Handle::current().runtime_flavor() {
                RuntimeFlavor::CurrentThread => save(),
                _ => block_in_place(save),
            };
            if let Some(error) = error.as_ref().filter(|_| !failed) {
                tracing::warn!(error, "cannot remember the cluster");
            }
            failed = error.is_some();
        }
    }
}
