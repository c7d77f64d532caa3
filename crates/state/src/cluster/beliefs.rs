//! Who is believed who the nodes of a cluster are: its authorities, but for nodes that they revoked. It is remembered beyond what
//! the store says, so that who writes there cannot take it back.

use super::{Cluster, Stored};
use imbl::OrdMap;
use std::{collections::BTreeMap, sync::Arc};
use weft_model::{
    AuthorityId, AuthorityRecord, InvalidRecord, Keyspace, Node, NodeId, NodeName, Record, Revocation,
};
use weft_store::{Event, StoreEntry};
use weft_trust::{Authorities, Disbelief, Told};

/// What lasts of whom a cluster believes.
#[derive(Debug, Clone, Default)]
pub struct Beliefs {
    /// Who is believed who the nodes are; absent where the store is.
    pub(super) authorities: Option<Arc<Authorities>>,
    /// What led to those that are believed.
    pub followed: OrdMap<AuthorityId, AuthorityRecord>,
    /// The nodes that are believed no more.
    pub barred: OrdMap<NodeId, Revocation>,
    /// The highest number that a believed statement of each node had, also of nodes that are gone.
    pub serials: OrdMap<NodeName, u64>,
}

fn key_of(event: &Event) -> &str {
    match event {
        Event::Put(entry) => &entry.key,
        Event::Delete(key) => key,
    }
}

fn is_of_authority(keyspace: &Keyspace, key: &str) -> bool {
    key.strip_prefix(keyspace.root()).is_some_and(|key| key.starts_with("authorities/"))
}

impl Cluster {
    /// This cluster, in which only those nodes are left that the `authorities` say are some; without any, all of them.
    #[must_use]
    pub fn trusting(mut self, authorities: Option<&Arc<Authorities>>) -> Self {
        let Some(authorities) = authorities else { return self };
        self.beliefs.authorities = Some(Arc::clone(authorities));
        let nodes = std::mem::take(&mut self.nodes);
        self.follow_authorities();
        let authorities = self.believed().cloned().unwrap_or_default();
        for (name, node) in nodes {
            if let Ok((believed, _)) = self.judge(&authorities, &name, Node::clone(&node), None) {
                self.nodes.insert(name, Stored { record: Arc::new(believed), modified: node.modified });
            }
        }
        self
    }

    /// This cluster, with what another host knew of it.
    #[must_use]
    pub fn told(mut self, told: Told) -> Self {
        for (name, serial) in told.serials {
            let known = self.beliefs.serials.entry(name).or_insert(serial);
            *known = serial.max(*known);
        }
        for (id, revocation) in told.revoked {
            self.beliefs.barred.entry(id).or_insert(revocation);
        }
        self
    }

    /// What a host has to know that comes to the cluster.
    pub fn to_tell(&self) -> Told {
        let Beliefs { serials, barred, .. } = self.beliefs.clone();
        Told { serials: serials.into_iter().collect(), revoked: barred.into_iter().collect() }
    }

    /// Whether its nodes are taken at their own word alone.
    pub fn is_signed(&self) -> bool {
        self.beliefs.authorities.is_some()
    }

    /// Who is believed who the nodes are; nobody where the store is.
    pub fn believed(&self) -> Option<&Arc<Authorities>> {
        self.beliefs.authorities.as_ref()
    }

    /// Whether an authority is being replaced.
    pub fn has_several_authorities(&self) -> bool {
        self.believed().is_some_and(|believed| believed.ids().nth(1).is_some())
    }

    /// The nodes that have no certificate by the newest authority yet, while one is being replaced.
    pub fn behind(&self) -> Vec<&NodeName> {
        let Some(believed) = self.believed().filter(|_| self.has_several_authorities()) else {
            return Vec::new();
        };
        let signer = |node: &Node| believed.signer_of(&node.signed.as_ref()?.certificate);
        let is_behind = |node: &Node| signer(node) != believed.newest();
        self.nodes.iter().filter(|(_, node)| is_behind(node)).map(|(name, _)| name).collect()
    }

    /// Whether the newest authority has named several to follow it.
    pub fn is_torn(&self) -> bool {
        self.believed().is_some_and(|authorities| authorities.is_torn(self.said_of_authorities()))
    }

    /// Takes what the store says: whom to believe, before what they say.
    pub(super) fn put_all(&mut self, keyspace: &Keyspace, entries: &[StoreEntry], before: &mut Self) {
        let of_authority = |entry: &&StoreEntry| is_of_authority(keyspace, &entry.key);
        entries.iter().filter(of_authority).for_each(|entry| self.put(keyspace, entry, before));
        if self.authorities != before.authorities {
            self.follow_authorities();
        }
        if let Some(believed) = self.believed().filter(|now| before.believed() != Some(*now)) {
            // Who was vouched for before may not be any more.
            before.doubt_all_but(believed);
        }
        let others = entries.iter().filter(|entry| !of_authority(entry));
        others.for_each(|entry| self.put(keyspace, entry, before));
    }

