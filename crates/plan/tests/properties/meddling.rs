//! What others do to the kernel.

use super::*;

/// Something that others do to the kernel.
#[derive(Debug, Clone)]
pub(super) enum Meddling {
    Take(Step),
    ForeignLink(Place, IfName),
    ForeignRoute(Place, IpNet),
    LoseContainer(usize),
    /// An engine moves a link that waits for it into a container, or back.
    Move(usize, Place, Place, IfName),
    Replace(Place, IfName),
    LeavePort(Place, IfName),
    LoseRoutes(Place),
    LoseSysctls(Place),
    Ruleset(Option<RulesetMark>),
    Append(Place, MacAddr, IpAddr),
}

pub(super) fn place() -> impl Strategy<Value = Place> {
    prop_oneof![
        Just(Place::Host),
        select(&VNIS[..]).prop_map(|number| Place::Segment(vni(number))),
        (0usize..3).prop_map(|n| Place::Container(container(n))),
    ]
}

fn link() -> impl Strategy<Value = IfName> {
    let mut names = vec![IfName::bridge(), IfName::vxlan(), IfName::segment_uplink(), IfName::loopback()];
    names.extend([IfName::container(0), IfName::container(1)]);
    names.extend(VNIS.map(|number| IfName::uplink(vni(number))));
    names.extend((0..6).flat_map(|n| [IfName::port(&endpoint(n)), IfName::for_engine(&endpoint(n))]));
    select(names)
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        any::<bool>().prop_map(Change::Up),
        (1399u32..1403).prop_map(Change::Mtu),
        Just(Change::Mac("02:00:00:00:00:01".parse().unwrap())),
        Just(Change::Port(Port::FRESH)),
    ]
}

fn thing() -> impl Strategy<Value = Thing> {
    (select(&VNIS[..]), 1u8..15, any::<bool>(), vtep(), 0u8..4).prop_map(|(number, host, v6, vtep, kind)| {
        let net = address(number, host, v6);
        let mac = MacAddr::for_ip(address(number, host, false).addr());
        match kind {
            0 => Thing::Address(net),
            1 => Thing::Fdb(mac, vtep),
            2 => Thing::Neighbour(net.addr(), mac),
            _ => Thing::Station(mac),
        }
    })
}

pub(super) fn meddling() -> impl Strategy<Value = Meddling> {
    let mac = select(&VNIS[..]).prop_map(|number| MacAddr::for_ip(address(number, 10, false).addr()));
    prop_oneof![
        (place(), link()).prop_map(|(p, l)| Meddling::Take(Step::DeleteLink(p, l))),
        (place(), link(), change()).prop_map(|(p, l, c)| Meddling::Take(Step::SetLink(p, l, c))),
        (place(), link(), thing()).prop_map(|(p, l, t)| Meddling::Take(Step::Add(p, l, t))),
        (place(), link(), thing()).prop_map(|(p, l, t)| Meddling::Take(Step::Delete(p, l, t))),
        select(&VNIS[..]).prop_map(|n| Meddling::Take(Step::DeleteNamespace(vni(n)))),
        (place(), link()).prop_map(|(p, l)| Meddling::ForeignLink(p, l)),
        (place(), select(&VNIS[..]))
            .prop_map(|(p, n)| Meddling::ForeignRoute(p, address(n, 1, false).trunc())),
        (0usize..3).prop_map(Meddling::LoseContainer),
        (0usize..6, place(), place(), link())
            .prop_map(|(n, from, to, name)| Meddling::Move(n, from, to, name)),
        (place(), link()).prop_map(|(p, l)| Meddling::Replace(p, l)),
        (place(), link()).prop_map(|(p, l)| Meddling::LeavePort(p, l)),
        place().prop_map(Meddling::LoseRoutes),
        place().prop_map(Meddling::LoseSysctls),
        any::<bool>().prop_map(|gone| {
            Meddling::Ruleset((!gone).then(|| RulesetMark { comment: "weft 0".to_owned(), rules: 1 }))
        }),
        (place(), mac, vtep()).prop_map(|(p, m, v)| Meddling::Append(p, m, v)),
    ]
}

/// Moves the end of an endpoint's pair that is not in a segment, as engines do.
fn move_link(kernel: &mut Observed, n: usize, from: &Place, to: Place, name: IfName) {
    let alias = Some(format!("weft {}", endpoint(n)));
    let is_taken = |namespace: &Namespace| namespace.links.contains_key(&name);
    if [from, &to].iter().any(|place| matches!(place, Place::Segment(_)))
        || kernel.places.get(&to).is_none_or(is_taken)
    {
        return;
    }
    let Some(namespace) = kernel.places.get_mut(from) else { return };
    let old = namespace.links.iter().find(|(_, link)| link.alias == alias).map(|(old, _)| old.clone());
    let link = old.and_then(|old| {
        namespace.routes.retain(|route| route.dev != old);
        namespace.links.remove(&old)
    });
    kernel.places.entry(to).or_default().links.extend(link.map(|link| (name, link)));
}

pub(super) fn meddle(kernel: &mut Observed, meddling: Meddling) {
    let mut at =
        |place: &Place, f: &dyn Fn(&mut Namespace)| kernel.places.get_mut(place).into_iter().for_each(f);
    match meddling {
        Meddling::Take(Step::DeleteLink(_, name)) if name == IfName::loopback() => {}
        // This step may be refused, too.
        Meddling::Take(step) => {
            let _ = kernel.take(&step);
        }
        Meddling::ForeignLink(place, link) => at(&place, &|namespace| {
            let possible = link != IfName::loopback() && !matches!(place, Place::Segment(_));
            if possible && !namespace.links.contains_key(&link) {
                namespace.foreign_links.insert(link.clone());
            }
        }),
        Meddling::ForeignRoute(place, to) => at(&place, &|namespace| {
            if namespace.routes.iter().all(|route| route.to != to) {
                namespace.foreign_routes.insert(to, "eth9".to_owned());
            }
        }),
        Meddling::LoseContainer(n) => {
            let place = Place::Container(container(n));
            let links: Vec<IfName> = kernel
                .places
                .get(&place)
                .map_or_else(Vec::new, |namespace| namespace.links.keys().cloned().collect());
            for name in links {
                kernel.take(&Step::DeleteLink(place.clone(), name)).unwrap();
            }
            kernel.places.remove(&place);
        }
        Meddling::Move(n, from, to, name) => move_link(kernel, n, &from, to, name),
        Meddling::Replace(place, link) => at(&place, &|namespace| {
            if matches!(link.as_str(), "br0" | "vxlan0")
                && let Some(link) = namespace.links.get_mut(&link)
            {
                link.kind = Kind::Other("dummy".to_owned());
                (link.fdb, link.neighbours) = Default::default();
            }
        }),
        Meddling::LeavePort(place, link) => at(&place, &|namespace| {
            if let Some(link) = namespace.links.get_mut(&link) {
                link.port = None;
                link.stations.clear();
            }
        }),
        Meddling::LoseRoutes(place) => at(&place, &|namespace| namespace.routes.clear()),
        Meddling::LoseSysctls(place) => at(&place, &|namespace| namespace.sysctls.clear()),
        Meddling::Ruleset(mark) => kernel.ruleset = mark,
        Meddling::Append(place, mac, vtep) => at(&place, &|namespace| {
            if let Some(link) = namespace.links.get_mut(&IfName::vxlan()) {
                link.fdb.entry(mac).or_default().insert(vtep);
            }
        }),
    }
}
