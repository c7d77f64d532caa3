//! What was promised to the callers.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};
use tokio::time::Instant;
use weft_model::{EndpointId, NetworkId};
use weft_verbs::{EndpointView, Error, Kind};

/// How long a node may take to put back what is its own, with a slow store.
const TIME_TO_PUT_BACK: Duration = Duration::from_secs(10);

/// What should be, as far as anybody was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Acknowledged, and nobody did anything about it since.
    Here,
    /// Something was under way that may or may not have been carried out.
    Unsure,
    /// Acknowledged to be gone, or bound to go.
    Gone,
}

/// An endpoint that was acknowledged.
#[derive(Debug)]
pub(super) struct Promise {
    pub(super) node: usize,
    pub(super) network: NetworkId,
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) netns: PathBuf,
    pub(super) fate: Fate,
}

impl Promise {
    /// What others may not be given for certain.
    fn rival(&self) -> Option<(NetworkId, BTreeSet<IpAddr>)> {
        (self.fate == Fate::Unsure).then(|| (self.network, self.addresses.clone()))
    }
}

/// When a request began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    given_up: usize,
    losses: usize,
}

/// What was known when the removal of a network began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    fate: Fate,
    losses: usize,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) endpoints: BTreeMap<EndpointId, Promise>,
    pub(super) networks: BTreeMap<NetworkId, Fate>,
    /// Containers that ended.
    ended: BTreeSet<(usize, PathBuf)>,
    /// How often each node was given up, or began to be.
    given_up: BTreeMap<usize, usize>,
    /// How often the store lost what it had.
    pub(super) losses: usize,
    /// When it did last.
    lost: Option<Instant>,
    /// What nodes had then that were there, and others had not heard of that were there, too: before they hear of the
    /// loss, they may take its addresses.
    contestable: BTreeSet<EndpointId>,
    /// What was taken off its network while its node was away: for good, unless the trace of that is lost.
    taken_off: BTreeSet<EndpointId>,
    pub(super) violations: Vec<String>,
}

impl Ledger {
    /// A request that began after so many losses was answered: the network is there, unless the store has lost it
    /// meanwhile, before anybody saw it.
    pub(super) fn created(&mut self, network: NetworkId, losses: usize) {
        let fate = if losses == self.losses { Fate::Here } else { Fate::Unsure };
        self.networks.entry(network).or_insert(fate);
    }

    /// From now until it is answered nobody knows. Returns what was known before.
    pub(super) fn removing(&mut self, network: NetworkId) -> Before {
        let fate = self.networks.insert(network, Fate::Unsure).unwrap_or(Fate::Unsure);
        Before { fate, losses: self.losses }
    }

    pub(super) fn removed(&mut self, network: NetworkId, before: Before, result: &Result<(), Error>) {
        match result {
            // A node that was away at the loss may have a container on the network, and so put the network back.
            Ok(()) if self.losses > 0 => {}
            Ok(()) => {
                self.networks.insert(network, Fate::Gone);
                let on_it = self.endpoints.iter().find(|(_, e)| e.network == network && e.fate == Fate::Here);
                if let Some((id, _)) = on_it {
                    self.violations.push(format!("{network} was removed, and {} is on it", id.short()));
                }
            }
            // A refused request changes nothing. (Unless another one was under way.)
            Err(error) if error.kind == Kind::Forbidden => {
                self.networks.entry(network).and_modify(|fate| {
                    if *fate == Fate::Unsure && before.losses == self.losses {
                        *fate = before.fate;
                    }
                });
            }
            Err(_) => {}
        }
    }

    /// What [`attached`](Self::attached) needs to know of when the request began.
    pub(super) fn attaching(&self, node: usize) -> Began {
        Began { given_up: self.times_given_up(node), losses: self.losses }
    }

    fn times_given_up(&self, node: usize) -> usize {
        self.given_up.get(&node).copied().unwrap_or(0)
    }

    pub(super) fn attached(&mut self, node: usize, began: Began, netns: PathBuf, view: &EndpointView) {
        if self.networks.get(&view.network) == Some(&Fate::Gone) {
            self.violations.push(format!("{} joined a network that was removed", view.id.short()));
        }
        let addresses: BTreeSet<IpAddr> = view.endpoint.addresses().collect();
        let other = |(id, e): &(&EndpointId, &Promise)| {
            **id != view.id && e.network == view.network && e.fate == Fate::Here && {
                !e.addresses.is_disjoint(&addresses)
            }
        };
        let rival = self.endpoints.iter().find(other).map(|(id, _)| *id);
        // It may have been made before the loss, and is acknowledged only now.
        if began.losses != self.losses {
            self.contestable.insert(view.id);
        }
        // Which of the two keeps it turns out later.
        let contested = rival.is_some_and(|id| {
            self.has_just_lost() && [id, view.id].iter().any(|one| self.contestable.contains(one))
        });
        match rival {
            Some(id) if contested => drop(self.endpoints.entry(id).and_modify(|e| e.fate = Fate::Unsure)),
            Some(id) => {
                let (a, b) = (id.short(), view.id.short());
                self.violations.push(format!("{a} and {b} have the same address, of {addresses:?}"));
            }
            None => {}
        }
        let fate = match self.ended.contains(&(node, netns.clone())) {
            true => Fate::Gone,
            false if contested || self.times_given_up(node) != began.given_up => Fate::Unsure,
            false => Fate::Here,
        };
        let promise = Promise { node, network: view.network, addresses, netns, fate };
        self.endpoints.entry(view.id).or_insert(promise);
    }

