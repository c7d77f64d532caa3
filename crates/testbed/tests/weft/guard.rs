//! A host that is not of the cluster, but on the same network, sends VXLAN packets.

use crate::cluster::{SOON, has_network, sh};
use std::{
    io,
    net::{Ipv4Addr, UdpSocket},
    time::Duration,
};
use weft_model::MacAddr;
use weft_testbed::{Agent, Container, StoreServer, World, until};

/// How long nothing has to arrive.
const WHILE: Duration = Duration::from_secs(1);
const PORT: u16 = 7000;

/// Agents on the first two of three hosts, with a container each on network `overlay`, VNI 256.
struct Lab {
    agents: [Agent; 2],
    boxes: [Container; 2],
    _store: StoreServer,
    world: World,
}

impl Lab {
    #[track_caller]
    fn up(options: &[&str]) -> Option<Self> {
        let world = World::up(3)?;
        let store = world.host(1).consul();
        let url = format!("--cluster-store={}", store.url());
        let agents = [1, 2].map(|number| world.host(number).agent(&[&url, "--cluster-advertise=eth0"]));
        let create = ["weft", "network", "create", "-o", "vni=256"];
        world.host(1).run(&[&create[..], options, &["overlay"]].concat());
        until("the network is on both", SOON, || has_network(world.host(2), "overlay"));
        let boxes = [(1, "one"), (2, "two")];
        let boxes = boxes.map(|(number, name)| Container::attach(world.host(number), "overlay", name));
        Some(Self { agents, boxes, _store: store, world })
    }

    /// Has the third host send into VNI 256 of the first, as 10.0.0.200; under the second's address, if it `lies`.
    #[track_caller]
    fn forge(&self, lies: bool) {
        let [victim, liar] = [1, 2].map(|number| self.world.host(number).address());
        let target = self.boxes[0].address();
        sh(
            self.world.host(3),
            &format!(
                "{}ip link add vx0 type vxlan id 256 dstport 4789 {}remote {victim} dev eth0
             ip address add 10.0.0.200/24 dev vx0; ip link set vx0 up
             ip neigh replace {target} lladdr {} dev vx0
             ip neigh replace 10.0.0.1 lladdr {} dev vx0",
                if lies { format!("ip address add {liar}/32 dev lo;") } else { String::new() },
                if lies { format!("local {liar} ") } else { String::new() },
                MacAddr::from(target),
                MacAddr::from(Ipv4Addr::new(10, 0, 0, 1)),
            ),
        );
    }

    /// Has the third host send to the first two through the gateway of the first, as `forge` has let it.
    #[track_caller]
    fn forge_through_gateway(&self) {
        let [one, two] = [1, 2].map(|number| self.world.host(number).address());
        sh(
            self.world.host(3),
            &format!(
                "for host in {one} {two}; do ip route replace $host via 10.0.0.1 dev vx0 src 10.0.0.200; done"
            ),
        );
        // What carries the frames goes the usual way.
        sh(
            self.world.host(3),
            &format!("ip route add {one} dev eth0 table 7; ip rule add dport 4789 ipproto 17 table 7"),
        );
    }

    /// Takes the first host's rules away, and the agent that would put them back.
    #[track_caller]
    fn unguard(&mut self) {
        self.agents[0].kill9();
        self.world.host(1).run(&["nft", "delete", "table", "inet", "weft"]);
    }

    /// Takes the rules away that keep what other hosts send from the first one's gateway.
    #[track_caller]
    fn open_gate(&self) {
        self.world.host(1).run(&["ip", "netns", "exec", "weft-256", "nft", "flush", "ruleset"]);
    }

    /// Whether `receiver` gets what the third host sends to `to`; given up after [`WHILE`].
    #[track_caller]
    fn passes(&self, receiver: &UdpSocket, to: Ipv4Addr) -> bool {
        self.world.host(3).inside(None, || send(to)).expect("the stranger can send");
        received(receiver)
    }
}

fn listen() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).expect("the port is free");
    socket.set_read_timeout(Some(WHILE)).expect("a timeout that is not zero");
    socket
}

fn send(to: Ipv4Addr) -> io::Result<usize> {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.send_to(b"marker", (to, PORT))
}

fn received(socket: &UdpSocket) -> bool {
    socket.recv(&mut [0; 16]).is_ok()
}

#[test]
fn a_strangers_frames_do_not_reach_a_container() {
    for options in [&[][..], &["--internal"]] {
        let Some(mut lab) = Lab::up(options) else { return };
        lab.forge(false);
        let [one, two] = lab.boxes.clone();
        let receiver = one.inside(listen);
        until("a member's do", SOON, || {
            two.inside(|| send(one.address())).expect("it has a way there");
            received(&receiver)
        });
        assert!(!lab.passes(&receiver, one.address()), "{options:?}");
        lab.unguard();
        until("they would without the guard", SOON, || lab.passes(&receiver, one.address()));
    }
}

#[test]
fn a_stranger_does_not_get_past_the_hosts_firewall_through_a_gateway() {
    let Some(mut lab) = Lab::up(&[]) else { return };
    lab.forge(false);
    lab.forge_through_gateway();
    let [one, two] = [1, 2].map(|number| lab.world.host(number).address());
    let service = lab.world.host(1).inside(None, listen);
    let beyond = lab.world.host(2).inside(None, listen);
    assert!(!lab.passes(&service, one) && !lab.passes(&beyond, two));
    lab.unguard();
    lab.open_gate();
    until("they would get there without the guard", SOON, || lab.passes(&service, one));
}

