//! What `weft doctor` knows of a host besides what matters to Docker's containers.

use std::{net::IpAddr, path::PathBuf, time::Duration};
use weft_http::{Holder, Protocol};
use weft_model::NodeName;

/// Everything besides.
#[derive(Debug, Clone)]
pub(super) struct More {
    pub(super) config: Config,
    /// The configuration file and those with secrets that it names.
    pub(super) files: Vec<KnownFile>,
    pub(super) data: DataDir,
    /// Why the kernel makes no WireGuard device, if it does not. Nothing without root.
    pub(super) wireguard: Option<Result<(), String>>,
    pub(super) ports: Vec<Port>,
    pub(super) ways: Vec<Way>,
    /// Whether packets are dropped that come in by another interface than answers to them leave by
    /// (net.ipv4.conf.*.rp_filter is 1 for the underlay).
    pub(super) strict: bool,
    /// How many neighbours the kernel knows at a time (net.ipv4.neigh.default.gc_thresh3), where it says.
    pub(super) neighbours: Option<usize>,
    pub(super) clock: Clock,
    /// Why none of the store's servers can be reached. Nothing where that is not to be seen from here.
    pub(super) store: Option<(String, Result<(), String>)>,
}

/// The configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Config {
    Absent,
    /// This user may not read it.
    Denied,
    Invalid(String),
    Read,
}

/// A file that only root should change, or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownFile {
    pub(super) path: PathBuf,
    /// Whether there is a secret in it.
    pub(super) secret: bool,
    /// Nothing if it is not there, or cannot be looked at.
    pub(super) found: Option<Found>,
}

/// Whose something is, and who may do what with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) owner: u32,
    /// As chmod(1) has it.
    pub(super) mode: u32,
}

/// Where the agent keeps its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DataDir {
    pub(super) path: PathBuf,
    pub(super) found: Option<Found>,
    pub(super) room: Option<Room>,
    /// Whether an agent has ever been in a cluster with it.
    pub(super) used: bool,
}

/// What is free on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Room {
    /// In bytes.
    pub(super) free: u64,
    /// How many more files there can be. Nothing where there is no limit.
    pub(super) files: Option<u64>,
}

/// A port of this host that weft listens on, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) protocol: Protocol,
    pub(super) number: u16,
    /// What for.
    pub(super) purpose: &'static str,
    /// The setting that names another.
    pub(super) setting: &'static str,
    pub(super) holder: Holder,
    /// Whether something does not work without it, now.
    pub(super) needed: bool,
}

/// The way of packets to another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) node: NodeName,
    pub(super) to: IpAddr,
    /// The address that packets leave with, and its interface, or why there is no way.
    pub(super) from: Result<(IpAddr, String), String>,
}

/// What is known of this host's clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Clock {
    /// Whether the kernel says that it is synchronised. Nothing where nobody can be asked.
    pub(super) synchronised: Option<bool>,
    /// How far the clock of the store's server is from this one, and whether it is ahead.
    pub(super) store: Option<Skew>,
}

/// The difference between two clocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Skew {
    /// The server.
    pub(super) server: String,
    pub(super) by: Duration,
    /// Whether the server's is ahead.
    pub(super) ahead: bool,
}
