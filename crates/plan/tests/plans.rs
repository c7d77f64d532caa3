//! Plans for single changes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod fixture;

use fixture::{attachment, container, empty, id, ip, network, reached, segment};
use std::collections::BTreeMap;
use weft_model::{IfName, MacAddr, Protocol, Vni};
use weft_plan::{
    BRIDGE_NETFILTER, Change, Desired, Entry, Far, Netns, Observed, Outer, OwnNetns, Plan, Publish, Remote,
    Step, plan,
};

fn vni() -> Vni {
    256.try_into().unwrap()
}

/// A segment with a container here, and 10.0.0.3 on 192.0.2.2.
fn desired() -> Desired {
    Desired {
        segments: BTreeMap::from([(vni(), segment(network("a"), "10.0.0.1", &["10.0.0.3"]))]),
        attachments: BTreeMap::from([(id(), attachment())]),
        ..Desired::default()
    }
}

fn lines(desired: &Desired, observed: &Observed) -> Vec<String> {
    plan(desired, observed).steps.iter().map(ToString::to_string).collect()
}

#[test]
fn a_first_plan_reads_as_what_it_does() {
    let mut lines = lines(&desired(), &empty());
    // The digest of the rules has a test of its own.
    let ruleset = lines.iter().position(|line| line.contains("nftables")).unwrap();
    lines.remove(ruleset);
    assert_eq!(
        lines,
        [
            "weft-256: create the namespace",
            "host: set sysctl net.ipv4.ip_forward = 1",
            "weft-256: set sysctl net.ipv4.ip_forward = 1",
            "weft-256: keep what vxlan0 brings from the gateway",
            "weft-256: create veth peeeeeeeeeeee mtu 1450 peer eth0 in /run/netns/box address 02:42:0a:00:00:02",
            "weft-256: create veth uplink0 address 02:42:a9:fe:4d:02 mtu 1450 peer weft-256 in host address \
             02:42:a9:fe:4d:01",
            "weft-256: create bridge br0 address 02:42:0a:00:00:01 mtu 1450",
            "weft-256: create vxlan id 256 local 192.0.2.1 port 4789 vxlan0 mtu 1450",
            "host: set sysctl net.ipv4.conf.weft-256.route_localnet = 1",
            "weft-256: set peeeeeeeeeeee master br0 learning off flood off mcast_flood on bcast_flood on",
            "weft-256: set vxlan0 master br0 learning off flood on mcast_flood on bcast_flood on",
            "host: set address 169.254.77.1/32 on weft-256",
            "weft-256: set address 10.0.0.1/24 on br0",
            "weft-256: set fdb 02:42:0a:00:00:02 master static on peeeeeeeeeeee",
            "weft-256: set address 169.254.77.2/32 on uplink0",
            "weft-256: set fdb 02:42:0a:00:00:03 dst 192.0.2.2 on vxlan0",
            "/run/netns/box: set address 10.0.0.2/24 on eth0",
            "host: set weft-256 up",
            "weft-256: set br0 up",
            "weft-256: set peeeeeeeeeeee up",
            "weft-256: set uplink0 up",
            "weft-256: set vxlan0 up",
            "/run/netns/box: set eth0 up",
            "/run/netns/box: set lo up",
            "host: set neighbour 169.254.77.2 lladdr 02:42:a9:fe:4d:02 on weft-256",
            "weft-256: set neighbour 169.254.77.1 lladdr 02:42:a9:fe:4d:01 on uplink0",
            "weft-256: set neighbour 10.0.0.3 lladdr 02:42:0a:00:00:03 on vxlan0",
            "host: add route 10.0.0.0/24 via 169.254.77.2 dev weft-256 onlink",
            "weft-256: add route default via 169.254.77.1 dev uplink0 onlink",
            "/run/netns/box: add route default via 10.0.0.1 dev eth0",
        ]
    );
    assert_eq!(plan(&desired(), &reached(&desired())).steps, []);
}

