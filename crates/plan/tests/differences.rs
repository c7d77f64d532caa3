//! How far a kernel is from what should be.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod fixture;

use fixture::{attachment, container, id, ip, network, reached, segment};
use std::collections::BTreeMap;
use weft_model::{IfName, MacAddr, NetworkId, Vni};
use weft_plan::{Desired, Differences, Entry, Link, Netns, Observed, OwnNetns, Step, differences, plan};

fn vni(number: u32) -> Vni {
    number.try_into().unwrap()
}

/// Two networks; a container on the first.
fn desired() -> Desired {
    Desired {
        segments: BTreeMap::from([
            (vni(256), segment(network("a"), "10.0.0.1", &["10.0.0.3", "10.0.0.4"])),
            (vni(257), segment(network("b"), "10.0.1.1", &["10.0.1.3"])),
        ]),
        attachments: BTreeMap::from([(id(), attachment())]),
        ..Desired::default()
    }
}

fn seen(desired: &Desired, kernel: &Observed) -> BTreeMap<Option<NetworkId>, Differences> {
    differences(desired, kernel, &plan(desired, kernel))
}

/// Missing, extra and wrong entries of the two networks, and of the host.
fn counts(desired: &Desired, kernel: &Observed) -> [[usize; 3]; 3] {
    let all = seen(desired, kernel);
    [Some(network("a")), Some(network("b")), None].map(|owner| {
        let one = &all[&owner];
        [one.missing, one.extra, one.wrong]
    })
}

fn vxlan(kernel: &mut Observed, number: u32) -> &mut Link {
    let namespace = kernel.namespaces.get_mut(&Netns::Segment(vni(number))).unwrap();
    namespace.links.get_mut(&IfName::vxlan()).unwrap()
}

const NONE: [usize; 3] = [0; 3];

#[test]
fn a_kernel_that_is_as_it_should_be_differs_in_nothing() {
    let all = seen(&desired(), &reached(&desired()));
    assert_eq!(all.len(), 3, "both networks and the host are spoken of: {all:?}");
    assert!(all.values().all(Differences::is_empty), "{all:?}");
}

#[test]
fn each_entry_is_missing_extra_or_wrong_in_its_own_network() {
    let desired = desired();
    let mut kernel = reached(&desired);
    let third = MacAddr::for_ip(ip("10.0.0.3"));
    vxlan(&mut kernel, 256).fdb.remove(third, ip("192.0.2.2"));
    assert_eq!(counts(&desired, &kernel), [[1, 0, 0], NONE, NONE]);
    vxlan(&mut kernel, 256).fdb.set(third, ip("192.0.2.9"));
    assert_eq!(counts(&desired, &kernel), [[0, 0, 1], NONE, NONE], "it leads to another host");
    vxlan(&mut kernel, 257).neighbours.insert(ip("10.0.1.9"), third);
    assert_eq!(counts(&desired, &kernel), [[0, 0, 1], [0, 1, 0], NONE]);
    vxlan(&mut kernel, 257).neighbours.insert(ip("10.0.1.3"), third);
    assert_eq!(counts(&desired, &kernel), [[0, 0, 1], [0, 1, 1], NONE]);
    vxlan(&mut kernel, 257).up = false;
    assert_eq!(counts(&desired, &kernel), [[0, 0, 1], [0, 1, 2], NONE]);
}

#[test]
fn what_is_in_a_container_and_on_the_host_is_its_networks() {
    let desired = desired();
    let mut kernel = reached(&desired);
    kernel.namespaces.get_mut(&container()).unwrap().routes.clear();
    assert_eq!(counts(&desired, &kernel), [[1, 0, 0], NONE, NONE], "the container's default route");
    let host = kernel.namespaces.get_mut(&Netns::Host).unwrap();
    host.links.get_mut(&IfName::uplink(vni(256))).unwrap().mtu = 1500;
    assert_eq!(counts(&desired, &kernel), [[1, 0, 1], NONE, NONE]);
    kernel.ruleset = None;
    assert_eq!(counts(&desired, &kernel), [[1, 0, 1], NONE, [1, 0, 0]], "the packet filter is the host's");
}

#[test]
fn a_network_that_is_not_there_lacks_all_it_has() {
    let desired = desired();
    let mut kernel = reached(&desired);
    kernel.take(&Step::DeleteNamespace(OwnNetns::Segment(vni(257)))).unwrap();
    let [untouched, [missing, extra, wrong], host] = counts(&desired, &kernel);
    assert_eq!((untouched, extra, wrong, host), (NONE, 0, 0, NONE));
    // The namespace, bridge and VXLAN device, the gateway's address, an FDB entry and a neighbour.
    assert_eq!(missing, 6);
}

#[test]
fn a_link_that_is_another_is_one_wrong_entry() {
    let desired = desired();
    let mut kernel = reached(&desired);
    vxlan(&mut kernel, 256).kind = weft_plan::Kind::Other("vxlan with learning".to_owned());
    assert_eq!(counts(&desired, &kernel), [[0, 0, 1], NONE, NONE]);
}

#[test]
fn what_is_left_of_a_network_that_should_not_be_here_is_the_hosts() {
    let whole = desired();
    let kernel = reached(&whole);
    let mut without = whole;
    without.segments.remove(&vni(257));
    let all = seen(&without, &kernel);
    assert!(all[&Some(network("a"))].is_empty());
    assert!(!all.contains_key(&Some(network("b"))));
    assert!(all[&None].extra > 0 && all[&None].missing == 0, "{all:?}");
}

#[test]
fn what_cannot_be_seen_does_not_agree() {
    let desired = desired();
    let mut kernel = reached(&desired);
    let why = "namespace weft-257 cannot be read".to_owned();
    kernel.namespaces.remove(&Netns::Segment(vni(257)));
    kernel.blocked.insert(Netns::Segment(vni(257)), why.clone());
    let all = seen(&desired, &kernel);
    let blocked = &all[&Some(network("b"))];
    assert_eq!((blocked.entries(), &blocked.problems), (0, &vec![why]));
    assert!(!blocked.is_empty());
}

#[test]
fn every_step_of_a_plan_is_accounted_for() {
    let desired = desired();
    let kernel = reached(&desired);
    let plan = plan(&Desired::default(), &kernel);
    let all = differences(&Desired::default(), &kernel, &plan);
    assert_eq!(all[&None].extra, plan.steps.len(), "all of it is too much: {plan}");
    let stray = Step::Add(Netns::Host, IfName::loopback(), Entry::Address("192.0.2.7/32".parse().unwrap()));
    let plan = weft_plan::Plan { steps: vec![stray], problems: Vec::new() };
    assert_eq!(differences(&desired, &kernel, &plan)[&None].missing, 1);
}
