//! Where a kernel object lives.

use serde::{Serialize, Serializer};
use std::{fmt, path::PathBuf};
use weft_model::Vni;

/// A network namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Netns {
    /// The host's: the one the agent runs in.
    Host,
    /// That of the tunnels: `weft-tunnel`.
    Tunnel,
    /// A segment's: `weft-<vni>`.
    Segment(Vni),
    /// A container's, by its path.
    Container(PathBuf),
}

/// A network namespace that weft makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnNetns {
    /// That of the tunnels.
    Tunnel,
    /// A segment's.
    Segment(Vni),
}

impl Netns {
    /// The name of a segment's namespace, as `ip netns` shows it.
    pub fn segment_name(vni: Vni) -> String {
        OwnNetns::Segment(vni).to_string()
    }

    /// This one, if weft makes it.
    pub fn own(&self) -> Option<OwnNetns> {
        match self {
            Netns::Tunnel => Some(OwnNetns::Tunnel),
            Netns::Segment(vni) => Some(OwnNetns::Segment(*vni)),
            Netns::Host | Netns::Container(_) => None,
        }
    }
}

impl OwnNetns {
    /// The one of this name, as `ip netns` shows it.
    pub fn named(name: &str) -> Option<Self> {
        match name.strip_prefix("weft-")? {
            "tunnel" => Some(Self::Tunnel),
            vni => vni.parse().ok().map(Self::Segment),
        }
    }
}

impl From<OwnNetns> for Netns {
    fn from(own: OwnNetns) -> Self {
        match own {
            OwnNetns::Tunnel => Self::Tunnel,
            OwnNetns::Segment(vni) => Self::Segment(vni),
        }
    }
}

/// Its name, as `ip netns` shows it.
impl fmt::Display for OwnNetns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tunnel => f.write_str("weft-tunnel"),
            Self::Segment(vni) => write!(f, "weft-{vni}"),
        }
    }
}

impl fmt::Display for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.own()) {
            (_, Some(own)) => own.fmt(f),
            (Netns::Container(path), _) => path.display().fmt(f),
            _ => f.write_str("host"),
        }
    }
}

impl Serialize for Netns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
