//! Who writes what in the store of a signed cluster: one table, for the server of the store
//! (`docs/decisions/who-writes-what.md`). Pure: it sees what a transaction changes, and what was there before.
//!
//! It forbids what no agent ever does, and no more: a refusal that is not right keeps a cluster from recovering. Keys that
//! it does not know are anybody's.

use crate::{Authorities, Subject};
use std::sync::{Arc, PoisonError, RwLock};
use weft_model::{
    Claim, Endpoint, EndpointId, Key, Keyspace, Liveness, Node, NodeId, NodeName, Rebuilt, Record, Revocation,
};

/// What is kept under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept<'a> {
    /// The record.
    pub value: &'a [u8],
    /// The session that takes it away when it ends.
    pub session: Option<&'a str>,
}

/// What a transaction makes of one key; `None` is a key that is not there.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The key.
    pub key: &'a str,
    /// What it had.
    pub before: Option<Kept<'a>>,
    /// What it has then.
    pub after: Option<Kept<'a>>,
}

/// A transaction before it is carried out.
pub struct Asked<'a> {
    /// Who asks for it.
    pub by: &'a Subject,
    /// All that it changes.
    pub changes: &'a [Change<'a>],
    /// What the store has under a key before it.
    pub before: &'a dyn Fn(&str) -> Option<&'a [u8]>,
}

/// Why somebody does not get what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{by} may not {doing} {what}: {why}")]
pub struct NotYours {
    /// Who asked.
    pub by: NodeName,
    /// For what: "write", "delete", "end".
    pub doing: &'static str,
    /// The key, or a session.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// The table.
#[derive(Debug, Clone)]
pub struct WriteRules {
    keyspace: Keyspace,
    authorities: Arc<RwLock<Option<Arc<Authorities>>>>,
}

impl WriteRules {
    /// For the cluster under these keys. Without `authorities` no signature is asked for.
    pub fn new(keyspace: Keyspace, authorities: Option<Arc<Authorities>>) -> Self {
        Self { keyspace, authorities: Arc::new(RwLock::new(authorities)) }
    }

    /// Asks for signatures by these from now on.
    pub fn believe(&self, authorities: &Arc<Authorities>) {
        *self.authorities.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(authorities));
    }

    fn authorities(&self) -> Option<Arc<Authorities>> {
        self.authorities.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether all of a transaction may be carried out.
    ///
    /// # Errors
    /// [`NotYours`] for the first key that may not be changed so.
    pub fn check(&self, asked: &Asked<'_>) -> Result<(), NotYours> {
        let case = Case { rules: self, asked };
        asked.changes.iter().try_for_each(|change| {
            // Of a later version, or another program's.
            let Ok(key) = self.keyspace.parse(change.key) else { return Ok(()) };
            case.judge(&key, change).map_err(|why| NotYours {
                by: asked.by.name.clone(),
                doing: if change.after.is_some() { "write" } else { "delete" },
                what: change.key.to_owned(),
                why,
            })
        })
    }

    /// Whether a session may be renewed or ended: by who opened it, and where that is not known, by whom it says that it is up.
    /// `name` is what the server called it ([`session_name`]), `bound` are the keys that are bound to it.
    ///
    /// # Errors
    /// [`NotYours`].
    pub fn check_session<'k>(
        &self,
        asked: &Asked<'_>,
        name: &str,
        bound: impl Iterator<Item = &'k str>,
    ) -> Result<(), NotYours> {
        let case = Case { rules: self, asked };
        let opener = opener(name);
        if opener.as_ref().is_some_and(|opener| opener.name == asked.by.name || opener.id == asked.by.id) {
            return Ok(());
        }
        let live = bound.filter_map(|key| match self.keyspace.parse(key) {
            Ok(Key::Live(name)) => Some(name),
            _ => None,
        });
        let live: Vec<NodeName> = live.collect();
        let Some(whose) = opener.as_ref().map(|opener| &opener.name).or(live.first()) else { return Ok(()) };
        if live.iter().any(|name| case.is_own(name)) || case.is_free(whose) {
            return Ok(());
        }
        let (what, why) = ("a session".to_owned(), format!("{whose} opened it, and is up"));
        Err(NotYours { by: asked.by.name.clone(), doing: "renew or end", what, why })
    }
}

/// What a server calls a session that a member opened.
pub fn session_name(opener: &Subject) -> String {
    format!("weft://{}/{}", opener.id, opener.name)
}

