//! From what is to what should be.

use crate::{
    BRIDGE_NETFILTER, Change, Desired, Entry, Far, Kind, Link, Namespace, Netns, Observed, Pair, Peer, Plan,
    Ruleset, Step, Target, TunnelPeer, kernel::forget_peer, remotes::neighbour_steps, target::sysctl_link,
};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use weft_model::{IfName, TunnelKey, Vni};

type Peers = BTreeMap<TunnelKey, TunnelPeer>;

/// The steps from `observed` to `desired`. They remove before they add, and replace what holds an address
/// rather than add beside it.
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let mut diff =
        Diff { want: Target::of(desired), have: observed.namespaces.clone(), out: Plan::default() };
    diff.leave_blocked(&observed.blocked);
    diff.leave_handed_over();
    diff.leave_foreign();
    diff.namespaces();
    diff.surplus();
    diff.pairs();
    diff.links();
    diff.routes();
    diff.sysctls();
    diff.gates();
    let ruleset = diff.has_segments().then(|| Ruleset::of(desired, &diff.uplinks()));
    match (ruleset, &observed.ruleset) {
        (Some(want), have) if Some(want.mark()) != have.as_ref() => diff.step(Step::SetRuleset(want)),
        (None, Some(_)) => diff.step(Step::DeleteRuleset),
        _ => {}
    }
    // Stable: within a rank the steps stay in the order of their namespaces.
    diff.out.steps.sort_by_key(rank);
    diff.out.problems.sort();
    diff.out.problems.dedup();
    diff.out
}

/// When a step's turn comes. What is removed goes from the leaves to the root, what is added from the root to
/// the leaves; the packet filter is in netns before the first link to the host.
fn rank(step: &Step) -> u8 {
    match step {
        Step::DeleteRoute(..) => 0,
        Step::Delete(..) => 1,
        Step::DeleteLink(..) => 2,
        Step::DeleteNamespace(..) => 3,
        Step::DeleteRuleset => 4,
        Step::SetRuleset(..) => 5,
        Step::CreateNamespace(..) => 6,
        // Before the links, which take their own from the namespace's defaults.
        Step::SetSysctl { key, .. } if sysctl_link(key).is_none() => 7,
        // Before anything can come in.
        Step::SetGate(_) => 7,
        Step::CreateLink { .. } => 8,
        Step::SetSysctl { .. } => 9,
        Step::SetLink(_, _, Change::Up(_)) => 12,
        Step::SetLink(..) => 10,
        // A link that comes up forgets its neighbours (`neigh_ifdown`) and cannot have routes before.
        Step::Add(_, _, Entry::Neighbour(..)) => 13,
        Step::Add(..) => 11,
        Step::AddRoute(..) => 14,
    }
}

pub(crate) struct Diff {
    pub(crate) want: Target,
    /// What is there after the steps so far.
    pub(crate) have: BTreeMap<Netns, Namespace>,
    pub(crate) out: Plan,
}

impl Diff {
    fn step(&mut self, step: Step) {
        self.out.steps.push(step);
    }

    /// Namespaces to make, and those of ours that nothing wants, with what is in them: the kernel takes a
    /// namespace apart some time after it went, and a VXLAN device that lingers would be in the way of its
    /// successor.
    fn namespaces(&mut self) {
        let missing = self.want.namespaces.keys().filter(|netns| !self.have.contains_key(netns));
        for own in missing.filter_map(Netns::own).collect::<Vec<_>>() {
            self.step(Step::CreateNamespace(own));
            self.have.insert(own.into(), Namespace::default());
        }
        let surplus = self.have.keys().filter(|netns| !self.want.namespaces.contains_key(netns));
        for own in surplus.filter_map(Netns::own).collect::<Vec<_>>() {
            let netns = Netns::from(own);
            self.remove_all(&netns, |_| true);
            self.have.remove(&netns);
            self.step(Step::DeleteNamespace(own));
        }
    }

    /// Links that nothing wants. Of pairs the end in the segment, where many go at once, and with it the other.
    fn surplus(&mut self) {
        let namespaces = std::mem::take(&mut self.want.namespaces);
        let is_segment = |(netns, _): &(&Netns, &Namespace)| matches!(netns, Netns::Segment(_));
        let (segments, others): (Vec<_>, Vec<_>) = namespaces.iter().partition(is_segment);
        for (netns, want) in segments.into_iter().chain(others) {
            self.remove_all(netns, |name| !want.links.contains_key(name));
        }
        self.want.namespaces = namespaces;
    }