#[test]
fn an_address_that_moved_is_replaced_not_added_beside() {
    let kernel = reached(&desired());
    let mut moved = desired();
    let fdb = &mut moved.segments.get_mut(&vni()).unwrap().remotes.fdb;
    let macs: Vec<MacAddr> = fdb.iter().map(|(mac, _)| mac).collect();
    macs.into_iter().for_each(|mac| assert!(!fdb.set(mac, ip("192.0.2.3"))));
    assert_eq!(lines(&moved, &kernel), ["weft-256: set fdb 02:42:0a:00:00:03 dst 192.0.2.3 on vxlan0"]);
}

#[test]
fn an_address_that_changed_its_mac_leaves_no_old_entry() {
    let kernel = reached(&desired());
    let mut changed = desired();
    let remote = Remote { vtep: ip("192.0.2.2"), addresses: [ip("10.0.0.3")].into() };
    let remotes = [("02:00:00:00:00:09".parse().unwrap(), remote)].into_iter().collect();
    changed.segments.get_mut(&vni()).unwrap().remotes = remotes;
    assert_eq!(
        lines(&changed, &kernel),
        [
            "weft-256: delete fdb 02:42:0a:00:00:03 dst 192.0.2.2 from vxlan0",
            "weft-256: set fdb 02:00:00:00:00:09 dst 192.0.2.2 on vxlan0",
            "weft-256: set neighbour 10.0.0.3 lladdr 02:00:00:00:00:09 on vxlan0",
        ]
    );
}

#[test]
fn a_segment_nobody_wants_goes_device_by_device() {
    assert_eq!(
        lines(&Desired::default(), &reached(&desired())),
        [
            "weft-256: delete link br0",
            "weft-256: delete link peeeeeeeeeeee",
            "weft-256: delete link uplink0",
            "weft-256: delete link vxlan0",
            "weft-256: delete the namespace",
            "host: delete nftables table inet weft",
        ]
    );
}

#[test]
fn a_deleted_namespace_is_made_again_with_all_that_was_in_it() {
    let mut kernel = reached(&desired());
    kernel.take(&Step::DeleteNamespace(OwnNetns::Segment(vni()))).unwrap();
    let plan = plan(&desired(), &kernel);
    assert_eq!(plan.steps.iter().filter(|step| matches!(step, Step::CreateLink { .. })).count(), 4);
    plan.steps.iter().for_each(|step| kernel.take(step).unwrap());
    assert_eq!(kernel, reached(&desired()));
}

#[test]
fn bridged_frames_meet_no_packet_filter_whenever_its_module_is_loaded() {
    let mut kernel = reached(&desired());
    let segment = kernel.namespaces.get_mut(&Netns::Segment(vni())).unwrap();
    segment.sysctls.extend(BRIDGE_NETFILTER.map(|key| (key.to_owned(), "1".to_owned())));
    let all = |value: &str| {
        BRIDGE_NETFILTER.map(|key| format!("weft-256: set sysctl net.{} = {value}", key.replace('/', ".")))
    };
    assert_eq!(lines(&desired(), &kernel), all("0"));
}

#[test]
fn a_pair_that_lost_its_alias_is_anothers_until_its_own_end_is_gone() {
    let mut kernel = reached(&desired());
    let namespace = kernel.namespaces.get_mut(&container()).unwrap();
    namespace.links.remove(&IfName::container(0));
    namespace.foreign_links.insert(IfName::container(0));
    let first = plan(&desired(), &kernel);
    assert!(first.problems[0].message.contains("eth0 that weft did not make"), "{:?}", first.problems);
    assert!(first.steps.contains(&Step::DeleteLink(Netns::Segment(vni()), IfName::port(&id()))));
    assert!(!first.steps.iter().any(|step| matches!(step, Step::CreateLink { .. })));
}