fn opener(name: &str) -> Option<Subject> {
    let (id, name) = name.strip_prefix("weft://")?.split_once('/')?;
    Some(Subject { id: id.parse().ok()?, name: name.parse().ok()? })
}

/// One transaction that is looked at.
struct Case<'c, 'a> {
    rules: &'c WriteRules,
    asked: &'c Asked<'a>,
}

type Verdict = Result<(), String>;

impl Case<'_, '_> {
    fn judge(&self, key: &Key, change: &Change<'_>) -> Verdict {
        match key {
            Key::Node(name) => self.node(name, change),
            Key::Live(name) => self.live(name, change),
            Key::Latest(name) => self.latest(name, change),
            Key::Claim(..) => self.claim(change),
            Key::Endpoint(_, id) => self.endpoint(*id, change),
            Key::Revoked(id) => self.revoked(id, change),
            // What its signatures are worth is found out by who reads it.
            Key::Authority(_)
            | Key::Call(_)
            | Key::Network(_)
            | Key::EncryptedNetwork(_)
            | Key::Name(_)
            | Key::Vni(_)
            | Key::Cursor(_)
            | Key::PoolReservation(_)
            | Key::Lineage
            | Key::Rebuilt
            | Key::Cluster => Ok(()),
        }
    }

    fn node(&self, name: &NodeName, change: &Change<'_>) -> Verdict {
        if self.is_own(name) {
            return Ok(());
        }
        let Some(after) = change.after else { return self.unless_up(name) };
        self.unbound(name, change)?;
        let unreadable = |_| format!("nobody but {name} writes there what cannot be read");
        let after = Node::from_json(after.value).map_err(unreadable)?;
        let before = read::<Node>(change.before);
        if before.as_ref().is_some_and(|before| of_itself(before) == of_itself(&after)) {
            return self.unless_up(name);
        }
        // What was lost, or something else was written in its place of.
        let serial = |node: &Node| self.serial(name, node);
        match (before.as_ref().and_then(serial), serial(&after)) {
            (_, None) => Err(format!("{name} did not sign that, and is the one to say where it is")),
            (Some(before), Some(after)) if after <= before => {
                Err(format!("{name} alone changes what it says of itself"))
            }
            (_, Some(_)) => Ok(()),
        }
    }

    fn live(&self, name: &NodeName, change: &Change<'_>) -> Verdict {
        let gone = change.after.is_none() && self.is_free(name);
        if self.is_own(name) || gone { Ok(()) } else { Err(format!("{name} alone says that it is up")) }
    }

    fn latest(&self, name: &NodeName, change: &Change<'_>) -> Verdict {
        if self.is_own(name) {
            return Ok(());
        }
        self.unbound(name, change)?;
        self.unless_up(name)
    }

    fn claim(&self, change: &Change<'_>) -> Verdict {
        let before = read::<Claim>(change.before);
        let after = read::<Claim>(change.after);
        let held = before.as_ref().map(|claim| &claim.node);
        if let Some(after) = &after {
            self.unbound(&after.node, change)?;
            if !self.is_own(&after.node) {
                return self.put_back(held, &after.node);
            }
            if before.as_ref().is_some_and(|before| self.is_unconfirmed(before)) {
                return Ok(());
            }
        }
        held.map_or(Ok(()), |holder| self.unless_others(holder))
    }

    fn endpoint(&self, id: EndpointId, change: &Change<'_>) -> Verdict {
        let before = read::<Endpoint>(change.before);
        let held = before.as_ref().map(|endpoint| &endpoint.node);
        if let Some(after) = read::<Endpoint>(change.after) {
            self.unbound(&after.node, change)?;
            if !self.is_own(&after.node) {
                return self.put_back(held, &after.node);
            }
        } else if self.loses_its_address(id) {
            return Ok(());
        }
        held.map_or(Ok(()), |holder| self.unless_others(holder))
    }

    fn revoked(&self, id: &NodeId, change: &Change<'_>) -> Verdict {
        let Some(authorities) = self.rules.authorities() else { return Ok(()) };
        let holds = |kept| read::<Revocation>(kept).is_some_and(|by| authorities.is_revoked(id, &by));
        match change.after {
            Some(_) if !holds(change.after) => Err("the cluster's authority did not sign it".to_owned()),
            None if holds(change.before) => Err("a revocation is for good".to_owned()),
            _ => Ok(()),
        }
    }

