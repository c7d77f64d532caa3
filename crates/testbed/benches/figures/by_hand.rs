//! The same network made with `ip`, as anybody could: what the kernel's VXLAN costs without weft.

use weft_testbed::Host;

/// The containers' namespace on each host.
const CONTAINER: &str = "hand-made";
const VNI: &str = "16000000";

/// A container on each of two hosts, on a VXLAN between them.
pub(crate) struct HandMade {
    /// The first container's address.
    pub(crate) address: String,
}

impl HandMade {
    pub(crate) fn up(one: &Host, two: &Host) -> Self {
        let ends = [("02:00:00:00:00:01", "10.254.0.1", one), ("02:00:00:00:00:02", "10.254.0.2", two)];
        for ((mac, address, host), (other_mac, other_address, other)) in
            [(ends[0], ends[1]), (ends[1], ends[0])]
        {
            let (vtep, other_vtep) = (host.address(), other.address());
            // Two kernels' worth of the same steps that weft takes, on the port that weft uses: so it meets the
            // same packet filter.
            host.run(&["sh", "-ec", &format!(
                "ip netns add {CONTAINER}-segment
                 ip netns add {CONTAINER}
                 segment='ip -n {CONTAINER}-segment' container='ip -n {CONTAINER}'
                 ip link add hand0 netns {CONTAINER}-segment mtu 1450 type vxlan id {VNI} local {vtep} \
                     dstport 4789 nolearning proxy
                 $segment link add br0 mtu 1450 type bridge
                 $segment link add port0 mtu 1450 type veth peer name eth0 mtu 1450 address {mac} netns {CONTAINER}
                 for link in hand0 port0; do $segment link set $link master br0 up; done
                 $segment link set br0 up
                 $container address add {address}/24 dev eth0
                 $container link set eth0 up
                 bridge -n {CONTAINER}-segment fdb add {other_mac} dev hand0 dst {other_vtep} self
                 $segment neighbour add {other_address} lladdr {other_mac} dev hand0 nud permanent"
            )]);
        }
        Self { address: ends[0].1.to_owned() }
    }

    /// What a command begins with to run in a container.
    pub(crate) const INSIDE: [&str; 4] = ["ip", "netns", "exec", CONTAINER];

    pub(crate) fn down(self, hosts: [&Host; 2]) {
        for host in hosts {
            for namespace in [CONTAINER, &format!("{CONTAINER}-segment")] {
                host.run(&["ip", "netns", "delete", namespace]);
            }
        }
    }
}
