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

    /// Has the third host send into VNI 256 of the first, as 10.0.0.200.
    #[track_caller]
    fn forge(&self) {
        let [victim, target] = [self.world.host(1).address(), self.boxes[0].address()];
        sh(
            self.world.host(3),
            &format!(
                "ip link add vx0 type vxlan id 256 dstport 4789 remote {victim} dev eth0
             ip address add 10.0.0.200/24 dev vx0; ip link set vx0 up
             ip neigh replace {target} lladdr {} dev vx0
             ip neigh replace 10.0.0.1 lladdr {} dev vx0",
                MacAddr::from(target),
                MacAddr::from(Ipv4Addr::new(10, 0, 0, 1)),
            ),
        );
    }

    /// Takes the first host's rules away, and the agent that would put them back.
    #[track_caller]
    fn unguard(&mut self) {
        self.agents[0].kill9();
        self.world.host(1).run(&["nft", "delete", "table", "inet", "weft"]);
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
        lab.forge();
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
    lab.forge();
    let [one, two] = [1, 2].map(|number| lab.world.host(number).address());
    sh(
        lab.world.host(3),
        &format!("for host in {one} {two}; do ip route add $host via 10.0.0.1 dev vx0; done"),
    );
    // What carries the frames goes the usual way.
    sh(
        lab.world.host(3),
        &format!("ip route add {one} dev eth0 table 7; ip rule add dport 4789 ipproto udp table 7"),
    );
    let service = lab.world.host(1).inside(None, listen);
    let beyond = lab.world.host(2).inside(None, listen);
    assert!(!lab.passes(&service, one) && !lab.passes(&beyond, two));
    lab.unguard();
    until("they would get there without the guard", SOON, || lab.passes(&service, one));
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
