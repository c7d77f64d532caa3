//! Who is not of the cluster, or not any more, has no part in encrypted networks. These tests need the kernel's WireGuard,
//! and run in a virtual machine (`--test vm`).

use crate::{
    cluster::{SOON, has_network, sh},
    encrypted::{Lab, SECRET},
    tokens::{init, let_in},
    wire::{listen, received, send, sent},
};
use std::net::UdpSocket;
use weft_testbed::{Container, World, until};

#[test]
#[ignore = "needs the kernel's WireGuard: runs in a virtual machine (--test vm)"]
fn a_strangers_frames_go_nowhere() {
    let Some(mut lab) = Lab::up() else { return };
    let victim = lab.cluster.host(1).address();
    let target = lab.secret[0].address();
    let receiver: UdpSocket = lab.secret[0].inside(listen);
    // A VXLAN of the stranger's that leads there.
    let lead = |lab: &Lab, to: &str| {
        let script = format!(
            "ip link add vx0 type vxlan id 300 dstport 4789 remote {to} dev eth0
             ip address add 10.0.0.200/24 dev vx0; ip link set vx0 up
             ip neigh replace {target} lladdr {} dev vx0",
            weft_model::MacAddr::from(target),
        );
        sh(lab.cluster.host(3), &script);
    };
    lead(&lab, &victim.to_string());
    let forge = |lab: &Lab| {
        lab.cluster.host(3).inside(None, || send(target, SECRET)).expect("the stranger can send");
        received(&receiver)
    };
    assert!(!forge(&lab), "with everything up");
    lab.first_agent().kill9();
    for fault in ["nft flush ruleset", "ip -n weft-tunnel link set tunnel0 down"] {
        sh(lab.cluster.host(1), fault);
        assert!(!forge(&lab), "{fault}");
    }
    let left = lab.wire.count(SECRET);
    assert!(left > 0, "the capture shows that the stranger's packets came");

    // The same to the address that the tunnel has, which the wire can be told to bring here, also while the host has it.
    lab.first_agent().restart();
    until("it arrives from who may", SOON, || sent(&lab.secret[1], &lab.secret[0], &receiver, SECRET));
    let [own, mac] = [
        "ip -n weft-tunnel -6 -o address show dev tunnel0 | awk '{print $4; exit}'",
        "ip -o link show eth0 | sed 's,.*link/ether \\([^ ]*\\).*,\\1,'",
    ]
    .map(|what| lab.cluster.host(1).run(&["sh", "-c", what]).trim().to_owned());
    let own = own.split('/').next().expect("an address").to_owned();
    sh(
        lab.cluster.host(3),
        &format!(
            "ip -6 address add fd00:bad::3/64 dev eth0 nodad
             ip -6 route add {own}/128 dev eth0; ip -6 neigh replace {own} lladdr {mac} dev eth0
             ip link del vx0"
        ),
    );
    lead(&lab, &format!("{own} udp6zerocsumrx"));
    assert!(!forge(&lab), "to the tunnel's address");
    sh(lab.cluster.host(1), &format!("ip -6 address add {own}/128 dev lo"));
    assert!(!forge(&lab), "while the host has that address");
    lab.first_agent().kill9();
    sh(lab.cluster.host(1), "nft flush ruleset");
    assert!(!forge(&lab), "and no rules");
    assert!(lab.wire.count(SECRET) > left, "the capture shows that those came, too");
}

#[test]
#[ignore = "needs the kernel's WireGuard: runs in a virtual machine (--test vm)"]
fn a_host_that_was_taken_over_is_sent_nothing_more() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [1, 2].map(|number| world.host(number));
    let _first = init(one, &[]);
    let _second = let_in(one, two);
    one.run(&["weft", "network", "create", "-o", "encrypted", "secret"]);
    until("the network is on both", SOON, || has_network(two, "secret"));
    let (a, b) = (Container::attach(one, "secret", "a"), Container::attach(two, "secret", "b"));
    let receiver = b.inside(listen);
    until("it arrives", SOON, || sent(&a, &b, &receiver, SECRET));
    // It runs on, as who has taken it over would have it.
    one.run(&["weft", "node", "rm", "--revoke", "host2"]);
    until("nothing is sent there any more", SOON, || !sent(&a, &b, &receiver, SECRET));
    let back = a.inside(listen);
    assert!(!sent(&b, &a, &back, SECRET), "and nothing from there is taken");
}
