//! Processes started by `weft run`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
};
use weft_model::{EndpointName, MacAddr, NetworkName, PortMapping, ProcessId};

/// A process to start: the body of `POST /weft/v1/processes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Its name, unique on the node; absent: one is made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<EndpointName>,
    /// The network's name, id, or a start of its id.
    pub network: String,
    /// More names on that network.
    #[serde(default)]
    pub aliases: Vec<EndpointName>,
    /// A certain IPv4 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Ipv4Addr>,
    /// A certain IPv6 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Addr>,
    /// A certain Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its environment, added to a minimal one.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The directory it starts in, as an absolute path; absent: `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<PathBuf>,
    /// What it sees in other places.
    #[serde(default)]
    pub mounts: Vec<Mount>,
    /// Ports of the host that lead to it.
    #[serde(default)]
    pub ports: Vec<PortMapping>,
    /// Whether it is forgotten when it ends.
    #[serde(default)]
    pub remove: bool,
    /// Who speaks with it; absent: nobody does, and its input is empty. Older agents refuse it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
}

/// What the client has of the process's input and output, on a socket beside the agent's: `run-ID.sock`, with the first
/// twelve digits of the process's id. The client has ten seconds to come there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Whether the client's input goes to the process.
    #[serde(default)]
    pub stdin: bool,
    /// The rows and columns of the process's terminal; absent: it has no terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<(u16, u16)>,
}

/// A file or directory of the host seen in another place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// What is seen, as an absolute path.
    pub source: PathBuf,
    /// Where, as an absolute path.
    pub target: PathBuf,
    /// Whether it cannot be changed there.
    #[serde(default)]
    pub read_only: bool,
}

/// A process of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub id: ProcessId,
    /// Its name.
    pub name: EndpointName,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// When it was started.
    pub created: Timestamp,
    /// Whether it runs.
    pub state: ProcessState,
    /// The ports of the host that lead to it.
    pub ports: Vec<PortMapping>,
    /// The networks it is on, by name, with its addresses there.
    pub networks: BTreeMap<NetworkName, Vec<IpAddr>>,
    /// Its network namespace, as a path on the node.
    pub netns: PathBuf,
    /// Its directory on the node.
    pub dir: PathBuf,
}

/// How a process ended, or that it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum ProcessState {
    /// It runs.
    Running {
        /// Its process id, as the host counts.
        pid: u32,
    },
    /// It ended.
    Exited {
        /// Its exit status; 128 + n if signal n ended it; absent if nobody saw it end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i32>,
        /// When.
        at: Timestamp,
    },
}

/// How a process ended: the answer to `GET /weft/v1/processes/{name}/wait`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Its exit status; 128 + n if signal n ended it; absent if nobody saw it end.
    pub code: Option<i32>,
}