/// Who sends under the address of a host of the cluster is a container to the others, and gets no further.
#[test]
fn who_lies_about_its_address_does_not_get_through_a_gateway_either() {
    let Some(mut lab) = Lab::up(&[]) else { return };
    lab.forge(true);
    let receiver = lab.boxes[0].inside(listen);
    until("its frames reach a container", SOON, || lab.passes(&receiver, lab.boxes[0].address()));
    lab.forge_through_gateway();
    let [one, two] = [1, 2].map(|number| lab.world.host(number).address());
    let service = lab.world.host(1).inside(None, listen);
    let beyond = lab.world.host(2).inside(None, listen);
    assert!(!lab.passes(&service, one) && !lab.passes(&beyond, two));
    lab.world.host(1).run(&["nft", "flush", "ruleset"]);
    assert!(
        !lab.passes(&service, one) && !lab.passes(&beyond, two),
        "also when the host's rules are flushed"
    );
    lab.agents[0].kill9();
    lab.open_gate();
    until("they would get there without the gate", SOON, || lab.passes(&service, one));
}

/// Whether `receiver` gets what `sender` sends to `to` under the address `from`.
#[track_caller]
fn gets_from(receiver: &UdpSocket, sender: &Container, from: &str, to: &str) -> bool {
    let send = || UdpSocket::bind((from, 0))?.send_to(b"marker", (to, PORT));
    sender.inside(send).expect("it can send");
    received(receiver)
}

#[test]
fn a_container_sends_nothing_to_its_host_under_anothers_address_or_to_its_loopback() {
    let Some(mut lab) = Lab::up(&[]) else { return };
    let [one, two] = [1, 2].map(|number| lab.world.host(number).address().to_string());
    let host = lab.world.host(1).clone();
    let sender = lab.boxes[0].clone();
    let own = sender.address().to_string();
    // As Kubernetes sets it, in namespaces that are made after it, too.
    let there = |netns: &str, script: &str| sh(&host, &format!("ip netns exec {netns} sh -ec '{script}'"));
    there("weft-256", "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet");
    there(
        "one",
        &format!(
            "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet; ip address add {two}/32 dev lo
             ip rule add pref 10 to 127.0.0.1 dport {PORT} ipproto 17 table 7; ip rule add pref 20 lookup local
             ip rule del pref 0; ip route add 127.0.0.1 via 10.0.0.1 table 7"
        ),
    );
    let service = host.inside(None, listen);
    assert!(gets_from(&service, &sender, &own, &one), "as from any container");
    let lies = [(two.as_str(), one.as_str()), (&own, "127.0.0.1")];
    for (from, to) in lies {
        assert!(!gets_from(&service, &sender, from, to), "from {from} to {to}");
    }
    lab.agents[0].kill9();
    host.run(&["nft", "flush", "chain", "inet", "weft", "sources"]);
    for (from, to) in lies {
        until("it would without the rules", SOON, || gets_from(&service, &sender, from, to));
    }
}

/// A datagram for the VXLAN port of a host, with a frame for the container with the address `to`: a marker from 10.0.0.200.
fn frame(to: Ipv4Addr) -> Vec<u8> {
    let payload = b"marker";
    let udp = [&[0x1f, 0x40][..], &PORT.to_be_bytes(), &[0, 14, 0, 0], payload].concat();
    let mut ip = [&[0x45, 0, 0, 34, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 200][..], &to.octets()].concat();
    let sum: u32 = ip.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let checksum = !u16::try_from((sum & 0xffff) + (sum >> 16)).expect("a header is short");
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());
    let mac = MacAddr::from(to).octets();
    let vni_256 = [8, 0, 0, 0, 0, 1, 0, 0];
    [&vni_256[..], &mac, &[2, 0, 0, 0, 0, 9, 8, 0], &ip, &udp].concat()
}

#[test]
fn neither_a_container_nor_a_user_sends_vxlan_as_if_it_were_the_host() {
    let Some(mut lab) = Lab::up(&[]) else { return };
    let host = lab.world.host(1).clone();
    let [sender, target] = lab.boxes.clone();
    let receiver = target.inside(listen);
    let datagram = frame(target.address());
    let to = (lab.world.host(2).address(), 4789);
    let send = || UdpSocket::bind("0.0.0.0:0")?.send_to(&datagram, to);
    let as_user = || {
        rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65534))?;
        send()
    };
    let by_container = || {
        sender.inside(send).expect("it can send");
        received(&receiver)
    };
    // It is refused, as by any firewall.
    let by_user = || host.inside(None, as_user).is_ok() && received(&receiver);
    host.inside(None, send).expect("root can send");
    assert!(received(&receiver), "who is root on a host is the host");
    assert!(!by_container() && !by_user());
    lab.agents[0].kill9();
    host.run(&["nft", "flush", "chain", "inet", "weft", "translated"]);
    host.run(&["nft", "flush", "chain", "inet", "weft", "raw_output"]);
    until("they would without the rules", SOON, || by_container() && by_user());
}

#[test]
fn others_use_the_same_port_beside_weft() {
    let Some(lab) = Lab::up(&[]) else { return };
    for (number, other) in [(1, 3), (3, 1)] {
        let other = lab.world.host(other).address();
        sh(
            lab.world.host(number),
            &format!(
                "ip link add swarm0 type vxlan id 4097 dstport 4789 remote {other} dev eth0
             ip address add 192.168.9.{number}/24 dev swarm0; ip link set swarm0 up"
            ),
        );
    }
    lab.world.host(3).run(&["ping", "-c3", "-i0.3", "-W2", "192.168.9.1"]);
}
