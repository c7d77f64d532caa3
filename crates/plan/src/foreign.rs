//! What is not ours is left alone, and so is what depends on it.

use crate::{Carrier, Kind, Link, Namespace, Netns, Pair, Problem, Route, diff::Diff};
use std::collections::{BTreeMap, BTreeSet};
use weft_model::IfName;

impl Diff {
    fn problem(&mut self, netns: &Netns, link: Option<&IfName>, message: String) {
        self.out.problems.push(Problem { netns: netns.clone(), link: link.cloned(), message });
    }

    /// Neither wants nor has what is in a namespace that must be left alone, or what depends on it: what cannot be seen
    /// must not count as missing.
    pub(crate) fn leave_blocked(&mut self, blocked: &BTreeMap<Netns, String>) {
        for (netns, why) in blocked {
            self.have.remove(netns);
            if self.want.namespaces.remove(netns).is_some() {
                self.problem(netns, None, why.clone());
            }
            if let (Netns::Segment(vni), Some(host)) = (netns, self.have.get_mut(&Netns::Host)) {
                host.forget(&IfName::uplink(*vni));
            }
        }
        if blocked.contains_key(&Netns::Tunnel) {
            self.leave_carried();
        }
        let (kept, left): (Vec<Pair>, Vec<Pair>) = std::mem::take(&mut self.want.pairs)
            .into_iter()
            .partition(|pair| !blocked.contains_key(&pair.inner.0) && !blocked.contains_key(&pair.outer.0));
        self.want.pairs = kept;
        for (netns, name) in left.iter().flat_map(|pair| [&pair.inner, &pair.outer]) {
            forget(&mut self.want.namespaces, netns, name);
            forget(&mut self.have, netns, name);
        }
    }

    /// Leaves the devices alone whose packets the tunnels carry: the namespace of that name is another's.
    fn leave_carried(&mut self) {
        let carried = |link: &Link| matches!(link.kind, Kind::Vxlan { carrier: Carrier::Tunnel, .. });
        let of = |(netns, namespace): (&Netns, &Namespace)| {
            let names = namespace.links.iter().filter(|(_, link)| carried(link));
            names.map(|(name, _)| (netns.clone(), name.clone())).collect::<Vec<_>>()
        };
        let left: Vec<_> = self.want.namespaces.iter().flat_map(of).collect();
        for (netns, name) in left {
            forget(&mut self.want.namespaces, &netns, &name);
            let there = self.have.get(&netns).and_then(|namespace| namespace.links.get(&name));
            // Any other, one in clear for instance, is not wanted.
            if there.is_some_and(carried) {
                forget(&mut self.have, &netns, &name);
            }
        }
    }

    /// Takes the ends of pairs that engines have for theirs, wherever they are. If our own end is gone, the pair
    /// is, and another would be of no use to the engine.
    pub(crate) fn leave_handed_over(&mut self) {
        let handed_over = std::mem::take(&mut self.want.handed_over);
        for inner in handed_over.iter().map(|pair| &pair.inner) {
            if self.wanted(inner).is_some_and(|port| !self.is_there(inner, &port)) {
                forget(&mut self.want.namespaces, &inner.0, &inner.1);
            }
        }
        let aliases: BTreeSet<String> = handed_over.into_iter().map(|pair| pair.alias).collect();
        for (_, namespace) in self.have.iter_mut().filter(|(netns, _)| !matches!(netns, Netns::Segment(_))) {
            let Namespace { links, foreign_links, .. } = namespace;
            links.retain(|name, link| {
                let theirs = link.alias.as_ref().is_some_and(|alias| aliases.contains(alias));
                foreign_links.extend(theirs.then(|| name.clone()));
                !theirs
            });
        }
    }

    /// Does not want what another's object is in the netns of, nor links to containers that are gone.
    pub(crate) fn leave_foreign(&mut self) {
        for pair in std::mem::take(&mut self.want.pairs) {
            let (netns, name) = &pair.outer;
            let there = self.have.get(netns);
            let foreign = there.is_some_and(|namespace| namespace.foreign_links.contains(name));
            let gone = there.is_none() && matches!(netns, Netns::Container(_));
            if foreign {
                let message = format!(
                    "{netns}: there is an interface {name} that weft did not make: remove or rename it"
                );
                self.problem(netns, Some(name), message);
            }
            if foreign || gone {
                for (netns, name) in [&pair.inner, &pair.outer] {
                    forget(&mut self.want.namespaces, netns, name);
                }
            } else {
                self.want.pairs.push(pair);
            }
        }
        let have = &self.have;
        self.want
            .namespaces
            .retain(|netns, _| !matches!(netns, Netns::Container(_)) || have.contains_key(netns));
        self.leave_foreign_routes();
    }

    /// Does not want routes that others have already.
    fn leave_foreign_routes(&mut self) {
        let mut problems = Vec::new();
        for (netns, want) in &mut self.want.namespaces {
            let Some(have) = self.have.get(netns) else { continue };
            want.routes.retain(|route| {
                let foreign = have.foreign_routes.get(&route.to);
                problems.extend(foreign.map(|dev| routed_elsewhere(netns, route, dev)));
                foreign.is_none()
            });
        }
        self.out.problems.append(&mut problems);
    }
}

fn forget(namespaces: &mut BTreeMap<Netns, Namespace>, netns: &Netns, name: &IfName) {
    if let Some(namespace) = namespaces.get_mut(netns) {
        namespace.forget(name);
    }
}

fn routed_elsewhere(netns: &Netns, route: &Route, dev: &str) -> Problem {
    let effect = match netns {
        Netns::Container(_) => "it is left as it is, and the way out through weft's gateway is not used",
        _ => {
            "containers on that subnet have no way out until that route is removed or the network gets \
              another subnet"
        }
    };
    let message = format!("{netns}: {} is routed through {dev} already: {effect}", route.destination());
    Problem { netns: netns.clone(), link: None, message }
}