    /// The same for what changed.
    pub(super) fn put_events(&mut self, keyspace: &Keyspace, events: &[Event]) {
        let of_authority = |event: &&Event| is_of_authority(keyspace, key_of(event));
        if events.iter().any(|event| of_authority(&event)) {
            events.iter().filter(of_authority).for_each(|event| self.follow(keyspace, event));
            self.follow_authorities();
        }
        let others = events.iter().filter(|event| !of_authority(event));
        others.for_each(|event| self.follow(keyspace, event));
    }

    fn follow(&mut self, keyspace: &Keyspace, event: &Event) {
        match event {
            Event::Put(entry) => self.put(keyspace, entry, &Self::default()),
            Event::Delete(path) => self.delete(keyspace, path),
        }
    }

    fn said_of_authorities(&self) -> impl Iterator<Item = (&AuthorityId, &AuthorityRecord)> + Clone {
        self.authorities.iter().map(|(id, record)| (id, &**record))
    }

    /// Believes whom its authorities say that is to be believed after them.
    fn follow_authorities(&mut self) {
        let Some(before) = self.beliefs.authorities.clone() else { return };
        let after = before.after(self.said_of_authorities()).map_or_else(|| Arc::clone(&before), Arc::new);
        // Nobody makes it less by what is written over it.
        let followed = std::mem::take(&mut self.beliefs.followed);
        let record = |id| {
            let (known, said) = (followed.get(&id), self.authorities.get(&id).map(|said| &**said));
            let weight = |record: &AuthorityRecord| before.weight(&id, record).max(after.weight(&id, record));
            let best = [known, said]
                .into_iter()
                .flatten()
                .filter(|record| weight(record) > 0)
                .max_by_key(|it| weight(it));
            Some((id, best?.clone()))
        };
        self.beliefs.followed = after.ids().filter_map(record).collect();
        self.beliefs.authorities = Some(Arc::clone(&after));
        self.doubt_all_but(&after);
    }

    /// Takes for nodes no more those that none of these vouches for.
    fn doubt_all_but(&mut self, believed: &Authorities) {
        self.doubt(&Disbelief::OtherAuthority, |node| {
            node.signed.as_ref().is_none_or(|signed| believed.signer_of(&signed.certificate).is_none())
        });
    }

    pub(super) fn put_authority(
        &mut self,
        id: AuthorityId,
        entry: &StoreEntry,
        before: &Self,
    ) -> Result<(), InvalidRecord> {
        self.authorities.remove(&id);
        self.authorities.insert(id, super::stored(entry, before.authorities.get(&id))?);
        Ok(())
    }

    pub(super) fn put_revocation(
        &mut self,
        id: NodeId,
        entry: &StoreEntry,
        before: &Self,
    ) -> Result<(), InvalidRecord> {
        self.revoked.remove(&id);
        let revocation = super::stored(entry, before.revoked.get(&id))?;
        self.bar(id, &revocation)?;
        self.revoked.insert(id, revocation);
        Ok(())
    }

    /// Believes nodes no more that an authority has revoked. Returns whether that is news of any.
    pub(crate) fn bar_all(&mut self, revoked: &BTreeMap<NodeId, Revocation>) -> bool {
        let mut news = false;
        for (id, revocation) in revoked {
            // What no authority signed that is believed now, is nothing: of another cluster, or of an authority that was replaced.
            news |= !self.beliefs.barred.contains_key(id) && self.bar(*id, revocation).is_ok();
        }
        news
    }

    /// Believes a node no more, if an authority says so: for good, whatever the store says later.
    fn bar(&mut self, id: NodeId, revocation: &Revocation) -> Result<(), InvalidRecord> {
        // Where nobody is believed but the store, it says nothing to anybody.
        let Some(authorities) = &self.beliefs.authorities else { return Ok(()) };
        let is_known = self.beliefs.barred.get(&id) == Some(revocation);
        if !is_known && !authorities.is_revoked(&id, revocation) {
            return Err(InvalidRecord::refused(Revocation::WHAT, "the cluster's authority did not sign it"));
        }
        self.beliefs.barred.insert(id, revocation.clone());
        self.doubt(&Disbelief::Revoked, |node| node.id == id);
        Ok(())
    }

    /// Takes for nodes no more those that are `doubtful`.
    fn doubt(&mut self, why: &Disbelief, doubtful: impl Fn(&Node) -> bool) {
        let of_them = self.nodes.iter().filter(|(_, node)| doubtful(node)).map(|(name, _)| name.clone());
        for name in of_them.collect::<Vec<_>>() {
            let node = self.nodes.remove(&name).filter(|_| *why == Disbelief::OtherAuthority);
            node.into_iter().for_each(|node| drop(self.strangers.insert(name.clone(), node.record)));
            self.unbelieved.insert(name, why.clone());
        }
    }
}