    /// A veth pair is there with both of its ends or not at all: one that is not whole is made anew.
    fn pairs(&mut self) {
        for pair in self.want.pairs.clone() {
            let (Some(near), Some(far)) = (self.wanted(&pair.inner), self.wanted(&pair.outer)) else {
                continue;
            };
            if self.is_there(&pair.inner, &near) && self.is_there(&pair.outer, &far) {
                continue;
            }
            self.remove(&pair.inner);
            self.remove(&pair.outer);
            let (netns, name) = pair.outer.clone();
            self.create(&pair.inner, near, Some(Peer { netns, name, mac: far.mac }));
            self.made(&pair.outer, &far);
        }
    }

    fn links(&mut self) {
        let namespaces = std::mem::take(&mut self.want.namespaces);
        for (netns, want) in &namespaces {
            for (name, link) in &want.links {
                let at = (netns.clone(), name.clone());
                if !self.is_there(&at, link) {
                    // Nobody can make one; every namespace is born with it.
                    if link.kind == Kind::Loopback {
                        continue;
                    }
                    self.remove(&at);
                    self.create(&at, link.clone(), None);
                }
                self.settings(&at, link);
                self.holdings(&at, link);
            }
        }
        self.want.namespaces = namespaces;
    }

    pub(crate) fn wanted(&self, (netns, name): &(Netns, IfName)) -> Option<Link> {
        self.want.namespaces.get(netns)?.links.get(name).cloned()
    }

    fn existing(&self, (netns, name): &(Netns, IfName)) -> Option<&Link> {
        self.have.get(netns)?.links.get(name)
    }

    /// Whether the link is there and can become `want` by changing its settings.
    pub(crate) fn is_there(&self, at: &(Netns, IfName), want: &Link) -> bool {
        // The two ends of a pair know each other by their alias. Where a WireGuard device has its socket, the kernel does
        // not tell: by its alias it is known that it is where we made it.
        let by_alias = matches!(want.kind, Kind::Veth | Kind::WireGuard);
        let same = |have: &Link| have.kind == want.kind && (!by_alias || have.alias == want.alias);
        self.existing(at).is_some_and(same)
    }

    fn remove_all(&mut self, netns: &Netns, surplus: impl Fn(&IfName) -> bool) {
        let known = self.have.get(netns).into_iter().flat_map(|namespace| namespace.links.keys());
        for name in known.filter(|name| surplus(name)).cloned().collect::<Vec<_>>() {
            self.remove(&(netns.clone(), name));
        }
    }

    fn remove(&mut self, at: &(Netns, IfName)) {
        let Some(link) = self.existing(at).filter(|link| link.kind != Kind::Loopback).cloned() else {
            return;
        };
        self.step(Step::DeleteLink(at.0.clone(), at.1.clone()));
        self.have.entry(at.0.clone()).or_default().forget(&at.1);
        forget_peer(&mut self.have, &link);
    }

    fn create(&mut self, at: &(Netns, IfName), want: Link, peer: Option<Peer>) {
        self.made(at, &want);
        self.step(Step::CreateLink {
            netns: at.0.clone(),
            name: at.1.clone(),
            kind: want.kind,
            alias: want.alias.unwrap_or_default(),
            mac: want.mac,
            mtu: want.mtu,
            peer,
        });
    }

    /// From here on the link is as the kernel makes it, and the rest of the plan starts from there.
    fn made(&mut self, at: &(Netns, IfName), want: &Link) {
        let fresh = Link::new(want.kind.clone(), want.alias.clone().unwrap_or_default(), want.mac, want.mtu);
        self.have.entry(at.0.clone()).or_default().links.insert(at.1.clone(), fresh);
    }

    fn settings(&mut self, at: &(Netns, IfName), want: &Link) {
        let Some(have) = self.existing(at) else { return };
        let mut changes = Vec::new();
        if want.kind != Kind::Loopback {
            changes.extend(want.mac.filter(|_| have.mac != want.mac).map(Change::Mac));
            // Where this goes wrong, the next round can still tell by the near end what the far one had from weft.
            changes.extend(far(have, want).map(Change::Far));
            changes.extend((have.mtu != want.mtu).then_some(Change::Mtu(want.mtu)));
            changes.extend(want.alias.clone().filter(|_| have.alias != want.alias).map(Change::Alias));
            changes.extend(want.port.filter(|_| have.port != want.port).map(Change::Port));
            changes.extend(want.tunnel.filter(|_| have.tunnel != want.tunnel).map(Change::Tunnel));
        }
        changes.extend((have.up != want.up).then_some(Change::Up(want.up)));
        for change in changes {
            self.step(Step::SetLink(at.0.clone(), at.1.clone(), change));
        }
    }

    /// What the link holds many of.
    fn holdings(&mut self, at: &(Netns, IfName), want: &Link) {
        let Some(have) = self.existing(at) else { return };
        let (delete, add) = differences(&at.0, have, want);
        let (netns, name) = at;
        self.out.steps.extend(delete.into_iter().map(|t| Step::Delete(netns.clone(), name.clone(), t)));
        self.out.steps.extend(add.into_iter().map(|t| Step::Add(netns.clone(), name.clone(), t)));
    }

