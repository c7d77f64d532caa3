//! How far the kernel is from what should be, network by network.

use crate::{Desired, Observed, Outer, Place, Plan, Problem, Step, Thing};
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
        let owner = owners.find(&step.place(), step.link());
        all.entry(owner).or_default().count(made.look_at(step, observed));
    }
    for Problem { place, link, message } in &plan.problems {
        let owner = owners.find(place, link.as_ref().map(IfName::as_str));
        all.entry(owner).or_default().problems.push(message.clone());
    }
    all
}

/// Which network a kernel object is of.
struct Owners<'d> {
    desired: &'d Desired,
    /// By namespace and link, outside the segments.
    links: BTreeMap<(Place, &'d str), NetworkId>,
    /// By the namespace, for what is not a link of ours there: the one joined first.
    containers: BTreeMap<Place, NetworkId>,
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
            let (place, link) = match &attachment.outer {
                Outer::Container { netns, ifname, .. } => (Place::Container(netns.clone()), ifname),
                Outer::Engine { ifname, .. } => (Place::Host, ifname),
            };
            if place != Place::Host {
                owners.containers.entry(place.clone()).or_insert(segment.network);
            }
            owners.links.insert((place, link.as_str()), segment.network);
        }
        owners
    }

    fn find(&self, place: &Place, link: Option<&str>) -> Option<NetworkId> {
        if let Place::Segment(vni) = place {
            return self.desired.segments.get(vni).map(|segment| segment.network);
        }
        let of_link = link.and_then(|link| self.links.get(&(place.clone(), link)).copied());
        let of_uplink = || match (place, link) {
            (Place::Host, Some(link)) => self.uplinks.get(link).copied(),
            _ => None,
        };
        of_link.or_else(of_uplink).or_else(|| self.containers.get(place).copied())
    }
}

/// What a plan makes: with a link come its settings, and what it holds is not there before.
struct Made<'p> {
    created: BTreeSet<(Place, &'p str)>,
    deleted: BTreeSet<(Place, &'p str)>,
}

impl<'p> Made<'p> {
    fn by(plan: &'p Plan) -> Self {
        let (mut created, mut deleted) = (BTreeSet::new(), BTreeSet::new());
        for step in &plan.steps {
            match step {
                Step::CreateLink { place, name, peer, .. } => {
                    created.insert((place.clone(), name.as_str()));
                    created.extend(peer.as_ref().map(|peer| (peer.place.clone(), peer.name.as_str())));
                }
                Step::DeleteLink(place, name) => {
                    deleted.insert((place.clone(), name.as_str()));
                }
                _ => {}
            }
        }
        Self { created, deleted }
    }

    fn creates(&self, place: &Place, link: &str) -> bool {
        self.created.contains(&(place.clone(), link))
    }

    /// Whether a link is made anew in place of one that is there.
    fn replaces(&self, place: &Place, link: &str) -> bool {
        self.creates(place, link) && self.deleted.contains(&(place.clone(), link))
    }

    fn look_at(&self, step: &Step, observed: &Observed) -> Is {
        match step {
            Step::CreateNamespace(_) | Step::AddRoute(..) => Is::Missing,
            Step::DeleteNamespace(_) | Step::Delete(..) | Step::DeleteRoute(..) => Is::Extra,
            Step::DeleteRuleset => Is::Extra,
            Step::SetRuleset(_) if observed.ruleset.is_none() => Is::Missing,
            Step::SetRuleset(_) => Is::Wrong,
            Step::CreateLink { place, name, .. } if self.replaces(place, name.as_str()) => Is::Wrong,
            Step::CreateLink { .. } => Is::Missing,
            // It comes back, or its peer does and takes it along.
            Step::DeleteLink(place, name) if self.creates(place, name.as_str()) => Is::CountedAlready,
            Step::DeleteLink(..) => Is::Extra,
            Step::SetLink(place, name, _) if self.creates(place, name.as_str()) => Is::CountedAlready,
            Step::SetLink(..) => Is::Wrong,
            Step::SetSysctl { place, .. } if !observed.places.contains_key(place) => Is::CountedAlready,
            Step::SetSysctl { place, key, .. } => {
                let of_new_link =
                    crate::target::sysctl_link(key).is_some_and(|link| self.creates(place, link));
                if of_new_link { Is::CountedAlready } else { Is::Wrong }
            }
            Step::Add(place, name, _) if self.replaces(place, name.as_str()) => Is::CountedAlready,
            Step::Add(place, name, thing) if holds_another(observed, place, name, thing) => Is::Wrong,
            Step::Add(..) => Is::Missing,
        }
    }
}

/// Whether a link holds something for the same address as `thing`, which takes its place.
fn holds_another(observed: &Observed, place: &Place, name: &IfName, thing: &Thing) -> bool {
    let link = observed.places.get(place).and_then(|namespace| namespace.links.get(name));
    link.is_some_and(|link| match thing {
        Thing::Fdb(mac, _) => link.fdb.contains_key(mac),
        Thing::Neighbour(ip, _) => link.neighbours.contains_key(ip),
        Thing::Address(_) | Thing::Station(_) => false,
    })
}
