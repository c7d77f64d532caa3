//! What others do to the kernel.

use super::*;

/// Something that others do to the kernel.
#[derive(Debug, Clone)]
pub(super) enum Meddling {
    Take(Step),
    ForeignLink(Netns, IfName),
    ForeignRoute(Netns, IpNet),
    LoseContainer(usize),
    /// An engine moves a link that waits for it into a container, or back.
    Move(usize, Netns, Netns, IfName),
    Replace(Netns, IfName),
    LeavePort(Netns, IfName),
    LoseRoutes(Netns),
    LoseSysctls(Netns),
    OpenGate(Netns),
    Ruleset(Option<RulesetMark>),
    Append(Netns, MacAddr, IpAddr),
}

pub(super) fn netns() -> impl Strategy<Value = Netns> {
    prop_oneof![
        Just(Netns::Host),
        Just(Netns::Tunnel),
        select(&VNIS[..]).prop_map(|number| Netns::Segment(vni(number))),
        (0usize..3).prop_map(|n| Netns::Container(container(n))),
    ]
}

fn own() -> impl Strategy<Value = OwnNetns> {
    prop_oneof![Just(OwnNetns::Tunnel), select(&VNIS[..]).prop_map(|number| OwnNetns::Segment(vni(number))),]
}

fn link() -> impl Strategy<Value = IfName> {
    let mut names = vec![IfName::bridge(), IfName::vxlan(), IfName::segment_uplink(), IfName::loopback()];
    names.extend([IfName::container(0), IfName::container(1), IfName::tunnel()]);
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
        (1u8..3).prop_map(|n| Change::Tunnel(settings(n))),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    (select(&VNIS[..]), 1u8..15, any::<bool>(), vtep(), 0u8..5).prop_map(|(number, host, v6, vtep, kind)| {
        let net = address(number, host, v6);
        let mac = MacAddr::for_ip(address(number, host, false).addr());
        match kind {
            0 => Entry::Address(net),
            1 => Entry::Fdb(mac, vtep),
            2 => Entry::Neighbour(net.addr(), mac),
            3 => Entry::Peer(peer(host, Some(vtep))),
            _ => Entry::LocalFdb(mac),
        }
    })
}

pub(super) fn meddling() -> impl Strategy<Value = Meddling> {
    let mac = select(&VNIS[..]).prop_map(|number| MacAddr::for_ip(address(number, 10, false).addr()));
    prop_oneof![
        (netns(), link()).prop_map(|(p, l)| Meddling::Take(Step::DeleteLink(p, l))),
        (netns(), link(), change()).prop_map(|(p, l, c)| Meddling::Take(Step::SetLink(p, l, c))),
        (netns(), link(), entry()).prop_map(|(p, l, t)| Meddling::Take(Step::Add(p, l, t))),
        (netns(), link(), entry()).prop_map(|(p, l, t)| Meddling::Take(Step::Delete(p, l, t))),
        own().prop_map(|own| Meddling::Take(Step::DeleteNamespace(own))),
        (netns(), link()).prop_map(|(p, l)| Meddling::ForeignLink(p, l)),
        (netns(), select(&VNIS[..]))
            .prop_map(|(p, n)| Meddling::ForeignRoute(p, address(n, 1, false).trunc())),
        (0usize..3).prop_map(Meddling::LoseContainer),
        (0usize..6, netns(), netns(), link())
            .prop_map(|(n, from, to, name)| Meddling::Move(n, from, to, name)),
        (netns(), link()).prop_map(|(p, l)| Meddling::Replace(p, l)),
        (netns(), link()).prop_map(|(p, l)| Meddling::LeavePort(p, l)),
        netns().prop_map(Meddling::LoseRoutes),
        netns().prop_map(Meddling::LoseSysctls),
        netns().prop_map(Meddling::OpenGate),
        any::<bool>().prop_map(|gone| {
            Meddling::Ruleset((!gone).then(|| RulesetMark { comment: "weft 0".to_owned(), rules: 1 }))
        }),
        (netns(), mac, vtep()).prop_map(|(p, m, v)| Meddling::Append(p, m, v)),
    ]
}