    fn routes(&mut self) {
        let nothing = Namespace::default();
        for (netns, want) in &self.want.namespaces {
            let have = self.have.get(netns).unwrap_or(&nothing);
            let delete = have.routes.difference(&want.routes);
            self.out.steps.extend(delete.map(|route| Step::DeleteRoute(netns.clone(), route.clone())));
            let add = want.routes.difference(&have.routes);
            self.out.steps.extend(add.map(|route| Step::AddRoute(netns.clone(), route.clone())));
        }
    }

    fn sysctls(&mut self) {
        let nothing = Namespace::default();
        for (netns, want) in &self.want.namespaces {
            let have = self.have.get(netns).unwrap_or(&nothing);
            let other = want.sysctls.iter().filter(|(key, value)| match have.sysctls.get(*key) {
                Some(have) => have != *value,
                None => !BRIDGE_NETFILTER.contains(&key.as_str()),
            });
            self.out.steps.extend(other.map(|(key, value)| Step::SetSysctl {
                netns: netns.clone(),
                key: key.clone(),
                value: value.clone(),
            }));
        }
    }

    /// One that is not needed any more does no harm: it goes with its namespace.
    fn gates(&mut self) {
        let is_open = |netns: &Netns| self.have.get(netns).is_some_and(|have| !have.gate);
        let missing = self.want.namespaces.iter().filter(|(netns, want)| want.gate && is_open(netns));
        let vni = |netns: &Netns| if let Netns::Segment(vni) = netns { Some(*vni) } else { None };
        self.out.steps.extend(missing.filter_map(|(netns, _)| vni(netns)).map(Step::SetGate));
    }

    /// Whether there are segments to make or to keep. One that must be left alone has no rules, either.
    fn has_segments(&self) -> bool {
        let is_networks = |netns: &Netns| matches!(netns, Netns::Segment(vni) if *vni != Vni::PROBES);
        self.want.namespaces.keys().any(is_networks)
    }

    /// The segments with a way to the host.
    fn uplinks(&self) -> BTreeSet<Vni> {
        let vni = |pair: &Pair| match &pair.inner {
            (Netns::Segment(vni), name) if *name == IfName::segment_uplink() => Some(*vni),
            _ => None,
        };
        self.want.pairs.iter().filter_map(vni).collect()
    }
}

/// What to set an engine's end of a pair to. A container may want less than fits; what it has from weft follows.
fn far(have: &Link, want: &Link) -> Option<Far> {
    let (far, fits) = (have.far.as_ref()?.mtu, want.far.as_ref()?);
    (far > fits.mtu || far < fits.mtu && far == have.mtu).then(|| fits.clone())
}

/// What to delete from a link and what to set on it.
fn differences(netns: &Netns, have: &Link, want: &Link) -> (Vec<Entry>, Vec<Entry>) {
    let (mut delete, mut add) = (Vec::new(), Vec::new());

    let surplus = have.addresses.difference(&want.addresses).filter(|a| is_ours(netns, a, want));
    delete.extend(surplus.map(|&address| Entry::Address(address)));
    add.extend(want.addresses.difference(&have.addresses).map(|&address| Entry::Address(address)));

    let (gone, new) = have.fdb.steps_to(&want.fdb);
    delete.extend(gone);
    add.extend(new);

    let (gone, new) = neighbour_steps(&have.neighbours, &want.neighbours);
    delete.extend(gone);
    add.extend(new);

    let (gone, new) = peer_steps(&have.peers, &want.peers);
    delete.extend(gone);
    add.extend(new);

    // What a bridge itself listens to goes with its address.
    let surplus = have.local_fdb.difference(&want.local_fdb).filter(|_| want.kind != Kind::Bridge);
    delete.extend(surplus.map(|&mac| Entry::LocalFdb(mac)));
    add.extend(want.local_fdb.difference(&have.local_fdb).map(|&mac| Entry::LocalFdb(mac)));
    (delete, add)
}

/// The other ends of tunnels, each known by its key.
fn peer_steps(have: &Peers, want: &Peers) -> (Vec<Entry>, Vec<Entry>) {
    let gone = have.values().filter(|peer| !want.contains_key(&peer.key));
    let new = want.values().filter(|peer| have.get(&peer.key) != Some(peer));
    (gone.copied().map(Entry::Peer).collect(), new.copied().map(Entry::Peer).collect())
}

/// Whether an address that nobody wants on a link is weft's to remove. In a container others may add theirs;
/// but one of the pool that the store did not give it would be another's.
fn is_ours(netns: &Netns, address: &IpNet, want: &Link) -> bool {
    if want.kind == Kind::Loopback {
        return false;
    }
    !matches!(netns, Netns::Container(_)) || want.addresses.iter().any(|a| a.trunc() == address.trunc())
}