#[test]
fn only_addresses_of_the_pool_are_taken_from_a_container() {
    let mut kernel = reached(&desired());
    let add = |kernel: &mut Observed, address: &str| {
        let eth0 = IfName::container(0);
        kernel.take(&Step::Add(container(), eth0, Entry::Address(address.parse().unwrap()))).unwrap();
    };
    add(&mut kernel, "172.16.0.1/16");
    assert_eq!(plan(&desired(), &kernel).steps, []);
    add(&mut kernel, "10.0.0.9/24");
    assert_eq!(lines(&desired(), &kernel), ["/run/netns/box: delete address 10.0.0.9/24 from eth0"]);
}

#[test]
fn a_way_out_exists_only_for_those_who_take_it() {
    let mut desired = desired();
    let Outer::Container { default_via, .. } = &mut desired.attachments.get_mut(&id()).unwrap().outer else {
        panic!("not in a container");
    };
    default_via.clear();
    let text = format!("{:?}", plan(&desired, &empty()));
    for way in ["uplink0", "ip_forward", "masquerade", "\tdrop", "gateway"] {
        assert!(!text.contains(way), "{way}: {text}");
    }
}

/// The same endpoint, left to an engine.
fn for_engine(handed_over: bool) -> Desired {
    let mut desired = desired();
    let (ifname, netns) = (IfName::for_engine(&id()), "/run/netns/box".into());
    let outer = Outer::Engine { ifname, netns, handed_over, routed: false };
    desired.attachments.get_mut(&id()).unwrap().outer = outer;
    desired
}

/// A kernel in which an engine took its end into the container, and called it `name`.
fn taken(name: IfName) -> Observed {
    let mut kernel = reached(&for_engine(false));
    let host = kernel.namespaces.get_mut(&Netns::Host).unwrap();
    let link = host.links.remove(&IfName::for_engine(&id())).unwrap();
    kernel.namespaces.get_mut(&container()).unwrap().links.insert(name, link);
    kernel
}

#[test]
fn an_engine_finds_its_end_in_the_host() {
    let lines = lines(&for_engine(false), &empty());
    let about = |name: &str| lines.iter().filter(|line| line.contains(name)).cloned().collect::<Vec<_>>();
    assert_eq!(
        about("veeeeeeeeeeee"),
        ["weft-256: create veth peeeeeeeeeeee mtu 1450 peer veeeeeeeeeeee in host address 02:42:0a:00:00:02"]
    );
    assert_eq!(
        about("peeeeeeeeeeee")[1..],
        [
            "weft-256: set peeeeeeeeeeee master br0 learning off flood off mcast_flood on bcast_flood on",
            "weft-256: set fdb 02:42:0a:00:00:02 master static on peeeeeeeeeeee",
            "weft-256: set peeeeeeeeeeee up",
        ]
    );
    assert_eq!(about("uplink0"), [""; 0], "an engine has ways out of its own");
    assert_eq!(about("/run/netns/box"), [""; 0]);
}

#[test]
fn what_an_engine_has_is_left_to_it_wherever_it_is() {
    let nothing: [Step; 0] = [];
    // Not taken yet, or given back.
    assert_eq!(plan(&for_engine(true), &reached(&for_engine(false))).steps, nothing);
    for name in [IfName::container(0), IfName::uplink(vni()), IfName::for_engine(&id())] {
        assert_eq!(plan(&for_engine(true), &taken(name)).steps, nothing);
    }
    // Gone, with the container's namespace.
    let mut kernel = taken(IfName::container(0));
    kernel.take(&Step::DeleteLink(container(), IfName::container(0))).unwrap();
    assert_eq!(plan(&for_engine(true), &kernel), Plan::default());
    // Before it is handed over, though, a pair is made whole.
    let steps = lines(&for_engine(false), &kernel);
    assert!(steps[0].starts_with("weft-256: create veth peeeeeeeeeeee"), "{steps:?}");
}

