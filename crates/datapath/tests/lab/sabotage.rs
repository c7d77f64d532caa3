//! What others can do to the kernel.

use super::{Host, Wanted};

/// A segment with a container of this host, one of another, and a way out.
pub fn everything(host: &Host) -> Wanted {
    host.container("box");
    let mut wanted = Wanted::default();
    wanted.segment(256, host.ip, &["10.0.0.1/24", "fd00::1/64"]);
    wanted.remote(256, "192.168.77.99".parse().unwrap(), &["10.0.0.3", "fd00::3"]);
    wanted.leaving(256, "box", &["10.0.0.2/24", "fd00::2/64"]);
    wanted
}

/// Commands that each break something. `$port` is the segment's end of the container's link.
pub const SABOTAGE: &[&str] = &[
    "ip -n weft-256 link delete br0",
    "ip -n weft-256 link delete vxlan0",
    "ip -n weft-256 link set br0 down",
    "ip -n weft-256 link set br0 mtu 1300",
    "ip -n weft-256 link set br0 address 02:00:00:00:00:01",
    "ip -n weft-256 link set br0 alias nobody",
    "ip -n weft-256 link set br0 type bridge stp_state 1",
    "ip -n weft-256 address delete 10.0.0.1/24 dev br0",
    "ip -n weft-256 address add 10.9.9.9/24 dev br0",
    "ip -n weft-256 address flush dev br0",
    "ip -n weft-256 link set vxlan0 down",
    "ip -n weft-256 link set vxlan0 nomaster",
    "bridge -n weft-256 link set dev vxlan0 learning on",
    "bridge -n weft-256 fdb delete 02:42:0a:00:00:03 dev vxlan0 self",
    "bridge -n weft-256 fdb replace 02:42:0a:00:00:03 dev vxlan0 dst 192.168.77.98 self permanent",
    "bridge -n weft-256 fdb append 02:42:0a:00:00:04 dev vxlan0 dst 192.168.77.98 self permanent",
    "ip -n weft-256 neighbour delete 10.0.0.3 dev vxlan0",
    "ip -n weft-256 neighbour delete fd00::3 dev vxlan0",
    "ip -n weft-256 neighbour replace 10.0.0.3 lladdr 02:42:0a:00:00:09 nud permanent dev vxlan0",
    "ip -n weft-256 neighbour add 10.0.0.77 lladdr 02:42:0a:00:00:09 nud permanent dev vxlan0",
    "ip -n weft-256 link delete $port",
    "ip -n weft-256 link set $port down",
    "ip -n weft-256 link set $port nomaster",
    "bridge -n weft-256 link set dev $port flood on",
    "bridge -n weft-256 fdb delete 02:42:0a:00:00:02 dev $port master",
    "ip -n weft-256 link delete uplink0",
    "ip -n weft-256 route delete default",
    "ip -n weft-256 -6 route delete default",
    "ip netns exec weft-256 sysctl -q net.ipv4.ip_forward=0",
    "ip neighbour delete 169.254.77.2 dev weft-256",
    "ip -n box link delete eth0",
    "ip -n box link set eth0 down",
    "ip -n box link set eth0 mtu 1280",
    "ip -n box link set eth0 address 02:00:00:00:00:01",
    "ip -n box link set lo down",
    "ip -n box address delete 10.0.0.2/24 dev eth0",
    "ip -n box address add 10.0.0.99/24 dev eth0",
    "ip -n box route delete default",
    "ip link delete weft-256",
    "ip link set weft-256 down",
    "ip address flush dev weft-256",
    "ip route delete 10.0.0.0/24",
    "ip -6 route delete fd00::/64",
    "sysctl -q net.ipv4.ip_forward=0",
    "sysctl -q net.ipv6.conf.all.forwarding=0",
    "sysctl -q net.ipv4.conf.weft-256.route_localnet=0",
    "nft delete table inet weft",
    "nft flush chain inet weft forward",
    "nft add rule inet weft forward drop",
    "ip netns delete weft-256",
];