/// Moves the end of an endpoint's pair that is not in a segment, as engines do.
fn move_link(kernel: &mut Observed, n: usize, from: &Netns, to: Netns, name: IfName) {
    let alias = Some(format!("weft {}", endpoint(n)));
    let is_taken = |namespace: &Namespace| namespace.links.contains_key(&name);
    if [from, &to].iter().any(|netns| netns.own().is_some())
        || kernel.namespaces.get(&to).is_none_or(is_taken)
    {
        return;
    }
    let Some(namespace) = kernel.namespaces.get_mut(from) else { return };
    let old = namespace.links.iter().find(|(_, link)| link.alias == alias).map(|(old, _)| old.clone());
    let link = old.and_then(|old| {
        namespace.routes.retain(|route| route.dev != old);
        namespace.links.remove(&old)
    });
    kernel.namespaces.entry(to).or_default().links.extend(link.map(|link| (name, link)));
}

pub(super) fn meddle(kernel: &mut Observed, meddling: Meddling) {
    let mut at =
        |netns: &Netns, f: &dyn Fn(&mut Namespace)| kernel.namespaces.get_mut(netns).into_iter().for_each(f);
    match meddling {
        Meddling::Take(Step::DeleteLink(_, name)) if name == IfName::loopback() => {}
        // This step may be refused, too.
        Meddling::Take(step) => {
            let _ = kernel.take(&step);
        }
        Meddling::ForeignLink(netns, link) => at(&netns, &|namespace| {
            let possible = link != IfName::loopback() && netns.own().is_none();
            if possible && !namespace.links.contains_key(&link) {
                namespace.foreign_links.insert(link.clone());
            }
        }),
        Meddling::ForeignRoute(netns, to) => at(&netns, &|namespace| {
            if namespace.routes.iter().all(|route| route.to != to) {
                namespace.foreign_routes.insert(to, "eth9".to_owned());
            }
        }),
        Meddling::LoseContainer(n) => {
            let netns = Netns::Container(container(n));
            let links: Vec<IfName> = kernel
                .namespaces
                .get(&netns)
                .map_or_else(Vec::new, |namespace| namespace.links.keys().cloned().collect());
            for name in links {
                kernel.take(&Step::DeleteLink(netns.clone(), name)).unwrap();
            }
            kernel.namespaces.remove(&netns);
        }
        Meddling::Move(n, from, to, name) => move_link(kernel, n, &from, to, name),
        Meddling::Replace(netns, link) => at(&netns, &|namespace| {
            if matches!(link.as_str(), "br0" | "vxlan0" | "tunnel0")
                && let Some(link) = namespace.links.get_mut(&link)
            {
                link.kind = Kind::Other("dummy".to_owned());
                (link.fdb, link.neighbours) = Default::default();
                (link.tunnel, link.peers) = Default::default();
            }
        }),
        Meddling::LeavePort(netns, link) => at(&netns, &|namespace| {
            if let Some(link) = namespace.links.get_mut(&link) {
                link.port = None;
                link.local_fdb.clear();
            }
        }),
        Meddling::LoseRoutes(netns) => at(&netns, &|namespace| namespace.routes.clear()),
        Meddling::LoseSysctls(netns) => at(&netns, &|namespace| namespace.sysctls.clear()),
        Meddling::OpenGate(netns) => at(&netns, &|namespace| namespace.gate = false),
        Meddling::Ruleset(mark) => kernel.ruleset = mark,
        Meddling::Append(netns, mac, vtep) => at(&netns, &|namespace| {
            if let Some(link) = namespace.links.get_mut(&IfName::vxlan()) {
                link.fdb.add(mac, vtep);
            }
        }),
    }
}
