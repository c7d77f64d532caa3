//! Which records of nodes are believed, where the cluster has an authority: those that their node signed. What others write
//! in its place changes nothing: its last good record holds.

use super::{Cluster, Stored};
use imbl::OrdMap;
use std::sync::Arc;
use weft_model::{InvalidRecord, Node, NodeName, NodeStatement, Record};
use weft_store::{Revision, StoreEntry};
use weft_trust::{Authorities, Disbelief};

impl Cluster {
    /// A cluster without a record, for one that comes after this: the nodes that were good, of another store's time.
    pub(super) fn lasting(&self) -> Self {
        let forgotten = |(name, node): (&NodeName, &Stored<Node>)| {
            (name.clone(), Stored { modified: Revision::default(), ..node.clone() })
        };
        let nodes = if self.is_signed() { self.nodes.iter().map(forgotten).collect() } else { OrdMap::new() };
        Self { nodes, ..self.beginning() }
    }

    /// A cluster without a record, that believes whom this one does, and knows which networks are never in clear.
    pub(super) fn beginning(&self) -> Self {
        Self { beliefs: self.beliefs.clone(), encrypted: self.encrypted.clone(), ..Self::default() }
    }

    /// Takes the record of the node `name`, if it is believed. If not, its last good one holds, which may be written over
    /// the bad one.
    pub(super) fn put_node(
        &mut self,
        name: NodeName,
        entry: &StoreEntry,
        before: &Self,
    ) -> Result<(), InvalidRecord> {
        let was_good = !before.unbelieved.contains_key(&name) && !before.unreadable.contains_key(&entry.key);
        let known = before.nodes.get(&name).filter(|_| was_good);
        let Some(authorities) = self.beliefs.authorities.clone() else {
            self.nodes.insert(name, super::stored(entry, known)?);
            return Ok(());
        };
        let same = |known: &&Stored<Node>| {
            known.modified == entry.modified && !self.beliefs.barred.contains_key(&known.id)
        };
        if let Some(known) = known.filter(same) {
            self.unbelieved.remove(&name);
            self.nodes.insert(name, known.clone());
            return Ok(());
        }
        let last = self.nodes.get(&name).or_else(|| before.nodes.get(&name)).cloned();
        let read = Node::from_json(&entry.value);
        let judged = read.map(|node| {
            let judged = self.judge(&authorities, &name, node.clone(), last.as_deref());
            match &judged {
                Err(Disbelief::OtherAuthority) => drop(self.strangers.insert(name.clone(), Arc::new(node))),
                _ => drop(self.strangers.remove(&name)),
            }
            judged
        });
        let (good, doubt) = match &judged {
            Ok(Ok((node, doubt))) => (Some(Arc::new(node.clone())), doubt.clone()),
            Ok(Err(Disbelief::Revoked)) => (None, Some(Disbelief::Revoked)),
            Ok(Err(why)) => (last.map(|last| last.record), Some(why.clone())),
            Err(_) => (last.map(|last| last.record), None),
        };
        match doubt {
            Some(why) => drop(self.unbelieved.insert(name.clone(), why)),
            None => drop(self.unbelieved.remove(&name)),
        }
        if let Some(record) = good.filter(|node| !self.beliefs.barred.contains_key(&node.id)) {
            self.nodes.insert(name, Stored { record, modified: entry.modified });
        }
        judged.map(drop)
    }

    /// The record as its node says that it is; and whether something else is beside that, which others might go by.
    pub(super) fn judge(
        &mut self,
        authorities: &Authorities,
        name: &NodeName,
        node: Node,
        last: Option<&Node>,
    ) -> Result<(Node, Option<Disbelief>), Disbelief> {
        let signed = node.signed.as_ref().ok_or(Disbelief::Unsigned)?;
        // What was found to be good is good.
        let same = last.and_then(|last| last.signed.as_ref()).filter(|last| *last == signed);
        let read = same.and_then(|same| serde_json::from_str::<NodeStatement>(&same.statement).ok());
        let statement = read.map_or_else(|| authorities.believe(name, signed), Ok)?;
        if self.beliefs.barred.contains_key(&statement.id) {
            return Err(Disbelief::Revoked);
        }
        let serial = statement.serial;
        match self.beliefs.serials.get(name) {
            Some(known) if *known > serial => return Err(Disbelief::Old { serial, known: *known }),
            Some(known) if *known == serial => {}
            _ => drop(self.beliefs.serials.insert(name.clone(), serial)),
        }
        let doubt = (!statement.is_what_says(&node)).then_some(Disbelief::Beside);
        Ok((statement.put_right(node), doubt))
    }
}

#[cfg(test)]
mod tests;
