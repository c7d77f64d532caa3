//! How far the kernel is from what should be, network by network.

use crate::{Desired, Entry, Netns, Observed, Outer, Plan, Problem, Step};
use std::collections::{BTreeMap, BTreeSet};
use weft_model::{IfName, NetworkId};

/// Where the kernel differs from what it should hold. An entry is what one step makes, removes or sets: a namespace, a
/// link, an address, an FDB entry, a neighbour, a route, a setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Entries that should be there and are not.
    pub missing: usize,
    /// Entries of ours that should not be there.
    pub extra: usize,
    /// Entries that are there and say something else than they should.
    pub wrong: usize,
    /// What stands in the way, a sentence each: what it hides is in none of the counts.
    pub problems: Vec<String>,
}

impl Differences {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries() == 0 && self.problems.is_empty()
    }

    /// How many entries differ.
    pub fn entries(&self) -> usize {
        self.missing + self.extra + self.wrong
    }

    /// Counts one more.
    fn count(&mut self, is: Is) {
        match is {
            Is::Missing => self.missing += 1,
            Is::Extra => self.extra += 1,
            Is::Wrong => self.wrong += 1,
            Is::CountedAlready => {}
        }
    }
}

enum Is {
    Missing,
    Extra,
    Wrong,
    /// As a part of something else.
    CountedAlready,
}

/// The differences that `plan`, made from `desired` and `observed`, is there to remove: those of each network
/// that should be here, none left out; and under `None` those of the host as a whole, which are the packet
/// filter, and what is left of networks that should not be here.
pub fn differences(
    desired: &Desired,
    observed: &Observed,
    plan: &Plan,
) -> BTreeMap<Option<NetworkId>, Differences> {
    let owners = Owners::of(desired);
    let made = Made::by(plan);
    let networks = desired.segments.values().map(|segment| Some(segment.network));
    let mut all: BTreeMap<_, _> =
        networks.chain([None]).map(|owner| (owner, Differences::default())).collect();
    for step in &plan.steps {
        let owner = owners.find(&step.netns(), step.link());
        all.entry(owner).or_default().count(made.look_at(step, observed));
    }
    for Problem { netns, link, message } in &plan.problems {
        let owner = owners.find(netns, link.as_ref().map(IfName::as_str));
        all.entry(owner).or_default().problems.push(message.clone());
    }
    all
}

/// Which network a kernel object is of.
struct Owners<'d> {
    desired: &'d Desired,
    /// By namespace and link, outside the segments.
    links: BTreeMap<(Netns, &'d str), NetworkId>,
    /// By the namespace, for what is not a link of ours there: the one joined first.
    containers: BTreeMap<Netns, NetworkId>,
    uplinks: BTreeMap<String, NetworkId>,
}

impl<'d> Owners<'d> {
    fn of(desired: &'d Desired) -> Self {
        let mut owners =
            Self { desired, links: BTreeMap::new(), containers: BTreeMap::new(), uplinks: BTreeMap::new() };
        for (vni, segment) in &desired.segments {
            owners.uplinks.insert(IfName::uplink(*vni).into(), segment.network);
        }
        for attachment in desired.attachments.values() {
            let Some(segment) = desired.segments.get(&attachment.vni) else { continue };
            let (netns, link) = match &attachment.outer {
                Outer::Container { netns, ifname, .. } => (Netns::Container(netns.clone()), ifname),
                Outer::Engine { ifname, .. } => (Netns::Host, ifname),
            };
            if netns != Netns::Host {
                owners.containers.entry(netns.clone()).or_insert(segment.network);
            }
            owners.links.insert((netns, link.as_str()), segment.network);
        }
        owners
    }

    fn find(&self, netns: &Netns, link: Option<&str>) -> Option<NetworkId> {
        if let Netns::Segment(vni) = netns {
            return self.desired.segments.get(vni).map(|segment| segment.network);
        }
        let of_link = link.and_then(|link| self.links.get(&(netns.clone(), link)).copied());
        let of_uplink = || match (netns, link) {
            (Netns::Host, Some(link)) => self.uplinks.get(link).copied(),
            _ => None,
        };
        of_link.or_else(of_uplink).or_else(|| self.containers.get(netns).copied())
    }
}

