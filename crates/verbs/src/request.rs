//! What is asked with the verbs. All input has been parsed by now.

use ipnet::IpNet;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};
use weft_model::{EndpointName, IfName, MacAddr, NetworkId, NetworkName, OwnerKey, PortMapping};

/// A network to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateNetwork {
    /// Its name.
    pub name: NetworkName,
    /// Its pools; none: a free one.
    pub pools: Vec<PoolRequest>,
    /// Whether it has IPv4 addresses, from a free pool if `pools` has none.
    pub ipv4: bool,
    /// Whether it has IPv6 addresses, from a free pool if `pools` has none.
    pub ipv6: bool,
    /// Without a way out.
    pub internal: bool,
    /// Driver options.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Its id, where an engine created it; otherwise a new one.
    pub id: Option<NetworkId>,
}

/// A pool to create; what is absent is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolRequest {
    /// The subnet.
    pub subnet: Option<IpNet>,
    /// The gateway: by default the first address.
    pub gateway: Option<IpAddr>,
    /// The part to hand out from: by default all of it.
    pub ip_range: Option<IpNet>,
    /// Addresses in use by something else.
    pub aux_addresses: BTreeMap<String, IpAddr>,
}

/// How to be on a network; what is absent is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JoinOptions {
    /// More names.
    pub aliases: Vec<EndpointName>,
    /// A certain IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// A certain IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
    /// A certain Ethernet address.
    pub mac: Option<MacAddr>,
}

impl JoinOptions {
    /// The addresses that are asked for.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.ipv4.map(IpAddr::V4).into_iter().chain(self.ipv6.map(IpAddr::V6))
    }
}

/// A network namespace to put on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attach {
    /// The network's name, id, or the start of its id.
    pub network: String,
    /// The name it has there.
    pub name: EndpointName,
    /// The namespace, as an absolute path.
    pub netns: PathBuf,
    /// How it is there.
    pub options: JoinOptions,
    /// What the runtime whose container it is calls it. With a key, it is the same endpoint each time, also in another
    /// namespace; its name need not be the only one of this node.
    pub owner: Option<OwnerKey>,
    /// The container's id.
    pub container: Option<String>,
    /// The interface that it gets; absent: the first `ethN` that is free.
    pub interface: Option<IfName>,
    /// Ports of this host that lead to it. That another program listens on one is no hindrance: a runtime keeps it so.
    pub ports: Vec<PortMapping>,
}

impl Attach {
    /// Of a namespace that no runtime knows by a key, with everything chosen.
    pub fn new(network: &str, name: EndpointName, netns: PathBuf) -> Self {
        Self {
            network: network.to_owned(),
            name,
            netns,
            options: JoinOptions::default(),
            owner: None,
            container: None,
            interface: None,
            ports: Vec::new(),
        }
    }
}

/// A process to start on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its name, unique on this node; absent: one is made up.
    pub name: Option<EndpointName>,
    /// The network's name, id, or the start of its id.
    pub network: String,
    /// How it is on the network.
    pub options: JoinOptions,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its environment, added to a minimal one.
    pub env: BTreeMap<String, String>,
    /// The directory it starts in, as an absolute path.
    pub workdir: PathBuf,
    /// What it sees in other places.
    pub mounts: Vec<Mount>,
    /// Ports of this host that lead to it.
    pub ports: Vec<PortMapping>,
    /// Whether it is forgotten when it ends.
    pub remove: bool,
    /// Who speaks with it; none: nobody does, and its input is empty.
    pub session: Option<Session>,
}

/// What the client that starts a process has of its input and output, on a socket beside the agent's
/// (`weft_process::session`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Whether its input goes to the process.
    pub stdin: bool,
    /// The rows and columns of the process's terminal; none: it has no terminal.
    pub terminal: Option<(u16, u16)>,
}

/// A file or directory of this host seen in another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What is seen, as an absolute path.
    pub source: PathBuf,
    /// Where, as an absolute path.
    pub target: PathBuf,
    /// Whether it can be changed there.
    pub read_only: bool,
}

/// How a process ended, or that it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessState {
    /// It runs.
    Running {
        /// Its process id, as this host counts.
        pid: u32,
    },
    /// It ended.
    Exited {
        /// Its exit status; 128 + n if signal n ended it; absent if nobody saw it end.
        code: Option<i32>,
        /// When.
        at: jiff::Timestamp,
    },
}

/// A process of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub id: weft_model::ProcessId,
    /// Its name.
    pub name: EndpointName,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// When it was started.
    pub created: jiff::Timestamp,
    /// Whether it runs.
    pub state: ProcessState,
    /// The ports of this host that lead to it.
    pub ports: Vec<PortMapping>,
    /// Its network namespace.
    pub netns: PathBuf,
    /// The networks it is on, by name, with its addresses there.
    pub networks: BTreeMap<NetworkName, Vec<IpAddr>>,
}

/// How to leave the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leave {
    /// Also if something is on the networks here, or what this host has in the cluster cannot be given back.
    pub force: bool,
    /// With everything that is in the data directory.
    pub purge: bool,
    /// Only say whether it could.
    pub dry_run: bool,
}

/// A packet to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// To whom: a node by its name, or an endpoint as [`explain`](crate::NodeVerbs::explain) takes it.
    pub to: String,
    /// The endpoint of this node that sends it; else one that is on a network with the other.
    pub from: Option<String>,
    /// How large it is, in bytes, without the Ethernet header.
    pub size: Option<u16>,
}
