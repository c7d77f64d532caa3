//! What there is to know about a host.

use super::filter::Filter;
use std::net::IpAddr;
use weft_api::v1;
use weft_ipam::AddressPool;
use weft_model::IpNet;

/// Everything that the judgement rests on.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Whether this command runs as root. Otherwise it cannot see much.
    pub(super) root: bool,
    /// How to run the same command as root.
    pub(super) as_root: &'static str,
    /// What the distribution calls itself and what it is like (os-release(5), `ID` and `ID_LIKE`).
    pub(super) distribution: String,
    pub(super) docker_socket: String,
    pub(super) engine: Reach<Engine>,
    pub(super) agent: Reach<Agent>,
    /// The address space that the agent's end of the plugin socket has.
    pub(super) plugin: Reach<String>,
    /// Nothing where systemd does not run.
    pub(super) boot: Option<Boot>,
    /// What the kernel was asked to make, where nobody else sees it.
    pub(super) kernel: Vec<Trial>,
    pub(super) forwards_ipv4: bool,
    /// Whether bridged packets pass iptables (net.bridge.bridge-nf-call-iptables).
    pub(super) filters_bridges: bool,
    /// The interface that has the VTEP's address; nothing if no agent says which that is.
    pub(super) underlay: Option<Underlay>,
    /// Why it could not be read, otherwise.
    pub(super) filter: Result<Filter, String>,
    /// The zone that firewalld has the underlay in.
    pub(super) firewalld_zone: Option<String>,
    /// The routes of this host, without weft's and those of the engine's bridges.
    pub(super) routes: Vec<Route>,
    /// Where networks without a subnet of their own take theirs from.
    pub(super) address_pools: Vec<AddressPool>,
}

/// A program that listens on a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach<T> {
    /// No program listens.
    Absent,
    /// This user may not connect.
    Denied,
    /// A program listens, but gives no good answer.
    Failed(String),
    Here(T),
}

impl<T> Reach<T> {
    /// What it says, if it gives a good answer.
    pub(super) fn here(&self) -> Option<&T> {
        match self {
            Self::Here(it) => Some(it),
            _ => None,
        }
    }
}

/// Docker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Engine {
    pub(super) version: String,
    /// What it says it is made of: `Engine`, `containerd` …
    pub(super) components: Vec<String>,
    pub(super) operating_system: String,
    /// The networks it has of other drivers, with their subnets.
    pub(super) networks: Vec<(String, Vec<IpNet>)>,
    /// Where the engine takes subnets for its bridges from, if that is configured.
    pub(super) address_pools: Vec<IpNet>,
}

/// The agent of this host.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) status: v1::Status,
    /// The nodes of the cluster, this one too.
    pub(super) nodes: Vec<v1::Node>,
    /// Where the other nodes receive VXLAN packets.
    pub(super) peers: Vec<IpAddr>,
    /// The cluster's networks, with their subnets.
    pub(super) networks: Vec<(String, Vec<IpNet>)>,
    /// Whether one of them is encrypted.
    pub(super) encrypts: bool,
}

/// What systemd knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Boot {
    pub(super) weft: Unit,
    pub(super) docker: Unit,
}

/// A unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// Whether there is one.
    pub(super) loaded: bool,
    pub(super) enabled: bool,
    /// Whether it did not start, or ended, and systemd has given up.
    pub(super) failed: bool,
    /// The units that wait for it when all start.
    pub(super) before: Vec<String>,
}

/// Something the kernel was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trial {
    pub(super) what: Feature,
    /// Why it was not to be had.
    pub(super) result: Result<(), String>,
}

/// What weft asks of a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    Namespaces,
    Bridge,
    Veth,
    Vxlan,
    NftProgram,
    Nftables,
}

impl Feature {
    /// In the order in which they are tried.
    pub(super) const ALL: [Self; 6] =
        [Self::Namespaces, Self::Bridge, Self::Veth, Self::Vxlan, Self::NftProgram, Self::Nftables];
}

/// The interface that VXLAN packets take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Underlay {
    pub(super) interface: String,
    /// In bytes.
    pub(super) mtu: u32,
    pub(super) address: IpAddr,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) to: IpNet,
    pub(super) interface: String,
}