    pub(super) fn detaching(&mut self, id: EndpointId) {
        self.endpoints.entry(id).and_modify(|e| {
            if e.fate == Fate::Here {
                e.fate = Fate::Unsure;
            }
        });
    }

    pub(super) fn detached(&mut self, id: EndpointId) {
        self.endpoints.entry(id).and_modify(|e| e.fate = Fate::Gone);
    }

    /// What [`taken_off`](Self::taken_off) needs to know of when the request began.
    pub(super) fn taking_off(&mut self, id: EndpointId, node: usize) -> Began {
        self.detaching(id);
        self.attaching(node)
    }

    pub(super) fn taken_off(&mut self, id: EndpointId, node: usize, began: Began) {
        if began.losses == self.losses && began.given_up == self.times_given_up(node) {
            self.detached(id);
            self.taken_off.insert(id);
        }
    }

    /// A node that was given up, and a store that went back, know nothing of removals.
    fn forget_removals(&mut self, of: impl Fn(&Promise) -> bool) {
        for id in &self.taken_off {
            if let Some(promise) = self.endpoints.get_mut(id).filter(|promise| of(promise)) {
                promise.fate = Fate::Unsure;
            }
        }
    }

    /// A container ended: what it had goes.
    pub(super) fn ended(&mut self, node: usize, netns: PathBuf) {
        for (id, promise) in self.endpoints.iter_mut().filter(|(_, e)| e.node == node && e.netns == netns) {
            promise.fate = Fate::Gone;
            self.taken_off.remove(id);
        }
        self.ended.insert((node, netns));
    }

    /// A node has left, with all that it had.
    pub(super) fn left(&mut self, node: usize) {
        for (id, promise) in self.endpoints.iter_mut().filter(|(_, e)| e.node == node) {
            promise.fate = Fate::Gone;
            self.taken_off.remove(id);
        }
    }

    /// The store lost what it had. A network without endpoints is put back by any node that remembers it. A removed
    /// network is removed again if a node remembers the removal, but that node may have died before it wrote it down.
    /// The endpoints of nodes that are `away` are put back by others, unless they may not have `heard` of them. An
    /// endpoint of a node that is there may have `rivals`.
    pub(super) fn store_lost(
        &mut self,
        away: &[usize],
        heard: impl Fn(&EndpointId) -> bool,
        rivals: impl Fn(usize, &EndpointId) -> bool,
    ) {
        self.networks.values_mut().for_each(|fate| *fate = Fate::Unsure);
        self.losses += 1;
        self.forget_removals(|_| true);
        self.lost = Some(Instant::now());
        let contestable = self.endpoints.iter().filter(|(id, promise)| rivals(promise.node, id));
        self.contestable.extend(contestable.map(|(id, _)| *id));
        for node in away {
            *self.given_up.entry(*node).or_default() += 1;
        }
        self.gone_away(away, |_, id| heard(id));
        // That a node was given up may be lost with the rest. It comes back with an address that another endpoint was
        // given since: the first of the two that claims it keeps it.
        let rivals: Vec<(NetworkId, BTreeSet<IpAddr>)> =
            self.endpoints.values().filter_map(Promise::rival).collect();
        for promise in self.endpoints.values_mut().filter(|e| e.fate == Fate::Here) {
            if rivals.iter().any(|(on, a)| *on == promise.network && !a.is_disjoint(&promise.addresses)) {
                promise.fate = Fate::Unsure;
            }
        }
    }

    /// Whether the store lost what it had so short a time ago that it may still lack it.
    pub(super) fn has_just_lost(&self) -> bool {
        self.lost.is_some_and(|lost| lost.elapsed() < TIME_TO_PUT_BACK)
    }

    /// What those nodes had that are `away` nobody puts back into a store that lost it, unless it `stays`.
    pub(super) fn gone_away(&mut self, away: &[usize], stays: impl Fn(NetworkId, &EndpointId) -> bool) {
        for (id, promise) in &mut self.endpoints {
            if promise.fate == Fate::Here && away.contains(&promise.node) && !stays(promise.network, id) {
                promise.fate = Fate::Unsure;
            }
        }
    }

    /// A node is given up, or was: what it has may be taken by others.
    pub(super) fn give_up(&mut self, node: usize) {
        *self.given_up.entry(node).or_default() += 1;
        self.forget_removals(|promise| promise.node == node);
        for promise in self.endpoints.values_mut().filter(|e| e.node == node && e.fate == Fate::Here) {
            promise.fate = Fate::Unsure;
        }
    }
}