#[test]
fn our_end_of_an_engines_pair_is_mended_and_goes_with_its_endpoint() {
    let mut kernel = taken(IfName::container(0));
    let port = |change| Step::SetLink(Netns::Segment(vni()), IfName::port(&id()), change);
    let mut fenced = for_engine(true);
    fenced.attachments.get_mut(&id()).unwrap().up = false;
    assert_eq!(plan(&fenced, &kernel).steps, [port(Change::Up(false))]);
    kernel.take(&port(Change::Up(false))).unwrap();
    assert_eq!(plan(&for_engine(true), &kernel).steps, [port(Change::Up(true))]);

    let mut without = for_engine(true);
    without.attachments.clear();
    assert_eq!(lines(&without, &kernel), ["weft-256: delete link peeeeeeeeeeee"]);
    let mut orphan = reached(&for_engine(false));
    orphan.namespaces.get_mut(&Netns::Segment(vni())).unwrap().links.remove(&IfName::port(&id()));
    assert_eq!(lines(&without, &orphan), ["host: delete link veeeeeeeeeeee"]);
}

#[test]
fn an_engines_end_has_what_fits_and_may_want_less() {
    let mut desired = for_engine(true);
    let mut steps = |near: u32, far: Option<u32>, fits: u32| {
        let mut kernel = taken(IfName::container(0));
        let ours = kernel.namespaces.get_mut(&Netns::Segment(vni())).unwrap();
        let port = ours.links.get_mut(&IfName::port(&id())).unwrap();
        port.mtu = near;
        port.far = far.map(|mtu| Far { netns: "/run/netns/box".into(), mtu });
        desired.segments.get_mut(&vni()).unwrap().mtu = fits;
        let plan = plan(&desired, &kernel).steps.iter().map(ToString::to_string).collect::<Vec<_>>();
        plan.into_iter()
            .filter_map(|step| step.strip_prefix("weft-256: set peeeeeeeeeeee ").map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(steps(1450, Some(1450), 1450), [""; 0]);
    assert_eq!(steps(1450, Some(1450), 1350), ["peer mtu 1350 in /run/netns/box", "mtu 1350"]);
    assert_eq!(steps(1450, Some(1450), 8950), ["peer mtu 8950 in /run/netns/box", "mtu 8950"]);
    // Half of it was done.
    assert_eq!(steps(1350, Some(1450), 1350), ["peer mtu 1350 in /run/netns/box"]);
    assert_eq!(steps(1450, Some(8950), 8950), ["mtu 8950"]);
    // A container that has set less itself keeps that; one that has set more loses packets.
    assert_eq!(steps(1450, Some(1200), 8950), ["mtu 8950"]);
    assert_eq!(steps(1450, Some(1200), 1350), ["mtu 1350"]);
    assert_eq!(steps(1450, Some(9000), 1450), ["peer mtu 1450 in /run/netns/box"]);
    // Nobody knows where it is.
    assert_eq!(steps(1450, None, 1350), ["mtu 1350"]);
}

#[test]
fn an_engine_with_routes_to_other_segments_needs_the_way_there() {
    let mut desired = for_engine(true);
    let Outer::Engine { routed, .. } = &mut desired.attachments.get_mut(&id()).unwrap().outer else {
        panic!("not an engine's");
    };
    *routed = true;
    assert!(lines(&desired, &empty()).iter().any(|line| line.contains("uplink0")));
}

#[test]
fn a_published_port_changes_the_ruleset_and_nothing_else() {
    let kernel = reached(&desired());
    let mut desired = desired();
    let target = "10.0.0.2:80".parse().unwrap();
    desired.publish.insert(Publish { protocol: Protocol::Tcp, host_ip: None, host_port: 8080, target });
    // Of a pool without a way out: there is nothing that could lead there.
    let elsewhere = "10.9.0.2:80".parse().unwrap();
    desired.publish.insert(Publish {
        protocol: Protocol::Udp,
        host_ip: None,
        host_port: 53,
        target: elsewhere,
    });
    let steps = plan(&desired, &kernel).steps;
    let [Step::SetRuleset(ruleset)] = steps.as_slice() else { panic!("{steps:?}") };
    let script = ruleset.script();
    // Only what is for this host: a container's own VXLAN has to be translated on its way out.
    assert!(script.contains("\t\tudp dport 4789 fib daddr type local notrack\n"), "{script}");
    assert!(script.contains("\t\tudp dport 4789 notrack\n"), "{script}");
    assert!(script.starts_with("add table inet weft\ndelete table inet weft\ntable inet weft {"), "{script}");
    let rule = "meta nfproto ipv4 fib daddr type local tcp dport 8080 dnat ip to 10.0.0.2:80";
    assert_eq!(script.matches(rule).count(), 2, "{script}");
    assert!(!script.contains("10.9.0.2") && script.contains(&ruleset.mark().comment), "{script}");
    // Each chain begins with a line that is no rule, but for the one that others lead to.
    let chains = script.matches("\tchain ").count() - 1;
    let lines = script.lines().filter(|line| line.starts_with("\t\t")).count();
    assert_eq!(lines - chains, ruleset.mark().rules);
}

#[test]
fn packets_for_a_segment_come_from_the_clusters_hosts_alone() {
    let script = |peers: Option<&[&str]>| {
        let peers = peers.map(|peers| peers.iter().map(|peer| ip(peer)).collect());
        let desired = Desired { peers, ..desired() };
        let steps = plan(&desired, &empty()).steps;
        let set = |step: &Step| {
            if let Step::SetRuleset(rules) = step { Some(rules.script().to_owned()) } else { None }
        };
        steps.iter().find_map(set).unwrap()
    };
    let rule =
        |from: &str| format!("\t\tudp dport 4789 @th,96,24 {{ 256 }} {from} fib daddr type local drop\n");
    let both = script(Some(&["192.0.2.2", "192.0.2.3", "2001:db8::2"]));
    assert!(both.contains(&rule("ip saddr != { 192.0.2.2, 192.0.2.3 }")), "{both}");
    assert!(both.contains(&rule("ip6 saddr != { 2001:db8::2 }")), "{both}");
    let none = script(Some(&[]));
    assert!(none.contains(&rule("meta nfproto ipv4")) && none.contains(&rule("meta nfproto ipv6")), "{none}");
    assert!(!script(None).contains("@th"), "nobody knows them yet");
}

#[test]
fn nothing_comes_out_of_a_network_under_an_address_of_others_or_goes_on_as_the_hosts_own_vxlan() {
    let script = |desired: &Desired| {
        let steps = plan(desired, &empty()).steps;
        let set = |step: &Step| {
            if let Step::SetRuleset(rules) = step { Some(rules.script().to_owned()) } else { None }
        };
        steps.iter().find_map(set).unwrap()
    };
    let peers = Some(["192.0.2.2", "2001:db8::2"].map(ip).into());
    let leaving = script(&Desired { peers: peers.clone(), ..desired() });
    for rule in [
        "iifname { \"weft-256\" } jump sources",
        "iifname { \"weft-256\" } ip daddr 127.0.0.0/8 drop",
        "iifname \"weft-256\" ip saddr != { 10.0.0.0/24, 169.254.77.2 } drop",
        "iifname \"weft-256\" ip6 saddr != { fe80::/10 } drop",
        "meta skuid != 0 udp dport 4789 @th,96,24 { 256 } ip daddr { 192.0.2.2 } drop",
        "meta skuid != 0 udp dport 4789 @th,96,24 { 256 } ip6 daddr { 2001:db8::2 } drop",
        "ct status snat udp dport 4789 ip daddr { 192.0.2.2 } drop",
    ] {
        assert!(leaving.contains(&format!("\t\t{rule}\n")), "{rule}: {leaving}");
    }
    // Nobody's connections are followed for nothing.
    let mut staying = Desired { peers: peers.clone(), ..desired() };
    let Outer::Container { default_via, .. } = &mut staying.attachments.get_mut(&id()).unwrap().outer else {
        panic!("not in a container");
    };
    default_via.clear();
    let staying = script(&staying);
    assert!(staying.contains("skuid") && !staying.contains("ct status"), "{staying}");
    // An engine translates.
    assert!(script(&Desired { peers, ..for_engine(true) }).contains("ct status snat"));
}