/// What a plan makes: with a link come its settings, and what it holds is not there before.
struct Made<'p> {
    created: BTreeSet<(Netns, &'p str)>,
    deleted: BTreeSet<(Netns, &'p str)>,
}

impl<'p> Made<'p> {
    fn by(plan: &'p Plan) -> Self {
        let (mut created, mut deleted) = (BTreeSet::new(), BTreeSet::new());
        for step in &plan.steps {
            match step {
                Step::CreateLink { netns, name, peer, .. } => {
                    created.insert((netns.clone(), name.as_str()));
                    created.extend(peer.as_ref().map(|peer| (peer.netns.clone(), peer.name.as_str())));
                }
                Step::DeleteLink(netns, name) => {
                    deleted.insert((netns.clone(), name.as_str()));
                }
                _ => {}
            }
        }
        Self { created, deleted }
    }

    fn creates(&self, netns: &Netns, link: &str) -> bool {
        self.created.contains(&(netns.clone(), link))
    }

    /// Whether a link is made anew in netns of one that is there.
    fn replaces(&self, netns: &Netns, link: &str) -> bool {
        self.creates(netns, link) && self.deleted.contains(&(netns.clone(), link))
    }

    fn look_at(&self, step: &Step, observed: &Observed) -> Is {
        match step {
            Step::CreateNamespace(_) | Step::AddRoute(..) => Is::Missing,
            Step::DeleteNamespace(_) | Step::Delete(..) | Step::DeleteRoute(..) => Is::Extra,
            Step::DeleteRuleset => Is::Extra,
            Step::SetRuleset(_) if observed.ruleset.is_none() => Is::Missing,
            Step::SetRuleset(_) => Is::Wrong,
            Step::CreateLink { netns, name, .. } if self.replaces(netns, name.as_str()) => Is::Wrong,
            Step::CreateLink { .. } => Is::Missing,
            // It comes back, or its peer does and takes it along.
            Step::DeleteLink(netns, name) if self.creates(netns, name.as_str()) => Is::CountedAlready,
            Step::DeleteLink(..) => Is::Extra,
            Step::SetLink(netns, name, _) if self.creates(netns, name.as_str()) => Is::CountedAlready,
            Step::SetLink(..) => Is::Wrong,
            Step::SetGate(vni) if !observed.namespaces.contains_key(&Netns::Segment(*vni)) => {
                Is::CountedAlready
            }
            Step::SetGate(_) => Is::Missing,
            Step::SetSysctl { netns, .. } if !observed.namespaces.contains_key(netns) => Is::CountedAlready,
            Step::SetSysctl { netns, key, .. } => {
                let of_new_link =
                    crate::target::sysctl_link(key).is_some_and(|link| self.creates(netns, link));
                if of_new_link { Is::CountedAlready } else { Is::Wrong }
            }
            Step::Add(netns, name, _) if self.replaces(netns, name.as_str()) => Is::CountedAlready,
            Step::Add(netns, name, entry) if holds_another(observed, netns, name, entry) => Is::Wrong,
            Step::Add(..) => Is::Missing,
        }
    }
}

/// Whether a link holds something for the same address as `entry`, which takes its netns.
fn holds_another(observed: &Observed, netns: &Netns, name: &IfName, entry: &Entry) -> bool {
    let link = observed.namespaces.get(netns).and_then(|namespace| namespace.links.get(name));
    link.is_some_and(|link| match entry {
        Entry::Fdb(mac, _) => link.fdb.has(*mac),
        Entry::Neighbour(ip, _) => link.neighbours.contains_key(ip),
        Entry::Peer(peer) => link.peers.contains_key(&peer.key),
        Entry::Address(_) | Entry::LocalFdb(_) => false,
    })
}
