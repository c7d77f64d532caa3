//! What goes wrong with the store, and on the way to it.

use super::{NODES, World, verbs::lock};
use rand::RngExt;
use std::time::Duration;
use tokio::time::Instant;
use weft_model::{EndpointId, Key, Keyspace, NetworkId};
use weft_store::memory::Silence;

/// How the way to the store can be cut.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// Nobody answers, and it is known at once.
    Refused,
    Silent(Silence),
}

impl World {
    pub(super) fn disturb_store(&mut self, node: usize) {
        let number = self.rng.random_range(1..4);
        let delay = Duration::from_millis(self.rng.random_range(0..5000));
        let faults = self.nodes[node].store.faults();
        let what = match self.rng.random_range(0..10) {
            0..2 => {
                faults.heal();
                "the store is as it should be".to_owned()
            }
            2 => {
                faults.set_delay(delay);
                format!("the store takes {delay:?}")
            }
            3 => {
                faults.set_watch_delay(delay);
                format!("watches take {delay:?}")
            }
            4 => {
                faults.lose_answers(number);
                format!("{number} answers get lost")
            }
            5 => {
                faults.lose_changes(number);
                format!("{number} changes get lost")
            }
            6 => {
                faults.break_watches();
                "the watches break".to_owned()
            }
            7 => {
                self.store.compact();
                "the store forgets its history".to_owned()
            }
            8 => self.expire_session(node),
            _ => self.fall_behind(node),
        };
        self.tell(format!("host{}: {what}", node + 1));
    }

    /// A session ends before its time, or all of them.
    fn expire_session(&mut self, node: usize) -> String {
        if self.rng.random_bool(0.3) {
            self.store.expire_all_sessions();
            return "all sessions end".to_owned();
        }
        let session =
            self.nodes[node].is_running().then(|| self.nodes[node].core().access.identity().session());
        let Some(session) = session.flatten() else { return "has no session to lose".to_owned() };
        self.store.expire_session(&session);
        "its session ends".to_owned()
    }

    /// The server that answers the node's watches lags behind the others.
    fn fall_behind(&mut self, node: usize) -> String {
        // Of this store, not of the one before it was lost.
        let known = &self.backups[self.lost_after..];
        let backup = match known.is_empty() {
            true => self.store.backup(),
            false => known[self.rng.random_range(0..known.len())].clone(),
        };
        self.nodes[node].store.faults().set_behind(Some(backup));
        "its watches are answered by somebody who is behind".to_owned()
    }

    /// Cuts some nodes off, or all, for a while.
    pub(super) fn partition(&mut self) {
        let cut = match self.rng.random_range(0..3) {
            0 => Cut::Refused,
            1 => Cut::Silent(Silence::Requests),
            _ => Cut::Silent(Silence::Answers),
        };
        let nodes: Vec<usize> = (0..NODES).filter(|_| self.rng.random_bool(0.5)).collect();
        let for_long = self.rng.random_bool(0.3);
        let seconds = self.rng.random_range(1..if for_long { 100 } else { 10 });
        let until = Instant::now() + Duration::from_secs(seconds);
        self.tell(format!(
            "cut off for {seconds} s, {cut:?}: {:?}",
            nodes.iter().map(|n| n + 1).collect::<Vec<_>>()
        ));
        self.go_away(&nodes);
        for node in nodes {
            let faults = self.nodes[node].store.faults();
            match cut {
                Cut::Refused => faults.set_unavailable(true),
                Cut::Silent(silence) => faults.set_silence(Some(silence)),
            }
            self.cut_until[node] = Some(until);
        }
    }

    /// Opens the ways that were cut for long enough.
    pub(super) fn open_ways(&mut self) {
        for node in 0..NODES {
            if self.cut_until[node].take_if(|until| *until <= Instant::now()).is_some() {
                self.tell(format!("host{}: reaches the store again", node + 1));
                self.nodes[node].store.faults().heal();
            }
        }
    }

    /// The store loses all it had, or what was changed since a copy was made.
    pub(super) fn lose_the_store(&mut self) {
        if self.backups.is_empty() || self.rng.random_bool(0.5) {
            self.tell("the store is wiped".to_owned());
            self.store.wipe();
        } else {
            let chosen = self.rng.random_range(0..self.backups.len());
            let goes_on = self.rng.random_bool(0.5);
            let revision = if goes_on { "goes on" } else { "goes back" };
            self.tell(format!("the store is brought back from copy {chosen}, and its revision {revision}"));
            match goes_on {
                true => self.store.restore_later(&self.backups[chosen]),
                false => self.store.restore(&self.backups[chosen]),
            }
        }
        self.lost_after = self.backups.len();
        for node in &self.nodes {
            node.store.faults().set_behind(None);
        }
        let away: Vec<usize> = (0..NODES).filter(|node| self.is_away(*node)).collect();
        let rivals = |owner: usize, id: &EndpointId| {
            let mut others = (0..NODES).filter(|node| *node != owner && self.nodes[*node].is_running());
            others.any(|node| self.nodes[node].core().known().endpoint(id).is_none())
        };
        lock(&self.ledger).store_lost(&away, |id| self.have_heard(&away, id), rivals);
    }

    /// Whether the node has no part in what happens to the store, or will soon have none.
    fn is_away(&self, node: usize) -> bool {
        let agent = &self.nodes[node];
        !agent.is_running() || agent.is_doomed() || self.cut_until[node].is_some()
    }

    /// Whether every node that is not its own and not `away` knows of an endpoint. One that does not could take its
    /// address first.
    fn have_heard(&self, away: &[usize], id: &EndpointId) -> bool {
        let knows = |node: &usize| self.nodes[*node].core().known().endpoint(id).is_some();
        let others: Vec<usize> = (0..NODES).filter(|node| !away.contains(node)).collect();
        !others.is_empty() && others.len() == NODES - 1 && others.iter().all(knows)
    }

    /// Nodes are about to die, or to be cut off. What the store has just lost, and nobody else has heard of, goes with
    /// them.
    pub(super) fn go_away(&self, going: &[usize]) {
        if !lock(&self.ledger).has_just_lost() {
            return;
        }
        let away: Vec<usize> =
            (0..NODES).filter(|node| going.contains(node) || self.is_away(*node)).collect();
        let store = self.store.backup();
        let stays = |network: NetworkId, id: &EndpointId| {
            store.has(&Keyspace::new("weft").path(&Key::Endpoint(network, *id))) || self.have_heard(&away, id)
        };
        lock(&self.ledger).gone_away(going, stays);
    }

    /// Keeps a copy of the store, to come back to.
    pub(super) fn copy_the_store(&mut self) {
        self.tell(format!("copy {} of the store is made", self.backups.len()));
        self.backups.push(self.store.backup());
    }
}
