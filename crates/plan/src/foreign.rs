//! What is not ours is left alone, and so is what depends on it.

use crate::{Namespace, Pair, Place, Problem, Route, diff::Diff};
use std::collections::{BTreeMap, BTreeSet};
use weft_model::IfName;

impl Diff {
    fn problem(&mut self, place: &Place, link: Option<&IfName>, message: String) {
        self.out.problems.push(Problem { place: place.clone(), link: link.cloned(), message });
    }

    /// Neither wants nor has what is in a namespace that must be left alone, or what depends on it: what cannot be seen
    /// must not count as missing.
    pub(crate) fn leave_blocked(&mut self, blocked: &BTreeMap<Place, String>) {
        for (place, why) in blocked {
            self.have.remove(place);
            if self.want.places.remove(place).is_some() {
                self.problem(place, None, why.clone());
            }
            if let (Place::Segment(vni), Some(host)) = (place, self.have.get_mut(&Place::Host)) {
                host.forget(&IfName::uplink(*vni));
            }
        }
        let (kept, left): (Vec<Pair>, Vec<Pair>) = std::mem::take(&mut self.want.pairs)
            .into_iter()
            .partition(|pair| !blocked.contains_key(&pair.inner.0) && !blocked.contains_key(&pair.outer.0));
        self.want.pairs = kept;
        for (place, name) in left.iter().flat_map(|pair| [&pair.inner, &pair.outer]) {
            forget(&mut self.want.places, place, name);
            forget(&mut self.have, place, name);
        }
    }

    /// Takes the ends of pairs that engines have for theirs, wherever they are. If our own end is gone, the pair
    /// is, and another would be of no use to the engine.
    pub(crate) fn leave_handed_over(&mut self) {
        let handed_over = std::mem::take(&mut self.want.handed_over);
        for inner in handed_over.iter().map(|pair| &pair.inner) {
            if self.wanted(inner).is_some_and(|port| !self.is_there(inner, &port)) {
                forget(&mut self.want.places, &inner.0, &inner.1);
            }
        }
        let aliases: BTreeSet<String> = handed_over.into_iter().map(|pair| pair.alias).collect();
        for (_, namespace) in self.have.iter_mut().filter(|(place, _)| !matches!(place, Place::Segment(_))) {
            let Namespace { links, foreign_links, .. } = namespace;
            links.retain(|name, link| {
                let theirs = link.alias.as_ref().is_some_and(|alias| aliases.contains(alias));
                foreign_links.extend(theirs.then(|| name.clone()));
                !theirs
            });
        }
    }

    /// Does not want what another's object is in the place of, nor links to containers that are gone.
    pub(crate) fn leave_foreign(&mut self) {
        for pair in std::mem::take(&mut self.want.pairs) {
            let (place, name) = &pair.outer;
            let there = self.have.get(place);
            let foreign = there.is_some_and(|namespace| namespace.foreign_links.contains(name));
            let gone = there.is_none() && matches!(place, Place::Container(_));
            if foreign {
                let message = format!(
                    "{place}: there is an interface {name} that weft did not make: remove or rename it"
                );
                self.problem(place, Some(name), message);
            }
            if foreign || gone {
                for (place, name) in [&pair.inner, &pair.outer] {
                    forget(&mut self.want.places, place, name);
                }
            } else {
                self.want.pairs.push(pair);
            }
        }
        let have = &self.have;
        self.want.places.retain(|place, _| !matches!(place, Place::Container(_)) || have.contains_key(place));
        self.leave_foreign_routes();
    }

    /// Does not want routes that others have already.
    fn leave_foreign_routes(&mut self) {
        let mut problems = Vec::new();
        for (place, want) in &mut self.want.places {
            let Some(have) = self.have.get(place) else { continue };
            want.routes.retain(|route| {
                let foreign = have.foreign_routes.get(&route.to);
                problems.extend(foreign.map(|dev| routed_elsewhere(place, route, dev)));
                foreign.is_none()
            });
        }
        self.out.problems.append(&mut problems);
    }
}

fn forget(places: &mut BTreeMap<Place, Namespace>, place: &Place, name: &IfName) {
    if let Some(namespace) = places.get_mut(place) {
        namespace.forget(name);
    }
}

fn routed_elsewhere(place: &Place, route: &Route, dev: &str) -> Problem {
    let effect = match place {
        Place::Container(_) => "it is left as it is, and the way out through weft's gateway is not used",
        _ => {
            "containers on that subnet have no way out until that route is removed or the network gets \
              another subnet"
        }
    };
    let message = format!("{place}: {} is routed through {dev} already: {effect}", route.destination());
    Problem { place: place.clone(), link: None, message }
}
