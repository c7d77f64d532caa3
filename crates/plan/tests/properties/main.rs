//! From any state, one plan leads to what is desired, and a second is empty.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod meddling;

use meddling::{Meddling, meddle, meddling, netns};
use proptest::{collection::vec, prelude::*, sample::select};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
};
use weft_model::{EndpointId, IfName, IpNet, MacAddr, NetworkId, Protocol, TunnelKey, Vni};
use weft_plan::{
    Attachment, Carrier, Change, Desired, Entry, Fdb, Kind, Link, Namespace, Netns, Observed, Outer,
    OwnNetns, Port, Probe, Publish, Remote, RulesetMark, Segment, Step, Target, Tunnel, TunnelPeer,
    TunnelSettings, plan,
};

const VNIS: [u32; 3] = [256, 257, 258];

fn vni(number: u32) -> Vni {
    number.try_into().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn vtep() -> impl Strategy<Value = IpAddr> {
    select(vec![ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")])
}

fn container(n: usize) -> PathBuf {
    format!("/run/netns/c{n}").into()
}

fn address(number: u32, host: u8, v6: bool) -> IpNet {
    let text =
        if v6 { format!("fd00:{number}::{host}/64") } else { format!("10.0.{}.{host}/24", number - 256) };
    text.parse().unwrap()
}

fn segment(number: u32) -> impl Strategy<Value = Segment> {
    let remote = (10u8..14, vtep(), any::<bool>());
    (
        vtep(),
        select(vec![4789u16, 4790]),
        1400u32..1402,
        any::<bool>(),
        any::<bool>(),
        (0u8..2, any::<bool>()),
        vec(remote, 0..4),
    )
        .prop_map(move |(vtep, port, mtu, v6, egress, (network, encrypted), remotes)| {
            let gateways: Vec<IpNet> =
                [Some(address(number, 1, false)), v6.then(|| address(number, 1, true))]
                    .into_iter()
                    .flatten()
                    .collect();
            let remotes = remotes.into_iter().map(|(host, vtep, both)| {
                let v4 = address(number, host, false).addr();
                let addresses = [Some(v4), both.then(|| address(number, host, true).addr())];
                (MacAddr::for_ip(v4), Remote { vtep, addresses: addresses.into_iter().flatten().collect() })
            });
            Segment {
                network: format!("{network:064x}").parse::<NetworkId>().unwrap(),
                carrier: if encrypted { Carrier::Tunnel } else { Carrier::Host },
                vtep,
                port,
                mtu,
                gateway_mac: MacAddr::for_ip(gateways[0].addr()),
                gateways,
                egress,
                remotes: remotes.collect(),
            }
        })
}

fn key(n: u8) -> TunnelKey {
    TunnelKey::new([n; 32]).unwrap()
}

fn settings(n: u8) -> TunnelSettings {
    TunnelSettings { key: key(n), port: 51820 }
}

fn peer(n: u8, endpoint: Option<IpAddr>) -> TunnelPeer {
    let address = format!("fd01::{n}").parse().unwrap();
    TunnelPeer { key: key(n), address, endpoint: endpoint.map(|ip| (ip, 51820).into()), keepalive: 0 }
}

fn tunnel() -> impl Strategy<Value = Tunnel> {
    let peers = vec((4u8..8, proptest::option::of(vtep())), 0..4);
    (1u8..3, 1u8..3, 1380u32..1382, peers).prop_map(|(last, own, mtu, peers)| Tunnel {
        address: format!("fd00::{last}").parse().unwrap(),
        settings: settings(own),
        mtu,
        peers: peers.into_iter().map(|(n, endpoint)| (key(n), peer(n, endpoint))).collect(),
    })
}

fn endpoint(n: usize) -> EndpointId {
    format!("{:0<64}", format!("e{n}")).parse().unwrap()
}

/// Two interfaces in each of three containers, or left to an engine; a default route only through the first.
fn attachment(n: usize) -> impl Strategy<Value = (EndpointId, Attachment)> {
    (select(&VNIS[..]), 0u8..2, any::<bool>(), any::<bool>(), any::<bool>(), 0u8..4).prop_map(
        move |(number, shift, v6, up, leaves, whose)| {
            let host = 2 + u8::try_from(n).unwrap() * 2 + shift;
            let v4 = address(number, host, false);
            let addresses = [Some(v4), v6.then(|| address(number, host, true))];
            let outer = if whose < 2 {
                Outer::Engine {
                    ifname: IfName::for_engine(&endpoint(n)),
                    netns: container(n / 2),
                    handed_over: whose == 0,
                    routed: leaves,
                }
            } else {
                Outer::Container {
                    netns: container(n / 2),
                    ifname: IfName::container(u8::try_from(n % 2).unwrap()),
                    addresses: addresses.into_iter().flatten().collect(),
                    default_via: if leaves && n.is_multiple_of(2) {
                        vec![address(number, 1, false).addr()]
                    } else {
                        vec![]
                    },
                }
            };
            (endpoint(n), Attachment { vni: vni(number), mac: MacAddr::for_ip(v4.addr()), up, outer })
        },
    )
}

fn probe() -> impl Strategy<Value = Probe> {
    let mac = |last| MacAddr::new([2, 0, 0, 0, 0, last]).unwrap();
    let vtep = |last| IpAddr::from([192, 0, 2, last]);
    let peers = vec((1u8..4, 1u8..4), 0..4);
    (peers, 1u8..3, prop_oneof![Just(1450), Just(1350)]).prop_map(move |(found, own, mtu)| {
        let mut peers = Fdb::default();
        for (node, at) in found {
            peers.set(mac(node), vtep(at));
        }
        Probe { mac: mac(100), vtep: vtep(own), port: 4789, mtu, peers }
    })
}

prop_compose! {
    fn desired()(
        segments in (segment(256), segment(257), segment(258)),
        present in vec(any::<bool>(), 3),
        attachments in (attachment(0), attachment(1), attachment(2), attachment(3), attachment(4), attachment(5)),
        attached in vec(any::<bool>(), 6),
        port in proptest::option::of(1u16..4),
        peers in proptest::option::of(1u8..4),
        tunnel in proptest::option::of(tunnel()),
        probe in proptest::option::of(probe()),
    ) -> Desired {
        let segments = VNIS.into_iter().map(vni).zip([segments.0, segments.1, segments.2]);
        let (a, b, c, d, e, f) = attachments;
        let publish = port.map(|host_port| Publish {
            protocol: Protocol::Tcp,
            host_ip: None,
            host_port,
            target: "10.0.0.2:80".parse().unwrap(),
        });
        Desired {
            segments: segments.zip(present).filter(|(_, p)| *p).map(|(s, _)| s).collect(),
            attachments: [a, b, c, d, e, f].into_iter().zip(attached).filter(|(_, p)| *p).map(|(s, _)| s).collect(),
            publish: publish.into_iter().collect(),
            tunnel,
            probe,
            peers: peers.map(|last| (1..last).map(|last| IpAddr::from([192, 0, 2, last])).collect()),
        }
    }
}

/// A host with three containers and nothing of ours.
fn kernel() -> Observed {
    let containers = (0..3).map(|n| (Netns::Container(container(n)), Namespace::of_container()));
    Observed {
        namespaces: containers.chain([(Netns::Host, Namespace::default())]).collect(),
        ..Observed::default()
    }
}

/// What the data plane observes: of containers, those that should be attached.
fn observe(kernel: &Observed, desired: &Desired) -> Observed {
    let netns = |attachment: &'_ Attachment| match &attachment.outer {
        Outer::Container { netns, .. } => Some(netns.clone()),
        Outer::Engine { .. } => None,
    };
    let wanted: BTreeSet<PathBuf> = desired.attachments.values().filter_map(netns).collect();
    let mut observed = kernel.clone();
    observed.namespaces.retain(|netns, _| !matches!(netns, Netns::Container(path) if !wanted.contains(path)));
    observed
}

/// What the data plane sees when it looks for `desired`: of others' routes and of kernel parameters what is needed.
fn seen(kernel: &Observed, desired: &Desired) -> Observed {
    let mut seen = observe(kernel, desired);
    let target = Target::of(desired);
    for (netns, namespace) in &mut seen.namespaces {
        let want = target.namespaces.get(netns).cloned().unwrap_or_default();
        namespace.foreign_routes.retain(|to, _| want.routes.iter().any(|route| route.to == *to));
        namespace.sysctls.retain(|key, _| want.sysctls.contains_key(key));
    }
    seen
}

/// The ends that engines have, of the pairs whose other ends are where they should be.
fn handed_over(kernel: &Observed, desired: &Desired) -> Vec<(Netns, IfName, Link)> {
    let of_alias = |netns: &Netns, id: &EndpointId| {
        let links = kernel.namespaces.get(netns).into_iter().flat_map(|namespace| &namespace.links);
        let alias = Some(format!("weft {id}"));
        links.filter(move |(_, link)| link.alias == alias).map(|(name, link)| (name.clone(), link.clone()))
    };
    let mut all = Vec::new();
    for (id, attachment) in desired.attachments.iter().filter(|(_, attachment)| attachment.is_handed_over()) {
        let inner = of_alias(&Netns::Segment(attachment.vni), id).any(|(name, _)| name == IfName::port(id));
        if inner && desired.segments.contains_key(&attachment.vni) {
            let outside = kernel.namespaces.keys().filter(|netns| !matches!(netns, Netns::Segment(_)));
            all.extend(
                outside.flat_map(|netns| of_alias(netns, id).map(|(name, link)| (netns.clone(), name, link))),
            );
        }
    }
    all
}

fn reach(kernel: &mut Observed, desired: &Desired) -> Result<(), TestCaseError> {
    let engines = handed_over(kernel, desired);
    let first = plan(desired, &observe(kernel, desired));
    for step in &first.steps {
        let result = kernel.take(step);
        prop_assert!(result.is_ok(), "{step}: {}\nin\n{first}", result.unwrap_err());
    }
    prop_assert_eq!(handed_over(kernel, desired), engines, "after\n{}", first);
    let second = plan(desired, &observe(kernel, desired));
    prop_assert!(second.steps.is_empty(), "a second plan is not empty:\n{second}\nafter\n{first}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn from_any_state_one_plan_reaches_what_is_desired(
        before in desired(), after in desired(), meddlings in vec(meddling(), 0..8),
    ) {
        let mut kernel = kernel();
        reach(&mut kernel, &before)?;
        for meddling in meddlings {
            meddle(&mut kernel, meddling);
        }
        reach(&mut kernel, &after)?;
    }

    #[test]
    fn nothing_is_left_when_nothing_is_desired(before in desired(), meddlings in vec(meddling(), 0..4)) {
        let mut kernel = kernel();
        reach(&mut kernel, &before)?;
        meddlings.into_iter().for_each(|meddling| meddle(&mut kernel, meddling));
        reach(&mut kernel, &Desired::default())?;
        for (netns, namespace) in &kernel.namespaces {
            prop_assert!(netns.own().is_none());
            let ours = namespace.links.keys().filter(|name| **name != IfName::loopback()).count();
            prop_assert_eq!((ours, namespace.routes.len()), (0, 0), "in {}", netns);
        }
        prop_assert_eq!(kernel.ruleset, None);
    }

    #[test]
    fn what_was_seen_for_one_suffices_for_another_or_does_not(
        before in desired(), after in desired(), foreign in vec((netns(), select(&VNIS[..])), 0..3),
    ) {
        let mut kernel = kernel();
        for (netns, number) in foreign {
            meddle(&mut kernel, Meddling::ForeignRoute(netns, address(number, 1, false).trunc()));
        }
        reach(&mut kernel, &before)?;
        let seen = seen(&kernel, &before);
        if seen.lacks(&Target::of(&after)).is_empty() {
            prop_assert_eq!(plan(&after, &seen).steps, plan(&after, &kernel).steps);
        }
        prop_assert!(seen.lacks(&Target::of(&before)).is_empty());
    }

    #[test]
    fn what_is_encrypted_goes_nowhere_else(before in desired(), after in desired(), meddlings in vec(meddling(), 0..8)) {
        let mut kernel = kernel();
        reach(&mut kernel, &before)?;
        meddlings.into_iter().for_each(|meddling| meddle(&mut kernel, meddling));
        let plan = plan(&after, &observe(&kernel, &after));
        // At each step, not only at the end: of a segment that is encrypted before and after, or is not there.
        let encrypted = |desired: &Desired, vni| {
            desired.segments.get(&vni).is_none_or(|segment| segment.carrier == Carrier::Tunnel)
        };
        for step in &plan.steps {
            kernel.take(step).unwrap();
            for vni in VNIS.map(vni).into_iter().filter(|vni| encrypted(&before, *vni) && encrypted(&after, *vni)) {
                let links = kernel.namespaces.get(&Netns::Segment(vni)).map(|segment| &segment.links);
                let clear = |link: &Link| matches!(link.kind, Kind::Vxlan { carrier: Carrier::Host, .. });
                prop_assert!(!links.is_some_and(|links| links.values().any(clear)), "{}", step);
            }
        }
    }

    #[test]
    fn a_namespace_of_tunnels_that_is_anothers_carries_nothing(before in desired(), after in desired()) {
        let mut kernel = kernel();
        reach(&mut kernel, &before)?;
        let mut observed = observe(&kernel, &after);
        observed.namespaces.remove(&Netns::Tunnel);
        observed.blocked = BTreeMap::from([(Netns::Tunnel, "another's".to_owned())]);
        let plan = plan(&after, &observed);
        for step in &plan.steps {
            prop_assert_ne!(step.netns(), Netns::Tunnel, "{}", step);
            let carried = matches!(step, Step::CreateLink { kind: Kind::Vxlan { carrier: Carrier::Tunnel, .. }, .. });
            prop_assert!(!carried, "{}", step);
        }
        prop_assert_eq!(plan.problems.iter().any(|p| p.netns == Netns::Tunnel), after.tunnel.is_some());
    }

    #[test]
    fn what_must_be_left_alone_is(before in desired(), after in desired(), number in select(&VNIS[..])) {
        let mut kernel = kernel();
        reach(&mut kernel, &before)?;
        let netns = Netns::Segment(vni(number));
        let mut observed = observe(&kernel, &after);
        observed.namespaces.remove(&netns);
        observed.blocked = BTreeMap::from([(netns.clone(), "cannot be read".to_owned())]);
        let plan = plan(&after, &observed);
        let uplink = IfName::uplink(vni(number));
        for step in &plan.steps {
            prop_assert!(step.netns() != netns && step.link() != Some(uplink.as_str()), "{}", step);
        }
        prop_assert_eq!(plan.problems.iter().any(|p| p.netns == netns), after.segments.contains_key(&vni(number)));
    }
}