    /// What another node had is written as it was: while it is not there to do so itself, or has not got so far yet.
    fn put_back(&self, held: Option<&NodeName>, whose: &NodeName) -> Verdict {
        if self.is_free(whose) {
            return held.map_or(Ok(()), |holder| self.unless_others(holder));
        }
        if held.is_none() && self.is_recovering(whose) {
            return Ok(());
        }
        Err(format!("it would be {whose}'s, which is up and writes that itself"))
    }

    fn unless_others(&self, holder: &NodeName) -> Verdict {
        if self.is_own(holder) { Ok(()) } else { self.unless_up(holder) }
    }

    fn unless_up(&self, whose: &NodeName) -> Verdict {
        if self.is_free(whose) { Ok(()) } else { Err(format!("it is {whose}'s, which is up")) }
    }

    /// What is bound to a session goes when its holder likes.
    fn unbound(&self, whose: &NodeName, change: &Change<'_>) -> Verdict {
        let session = change.after.and_then(|after| after.session);
        let kept = session.is_none() || session == change.before.and_then(|before| before.session);
        if kept || self.is_own(whose) {
            return Ok(());
        }
        Err(format!("it is {whose}'s, and is not to end with a session of another's"))
    }

    /// Whether a name is the asker's: the one that it has, or one that its installation had before.
    fn is_own(&self, name: &NodeName) -> bool {
        let by = self.asked.by;
        *name == by.name || self.ids(name).contains(&Some(by.id))
    }

    /// The installations that the store knows under a name: by its record, and by what says that it is up.
    fn ids(&self, name: &NodeName) -> [Option<NodeId>; 2] {
        let node = self.look::<Node>(&Key::Node(name.clone()));
        let live = self.look::<Liveness>(&Key::Live(name.clone()));
        [node.map(|node| node.id), live.map(|live| live.id)]
    }

    /// Whether others look after what a node has: it is down, or believed no more.
    fn is_free(&self, name: &NodeName) -> bool {
        let live = self.rules.keyspace.path(&Key::Live(name.clone()));
        (self.asked.before)(&live).is_none()
            || self.ids(name).iter().flatten().any(|id| {
                let revocation = self.look::<Revocation>(&Key::Revoked(*id));
                revocation.zip(self.rules.authorities()).is_some_and(|(by, all)| all.is_revoked(id, &by))
            })
    }

    /// Whether a node has yet to do its part of the last recovery.
    fn is_recovering(&self, name: &NodeName) -> bool {
        let live = self.look::<Liveness>(&Key::Live(name.clone()));
        live.is_none_or(|live| live.rebuilt < self.times_rebuilt())
    }

    /// Whether a claim may be left over from before the store lost something.
    fn is_unconfirmed(&self, claim: &Claim) -> bool {
        claim.rebuilt < self.times_rebuilt()
    }

    fn times_rebuilt(&self) -> u64 {
        self.look::<Rebuilt>(&Key::Rebuilt).map_or(0, |rebuilt| rebuilt.times)
    }

    /// Whether the asker takes an address that an endpoint did not confirm, in this very transaction.
    fn loses_its_address(&self, id: EndpointId) -> bool {
        self.asked.changes.iter().any(|change| {
            let is_claim = matches!(self.rules.keyspace.parse(change.key), Ok(Key::Claim(..)));
            let (before, after) = (read::<Claim>(change.before), read::<Claim>(change.after));
            is_claim
                && before.is_some_and(|claim| claim.endpoint == id && self.is_unconfirmed(&claim))
                && after.is_some_and(|claim| self.is_own(&claim.node))
        })
    }

    /// The number of what a node says of itself in a record, if it signed that.
    fn serial(&self, name: &NodeName, node: &Node) -> Option<u64> {
        let Some(authorities) = self.rules.authorities() else { return Some(0) };
        let statement = authorities.believe(name, node.signed.as_ref()?).ok()?;
        statement.is_what_says(node).then_some(statement.serial)
    }

    fn look<T: Record>(&self, key: &Key) -> Option<T> {
        (self.asked.before)(&self.rules.keyspace.path(key)).and_then(|value| T::from_json(value).ok())
    }
}

fn read<T: Record>(kept: Option<Kept<'_>>) -> Option<T> {
    kept.and_then(|kept| T::from_json(kept.value).ok())
}

/// A node's record without what others note there.
fn of_itself(node: &Node) -> Node {
    Node { down_since: None, removed: Vec::new(), ..node.clone() }
}

#[cfg(test)]
mod tests;
